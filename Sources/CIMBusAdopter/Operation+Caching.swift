import CIM
import CIMAdoption
import DBus

extension Operation {
    /// The cache, where it is about the process that this operation asks.
    var currentCache: ServiceCache? {
        guard let cache, target.owner == nil || target.owner == cache.owner else { return nil }
        return cache
    }

    /// Whether an object of which something is kept is there. Of others than managed and single ones nobody says when they go.
    private func isThere(_ plan: ReadPlan) -> Bool {
        switch adopted.context.source {
        case .object, .managed: true
        case .list, .tree: plan.isExistenceKnown
        }
    }

    /// Takes into the row what is kept. What is left is to be asked for.
    func recall(_ fetches: [ReadPlan.Fetch], _ plan: ReadPlan, _ row: inout ObjectRow) -> [ReadPlan.Fetch] {
        guard let cache = currentCache, let path = row.path else { return fetches }
        return fetches.compactMap { fetch -> ReadPlan.Fetch? in
            guard let interface = fetch.interface else { return fetch }
            // All are asked for, so that they are there the next time.
            guard isThere(plan), let found = cache.found(path, interface, plan.wanted[interface] ?? []) else { return .all(interface) }
            row.take(found.values, interface)
            guard let name = found.missing.first else { return nil }
            return found.missing.count == 1 ? .property(PropertyPlace(interface, name)) : .all(interface)
        }
    }

    /// The right to keep the answer. It is taken before the question.
    func ticket(_ fetch: ReadPlan.Fetch, _ row: ObjectRow) async -> PropertyCache.Ticket? {
        guard let cache = currentCache, let path = row.path, let interface = fetch.interface else { return nil }
        await describe(interface, at: path, cache)
        return cache.ticket(for: path)
    }

    /// Asks what changes of an interface the service says, once.
    func describe(_ interface: InterfaceName, at path: ObjectPath, _ cache: ServiceCache) async {
        guard cache.isToDescribe(interface) else { return }
        let reply = try? await call("introspect") { timeout in
            ServiceCall(target, path, .introspectable, MemberName(verified: "Introspect"), timeout: timeout)
        }
        if let reply { cache.describe(reply) }
    }
}

extension ReadPlan.Fetch {
    /// That whose properties it asks for.
    var interface: InterfaceName? {
        switch self {
        case .property(let place): place.interface
        case .all(let interface): interface
        case .call: nil
        }
    }
}
