import CIM

/// An instance as written: values by literal, not yet fitted to the types of its class.
public struct MOFInstance: Hashable, Sendable {
    public typealias AliasReference = MOFAliasReference

    /// The values. A property given as `$alias` is NULL here and named in `aliasReferences`; an element of an array given so is a reference
    /// to a class called "$alias", as no class is.
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
