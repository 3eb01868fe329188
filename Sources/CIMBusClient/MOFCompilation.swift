import CIM

/// How a MOF text is compiled.
public struct MOFCompilationOptions: Sendable {
    /// Whether the broker only checks the text. Then it stores nothing, and the user needs no right to write.
    public var checkOnly: Bool

    /// What `#pragma classflags` starts from: `OperationFlags.createOnly` or `.updateOnly`, `.safeUpdate` or `.forceUpdate`.
    public var classFlags: OperationFlags

    /// What `#pragma instanceflags` starts from: `OperationFlags.createOnly` or `.updateOnly`.
    public var instanceFlags: OperationFlags

    /// How long to wait. After that the call ends with TimedOut, and the broker may compile the text all the same. Nil waits as long as it
    /// takes.
    public var timeout: Duration?

    /// Whether a person may be asked to authorize it. See ``OperationOptions/allowsInteractiveAuthorization``.
    public var allowsInteractiveAuthorization = false

    public init(
        checkOnly: Bool = false, classFlags: OperationFlags = [], instanceFlags: OperationFlags = [], timeout: Duration? = nil
    ) {
        self.checkOnly = checkOnly
        self.classFlags = classFlags
        self.instanceFlags = instanceFlags
        self.timeout = timeout
    }
}

/// The outcome of compiling a MOF text (IMofCompiler's WBEM_COMPILE_STATUS_INFO, Semantics A.2.5).
public struct MOFCompilation: Hashable, Sendable {
    /// Why the broker refused the text. Nothing of the text was stored.
    ///
    /// The fault is mostly the caller's: the text is wrong, or does not fit what its namespace holds. In the phase ``Phase/store`` the
    /// status may be one of the machine's, such as OutOfDiskSpace (see `CIMError`).
    public struct Failure: Hashable, Sendable {
        public enum Phase: Int32, Hashable, Sendable {
            /// The text is not MOF. The message has a line `<buffer>:LINE:COLUMN: NUMBER: …` for each error, up to 20.
            case syntax = 2
            /// The text is MOF, and cannot be stored.
            case store = 3
        }

        public var phase: Phase
        public var status: WBEMStatus

        /// The number of the declaration at fault, from 1, in the order of the text; nil when no single declaration is at fault.
        public var declaration: Int?

        /// The line where the declaration begins, or where the first error is, from 1; nil when unknown.
        public var firstLine: Int?

        /// The line where the declaration ends.
        public var lastLine: Int?
        public var message: String
    }

    /// What was accepted and has no effect, one line each: `<buffer>:LINE:COLUMN: warning: …`.
    public var warnings: [String]

    /// Why the text was refused. Nil when everything was stored, or would be stored.
    public var failure: Failure?

    /// The warnings. Throws the failure, if there is one.
    @discardableResult
    public func get() throws(CIMError) -> [String] {
        if let failure { throw CIMError(failure.status, failure.message) }
        return warnings
    }
}
