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
    public var flags: ChangeFlags = []

    /// The name after `as $` of a class or an instance.
    public var alias: String?

    /// The references and embedded objects of a class that have an alias as their default; they are NULL in `content`.
    public var aliasReferences: [MOFAliasReference] = []

    /// The classes that a class names as types.
    public var classUses: [MOFClassUse] = []

    /// What the caller called the text.
    public var file: String

    /// The lines from the first token, qualifiers included, to the closing semicolon; from 1.
    public var firstLine: Int
    public var lastLine: Int

    public init(
        content: Content, namespace: CIMNamespaceName? = nil, flags: ChangeFlags = [], alias: String? = nil,
        aliasReferences: [MOFAliasReference] = [], classUses: [MOFClassUse] = [], file: String = "<buffer>", firstLine: Int = 1,
        lastLine: Int = 1
    ) {
        self.content = content
        self.namespace = namespace
        self.flags = flags
        self.alias = alias
        self.aliasReferences = aliasReferences
        self.classUses = classUses
        self.file = file
        self.firstLine = firstLine
        self.lastLine = lastLine
    }
}
