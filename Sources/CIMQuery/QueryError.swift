import CIM

/// Why a query is refused: the status its operation ends with, where, what was expected and what was found.
///
/// The fault is the caller's: whoever sent the query.
public struct QueryError: Error, Sendable {
    public var status: WBEMStatus
    public var place: QueryPlace
    public var message: String

    public init(_ status: WBEMStatus, _ message: String, at place: QueryPlace) {
        self.status = status
        self.place = place
        self.message = message
    }

    /// The error as an operation reports it.
    public var cimError: CIMError { CIMError(status, description, cause: self) }
}

extension QueryError: CustomStringConvertible {
    /// "WQL, line 1, column 8: expected …".
    public var description: String {
        let position = place.description
        return position.isEmpty ? "WQL: \(message)" : "WQL, \(position): \(message)"
    }
}

/// Where in the text of a query something stands: line and column from 1, columns in characters.
///
/// Two places are always equal, so that queries compare by what they say, not by how they were laid out.
public struct QueryPlace: Hashable, Sendable, CustomStringConvertible {
    public var line: Int
    public var column: Int

    public init(line: Int = 0, column: Int = 0) {
        self.line = line
        self.column = column
    }

    /// The place of a query that was built, and not read from a text.
    public static let none = QueryPlace()

    public static func == (left: QueryPlace, right: QueryPlace) -> Bool { true }

    public func hash(into hasher: inout Hasher) {}

    /// "line 1, column 8"; empty for a query that was built.
    public var description: String { line == 0 ? "" : "line \(line), column \(column)" }
}
