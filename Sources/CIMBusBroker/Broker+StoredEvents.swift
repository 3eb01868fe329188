import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository

/// The broker's own events: of what is stored, and of the providers that come and go (Semantics J.1).
extension Broker {
    /// Nobody gets events by the operation any more.
    func removeSubscriber(_ id: OperationID) {
        guard subscribers[id] != nil else { return }
        subscribers.remove(id)
        eventSinks.forget(id)
        repository.keepsChanges = !subscribers.all.isEmpty
        wantProviders()
    }

    /// What commits have changed is told, in their order.
    func raiseStoredChanges() {
        guard repository.keepsChanges else { return }
        for change in repository.takeChanges() { raise(change) }
    }

    private func raise(_ change: StoredChange) {
        switch change {
        case .instance(let before, let after, let namespace):
            raise("Instance", before.map { .object($0) }, after.map { .object($0) }, in: namespace)
        case .declaration(let before, let after, let namespace):
            func object(_ declaration: CIMClass?) -> CIMValue? {
                declaration.flatMap { try? ObjectBatch(class: $0, namespace: namespace, server: schema.server).instance }.map {
                    .object($0)
                }
            }
            guard wantsEvents("__ClassOperationEvent", in: namespace) else { return }
            raise("Class", object(before), object(after), in: namespace)
        case .namespace(let name, let isThere):
            // It is an object of the one above it.
            guard let parent = name.parent, let last = name.text.split(separator: "/").last else { return }
            let object: CIMValue? = .object(CIMInstance(className: "__NAMESPACE", ["Name": .string(String(last))]))
            raise("Namespace", isThere ? .none : object, isThere ? object : .none, in: parent)
        }
    }

    private func raise(_ word: String, _ before: CIMValue?, _ after: CIMValue?, in namespace: CIMNamespaceName) {
        guard let target = after ?? before else { return }
        let what = before == nil ? "Creation" : after == nil ? "Deletion" : "Modification"
        var event = CIMInstance(className: "__\(word)\(what)Event", ["Target\(word)": target])
        if let before, after != nil { event["Previous\(word)"] = before }
        raise(event, in: namespace)
    }

    /// Whether anybody wants events of some class below this one.
    private func wantsEvents(_ className: String, in namespace: CIMNamespaceName) -> Bool {
        guard let declaration = schema.declaration(className, in: namespace) else { return false }
        return subscribers.all.values.contains { subscriber in
            subscriber.namespace == namespace
                && (subscriber.query.isAbout(declaration) || subscriber.query.declaration.isSameOrDerived(from: className))
        }
    }

    /// A provider's process came, went, or stopped answering.
    func raiseRegistrationChange(_ id: RegistrationID) {
        guard let registration = core.registry.find(id), let namespace = CIMNamespaceName(registration.namespace) else { return }
        let state = core.state(of: registration)
        guard registrations.tells(state, of: id) else { return }
        let className: String
        switch state {
        case .running: className = "CIMBus_ProviderRegisteredEvent"
        case .absent: className = "CIMBus_ProviderVanishedEvent"
        case .unresponsive: className = "CIMBus_ProviderUnresponsiveEvent"
        case .suspended, .losingReplies: return
        }
        raise(
            CIMInstance(
                className: className,
                [
                    "Provider": .string(registration.name), "Namespace": .string(namespace.wmiText),
                    "ProcessID": .uint32(registration.pid ?? 0), "UserID": .uint32(registration.uid),
                ]),
            in: namespace)
    }
}
