import CIM
import CIMBusWire
import DBus
import Logging

#if !WITHOUT_SERVICE_LIFECYCLE
    import ServiceLifecycle
#endif

/// The life of one connection: it follows the broker's name, and keeps the provider registered with the owner of that name.
struct ProviderSession {
    private enum Event: Sendable {
        /// ``ProviderHost/broker`` says to whom.
        case brokerChanged
        /// The private connection with this broker has ended, and with it the registration.
        case cutOff(UniqueName)
        /// With how long it may be idle then; nil: for ever.
        case registered(UniqueName, idleLimit: Duration?)
        case refused(UniqueName, CIMError)
        case idle
        /// It has unregistered, and what was open has ended or had its time.
        case drained
        case disconnected(DBusError)
        case shutdown
    }

    let connection: Connection
    let service: ProviderService
    let host: ProviderHost
    private let events: AsyncStream<Event>
    private let post: AsyncStream<Event>.Continuation

    init(_ connection: Connection, _ service: ProviderService, _ host: ProviderHost) {
        self.connection = connection
        self.service = service
        self.host = host
        (events, post) = AsyncStream.makeStream()
    }

    func run() async throws {
        await connection.export(host.object, at: ProviderService.path)
        await connection.setInbound { [host] message in host.take(message) }
        do throws(DBusError) {
            try await ownName()
            connection.onDisconnected { [post] in post.yield(.disconnected($0)) }
            try await followBroker()
        } catch {
            // What it exports holds the connection: nobody else would end it.
            await connection.close()
            throw error
        }
        // In a task of its own: a cancelled one could neither unregister nor wait.
        let serving = Task { try await serve() }
        #if !WITHOUT_SERVICE_LIFECYCLE
            try await withTaskCancellationOrGracefulShutdownHandler {
                try await serving.value
            } onCancelOrGracefulShutdown: { [post] in
                post.yield(.shutdown)
            }
        #else
            try await withTaskCancellationHandler {
                try await serving.value
            } onCancel: { [post] in
                post.yield(.shutdown)
            }
        #endif
    }

    private func serve() async throws {
        let result: Result<Void, any Error>
        do { result = .success(try await handleEvents()) } catch { result = .failure(error) }
        var reason = CIMError(.shuttingDown, "the provider \(service.name) stops")
        if case .failure(let error as CIMError) = result { reason = error }
        host.endAll(reason)
        await connection.flushPrivateConnections(within: .seconds(1))
        // A round trip: what was sent before has left when it returns.
        _ = try? await connection.nameOwner(of: BusName(Contract.busName))
        await connection.close()
        try result.get()
    }

    /// The name that starts this provider says that it runs, so that no second one is started.
    private func ownName() async throws(DBusError) {
        guard let name = service.options.busName else { return }
        switch try await connection.requestName(name) {
        case .primaryOwner, .alreadyOwner: break
        case .queued, .exists: service.logger.notice("\(name) belongs to another process; is this provider running twice?")
        }
    }

    private func followBroker() async throws(DBusError) {
        try await BrokerFollower.follow(on: connection) { [host, post] broker in
            // At once, on the loop: calls of the new broker are behind this, and what the old one said by its socket is before it.
            host.setBroker(broker)
            post.yield(.brokerChanged)
        } leftBus: { [host, logger = service.logger] in
            logger.notice("the bus dropped the broker; its private connection goes on")
            host.dropAll(CIMError(.transportFailure, "the broker left the bus"), byBus: true)
        }
        if host.broker == nil { service.logger.info("waiting for a broker on the bus") }
    }

    private func handleEvents() async throws {
        var registering: Task<Void, Never>?
        var broker: UniqueName?
        var isRegistered = false
        var idling: Task<Void, Never>?
        /// Set once it is to end: from then on it registers no more.
        var draining: Task<Void, Never>?
        var isShutDown = false
        defer { for task in [registering, idling, draining] { task?.cancel() } }
        for await event in events {
            switch event {
            case .brokerChanged:
                guard draining == nil, host.broker != broker else { continue }
                registering?.cancel()
                broker = host.broker
                isRegistered = false
                if let broker {
                    registering = Task { await register(with: broker, privately: true) }
                } else {
                    service.logger.notice("the broker is gone; waiting for it")
                }
            case .cutOff(let owner):
                guard draining == nil, owner == broker else { continue }
                registering?.cancel()
                isRegistered = false
                // By the bus: whatever ended the one would end the next.
                registering = Task { await register(with: owner, privately: false) }
            case .registered(let owner, let idleLimit):
                guard draining == nil, owner == broker else { continue }
                isRegistered = true
                service.logger.info("registered", metadata: ["provider": "\(service.name)", "namespace": "\(service.namespace)"])
                service.options.onRegistered?()
                idling?.cancel()
                idling = idleLimit.map { limit in
                    Task {
                        await waitForIdleness(limit)
                        if !Task.isCancelled { post.yield(.idle) }
                    }
                }
            case .refused(let owner, let error):
                guard draining == nil, owner == broker else { continue }
                service.logger.error("the broker refuses to register provider \(service.name) in \(service.namespace): \(error)")
                throw error
            case .idle:
                guard draining == nil else { continue }
                service.logger.info("nobody needs it; the provider ends")
                // What came in meanwhile is served.
                let registrar = isRegistered ? broker : nil
                draining = Task { await drain(registrar, within: nil) }
            case .shutdown:
                registering?.cancel()
                isShutDown = true
                let registrar = isRegistered && draining == nil ? broker : nil
                draining = Task { await drain(registrar, within: service.options.shutdownGrace) }
            case .drained: return
            case .disconnected(let error):
                // What it was told to leave may be gone before it.
                if isShutDown { return }
                throw CIMError(error)
            }
        }
    }

