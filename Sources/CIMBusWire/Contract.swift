import CIM
import DBus

/// The names and paths of the contract on the bus (Design 3).
public enum Contract {
    public static let busName = WellKnownName(verified: "org.cimbus1")
    public static let errorPrefix = "org.cimbus1.Error."
    public static let rootPath = ObjectPath(verified: "/org/cimbus1")
    public static let namespacesPath = ObjectPath(verified: "/org/cimbus1/namespaces")
    public static let providersPath = ObjectPath(verified: "/org/cimbus1/providers")
    public static let operationsPath = ObjectPath(verified: "/org/cimbus1/operations")
    public static let sinksPath = ObjectPath(verified: "/org/cimbus1/sinks")
    public static let eventSinksPath = ObjectPath(verified: "/org/cimbus1/eventsinks")

    public static let broker = InterfaceName(verified: "org.cimbus1.Broker")
    public static let registrar = InterfaceName(verified: "org.cimbus1.DecoupledRegistrar")
    public static let mofCompiler = InterfaceName(verified: "org.cimbus1.MofCompiler")
    public static let services = InterfaceName(verified: "org.cimbus1.Services")
    public static let registration = InterfaceName(verified: "org.cimbus1.Registration")
    public static let operation = InterfaceName(verified: "org.cimbus1.Operation")
    public static let enumerator = InterfaceName(verified: "org.cimbus1.Enumerator")
    public static let callResult = InterfaceName(verified: "org.cimbus1.CallResult")
    public static let objectSink = InterfaceName(verified: "org.cimbus1.ObjectSink")
    public static let sinkReference = InterfaceName(verified: "org.cimbus1.SinkReference")
    public static let provider = InterfaceName(verified: "org.cimbus1.Provider")
    public static let basicEventProvider = InterfaceName(verified: "org.cimbus1.DecoupledBasicEventProvider")
    public static let eventSink = InterfaceName(verified: "org.cimbus1.EventSink")
    public static let eventProvider = InterfaceName(verified: "org.cimbus1.EventProvider")
    public static let consumerProvider = InterfaceName(verified: "org.cimbus1.EventConsumerProvider")

    /// How many events a subscriber has lost before the event that has this system property (t).
    public static let numberOfEventsLost = "__NumberOfEventsLost"

    /// The object of a namespace: canonical lower case, each part escaped.
    public static func path(of namespace: CIMNamespaceName) -> ObjectPath { path(of: namespace, below: namespacesPath) }

    /// The object of a registration; of one for a single user, below that of all, under a name that no escaped one is.
    public static func path(ofProvider name: String, user: UInt32? = nil, in namespace: CIMNamespaceName) -> ObjectPath {
        let path = path(of: namespace, below: providersPath).appending(escaping: name)
        return user.map { ObjectPath(verified: "\(path.text)/_u\($0)") } ?? path
    }

    public static func path(ofOperation number: UInt64) -> ObjectPath { ObjectPath(verified: operationsPath.text + "/" + String(number)) }

    // Made for each call: interpolation takes three times as long.
    public static func path(ofSink number: UInt64) -> ObjectPath { ObjectPath(verified: sinksPath.text + "/" + String(number)) }

    public static func path(ofEventSink number: UInt64) -> ObjectPath { ObjectPath(verified: "\(eventSinksPath.text)/\(number)") }

    /// The number in a path below `parent`, if there is one.
    public static func number(in path: String, below parent: ObjectPath) -> UInt64? {
        guard path.utf8.count > parent.text.utf8.count + 1, path.hasPrefix(parent.text) else { return nil }
        let rest = path.utf8.dropFirst(parent.text.utf8.count)
        guard rest.first == UInt8(ascii: "/"), rest.count <= 21 else { return nil }
        let digits = Substring(rest.dropFirst())
        // One spelling each: no sign, no leading zero.
        guard let number = UInt64(digits), String(number) == digits else { return nil }
        return number
    }

    private static func path(of namespace: CIMNamespaceName, below parent: ObjectPath) -> ObjectPath {
        namespace.text.split(separator: "/").reduce(parent) { $0.appending(escaping: String($1)) }
    }

    /// `/` is a NULL sink, and no operation.
    public static let null = ObjectPath.root

    /// A batch of objects is at most this large, in bytes, or one object.
    public static let largestBatch = 256 << 10
    /// The most bytes of one object.
    public static let largestObject = 8 << 20
    /// The most bytes of the body of a SetStatus: a final status needs no credit, so that many may be on their way.
    public static let largestStatus = 64 << 10

    /// What the broker and cimctl say they are.
    public static let version = "0.1.0"
}

