/// The errors, with those of events and providers (Semantics G.2), in the order of their numbers.
extension WBEMStatus {
    /// WBEM_E_FAILED: General failure.
    public static let failed = WBEMStatus(rawValue: 0x80041001)

    /// WBEM_E_NOT_FOUND: No such object.
    public static let notFound = WBEMStatus(rawValue: 0x80041002)

    /// WBEM_E_ACCESS_DENIED: Caller lacks the right.
    public static let accessDenied = WBEMStatus(rawValue: 0x80041003)

    /// WBEM_E_PROVIDER_FAILURE: Provider failed after initialization.
    public static let providerFailure = WBEMStatus(rawValue: 0x80041004)

    /// WBEM_E_TYPE_MISMATCH: Types do not agree.
    public static let typeMismatch = WBEMStatus(rawValue: 0x80041005)

    /// WBEM_E_OUT_OF_MEMORY: No memory.
    public static let outOfMemory = WBEMStatus(rawValue: 0x80041006)

    /// WBEM_E_INVALID_CONTEXT: IWbemContext not usable.
    public static let invalidContext = WBEMStatus(rawValue: 0x80041007)

    /// WBEM_E_INVALID_PARAMETER: Bad argument.
    public static let invalidParameter = WBEMStatus(rawValue: 0x80041008)

    /// WBEM_E_NOT_AVAILABLE: Resource (often remote) not there now.
    public static let notAvailable = WBEMStatus(rawValue: 0x80041009)

    /// WBEM_E_CRITICAL_ERROR: Internal fault.
    public static let criticalError = WBEMStatus(rawValue: 0x8004100A)

    /// WBEM_E_INVALID_STREAM: Corrupt remote packets.
    public static let invalidStream = WBEMStatus(rawValue: 0x8004100B)

    /// WBEM_E_NOT_SUPPORTED: Feature not supported.
    public static let notSupported = WBEMStatus(rawValue: 0x8004100C)

    /// WBEM_E_INVALID_SUPERCLASS: Bad parent class.
    public static let invalidSuperclass = WBEMStatus(rawValue: 0x8004100D)

    /// WBEM_E_INVALID_NAMESPACE: No such namespace.
    public static let invalidNamespace = WBEMStatus(rawValue: 0x8004100E)

    /// WBEM_E_INVALID_OBJECT: Instance not usable.
    public static let invalidObject = WBEMStatus(rawValue: 0x8004100F)

    /// WBEM_E_INVALID_CLASS: Class unknown or bad.
    public static let invalidClass = WBEMStatus(rawValue: 0x80041010)

    /// WBEM_E_PROVIDER_NOT_FOUND: Schema names an unregistered provider.
    public static let providerNotFound = WBEMStatus(rawValue: 0x80041011)

    /// WBEM_E_INVALID_PROVIDER_REGISTRATION: Registration wrong or incomplete (also bad hosting model).
    public static let invalidProviderRegistration = WBEMStatus(rawValue: 0x80041012)

    /// WBEM_E_PROVIDER_LOAD_FAILURE: Provider could not be located or started.
    public static let providerLoadFailure = WBEMStatus(rawValue: 0x80041013)

    /// WBEM_E_INITIALIZATION_FAILURE: Component failed to initialize.
    public static let initializationFailure = WBEMStatus(rawValue: 0x80041014)

    /// WBEM_E_TRANSPORT_FAILURE: Network fault.
    public static let transportFailure = WBEMStatus(rawValue: 0x80041015)

    /// WBEM_E_INVALID_OPERATION: Operation not legal here.
    public static let invalidOperation = WBEMStatus(rawValue: 0x80041016)

    /// WBEM_E_INVALID_QUERY: Query syntax.
    public static let invalidQuery = WBEMStatus(rawValue: 0x80041017)

    /// WBEM_E_INVALID_QUERY_TYPE: Query language unknown.
    public static let invalidQueryType = WBEMStatus(rawValue: 0x80041018)

