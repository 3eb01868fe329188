import CIM
import CIMBusWire
import DBus
import Glibc
import Synchronization

/// A client that knows nothing but the contract: plain D-Bus calls, and sinks that note what arrives.
public final class RawClient: Sendable {
    public let connection: Connection
    private let sinks = Mutex<[String: RawSink]>([:])
    private let number = Atomic<UInt64>(0)
    private let resumption = Mutex<[ThreadSemaphore]>([])

    public static func connect(to bus: PrivateBus, transport: TestTransport = .ofClients) async throws -> RawClient {
        let client = RawClient(try await bus.connect(on: EventLoop(name: "client")))
        await client.connection.setInbound { [weak client] message in client?.receive(message) ?? false }
        if transport.isPrivate { try await client.connection.openPrivateConnection() }
        return client
    }

    private init(_ connection: Connection) { self.connection = connection }

    private func receive(_ message: Message) -> Bool {
        guard message.interface == Contract.objectSink.text, let path = message.path, let event = SinkEvent(message),
            let sink = sinks.withLock({ $0[path] })
        else { return false }
        sink.events.record(event)
        if case .indicate = event, sink.acknowledges { acknowledge(sink, 1) }
        return true
    }

    /// Gives credit back, without waiting for an answer.
    public func acknowledge(_ sink: RawSink, _ batches: UInt32) {
        guard
            let message = try? Message.methodCall(
                destination: BusName(Contract.busName), path: Self.cimv2, interface: Contract.services,
                member: MemberName(verified: "Acknowledge"), flags: .noReplyExpected, values: [.objectPath(sink.path), .uint32(batches)])
        else { return }
        let connection = connection
        connection.loop.execute { connection.assumeIsolated { try? $0.send(message) } }
    }

    public static let cimv2 = ObjectPath(verified: "/org/cimbus1/namespaces/root/cimv2")

    /// A sink of its own, at a path that was never used.
    public func makeSink(acknowledges: Bool = true, at path: ObjectPath? = nil) -> RawSink {
        let path = path ?? ObjectPath(verified: "/sinks/\(number.wrappingAdd(1, ordering: .relaxed).newValue)")
        let sink = RawSink(path, acknowledges: acknowledges)
        sinks.withLock { $0[path.text] = sink }
        return sink
    }

    // MARK: - Calls

    /// Calls a method of the broker and gives what it answers.
    public func call(
        _ path: ObjectPath, _ interface: InterfaceName, _ member: String, _ values: [DBusValue] = [], timeout: Duration = .seconds(30)
    ) async throws -> [DBusValue] {
        let message = try Message.methodCall(
            destination: BusName(Contract.busName), path: path, interface: interface, member: MemberName(verified: member), values: values)
        return try await connection.call(message, timeout: timeout).values()
    }

    /// Calls a method of `org.cimbus1.Services` in root/cimv2.
    public func services(_ member: String, _ values: [DBusValue], timeout: Duration = .seconds(30)) async throws -> [DBusValue] {
        try await call(Self.cimv2, Contract.services, member, values, timeout: timeout)
    }

    public func property(_ path: ObjectPath, _ interface: InterfaceName, _ name: String) async throws -> DBusValue {
        let values = try await call(path, .properties, "Get", [.string(interface.text), .string(name)])
        guard let value = values.first?.unwrapped else { throw ProcessError(description: "no value of \(name)") }
        return value
    }

    public func brokerProperty(_ name: String) async throws -> UInt32 {
        try await property(Contract.rootPath, Contract.broker, name).integer() ?? .max
    }

    /// The names from which the broker calls, that of `org.cimbus1` first.
    public func brokerConnections() async throws -> [String] {
        try await property(Contract.rootPath, Contract.broker, "Connections").elements?.compactMap(\.text) ?? []
    }

    /// The status a call is refused with; nil when it succeeds. The error's name and the number in its text must say the same.
    public func refusal(_ body: () async throws -> Void) async throws -> WBEMStatus? {
        do {
            try await body()
            return nil
        } catch let error as DBusError {
            let status = CIMError(error).status
            guard error.name.text == Contract.errorPrefix + (status.errorName ?? "?"), error.message.hasPrefix(status.hex + " ") else {
                throw ProcessError(description: "an error that is not the contract's: \(error)")
            }
            return status
        }
    }

    // MARK: - Operations

    /// Starts an operation. When this returns, it has been admitted, except in the synchronous form, where that shows at the provider.
    public func start(
        _ operation: RawOperation, _ form: CallForm, flags: Int32 = 0, context: [(String, DBusValue)] = [], sink: RawSink? = nil,
        namespace: ObjectPath = RawClient.cimv2
    ) async throws -> RawOpenOperation {
        var values = operation.values(flags, context)
        let member = operation.member + form.suffix
        switch form {
        case .sync:
            let sent = values
            let reply = Task { try await self.call(namespace, Contract.services, member, sent, timeout: .seconds(60)) }
            return RawOpenOperation(client: self, operation: operation, form: form, path: nil, sink: nil, reply: reply)
        case .semisync: break
        case .async: values.append(.objectPath((sink ?? makeSink()).path))
        }
        let sink = values.last?.text.flatMap { path in sinks.withLock { $0[path] } }
        let reply = try await call(namespace, Contract.services, member, values)
        guard case .objectPath(let path)? = reply.first else { throw ProcessError(description: "\(member) answered with \(reply)") }
        return RawOpenOperation(client: self, operation: operation, form: form, path: path, sink: sink, reply: nil)
    }

    /// Starts an operation and waits for its end.
    public func run(
        _ operation: RawOperation, _ form: CallForm = .sync, flags: Int32 = 0, context: [(String, DBusValue)] = [],
        namespace: ObjectPath = RawClient.cimv2, within duration: Duration = .seconds(10)
    ) async throws -> OperationResult {
        let open = try await start(operation, form, flags: flags, context: context, namespace: namespace)
        return try await open.result(within: duration)
    }

    // MARK: - A client that does not read

    /// From now on nothing is read from the bus, as if the process were stopped.
    public func stopReading() {
        let semaphore = ThreadSemaphore()
        resumption.withLock { $0.append(semaphore) }
        connection.loop.execute { semaphore.wait() }
    }

    public func resumeReading() {
        for semaphore in resumption.withLock({
            let all = $0; $0 = []; return all
        }) { semaphore.signal() }
    }

    public func close() async { await connection.close() }

    deinit { resumeReading() }
}

/// A semaphore that blocks a thread.
private final class ThreadSemaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func wait() { while sem_wait(semaphore) != 0 {} }

    func signal() { sem_post(semaphore) }
}
