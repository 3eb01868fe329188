import CIM

/// How a MOF text is compiled.
public struct MOFCompilationOptions: Sendable {
    /// Whether it is only checked: nothing is stored, and no right to write is needed.
    public var checkOnly: Bool

    /// What `#pragma classflags` starts from: `OperationFlags.createOnly` or `.updateOnly`, `.safeUpdate` or `.forceUpdate`.
    public var classFlags: OperationFlags

    /// What `#pragma instanceflags` starts from: `OperationFlags.createOnly` or `.updateOnly`.
    public var instanceFlags: OperationFlags

    /// How long to wait. Past it the call ends with TimedOut, and the text may be compiled all the same. Nil: as long as it takes.
    public var timeout: Duration?

    public init(
        checkOnly: Bool = false, classFlags: OperationFlags = [], instanceFlags: OperationFlags = [], timeout: Duration? = nil
    ) {
        self.checkOnly = checkOnly
        self.classFlags = classFlags
        self.instanceFlags = instanceFlags
        self.timeout = timeout
    }
}

/// What came of a MOF text (IMofCompiler's WBEM_COMPILE_STATUS_INFO, Semantics A.2.5).
public struct MOFCompilation: Hashable, Sendable {
    /// Why it was refused: the fault of the text, or of the namespace that it is for. Nothing of it was stored.
    public struct Failure: Hashable, Sendable {
        public enum Phase: Int32, Hashable, Sendable {
            /// The text is not MOF. The message has a line `<buffer>:LINE:COLUMN: NUMBER: …` for each error, up to 20.
            case syntax = 2
            /// It is MOF, and cannot be stored.
            case store = 3
        }

        public var phase: Phase
        public var status: WBEMStatus

        /// The number of the declaration at fault, from 1, in the order of the text; nil where it is no single one's.
        public var declaration: Int?

        /// Where it begins, or the first error is, from 1; nil where unknown.
        public var firstLine: Int?

        /// Where it ends.
        public var lastLine: Int?
        public var message: String
    }

    /// Accepted, and without effect: `<buffer>:LINE:COLUMN: warning: …`.
    public var warnings: [String]

    /// Nil: everything was stored, or would be.
    public var failure: Failure?

    /// The warnings. Throws the failure, if it is one.
    @discardableResult
    public func get() throws(CIMError) -> [String] {
        if let failure { throw CIMError(failure.status, failure.message) }
        return warnings
    }
}
