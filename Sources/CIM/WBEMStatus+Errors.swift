/// The errors 0x80041001 to 0x80041046 (SEMANTICS G.2).
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
}
