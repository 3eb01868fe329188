import CIM
import Testing

@testable import CIMBusCore

@Suite("Events on their way to subscribers")
struct CoreEventTests {
    @Test("EV44: a subscription has no end of its own: neither time nor quiet ends it, and a cancel is CallCancelled")
    func endless() throws {
        var scene = Scene()
        let id = try scene.subscribe()
        scene.wait(3_600)
        let event = scene.raise(for: id)
        #expect(scene.effects == [.deliverEvents(id, event, lost: 0)])
        scene.cancel(id)
        #expect(scene.witness.ends[id]?.status == .callCancelled)
        scene.raise(for: id)
        #expect(scene.effects.count == 1 && scene.effects.allSatisfy { if case .discard = $0 { true } else { false } })
        expectSafe(scene)
    }

    @Test("EV44: a subscription that fails, with events still on their way, takes nothing more")
    func failed() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.subscribe()
        for _ in 0..<3 { scene.raise(for: id) }
        scene.core.fail(id, .invalidClass, "the class is gone")
        scene.saw()
        scene.raise(for: id)
        #expect(scene.effects.count == 1 && scene.effects.allSatisfy { if case .discard = $0 { true } else { false } })
        expectSafe(scene)
    }

    @Test("EV51: a subscription may bound its queue itself, below what any may have, and never above")
    func ownBound() throws {
        var limits = Limits()
        limits.windowBatches = 1
        limits.eventBytesPerSubscription = 1_000
        var scene = Scene(limits)
        let small = try scene.subscribe("/small", queueBytes: 250)
        let large = try scene.subscribe("/large", queueBytes: 1_000_000)
        // One is sent, and one waits before the window.
        for _ in 0..<20 { scene.raise(for: small, large, bytes: 100) }
        #expect(scene.core.events.subscriptions[small]?.waitingEvents == 2 && scene.core.events.subscriptions[small]?.lostInAll == 16)
        #expect(scene.core.events.subscriptions[large]?.waitingEvents == 10 && scene.core.events.subscriptions[large]?.lostInAll == 8)
        expectSafe(scene)
    }

    @Test("EV44: the broker's end is ShuttingDown, and the subscription takes nothing more")
    func shutDown() throws {
        var scene = Scene()
        let id = try scene.subscribe()
        scene.shutDown()
        #expect(scene.witness.ends[id]?.status == .shuttingDown)
        #expect(throws: Refusal.self) { try scene.subscribe("/other") }
        expectSafe(scene)
    }

    @Test("EV47: a subscription ends with its client's connection, and what waits goes with it")
    func vanished() throws {
        var scene = Scene()
        let id = try scene.subscribe()
        for _ in 0..<20 { scene.raise(for: id) }
        scene.vanish(Scene.client)
        #expect(scene.core.events.isEmpty && scene.witness.payloads.isEmpty && scene.witness.open.isEmpty)
        expectSafe(scene)
    }

    @Test("EV88: one event goes as one batch; what waits for a subscriber that lags comes as few batches, in order")
    func batches() throws {
        var scene = Scene()
        let id = try scene.subscribe()
        var raised: [PayloadID] = []
        for _ in 0..<8 {
            raised += scene.raise(for: id)
            #expect(scene.effects.count == 1)
        }
        for _ in 0..<50 {
            raised += scene.raise(for: id)
            #expect(scene.effects.isEmpty)
        }
        scene.acknowledge(2)
        #expect(scene.effects.count == 2)
        #expect(scene.witness.delivered[id] == raised)
        expectSafe(scene)
    }

    @Test("EV88: a batch of events has a bound of bytes, and one that is larger goes alone")
    func batchBytes() throws {
        var limits = Limits()
        limits.windowBatches = 1
        limits.eventBytesPerBatch = 250
        var scene = Scene(limits)
        let id = try scene.subscribe()
        // One is sent, and one waits before the window.
        for _ in 0..<2 { scene.raise(for: id) }
        let raised = [100, 100, 100, 1_000, 100].map { scene.raise(for: id, bytes: $0)[0] }
        scene.acknowledge(1)
        for batch in [[0, 1], [2], [3], [4]] {
            scene.acknowledge(1)
            #expect(scene.effects == [.deliverEvents(id, batch.map { raised[$0] }, lost: 0)])
        }
        expectSafe(scene)
    }

    @Test("EV67, EV115: a full queue loses the oldest; the next batch says how many, exactly, and the subscription goes on")
    func loss() throws {
        var limits = Limits()
        limits.eventsPerSubscription = 10
        limits.eventsPerBatch = 4
        var scene = Scene(limits)
        let id = try scene.subscribe()
        // Eight fill the window, and a batch of one waits before it.
        for _ in 0..<9 { scene.raise(for: id) }
        let kept = (0..<10).map { _ in scene.raise(for: id)[0] }
        for _ in 0..<7 {
            scene.raise(for: id)
            guard case .lose(let loser, _, _)? = scene.effects.first else { return #expect(Bool(false), "nothing was lost") }
            #expect(loser == id)
        }
        #expect(scene.core.events.subscriptions[id]?.lostInAll == 7 && scene.core.counters.lostEvents == 7)
        scene.acknowledge(2)
        #expect(scene.effects.first == .deliverEvents(id, [PayloadID(9)], lost: 0))
        #expect(scene.effects.last == .deliverEvents(id, [7, 8, 9].map { kept[$0] } + [PayloadID(20)], lost: 7))
        scene.acknowledge(8)
        guard case .deliverEvents(_, _, let lost)? = scene.effects.first else { return #expect(Bool(false), "nothing came") }
        #expect(lost == 0)
        expectSafe(scene)
    }

    @Test("EV67: bytes bound the queue as well, and an event that is larger than the bound is lost alone")
    func lossOfBytes() throws {
        var limits = Limits()
        limits.eventBytesPerSubscription = 1_000
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.subscribe()
        scene.raise(for: id)
        scene.raise(for: id)
        scene.raise(for: id, bytes: 600)
        scene.raise(for: id, bytes: 600)
        #expect(scene.effects.count == 1 && scene.core.events.totalBytes == 600)
        scene.raise(for: id, bytes: 5_000)
        #expect(scene.effects.count == 2 && scene.core.events.totalBytes == 0)
        #expect(scene.core.events.subscriptions[id]?.lostInAll == 3)
        expectSafe(scene)
    }

    @Test("EV68, EV119: who does not read loses; others of another user and of the same lose nothing")
    func others() throws {
        var limits = Limits()
        limits.eventBytesPerUser = 10_000
        limits.eventBytesPerSubscription = 100_000
        var scene = Scene(limits)
        let slow = try scene.subscribe("/slow")
        let quick = try scene.subscribe("/quick")
        let foreign = try scene.subscribe("/foreign", by: Scene.other)
        for _ in 0..<300 {
            scene.raise(for: slow, quick, foreign, bytes: 100)
            scene.acknowledge(1, sink: "/quick")
            scene.core.acknowledge("/foreign", of: Scene.other, batches: 1)
            scene.saw()
        }
        #expect(scene.witness.delivered[quick]?.count == 300 && scene.witness.delivered[foreign]?.count == 300)
        let delivered = scene.witness.delivered[slow]?.count ?? 0
        let lost = scene.core.events.subscriptions[slow]?.lostInAll ?? 0
        #expect(lost > 0 && delivered == 8)
        // What is neither delivered nor lost waits: one batch of the delivery, and the queue.
        #expect(UInt64(300 - delivered - 1 - (scene.core.events.subscriptions[slow]?.waitingEvents ?? 0)) == lost)
        #expect(scene.core.events.subscriptions[quick]?.lostInAll == 0)
        expectSafe(scene)
    }

    @Test("EV68, EV119: fifty subscribers that do not read keep no other of their user from its events")
    func credit() throws {
        var scene = Scene()
        let slow = try (0..<50).map { number throws(Refusal) in try scene.subscribe("/slow\(number)") }
        let quick = try scene.subscribe("/quick")
        for _ in 0..<100 {
            for id in slow { scene.raise(for: id, bytes: 100_000) }
            scene.raise(for: quick, bytes: 100_000)
            scene.acknowledge(1, sink: "/quick")
        }
        #expect(scene.witness.delivered[quick]?.count == 100)
        #expect(scene.core.events.subscriptions[quick]?.lostInAll == 0)
        expectSafe(scene)
    }

    @Test("EV68: past the bound of a user, that user's subscriptions lose, and not one of another user for which more waits")
    func boundOfUser() throws {
        var limits = Limits()
        limits.eventBytesPerUser = 1_000
        limits.windowBatches = 1
        var scene = Scene(limits)
        let foreign = try scene.subscribe("/foreign", by: Scene.other)
        let own = [try scene.subscribe("/1"), try scene.subscribe("/2")]
        // One is sent, and one waits before the window.
        for _ in 0..<11 { scene.raise(for: foreign, bytes: 100) }
        for _ in 0..<9 { scene.raise(for: own[0], own[1], bytes: 100) }
        #expect(scene.core.events.subscriptions[foreign]?.waitingEvents == 9)
        #expect(scene.core.events.subscriptions[foreign]?.lostInAll == 0)
        #expect(own.reduce(0) { $0 + (scene.core.events.subscriptions[$1]?.waitingEvents ?? 0) } == 10)
        expectSafe(scene)
    }

    @Test("EV68: past the bound of all, the user for whom most waits loses")
    func total() throws {
        var limits = Limits()
        limits.eventBytes = 5_000
        limits.windowBatches = 1
        var scene = Scene(limits)
        let greedy = try scene.subscribe("/greedy")
        let modest = try scene.subscribe("/modest", by: Scene.other)
        scene.raise(for: modest, bytes: 100)
        scene.raise(for: modest, bytes: 100)
        scene.raise(for: modest, bytes: 100)
        for _ in 0..<100 { scene.raise(for: greedy, bytes: 100) }
        #expect(scene.core.events.totalBytes <= 5_000)
        #expect(scene.core.events.subscriptions[modest]?.lostInAll == 0)
        #expect(scene.core.events.subscriptions[greedy]?.lostInAll ?? 0 > 0)
        expectSafe(scene)
    }

    @Test("EV43, EV48: Next waits for as many as it wants, and at its time gives what has come; who never calls it loses, and goes on")
    func next() throws {
        var scene = Scene()
        let id = try scene.subscribe(nil)
        try scene.pull(id, .next(2), timeout: 1_000)
        scene.raise(for: id)
        #expect(!scene.effects.contains { if case .answerNext = $0 { true } else { false } })
        scene.wait(1)
        #expect(scene.effects.contains { if case .answerNext(_, id, objects: 1, status: .sTimedOut) = $0 { true } else { false } })
        try scene.pull(id, .next(1), timeout: -1)
        scene.raise(for: id)
        #expect(scene.effects.contains { if case .answerNext(_, id, objects: 1, status: .noError) = $0 { true } else { false } })
        for _ in 0..<20_000 { scene.raise(for: id) }
        scene.wait(600)
        #expect(scene.core.operations[id]?.state == .running)
        #expect(scene.core.events.subscriptions[id]?.lostInAll ?? 0 > 0)
        scene.close(id)
        #expect(scene.core.events.isEmpty)
        expectSafe(scene)
    }

    @Test("EV70, EV71: a user has a bound of subscriptions, and the refusal says whose, how many and of how many")
    func quota() throws {
        var limits = Limits()
        limits.subscriptionsPerUser = 2
        var scene = Scene(limits)
        let first = try scene.subscribe("/1")
        _ = try scene.subscribe("/2")
        let refusal = #expect(throws: Refusal.self) { try scene.subscribe("/3") }
        #expect(refusal?.status == .quotaViolation)
        #expect(refusal?.message.contains("uid 1000 has 2 of at most 2") == true)
        _ = try scene.subscribe("/4", by: Scene.other)
        scene.cancel(first)
        #expect(throws: Never.self) { try scene.subscribe("/3") }
        expectSafe(scene)
    }
}

@Suite("Groups of events (Semantics J.6)")
struct CoreEventGroupTests {
    @Test(
        "EV33, EV34, EV113: the first event opens the window; its end gives one aggregate with the first and the number of all; no event, nothing"
    )
    func window() throws {
        var scene = Scene()
        let id = try scene.subscribe(window: .seconds(10))
        scene.wait(100)
        #expect(scene.effects.isEmpty)
        let first = scene.raise(for: id)[0]
        scene.raise(for: id)
        scene.wait(9)
        scene.raise(for: id)
        scene.wait(1)
        #expect(scene.effects == [.closeGroup(id, first, count: 3)])
        scene.wait(100)
        let next = scene.raise(for: id)[0]
        scene.wait(10)
        #expect(scene.effects == [.closeGroup(id, next, count: 1)])
        expectSafe(scene)
    }

    @Test("EV35: each combination of values has a window of its own")
    func by() throws {
        var scene = Scene()
        let id = try scene.subscribe(window: .seconds(10))
        let first = scene.raise(for: id, group: "a")[0]
        scene.wait(5)
        let second = scene.raise(for: id, group: "b")[0]
        scene.raise(for: id, group: "a")
        scene.wait(5)
        #expect(scene.effects == [.closeGroup(id, first, count: 2)])
        scene.wait(5)
        #expect(scene.effects == [.closeGroup(id, second, count: 1)])
        expectSafe(scene)
    }

    @Test("EV33, EV35: the end of one window is not that of another that ends soon after it")
    func ends() throws {
        var scene = Scene()
        let id = try scene.subscribe(window: .seconds(10))
        let first = scene.raise(for: id, group: "a")[0]
        scene.wait(1)
        let second = scene.raise(for: id, group: "b")[0]
        scene.wait(9)
        #expect(scene.effects == [.closeGroup(id, first, count: 1)])
        scene.raise(for: id, group: "b")
        scene.wait(1)
        #expect(scene.effects == [.closeGroup(id, second, count: 2)])
        expectSafe(scene)
    }

    @Test("EV39: the number of open windows is bounded; an event that would open one more is lost, and counted")
    func bound() throws {
        var limits = Limits()
        limits.groupsPerSubscription = 3
        var scene = Scene(limits)
        let id = try scene.subscribe(window: .seconds(10))
        for group in ["a", "b", "c", "d", "a", "e"] { scene.raise(for: id, group: group) }
        #expect(scene.core.events.subscriptions[id]?.lostInAll == 2)
        scene.cancel(id)
        #expect(scene.witness.payloads.isEmpty)
        expectSafe(scene)
    }
}
