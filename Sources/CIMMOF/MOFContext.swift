import CIM

/// What a compilation knows of the world outside its text. The compiler itself does no I/O.
public struct MOFContext {
    /// Finds an included file: the name in the pragma, the file that has the pragma.
    ///
    /// An error it throws with line 0 gets the place of the pragma; any other is reported as it is.
    public typealias Include = (_ name: String, _ fromFile: String) throws(MOFError) -> MOFSource

    /// The declaration of a qualifier that is there already; nil when there is none. Asked once for each name and namespace.
    public typealias QualifierTypes = (_ name: String, _ namespace: CIMNamespaceName?) -> CIMQualifierType?

    /// The namespace that is compiled into until a pragma names another; only the lookup of qualifier types sees it.
    public var namespace: CIMNamespaceName?

    /// Nil: every include is an error.
    public var include: Include?
    public var qualifierType: QualifierTypes
    public var limits: MOFLimits

    /// What `#pragma classflags` and `instanceflags` start from.
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
    /// The name, the same for the same file: cycles of includes are found by it.
    public var file: String
    public var text: String

    public init(file: String, text: String) {
        self.file = file
        self.text = text
    }
}

/// How much a compilation may take, so that no text can take everything.
public struct MOFLimits: Hashable, Sendable {
    /// The bytes of all texts together, each counted as often as it is included.
    public var bytes = 64 << 20

    /// How deep files may include files.
    public var includeDepth = 32

    /// After how many errors the compiler stops.
    public var errors = 20

    /// How many warnings are kept.
    public var warnings = 100_000

    public init() {}
}
