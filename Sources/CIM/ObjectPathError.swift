/// Why a text is not an object path, or a path does not fit its class.
///
/// The fault is that of whoever wrote the path: mostly the caller; the provider or the broker for a path in an answer. A path that this
/// library wrote can be read again.
public struct ObjectPathError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where in the text, in UTF-8 bytes from its start; nil when the text is well formed and does not fit the class.
    public var offset: Int?

    /// What is wrong: what was expected, what was found.
    public var message: String

    public init(offset: Int? = nil, _ message: String) {
        self.offset = offset
        self.message = message
    }

    /// The status an operation with such a path ends with (Semantics A.5).
    public var status: WBEMStatus { .invalidObjectPath }

    public var description: String { offset.map { "object path, byte \($0): \(message)" } ?? "object path: \(message)" }
}
