import DBus

/// The interfaces of the contract, as `Introspect` tells them. `dbus/interfaces/*.xml` says the same with prose; a test compares the two.
public enum Interfaces {
    public static let broker = InterfaceDescription(
        Contract.broker,
        methods: [
            method("ListOperations", "", "operations:a(oa{sv})"),
            method("ListFinishedOperations", "", "operations:a(oa{sv})"),
            method("OpenPrivateConnection", "version:u options:a{sv}", "socket:h version:u options:a{sv}"),
            method("Reload", "", ""),
            method("CheckRights", "principal:s namespace:s class:s method:s", "rights:u why:s"),
            method("ListRights", "", "rules:a(ss)"),
            method("Trace", "operation:t", "steps:a(tsa{sv})"),
            method("ListQuotas", "", "quotas:a(sutt)"),
            method("GetMetrics", "", "metrics:s"),
        ],
        properties: [
            property("Version", "s", .constant),
            property("Namespaces", "as", .withValue),
            property("OpenOperations", "u", .none),
            property("SinkReferences", "u", .none),
            property("Registrations", "u", .none),
            property("Counters", "a{st}", .none),
            property("Connections", "as", .withValue),
            property("PrivateConnections", "u", .none),
        ])

    public static let registrar = InterfaceDescription(
        Contract.registrar,
        methods: [
            method("Register", "flags:i ctx:a{sv} user:s locale:s scope:s registration:s provider:o", "registrationObject:o"),
            method("UnRegister", "scope:s registration:s", ""),
        ])

    public static let mofCompiler = InterfaceDescription(
        Contract.mofCompiler,
        methods: [
            method(
                "CompileBuffer", "mof:s namespace:s optionFlags:i classFlags:i instanceFlags:i",
                "phase:i hresult:u object:i firstLine:i lastLine:i message:s")
        ])

