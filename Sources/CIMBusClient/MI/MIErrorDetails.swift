import CIM

extension MI {
    /// The kind of a failure (MI_ErrorCategory, Semantics F.7), as far as the library tells the kinds apart.
    public enum ErrorCategory: UInt16, Sendable {
        case notSpecified = 0
        case invalidArgument = 5
        case notImplemented = 11
        case objectNotFound = 13
        case operationStopped = 14
        case operationTimeout = 15
        case accessDenied = 18
        case resourceBusy = 19
        case resourceExists = 20
        case resourceUnavailable = 21
        case protocolError = 26
        case connectionError = 27
        case limitsExceeded = 29
        case quotaExceeded = 30
        case notEnabled = 31
    }
}

extension MI.ErrorCategory {
    public init(_ status: WBEMStatus) {
        switch status {
        case .callCancelled: self = .operationStopped
        case .timedOut, .providerTimedOut: self = .operationTimeout
        case .transportFailure, .fatalTransportError: self = .connectionError
        case .marshalVersionMismatch, .marshalInvalidSignature: self = .protocolError
        case .serverTooBusy: self = .resourceBusy
        case .providerFailure, .providerLoadFailure, .providerNotFound, .shuttingDown: self = .resourceUnavailable
        case .providerDisabled, .providerSuspended, .methodDisabled: self = .notEnabled
        case .quotaViolation: self = .quotaExceeded
        default:
            switch MI.ResultCode(status) {
            case .accessDenied: self = .accessDenied
            case .invalidNamespace, .invalidClass, .notFound, .noSuchProperty, .methodNotFound: self = .objectNotFound
            case .invalidParameter, .invalidSuperclass, .typeMismatch, .invalidQuery: self = .invalidArgument
            case .notSupported, .methodNotAvailable, .queryLanguageNotSupported: self = .notImplemented
            case .alreadyExists: self = .resourceExists
            case .serverLimitsExceeded: self = .limitsExceeded
            default: self = .notSpecified
            }
        }
    }
}

extension CIMError {
    /// What the status means to MI.
    public var resultCode: MI.ResultCode { MI.ResultCode(status) }

    /// The error as an instance of `CIM_Error` (Semantics F.5).
    ///
    /// `CIMStatusCode` is the MI_Result, `Message` has the words, and `ErrorSource` names the provider at fault where one is known. MI's
    /// own errors have `error_Category`, `error_Code` (the HRESULT) and `error_Type` ("HRESULT"); so has this instance. `ExtendedStatus`
    /// has the `__ExtendedStatus` where there is one.
    public var errorDetails: CIMInstance {
        var details = CIMInstance(
            className: "CIM_Error",
            [
                "CIMStatusCode": .uint32(resultCode.rawValue), "Message": .string(message), "OwningEntity": "CIMBus",
                "error_Category": .uint16(MI.ErrorCategory(status).rawValue), "error_Code": .uint32(status.rawValue),
                "error_Type": "HRESULT",
            ])
        if let providerName { details.append(name: "ErrorSource", value: .string(providerName)) }
        if let extendedStatus { details.append(name: "ExtendedStatus", value: .object(extendedStatus)) }
        return details
    }
}
