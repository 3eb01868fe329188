import CIM

/// One declaration and where it stands.
public struct MOFDeclaration: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// A class with local features only. The origin of each feature is the class.
        case `class`(CIMClass)
        case instance(MOFInstance)
        case qualifierType(CIMQualifierType)

        /// `#pragma deleteclass`: deletes the class with its instances. A class that is not there is an error only if it must exist.
        case deleteClass(name: String, mustExist: Bool)

        /// `#pragma deleteinstance`.
        case deleteInstance(path: CIMObjectPath, mustExist: Bool)
    }

    public var content: Content

    /// The namespace that `#pragma namespace` named last. Nil before any such pragma: then it is the namespace into which the caller
    /// compiles.
    public var namespace: CIMNamespaceName?

    /// For a class or an instance: the flags that `#pragma classflags` or `instanceflags` set last. Empty for any other declaration.
    public var flags: ChangeFlags = []

    /// The name after `as $` of a class or an instance.
    public var alias: String?

    /// The references and embedded objects of a class whose default is an alias. In `content` these defaults are NULL.
    public var aliasReferences: [MOFAliasReference] = []

    /// The classes that a class names as types.
    public var classUses: [MOFClassUse] = []

    /// The texts of the qualifiers ClassContext, PropertyContext, MethodContext and EventContext of a class, as they follow each other.
    public var contextTexts: [MOFContextText] = []

    /// What the caller called the text.
    public var file: String

    /// The lines from the first token, qualifiers included, to the closing semicolon; from 1.
    public var firstLine: Int
    public var lastLine: Int

    public init(
        content: Content, namespace: CIMNamespaceName? = nil, flags: ChangeFlags = [], alias: String? = nil,
        aliasReferences: [MOFAliasReference] = [], classUses: [MOFClassUse] = [], contextTexts: [MOFContextText] = [],
        file: String = "<buffer>", firstLine: Int = 1,
        lastLine: Int = 1
    ) {
        self.content = content
        self.namespace = namespace
        self.flags = flags
        self.alias = alias
        self.aliasReferences = aliasReferences
        self.classUses = classUses
        self.contextTexts = contextTexts
        self.file = file
        self.firstLine = firstLine
        self.lastLine = lastLine
    }
}
