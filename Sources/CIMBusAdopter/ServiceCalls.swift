import CIM
import CIMAdoption
import DBus
import Synchronization

/// A call of a service's method.
public struct ServiceCall: Sendable {
    public var bus: ClassContext.Bus
    /// The service as its mapping names it.
    public var service: BusName
    /// Whom the call goes to: the service, or the connection that owns its name.
    public var destination: BusName
    public var path: ObjectPath
    public var interface: InterfaceName
    public var member: MemberName
    public var values: [DBusValue]
    public var flags: Message.Flags = []
    public var timeout: Duration

    static func getAll(
        _ interface: InterfaceName, at path: ObjectPath, _ target: ServiceTarget, timeout: Duration
    ) -> ServiceCall {
        ServiceCall(target, path, .properties, MemberName(verified: "GetAll"), [.string(interface.text)], timeout: timeout)
    }

    static func get(_ place: PropertyPlace, at path: ObjectPath, _ target: ServiceTarget, timeout: Duration) -> ServiceCall {
        ServiceCall(
            target, path, .properties, MemberName(verified: "Get"), [.string(place.interface.text), .string(place.name)], timeout: timeout)
    }

    init(
        _ target: ServiceTarget, _ path: ObjectPath, _ interface: InterfaceName, _ member: MemberName, _ values: [DBusValue] = [],
        timeout: Duration
    ) {
        bus = target.bus
        service = target.service
        destination = target.owner ?? target.service
        self.path = path
        self.interface = interface
        self.member = member
        self.values = values
        self.timeout = timeout
        if !target.starts { flags = .noAutoStart }
    }
}

/// Whom an operation's calls go to.
struct ServiceTarget: Sendable {
    var bus: ClassContext.Bus
    var service: BusName
    var starts: Bool
    /// Who owned the name when the first call was answered: an operation's calls all go to one process.
    var owner: BusName?

    init(_ context: ClassContext) {
        bus = context.bus
        service = context.service
        starts = context.startsService
    }

    init(_ service: BusName, on bus: ClassContext.Bus) {
        self.bus = bus
        self.service = service
        starts = true
    }

    /// From now on calls go to whoever sent this reply.
    mutating func keep(_ reply: Message) {
        if owner == nil, let sender = reply.sender, sender.hasPrefix(":") { owner = BusName(verified: sender) }
    }
}

/// Makes calls of services. The engine knows no more of D-Bus than this, so that a test can stand in for all services.
public protocol ServiceCalling: Sendable {
    func call(_ call: ServiceCall) async throws(DBusError) -> Message
}

/// The connections by which services are called: one for each service, so that what one service sends, or does not take, is no matter of the
/// others. A connection that ended is opened anew by the next call.
public final class ServiceConnections: ServiceCalling {
    /// So many calls of one service wait for a reply at once.
    public static let callsInFlight = 64

    private struct Key: Hashable {
        var bus: ClassContext.Bus
        var service: BusName
    }

    private struct State {
        var connections: [Key: Task<Connection, any Error>] = [:]
    }

    private let own: BusAddress
    private let state = Mutex(State())

    /// - Parameter own: the bus of the broker.
    public init(own: BusAddress) { self.own = own }

    public func call(_ call: ServiceCall) async throws(DBusError) -> Message {
        let connection = try await connection(Key(bus: call.bus, service: call.service))
        let message = try Message.methodCall(
            destination: call.destination, path: call.path, interface: call.interface, member: call.member, flags: call.flags,
            values: call.values)
        return try await connection.call(message, timeout: call.timeout)
    }

    /// The connection on which a service is called.
    public func connection(to service: BusName, on bus: ClassContext.Bus) async throws(DBusError) -> Connection {
        try await connection(Key(bus: bus, service: service))
    }

    private func connection(_ key: Key) async throws(DBusError) -> Connection {
        let opening = state.withLock { state in
            if let opening = state.connections[key] { return opening }
            let opening = Task { try await open(key) }
            state.connections[key] = opening
            return opening
        }
        do {
            return try await opening.value
        } catch {
            forget(key)
            throw error as? DBusError ?? DBusError(code: .disconnected, "\(error)")
        }
    }

    private func open(_ key: Key) async throws -> Connection {
        var options = ConnectionOptions()
        options.maximumUnansweredCalls = Self.callsInFlight
        options.maximumReceivedBytes = 32 << 20
        let address: BusAddress =
            switch key.bus {
            case .own: own
            case .system: .system
            case .session: .session
            }
        let connection = try await Connection.connect(to: address, options: options)
        connection.onDisconnected { [weak self] _ in self?.forget(key) }
        return connection
    }

    private func forget(_ key: Key) { state.withLock { _ = $0.connections.removeValue(forKey: key) } }
}
