import CIM
import SeededRandom
import Testing

@testable import CIMBusCore

/// Random schedules of subscribers, sources, raised events, deaths and time. The witness compares its books after each event, and each
/// subscriber's events are compared with what was raised.
@Suite("Random schedules of events")
struct EventScheduleTests {
    private struct World {
        var scene: Scene
        var random: SeededGenerator
        var subscribers: [(id: OperationID, peer: PeerID, sink: String?, raised: [PayloadID])] = []
        var sources: [(id: EventSourceID, peer: PeerID)] = []
        var clients = [Scene.client]
        var providers = [Scene.provider]
        var lastPeer: UInt64 = 10
        var names = 0

        init(seed: UInt64) {
            var limits = Limits()
            limits.eventsPerSubscription = 6
            limits.eventBytesPerSubscription = 400
            limits.eventBytesPerUser = 700
            limits.eventBytes = 1_000
            limits.eventsPerBatch = 3
            limits.windowBatches = 2
            limits.windowBytes = 300
            limits.eventWindowBytes = 300
            limits.unreadPerUser = 900
            limits.groupsPerSubscription = 2
            limits.pollingBytesPerUser = 1_000
            limits.pollingBytes = 1_500
            scene = Scene(limits)
            random = SeededGenerator(seed: seed)
        }

        mutating func newPeer(_ uid: UInt32) -> PeerID {
            lastPeer += 1
            let peer = PeerID(lastPeer)
            scene.core.peerAppeared(peer, uid: uid, pid: UInt32(lastPeer))
            scene.saw()
            return peer
        }

        mutating func step() throws {
            switch random.below(18) {
            case 0:
                names += 1
                let sink = random.chance(70) ? "/s\(names)" : nil
                let client = random.pick(clients)
                let window: Microseconds? = random.chance(20) ? .seconds(1) : nil
                if let id = try? scene.subscribe(sink, by: client, window: window, isOfProviders: random.chance(30)) {
                    subscribers.append((id, client, sink, []))
                }
            case 1:
                if let id = try? scene.openSource(by: random.pick(providers), isTold: random.chance(50)), let peer = providers.last {
                    sources.append((id, scene.core.events.sources[id]?.peer ?? peer))
                }
            case 2, 3:
                guard !subscribers.isEmpty else { return }
                let some = sources.filter { _ in random.chance(60) }.map(\.id)
                scene.core.listen(random.pick(subscribers).id, to: some)
                scene.saw()
            case 4:
                guard let asked = scene.witness.asked.min(by: { ($0.source, $0.subscriber) < ($1.source, $1.subscriber) }) else { return }
                scene.witness.asked.remove(asked)
                scene.answerAccess(asked.source, asked.subscriber, random.chance(70))
            case 5, 6, 7, 8: raise()
            case 9, 10:
                guard !subscribers.isEmpty else { return }
                let chosen = random.pick(subscribers)
                if let sink = chosen.sink {
                    scene.core.acknowledge(sink, of: chosen.peer, batches: UInt32(random.below(3)))
                    scene.saw()
                } else if chosen.peer == Scene.client {
                    try? scene.pull(chosen.id, .next(UInt32(random.below(4))), timeout: Int32(random.below(2)) * 100)
                }
            case 11: scene.wait(Microseconds(random.below(3)), answering: Set(clients + providers))
            case 12: try die()
            case 13:
                guard !subscribers.isEmpty else { return }
                let classes = ["A", "B"].filter { _ in random.chance(60) }
                let chosen = random.pick(subscribers).id
                let subjects = classes.map { Poll.Subject(namespace: "root/cimv2", className: $0, uid: 1_000) }
                scene.core.watch(chosen, subjects, every: Microseconds(1 + random.below(3)) * 500_000)
                scene.saw()
            case 14, 15, 16:
                guard let (look, poll) = scene.witness.looks.min(by: { $0.key < $1.key && scene.core.events.polls[$0.value] != nil }) else {
                    return
                }
                // Any look may be told as ended, and only the one that is under way counts.
                guard scene.core.events.polls[poll]?.look?.id == look || scene.core.events.looks[look] == nil else { return }
                if random.chance(70) { scene.looked(poll, look, bytes: random.below(600)) } else { scene.lookFailed(poll, look) }
            default:
                guard !subscribers.isEmpty, random.chance(30) else { return }
                scene.cancel(random.pick(subscribers).id)
            }
            for case .closeGroup(let id, _, let count) in scene.effects {
                let payload = scene.batch([UInt32(count)]).payload
                scene.core.raiseAggregate(Raised(id, payload, bytes: 10))
                scene.saw()
            }
        }

        private mutating func raise() {
            let source = random.chance(70) ? sources.isEmpty ? nil : random.pick(sources).id : nil
            if let source, random.chance(20) { scene.loseAtSource(source, UInt64(random.below(5))) }
            var raised: [Raised] = []
            for _ in 0...random.below(3) {
                for index in subscribers.indices where random.chance(60) {
                    let event = Raised(
                        subscribers[index].id, scene.batch([1]).payload, bytes: UInt32(1 + random.below(120)),
                        group: random.pick(["a", "b", "c"]))
                    raised.append(event)
                    subscribers[index].raised.append(event.payload)
                }
            }
            scene.core.raise(raised, from: source)
            scene.saw()
        }

        private mutating func die() throws {
            if random.chance(50) {
                let client = random.pick(clients)
                clients.removeAll { $0 == client }
                if client != Scene.client { scene.vanish(client) } else { clients.append(client) }
                clients.append(newPeer(random.chance(50) ? 1_000 : 2_000))
            } else {
                let provider = random.pick(providers)
                scene.vanish(provider)
                providers.removeAll { $0 == provider }
                let next = newPeer(500)
                scene.register(next, "Provider")
                providers.append(next)
            }
        }
    }

    @Test(
        "EV47, EV62, EV67, EV68, EV97, EV120: in random schedules each event is delivered once and in order, or counted as lost",
        arguments: 0..<100)
    func schedules(seed: Int) throws {
        var world = World(seed: UInt64(seed))
        world.scene.core.trace = []
        for _ in 0..<300 {
            try world.step()
            guard world.scene.witness.faults.isEmpty else { break }
        }
        #expect(world.scene.witness.faults == [], "seed \(seed)")
        for subscriber in world.subscribers {
            // What came is a part of what was raised, in its order, but for aggregates.
            var rest = world.scene.witness.delivered[subscriber.id, default: []].filter { subscriber.raised.contains($0) }[...]
            for payload in subscriber.raised where rest.first == payload { rest = rest.dropFirst() }
            #expect(rest.isEmpty, "EV62: seed \(seed), subscription \(subscriber.id.number)")
        }
        var second = BrokerCore(limits: world.scene.core.limits)
        let trace = world.scene.core.takeTrace()
        second.peerAppeared(Scene.client, uid: 1_000, pid: 101)
        second.peerAppeared(Scene.provider, uid: 500, pid: 102)
        second.peerAppeared(Scene.other, uid: 500, pid: 103)
        _ = try second.register(Scene.provider, namespace: "root/cimv2", name: "Provider", silence: nil, ping: nil)
        _ = second.takeEffects()
        for event in trace { second.replay(event) }
        #expect(second.events.totalBytes == world.scene.core.events.totalBytes)
        #expect(second.counters == world.scene.core.counters)
        for peer in world.clients + world.providers { world.scene.vanish(peer) }
        #expect(world.scene.core.events.isEmpty && world.scene.witness.payloads.isEmpty, "seed \(seed)")
        expectSafe(world.scene)
    }
}