    /// WBEM_E_ALREADY_EXISTS: CREATE_ONLY but it exists.
    public static let alreadyExists = WBEMStatus(rawValue: 0x80041019)

    /// WBEM_E_OVERRIDE_NOT_ALLOWED: Qualifier may not be overridden.
    public static let overrideNotAllowed = WBEMStatus(rawValue: 0x8004101A)

    /// WBEM_E_PROPAGATED_QUALIFIER: Qualifier is inherited, cannot delete.
    public static let propagatedQualifier = WBEMStatus(rawValue: 0x8004101B)

    /// WBEM_E_PROPAGATED_PROPERTY: Property is inherited, cannot delete.
    public static let propagatedProperty = WBEMStatus(rawValue: 0x8004101C)

    /// WBEM_E_UNEXPECTED: Illegal call order.
    public static let unexpected = WBEMStatus(rawValue: 0x8004101D)

    /// WBEM_E_ILLEGAL_OPERATION: Illegal request, e.g. spawn class from instance.
    public static let illegalOperation = WBEMStatus(rawValue: 0x8004101E)

    /// WBEM_E_CANNOT_BE_KEY: Property cannot be a key.
    public static let cannotBeKey = WBEMStatus(rawValue: 0x8004101F)

    /// WBEM_E_INCOMPLETE_CLASS: Class definition not finished or not stored.
    public static let incompleteClass = WBEMStatus(rawValue: 0x80041020)

    /// WBEM_E_INVALID_SYNTAX: Query syntax (other form).
    public static let invalidSyntax = WBEMStatus(rawValue: 0x80041021)

    /// WBEM_E_NONDECORATED_OBJECT: Reserved.
    public static let nondecoratedObject = WBEMStatus(rawValue: 0x80041022)

    /// WBEM_E_READ_ONLY: Read-only property.
    public static let readOnly = WBEMStatus(rawValue: 0x80041023)

    /// WBEM_E_PROVIDER_NOT_CAPABLE: Provider does not do this operation; triggers fallback.
    public static let providerNotCapable = WBEMStatus(rawValue: 0x80041024)

    /// WBEM_E_CLASS_HAS_CHILDREN: Change would break subclasses.
    public static let classHasChildren = WBEMStatus(rawValue: 0x80041025)

    /// WBEM_E_CLASS_HAS_INSTANCES: Class has instances.
    public static let classHasInstances = WBEMStatus(rawValue: 0x80041026)

    /// WBEM_E_QUERY_NOT_IMPLEMENTED: Reserved.
    public static let queryNotImplemented = WBEMStatus(rawValue: 0x80041027)

    /// WBEM_E_ILLEGAL_NULL: NULL where a value is required.
    public static let illegalNull = WBEMStatus(rawValue: 0x80041028)

    /// WBEM_E_INVALID_QUALIFIER_TYPE: Qualifier type.
    public static let invalidQualifierType = WBEMStatus(rawValue: 0x80041029)

    /// WBEM_E_INVALID_PROPERTY_TYPE: Property CIM type.
    public static let invalidPropertyType = WBEMStatus(rawValue: 0x8004102A)

    /// WBEM_E_VALUE_OUT_OF_RANGE: Value outside range or type.
    public static let valueOutOfRange = WBEMStatus(rawValue: 0x8004102B)

    /// WBEM_E_CANNOT_BE_SINGLETON: Class cannot be singleton.
    public static let cannotBeSingleton = WBEMStatus(rawValue: 0x8004102C)

    /// WBEM_E_INVALID_CIM_TYPE: Bad CIM type.
    public static let invalidCimType = WBEMStatus(rawValue: 0x8004102D)

    /// WBEM_E_INVALID_METHOD: No such method.
    public static let invalidMethod = WBEMStatus(rawValue: 0x8004102E)

    /// WBEM_E_INVALID_METHOD_PARAMETERS: Bad method arguments.
    public static let invalidMethodParameters = WBEMStatus(rawValue: 0x8004102F)

    /// WBEM_E_SYSTEM_PROPERTY: Qualifiers asked on a system property.
    public static let systemProperty = WBEMStatus(rawValue: 0x80041030)