    /// Takes no new calls, and posts when those that are open have ended.
    private func drain(_ broker: UniqueName?, within limit: Duration?) async {
        if let broker { await unregister(from: broker) }
        await host.waitUntilIdle(limit)
        post.yield(.drained)
    }

    /// Tries until the provider is registered, the broker refuses for good, or the task is cancelled.
    private func register(with broker: UniqueName, privately: Bool) async {
        var failure: CIMError?
        if let initialize = service.options.initialize {
            do {
                try await initialize(.init(user: service.options.user, locale: nil, namespace: service.namespace))
            } catch {
                failure = CIMError(thrown: error)
            }
        }
        let initializationFailure = failure
        if privately { await openPrivateConnection(with: broker) }
        let start = ContinuousClock.now
        var pause = Duration.milliseconds(50)
        var told = ""
        while !Task.isCancelled {
            let failure: CIMError
            do throws(DBusError) {
                let registration = try await callRegister(broker, failure: initializationFailure)
                post.yield(.registered(broker, idleLimit: await idleLimit(broker)))
                if let registration { await checkServes(registration, of: broker) }
                await checkDeclarations(at: broker)
                return
            } catch {
                failure = CIMError(error)
            }
            guard isWorthAnotherTry(failure.status, after: ContinuousClock.now - start) else {
                return _ = post.yield(.refused(broker, failure))
            }
            // Once for each reason, however long it lasts.
            let text = "provider \(service.name) cannot register yet, and tries again: \(failure)"
            service.logger.log(level: told == text ? .debug : .notice, "\(text)")
            told = text
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// Before it registers: the broker calls a provider the way it registered.
    private func openPrivateConnection(with broker: UniqueName) async {
        let outcome = await PrivateAccess.keepTrying(on: connection, with: broker, wantsLifeline: true) { [host, service, post] error in
            guard host.broker == broker else { return }
            service.logger.notice("the private connection with the broker ended: \(error.message)")
            // For the broker this provider has ended with it (L6).
            host.dropAll(CIMError(.transportFailure, "the private connection with the broker ended"))
            post.yield(.cutOff(broker))
        }
        switch outcome {
        case .opened: service.logger.debug("a private connection leads to the broker \(broker)")
        case .late: service.logger.debug("the broker \(broker) does not answer; the bus is used until it does")
        case .refused(let error), .busy(let error):
            EventLoop.tellOfEndEarly()
            service.logger.debug("no private connection with the broker \(broker), so the bus is used: \(error)")
        }
    }

    private static let longestPause = Duration.seconds(2)

    /// Whether a refused registration may succeed later: when the broker is there or has time, when another provider has brought the
    /// classes on which the MOF builds, or when the broker has seen the predecessor go.
    private func isWorthAnotherTry(_ status: WBEMStatus, after time: Duration) -> Bool {
        switch status {
        case .transportFailure, .timedOut, .callCancelled, .shuttingDown, .serverTooBusy: true
        case .invalidClass, .invalidSuperclass, .invalidNamespace: service.options.missingClassGrace.map { time < $0 } ?? true
        case .providerAlreadyRegistered: time < service.options.alreadyRegisteredGrace
        default: false
        }
    }

    /// Logs the classes for which the broker will never call this provider although the provider serves them: their `provider` qualifier
    /// names another provider, or none.
    private func checkServes(_ registration: ObjectPath, of broker: UniqueName) async {
        guard
            let message = try? Message.propertyGet(
                "Classes", of: Contract.registration, at: registration, destination: BusName(broker)),
            let reply = try? await connection.call(message), reply.hasSignature("v"),
            case .variant(let value)? = try? reply.values().first, let names = value.elements?.compactMap(\.text)
        else { return }
        let known = Set(names.map { CIMName($0) })
        for name in service.classNames where !known.contains(CIMName(name)) {
            service.logger.warning(
                "class \(name) is served here, but in \(service.namespace) its provider qualifier does not name \(service.name): nobody will ask for it"
            )
        }
    }

    /// - Returns: the registration's object.
    private func callRegister(_ broker: UniqueName, failure: CIMError?) async throws(DBusError) -> ObjectPath? {
        var context: [(String, DBusValue)] = [(ContextKey.mof, .string(service.mof))]
        if let seconds = service.options.pingSeconds { context.append((ContextKey.pingSeconds, .uint32(seconds))) }
        if let seconds = service.options.silenceSeconds { context.append((ContextKey.silenceSeconds, .uint32(seconds))) }
        if let failure { context.append((ContextKey.initializationFailure, .string(failure.message))) }
        let message = try Message.methodCall(
            destination: BusName(broker), path: Contract.rootPath,
            interface: service.options.events == nil ? Contract.registrar : Contract.basicEventProvider,
            member: MemberName(verified: "Register"),
            values: [
                .int32(0), .dictionary(context), .string(service.options.user ?? ""), .string(""), .string(service.namespace.text),
                .string(service.name),
                .objectPath(ProviderService.path),
            ])
        var reader = try await connection.call(message).reader
        return try? reader.readObjectPath()
    }

    private func unregister(from broker: UniqueName) async {
        let message = try? Message.methodCall(
            destination: BusName(broker), path: Contract.rootPath, interface: Contract.registrar,
            member: MemberName(verified: "UnRegister"), values: [.string(service.namespace.text), .string(service.name)])
        if let message { _ = try? await connection.call(message, timeout: .seconds(5)) }
    }
}
