import DBus

/// What private connections add to the contract (Protocol.md, "Private connections").
public enum PrivateContract {
    /// The interface of a sink that takes packed rows: `Indicate(ay)`. Only private connections have it.
    public static let packedSink = InterfaceName(verified: "org.cimbus1.PackedSink")
    /// The option of `OpenPrivateConnection`, and of its reply, that says that who gives it takes packed rows.
    public static let packedObjects = "PackedObjects"

    /// The option of `OpenPrivateConnection` that asks for a lifeline, and of its reply that brings one: the end of a second socket, by which nothing
    /// is ever said. Its end is the end of the process that has it.
    public static let lifeline = "Lifeline"

    /// The version of the frames.
    public static let version: UInt32 = 1

    /// The members that frames name by a number: 256 times the number of the interface, and the place in its list, from 1. A number is never
    /// given to another member: what is new comes at the end of its list.
    public static let lists: [(number: UInt8, interface: InterfaceName, members: [String])] = [
        (
            1, Contract.broker,
            [
                "ListOperations", "ListFinishedOperations", "OpenPrivateConnection", "Reload", "CheckRights", "ListRights", "Trace",
                "ListQuotas", "GetMetrics",
            ]
        ),
        (2, Contract.registrar, ["Register", "UnRegister"]),
        (3, Contract.mofCompiler, ["CompileBuffer"]),
        (
            4, Contract.services,
            [
                "GetObject", "GetObjectSemisync", "GetObjectAsync", "PutInstance", "PutInstanceSemisync", "PutInstanceAsync",
                "DeleteInstance", "DeleteInstanceSemisync", "DeleteInstanceAsync", "CreateInstanceEnum", "CreateInstanceEnumSemisync",
                "CreateInstanceEnumAsync", "ExecQuery", "ExecQuerySemisync", "ExecQueryAsync", "ExecMethod", "ExecMethodSemisync",
                "ExecMethodAsync", "PutClass", "PutClassSemisync", "PutClassAsync", "DeleteClass", "DeleteClassSemisync",
                "DeleteClassAsync", "CreateClassEnum", "CreateClassEnumSemisync", "CreateClassEnumAsync",
                "ExecNotificationQuerySemisync", "ExecNotificationQueryAsync", "OpenNamespace", "CancelAsyncCall", "Acknowledge",
                "ExecNotificationQuery",
            ]
        ),
        (5, Contract.objectSink, ["Indicate", "SetStatus"]),
        (6, Contract.sinkReference, ["AddRef", "Release", "Transfer"]),
        (
            7, Contract.provider,
            [
                "GetObjectAsync", "PutInstanceAsync", "DeleteInstanceAsync", "CreateInstanceEnumAsync", "ExecQueryAsync", "ExecMethodAsync",
                "CancelAsyncCall",
            ]
        ),
        (8, Contract.registration, ["Suspend", "Resume", "Ping"]),
        (9, Contract.operation, ["Cancel"]),
        (10, Contract.enumerator, ["Next", "Skip", "Close"]),
        (11, Contract.callResult, ["GetCallStatus", "GetResultObject", "GetResultString", "Close"]),
        (12, packedSink, ["Indicate"]),
        (13, Contract.basicEventProvider, ["Register", "UnRegister", "GetSink", "GetService"]),
        (
            14, Contract.eventSink,
            ["Indicate", "IsActive", "GetRestrictedSink", "SetSinkSecurity", "SetBatchingParameters", "Close", "ReportLoss"]
        ),
        (15, Contract.eventProvider, ["ProvideEvents", "NewQuery", "CancelQuery", "AccessCheck"]),
        (16, Contract.consumerProvider, ["IndicateToConsumer"]),
        (128, .properties, ["Get", "GetAll", "Set"]),
        (129, .introspectable, ["Introspect"]),
        (130, .peer, ["Ping", "GetMachineId"]),
        (131, .objectManager, ["GetManagedObjects"]),
    ]

    public static let members = MemberNumbers(
        Dictionary(
            uniqueKeysWithValues: lists.flatMap { list in
                list.members.enumerated().map { place, member in
                    (UInt16(list.number) << 8 | UInt16(place + 1), MemberNumbers.Name(list.interface, MemberName(verified: member)))
                }
            }))
}
