/// A failed operation: its status, what went wrong in words, and the error behind it.
///
/// The status says whose fault the failure is:
/// - the caller's: AccessDenied, QuotaViolation, ClientTooSlow, and every status that calls something of the caller's wrong, such as
///   InvalidParameter, InvalidQuery and TypeMismatch;
/// - the provider's: ProviderFailure, ProviderTimedOut, ProviderLoadFailure, InitializationFailure, ProviderNotCapable, and any status that
///   a provider chose;
/// - that of whoever made the object: InvalidObject; and OutOfMemory for a provider's object that is too large. The client made the object
///   of a put, the provider that of a result;
/// - the broker's, or that of its damaged files: CriticalError;
/// - the machine's: FatalTransportError, ConnectionFailed, OutOfMemory otherwise, OutOfDiskSpace;
/// - nobody's: NotFound, AlreadyExists, TransportFailure, TimedOut, CallCancelled, ServerTooBusy, ShuttingDown. Where a TransportFailure
///   says that an answer of the broker cannot be read, the broker is at fault.
public struct CIMError: Error, Sendable {
    /// The outcome. A status without a name is passed on unchanged, too.
    public var status: WBEMStatus

    /// What failed, where, and what to do.
    public var message: String

    /// An `__ExtendedStatus`, when the failing side gave one (Semantics B.3.1).
    public var extendedStatus: CIMInstance?

    /// The error that led to this one.
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
