import CIM
import Testing

@testable import CIMBusCore

@Suite("What goes by a private connection takes nothing of what the bus allows (L8)")
struct PrivateSlotTests {
    @Test("L8: calls that fill the bus's slots hold up none at a provider with a private connection, which has four at once as any other")
    func calls() throws {
        var limits = Limits()
        limits.calls = 1
        limits.callsPerUser = 1
        limits.nestedCalls = 0
        // The fifth is out of the one user's reach.
        limits.callsPerProvider = 5
        var scene = Scene(limits)
        let byBus = scene.registration
        let taken = try scene.open(.sync, at: byBus)
        #expect(scene.core.operations[taken]?.state == .running)
        scene.register(Scene.other, "Private", isPrivate: true)
        let calls = try (0..<5).map { _ in try scene.open(.sync) }
        #expect(calls.map { scene.core.operations[$0]?.state == .running } == [true, true, true, true, false])
        #expect(calls.prefix(4).allSatisfy { scene.core.lane(of: scene.sink(of: $0)) == .private })
        // Nor do they take one of the bus's.
        let waiting = try scene.open(.sync, at: byBus)
        #expect(scene.core.operations[waiting]?.state != .running)
        scene.answer(scene.sink(of: calls[0]))
        #expect(scene.core.operations[calls[4]]?.state == .running)
        scene.answer(scene.sink(of: taken))
        #expect(scene.core.operations[waiting]?.state == .running)
        scene.answer(scene.sink(of: waiting))
        for call in calls.dropFirst() { scene.answer(scene.sink(of: call)) }
        expectSafe(scene)
    }

    @Test("W1 L8: who loses calls by a private connection makes the broker open no connection to the bus; at 256 it is called no more")
    func lost() throws {
        var scene = Scene()
        scene.register(Scene.other, "Private", isPrivate: true)
        for _ in 0..<256 {
            let id = try scene.open(.sync, timeout: .seconds(1))
            #expect(scene.core.operations[id]?.state == .running)
            scene.wait(2, answering: [Scene.provider, Scene.other])
        }
        #expect(Array(scene.core.slots.lanes.keys) == [.own])
        let id = try scene.open(.sync)
        #expect(scene.core.operations[id]?.state != .running)
        // One that is answered after all makes room.
        scene.answer(SinkID(1))
        #expect(scene.core.operations[id]?.state == .running)
        scene.answer(scene.sink(of: id))
        #expect(scene.witness.ends[id] == Outcome(.noError))
        expectSafe(scene)
    }

    @Test(
        "L8: pings by private connections are none of the bus's: stopped peers there that use those up keep no private one from being asked"
    )
    func pings() throws {
        var limits = Limits()
        limits.pings = 0
        var scene = Scene(limits)
        scene.register(Scene.other, "Private", isPrivate: true)
        scene.core.usesBus(Scene.other, false)
        _ = try scene.open()
        scene.wait(6)
        #expect(scene.core.peers[Scene.other]?.pingedAt != nil)
        #expect(scene.core.pings.total == 0)
        #expect(Array(scene.core.slots.lanes.keys) == [.own])
        scene.core.pingAnswered(by: Scene.other)
        #expect(scene.core.pings.total == 0)
    }
}
