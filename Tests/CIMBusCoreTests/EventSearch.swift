import CIM
import Testing

@testable import CIMBusCore

/// What can happen to subscriptions, sources, polls and timers.
enum EventStep: Hashable {
    case subscribe(Int)
    case openSource(isTold: Bool)
    case closeSource(EventSourceID)
    case listen(OperationID, [EventSourceID])
    case grant(Bool)
    case hear(EventSourceID, OperationID)
    case raise([OperationID], from: EventSourceID?)
    case acknowledge(String)
    case pull(OperationID)
    case cancel(OperationID)
    case vanish(PeerID)
    case watch(OperationID, [String])
    case looked(PollID, LookID, bytes: Int)
    case lookFailed(PollID, LookID)
    case startTimer
    case stopTimer
    case advance
}

/// Every state that they can lead to, breadth first. In each the witness has compared its books with the core's; and nothing is left when all leave, and
/// everything ends when the broker does.
struct EventSearch {
    /// What can subscribe.
    static let subscriptions: [(sink: String?, window: Microseconds?)] = [("/plain", nil), ("/grouped", .seconds(1)), (nil, nil)]

    let depth: Int
    /// Which of the subscriptions there may be.
    let kinds: [Int]
    let polls: Bool
    var states = 0
    var transitions = 0
    var reached = 0
    var fault: String?

    init(depth: Int, kinds: [Int], polls: Bool) {
        self.depth = depth
        self.kinds = kinds
        self.polls = polls
    }

    private static var limits: Limits {
        var limits = Limits()
        limits.eventsPerSubscription = 2
        limits.eventsPerBatch = 1
        limits.windowBatches = 1
        limits.groupsPerSubscription = 1
        limits.pollingBytesPerUser = 100
        return limits
    }

    mutating func run() {
        let start = Scene(Self.limits)
        var seen: Set<[Int]> = [Self.key(of: start)]
        var frontier: [(scene: Scene, path: [EventStep])] = [(start, [])]
        while reached < depth, !frontier.isEmpty, fault == nil {
            var next: [(Scene, [EventStep])] = []
            for (scene, path) in frontier {
                for step in steps(in: scene) {
                    var after = scene
                    Self.apply(step, to: &after)
                    transitions += 1
                    let path = path + [step]
                    if let wrong = after.witness.faults.first ?? Self.leftovers(of: after) {
                        fault = "\(wrong)\nafter \(path.map { "\($0)" }.joined(separator: "\n  then "))"
                        return
                    }
                    if seen.insert(Self.key(of: after)).inserted { next.append((after, path)) }
                }
            }
            frontier = next
            reached += 1
        }
        states = seen.count
    }

    private func steps(in scene: Scene) -> [EventStep] {
        let core = scene.core
        let subscribers = core.events.subscriptions.keys
        let sources = core.events.sources.keys
        var steps: [EventStep] = [.advance]
        if core.peers[Scene.client] != nil {
            for kind in kinds {
                let isOpen = core.operations.values.contains { operation in
                    switch operation.request.form {
                    case .async(let sink): sink == Self.subscriptions[kind].sink
                    case .semisync: Self.subscriptions[kind].sink == nil && operation.state != .ended
                    case .sync, .part: false
                    }
                }
                if !isOpen { steps.append(.subscribe(kind)) }
            }
            steps.append(.vanish(Scene.client))
        }
        if core.peers[Scene.provider] != nil {
            if sources.count < 2 { steps += [.openSource(isTold: false), .openSource(isTold: true)] }
            steps.append(.vanish(Scene.provider))
        }
        for source in sources { steps.append(.closeSource(source)) }
        if scene.witness.asked.first != nil { steps += [.grant(true), .grant(false)] }
        for id in subscribers {
            steps += core.events.subscriptions[id]?.unheard.sorted().map { .hear($0, id) } ?? []
            steps.append(.cancel(id))
            if !sources.isEmpty { steps += [.listen(id, sources), .listen(id, [])] }
            steps += sources.map { .raise([id], from: $0) }
            switch core.operations[id]?.request.form {
            case .async(let sink)?: steps.append(.acknowledge(sink))
            default: steps.append(.pull(id))
            }
            if polls { steps += [.watch(id, ["A"]), .watch(id, [])] }
        }
        if !subscribers.isEmpty { steps.append(.raise(subscribers, from: nil)) }
        for poll in core.events.polls.values {
            guard let look = poll.look else { continue }
            steps += [.looked(poll.id, look.id, bytes: 40), .looked(poll.id, look.id, bytes: 101), .lookFailed(poll.id, look.id)]
        }
        if polls { steps.append(core.timers.isEmpty ? .startTimer : .stopTimer) }
        return steps
    }

