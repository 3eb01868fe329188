import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus
import Glibc
import Logging

/// One broker on one bus: it carries out what ``BrokerCore`` decides.
///
/// The actor runs on the connection's own loop, so that a message is read, decided and answered without a change of threads, and nothing
/// happens between a decision and its effects. Nothing in it awaits while it works on a message, and nothing blocks but the file into which a
/// large hierarchy spills (``MergeTable``).
public actor Broker {
    public static let version = Contract.version

    nonisolated let loop: EventLoop
    let connection: Connection
    /// A part of it changes by ``reload()``.
    var configuration: BrokerConfiguration
    let logger: Logger
    var host: CoreHost
    /// What the core knows. Only ``tell(_:)`` changes it.
    var core: BrokerCore { _read { yield host.core } }
    let schema: SchemaStore
    let repository: Repository
    /// The namespace of each object path.
    var namespaces: [String: CIMNamespaceName] { didSet { lastNamespace = nil } }
    /// The one that was asked for last: the next request is mostly about the same.
    var lastNamespace: (path: String, name: CIMNamespaceName)?

    // What the core knows by number.
    var records = OperationRecords()
    var payloads = Payloads()
    var calls = WaitingCalls()
    var knownContext = ServicesCall.KnownContext()
    /// What waits for others of objects that the parts of an operation complete.
    var merges: [OperationID: HierarchyMerge] = [:]
    /// Whose page it is that a call of the core's is about.
    var turns: [CallID: OperationID] = [:]
    /// What all merges may take together.
    let mergeBudget = MergeBudget.ofAll

    let peers = PeerDirectory()
    let lanes: BusLanes
    var registrations = Registrations()
    var gate = LogGate()
    var flights = FlightRecorder()
    var metrics = Metrics()
    var metricsSocket: MetricsSocket?
    /// New classes that processes of each user have brought with their registrations, and bytes of texts that changed something.
    var brought: [UInt32: (classes: Int, bytes: Int)] = [:]
    var announcements = Announcements()
    var burden: BusBurden
    /// Who wants which events, and the sinks into which providers raise them.
    var subscribers = Subscribers()
    var eventSinks = EventSinks()
    /// What looks at polled instances found.
    var polled: [LookID: PolledInstances] = [:]
    var permanents = PermanentSubscriptions()
    let consumersConnection: ConsumersConnection
    /// What has arrived, and waits for its user's turn.
    var lines = Turns<Arrival>()
    var isTakingTurns = false
    /// Whether all of it waits for its user's share of the time.
    var isPausing = false
    /// Whether memory will be given back to the system in a moment.
    var isGivingBack = false
    var auditFile: AuditFile?
    var authorizations = Authorizations()
    private(set) var isStopped = false

    // Whether it is on its bus: which one that is, why the broker left it and under which names, and how often it has come back.
    var presence: BusPresence
    var busID = ""
    var reasonForLeaving = ""
    var formerNames: Set<String> = []
    var absences = 0

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private init(
        _ connection: Connection, _ configuration: BrokerConfiguration, _ repository: Repository, _ rules: [RightsRule]
    ) {
        self.connection = connection
        lanes = BusLanes(connection)
        consumersConnection = ConsumersConnection(configuration.address, on: connection.loop)
        self.configuration = configuration
        presence = BusPresence(grace: configuration.busGrace)
        loop = connection.loop
        logger = configuration.logger
        host = CoreHost(
            limits: configuration.limits, rights: Rights(broker: getuid(), allowed: configuration.allowedRegistrations, rules: rules))
        burden = BusBurden(limits: configuration.limits)
        self.repository = repository
        schema = SchemaStore(repository.schema)
        namespaces = [:]
    }

    /// Connects, exports the contract's objects, and takes the name: from then on it serves.
    ///
    /// - Throws: ``CIMBusError``: no bus, or no right to the name, or another broker has it; a repository that cannot be opened.
    public static func start(_ configuration: BrokerConfiguration) async throws(CIMBusError) -> Broker {
        var options = ConnectionOptions()
        options.logger = configuration.logger
        // The core bounds what clients may leave unread far below this; reaching it means that the bus itself does not read.
        options.maximumQueuedBytes = 256 << 20
        // A broker that stops reading reads no acknowledgement either. What it holds of messages is bounded where it holds them.
        options.maximumReceivedBytes = 64 << 30
        let rules: [RightsRule]
        do throws(RightsFiles.Fault) {
            rules = try RightsFiles(directories: configuration.rightsDirectories, owner: getuid()).read()
        } catch {
            throw CIMBusError(.noRights, "the rules of rights cannot be used: \(error)")
        }
        let repository: Repository
        do throws(CIMError) {
            let server = configuration.server ?? Self.hostName()
            repository =
                if let path = configuration.repository { try await .open(path, server: server) } else {
                    try await .inMemory(server: server)
                }
        } catch {
            throw CIMBusError(.noRepository, error.message)
        }
        let connection: Connection
        do throws(DBusError) {
            connection = try await Connection.connect(to: configuration.address, on: EventLoop(name: "cimbusd"), options: options)
        } catch {
            throw CIMBusError(.noBus, "no message bus at \(configuration.address): \(error.message); is one running there?")
        }
        let broker = Broker(connection, configuration, repository, rules)
        do throws(CIMBusError) {
            try await broker.openFiles()
        } catch {
            await connection.close()
            throw error
        }
        do throws(DBusError) {
            // Nobody is served whose end would go unnoticed.
            _ = try await connection.onNameVanished { [weak broker] name, _ in
                broker?.assumeIsolated { $0.nameVanished(name) }
            }
            try await broker.outliveBus()
            await broker.exportObjects()
            await broker.expectComebacks()
            await broker.reviewStored()
            switch try await connection.requestName(Contract.busName) {
            case .primaryOwner, .alreadyOwner: break
            case .queued, .exists:
                throw DBusError(.failed, "another broker owns it; one broker runs on each bus")
            }
        } catch {
            await connection.close()
            throw CIMBusError(.noName, "cannot own \(Contract.busName) on \(configuration.address): \(error.message)")
        }
        do throws(CIMBusError) {
            try await broker.offerMetrics()
        } catch {
            await connection.close()
            throw error
        }
        configuration.logger.info(
            "serving \(Contract.busName) on \(configuration.address) as \(connection.uniqueName)", metadata: LogMessage.serving.metadata())
        return broker
    }

    private func openFiles() throws(CIMBusError) {
        if let path = configuration.trace { try host.startTrace(at: path) }
        if let path = configuration.audit { auditFile = try AuditFile(path) }
    }

    /// Only whose name it is takes over a socket that another broker left.
    private func offerMetrics() throws(CIMBusError) {
        if let path = configuration.metricsSocket { metricsSocket = try openMetricsSocket(path) }
    }

    /// Suspends until the bus is lost for good or the broker was stopped. Throws when it was the bus.
    public nonisolated func untilStopped() async throws(CIMBusError) {
        let reason = await connection.closed
        if await isStopped { return }
        throw CIMBusError(.busLost, "the message bus went away: \(reason.message)")
    }

    /// Ends every operation with ShuttingDown, gives the name back, and closes the connection. Nothing accepted stays without its end.
    public func stop() async {
        guard !isStopped else { return }
        isStopped = true
        presence.stopped()
        tell { $0.shutDown() }
        await connection.flushPrivateConnections(within: .seconds(1))
        try? await connection.releaseName(Contract.busName)
        await repository.close()
        closeLanes()
        await authorizations.connection?.close()
        await consumersConnection.close()
        metricsSocket?.close()
        // Whoever waits for the end of the connection finds everything closed. The bus answered only after it had read what was sent before:
        // nothing of it is lost.
        await connection.close()
        logger.info("stopped", metadata: LogMessage.stopped.metadata())
    }

    /// Has something done on the broker's loop, now and then again, until the broker stops: what a loop that is stuck does not do.
    public nonisolated func repeatedly(every interval: Duration, _ action: @escaping @Sendable () -> Void) {
        loop.schedule(after: interval) { [weak self] in
            guard let self, !assumeIsolated({ $0.isStopped }) else { return }
            action()
            repeatedly(every: interval, action)
        }
    }

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: - Effects

    /// Carries one effect out.
    func perform(_ effect: Effect) {
        switch effect {
        case .deliver(let id, let payload): deliver(id, payload)
        case .discard(let payload): payloads.discard(payload)
        case .deliverEvents(let id, let events, let lost): deliver(id, events, lost: lost)
        case .lose(let id, let event, let queued): lose(id, event, queued: queued)
        case .closeGroup(let id, let first, let count): closeGroup(id, first, count)
        case .progress(let id, let progress): report(id, progress)
        case .finish(let id, let outcome): finish(id, outcome)
        case .abandon(let id):
            if let record = records[id], record.form != .part { audit(id, record, .callCancelled, nil) }
            forget(id)
        case .expire(let id): forget(id)
        case .conduct(let id): conduct(id)
        case .ask(let whole, let index): ask(whole, index)
        case .answerNext(let call, let id, let objects, let status): answerNext(call, id, objects, status)
        case .answerSkip(let call, let id, let objects, let status): answerSkip(call, id, objects, status)
        case .answerResult(let call, let id, let ready): answerResult(call, id, ready)
        case .call(let sink): callProvider(sink)
        case .credit(let call, let status): creditIndicate(call, status)
        case .cancelCall(let sink, let peer, let registration): tellCancelled(sink, peer, registration)
        case .askAccess(let source, let id): askAccess(source, id)
        case .newQuery(let source, let id, let query): tellNewQuery(source, id, query)
        case .cancelQuery(let source, _, let query): tellCancelled(query, source)
        case .listenersChanged(let source): announce(.eventSink(source))
        case .sourceClosed(let source): closedSource(source)
        case .look(let poll, let look, let id): self.look(poll, look, by: id)
        case .compare(let poll, let older, let newer, let watchers): compare(poll, older, with: newer, for: watchers)
        case .forgetLook(let look): polled[look] = nil
        case .fire(let timer, let firings): fired(timer, firings)
        case .start(let id): start(id)
        case .openLane(let lane): openLane(lane)
        case .closeLane(let lane): closeLane(lane)
        case .ping(let peer, let lane): ping(peer, by: lane)
        case .probe(let peer): probe(peer)
        case .registrationChanged(let id): registrationChanged(id)
        case .note(let note): log(note)
        }
    }

    private func log(_ note: Note) {
        let who = words(note)
        let sink = note.sink.map { ", sink \($0.number)" } ?? ""
        let text = note.text.clipped(1024)
        let uid = note.peer.flatMap { self.uid(of: $0) } ?? note.serving.first.flatMap { core.registry.find($0)?.uid }
        func metadata(_ message: LogMessage) -> Logger.Metadata { message.metadata(fields(of: note, uid)) }
        switch note.event {
        case .responsive: logger.notice("\(who)\(sink): \(text)", metadata: metadata(.providerUnresponsive))
        // What is no provider may say as much as it likes.
        case .violation where note.serving.isEmpty:
            logger.debug("\(who)\(sink) broke the contract: \(text)")
        case .violation: log(.info, .violation, of: uid, "\(who)\(sink) broke the contract: \(text)", metadata(.providerViolated))
        case .startFailed: logger.warning("cannot start provider \(text)", metadata: metadata(.startFailed))
        case .leak: log(.warning, .violation, of: uid, "\(who)\(sink): \(text)", metadata(.providerLeaked))
        case .vanished: log(.warning, .violation, of: uid, "\(who)\(sink): \(text)", metadata(.providerVanished))
        case .unresponsive: log(.warning, .violation, of: uid, "\(who)\(sink): \(text)", metadata(.providerUnresponsive))
        case .lostReply: log(.warning, .violation, of: uid, "\(who)\(sink): \(text)", metadata(.providerViolated))
        case .bug:
            logger.critical(
                "this is a bug of cimbusd; please report it with what was done before: \(text)", metadata: metadata(.bug))
            assertionFailure(text)
        }
    }

    /// What the journal can be searched for.
    private func fields(of note: Note, _ uid: UInt32?) -> [(name: String, value: String)] {
        let operation = note.sink.flatMap { core.legs[$0]?.operation }
        return [
            ("provider", note.serving.compactMap { core.registry.find($0)?.name }.joined(separator: ",")),
            ("operation", operation.map { "\($0.number)" } ?? ""),
            ("class", operation.flatMap { records[$0]?.className }.map { $0.clipped() } ?? ""),
            ("client_uid", uid.map { "\($0)" } ?? ""), ("client_pid", note.pid.map { "\($0)" } ?? ""),
        ]
    }
}
