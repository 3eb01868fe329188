import CIM
import CIMMOF

/// Why no code can be generated from a class: the fault of the MOF, or of whoever left a file out.
public struct GenerationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nil for a class that a broker gave.
    public var place: Place?

    /// What is wrong, and what to do.
    public var message: String

    /// A place in a file; line and column are from 1.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        public var file: String
        public var line: Int
        public var column: Int

        public var description: String { "\(file):\(line):\(column)" }
    }

    public init(_ message: String, at place: Place?) {
        self.place = place
        self.message = message
    }

    /// "file:line:column: error: message", as compilers write it.
    public var description: String { "\(place.map { "\($0): " } ?? "")error: \(message)" }
}