    private static func apply(_ step: EventStep, to scene: inout Scene) {
        switch step {
        case .subscribe(let kind):
            _ = try? scene.subscribe(
                subscriptions[kind].sink, window: subscriptions[kind].window, isOfProviders: kind == 0, progress: kind == 0)
        case .openSource(let isTold): _ = try? scene.openSource(isTold: isTold)
        case .closeSource(let id): scene.closeSource(id)
        case .listen(let id, let sources):
            scene.core.listen(id, to: sources)
            scene.saw()
        case .grant(let isGranted):
            guard let asked = scene.witness.asked.min(by: { ($0.source, $0.subscriber) < ($1.source, $1.subscriber) }) else { return }
            scene.witness.asked.remove(asked)
            scene.answerAccess(asked.source, asked.subscriber, isGranted)
        case .hear(let source, let id): scene.hearQuery(source, id)
        case .raise(let ids, let source):
            let raised = ids.map { Raised($0, scene.batch([1]).payload, bytes: 1, group: "g\($0.number % 2)") }
            scene.core.raise(raised, from: source)
            scene.saw()
        case .acknowledge(let sink): scene.acknowledge(sink: sink)
        case .pull(let id): try? scene.pull(id, .next(1), timeout: 0)
        case .cancel(let id): scene.cancel(id)
        case .vanish(let peer): scene.vanish(peer)
        case .watch(let id, let classes):
            let subjects = classes.map { Poll.Subject(namespace: "root/cimv2", className: $0, uid: 1_000) }
            scene.core.watch(id, subjects, every: .seconds(1))
            scene.saw()
        case .looked(let poll, let look, let bytes): scene.looked(poll, look, bytes: bytes)
        case .lookFailed(let poll, let look): scene.lookFailed(poll, look)
        case .startTimer:
            scene.core.startTimer(TimerID(1), after: .seconds(1), every: .seconds(1), skipsPassed: false)
            scene.saw()
        case .stopTimer:
            scene.core.stopTimer(TimerID(1))
            scene.saw()
        case .advance: _ = scene.advance()
        }
        for case .closeGroup(let id, _, let count) in scene.effects {
            let payload = scene.batch([UInt32(count)]).payload
            scene.core.raiseAggregate(Raised(id, payload, bytes: 1))
            scene.saw()
        }
    }

    /// What is wrong when everybody leaves, or the broker ends; nil: nothing.
    private static func leftovers(of scene: Scene) -> String? {
        var left = scene
        for peer in [Scene.client, Scene.provider] where left.core.peers[peer] != nil { left.vanish(peer) }
        if !left.core.events.isEmpty { return "EV120: everybody has left, and subscriptions, sources or polls are there" }
        if !left.witness.payloads.isEmpty { return "everybody has left, and events wait" }
        if let wrong = left.witness.faults.first { return "everybody leaves: \(wrong)" }
        var stopped = scene
        stopped.shutDown()
        if !stopped.witness.open.isEmpty { return "EV44: the broker has ended, and a subscription has not" }
        return stopped.witness.faults.first.map { "the broker ends: \($0)" }
    }

    /// A state without what decides nothing: ids by their rank, times relative to now.
    private static func key(of scene: Scene) -> [Int] {
        let core = scene.core
        var key: [Int] = []
        func relative(_ moment: Microseconds) -> Int { Int(clamping: moment - scene.now) }
        let operations = core.operations.keys
        let sources = core.events.sources.keys
        func rank(_ id: OperationID) -> Int { operations.firstIndex(of: id) ?? -1 }
        for operation in core.operations.values {
            let delivery = operation.delivery
            key += [-1, operation.state.place, delivery.queue.count, delivery.unacknowledged.count, delivery.buffered.count]
            key += [Int(operation.outcome?.status.rawValue ?? 0), delivery.turn == nil ? 0 : 1]
            switch operation.request.form {
            case .async(let sink): key.append(sink.utf8.count)
            default: key.append(0)
            }
            guard let subscription = core.events.subscriptions[operation.id] else { continue }
            key += [-2, subscription.waiting.count, Int(subscription.lost), subscription.wasGranted ? 1 : 0]
            key += [subscription.isSettled ? 1 : 0, subscription.settles.map(relative) ?? 1, subscription.unheard.count]
            for (source, access) in subscription.sources.sorted(by: { $0.key < $1.key }) {
                key += [sources.firstIndex(of: source) ?? -1, access == .asked ? 0 : access == .granted ? 1 : 2]
            }
            for (name, group) in subscription.groups.sorted(by: { $0.key < $1.key }) {
                key += [name.utf8.count, Int(group.count), relative(group.ends)]
            }
        }
        for source in core.events.sources.values { key += [-3, source.isTold ? 1 : 0, source.listeners.count, source.others.count] }
        for poll in core.events.polls.values {
            let looks = core.events.looks.keys.sorted()
            key += [
                -4, poll.look.map { rank($0.driver) } ?? -1, poll.look?.watchers.count ?? -1, poll.look.map { relative($0.began) } ?? 1,
            ]
            for (id, watcher) in poll.watchers.sorted(by: { $0.key < $1.key }) {
                key += [rank(id), relative(watcher.due), watcher.baseLine.flatMap { looks.firstIndex(of: $0) } ?? -1]
            }
        }
        for timer in core.timers.values { key += [-5, relative(timer.due)] }
        key += [-6, core.peers[Scene.client] == nil ? 0 : 1, core.peers[Scene.provider] == nil ? 0 : 1, scene.witness.pinged.count]
        key += [core.credit.unread(of: 1_000)]
        return key
    }
}

extension ExhaustiveTests {
    @Test(
        "EV28, EV31, EV42, EV44, EV62, EV67, EV97, EV120: every state of subscriptions, sources, polls and timers keeps the promise, and leaves nothing",
        arguments: [
            EventSearch(depth: Search.isFull ? 10 : 6, kinds: [0, 1], polls: false),
            EventSearch(depth: Search.isFull ? 10 : 6, kinds: [0, 2], polls: false),
            EventSearch(depth: Search.isFull ? 9 : 6, kinds: [0, 2], polls: true),
        ])
    func everyEvent(_ search: EventSearch) {
        var search = search
        search.run()
        print(
            "exhaustive, events \(search.kinds): \(search.states) states, \(search.transitions) transitions, \(search.reached) events deep")
        #expect(search.fault == nil)
        #expect(search.reached == search.depth)
    }
}
