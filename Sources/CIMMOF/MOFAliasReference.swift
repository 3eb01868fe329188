/// A value given as `$alias`.
public struct MOFAliasReference: Hashable, Sendable {
    public var property: String

    /// The place in the array; nil for a value that is no array.
    public var index: Int?

    /// Without the `$`.
    public var alias: String
    public var line: Int
    public var column: Int

    public init(property: String, index: Int? = nil, alias: String, line: Int = 1, column: Int = 1) {
        self.property = property
        self.index = index
        self.alias = alias
        self.line = line
        self.column = column
    }
}
