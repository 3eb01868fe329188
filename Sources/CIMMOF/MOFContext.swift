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
    public var classFlags: MOFUpdateFlags
    public var instanceFlags: MOFUpdateFlags

    public init(
        namespace: CIMNamespaceName? = nil, include: Include? = nil, qualifierType: @escaping QualifierTypes = { _, _ in nil },
        classFlags: MOFUpdateFlags = [], instanceFlags: MOFUpdateFlags = [], limits: MOFLimits = MOFLimits()
    ) {
        self.namespace = namespace
        self.include = include
        self.qualifierType = qualifierType
        self.classFlags = classFlags
        self.instanceFlags = instanceFlags
        self.limits = limits
    }
}
