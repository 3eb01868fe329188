import CIM
import CIMBusClient
import Testing

extension MITests {
    /// The numbers of MI, and what statuses mean to it.
    @Suite struct MIResultTests {
        /// Semantics F.8, row by row.
        private static let mapping: [(WBEMStatus, MI.ResultCode)] = [
            (.noError, .ok), (.sFalse, .ok), (.sPartialResults, .ok), (.sTimedOut, .ok), (WBEMStatus(rawValue: 0x7FFF_FFFF), .ok),
            (.accessDenied, .accessDenied), (.privilegeNotHeld, .accessDenied),
            (.invalidNamespace, .invalidNamespace),
            (.invalidParameter, .invalidParameter), (.invalidObject, .invalidParameter), (.invalidObjectPath, .invalidParameter),
            (.invalidMethodParameters, .invalidParameter), (.illegalNull, .invalidParameter),
            (.invalidClass, .invalidClass), (.notFound, .notFound),
            (.notSupported, .notSupported), (.providerNotCapable, .notSupported), (.unsupportedPutExtension, .notSupported),
            (.classHasChildren, .classHasChildren), (.classHasInstances, .classHasInstances),
            (.invalidSuperclass, .invalidSuperclass), (.alreadyExists, .alreadyExists), (.typeMismatch, .typeMismatch),
            (.invalidProperty, .noSuchProperty), (.invalidQuery, .invalidQuery), (.unparsableQuery, .invalidQuery),
            (.notEventClass, .invalidQuery), (.missingGroupWithin, .invalidQuery), (.missingAggregationList, .invalidQuery),
            (.propertyNotAnObject, .invalidQuery), (.aggregatingByObject, .invalidQuery), (.registrationTooPrecise, .invalidQuery),
            (.invalidQueryType, .queryLanguageNotSupported), (.invalidMethod, .methodNotFound),
            (.methodNotImplemented, .methodNotAvailable), (.methodDisabled, .methodNotAvailable),
            (.quotaViolation, .serverLimitsExceeded), (.outOfMemory, .serverLimitsExceeded), (.shuttingDown, .serverIsShuttingDown),
            (.callCancelled, .failed), (.providerFailure, .failed), (.transportFailure, .failed), (.fatalTransportError, .failed),
            (.timedOut, .failed), (.providerTimedOut, .failed), (.failed, .failed), (WBEMStatus(rawValue: 0x8007_0005), .failed),
        ]

        @Test("F.8: every row of the mapping from WBEMSTATUS", arguments: mapping)
        func mapped(status: WBEMStatus, code: MI.ResultCode) { #expect(MI.ResultCode(status) == code) }

        /// Semantics F.7, row by row.
        private static let names: [(MI.ResultCode, UInt32, String)] = [
            (.ok, 0, "OK"), (.failed, 1, "FAILED"), (.accessDenied, 2, "ACCESS_DENIED"), (.invalidNamespace, 3, "INVALID_NAMESPACE"),
            (.invalidParameter, 4, "INVALID_PARAMETER"), (.invalidClass, 5, "INVALID_CLASS"), (.notFound, 6, "NOT_FOUND"),
            (.notSupported, 7, "NOT_SUPPORTED"), (.classHasChildren, 8, "CLASS_HAS_CHILDREN"),
            (.classHasInstances, 9, "CLASS_HAS_INSTANCES"), (.invalidSuperclass, 10, "INVALID_SUPERCLASS"),
            (.alreadyExists, 11, "ALREADY_EXISTS"), (.noSuchProperty, 12, "NO_SUCH_PROPERTY"), (.typeMismatch, 13, "TYPE_MISMATCH"),
            (.queryLanguageNotSupported, 14, "QUERY_LANGUAGE_NOT_SUPPORTED"), (.invalidQuery, 15, "INVALID_QUERY"),
            (.methodNotAvailable, 16, "METHOD_NOT_AVAILABLE"), (.methodNotFound, 17, "METHOD_NOT_FOUND"),
            (.namespaceNotEmpty, 20, "NAMESPACE_NOT_EMPTY"), (.invalidEnumerationContext, 21, "INVALID_ENUMERATION_CONTEXT"),
            (.invalidOperationTimeout, 22, "INVALID_OPERATION_TIMEOUT"), (.pullHasBeenAbandoned, 23, "PULL_HAS_BEEN_ABANDONED"),
            (.pullCannotBeAbandoned, 24, "PULL_CANNOT_BE_ABANDONED"),
            (.filteredEnumerationNotSupported, 25, "FILTERED_ENUMERATION_NOT_SUPPORTED"),
            (.continuationOnErrorNotSupported, 26, "CONTINUATION_ON_ERROR_NOT_SUPPORTED"),
            (.serverLimitsExceeded, 27, "SERVER_LIMITS_EXCEEDED"), (.serverIsShuttingDown, 28, "SERVER_IS_SHUTTING_DOWN"),
        ]

        @Test("F.7: the numbers and names of MI_Result", arguments: names)
        func named(code: MI.ResultCode, number: UInt32, name: String) {
            #expect(code.rawValue == number)
            #expect("\(code)" == "MI_RESULT_\(name)")
        }

        @Test("F.7: 18, 19 and what comes after 28 have no name", arguments: [18, 19, 29, UInt32.max])
        func unnamed(number: UInt32) { #expect("\(MI.ResultCode(rawValue: number))" == "MI_RESULT \(number)") }

        @Test("F.5, F.8: error details are a CIM_Error with the HRESULT, its category, and the extended status")
        func details() {
            let extended = CIMInstance(className: "__ExtendedStatus", ["ProviderName": "Things"])
            let error = CIMError(.callCancelled, "no more", extendedStatus: extended)
            let details = error.errorDetails
            #expect(details.className == "CIM_Error")
            #expect(details["CIMStatusCode"] == .uint32(1))
            #expect(details["Message"] == "no more")
            #expect(details["error_Category"] == .uint16(14))
            #expect(details["error_Code"] == .uint32(0x8004_1032))
            #expect(details["error_Type"] == "HRESULT")
            #expect(details["ErrorSource"] == "Things")
            #expect(details["ExtendedStatus"] == .object(extended))
        }

        private static let categories: [(WBEMStatus, MI.ErrorCategory)] = [
            (.timedOut, .operationTimeout), (.providerTimedOut, .operationTimeout), (.transportFailure, .connectionError),
            (.fatalTransportError, .connectionError), (.providerFailure, .resourceUnavailable), (.accessDenied, .accessDenied),
            (.invalidParameter, .invalidArgument), (.notFound, .objectNotFound), (.methodNotImplemented, .notImplemented),
            (.methodDisabled, .notEnabled), (.alreadyExists, .resourceExists), (.quotaViolation, .quotaExceeded),
            (.outOfMemory, .limitsExceeded), (.failed, .notSpecified),
        ]

        @Test("F.7: error categories", arguments: categories)
        func category(status: WBEMStatus, category: MI.ErrorCategory) { #expect(MI.ErrorCategory(status) == category) }

        @Test("F.3: the numbers of the flags")
        func flags() {
            let numbers: [(MI.OperationFlags, UInt32)] = [
                (.manualAcknowledgement, 0x1), (.basicRTTI, 0x2), (.fullRTTI, 0x4), (.localizedQualifiers, 0x8),
                (.expensiveProperties, 0x40), (.shallow, 0x80), (.deepBasePropertiesOnly, 0x180), (.reportOperationStarted, 0x200),
                (.noRTTI, 0x400), (.standardRTTI, 0x800),
            ]
            for (flag, number) in numbers { #expect(flag.rawValue == number) }
        }
    }
}
