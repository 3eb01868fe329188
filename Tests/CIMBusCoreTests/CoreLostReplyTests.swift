import CIM
import Testing

@testable import CIMBusCore

@Suite("Calls that a provider never answers (L8)")
struct CoreLostReplyTests {
    /// Calls the provider and lets the client give up, `count` times; the provider answers pings and never these calls.
    private func lose(_ count: Int, in scene: inout Scene, at registration: RegistrationID? = nil, _ kind: Request.Kind = .getObject) throws
    {
        for _ in 0..<count {
            let id = try scene.open(.sync, kind, at: registration, timeout: .seconds(1))
            scene.wait(2, answering: [Scene.provider, Scene.other])
            #expect(scene.witness.ends[id]?.status == .timedOut)
        }
    }

    @Test("W1 L8: a provider that answers pings is called on, however many calls it lost")
    func calledOn() throws {
        var scene = Scene()
        try lose(300, in: &scene)
        let id = try scene.open(.sync)
        // The lane that it goes by is there.
        for (lane, state) in scene.core.slots.lanes where !state.isOpen { scene.openLane(lane) }
        #expect(scene.core.operations[id]?.state == .running)
        scene.answer(scene.sink(of: id))
        #expect(scene.witness.ends[id] == Outcome(.noError))
        expectSafe(scene)
    }

    @Test(
        "W1 L8: lost calls are told of once they are 3 s old: state, counters, LastFailure, one line for each kind; what comes late is found"
    )
    func told() throws {
        var scene = Scene()
        let registration = scene.registration
        try lose(1, in: &scene)
        func state() -> Registration.State? { scene.core.registry.find(registration).map { scene.core.state(of: $0) } }
        #expect(state() == .running)
        scene.wait(2)
        #expect(state() == .losingReplies)
        let known = try #require(scene.core.registry.find(registration))
        #expect(known.lost == [.getObject: 1])
        #expect(known.counters.lostReplies == 1)
        #expect(known.lastFailure?.explanation?.reason == .replyLost)
        #expect(known.lastFailure?.kind == .getObject)
        // A second one of the kind is counted, and no second line.
        let second = try scene.open(.sync, .getObject, timeout: .seconds(1))
        let sink = scene.sink(of: second)
        scene.wait(2, answering: [Scene.provider])
        scene.wait(2)
        #expect(!scene.effects.contains { if case .note = $0 { true } else { false } })
        #expect(scene.core.registry.find(registration)?.lost == [.getObject: 2])
        scene.answer(sink)
        #expect(scene.core.registry.find(registration)?.lost == [.getObject: 1])
        scene.answer(SinkID(1))
        #expect(state() == .running)
        #expect(scene.core.registry.find(registration)?.counters.lostReplies == 2)
        expectSafe(scene)
    }

    @Test("W1 L8: a call that is answered late, before anybody was told, is no lost one")
    func late() throws {
        var scene = Scene()
        try lose(1, in: &scene)
        scene.answer(SinkID(1))
        scene.wait(5, answering: [Scene.provider])
        #expect(scene.core.counters.lostReplies == 0)
        expectSafe(scene)
    }

    @Test("W1 L8: the new process of a provider that lost calls has lost none")
    func newProcess() throws {
        var scene = Scene()
        let registration = scene.registration
        try lose(2, in: &scene)
        scene.wait(3, answering: [Scene.provider])
        scene.vanish(Scene.provider)
        scene.register(Scene.other, "Provider")
        #expect(scene.core.registry.find(registration)?.lost == [:])
        #expect(scene.core.registry.find(registration)?.counters.lostReplies == 2)
        expectSafe(scene)
    }

    @Test(
        "W1 L8: four lost calls of a provider stay on the broker's own connection; the others go by lanes, which are left when 32 are lost")
    func lanes() throws {
        var scene = Scene()
        try lose(5, in: &scene)
        #expect(scene.core.slots.lanes[.own]?.lost == 4)
        for _ in 0..<200 {
            for (lane, state) in scene.core.slots.lanes where !state.isOpen { scene.openLane(lane) }
            let id = try scene.open(.sync, .getObject, timeout: .seconds(1))
            scene.wait(2, answering: [Scene.provider])
            #expect(scene.witness.ends[id]?.status == .timedOut)
        }
        #expect(scene.core.slots.lanes[.own]?.lost == 4)
        #expect(scene.core.slots.slots.count <= 4 + 32)
        expectSafe(scene)
    }