    public static let services = InterfaceDescription(
        Contract.services,
        methods: [
            method("GetObject", "path:s flags:i ctx:a{sv}", "object:a{sv}"),
            method("GetObjectSemisync", "path:s flags:i ctx:a{sv}", "operation:o"),
            method("GetObjectAsync", "path:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("PutInstance", "instance:a{sv} flags:i ctx:a{sv}", "path:s"),
            method("PutInstanceSemisync", "instance:a{sv} flags:i ctx:a{sv}", "operation:o"),
            method("PutInstanceAsync", "instance:a{sv} flags:i ctx:a{sv} sink:o", "operation:o"),
            method("DeleteInstance", "path:s flags:i ctx:a{sv}", ""),
            method("DeleteInstanceSemisync", "path:s flags:i ctx:a{sv}", "operation:o"),
            method("DeleteInstanceAsync", "path:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("CreateInstanceEnum", "class:s flags:i ctx:a{sv}", "objects:aa{sv}"),
            method("CreateInstanceEnumSemisync", "class:s flags:i ctx:a{sv}", "operation:o"),
            method("CreateInstanceEnumAsync", "class:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("ExecQuery", "language:s query:s flags:i ctx:a{sv}", "objects:aa{sv}"),
            method("ExecQuerySemisync", "language:s query:s flags:i ctx:a{sv}", "operation:o"),
            method("ExecQueryAsync", "language:s query:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("ExecMethod", "path:s method:s flags:i ctx:a{sv} in:a{sv}", "out:a{sv}"),
            method("ExecMethodSemisync", "path:s method:s flags:i ctx:a{sv} in:a{sv}", "operation:o"),
            method("ExecMethodAsync", "path:s method:s flags:i ctx:a{sv} in:a{sv} sink:o", "operation:o"),
            method("PutClass", "class:a{sv} flags:i ctx:a{sv}", ""),
            method("PutClassSemisync", "class:a{sv} flags:i ctx:a{sv}", "operation:o"),
            method("PutClassAsync", "class:a{sv} flags:i ctx:a{sv} sink:o", "operation:o"),
            method("DeleteClass", "class:s flags:i ctx:a{sv}", ""),
            method("DeleteClassSemisync", "class:s flags:i ctx:a{sv}", "operation:o"),
            method("DeleteClassAsync", "class:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("CreateClassEnum", "superclass:s flags:i ctx:a{sv}", "objects:aa{sv}"),
            method("CreateClassEnumSemisync", "superclass:s flags:i ctx:a{sv}", "operation:o"),
            method("CreateClassEnumAsync", "superclass:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("ExecNotificationQuery", "language:s query:s flags:i ctx:a{sv}", "objects:aa{sv}"),
            method("ExecNotificationQuerySemisync", "language:s query:s flags:i ctx:a{sv}", "operation:o"),
            method("ExecNotificationQueryAsync", "language:s query:s flags:i ctx:a{sv} sink:o", "operation:o"),
            method("OpenNamespace", "namespace:s flags:i ctx:a{sv}", "services:o"),
            method("CancelAsyncCall", "sink:o", ""),
            method("Acknowledge", "sink:o batches:u", ""),
        ])

    public static let objectSink = InterfaceDescription(
        Contract.objectSink,
        methods: [
            method("Indicate", "objects:aa{sv}", ""),
            method("SetStatus", "flags:i hresult:u param:s object:a{sv}", ""),
        ])

    public static let sinkReference = InterfaceDescription(
        Contract.sinkReference,
        methods: [
            method("AddRef", "", "references:u"),
            method("Release", "", "references:u"),
            method("Transfer", "peer:s", ""),
        ],
        properties: [
            property("Owners", "a{su}", .none),
            property("Operation", "o", .constant),
        ])

    public static let provider = InterfaceDescription(
        Contract.provider,
        methods: [
            method("GetObjectAsync", "namespace:s path:s flags:i ctx:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method("PutInstanceAsync", "namespace:s instance:a{sv} flags:i ctx:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method("DeleteInstanceAsync", "namespace:s path:s flags:i ctx:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method("CreateInstanceEnumAsync", "namespace:s class:s flags:i ctx:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method("ExecQueryAsync", "namespace:s language:s query:s flags:i ctx:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method(
                "ExecMethodAsync", "namespace:s path:s method:s flags:i ctx:a{sv} in:a{sv} sink:o", "hresult:u references:u objects:aa{sv}"),
            method("CancelAsyncCall", "sink:o", "", noReply: true),
        ])

    public static let basicEventProvider = InterfaceDescription(
        Contract.basicEventProvider,
        methods: [
            method("Register", "flags:i ctx:a{sv} user:s locale:s scope:s registration:s provider:o", "registrationObject:o"),
            method("UnRegister", "scope:s registration:s", ""),
            method("GetSink", "flags:u ctx:a{sv}", "sink:o"),
            method("GetService", "flags:u ctx:a{sv}", "services:o"),
        ])

    public static let eventSink = InterfaceDescription(
        Contract.eventSink,
        methods: [
            method("Indicate", "events:aa{sv}", ""),
            method("IsActive", "", "active:b"),
            method("GetRestrictedSink", "queries:as callback:o", "sink:o"),
            method("SetSinkSecurity", "rights:s", ""),
            method("SetBatchingParameters", "flags:u bytes:u latencyMs:u", ""),
            method("Close", "", ""),
            method("ReportLoss", "count:t", ""),
        ],
        properties: [
            property("Queries", "a(us)", .withValue),
            property("Registration", "o", .constant),
        ])

    public static let eventProvider = InterfaceDescription(
        Contract.eventProvider,
        methods: [
            method("ProvideEvents", "sink:o flags:i", "hresult:u"),
            method("NewQuery", "id:u language:s query:s", ""),
            method("CancelQuery", "id:u", ""),
            method("AccessCheck", "language:s query:s uid:u", "hresult:u"),
        ])

    /// Always called by the bus.
    public static let consumerProvider = InterfaceDescription(
        Contract.consumerProvider,
        methods: [method("IndicateToConsumer", "consumer:a{sv} event:a{sv} lost:t", "hresult:u")])

    public static let registration = InterfaceDescription(
        Contract.registration,
        methods: [
            method("Suspend", "", ""),
            method("Resume", "", ""),
            method("Ping", "", "roundTrip:t"),
        ],
        properties: [
            property("Name", "s", .constant),
            property("Namespace", "s", .constant),
            property("Owner", "s", .withValue),
            property("ProcessID", "u", .withValue),
            property("UserID", "u", .withValue),
            property("Classes", "as", .withValue),
            property("State", "s", .withValue),
            property("OpenOperations", "u", .none),
            property("SinkReferences", "u", .none),
            property("Counters", "a{st}", .none),
            property("LastFailure", "s", .none),
            property("Warnings", "as", .withValue),
            property("Attachment", "s", .withValue),
        ])

    public static let operation = InterfaceDescription(
        Contract.operation,
        methods: [
            method("Cancel", "", "")
        ],
        properties: [
            property("ID", "t", .constant),
            property("Kind", "s", .constant),
            property("Namespace", "s", .constant),
            property("Target", "s", .constant),
            property("Client", "s", .constant),
            property("ClientUID", "u", .constant),
            property("State", "s", .none),
            property("StartedUSec", "t", .constant),
            property("ObjectsDelivered", "t", .none),
            property("BufferedBytes", "t", .none),
            property("References", "a(ssu)", .none),
            property("Parent", "o", .constant),
            property("Status", "u", .none),
            property("ExtendedStatus", "a{sv}", .none),
            property("Attachment", "s", .constant),
            property("EventsLost", "t", .none),
        ])

    public static let enumerator = InterfaceDescription(
        Contract.enumerator,
        methods: [
            method("Next", "timeoutMs:i count:u", "hresult:u objects:aa{sv}"),
            method("Skip", "timeoutMs:i count:u", "hresult:u"),
            method("Close", "", ""),
        ])

    public static let callResult = InterfaceDescription(
        Contract.callResult,
        methods: [
            method("GetCallStatus", "timeoutMs:i", "hresult:u status:u"),
            method("GetResultObject", "timeoutMs:i", "hresult:u object:a{sv}"),
            method("GetResultString", "timeoutMs:i", "hresult:u string:s"),
            method("Close", "", ""),
        ])

    public static let all = [
        broker, registrar, mofCompiler, services, objectSink, sinkReference, provider, registration, operation, enumerator, callResult,
        basicEventProvider, eventSink, eventProvider, consumerProvider,
    ]

    private static func method(_ name: String, _ inputs: String, _ outputs: String, noReply: Bool = false) -> InterfaceDescription.Method {
        InterfaceDescription.Method(
            MemberName(verified: name), inputs: arguments(inputs), outputs: arguments(outputs),
            annotations: noReply ? ["org.freedesktop.DBus.Method.NoReply": "true"] : [:])
    }

    /// "path:s flags:i".
    private static func arguments(_ text: String) -> [InterfaceDescription.Argument] {
        text.split(separator: " ").map {
            let parts = $0.split(separator: ":", maxSplits: 1)
            return InterfaceDescription.Argument(String(parts[0]), Signature(verified: String(parts[1])))
        }
    }

    private static func property(
        _ name: String, _ signature: String, _ changes: InterfaceDescription.Property.ChangeSignal
    ) -> InterfaceDescription.Property {
        InterfaceDescription.Property(MemberName(verified: name), Signature(verified: signature), changes: changes)
    }
}
