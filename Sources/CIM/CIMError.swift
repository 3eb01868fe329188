/// A failed operation: its status, what went wrong in words, and what caused it.
///
/// Whose fault it is, the status says. Theirs, the caller's: InvalidParameter, InvalidObject, InvalidQuery, AccessDenied, QuotaViolation and
/// whatever else says "invalid". Theirs, the provider's: ProviderFailure, ProviderNotCapable, and any status that a provider chose. Ours, or
/// that of damaged files: CriticalError. Nobody's: NotFound, AlreadyExists, TransportFailure, TimedOut, CallCancelled, OutOfMemory,
/// OutOfDiskSpace, ServerTooBusy, ShuttingDown.
public struct CIMError: Error, Sendable {
    /// The outcome, forwarded unchanged even when it has no name.
    public var status: WBEMStatus

    /// What failed, where, and what to do.
    public var message: String

    /// An `__ExtendedStatus`, when the failing side gave one (Semantics B.3.1).
    public var extendedStatus: CIMInstance?

    /// The error this one is built on.
    public var cause: (any Error & Sendable)?

    public init(
        _ status: WBEMStatus, _ message: String, extendedStatus: CIMInstance? = nil, cause: (any Error & Sendable)? = nil
    ) {
        self.status = status
        self.message = message
        self.extendedStatus = extendedStatus
        self.cause = cause
    }

    public init(status: WBEMStatus, message: String, extendedStatus: CIMInstance? = nil, cause: (any Error & Sendable)? = nil) {
        self.init(status, message, extendedStatus: extendedStatus, cause: cause)
    }
}

extension CIMError: CustomStringConvertible {
    /// "0x80041002 (NotFound): message".
    public var description: String { "\(status.hex) (\(status.errorName ?? status.name ?? "unnamed")): \(message)" }
}
