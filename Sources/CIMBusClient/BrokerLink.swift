import CIM
import CIMBusWire
import DBus
import Logging
import Synchronization

/// One connection to the bus, the broker on it, and the sinks of the operations that are open there. Shared by the sessions made of it.
final class BrokerLink: Sendable {
    static let sinkRoot = "/org/cimbus1/client/sink/"

    private struct Guarded {
        /// The broker's unique name, as the private connection knows it where there is one; nil while there is none.
        var owner: String?
        var sinks: [UInt64: ClientSink] = [:]
        var lastNumber: UInt64 = 0
        /// Set when the connection is lost or closed. No operation opens after that.
        var closure: CIMError?
        /// Sees to it that there is a private connection with the owner.
        var opening: Task<Void, Never>?
    }

    let connection: Connection
    let logger: Logger
    /// The classes that the sessions of this connection have met.
    let classes = ClassCache()
    private let guarded = Mutex(Guarded())

    private init(_ connection: Connection, logger: Logger) {
        self.connection = connection
        self.logger = logger
    }

    /// Connects and finds the broker. Where there is none, the bus is asked to start it. Throws TransportFailure when there is no bus or no
    /// broker on it, and AccessDenied when the bus refuses this process.
    static func connect(to address: BusAddress, on loop: EventLoop?, logger: Logger) async throws(CIMError) -> BrokerLink {
        do {
            var options = ConnectionOptions()
            options.logger = logger
            // dbus-daemon allows 128; a few of them are the connection's own.
            options.maximumUnansweredCalls = 120
            let connection = try await Connection.connect(to: address, on: loop, options: options)
            let link = BrokerLink(connection, logger: logger)
            await connection.setInbound { [weak link] message in link?.receive(message) ?? false }
            connection.onDisconnected { [weak link] error in link?.lost(error) }
            try await BrokerFollower.follow(on: connection) { [weak link] broker in
                link?.brokerChanged(to: broker)
            } leftBus: { [weak link] in
                link?.brokerLeftBus()
            }
            try await link.startBroker()
            await link.guarded.withLock(\.opening)?.value
            return link
        } catch let error as DBusError {
            throw CIMError(transport: error)
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.failed, "\(error)")
        }
    }

    /// Asks the bus to start a broker where none is.
    private func startBroker() async throws {
        if hasBroker { return }
        let name = BusName(Contract.busName)
        let start = try Message.methodCall(
            destination: .bus, path: ObjectPath(verified: "/org/freedesktop/DBus"), interface: .bus,
            member: MemberName(verified: "StartServiceByName"), values: [.string(name.text), .uint32(0)])
        var reason = ""
        do throws(DBusError) { _ = try await connection.call(start) } catch { reason = ": \(error.message)" }
        // What the bus told of the name before its answer to this has been heard.
        _ = try await connection.nameOwner(of: name)
        if hasBroker { return }
        throw CIMError(.transportFailure, "no broker owns \(name.text) on this bus\(reason); start cimbusd there")
    }

    private var hasBroker: Bool { guarded.withLock { $0.owner != nil } }

    /// The broker to send to. Throws TransportFailure while there is none, FatalTransportError once the connection is lost.
    func destination() throws(CIMError) -> BusName {
        let (owner, closure) = guarded.withLock { ($0.owner, $0.closure) }
        if let closure { throw closure }
        guard let owner else { throw CIMError(.transportFailure, "the broker \(Contract.busName) is not running; start cimbusd and retry") }
        return BusName(verified: owner)
    }

    // MARK: Sinks

    /// Registers a sink before its call is sent.
    func openSink(services: ObjectPath, onProgress: (@Sendable (OperationProgress) -> Void)?) -> ClientSink {
        guarded.withLock { guarded in
            guarded.lastNumber += 1
            let sink = ClientSink(guarded.lastNumber, services: services, broker: self, onProgress: onProgress)
            guarded.sinks[guarded.lastNumber] = sink
            return sink
        }
    }

    func forget(_ sink: ClientSink) { guarded.withLock { _ = $0.sinks.removeValue(forKey: sink.number) } }

    func cancel(_ sink: ClientSink) {
        forget(sink)
        tell(sink, "CancelAsyncCall", "o") { $0.append(objectPath: sink.path) }
    }

    func acknowledge(_ sink: ClientSink, batches: UInt32) {
        tell(sink, "Acknowledge", "ou") { writer in
            writer.append(objectPath: sink.path)
            writer.append(uint32: batches)
        }
    }

    /// Sends a call about a sink's operation, the way its request went, and wants no reply. A lost one is harmless: the broker is gone, and so
    /// is the operation.
    private func tell(_ sink: ClientSink, _ member: String, _ signature: String, _ body: @escaping Message.BodyBuilder) {
        guard let destination = try? destination() else { return }
        let message = try? Message.methodCall(
            destination: destination, path: sink.services, interface: Contract.services, member: MemberName(verified: member),
            flags: [.noReplyExpected, .noAutoStart], signature: Signature(verified: signature), body: body)
        guard let message else { return }
        onLoop { connection in
            _ = if sink.wentByBus { try? connection.sendByBus(message) } else { try? connection.send(message) }
        }
    }

    /// Runs on the loop, now or soon; in the order of the calls. Not under a lock that `action` takes.
    func onLoop(_ action: @escaping @Sendable (isolated Connection) -> Void) {
        let connection = connection
        connection.loop.onLoop { connection.assumeIsolated { action($0) } }
    }

    // MARK: What arrives, on the loop

    /// Takes over the calls to this process's sinks.
    private func receive(_ message: Message) -> Bool {
        let isPacked = message.interface == PrivateContract.packedSink.text
        guard isPacked || message.interface == Contract.objectSink.text, let path = message.path, path.hasPrefix(Self.sinkRoot) else {
            return false
        }
        let (sink, owner) = guarded.withLock { guarded in
            (UInt64(path.dropFirst(Self.sinkRoot.utf8.count)).flatMap { guarded.sinks[$0] }, guarded.owner)
        }
        // Only the broker ends an operation; anybody else on the bus may try.
        guard let sender = message.sender, sender == owner else {
            connection.methodCall(message).fail(.accessDenied, "only the broker may call an object sink")
            return true
        }
        // An operation that was cancelled here: what was on its way lost the race.
        guard let sink else { return true }
        switch message.member {
        case "Indicate" where message.hasSignature(isPacked ? "ay" : "aa{sv}"): sink.indicate(message)
        case "SetStatus" where message.hasSignature("iusa{sv}"): setStatus(sink, message)
        default: return false
        }
        if !message.isNoReplyExpected { connection.methodCall(message).reply() }
        return true
    }

    private func setStatus(_ sink: ClientSink, _ message: Message) {
        var reader = message.reader
        do {
            let flags = try reader.readInt32()
            let number = try reader.readUInt32()
            let parameter = try reader.readString()
            switch flags {
            case StatusType.complete:
                let status = WBEMStatus(rawValue: number)
                let object = try reader.readInstance()
                if status.isSuccess {
                    let isEmpty = object.className.isEmpty && object.properties.isEmpty
                    sink.finish(.success(FinalStatus(status: status, parameter: parameter, object: isEmpty ? nil : object)))
                } else {
                    sink.finish(.failure(CIMError(status, parameter: parameter, object: object)))
                }
            case StatusType.progress:
                sink.progress(OperationProgress(packed: number, text: parameter, object: try reader.readInstance()))
            default: break
            }
        } catch {
            sink.finish(.failure(CIMError(.transportFailure, "the broker's status cannot be read: \(error)")))
        }
    }

    private func brokerChanged(to broker: UniqueName?) {
        let old = guarded.withLock { guarded in
            defer { guarded.owner = broker?.text }
            guarded.opening?.cancel()
            guarded.opening = broker.map { broker in Task { [weak self] in await self?.openPrivateConnection(with: broker) } }
            return guarded.owner
        }
        classes.forgetAll()
        if old != nil { endAll(Self.brokerLeft) }
    }

    /// Operations that went by the bus have ended. Those by the private connection go on, and so do new ones.
    private func brokerLeftBus() {
        logger.notice("the bus dropped the broker; its private connection goes on")
        for sink in guarded.withLock({ Array($0.sinks.values) }) where sink.wentByBus { sink.finish(.failure(Self.brokerLeft)) }
    }

    private static let brokerLeft = CIMError(.transportFailure, "the broker \(Contract.busName) left the bus; start cimbusd and retry")

    /// Once for each broker: one whose private connection ended early is spoken to by the bus.
    private func openPrivateConnection(with owner: UniqueName) async {
        let ended: @Sendable (DBusError) -> Void = { [weak self] in self?.privateConnectionEnded(owner, $0) }
        switch await PrivateAccess.open(on: connection, with: owner, ended: ended) {
        case .opened: logger.debug("a private connection leads to the broker \(owner)")
        case .late: logger.debug("the broker \(owner) does not answer; the bus is used until it does")
        case .refused(let error): logger.debug("no private connection with the broker \(owner), so the bus is used: \(error)")
        case .busy:
            // Nobody waits for it.
            Task { [connection] in _ = await PrivateAccess.keepTrying(on: connection, with: owner, ended: ended) }
        }
    }

    /// For the broker this client has ended with it (L6).
    private func privateConnectionEnded(_ owner: UniqueName, _ error: DBusError) {
        guard guarded.withLock({ $0.owner == owner.text }) else { return }
        logger.notice("the private connection with the broker ended: \(error.message); the bus is used from now on")
        endAll(CIMError(.transportFailure, "the private connection with the broker \(Contract.busName) ended: \(error.message); retry"))
    }

    private func lost(_ error: DBusError) {
        let failure = CIMError(.fatalTransportError, "the connection to the bus ended: \(error.message)", cause: error)
        guarded.withLock { if $0.closure == nil { $0.closure = failure } }
        endAll(failure)
    }

    private func endAll(_ error: CIMError) {
        let sinks = guarded.withLock { Array($0.sinks.values) }
        for sink in sinks { sink.finish(.failure(error)) }
    }

    /// Cancels every operation, and ends the connection.
    func close() async {
        let sinks = guarded.withLock { guarded in
            if guarded.closure == nil { guarded.closure = CIMError(.invalidOperation, "the session was closed here") }
            return Array(guarded.sinks.values)
        }
        for sink in sinks { sink.cancel() }
        await connection.close()
    }
}