    /// WBEM_E_INVALID_PROPERTY: Property unknown.
    public static let invalidProperty = WBEMStatus(rawValue: 0x80041031)

    /// WBEM_E_CALL_CANCELLED: Cancelled internally or by the caller.
    public static let callCancelled = WBEMStatus(rawValue: 0x80041032)

    /// WBEM_E_SHUTTING_DOWN: Service is stopping.
    public static let shuttingDown = WBEMStatus(rawValue: 0x80041033)

    /// WBEM_E_PROPAGATED_METHOD: Method name of a parent with another signature.
    public static let propagatedMethod = WBEMStatus(rawValue: 0x80041034)

    /// WBEM_E_UNSUPPORTED_PARAMETER: Argument too complex; retry simpler.
    public static let unsupportedParameter = WBEMStatus(rawValue: 0x80041035)

    /// WBEM_E_MISSING_PARAMETER_ID: Parameter without ID.
    public static let missingParameterId = WBEMStatus(rawValue: 0x80041036)

    /// WBEM_E_INVALID_PARAMETER_ID: Bad ID qualifier.
    public static let invalidParameterId = WBEMStatus(rawValue: 0x80041037)

    /// WBEM_E_NONCONSECUTIVE_PARAMETER_IDS: IDs not consecutive.
    public static let nonconsecutiveParameterIds = WBEMStatus(rawValue: 0x80041038)

    /// WBEM_E_PARAMETER_ID_ON_RETVAL: ID on ReturnValue.
    public static let parameterIdOnRetval = WBEMStatus(rawValue: 0x80041039)

    /// WBEM_E_INVALID_OBJECT_PATH: Path does not parse.
    public static let invalidObjectPath = WBEMStatus(rawValue: 0x8004103A)

    /// WBEM_E_OUT_OF_DISK_SPACE: Disk full / repository limit.
    public static let outOfDiskSpace = WBEMStatus(rawValue: 0x8004103B)

    /// WBEM_E_BUFFER_TOO_SMALL: Buffer too small.
    public static let bufferTooSmall = WBEMStatus(rawValue: 0x8004103C)

    /// WBEM_E_UNSUPPORTED_PUT_EXTENSION: Provider cannot do the requested partial put.
    public static let unsupportedPutExtension = WBEMStatus(rawValue: 0x8004103D)

    /// WBEM_E_UNKNOWN_OBJECT_TYPE: Unknown object on the wire.
    public static let unknownObjectType = WBEMStatus(rawValue: 0x8004103E)

    /// WBEM_E_UNKNOWN_PACKET_TYPE: Unknown packet on the wire.
    public static let unknownPacketType = WBEMStatus(rawValue: 0x8004103F)

    /// WBEM_E_MARSHAL_VERSION_MISMATCH: Packet version.
    public static let marshalVersionMismatch = WBEMStatus(rawValue: 0x80041040)

    /// WBEM_E_MARSHAL_INVALID_SIGNATURE: Packet corrupt.
    public static let marshalInvalidSignature = WBEMStatus(rawValue: 0x80041041)

    /// WBEM_E_INVALID_QUALIFIER: Qualifier misplaced.
    public static let invalidQualifier = WBEMStatus(rawValue: 0x80041042)

    /// WBEM_E_INVALID_DUPLICATE_PARAMETER: Duplicate method parameter.
    public static let invalidDuplicateParameter = WBEMStatus(rawValue: 0x80041043)

    /// WBEM_E_TOO_MUCH_DATA: Reserved.
    public static let tooMuchData = WBEMStatus(rawValue: 0x80041044)

    /// WBEM_E_SERVER_TOO_BUSY: Event Indicate refused; may re-fire.
    public static let serverTooBusy = WBEMStatus(rawValue: 0x80041045)

    /// WBEM_E_INVALID_FLAVOR: Qualifier flavor.
    public static let invalidFlavor = WBEMStatus(rawValue: 0x80041046)

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
