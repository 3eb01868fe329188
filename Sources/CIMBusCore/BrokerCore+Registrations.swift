import CIM

extension BrokerCore {
    /// A provider registers: its definition comes to life. Rights are checked before (``Rights``).
    ///
    /// - Throws: AlreadyRegistered while a live process holds the name; QuotaViolation past the number of definitions.
    /// - Parameters:
    ///   - user: whose calls alone it is for; nil: everybody's.
    ///   - silence: its own limit of L8, instead of the broker's.
    ///   - ping: its own time to answer a ping, for code that blocks on purpose.
    ///   - isPrivate: whether it is called by its private connection, which the bus does not count.
    public mutating func register(
        _ id: PeerID, namespace: String, name: String, user: UInt32? = nil, silence: Microseconds?, ping: Microseconds?,
        isPrivate: Bool = false
    ) throws(Refusal) -> RegistrationID {
        began(.register(id, namespace: namespace, name: name, user: user, silence: silence, ping: ping, isPrivate: isPrivate))
        hear(id)
        try checkRegister(id, namespace: namespace, name: name, user: user)
        guard let peer = peers[id] else { throw Refusal(.shuttingDown, "the provider has left") }
        let registration =
            registry.find(namespace: namespace, name: name, user: user)?.id
            ?? registry.define(namespace: namespace, name: name, user: user, uid: peer.uid)
        registry[registration]?.peer = id
        registry[registration]?.isPrivate = isPrivate
        registry[registration]?.uid = peer.uid
        registry[registration]?.pid = peer.pid
        registry[registration]?.lost = [:]
        let times = (silence: silence.map(bounded) ?? limits.silence, ping: ping.map(bounded) ?? limits.ping)
        registry[registration]?.silence = times.silence
        registry[registration]?.ping = times.ping
        peers[id]?.registrations.insert(registration)
        effects.append(.registrationChanged(registration))
        cameToLife(registration)
        return registration
    }

    /// Whether the peer may have this name now; it throws what ``register(_:namespace:name:user:silence:ping:at:)`` would.
    public func checkRegister(_ id: PeerID, namespace: String, name: String, user: UInt32? = nil) throws(Refusal) {
        guard let peer = peers[id], !isShuttingDown else { throw Refusal(.shuttingDown, "the broker is stopping") }
        if let known = registry.find(namespace: namespace, name: name, user: user) {
            guard known.peer != nil else { return }
            let owner = known.pid.map { ", process \($0)" } ?? ""
            throw Refusal(
                .providerAlreadyRegistered,
                "provider \(known.name) is registered in \(namespace) already\(owner); stop that process or choose another name")
        }
        guard hasRoomForDefinition(of: peer.uid) else {
            throw Refusal(.quotaViolation, "too many provider registrations; unregister some before you add \(name)")
        }
    }

    /// Whether a user may have one more definition. Those of root and of the broker's own user are in nobody's way, and nobody's are in theirs.
    private func hasRoomForDefinition(of uid: UInt32) -> Bool {
        let own = registry.definitions(of: uid)
        if rights.isAdministrator(uid: uid) { return own < limits.registrations }
        let administrators = Set([0, rights.broker]).reduce(0) { $0 + registry.definitions(of: $1) }
        let share = Share(most: limits.registrationsPerUser, all: limits.registrations, least: limits.leastRegistrations)
        return share.want(of: uid, having: own + 1, others: registry.count - administrators + 1) == nil
    }

    /// A provider that is defined, and has no process: calls to it start it where its terms say how, and else are ProviderLoadFailure until
    /// it registers (Semantics G.3). Of a name that is known, only the terms change. Nil past the number of definitions.
    public mutating func define(
        namespace: String, name: String, user: UInt32? = nil, uid: UInt32, terms: Registration.Terms = .init()
    ) -> RegistrationID? {
        began(.define(namespace: namespace, name: name, user: user, uid: uid, terms))
        let known = registry.find(namespace: namespace, name: name, user: user)?.id
        guard known != nil || hasRoomForDefinition(of: uid) else { return nil }
        let id = known ?? registry.define(namespace: namespace, name: name, user: user, uid: uid)
        if known == nil {
            registry[id]?.silence = limits.silence
            registry[id]?.ping = limits.ping
        }
        if registry[id]?.terms != terms {
            registry[id]?.terms = terms
            // Another way to start it is worth a try at once.
            if case .failed = registry[id]?.activation { become(id, .idle) }
        }
        return id
    }

    /// The definition is gone, and with it the registration, unless a process serves it still.
    /// - Returns: whether it is gone.
    public mutating func undefine(_ id: RegistrationID) -> Bool {
        began(.undefine(id))
        registry[id]?.terms = .init()
        guard let known = registry[id], known.peer == nil, known.open.isEmpty else { return false }
        // Without a way to start it, what waits for it ends.
        for operation in known.waiting.sorted() {
            conclude(operation, .stated(.providerNotFound, "provider \(known.name) is not defined any more"), discarding: false)
        }
        agenda.remove(.registration(id))
        registry.remove(id)
        return true
    }

    /// A provider's own limit, not so short that the broker does nothing but ask, nor so long that a sum overflows.
    private func bounded(_ limit: Microseconds) -> Microseconds {
        min(max(limit, min(.seconds(1), limits.ping)), .seconds(Microseconds(Int32.max)))
    }

    /// No new calls; open ones run on (L8). Calls that wait for a slot were never sent, and fail.
    ///
    /// - Throws: ProviderNotRegistered unless this peer serves that name.
    public mutating func unregister(
        _ id: PeerID, namespace: String, name: String
    ) throws(Refusal) {
        began(.unregister(id, namespace: namespace, name: name))
        hear(id)
        let known = (peers[id]?.registrations ?? []).sorted().filter { registration in
            registry[registration].map { $0.namespace == namespace && CIMName.equal($0.name, name) } ?? false
        }
        guard !known.isEmpty else {
            throw Refusal(.providerNotRegistered, "provider \(name) is not registered in \(namespace) by this connection")
        }
        // All of them, where it serves several users.
        for registration in known {
            dropSources(of: registration, at: id)
            registry[registration]?.peer = nil
            registry[registration]?.isSuspended = false
            peers[id]?.registrations.remove(registration)
            effects.append(.registrationChanged(registration))
            for sink in peers[id]?.calls.waiting ?? [] where legs[sink]?.registration == registration {
                endLeg(sink, .because(.unregistered))
            }
            // It does not want to be there, whoever listens.
            registry[registration]?.isWanted = false
            leftLife(registration)
        }
    }

    /// New calls to it are answered ProviderSuspended, open ones run on.
    public mutating func suspend(_ id: RegistrationID) {
        began(.suspend(id))
        if registry[id]?.peer != nil, registry[id]?.isSuspended == false {
            registry[id]?.isSuspended = true
            effects.append(.registrationChanged(id))
        }
    }

    public mutating func resume(_ id: RegistrationID) {
        began(.resume(id))
        if registry[id]?.isSuspended == true {
            registry[id]?.isSuspended = false
            effects.append(.registrationChanged(id))
        }
    }
}
