/// The errors from 0x80041047 on, with those of events and providers (SEMANTICS G.2).
extension WBEMStatus {
    /// WBEM_E_CIRCULAR_REFERENCE: Circular derivation.
    public static let circularReference = WBEMStatus(rawValue: 0x80041047)

    /// WBEM_E_UNSUPPORTED_CLASS_UPDATE: Class update not supported.
    public static let unsupportedClassUpdate = WBEMStatus(rawValue: 0x80041048)

    /// WBEM_E_CANNOT_CHANGE_KEY_INHERITANCE: Key in use.
    public static let cannotChangeKeyInheritance = WBEMStatus(rawValue: 0x80041049)

    /// WBEM_E_CANNOT_CHANGE_INDEX_INHERITANCE: Index in use.
    public static let cannotChangeIndexInheritance = WBEMStatus(rawValue: 0x80041050)

    /// WBEM_E_TOO_MANY_PROPERTIES: Property count.
    public static let tooManyProperties = WBEMStatus(rawValue: 0x80041051)

    /// WBEM_E_UPDATE_TYPE_MISMATCH: Property retyped in subclass.
    public static let updateTypeMismatch = WBEMStatus(rawValue: 0x80041052)

    /// WBEM_E_UPDATE_OVERRIDE_NOT_ALLOWED: Qualifier override in subclass.
    public static let updateOverrideNotAllowed = WBEMStatus(rawValue: 0x80041053)

    /// WBEM_E_UPDATE_PROPAGATED_METHOD: Method signature in subclass.
    public static let updatePropagatedMethod = WBEMStatus(rawValue: 0x80041054)

    /// WBEM_E_METHOD_NOT_IMPLEMENTED: Method lacks Implemented.
    public static let methodNotImplemented = WBEMStatus(rawValue: 0x80041055)

    /// WBEM_E_METHOD_DISABLED: Method marked Disabled.
    public static let methodDisabled = WBEMStatus(rawValue: 0x80041056)

    /// WBEM_E_REFRESHER_BUSY: Refresher in use.
    public static let refresherBusy = WBEMStatus(rawValue: 0x80041057)

    /// WBEM_E_UNPARSABLE_QUERY: Event filter syntax.
    public static let unparsableQuery = WBEMStatus(rawValue: 0x80041058)

    /// WBEM_E_NOT_EVENT_CLASS: FROM class is not an event class.
    public static let notEventClass = WBEMStatus(rawValue: 0x80041059)

    /// WBEM_E_MISSING_GROUP_WITHIN: GROUP BY without GROUP WITHIN.
    public static let missingGroupWithin = WBEMStatus(rawValue: 0x8004105A)

    /// WBEM_E_MISSING_AGGREGATION_LIST: Aggregate on all properties.
    public static let missingAggregationList = WBEMStatus(rawValue: 0x8004105B)

    /// WBEM_E_PROPERTY_NOT_AN_OBJECT: Dot on a non-object.
    public static let propertyNotAnObject = WBEMStatus(rawValue: 0x8004105C)

    /// WBEM_E_AGGREGATING_BY_OBJECT: GROUP BY an object property.
    public static let aggregatingByObject = WBEMStatus(rawValue: 0x8004105D)

    /// WBEM_E_UNINTERPRETABLE_PROVIDER_QUERY: Event provider registration query names no classes.
    public static let uninterpretableProviderQuery = WBEMStatus(rawValue: 0x8004105F)

    /// WBEM_E_BACKUP_RESTORE_WINMGMT_RUNNING: Repository in use.
    public static let backupRestoreWinmgmtRunning = WBEMStatus(rawValue: 0x80041060)

    /// WBEM_E_QUEUE_OVERFLOW: Event queue overflow, consumer too slow.
    public static let queueOverflow = WBEMStatus(rawValue: 0x80041061)

    /// WBEM_E_PRIVILEGE_NOT_HELD: Missing privilege.
    public static let privilegeNotHeld = WBEMStatus(rawValue: 0x80041062)

    /// WBEM_E_INVALID_OPERATOR: Operator not valid for the type.
    public static let invalidOperator = WBEMStatus(rawValue: 0x80041063)

    /// WBEM_E_LOCAL_CREDENTIALS: Credentials given on a local connection.
    public static let localCredentials = WBEMStatus(rawValue: 0x80041064)

    /// WBEM_E_CANNOT_BE_ABSTRACT: Class cannot be abstract.
    public static let cannotBeAbstract = WBEMStatus(rawValue: 0x80041065)

    /// WBEM_E_AMENDED_OBJECT: Amended object written without the flag.
    public static let amendedObject = WBEMStatus(rawValue: 0x80041066)

    /// WBEM_E_CLIENT_TOO_SLOW: Client did not drain the enumerator.
    public static let clientTooSlow = WBEMStatus(rawValue: 0x80041067)

    /// WBEM_E_NULL_SECURITY_DESCRIPTOR: Null security descriptor.
    public static let nullSecurityDescriptor = WBEMStatus(rawValue: 0x80041068)

    /// WBEM_E_TIMED_OUT: Operation timed out.
    public static let timedOut = WBEMStatus(rawValue: 0x80041069)

    /// WBEM_E_INVALID_ASSOCIATION: Bad association.
    public static let invalidAssociation = WBEMStatus(rawValue: 0x8004106A)

    /// WBEM_E_AMBIGUOUS_OPERATION: Ambiguous.
    public static let ambiguousOperation = WBEMStatus(rawValue: 0x8004106B)

