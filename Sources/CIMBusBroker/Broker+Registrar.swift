import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// How providers come and go (`org.cimbus1.DecoupledRegistrar`, `org.cimbus1.Registration`).
extension Broker {
    nonisolated func registrarInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.registrar, methods: ["Register": method { $0.register($1) }, "UnRegister": method { $0.unregister($1) }],
            argumentReader: LooseArguments.reader)
    }

    /// - Parameter isOfEvents: whether it registers as a provider of events, which need not have an object.
    func register(_ call: MethodCall, isOfEvents: Bool = false) {
        guard let id = peer(of: call), let uid = uid(of: id) else { return }
        do throws(CIMError) {
            var request = try RegisterCall(call, isOfEvents: isOfEvents)
            let definition = try checkMayRegister(request, of: id, uid)
            // Only now: what it brings may be large.
            try request.readContext()
            if request.mof == nil, !request.user.isEmpty { try request.checkIsPerUser(definition) }
            try checkFree(request, id)
            let accepted = request
            if accepted.failure != nil || accepted.provider == Contract.null { return try register(accepted, call, id, uid) }
            lookForObject(of: id, at: request.provider, for: request.name, by: Way(of: call.message)) { broker, found in
                do throws(CIMError) {
                    if let fault = found.fault(of: accepted.provider) { throw CIMError(.invalidParameter, "Register: \(fault)") }
                    try broker.register(accepted, call, id, uid)
                } catch {
                    broker.refuseRegistration(call, error)
                }
            }
        } catch {
            refuseRegistration(call, error)
        }
    }

    /// Whether it may register there under that name; the provider's definition, if it has one.
    private func checkMayRegister(_ request: RegisterCall, of id: PeerID, _ uid: UInt32) throws(CIMError) -> ProviderDefinition? {
        guard schema.has(request.namespace) else {
            throw CIMError(.invalidNamespace, "Register: namespace \(request.namespace) does not exist")
        }
        let definition = schema.schema.provider(request.name, in: request.namespace)
        let isGranted = definition?.allows(uid: uid, groups: peers.groups(of: id)) ?? false
        try admit(.registration(namespace: request.namespace.text, name: request.name, isGranted: isGranted), of: id, for: "Register")
        return definition
    }

    /// The provider's object is where it says, as far as anybody knows: what it brings is stored, and it is registered.
    private func register(_ request: RegisterCall, _ call: MethodCall, _ id: PeerID, _ uid: UInt32) throws(CIMError) {
        // Once more: what is stored may have changed since it asked.
        _ = try checkMayRegister(request, of: id, uid)
        if request.mof == nil, let user = try request.userWithoutLookup() { return try complete(request, for: user, [], call, id, uid) }
        let claim = Claim.registeredMOF(bytes: request.mof?.utf8.count ?? 0)
        try admit(claim, of: id, call)
        let (groups, rights) = (peers.groups(of: id), core.rights)
        Task(executorPreference: loop) { [self] in
            do throws(CIMError) {
                let user = try await request.lookUpUser()
                var warnings: [String] = []
                if let mof = request.mof {
                    let provider = BringingProvider(
                        name: request.name, home: request.namespace, uid: uid, groups: groups, rights: rights)
                    warnings = try await self.storeMOF(mof, of: provider) { before, after throws(CIMError) in
                        try provider.checkMayRegister(over: before)
                        try request.check(after.provider(request.name, in: request.namespace), for: user, by: uid, rights)
                    }
                }
                try await self.complete(request, for: user, warnings, call, id, uid)
            } catch {
                await self.refuseRegistration(call, error)
            }
            await self.gaveBack(claim, by: id)
        }
    }

    private func refuseRegistration(_ call: MethodCall, _ error: CIMError) {
        audit(.refusal, call, error, text: "a registration of \(call.sender ?? "somebody") is refused: \(error)")
        call.fail(error)
    }

    /// Before anything is stored for it.
    private func checkFree(_ request: RegisterCall, _ id: PeerID) throws(CIMError) {
        if !request.user.isEmpty { return }
        do throws(Refusal) {
            try core.checkRegister(id, namespace: request.namespace.text, name: request.name)
        } catch {
            throw CIMError(error.status, "Register: \(error.message)")
        }
    }

    /// The registration comes to life.
    private func complete(
        _ request: RegisterCall, for user: UInt32?, _ remarks: [String], _ call: MethodCall, _ id: PeerID, _ uid: UInt32
    ) throws(CIMError) {
        let definition = schema.schema.provider(request.name, in: request.namespace)
        try request.check(definition, for: user, by: uid, core.rights)
        if let failure = request.failure {
            initializationFailed(request, user: user, failure)
            throw CIMError(.initializationFailure, "Register: the provider could not initialize itself: \(failure.clipped(4096))")
        }
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.register(
                    id, namespace: request.namespace.text, name: request.name, user: user, silence: request.silence, ping: request.ping,
                    isPrivate: call.message.arrival != nil)
            } answering: { registration in
                registered(registration, request, remarks, call, id)
            }
        } catch {
            throw CIMError(error.status, "Register: \(error.message)")
        }
        audit(
            .registration, call, nil, text: "provider \(request.name) registered in \(request.namespace) by \(call.sender ?? "")",
            [("namespace", request.namespace.text), ("provider", request.name)])
    }

    private func registered(
        _ registration: RegistrationID, _ request: RegisterCall, _ remarks: [String], _ call: MethodCall, _ id: PeerID
    ) {
        registrations.isServed(registration, by: id, at: request.provider, Way(of: call.message), remarks: remarks)
        for remark in remarks { log(.warning, .registration, of: uid(of: id), "provider \(request.name): \(remark.clipped(1024))") }
        stopExpecting(registration)
        let path = show(registration, request.name, in: request.namespace)
        watchProcess(of: id)
        if let known = core.registry.find(registration) { recordProcess(of: known) }
        call.reply(signature: Signature(verified: "o")) { (body) throws(DBusError) in body.append(objectPath: path) }
        for fault in schema.snapshot.eventOffers(in: request.namespace)[CIMName(request.name)]?.faults ?? [] {
            registrations.warn(of: fault, registration)
            log(.warning, .registration, of: uid(of: id), "provider \(request.name): \(fault)")
        }
        if request.isOfEvents { registeredForEvents(registration, at: request.provider, of: id, Way(of: call.message)) }
    }

    /// The registration's object is on the bus.
    private func show(_ registration: RegistrationID, _ name: String, in namespace: CIMNamespaceName) -> ObjectPath {
        if let path = registrations.path(of: registration) { return path }
        let known = core.registry.find(registration)
        let path = Contract.path(ofProvider: known?.name ?? name, user: known?.user, in: namespace)
        registrations.show(registration, at: path)
        export(registration, at: path)
        return path
    }

    /// A provider that is stored as one is shown, though no process serves it yet.
    func define(_ definition: ProviderDefinition) -> RegistrationID? {
        let terms = Registration.Terms(isPerUser: definition.isPerUser, busName: definition.busName)
        let broker = core.rights.broker
        let id = tell { $0.define(namespace: definition.namespace.text, name: definition.name, uid: broker, terms: terms) }
        guard let id else {
            logger.warning("provider \(definition.name) in \(definition.namespace) is one definition too many; it is not served")
            return nil
        }
        _ = show(id, definition.name, in: definition.namespace)
        registrations.define(id, as: definition)
        return id
    }

    /// A definition is gone. What serves it still goes on until it leaves.
    func undefine(_ id: RegistrationID) {
        tell {
            $0.undefine(id)
        } answering: { isGone in
            guard isGone else { return }
            stopExpecting(id)
            if let path = registrations.forget(id) { connection.assumeIsolated { $0.unexport(at: path) } }
            announcements.forget(.registration(id))
        }
    }

    func unregister(_ call: MethodCall) {
        var reader = call.reader
        guard let id = peer(of: call), let scope = try? reader.readString(), let name = try? reader.readString() else { return }
        guard let namespace = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope) else {
            call.fail(CIMError(.invalidNamespace, "UnRegister: \"\(scope.prefix(80))\" is not a namespace"))
            return
        }
        let before = core.registry.all.filter { $0.peer == id }
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.unregister(id, namespace: namespace.text, name: name)
            } answering: {
                for registration in before where core.registry.find(registration.id)?.peer == nil { forgetProcess(of: registration) }
                call.reply()
            }
        } catch {
            call.fail(CIMError(error.status, "UnRegister: \(error.message)"))
        }
    }

    // MARK: - org.cimbus1.Registration

    private func export(_ id: RegistrationID, at path: ObjectPath) {
        let object = ExportedObject([registrationInterface(id)])
        connection.assumeIsolated { _ = $0.export(object, at: path) }
    }

    private nonisolated func registrationInterface(_ id: RegistrationID) -> ExportedInterface {
        var properties: [String: PropertyImplementation] = [:]
        for description in Interfaces.registration.properties {
            let name = description.name.text
            properties[name] = PropertyImplementation(get: { [weak self] _ throws(DBusError) in
                let value: DBusValue? = self?.assumeIsolated { $0.registrationProperty(name, id) }
                guard let value else { throw DBusError(.unknownObject, "no such registration") }
                return value
            })
        }
        return ExportedInterface(
            Interfaces.registration,
            methods: [
                "Suspend": method { broker, call in broker.manage(call, id) { $0.suspend(id) } },
                "Resume": method { broker, call in broker.manage(call, id) { $0.resume(id) } },
                "Ping": method { $0.pingProvider($1, id) },
            ], properties: properties)
    }

    func registrationProperty(_ name: String, _ id: RegistrationID) -> DBusValue? {
        guard let registration = core.registry.find(id) else { return nil }
        switch name {
        case "Name": return .string(registration.name)
        case "Namespace": return .string(registration.namespace)
        case "Owner": return .string(registration.peer.flatMap { peers.name(of: $0)?.text } ?? "")
        case "ProcessID": return .uint32(registration.peer == nil ? 0 : registration.pid ?? 0)
        case "UserID": return .uint32(registration.peer == nil ? .max : registration.uid)
        case "Classes":
            return .strings(CIMNamespaceName(registration.namespace).map { schema.classes(of: registration.name, in: $0) } ?? [])
        case "State": return .string(core.state(of: registration).rawValue)
        case "OpenOperations": return .uint32(UInt32(clamping: registration.open.count))
        case "SinkReferences":
            return .uint32(UInt32(clamping: registration.open.reduce(0) { $0 + (core.legs[$1]?.ledger.references ?? 0) }))
        case "Counters": return registration.counters.wire
        case "Warnings": return .strings(registrations.warnings(of: id))
        case "Attachment": return .string(registration.peer.flatMap { registrations.place(of: id, in: $0)?.way.rawValue } ?? "")
        default: return .string(lastFailure(of: registration))
        }
    }

    func registrationChanged(_ id: RegistrationID) {
        announce(.registration(id))
        raiseRegistrationChange(id)
        wakeConsumers(of: id)
        dropIfNothing(id)
    }

    /// A registration that no process serves stays with its definition, or as long as a class names it. Of anything else nothing is left.
    func dropIfNothing(_ id: RegistrationID) {
        guard let known = core.registry.find(id), known.peer == nil, registrations.defined[id] == nil,
            let namespace = CIMNamespaceName(known.namespace), schema.classes(of: known.name, in: namespace).isEmpty
        else { return }
        forgetProcess(of: known)
        undefine(id)
    }

    /// For root, the broker's own user, and the provider's.
    private func manage(_ call: MethodCall, _ id: RegistrationID, _ change: (inout BrokerCore) -> Void) {
        guard let peer = peer(of: call), let registration = core.registry.find(id) else { return }
        do throws(CIMError) {
            try admit(.management(of: registration.uid), of: peer, call)
            tell(change) { call.reply() }
            audit(.administration, call, nil, [("namespace", registration.namespace), ("provider", registration.name)])
        } catch {
            refuse(call, error)
        }
    }

    private func pingProvider(_ call: MethodCall, _ id: RegistrationID) {
        guard let registration = core.registry.find(id), let caller = self.peer(of: call) else { return }
        do throws(CIMError) {
            try admit(.management(of: registration.uid), of: caller, call)
            try pingProvider(registration, for: caller, call)
        } catch {
            refuse(call, error)
        }
    }

    private func pingProvider(_ registration: Entry<Registration>, for caller: PeerID, _ call: MethodCall) throws(CIMError) {
        guard let peer = registration.peer, let (path, way) = registrations.place(of: registration.id, in: peer),
            let attachment = peers[peer, way]
        else { throw CIMError(.notAvailable, "Ping: provider \(registration.name) is not running") }
        // The bus lets a connection wait for 128 replies, which the core shares out; these are beyond its budget. One that does not answer
        // keeps a place until it does.
        let claim = Claim.ping(of: peer)
        try admit(claim, of: caller, call)
        let asked = CoreHost.now
        let provider = registration.name
        let timer = loop.schedule(after: .seconds(10)) {
            call.fail(CIMError(.notAvailable, "Ping: provider \(provider) does not answer"))
        }
        // As long as no answer came the bus waits for one, whatever the caller was told.
        attachment.ping(at: path, by: .own) { [weak self] result in
            self?.assumeIsolated { broker in
                broker.gaveBack(claim, by: caller)
                broker.loop.cancel(timer)
                if case .failure(let error) = result {
                    call.fail(CIMError(.notAvailable, "Ping: provider \(provider) does not answer: \(error.message)"))
                    return
                }
                let time = UInt64(clamping: CoreHost.now - asked)
                // Whatever it left unanswered before, it is there.
                broker.inTurn(of: peer) { broker in
                    broker.tell { $0.heard(from: peer) }
                    call.reply([.uint64(time)])
                }
            }
        }
    }
}
