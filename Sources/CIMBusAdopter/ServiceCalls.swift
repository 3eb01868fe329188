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

    var message: Message {
        get throws(DBusError) {
            try Message.methodCall(destination: destination, path: path, interface: interface, member: member, flags: flags, values: values)
        }
    }
}

/// Whom an operation's calls go to.
struct ServiceTarget: Sendable {
    var bus: ClassContext.Bus
    var service: BusName
    var starts: Bool
    /// Who owned the name when the first call was answered: an operation's calls all go to one process.
    var owner: BusName?

    init(_ context: ClassContext, owner: BusName? = nil) {
        bus = context.bus
        service = context.service
        starts = context.startsService
        self.owner = owner
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

/// A call, and the number by which its answer is known.
public struct AskedCall: Sendable {
    public var number: Int
    public var call: ServiceCall
}

/// Makes calls of services. The engine knows no more of D-Bus than this, so that a test can stand in for all services.
public protocol ServiceCalling: Sendable {
    func call(_ call: ServiceCall) async throws(DBusError) -> Message

    /// Makes calls, all of them of one service, and tells `answered` of each result, once, on whatever thread.
    func begin(_ calls: [AskedCall], _ answered: @escaping @Sendable (_ number: Int, Result<Message, DBusError>) -> Void)

    /// What is kept of the service's objects; nil where nothing is.
    func cache(_ context: ClassContext) async -> ServiceCache?
}

extension ServiceCalling {
    public func cache(_ context: ClassContext) async -> ServiceCache? { nil }

    public func begin(_ calls: [AskedCall], _ answered: @escaping @Sendable (_ number: Int, Result<Message, DBusError>) -> Void) {
        for numbered in calls {
            Task {
                do throws(DBusError) {
                    answered(numbered.number, .success(try await call(numbered.call)))
                } catch {
                    answered(numbered.number, .failure(error))
                }
            }
        }
    }
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

    private struct Opening {
        var number: UInt64
        var connection: Task<Connection, any Error>
        /// Once it is there.
        var opened: Connection?
    }

    private struct State {
        var openings: [Key: Opening] = [:]
        var lastNumber: UInt64 = 0
    }

    private let own: BusAddress
    private let caches = ServiceCaches()
    private let state = Mutex(State())

    /// - Parameter own: the bus of the broker.
    public init(own: BusAddress) { self.own = own }

    public func call(_ call: ServiceCall) async throws(DBusError) -> Message {
        let key = Key(bus: call.bus, service: call.service)
        let (connection, number) = try await open(key)
        // Where another takes its place, it is closed when the last call that waits on it is over.
        defer { withExtendedLifetime(connection) {} }
        do throws(DBusError) {
            return try await connection.call(try call.message, timeout: call.timeout)
        } catch {
            // To the bus a call that nobody waits for any more is one without a reply, of which a connection may have so many.
            if error.code == .timedOut { forget(key, number) }
            throw error
        }
    }

    public func begin(_ calls: [AskedCall], _ answered: @escaping @Sendable (_ number: Int, Result<Message, DBusError>) -> Void) {
        guard let first = calls.first?.call else { return }
        let key = Key(bus: first.bus, service: first.service)
        if let opening = state.withLock({ $0.openings[key] }), let connection = opening.opened {
            return begin(calls, on: connection, key, opening.number, answered)
        }
        Task {
            do throws(DBusError) {
                let (connection, number) = try await open(key)
                begin(calls, on: connection, key, number, answered)
            } catch {
                for call in calls { answered(call.number, .failure(error)) }
            }
        }
    }

    private func begin(
        _ calls: [AskedCall], on connection: Connection, _ key: Key, _ number: UInt64,
        _ answered: @escaping @Sendable (_ number: Int, Result<Message, DBusError>) -> Void
    ) {
        connection.loop.onLoop { [self] in
            for numbered in calls {
                do throws(DBusError) {
                    // Where another takes the connection's place, it is closed when the last call that waits on it is over.
                    connection.callOnLoop(try numbered.call.message, timeout: numbered.call.timeout) { [self, connection] result in
                        withExtendedLifetime(connection) {
                            if case .failure(let error) = result, error.code == .timedOut { forget(key, number) }
                            answered(numbered.number, result)
                        }
                    }
                } catch {
                    answered(numbered.number, .failure(error))
                }
            }
        }
    }

    public func cache(_ context: ClassContext) async -> ServiceCache? {
        await caches.cache(context) { () async throws(DBusError) in try await self.connection(to: context.service, on: context.bus) }
    }

    /// The connection on which a service is called.
    public func connection(to service: BusName, on bus: ClassContext.Bus) async throws(DBusError) -> Connection {
        try await open(Key(bus: bus, service: service)).connection
    }

    private func open(_ key: Key) async throws(DBusError) -> (connection: Connection, number: UInt64) {
        let opening = state.withLock { state in
            if let opening = state.openings[key] { return opening }
            state.lastNumber += 1
            let number = state.lastNumber
            let opening = Opening(number: number, connection: Task { try await connect(key, number) })
            state.openings[key] = opening
            return opening
        }
        do {
            return (try await opening.connection.value, opening.number)
        } catch {
            forget(key, opening.number)
            throw error as? DBusError ?? DBusError(code: .disconnected, "\(error)")
        }
    }

    private func connect(_ key: Key, _ number: UInt64) async throws -> Connection {
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
        connection.onDisconnected { [weak self] _ in self?.forget(key, number) }
        state.withLock { state in if state.openings[key]?.number == number { state.openings[key]?.opened = connection } }
        return connection
    }

    /// The next call opens another connection.
    private func forget(_ key: Key, _ number: UInt64) {
        state.withLock { state in if state.openings[key]?.number == number { state.openings[key] = nil } }
    }
}
