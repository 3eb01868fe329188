import CIM
import CIMBusWire
import CIMQuery
import DBus
import Glibc
import Logging
import Synchronization

/// The object that the broker calls: who may call, which calls are open, which run, who serves them.
final class ProviderHost: Sendable {
    fileprivate struct State {
        /// The broker's unique name; nil while there is none.
        var broker: UniqueName?
        /// The broker's other connections, from which it calls when providers have left many calls unanswered; and about how many strangers
        /// the broker is being asked.
        var brokersOthers: Set<String> = []
        var strangers = 0
        var open = OpenCalls<OpenCall>()
        /// When the last call ended, or the provider was needed for something else: as ``EventLoop/now``.
        var used = EventLoop.now
        var places: Places<ObjectIdentifier>
        /// Calls without a free place.
        var queued: [ObjectIdentifier: OpenCall] = [:]
        /// The tasks that wait for their call to get a place again.
        var returning: [ObjectIdentifier: [CheckedContinuation<Void, Never>]] = [:]
        /// Whether it will be looked whether a method still runs whose call is to be answered.
        var isDetachScheduled = false
        var idleWaiters: [CheckedContinuation<Void, Never>] = []
    }

    let connection: Connection
    /// Where the provider is registered.
    let namespace: CIMNamespaceName
    private let providers: [CIMName: any Provider]
    /// The ``providers`` that have instances.
    private let instanceProviders: [CIMName: any InstanceProvider]
    /// Those that have methods.
    private let methodProviders: [CIMName: any MethodProvider]
    let options: ProviderService.Options
    let log: FailureLog
    /// The classes of the broker that the provider has met.
    let classes = ClassCache()
    /// The queries that were asked last.
    let queries = Mutex(RecentTexts<ProviderQuery>())
    private let state: Mutex<State>

    init(
        _ connection: Connection, _ providers: [CIMName: any Provider], _ options: ProviderService.Options, _ logger: Logger,
        in namespace: CIMNamespaceName = .cimv2
    ) {
        self.connection = connection
        self.namespace = namespace
        self.providers = providers
        instanceProviders = providers.compactMapValues { $0 as? any InstanceProvider }
        methodProviders = providers.compactMapValues { $0 as? any MethodProvider }
        self.options = options
        log = FailureLog(logger)
        state = Mutex(State(places: Places(options.maximumConcurrentCalls)))
    }

    /// The object to export.
    var object: ExportedObject {
        var methods: [String: MethodImplementation] = [:]
        for method in ProviderMethod.allCases {
            methods[method.rawValue] = .immediate { [self] call in receive(method, call) }
        }
        methods["CancelAsyncCall"] = .immediate { [self] call in cancel(call) }
        var interfaces = [ExportedInterface(Interfaces.provider, methods: methods)]
        if let events = options.events { interfaces.append(eventInterface(events)) }
        return ExportedObject(interfaces)
    }

    // MARK: The broker's life

    /// The name whose calls are taken; nil while there is no broker.
    var broker: UniqueName? { state.withLock { $0.broker } }

    /// From now on the provider listens only to `broker`. Calls of another broker are over (L11).
    func setBroker(_ broker: UniqueName?) {
        guard broker != self.broker else { return }
        classes.forgetAll()
        state.withLock { state in
            state.broker = broker
            state.brokersOthers = []
        }
        dropAll(CIMError(.transportFailure, "the broker is gone"))
    }

    /// For the broker everything is over that was open here.
    /// - Parameter byBus: only what came by the bus.
    func dropAll(_ error: CIMError, byBus: Bool = false) {
        let orphans: [OpenCall] = state.withLock { state in
            if !byBus { state.dropQueued() }
            return state.open.all.filter { !byBus || $0.request.message.arrival == nil }
        }
        if !byBus { options.events?.closed() }
        for call in orphans { call.end(error, answering: false) }
    }

    /// Ends what is open, as when the service stops. Then nobody listens to it either.
    func endAll(_ error: CIMError) {
        options.events?.closed()
        let open = state.withLock { state in
            state.dropQueued()
            return state.open.all
        }
        for call in open { call.abandon(error) }
    }