    @Test(
        "W1 L6, L8: a provider dies with calls on two lanes at once, waited for and lost: each ends once, on each lane nothing is left",
        arguments: [nil, true, false])
    func deathOnTwoLanes(_ loseLaneBefore: Bool?) throws {
        var limits = Limits()
        limits.lostOnOwnLane = 0
        limits.lostPerLane = 1
        limits.lanes = 2
        var scene = Scene(limits)
        var waited: [OperationID] = []
        // On each lane one that is waited for, and one that is lost, so that the lane takes no more, and is not left.
        for number: UInt64 in 1...2 {
            waited.append(try scene.open(.semisync))
            scene.openLane(LaneID(number))
            let lost = try scene.open(.semisync)
            #expect(scene.core.lane(of: scene.sink(of: lost)) == LaneID(number))
            scene.cancel(lost)
            scene.pong(Scene.provider)
        }
        #expect(scene.core.lanes(of: Scene.provider) == [LaneID(1), LaneID(2)])
        if loseLaneBefore == true {
            scene.loseLane(LaneID(1))
            #expect(scene.witness.ends[waited[0]]?.explanation?.reason == .badAnswer)
            #expect(scene.core.lanes(of: Scene.provider) == [LaneID(2)])
        }
        scene.vanish(Scene.provider)
        for id in waited.dropFirst(loseLaneBefore == true ? 1 : 0) {
            #expect(scene.witness.ends[id]?.explanation?.reason == .providerVanished)
        }
        if loseLaneBefore == false { scene.loseLane(LaneID(1)) }
        #expect(scene.core.slots.slots.isEmpty)
        #expect(scene.core.slots.lanes.values.allSatisfy { $0.unanswered == 0 && $0.lost == 0 })
        #expect(scene.core.lanes(of: Scene.provider) == [])
        #expect(scene.witness.ends.count == 4)
        expectSafe(scene)
    }

    @Test("W1 L8: what is lost at one provider costs another's slots nothing, though the broker's own connection is full of lost calls")
    func others() throws {
        var limits = Limits()
        limits.calls = 3
        var scene = Scene(limits)
        let loser = scene.registration
        scene.register(Scene.other, "Other")
        let healthy = scene.registration
        try lose(3, in: &scene, at: loser)
        #expect(scene.core.slots.lanes[.own]?.unanswered == 3)
        let id = try scene.open(.sync, at: healthy)
        let lane = try #require(scene.core.slots.lanes.keys.max())
        #expect(scene.effects.contains(.openLane(lane)) && scene.core.operations[id]?.state == .queued)
        scene.openLane(lane)
        #expect(scene.effects == [.call(scene.sink(of: id))] && scene.core.lane(of: scene.sink(of: id)) == lane)
        scene.answer(scene.sink(of: id))
        #expect(scene.witness.ends[id] == Outcome(.noError))
        expectSafe(scene)
    }

    @Test("W1 L8: a call that is given up makes room at once for another provider of the same user")
    func roomOfUser() throws {
        var limits = Limits()
        limits.callsPerUser = 1
        var scene = Scene(limits)
        let loser = scene.registration
        scene.register(Scene.other, "Other")
        let healthy = scene.registration
        let lost = try scene.open(.semisync, .getObject, at: loser)
        let next = try scene.open(.semisync, at: healthy)
        #expect(scene.core.operations[next]?.state == .queued)
        scene.cancel(lost)
        #expect(scene.core.operations[next]?.state == .running)
        expectSafe(scene)
    }

    @Test("W1 L8: calls that are unanswered for 10 s hold up no others, while the provider says other things; else they do")
    func setAside() throws {
        var scene = Scene()
        for _ in 0..<4 { _ = try scene.open(.semisync, .getObject) }
        let next = try scene.open(.semisync)
        #expect(scene.core.operations[next]?.state == .queued)
        scene.wait(11, answering: [Scene.provider])
        #expect(scene.core.operations[next]?.state == .running)
        scene.answer(scene.sink(of: next))
        // They are waited for still.
        scene.answer(SinkID(1), objects: [1])
        #expect(scene.witness.ends[OperationID(1)]?.status == .noError)
        expectSafe(scene)

        var busy = Scene()
        busy.busy = [Scene.provider]
        for _ in 0..<4 { _ = try busy.open(.semisync, .getObject) }
        let queued = try busy.open(.semisync)
        busy.wait(60)
        #expect(busy.core.operations[queued]?.state == .queued)
        expectSafe(busy)
    }

