import DBus
import Synchronization
import WireTestKit

/// A service with lamps below an object manager, which says what changes of them: of each kind of property in the way of its annotation.
final class LampService: Sendable {
    static let name = WellKnownName(verified: "org.example.Lamps")
    static let root = ObjectPath(verified: "/org/example/lamps")
    static let interface = InterfaceName(verified: "org.example.Lamp")

    private struct State {
        var lamps: [Int: [String: DBusValue]] = [:]
        /// Whether somebody has called Subscribe.
        var isSubscribed = false
    }

    let connection: Connection
    /// The calls that came: `List`, `GetAll 3`, `Get 3 Power`, `GetManagedObjects`, `Introspect`, `Subscribe`.
    let calls = Recorder<String>()
    private let state: Mutex<State>

    /// - Parameter scene: of all its lamps.
    init(on bus: PrivateBus, lamps: Int = 3, scene: String = "day") async throws {
        let connection = try await bus.connect()
        self.connection = connection
        let all = (0..<lamps).map { ($0, Self.lamp(level: 10, scene: scene)) }
        state = Mutex(State(lamps: Dictionary(uniqueKeysWithValues: all)))
        await connection.setInbound { [weak self] message in
            guard let self, message.kind == .methodCall, message.path?.hasPrefix(Self.root.text) ?? false else { return false }
            self.answer(connection.methodCall(message), message)
            return true
        }
        _ = try await connection.requestName(Self.name)
    }

    static func path(_ number: Int) -> ObjectPath { ObjectPath(verified: "\(root)/\(number)") }

    static func lamp(level: UInt32, scene: String) -> [String: DBusValue] {
        ["Level": .uint32(level), "Scene": .string(scene), "Model": .string("L1"), "Power": .uint32(level * 2)]
    }

    private func answer(_ call: MethodCall, _ message: Message) {
        let number = message.path?.split(separator: "/").last.flatMap { Int($0) }
        let values = (try? message.values()) ?? []
        switch message.member {
        case "GetManagedObjects":
            calls.record("GetManagedObjects")
            let objects = state.withLock { $0.lamps.sorted { $0.key < $1.key } }.map { number, lamp in
                (DBusValue.objectPath(Self.path(number)), Self.interfaces(lamp))
            }
            call.reply([.dictionary(key: Signature(verified: "o"), value: Signature(verified: "a{sa{sv}}"), objects)])
        case "List":
            calls.record("List")
            let paths = state.withLock { $0.lamps.keys.sorted() }.map { DBusValue.objectPath(Self.path($0)) }
            call.reply([.array(element: Signature(verified: "o"), paths)])
        case "Subscribe":
            calls.record("Subscribe")
            state.withLock { $0.isSubscribed = true }
            call.reply([])
        case "Introspect":
            calls.record("Introspect")
            call.reply([.string(Self.introspection)])
        case "GetAll":
            calls.record("GetAll \(number ?? -1)")
            guard let lamp = lamp(number) else {
                call.fail(DBusError(.unknownObject, "no such lamp"))
                return
            }
            call.reply([.dictionary(lamp.map { ($0.key, $0.value) })])
        case "Get":
            calls.record("Get \(number ?? -1) \(values.last?.text ?? "")")
            guard let value = lamp(number)?[values.last?.text ?? ""] else {
                call.fail(DBusError(.unknownProperty, "no such property"))
                return
            }
            call.reply([.variant(value)])
        default:
            calls.record(message.member ?? "")
            call.fail(DBusError(.unknownMethod, "no such method"))
        }
    }

    private func lamp(_ number: Int?) -> [String: DBusValue]? { number.flatMap { number in state.withLock { $0.lamps[number] } } }

    private static func interfaces(_ lamp: [String: DBusValue]) -> DBusValue {
        .dictionary(
            key: Signature(verified: "s"), value: .dictionary,
            [(.string(interface.text), .dictionary(lamp.map { ($0.key, $0.value) }))])
    }

    /// Changes a lamp, and says so: of Level the new value, of Scene that it is another, and of Power nothing.
    func change(_ number: Int, level: UInt32, scene: String) async throws {
        state.withLock { $0.lamps[number] = Self.lamp(level: level, scene: scene) }
        try await signal(
            Self.path(number), .properties, "PropertiesChanged",
            [.string(Self.interface.text), .dictionary([("Level", .uint32(level))]), .strings(["Scene"])])
    }

    func add(_ number: Int) async throws {
        let lamp = Self.lamp(level: 1, scene: "night")
        state.withLock { $0.lamps[number] = lamp }
        try await signal(Self.root, .objectManager, "InterfacesAdded", [.objectPath(Self.path(number)), Self.interfaces(lamp)])
    }

    /// A signal of the service's own.
    func blink(_ number: Int, _ values: [DBusValue]) async throws { try await signal(Self.path(number), Self.interface, "Blinked", values) }

    /// The service says by a signal of its own that a lamp has come, or gone.
    func announce(_ number: Int, isThere: Bool) async throws {
        state.withLock { $0.lamps[number] = isThere ? Self.lamp(level: 1, scene: "night") : nil }
        try await signal(
            Self.root, InterfaceName(verified: "org.example.Lamps"), isThere ? "Added" : "Removed",
            [.string("lamp \(number)"), .objectPath(Self.path(number))])
    }

    func remove(_ number: Int) async throws {
        state.withLock { $0.lamps[number] = nil }
        try await signal(
            Self.root, .objectManager, "InterfacesRemoved", [.objectPath(Self.path(number)), .strings([Self.interface.text])])
    }

    func signal(_ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ values: [DBusValue]) async throws {
        try await connection.send(.signal(path: path, interface: interface, member: MemberName(verified: member), values: values))
    }

    private static let introspection = """
        <node><interface name="org.example.Lamp">
          <property name="Level" type="u" access="read"/>
          <property name="Scene" type="s" access="read">
            <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="invalidates"/></property>
          <property name="Model" type="s" access="read">
            <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/></property>
          <property name="Power" type="u" access="read">
            <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="false"/></property>
        </interface></node>
        """
}
