import CIM
import CIMBusWire
import DBus

/// A provider of events that knows nothing but the contract: it registers, gets its sink, and raises what it is told to.
public final class EventSource: Sendable {
    /// What the broker told or asked the provider.
    public enum Told: Hashable, Sendable {
        case provideEvents(ObjectPath)
        case newQuery(UInt32, String)
        case cancelQuery(UInt32)
        case accessCheck(String, uid: UInt32)
    }

    public let connection: Connection
    public let name: String
    /// The sink that GetSink gave.
    public private(set) var sink: ObjectPath {
        get { kept.value }
        set { kept.value = newValue }
    }
    public let told = Recorder<Told>()
    private let kept = Box()

    public static let path = ObjectPath(verified: "/org/example/Events")

    /// Two classes of alarms, one below the other.
    public static let mof = """
        class Test_Alarm : __ExtrinsicEvent { string Place; uint32 Level; };
        class Test_LoudAlarm : Test_Alarm { uint32 Decibels; };
        """

    /// Connects, registers and gets a sink.
    ///
    /// - Parameters:
    ///   - mof: what it brings.
    ///   - answersAccess: what it answers to AccessCheck; nil: it has no object.
    ///   - onNewQuery: runs on its loop when it was told of a query: nothing is read until it returns.
    public static func start(
        on bus: PrivateBus, name: String = "Alarms", mof: String = EventSource.mof, answersAccess: WBEMStatus? = nil,
        onNewQuery: (@Sendable () -> Void)? = nil, transport: TestTransport = .ofProviders
    ) async throws -> EventSource {
        let source = EventSource(try await bus.connect(on: EventLoop(name: "events")), name)
        if transport.isPrivate { try await source.connection.openPrivateConnection() }
        if let answersAccess { await source.export(answersAccess, onNewQuery) }
        let path = answersAccess == nil ? Contract.null : Self.path
        _ = try await source.call(
            "Register",
            [
                .int32(0), .dictionary([(ContextKey.mof, .string(mof))]), .string(""), .string(""), .string("root/cimv2"), .string(name),
                .objectPath(path),
            ])
        source.sink = try await source.getSink()
        return source
    }

    private init(_ connection: Connection, _ name: String) {
        self.connection = connection
        self.name = name
    }

    private func export(_ access: WBEMStatus, _ onNewQuery: (@Sendable () -> Void)?) async {
        let told = told
        func method(_ body: @escaping @Sendable (inout BodyReader) throws -> Told?, _ reply: [DBusValue] = []) -> MethodImplementation {
            .immediate { call in
                var reader = call.reader
                let event = try? body(&reader)
                if let event { told.record(event) }
                if case .newQuery? = event { onNewQuery?() }
                call.reply(reply)
            }
        }
        let interface = ExportedInterface(
            Interfaces.eventProvider,
            methods: [
                "ProvideEvents": method({ .provideEvents(try $0.readObjectPath()) }, [.uint32(0)]),
                "NewQuery": method { reader in
                    let id = try reader.readUInt32()
                    _ = try reader.readString()
                    return .newQuery(id, try reader.readString())
                },
                "CancelQuery": method { .cancelQuery(try $0.readUInt32()) },
                "AccessCheck": method(
                    { reader in
                        _ = try reader.readString()
                        return .accessCheck(try reader.readString(), uid: try reader.readUInt32())
                    }, [.uint32(access.rawValue)]),
            ])
        await connection.export(ExportedObject([interface]), at: Self.path)
    }

    // MARK: - Calls

    /// Calls a method of `org.cimbus1.DecoupledBasicEventProvider`.
    public func call(_ member: String, _ values: [DBusValue]) async throws -> [DBusValue] {
        try await call(Contract.rootPath, Contract.basicEventProvider, member, values)
    }

    public func call(_ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ values: [DBusValue]) async throws -> [DBusValue] {
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: path, interface: interface, member: MemberName(verified: member), values: values)
        return try await connection.call(message).values()
    }

    public func getSink() async throws -> ObjectPath {
        guard case .objectPath(let path)? = try await call("GetSink", [.uint32(0), .dictionary([])]).first else {
            throw ProcessError(description: "GetSink gave no path")
        }
        return path
    }

    /// Raises events, and waits until the broker has taken them.
    public func raise(_ events: [[(String, DBusValue)]], into sink: ObjectPath? = nil) async throws {
        _ = try await call(
            sink ?? self.sink, Contract.eventSink, "Indicate",
            [.array(element: Signature(verified: "a{sv}"), events.map { .dictionary($0) })])
    }

    public func raise(_ place: String, level: UInt32 = 1, className: String = "Test_Alarm") async throws {
        try await raise([Self.alarm(place, level: level, className: className)])
    }

    public static func alarm(_ place: String, level: UInt32 = 1, className: String = "Test_Alarm") -> [(String, DBusValue)] {
        [("__CLASS", .string(className)), ("Place", .string(place)), ("Level", .uint32(level))]
    }

    public func isActive() async throws -> Bool {
        try await call(sink, Contract.eventSink, "IsActive", []).first == .boolean(true)
    }

    /// The texts of the queries that concern the sink.
    public func queries() async throws -> [String] {
        let values = try await call(sink, .properties, "Get", [.string(Contract.eventSink.text), .string("Queries")])
        return values.first?.unwrapped.elements?.compactMap { $0.elements?.last?.text } ?? []
    }

    public func close() async { await connection.close() }
}

/// Set once, before anybody reads it.
private final class Box: @unchecked Sendable {
    var value = Contract.null
}
