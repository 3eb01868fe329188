import CIM

/// Why a text is not MOF, and where.
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
