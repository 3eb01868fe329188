import CIM

extension BrokerCore {
    /// A provider registers: its definition comes to life. Rights are checked before (``RegistrationRights``).
    ///
    /// - Throws: AlreadyRegistered while a live process holds the name; QuotaViolation past the number of definitions.
    /// - Parameters:
    ///   - silence: its own limit of L8, instead of the broker's.
    ///   - ping: its own time to answer a ping, for code that blocks on purpose.
    public mutating func register(
        _ id: PeerID, namespace: String, name: String, silence: Microseconds?, ping: Microseconds?, at moment: Microseconds
    ) throws(Refusal) -> (RegistrationID, [Effect]) {
        began(.register(id, namespace: namespace, name: name, silence: silence, ping: ping), at: moment)
        hear(id)
        try checkRegister(id, namespace: namespace, name: name)
        guard let peer = peers[id] else { throw Refusal(.shuttingDown, "the provider has left") }
        let registration =
            registry.find(namespace: namespace, name: name)?.id ?? registry.define(namespace: namespace, name: name, uid: peer.uid)
        registry[registration]?.peer = id
        registry[registration]?.uid = peer.uid
        registry[registration]?.pid = peer.pid
        let times = (silence: silence.map(bounded) ?? limits.silence, ping: ping.map(bounded) ?? limits.ping)
        registry[registration]?.silence = times.silence
        registry[registration]?.ping = times.ping
        peers[id]?.registrations.insert(registration)
        effects.append(.registrationChanged(registration))
        return (registration, takeEffects())
    }

    /// Whether the peer may have this name now; it throws what ``register(_:namespace:name:silence:ping:at:)`` would.
    public func checkRegister(_ id: PeerID, namespace: String, name: String) throws(Refusal) {
        guard let peer = peers[id], !isShuttingDown else { throw Refusal(.shuttingDown, "the broker is stopping") }
        if let known = registry.find(namespace: namespace, name: name) {
            guard known.peer != nil else { return }
            let owner = known.pid.map { ", process \($0)" } ?? ""
            throw Refusal(
                .providerAlreadyRegistered,
                "provider \(known.name) is registered in \(namespace) already\(owner); stop that process or choose another name")
        }
        guard registry.all.count < limits.registrations, registry.definitions(of: peer.uid) < limits.registrationsPerUser else {
            throw Refusal(.quotaViolation, "too many provider registrations; unregister some before you add \(name)")
        }
    }

    /// A provider that is defined, and has no process: calls to it are ProviderLoadFailure until it registers (SEMANTICS G.3). Nothing happens
    /// when the name is known. Nil past the number of definitions.
    public mutating func define(namespace: String, name: String, uid: UInt32) -> RegistrationID? {
        began(.define(namespace: namespace, name: name, uid: uid), at: now)
        if let known = registry.find(namespace: namespace, name: name) { return known.id }
        guard registry.all.count < limits.registrations else { return nil }
        let id = registry.define(namespace: namespace, name: name, uid: uid)
        registry[id]?.silence = limits.silence
        registry[id]?.ping = limits.ping
        return id
    }

    /// A provider's own limit, not so short that the broker does nothing but ask, nor so long that a sum overflows.
    private func bounded(_ limit: Microseconds) -> Microseconds {
        min(max(limit, min(.seconds(1), limits.ping)), .seconds(Microseconds(Int32.max)))
    }

    /// No new calls; open ones run on (L8). Calls that wait for a slot were never sent, and fail.
    ///
    /// - Throws: ProviderNotRegistered unless this peer serves that name.
    public mutating func unregister(
        _ id: PeerID, namespace: String, name: String, at moment: Microseconds
    ) throws(Refusal) -> [Effect] {
        began(.unregister(id, namespace: namespace, name: name), at: moment)
        hear(id)
        guard let known = registry.find(namespace: namespace, name: name), known.peer == id else {
            throw Refusal(.providerNotRegistered, "provider \(name) is not registered in \(namespace) by this connection")
        }
        registry[known.id]?.peer = nil
        registry[known.id]?.isSuspended = false
        peers[id]?.registrations.remove(known.id)
        effects.append(.registrationChanged(known.id))
        for sink in peers[id]?.calls.queue ?? [] where legs[sink]?.registration == known.id {
            endLeg(sink, .because(.unregistered))
        }
        return takeEffects()
    }

    /// New calls to it are answered ProviderSuspended, open ones run on.
    public mutating func suspend(_ id: RegistrationID) -> [Effect] {
        began(.suspend(id), at: now)
        if registry[id]?.peer != nil, registry[id]?.isSuspended == false {
            registry[id]?.isSuspended = true
            effects.append(.registrationChanged(id))
        }
        return takeEffects()
    }

    public mutating func resume(_ id: RegistrationID) -> [Effect] {
        began(.resume(id), at: now)
        if registry[id]?.isSuspended == true {
            registry[id]?.isSuspended = false
            effects.append(.registrationChanged(id))
        }
        return takeEffects()
    }
}
