@testable import CIMBusCore

extension Scene {
    /// The client subscribes.
    mutating func subscribe(
        _ sink: String? = Scene.path, by client: PeerID = Scene.client, window: Microseconds? = nil, isOfProviders: Bool = false,
        progress: Bool = false, queueBytes: Int? = nil
    ) throws(Refusal) -> OperationID {
        let request = Request(
            client: client, kind: .execNotificationQuery, form: sink.map { .async(sink: $0) } ?? .semisync,
            target: .events(terms: .init(window: window, isOfProviders: isOfProviders, queueBytes: queueBytes)), wantsProgress: progress)
        defer { saw() }
        let id = try core.begin(request)
        witness.open.insert(id)
        if sink == nil { witness.semisync.insert(id) }
        if window != nil { witness.grouped.insert(id) }
        return id
    }

    /// The provider opens a sink for events.
    mutating func openSource(by peer: PeerID = Scene.provider, isTold: Bool = false) throws(Refusal) -> EventSourceID {
        defer { saw() }
        return try core.openSource(of: peer, registration, asksAccess: isTold, isTold: isTold)
    }

    mutating func closeSource(_ id: EventSourceID) {
        core.closeSource(id)
        saw()
    }

    mutating func listen(_ id: OperationID, _ sources: EventSourceID...) {
        core.listen(id, to: sources)
        saw()
    }

    mutating func answerAccess(_ source: EventSourceID, _ id: OperationID, _ isGranted: Bool) {
        core.accessAnswered(source, id, isGranted: isGranted)
        saw()
    }

    mutating func hearQuery(_ source: EventSourceID, _ id: OperationID) {
        witness.unheard.remove(.init(source: source, subscriber: id))
        core.queryHeard(source, id)
        saw()
    }

    /// An event is raised for each of these subscribers.
    /// - Returns: the payloads, one for each.
    @discardableResult
    mutating func raise(
        for subscribers: OperationID..., from source: EventSourceID? = nil, bytes: UInt32 = 1, group: String = ""
    ) -> [PayloadID] {
        let raised = subscribers.map { Raised($0, batch([bytes]).payload, bytes: bytes, group: group) }
        core.raise(raised, from: source)
        saw()
        return raised.map(\.payload)
    }

    /// The subscription has the instances of these classes polled.
    mutating func watch(_ id: OperationID, _ classes: String..., every interval: Microseconds = .seconds(1)) {
        let uid = core.operations[id]?.origin ?? 0
        core.watch(id, classes.map { Poll.Subject(namespace: "root/cimv2", className: $0, uid: uid) }, every: interval)
        saw()
    }

    mutating func looked(_ poll: PollID, _ look: LookID, bytes: Int = 100) {
        core.looked(poll, look, bytes: bytes)
        saw()
    }

    mutating func lookFailed(_ poll: PollID, _ look: LookID) {
        core.lookFailed(poll, look, .failed, "the provider has gone")
        saw()
    }

    /// The looks that have begun with the last event.
    var begun: [(poll: PollID, look: LookID, driver: OperationID)] {
        effects.compactMap { if case .look(let poll, let look, let driver) = $0 { (poll, look, driver) } else { nil } }
    }

    /// The source lost events before it could raise them; the witness asks the core alone who listens.
    mutating func loseAtSource(_ source: EventSourceID, _ count: UInt64) {
        for listener in core.events.sources[source]?.listeners ?? [] { witness.lostAtSource[listener, default: 0] += count }
        core.sourceLost(source, count)
        saw()
    }

    mutating func shutDown() {
        core.shutDown()
        saw()
    }
}
