import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery

/// Which instances a subscription has polled, and what of their changes concerns it (Semantics J.4).
struct Polling: Sendable {
    /// The classes that are looked at, each with those below it.
    let classes: [CIMName]
    /// The classes of which nobody tells everything, and the events of each that a look has to make.
    let events: [CIMName: Set<CIMName>]
    let properties: PolledProperties
    let interval: Microseconds

    /// Whether a difference is one that the subscription's events tell of, its condition aside.
    func concerns(_ change: PolledChange) -> Bool {
        guard events[CIMName(change.className)]?.contains(CIMName(change.kind.rawValue)) == true else { return false }
        guard change.kind == .modification, let compared = properties.compared else { return true }
        return compared.contains { name in change.differing.contains { CIMName.equal($0, name) } }
    }
}

/// Looks at instances of which nobody tells when they change.
extension Broker {
    /// What is polled for the subscription.
    func connectPolls(of id: OperationID) {
        guard let subscriber = subscribers[id], subscriber.query.query.pollingSeconds != nil else { return }
        let polling = EventPlan(subscriber.query, in: subscriber.namespace, over: schema.snapshot).polling
        subscribers.poll(polling, for: id)
        let subjects = polling?.classes.map {
            Poll.Subject(namespace: subscriber.namespace.text, className: $0.text, uid: subscriber.caller.uid)
        }
        tell { $0.watch(id, subjects ?? [], every: polling?.interval ?? 0) }
    }

    /// Asks for the instances, as the subscription's client would: with its rights, and on its account.
    func look(_ poll: PollID, _ look: LookID, by driver: OperationID) {
        guard let subscriber = subscribers[driver], let subject = core.events.polls[poll]?.subject else { return }
        polled[look] = PolledInstances(most: core.limits.pollingBytesPerUser)
        let arguments = ServicesCall(polling: subject.className, in: subscriber.namespace, reading: read(by: poll))
        do throws(CIMError) {
            switch resolver(for: subscriber.caller).resolve(arguments) {
            case .refused(let error): throw error
            case .answered(let outcome, let question, let objects):
                let record = OperationRecord(arguments, question, client: records[driver]?.client ?? PeerID(0), caller: subscriber.caller)
                let target = answeredHere(outcome, objects, record)
                try openPart(of: driver, index: nil, .createInstanceEnum, target) { $0.looks(poll, look, question, arguments) }
            case .ask(let registration, let question):
                try openPart(of: driver, index: nil, .createInstanceEnum, .provider(registration)) {
                    $0.looks(poll, look, question, arguments)
                }
            case .conducted(let work, let question):
                try openPart(of: driver, index: nil, .createInstanceEnum, work) { $0.looks(poll, look, question, arguments) }
            case .subscribed: throw CIMError(.failed, "\(subject.className) cannot be enumerated")
            }
        } catch {
            tell { $0.lookFailed(poll, look, error.status, error.message) }
        }
    }

    /// The properties that those need together who compare; nil: all.
    private func read(by poll: PollID) -> [String]? {
        var names: [CIMName] = []
        for id in core.events.polls[poll]?.subscriptions ?? [] {
            guard let read = subscribers[id]?.polling?.properties.read else { return nil }
            for name in read where !names.contains(CIMName(name)) { names.append(CIMName(name)) }
        }
        return names.map(\.text)
    }

    /// Objects of a look.
    func looked(at objects: CheckedObjects, _ look: LookID, in namespace: CIMNamespaceName, from part: OperationID) {
        polled[look]?.add(objects) { [schema] in schema.layout($0, in: namespace) }
        tell { $0.consumed(part) }
    }

    /// A look has ended. It counts only if it says that it found everything.
    func lookEnded(_ poll: PollID, _ look: LookID, _ status: WBEMStatus, _ error: CIMError?) {
        guard let found = polled[look] else { return }
        if let error = error ?? found.failure { return tell { $0.lookFailed(poll, look, error.status, error.message) } }
        if status != .noError {
            return tell { $0.lookFailed(poll, look, .failed, "it ended with \(status.name ?? status.hex): not everything was found") }
        }
        tell { $0.looked(poll, look, bytes: found.bytes) }
    }

    /// What is different since an older look becomes events, for each of these subscriptions those that concern it.
    func compare(_ poll: PollID, _ older: LookID, with newer: LookID, for watchers: [OperationID]) {
        guard let subject = core.events.polls[poll]?.subject, let namespace = CIMNamespaceName(subject.namespace), let then = polled[older],
            let now = polled[newer]
        else { return }
        var raised: [Raised] = []
        for change in now.changes(since: then, { [schema] in schema.layout($0, in: namespace) }) {
            let concerned = watchers.filter { subscribers[$0]?.polling?.concerns(change) == true }
            guard !concerned.isEmpty, let event = change.event(in: namespace, schema.snapshot.schema) else { continue }
            raised += events(event, for: concerned, in: namespace)
        }
        if !raised.isEmpty { tell { $0.raise(raised, from: nil) } }
    }
}

extension OperationRecord {
    /// It is a look at a poll's instances.
    fileprivate func looks(_ poll: PollID, _ look: LookID, _ question: Question, _ arguments: ServicesCall) {
        self.look = (poll, look)
        subject = "\(question.path.isEmpty ? arguments.subject : question.path), polled".clipped()
        ask(question, arguments)
    }
}