/// `WBEM_GENERIC_FLAG_TYPE` and the others, as far as they pass the bus (Semantics A.2).
public struct OperationFlags: OptionSet, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let returnImmediately = OperationFlags(rawValue: 0x10)
    public static let forwardOnly = OperationFlags(rawValue: 0x20)
    public static let noErrorObject = OperationFlags(rawValue: 0x40)
    public static let sendStatus = OperationFlags(rawValue: 0x80)
    public static let ensureLocatable = OperationFlags(rawValue: 0x100)
    public static let directRead = OperationFlags(rawValue: 0x200)
    public static let useAmendedQualifiers = OperationFlags(rawValue: 0x20000)
    public static let prototype = OperationFlags(rawValue: 0x2)
    public static let safeUpdate = OperationFlags(rawValue: 0x20)
    public static let forceUpdate = OperationFlags(rawValue: 0x40)
    public static let ownerUpdate = OperationFlags(rawValue: 0x10000)
    public static let updateOnly = OperationFlags(rawValue: 0x1)
    public static let createOnly = OperationFlags(rawValue: 0x2)
    public static let shallow = OperationFlags(rawValue: 0x1)
}

/// `WBEM_STATUS_TYPE` (Semantics B.1).
public enum StatusType {
    public static let complete: Int32 = 0
    public static let requirements: Int32 = 1
    public static let progress: Int32 = 2
    /// The bits of the LOGGING_INFORMATION types.
    public static let logging: Int32 = 0x1F00
}

/// The names in a context that the broker gives a meaning (Design 2 and Design 3).
public enum ContextKey {
    /// The client's own deadline, relative, in µs (t).
    public static let timeout = "__TIMEOUT_USEC"
    public static let operation = "__OPERATION"
    public static let clientName = "__CLIENT_NAME"
    public static let clientUser = "__CLIENT_UID"
    public static let clientProcess = "__CLIENT_PID"
    public static let originUser = "__ORIGIN_UID"
    /// The client's rights for the class, and the method, that the call is about (u; Semantics D.9.1).
    public static let clientRights = "__CLIENT_RIGHTS"
    /// Those of them that a rule of the administrator's grants, where there are any (u).
    public static let clientGrants = "__CLIENT_GRANTS"
    /// CLOCK_BOOTTIME, in µs (t).
    public static let deadline = "__DEADLINE_USEC"
    /// FALSE: the client holds the class and wants no system property that follows from it and from the keys (b).
    public static let derivedSystemProperties = "__DERIVED_SYSTEM_PROPERTIES"

    /// TRUE on GetObject of a class: only what it takes to read the class's instances is wanted (b).
    public static let classShape = "__CLASS_SHAPE"
    /// TRUE on ExecQuery: nothing is run, and the result says what would be (b).
    public static let explain = "__EXPLAIN"

    /// The names that are for the broker, in any case. It obeys a client's ``timeout``, ``derivedSystemProperties``, ``classShape`` and
    /// ``explain``, believes ``operation`` of a provider that serves it (L12), and drops the others; what it hands on to a provider under these
    /// names is its own.
    public static let brokers: Set<String> = [
        operation, clientName, clientUser, clientProcess, originUser, clientRights, clientGrants, deadline, derivedSystemProperties,
        timeout, classShape, explain,
    ]

    /// The one of ``brokers`` that a client's name is, in any case; nil: none.
    public static func broker(named name: String) -> String? { brokers.first { CIMName.equal($0, name) } }

    /// The language that the caller speaks, as ``CIMLocale`` reads it, `MS_409` or `en_US` (s). Providers see it, too.
    public static let locale = "__LOCALE"

    /// How the names of a read of less than everything begin (Semantics C.1.3).
    public static let getPrefix = "__GET_EXT"
    /// TRUE: the others count (b).
    public static let getExtensions = "__GET_EXTENSIONS"
    /// The properties that are wanted (as).
    public static let getProperties = "__GET_EXT_PROPERTIES"
    /// TRUE: the keys alone are wanted, whatever the properties (b).
    public static let getKeysOnly = "__GET_EXT_KEYS_ONLY"
    /// TRUE: the caller asks for itself, and does not inherit what the call around it asked for (b).
    public static let getClientRequest = "__GET_EXT_CLIENT_REQUEST"

    /// How the names of a put of less than everything begin (Semantics C.1.3).
    public static let putPrefix = "__PUT_EXT"
    /// TRUE: the others count (b).
    public static let putExtensions = "__PUT_EXTENSIONS"
    /// The properties that are written (as).
    public static let putProperties = "__PUT_EXT_PROPERTIES"
    /// TRUE: what the instance says is NULL becomes NULL, or the put fails (b).
    public static let putStrictNulls = "__PUT_EXT_STRICT_NULLS"
    /// TRUE: all or nothing (b).
    public static let putAtomic = "__PUT_EXT_ATOMIC"
    /// As ``getClientRequest`` (b).
    public static let putClientRequest = "__PUT_EXT_CLIENT_REQUEST"

    /// In Register's ctx: the provider's MOF, and its own limits in seconds.
    public static let mof = "MOF"
    public static let pingSeconds = "PingSeconds"
    public static let silenceSeconds = "SilenceSeconds"
    /// Why the provider cannot serve (s): it does not register, and calls that wait for it are InitializationFailure.
    public static let initializationFailure = "InitializationFailure"
}