    @Test("W1 L8: a process that works is busy and not stopped: it has the limit of silence; one that stops working is found within 10 s")
    func busy() throws {
        var scene = Scene()
        scene.busy = [Scene.provider]
        let id = try scene.open(.sync, .execMethod)
        scene.wait(299)
        #expect(scene.witness.ends.isEmpty)
        scene.answer(scene.sink(of: id))
        #expect(scene.witness.ends[id] == Outcome(.noError))

        let silent = try scene.open(.sync, .execMethod)
        scene.wait(302)
        #expect(scene.witness.ends[silent]?.status == .providerTimedOut)

        let stopped = try scene.open(.sync, .execMethod)
        scene.pong(Scene.provider)
        scene.busy = []
        scene.wait(11)
        #expect(scene.witness.ends[stopped]?.explanation?.reason == .providerUnresponsive)
        expectSafe(scene)
    }

    @Test(
        "W1 L8: stopped providers that use up the pings keep no other from being asked; a ping on another lane says nothing of what was read"
    )
    func pings() throws {
        var limits = Limits()
        limits.pings = 1
        var scene = Scene(limits)
        let first = try scene.open(.semisync)
        scene.wait(11)
        #expect(scene.witness.ends[first]?.explanation?.reason == .providerUnresponsive)
        scene.register(Scene.other, "Other")
        let second = try scene.open(.semisync)
        scene.wait(6)
        scene.openLane(LaneID(1))
        scene.wait(2)
        #expect(scene.witness.pinged == [Scene.provider, Scene.other])
        #expect(scene.core.peers[Scene.other]?.reads.pinged == nil)
        scene.wait(8)
        #expect(scene.witness.ends[second]?.explanation?.reason == .providerUnresponsive)
        // The lane is lost, and with it the answer: it is asked again, so that it can come back to life.
        scene.loseLane(LaneID(1))
        let lane = LaneID(2)
        scene.wait(2)
        scene.openLane(lane)
        scene.wait(2)
        scene.pong(Scene.other)
        #expect(scene.core.peers[Scene.other]?.liveness == .responsive)
        expectSafe(scene)
    }

    @Test("W1 L8: a lane that has lost enough is left when nobody waits for any of its calls, and takes no new ones meanwhile")
    func leftLater() throws {
        var limits = Limits()
        limits.lostOnOwnLane = 0
        limits.lostPerLane = 1
        var scene = Scene(limits)
        let waiting = try scene.open(.semisync, .getObject)
        scene.openLane(LaneID(1))
        let sink = scene.sink(of: waiting)
        let lost = try scene.open(.semisync)
        scene.cancel(lost)
        scene.pong(Scene.provider)
        #expect(scene.core.slots.lanes[LaneID(1)]?.lost == 1)
        _ = try scene.open(.semisync)
        #expect(scene.effects.contains(.openLane(LaneID(2))))
        scene.answer(sink, objects: [1])
        #expect(scene.witness.ends[waiting] == Outcome(.noError))
        #expect(scene.effects.contains(.closeLane(LaneID(1))))
        expectSafe(scene)
    }

    @Test("W1 L8: when a lane is lost, what went by it ends; what is set, or held by others, stands")
    func laneLost() throws {
        var limits = Limits()
        limits.lostOnOwnLane = 0
        var scene = Scene(limits)
        let ids = try (1...3).map { try scene.open(.async(sink: "/s\($0)")) }
        scene.openLane(LaneID(1))
        scene.setStatus(scene.sink(of: ids[1]), .notFound)
        scene.addRef(scene.sink(of: ids[2]))
        scene.transfer(scene.sink(of: ids[2]))
        scene.loseLane(LaneID(1))
        #expect(scene.witness.ends[ids[0]]?.explanation?.reason == .badAnswer)
        #expect(scene.witness.ends[ids[1]]?.status == .notFound)
        #expect(scene.core.operations[ids[2]]?.state == .running)
        scene.setStatus(scene.sink(of: ids[2]), by: Scene.other, .noError)
        scene.release(scene.sink(of: ids[2]), by: Scene.other)
        #expect(scene.witness.ends[ids[2]]?.status == .noError)
        expectSafe(scene)
    }
}