    /// WBEM_E_QUOTA_VIOLATION: Resource quota exceeded.
    public static let quotaViolation = WBEMStatus(rawValue: 0x8004106C)

    /// WBEM_E_RESERVED_001: Transaction conflict (reserved name in newer headers).
    public static let reserved001 = WBEMStatus(rawValue: 0x8004106D)

    /// WBEM_E_RESERVED_002: Forced rollback (reserved name in newer headers).
    public static let reserved002 = WBEMStatus(rawValue: 0x8004106E)

    /// WBEM_E_UNSUPPORTED_LOCALE: Locale not supported.
    public static let unsupportedLocale = WBEMStatus(rawValue: 0x8004106F)

    /// WBEM_E_HANDLE_OUT_OF_DATE: Stale handle.
    public static let handleOutOfDate = WBEMStatus(rawValue: 0x80041070)

    /// WBEM_E_CONNECTION_FAILED: Database connection failed.
    public static let connectionFailed = WBEMStatus(rawValue: 0x80041071)

    /// WBEM_E_INVALID_HANDLE_REQUEST: Bad handle request.
    public static let invalidHandleRequest = WBEMStatus(rawValue: 0x80041072)

    /// WBEM_E_PROPERTY_NAME_TOO_WIDE: Property name > 255.
    public static let propertyNameTooWide = WBEMStatus(rawValue: 0x80041073)

    /// WBEM_E_CLASS_NAME_TOO_WIDE: Class name > 255.
    public static let classNameTooWide = WBEMStatus(rawValue: 0x80041074)

    /// WBEM_E_METHOD_NAME_TOO_WIDE: Method name > 255.
    public static let methodNameTooWide = WBEMStatus(rawValue: 0x80041075)

    /// WBEM_E_QUALIFIER_NAME_TOO_WIDE: Qualifier name > 255.
    public static let qualifierNameTooWide = WBEMStatus(rawValue: 0x80041076)

    /// WBEM_E_RERUN_COMMAND: Database deadlock, rerun.
    public static let rerunCommand = WBEMStatus(rawValue: 0x80041077)

    /// WBEM_E_DATABASE_VER_MISMATCH: Repository version.
    public static let databaseVerMismatch = WBEMStatus(rawValue: 0x80041078)

    /// WBEM_E_VETO_DELETE: Provider vetoed the delete.
    public static let vetoDelete = WBEMStatus(rawValue: 0x80041079)

    /// WBEM_E_VETO_PUT: Provider vetoed the put.
    public static let vetoPut = WBEMStatus(rawValue: 0x8004107A)

    /// WBEM_E_INVALID_LOCALE: Locale id.
    public static let invalidLocale = WBEMStatus(rawValue: 0x80041080)

    /// WBEM_E_PROVIDER_SUSPENDED: Provider suspended.
    public static let providerSuspended = WBEMStatus(rawValue: 0x80041081)

    /// WBEM_E_SYNCHRONIZATION_REQUIRED: Commit and re-read first.
    public static let synchronizationRequired = WBEMStatus(rawValue: 0x80041082)

    /// WBEM_E_NO_SCHEMA: No schema.
    public static let noSchema = WBEMStatus(rawValue: 0x80041083)

    /// WBEM_E_PROVIDER_ALREADY_REGISTERED: Provider registered already.
    public static let providerAlreadyRegistered = WBEMStatus(rawValue: 0x80041084)

    /// WBEM_E_PROVIDER_NOT_REGISTERED: Provider not registered.
    public static let providerNotRegistered = WBEMStatus(rawValue: 0x80041085)

    /// WBEM_E_FATAL_TRANSPORT_ERROR: Fatal transport fault.
    public static let fatalTransportError = WBEMStatus(rawValue: 0x80041086)

    /// WBEM_E_ENCRYPTED_CONNECTION_REQUIRED: Namespace needs an encrypted connection.
    public static let encryptedConnectionRequired = WBEMStatus(rawValue: 0x80041087)

    /// WBEM_E_PROVIDER_TIMED_OUT: Provider reported nothing in time.
    public static let providerTimedOut = WBEMStatus(rawValue: 0x80041088)

    /// WBEM_E_NO_KEY: Instance put without a key.
    public static let noKey = WBEMStatus(rawValue: 0x80041089)

    /// WBEM_E_PROVIDER_DISABLED: Provider not usable (server unloaded / disabled).
    public static let providerDisabled = WBEMStatus(rawValue: 0x8004108A)

    /// WBEMESS_E_REGISTRATION_TOO_BROAD: Event registration overlaps system events.
    public static let registrationTooBroad = WBEMStatus(rawValue: 0x80042001)

    /// WBEMESS_E_REGISTRATION_TOO_PRECISE: Query needs WITHIN.
    public static let registrationTooPrecise = WBEMStatus(rawValue: 0x80042002)

    /// WBEMESS_E_AUTHZ_NOT_PRIVILEGED: Machine lacks authorization rights.
    public static let authzNotPrivileged = WBEMStatus(rawValue: 0x80042003)

    /// WBEM_E_RETRY_LATER: Provider asks to be tried again later.
    public static let retryLater = WBEMStatus(rawValue: 0x80043001)

    /// WBEM_E_RESOURCE_CONTENTION: A resource of the provider is contended.
    public static let resourceContention = WBEMStatus(rawValue: 0x80043002)
}
