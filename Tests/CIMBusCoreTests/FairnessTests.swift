import Testing

@testable import CIMBusCore

/// Whose call goes to a provider next, where several users wait for it (L13).
@Suite("Fairness (L13)") struct FairnessTests {
    private static let second = PeerID(11)
    private static let third = PeerID(12)
    private static let root = PeerID(13)

    private func scene(_ limits: Limits = Limits()) -> Scene {
        var scene = Scene(limits)
        for (peer, uid) in [(Self.second, 1_001), (Self.third, 1_002), (Self.root, 0)] as [(PeerID, UInt32)] {
            scene.core.peerAppeared(peer, uid: uid, pid: nil)
        }
        scene.saw()
        return scene
    }

    private func running(_ scene: Scene, _ ids: [OperationID]) -> Int { ids.count { scene.core.operations[$0]?.state == .running } }

    @Test("one user other than root has three of a provider's four calls, and the fourth is anybody else's at once")
    func reach() throws {
        var scene = scene()
        let flood = try (0..<50).map { sink in try scene.open(.async(sink: "/flood\(sink)")) }
        #expect(running(scene, flood) == 3)
        let other = try scene.open(.semisync, by: Self.second)
        #expect(scene.core.operations[other]?.state == .running)
        #expect(running(scene, flood) == 3)
        expectSafe(scene)
    }

    @Test("root may have all four, and one user may have the only one of a provider that serves one")
    func root() throws {
        var scene = scene()
        let mine = try (0..<6).map { _ in try scene.open(.semisync, by: Self.root) }
        #expect(running(scene, mine) == 4)
        expectSafe(scene)
        var limits = Limits()
        limits.callsPerProvider = 1
        var small = Scene(limits)
        let only = try small.open(.semisync)
        #expect(small.core.operations[only]?.state == .running)
    }

    @Test("the next call is that of the user who has the fewest there, not of who came first; each user's go in their order")
    func fewest() throws {
        var scene = scene()
        let flood = try (0..<20).map { sink in try scene.open(.async(sink: "/flood\(sink)")) }
        let first = try (0..<3).map { _ in try scene.open(.semisync, by: Self.second) }
        let later = try scene.open(.semisync, by: Self.third)
        // All four are taken: three by the flood, one by the second user.
        #expect(running(scene, flood) == 3 && running(scene, first) == 1 && scene.core.operations[later]?.state == .queued)
        scene.answer(scene.sink(of: flood[0]))
        // The third user has none, and came last.
        #expect(scene.core.operations[later]?.state == .running)
        scene.answer(scene.sink(of: flood[1]))
        // The flood and the second user have one each: who came first has waited longest.
        #expect(running(scene, flood) == 2 && scene.core.operations[flood[3]]?.state == .running)
        scene.answer(scene.sink(of: flood[2]))
        scene.answer(scene.sink(of: later))
        #expect(running(scene, first) == 2 && scene.core.operations[first[1]]?.state == .running)
        expectSafe(scene)
    }

    @Test(
        "L13: whose calls keep places for which another user's waits, and who gives no credit back, is ClientTooSlow after 5 s, and not after 30 s"
    )
    func sooner() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = scene(limits)
        let slow = try (0..<3).map { sink in try scene.open(.async(sink: "/slow\(sink)")) }
        // One more of its own, which waits too, changes nothing.
        let own = try scene.open(.async(sink: "/own"))
        for id in slow { for _ in 0..<3 { scene.indicate(scene.sink(of: id)) } }
        let quick = try scene.open(.semisync, by: Self.second)
        scene.wait(8)
        #expect(running(scene, slow) == 3 && running(scene, [own, quick]) == 1)
        let waiting = try scene.open(.semisync, by: Self.third)
        scene.wait(1, answering: [Scene.provider])
        for id in slow { #expect(scene.witness.ends[id]?.status == .clientTooSlow) }
        #expect(running(scene, [waiting, quick]) == 2)
        expectSafe(scene)
    }

    @Test("what a user waits for at one provider keeps nobody waiting at another")
    func others() throws {
        var scene = scene()
        for sink in 0..<10 { _ = try scene.open(.async(sink: "/flood\(sink)")) }
        scene.register(Scene.other, "Other")
        let elsewhere = try scene.open(.semisync, at: scene.registration)
        #expect(scene.core.operations[elsewhere]?.state == .running)
        expectSafe(scene)
    }

    @Test(
        "L13: one user's hanging calls at many providers of one user take three quarters of what that user's providers may have; by private connections none"
    )
    func manyProviders() throws {
        var scene = scene()
        let providers = (0..<7).map { PeerID(20 + UInt64($0)) }
        for provider in providers { scene.core.peerAppeared(provider, uid: 900, pid: nil) }
        var registrations: [RegistrationID] = []
        for provider in providers {
            scene.register(provider, "P\(provider.number)", isPrivate: provider == providers.last)
            registrations.append(scene.registration)
        }
        var flood: [OperationID] = []
        for registration in registrations.dropLast() { for _ in 0..<3 { flood.append(try scene.open(.semisync, at: registration)) } }
        #expect(running(scene, flood) == 12)
        let other = try scene.open(.semisync, by: Self.second, at: registrations[5])
        #expect(scene.core.operations[other]?.state == .running)
        let privately = try scene.open(.semisync, at: registrations[6])
        #expect(scene.core.operations[privately]?.state == .running)
        // One that ends makes room for the flood's next.
        scene.answer(scene.sink(of: flood[0]))
        #expect(running(scene, flood) == 12)
        expectSafe(scene)
    }

    @Test("L13: one user's hanging calls at providers of many users take three quarters of what is not kept for root's")
    func manyUsers() throws {
        var scene = scene()
        var flood: [OperationID] = []
        var last = scene.registration
        for number in 0..<30 {
            let provider = PeerID(UInt64(20 + number))
            scene.core.peerAppeared(provider, uid: UInt32(900 + number), pid: nil)
            scene.register(provider, "P\(number)")
            last = scene.registration
            for _ in 0..<3 { flood.append(try scene.open(.semisync, at: last)) }
        }
        #expect(running(scene, flood) == 54)
        let other = try scene.open(.semisync, by: Self.second, at: last)
        #expect(scene.core.operations[other]?.state == .running)
        expectSafe(scene)
    }
}
