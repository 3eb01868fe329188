import CIM
import Testing

@testable import CIMBusCore

@Suite("Flow control and bounds (L13, Design 3)")
struct CoreFlowTests {
    @Test("L13: the window is 8 batches; the ninth waits, and with it its provider")
    func window() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        for _ in 0..<8 { scene.indicate(sink) }
        #expect(scene.witness.indicates.isEmpty)
        let ninth = scene.indicate(sink)
        #expect(scene.effects == [])
        scene.acknowledge()
        #expect(scene.effects == [.deliver(id, PayloadID(17)), .credit(ninth, .noError)])
        expectSafe(scene)
    }

    @Test("L13: one batch may always be under way, however large; 1 MiB closes the window")
    func largeBatch() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.indicate(scene.sink(of: id), [8 << 20])
        #expect(scene.witness.indicates.isEmpty)
        scene.indicate(scene.sink(of: id))
        #expect(scene.witness.indicates.count == 1)
        scene.acknowledge()
        #expect(scene.witness.indicates.isEmpty)
        expectSafe(scene)
    }

    @Test("L13: the final status follows the accepted objects, and needs no credit itself")
    func statusFollows() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.open()
        let sink = scene.sink(of: id)
        for _ in 0..<3 { scene.indicate(sink) }
        scene.answer(sink)
        #expect(scene.witness.ends.isEmpty)
        scene.acknowledge()
        #expect(scene.witness.ends.isEmpty)
        scene.acknowledge()
        #expect(scene.witness.ends[id]?.status == .noError)
        #expect(scene.core.operations[id] == nil)
        expectSafe(scene)
    }

    @Test("L13: credit overdue by 30 s is ClientTooSlow; some credit in time is not")
    func tooSlow() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.open()
        for _ in 0..<3 { scene.indicate(scene.sink(of: id)) }
        scene.wait(29)
        scene.acknowledge()
        scene.wait(29)
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2)
        #expect(scene.witness.ends[id]?.status == .clientTooSlow)
        #expect(scene.witness.indicates.isEmpty)
        // It is not what the provider did.
        #expect(scene.core.registry.find(scene.registration)?.lastFailure == nil)
        expectSafe(scene)
    }

    @Test("L8, L13: a full enumerator that nobody pulls for 60 s is ClientTooSlow; results are kept 5 minutes")
    func pullTooSlow() throws {
        var scene = Scene()
        let id = try scene.open(.semisync)
        for _ in 0..<9 { scene.indicate(scene.sink(of: id)) }
        scene.wait(61)
        #expect(scene.witness.ends[id]?.status == .clientTooSlow)
        scene.wait(298)
        #expect(scene.core.operations[id] != nil)
        scene.wait(3)
        #expect(scene.core.operations[id] == nil)
        #expect(scene.core.quota == QuotaLedger())
        expectSafe(scene)
    }

    @Test("L13: more than 8 Indicate calls unanswered, or one without wanting a reply, is a flood", arguments: [true, false])
    func flooded(_ wantsReply: Bool) throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.open()
        let sink = scene.sink(of: id)
        if wantsReply {
            for _ in 0..<9 { scene.indicate(sink) }
            #expect(scene.core.legs[sink] != nil)
        }
        scene.indicate(sink, wantsReply: wantsReply)
        #expect(scene.core.legs[sink] == nil)
        for _ in 0..<9 { scene.acknowledge() }
        #expect(scene.witness.ends[id]?.explanation?.reason == .flooded)
        #expect(scene.witness.ends[id]?.status == .providerFailure)
        expectSafe(scene)
    }

    @Test("L13: at a user's bound its operations take turns; one that acknowledges does not starve the rest")
    func turns() throws {
        var limits = Limits()
        limits.unreadPerUser = 2_000
        var scene = Scene(limits)
        let first = try scene.open(.async(sink: "/1"))
        let second = try scene.open(.async(sink: "/2"))
        for _ in 0..<3 { scene.indicate(scene.sink(of: first), [1_000]) }
        for _ in 0..<2 { scene.indicate(scene.sink(of: second), [1_000]) }
        #expect(scene.core.operations[second]?.objectsDelivered == 0)
        scene.acknowledge(sink: "/1")
        #expect(scene.core.operations[first]?.objectsDelivered == 3)
        scene.indicate(scene.sink(of: first), [1_000])
        scene.acknowledge(sink: "/1")
        #expect(scene.core.operations[second]?.objectsDelivered == 1)
        expectSafe(scene)
    }

    @Test("L13: only overdue credit ends an operation, not the wait for its turn")
    func waitingForATurn() throws {
        var limits = Limits()
        limits.unreadPerUser = 1_000
        var scene = Scene(limits)
        _ = try scene.open(.async(sink: "/1"), timeout: nil)
        let second = try scene.open(.async(sink: "/2"))
        scene.indicate(SinkID(1), [1_000])
        scene.indicate(SinkID(2), [1_000])
        scene.indicate(SinkID(1), [1_000])
        scene.wait(29, answering: [Scene.provider])
        scene.acknowledge(sink: "/1")
        scene.wait(29, answering: [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        #expect(scene.core.operations[second]?.objectsDelivered == 1)
        scene.wait(2, answering: [Scene.provider])
        #expect(scene.witness.ends.values.map(\.status) == [.clientTooSlow])
        expectSafe(scene)
    }

    @Test("L13: a small batch that would fit waits behind a large one of its user")
    func smallBehindLarge() throws {
        var limits = Limits()
        limits.unreadPerUser = 1_000
        var scene = Scene(limits)
        let ids = try ["/1", "/2", "/3"].map { sink throws(Refusal) in try scene.open(.async(sink: sink)) }
        for (id, size) in zip(ids, [600, 600, 100] as [UInt32]) { scene.indicate(scene.sink(of: id), [size]) }
        #expect(ids.map { scene.core.operations[$0]?.objectsDelivered } == [1, 0, 0])
        scene.acknowledge(sink: "/1")
        #expect(ids.map { scene.core.operations[$0]?.objectsDelivered } == [1, 1, 1])
        expectSafe(scene)
    }

    @Test("L13: one that stands in line has its full time again when credit comes back, though others of its user take it")
    func timeInLine() throws {
        var limits = Limits()
        limits.unreadPerUser = 1_000
        var scene = Scene(limits)
        let ids = try ["/1", "/2", "/3"].map { sink throws(Refusal) in try scene.open(.async(sink: sink)) }
        for id in ids { scene.indicate(scene.sink(of: id), [1_000]) }
        scene.wait(20, answering: [Scene.provider])
        scene.acknowledge(sink: "/1")
        scene.wait(15, answering: [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        scene.wait(16, answering: [Scene.provider])
        #expect(scene.witness.ends.keys.sorted() == [ids[2]])
        #expect(scene.witness.ends[ids[2]]?.status == .clientTooSlow)
        expectSafe(scene)
    }

    @Test("L13: that one client reads does not prolong the time of another of its user that reads nothing")
    func oneReadsOneDoesNot() throws {
        var limits = Limits()
        limits.unreadPerUser = 1_000
        limits.unreadBeforePing = 1
        var scene = Scene(limits)
        let hog = PeerID(9)
        scene.core.peerAppeared(hog, uid: 1_000, pid: 104)
        let first = try scene.open(.sync, by: hog)
        let second = try scene.open(.sync, by: hog)
        for id in [first, second] { scene.answer(scene.sink(of: id), objects: [900]) }
        scene.core.sent(900, to: hog)
        scene.saw()
        for _ in 0..<4 {
            #expect(scene.witness.ends[second] == nil)
            scene.wait(9, answering: [Scene.provider, Scene.client])
            let id = try scene.open(.sync)
            scene.answer(scene.sink(of: id), objects: [50])
            scene.core.sent(50, to: Scene.client)
            scene.saw()
        }
        #expect(scene.witness.ends[second]?.status == .clientTooSlow)
        #expect(scene.witness.ends.values.count { $0.status.isSuccess } == 5)
        expectSafe(scene)
    }

    @Test("L13: replies decided on at once keep to the user's bound together")
    func repliesTogether() throws {
        var scene = Scene()
        var ids: [OperationID] = []
        for _ in 0..<30 { ids.append(try scene.open(.semisync)) }
        for id in ids {
            let sink = scene.sink(of: id)
            scene.answer(sink, objects: [1 << 20])
            try scene.pull(id, .next(1))
        }
        #expect(scene.core.credit.unread(of: 1_000) <= 8 << 20)
        #expect(scene.witness.pulls.count == 22)
        scene.pong(Scene.client)
        #expect(scene.witness.pulls.count == 14)
        #expect(scene.core.credit.unread(of: 1_000) <= 8 << 20)
        expectSafe(scene)
    }

    @Test("L13: a synchronous reply holds at most 1 MiB: QuotaViolation")
    func syncBound() throws {
        var scene = Scene()
        let id = try scene.open(.sync)
        scene.indicate(scene.sink(of: id), [600_000])
        scene.indicate(scene.sink(of: id), [600_000])
        #expect(scene.witness.ends[id]?.status == .quotaViolation)
        expectSafe(scene)
    }

    @Test("A.6: a Next that ran out of time makes room for what waits behind it")
    func lateNextMakesRoom() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.open(.semisync)
        scene.answer(scene.sink(of: id), keeping: 1)
        try scene.pull(id, .result)
        scene.indicate(scene.sink(of: id))
        scene.indicate(scene.sink(of: id))
        try scene.pull(id, .next(1), timeout: 0)
        #expect(scene.core.operations[id]?.objectsDelivered == 2)
        expectSafe(scene)
    }

    @Test("A.6: Next gives what it has, in order; then the end, or the error")
    func next() throws {
        var scene = Scene()
        let id = try scene.open(.semisync)
        let sink = scene.sink(of: id)
        scene.indicate(sink, [1, 1, 1])
        try scene.pull(id, .next(2))
        #expect(scene.answered == [.noError: 2])
        try scene.pull(id, .next(2), timeout: 0)
        #expect(scene.answered == [.sTimedOut: 1])
        scene.answer(sink, .failed)
        try scene.pull(id, .next(2))
        #expect(scene.answered == [.failed: 0])
        expectSafe(scene)
    }

    @Test("R46, R47, B.3: progress reaches who asked; of what is unread only the newest is kept")
    func progress() throws {
        var scene = Scene()
        let id = try scene.open(progress: true)
        let sink = scene.sink(of: id)
        scene.progress(sink, 1, object: scene.object())
        scene.core.sent(100, to: Scene.client)
        scene.saw()
        for number: UInt32 in 2...4 { scene.progress(sink, number, object: scene.object()) }
        #expect(scene.witness.payloads.count == 1)
        #expect(scene.core.operations[id]?.delivery.progress?.hresult == 4)
        scene.pong(Scene.client)
        #expect(scene.effects.contains { if case .progress(_, let report) = $0 { report.hresult == 4 } else { false } })
        let silent = try scene.open(.sync)
        scene.progress(scene.sink(of: silent), object: scene.object())
        #expect(scene.witness.payloads.isEmpty)
        let without = try scene.open(.async(sink: "/without"), progress: true)
        scene.answer(scene.sink(of: without))
        #expect(scene.effects == [.finish(without, Outcome(.noError))])
        expectSafe(scene)
    }

    @Test("L8: a ping that finds no room among those outstanding is sent later, to a mere reader too")
    func pingLater() throws {
        var limits = Limits()
        limits.pingsPerUser = 1
        var scene = Scene(limits)
        let second = PeerID(9)
        scene.core.peerAppeared(second, uid: 1_000, pid: 109)
        scene.core.sent(300_000, to: Scene.client)
        scene.saw()
        scene.core.sent(300_000, to: second)
        scene.saw()
        #expect(scene.witness.pinged == [Scene.client])
        scene.pong(Scene.client)
        scene.wait(2)
        #expect(scene.witness.pinged == [second])
        expectSafe(scene)
    }
}

extension Scene {
    /// How the last event answered a `Next`.
    var answered: [WBEMStatus: Int] {
        var answers: [WBEMStatus: Int] = [:]
        for case .answerNext(_, _, let objects, let status) in effects { answers[status] = objects }
        return answers
    }
}
