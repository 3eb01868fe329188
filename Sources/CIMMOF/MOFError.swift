import CIM

/// Why a text is not MOF, and where.
///
/// The fault is that of the text's author: the caller, or the provider that registers. An error in a text of CIMBus itself would be the
/// broker's; a test rules that out.
public struct MOFError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the caller called the text.
    public var file: String

    /// From 1.
    public var line: Int

    /// From 1, in Unicode scalars.
    public var column: Int

    /// A WBEMMOF_E_… code where one exists, else a WBEM_E_… code.
    public var status: WBEMStatus

    /// What was expected and what was found.
    public var message: String

    public init(file: String, line: Int, column: Int, status: WBEMStatus, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.status = status
        self.message = message
    }

    /// "file:line:column: 0x80044002: message".
    public var description: String { "\(file):\(line):\(column): \(status.hex): \(message)" }
}

/// Everything that is wrong with a MOF text, up to the limit of its compilation. The fault is that of the text's author, as for each
/// ``MOFError`` in it.
public struct MOFErrors: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error that was found first.
    public let first: MOFError

    /// All of them, in the order they were found.
    public let errors: [MOFError]

    /// Whether there may be more: the compiler stopped at its limit.
    public let isTruncated: Bool

    /// Nil when there is no error.
    init?(_ errors: [MOFError], isTruncated: Bool) {
        guard let first = errors.first else { return nil }
        self.first = first
        self.errors = errors
        self.isTruncated = isTruncated
    }

    /// The one there is.
    public init(_ error: MOFError) {
        first = error
        errors = [error]
        isTruncated = false
    }

    /// One line for each.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
