/// Everything that is wrong with a MOF text, up to the limit of its compilation.
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

    /// One line for each.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
