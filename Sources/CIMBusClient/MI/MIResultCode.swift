import CIM

extension MI {
    /// How an operation ended (MI_Result, Semantics F.7).
    public struct ResultCode: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        public static let ok = ResultCode(rawValue: 0)
        public static let failed = ResultCode(rawValue: 1)
        public static let accessDenied = ResultCode(rawValue: 2)
        public static let invalidNamespace = ResultCode(rawValue: 3)
        public static let invalidParameter = ResultCode(rawValue: 4)
        public static let invalidClass = ResultCode(rawValue: 5)
        public static let notFound = ResultCode(rawValue: 6)
        public static let notSupported = ResultCode(rawValue: 7)
        public static let classHasChildren = ResultCode(rawValue: 8)
        public static let classHasInstances = ResultCode(rawValue: 9)
        public static let invalidSuperclass = ResultCode(rawValue: 10)
        public static let alreadyExists = ResultCode(rawValue: 11)
        public static let noSuchProperty = ResultCode(rawValue: 12)
        public static let typeMismatch = ResultCode(rawValue: 13)
        public static let queryLanguageNotSupported = ResultCode(rawValue: 14)
        public static let invalidQuery = ResultCode(rawValue: 15)
        public static let methodNotAvailable = ResultCode(rawValue: 16)
        public static let methodNotFound = ResultCode(rawValue: 17)
        public static let namespaceNotEmpty = ResultCode(rawValue: 20)
        public static let invalidEnumerationContext = ResultCode(rawValue: 21)
        public static let invalidOperationTimeout = ResultCode(rawValue: 22)
        public static let pullHasBeenAbandoned = ResultCode(rawValue: 23)
        public static let pullCannotBeAbandoned = ResultCode(rawValue: 24)
        public static let filteredEnumerationNotSupported = ResultCode(rawValue: 25)
        public static let continuationOnErrorNotSupported = ResultCode(rawValue: 26)
        public static let serverLimitsExceeded = ResultCode(rawValue: 27)
        public static let serverIsShuttingDown = ResultCode(rawValue: 28)
    }
}

extension MI.ResultCode {
    /// What a status means to MI: the table of Semantics F.8. Every success is ``ok``. An error that is not in the table is ``failed``; the
    /// details of the error have the number of the status.
    public init(_ status: WBEMStatus) { self = status.isSuccess ? .ok : Self.byStatus[status] ?? .failed }

    private static let byStatus: [WBEMStatus: MI.ResultCode] = [
        .accessDenied: .accessDenied,
        .privilegeNotHeld: .accessDenied,
        .invalidNamespace: .invalidNamespace,
        .invalidParameter: .invalidParameter,
        .invalidObject: .invalidParameter,
        .invalidObjectPath: .invalidParameter,
        .invalidMethodParameters: .invalidParameter,
        .illegalNull: .invalidParameter,
        .invalidClass: .invalidClass,
        .notFound: .notFound,
        .notSupported: .notSupported,
        .providerNotCapable: .notSupported,
        .unsupportedPutExtension: .notSupported,
        .classHasChildren: .classHasChildren,
        .classHasInstances: .classHasInstances,
        .invalidSuperclass: .invalidSuperclass,
        .alreadyExists: .alreadyExists,
        .typeMismatch: .typeMismatch,
        .invalidProperty: .noSuchProperty,
        .invalidQuery: .invalidQuery,
        .unparsableQuery: .invalidQuery,
        .notEventClass: .invalidQuery,
        .missingGroupWithin: .invalidQuery,
        .missingAggregationList: .invalidQuery,
        .propertyNotAnObject: .invalidQuery,
        .aggregatingByObject: .invalidQuery,
        .registrationTooPrecise: .invalidQuery,
        .invalidQueryType: .queryLanguageNotSupported,
        .invalidMethod: .methodNotFound,
        .methodNotImplemented: .methodNotAvailable,
        .methodDisabled: .methodNotAvailable,
        .quotaViolation: .serverLimitsExceeded,
        .outOfMemory: .serverLimitsExceeded,
        .shuttingDown: .serverIsShuttingDown,
    ]
}

extension MI.ResultCode: CustomStringConvertible {
    /// The name in `mi.h`, "MI_RESULT_NOT_FOUND"; "MI_RESULT 99" where it has none.
    public var description: String {
        let index = Int(clamping: rawValue)
        guard Self.names.indices.contains(index), !Self.names[index].isEmpty else { return "MI_RESULT \(rawValue)" }
        return "MI_RESULT_" + Self.names[index]
    }

    private static let names = [
        "OK", "FAILED", "ACCESS_DENIED", "INVALID_NAMESPACE", "INVALID_PARAMETER", "INVALID_CLASS", "NOT_FOUND", "NOT_SUPPORTED",
        "CLASS_HAS_CHILDREN", "CLASS_HAS_INSTANCES", "INVALID_SUPERCLASS", "ALREADY_EXISTS", "NO_SUCH_PROPERTY", "TYPE_MISMATCH",
        "QUERY_LANGUAGE_NOT_SUPPORTED", "INVALID_QUERY", "METHOD_NOT_AVAILABLE", "METHOD_NOT_FOUND", "", "", "NAMESPACE_NOT_EMPTY",
        "INVALID_ENUMERATION_CONTEXT", "INVALID_OPERATION_TIMEOUT", "PULL_HAS_BEEN_ABANDONED", "PULL_CANNOT_BE_ABANDONED",
        "FILTERED_ENUMERATION_NOT_SUPPORTED", "CONTINUATION_ON_ERROR_NOT_SUPPORTED", "SERVER_LIMITS_EXCEEDED", "SERVER_IS_SHUTTING_DOWN",
    ]
}