    /// Waits until no call is open, at most for `limit`. Nil waits as long as it takes.
    func waitUntilIdle(_ limit: Duration?) async {
        var timer: EventLoop.TimerToken?
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.open.isEmpty { return true }
                state.idleWaiters.append(continuation)
                return false
            }
            if isIdle { return continuation.resume() }
            // Only now: a short limit may be over at once.
            if let limit { timer = connection.loop.schedule(after: limit) { [self] in wakeIdleWaiters(evenIfBusy: true) } }
        }
        if let timer { connection.loop.cancel(timer) }
    }

    /// For how long no call has come or been open, and nobody has listened to events; nil while a call is open, or somebody listens.
    var idleTime: Duration? {
        if options.events?.isActive ?? false { return nil }
        return state.withLock { $0.open.isEmpty ? .nanoseconds(EventLoop.now - $0.used) : nil }
    }

    /// Somebody needs the provider, or did until now.
    func noteUse() { state.withLock { $0.used = EventLoop.now } }

    private func wakeIdleWaiters(evenIfBusy: Bool) {
        let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
            guard evenIfBusy || state.open.isEmpty else { return [] }
            defer { state.idleWaiters = [] }
            return state.idleWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Calls, on the loop

    func isFromBroker(_ call: MethodCall, _ broker: UniqueName?) -> Bool {
        guard let broker, let sender = call.sender else { return false }
        return sender == broker.text
    }

    /// Takes over a call as the broker makes them, which is what ``object`` would do with it, too.
    func take(_ message: Message) -> Bool {
        guard message.path == ProviderService.path.text, message.interface == Contract.provider.text,
            let method = message.member.flatMap({ ProviderMethod(rawValue: $0) }), message.hasSignature(method.signature)
        else { return false }
        receive(method, connection.methodCall(message))
        return true
    }

    private func receive(_ method: ProviderMethod, _ call: MethodCall) {
        guard let broker, let sender = call.sender else { return refuse(call) }
        if isFromBroker(call, broker) || state.withLock({ $0.brokersOthers.contains(sender) }) { return accept(method, call, from: broker) }
        askAbout(sender, broker) { [weak self] isBrokers in
            guard let self else { return }
            if isBrokers { accept(method, call, from: broker) } else { refuse(call) }
        }
    }

    func refuse(_ call: MethodCall) {
        call.fail(.accessDenied, "only the owner of \(Contract.busName), and whom it names in Connections, may call a provider")
    }

    private static let mostStrangers = 8

    /// Whether the broker calls from this connection, too (`org.cimbus1.Broker.Connections`): the broker itself is asked.
    private func askAbout(_ stranger: String, _ broker: UniqueName, then: @escaping @Sendable (Bool) -> Void) {
        let mayAsk = state.withLock { state in
            guard state.strangers < Self.mostStrangers else { return false }
            state.strangers += 1
            return true
        }
        guard mayAsk,
            let question = try? Message.propertyGet(
                "Connections", of: Contract.broker, at: Contract.rootPath, destination: BusName(broker))
        else { return then(false) }
        connection.assumeIsolated { connection in
            connection.call(question) { [weak self] result in
                var names: Set<String> = []
                if case .success(let reply) = result, let list = (try? reply.values())?.first?.elements {
                    names = Set(list.compactMap(\.text))
                }
                self?.state.withLock { state in
                    state.strangers -= 1
                    if state.broker == broker { state.brokersOthers = names }
                }
                then(names.contains(stranger))
            }
        }
    }

    private func accept(_ method: ProviderMethod, _ call: MethodCall, from broker: UniqueName) {
        let sink: ObjectPath
        do {
            sink = try method.sink(of: call)
        } catch {
            _ = call.fail(.invalidArguments, "\(error)")
            return
        }
        let open = OpenCall(method, call, on: connection, sink: sink, broker: BusName(broker), host: self)
        let mayRun = state.withLock { state in
            state.open.insert(open)
            if state.places.arrived(ObjectIdentifier(open)) { return true }
            state.queued[ObjectIdentifier(open)] = open
            return false
        }
        if mayRun { start(open) }
    }

    private func cancel(_ call: MethodCall) {
        var reader = call.reader
        let isBroker = isFromBroker(call, broker)
        guard isBroker, let path = try? reader.readObjectPath(), let open = state.withLock({ $0.open.call(of: path) }) else { return }
        open.end(CIMError(.callCancelled, "the operation was cancelled"), answering: true)
    }

    private func start(_ open: OpenCall) {
        open.started.store(EventLoop.now, ordering: .relaxed)
        if options.staysOnLoop {
            Task(executorPreference: connection.loop) { await open.run() }
        } else {
            connection.loop.runAside(open)
        }
        detachLater(options.replyDelay)
    }

    /// Answers calls whose methods take longer, and keeps a reference for each. One timer serves all calls.
    private func detachLater(_ delay: Duration) {
        let mustSchedule = state.withLock { state in
            defer { state.isDetachScheduled = true }
            return !state.isDetachScheduled
        }
        if mustSchedule { connection.loop.schedule(after: delay) { [weak self] in self?.detachOverdue() } }
    }

    private func detachOverdue() {
        let calls = state.withLock { state in
            // Before it is looked: who begins now sees to himself.
            state.isDetachScheduled = false
            return state.open.all
        }
        let now = EventLoop.now
        // The longest of those that have not run for so long.
        var longest: Duration?
        for call in calls {
            let started = call.started.load(ordering: .relaxed)
            // It waits for its place, and is looked at when it has begun.
            guard started > 0 else { continue }
            let time = Duration.nanoseconds(now - started)
            if time >= options.replyDelay {
                call.detachIfCalling()
            } else if time > longest ?? .nanoseconds(-1), !call.isAnswered {
                longest = time
            }
        }
        if let longest { detachLater(options.replyDelay - longest) }
    }

    // MARK: Places

    /// A provider's method has returned: the next call may run.
    func returned(_ call: OpenCall) {
        giveUpPlace { $0.ended(ObjectIdentifier(call)) }
        // Tasks of its own that outlive it go on without a place.
        let tasks = state.withLock { $0.returning.isEmpty ? nil : $0.returning.removeValue(forKey: ObjectIdentifier(call)) }
        for task in tasks ?? [] { task.resume() }
    }

    private func giveUpPlace(_ decide: (inout Places<ObjectIdentifier>) -> Places<ObjectIdentifier>.Next?) {
        enum Action { case resume([CheckedContinuation<Void, Never>]), start(OpenCall) }
        let action: Action? = state.withLock { state in
            switch decide(&state.places) {
            case .resume(let call): .resume(state.returning.removeValue(forKey: call) ?? [])
            // Calls that were cancelled while they waited have had their answer, and return at once.
            case .start(let call): state.queued.removeValue(forKey: call).map { .start($0) }
            case nil: nil
            }
        }
        switch action {
        case .resume(let continuations): for continuation in continuations { continuation.resume() }
        case .start(let call): start(call)
        case nil: break
        }
    }

    /// Lets other calls run while `body` waits for another provider's answer, which may lead back to this provider, or for a client to take
    /// objects. So a provider that serves one call at a time may ask for its own classes (R13), and a slow client keeps no other client
    /// waiting.
    func givingUpPlace<Result: Sendable, Failure: Error>(
        of call: OpenCall, _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        giveUpPlace { $0.left(ObjectIdentifier(call)) }
        let result: Swift.Result<Result, Failure>
        do throws(Failure) { result = .success(try await body()) } catch { result = .failure(error) }
        await withCheckedContinuation { continuation in
            let mayGoOn = state.withLock { state in
                if state.places.cameBack(ObjectIdentifier(call)) { return true }
                state.returning[ObjectIdentifier(call), default: []].append(continuation)
                return false
            }
            if mayGoOn { continuation.resume() }
        }
        return try result.get()
    }

    /// Nothing more is owed for this call.
    func ended(_ call: OpenCall) {
        let isIdle = state.withLock { state in
            state.open.remove(call)
            state.used = EventLoop.now
            return state.open.isEmpty && !state.idleWaiters.isEmpty
        }
        if isIdle { wakeIdleWaiters(evenIfBusy: false) }
    }

    // MARK: Serving

    /// Runs the provider's method for the call.
    func serve(_ open: OpenCall) async {
        do {
            if open.isOver { throw CancellationError() }
            open.finish(try await perform(open))
        } catch {
            log.threw(error, in: open)
            open.finish(.failed(CIMError(thrown: error)))
        }
    }

    private func perform(_ open: OpenCall) async throws -> OpenCall.Outcome {
        var reader = open.request.reader
        let namespace = try reader.readNamespace(namespace)
        switch open.operation {
        case .getObject:
            let path = try reader.readPath()
            let provider = try instances(path.className)
            let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
            return .object(try await provider.getInstance(at: path, context: context))
        case .deleteInstance:
            let path = try reader.readPath()
            let provider = try instances(path.className)
            let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
            try checkMayChange(path.className, Self.writeProvider, context)
            try await provider.deleteInstance(at: path, context: context)
            return .done
        case .createInstanceEnum:
            let name = try reader.readString()
            let provider = try instances(name)
            let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
            try await provider.enumerateInstances(of: name, context: context, into: ObjectSink(call: open))
            return .done
        case .putInstance:
            let start = reader
            let plain = try reader.readInstance()
            let provider = try instances(plain.className)
            let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
            if context.isPartialPut, !provider.supportsPartialPut {
                throw CIMError(.providerNotCapable, "instances of \(plain.className) are written whole, not in part")
            }
            try checkMayChange(plain.className, Self.writeProvider, context)
            let instance = try await context.readObject(start, of: plain.className, in: namespace)
            try await refuseReadOnly(instance, provider, context)
            let path = try await provider.putInstance(instance, context: context)
            return path.map { .path($0.relativePath) } ?? .done
        case .execQuery: return try await execQuery(&reader, namespace, open)
        case .execMethod:
            let path = try reader.readPath()
            let name = try reader.readString()
            guard let provider = methodProviders[CIMName(path.className)] else {
                _ = try provider(path.className)
                throw CIMError(.methodNotImplemented, "\(path.className) has no methods here")
            }
            let context = RequestContext(namespace: namespace, flags: try reader.readInt32(), context: try reader.passContext(), call: open)
            try checkMayChange(path.className, Self.methodExecute, context)
            let parameters = try await context.readObject(reader, of: path.className, in: namespace) { layout in
                layout.method(named: name)?.input
            }
            let result = try await provider.invoke(name, at: path, parameters: parameters, context: context)
            return result.object.map { .object($0) } ?? .done
        }
    }

    private static let methodExecute: (bit: UInt32, name: String) = (0x2, "MethodExecute")
    private static let writeProvider: (bit: UInt32, name: String) = (0x10, "WriteProvider")

    /// Throws AccessDenied where the client is none of ``ProviderService/Options/writers``.
    private func checkMayChange(_ className: String, _ right: (bit: UInt32, name: String), _ context: RequestContext) throws(CIMError) {
        guard options.writers == .rootAndOwner else { return }
        let user = context.clientUserID
        if user == 0 || user == geteuid() || context.clientGrants & right.bit != 0 { return }
        throw CIMError(
            .accessDenied,
            "the provider of \(className) lets root and its own user, uid \(geteuid()), change anything, and not \(user.map { "uid \($0)" } ?? "a client whom nobody named"); "
                + "an administrator's rule lets others: allow user:\(user.map { "\($0)" } ?? "UID") \(right.name) \(context.namespace) class \(className)"
        )
    }

    func provider(_ className: String) throws(CIMError) -> any Provider {
        guard let provider = providers[CIMName(className)] else {
            throw CIMError(.invalidClass, "this provider does not serve class \(className)")
        }
        return provider
    }

    private func instances(_ className: String) throws(CIMError) -> any InstanceProvider {
        if let provider = instanceProviders[CIMName(className)] { return provider }
        _ = try provider(className)
        throw CIMError(.providerNotCapable, "this provider has no instances of \(className)")
    }
}

extension ProviderHost.State {
    /// Nobody waits for these calls any more.
    fileprivate mutating func dropQueued() {
        for call in queued.keys { _ = places.ended(call) }
        queued = [:]
    }
}
