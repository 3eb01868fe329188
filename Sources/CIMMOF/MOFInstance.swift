import CIM

/// An instance as written. Its values have the types of their literals, not yet those of the class.
public struct MOFInstance: Hashable, Sendable {
    public typealias AliasReference = MOFAliasReference

    /// The values. Where the text gives `$alias` for a property, the value is NULL, and `aliasReferences` names the property. Where the
    /// text gives `$alias` for an element of an array, the element is a reference to a class "$alias"; no real class has such a name.
    public var instance: CIMInstance

    /// The name after `as $`.
    public var alias: String?
    public var aliasReferences: [AliasReference]

    public init(instance: CIMInstance, alias: String? = nil, aliasReferences: [AliasReference] = []) {
        self.instance = instance
        self.alias = alias
        self.aliasReferences = aliasReferences
    }
}

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
