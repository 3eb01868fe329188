import CIM

/// What a compilation knows of the world outside its text. The compiler itself does no I/O.
public struct MOFContext {
    /// Finds an included file: the name in the pragma, the file that has the pragma.
    ///
    /// An error with line 0 gets the place of the pragma. Any other error is reported as it is.
    public typealias Include = (_ name: String, _ fromFile: String) throws(MOFError) -> MOFSource

    /// The declaration of a qualifier that exists before this compilation; nil when there is none. The compiler asks once for each name and
    /// namespace.
    public typealias QualifierTypes = (_ name: String, _ namespace: CIMNamespaceName?) -> CIMQualifierType?

    /// The namespace into which the text is compiled, until a pragma names another. Only the lookup of qualifier types uses it.
    public var namespace: CIMNamespaceName?

    /// Finds included files. Nil makes every include an error.
    public var include: Include?
    public var qualifierType: QualifierTypes
    public var limits: MOFLimits

    /// The flags before the first `#pragma classflags` or `instanceflags`.
    public var classFlags: ChangeFlags
    public var instanceFlags: ChangeFlags

    public init(
        namespace: CIMNamespaceName? = nil, include: Include? = nil, qualifierType: @escaping QualifierTypes = { _, _ in nil },
        classFlags: ChangeFlags = [], instanceFlags: ChangeFlags = [], limits: MOFLimits = MOFLimits()
    ) {
        self.namespace = namespace
        self.include = include
        self.qualifierType = qualifierType
        self.classFlags = classFlags
        self.instanceFlags = instanceFlags
        self.limits = limits
    }
}

/// A MOF text and what errors call it.
public struct MOFSource: Hashable, Sendable {
    /// The name. One file must always have the same name: the compiler finds cycles of includes by it.
    public var file: String
    public var text: String

    public init(file: String, text: String) {
        self.file = file
        self.text = text
    }
}

/// How much work and memory a compilation may take, so that no text can take all.
public struct MOFLimits: Hashable, Sendable {
    /// The bytes of all texts together, each counted as often as it is included.
    public var bytes = 64 << 20

    /// How deep includes may nest.
    public var includeDepth = 32

    /// After how many errors the compiler stops.
    public var errors = 20

    /// How many warnings are kept.
    public var warnings = 100_000

    public init() {}
}
