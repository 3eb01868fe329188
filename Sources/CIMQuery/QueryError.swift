import CIM

/// Why a query is refused: the status its operation ends with, where, what was expected and what was found.
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
