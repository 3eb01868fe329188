import CIM

/// One declaration and where it stands.
public struct MOFDeclaration: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// A class with local features only; their origin is the class.
        case `class`(CIMClass)
        case instance(MOFInstance)
        case qualifierType(CIMQualifierType)

        /// `#pragma deleteclass`: the class goes with its instances. When it is not there, that is an error only if it must exist.
        case deleteClass(name: String, mustExist: Bool)

        /// `#pragma deleteinstance`.
        case deleteInstance(path: CIMObjectPath, mustExist: Bool)
    }

    public var content: Content

    /// What `#pragma namespace` named last; nil when none did: the namespace the caller compiles into.
    public var namespace: CIMNamespaceName?

    /// What `#pragma classflags` or `instanceflags` said last, for a class or an instance; empty for anything else.
    public var flags: MOFUpdateFlags = []

    /// The name after `as $` of a class or an instance.
    public var alias: String?

    /// The references of a class that have an alias as their default; they are NULL in `content`.
    public var aliasReferences: [MOFAliasReference] = []

    /// What the caller called the text.
    public var file: String

    /// The lines from the first token, qualifiers included, to the closing semicolon; from 1.
    public var firstLine: Int
    public var lastLine: Int

    public init(
        content: Content, namespace: CIMNamespaceName? = nil, flags: MOFUpdateFlags = [], alias: String? = nil,
        aliasReferences: [MOFAliasReference] = [], file: String = "<buffer>", firstLine: Int = 1, lastLine: Int = 1
    ) {
        self.content = content
        self.namespace = namespace
        self.flags = flags
        self.alias = alias
        self.aliasReferences = aliasReferences
        self.file = file
        self.firstLine = firstLine
        self.lastLine = lastLine
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
