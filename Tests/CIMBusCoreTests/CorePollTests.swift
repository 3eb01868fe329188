import CIM
import Testing

@testable import CIMBusCore

@Suite("Polling: who looks when, and what is compared with what")
struct CorePollTests {
    private func begun(_ scene: Scene) throws -> (poll: PollID, look: LookID, driver: OperationID) { try #require(scene.begun.first) }

    /// A subscription with its first look at the instances of A behind it.
    private func watching(_ scene: inout Scene, every interval: Microseconds = .seconds(1)) throws -> (OperationID, PollID, LookID) {
        let id = try scene.subscribe()
        scene.watch(id, "A", every: interval)
        scene.wait(0)
        let (poll, look, driver) = try begun(scene)
        #expect(driver == id)
        scene.looked(poll, look)
        return (id, poll, look)
    }

    @Test("EV28: the first look is the base line, and nothing is told; the second is compared with it")
    func baseLine() throws {
        var scene = Scene()
        let (id, poll, first) = try watching(&scene)
        #expect(scene.effects.isEmpty)
        scene.wait(1)
        let second = try begun(scene)
        scene.looked(second.poll, second.look)
        #expect(scene.effects == [.compare(poll, first, with: second.look, for: [id]), .forgetLook(first)])
        expectSafe(scene)
    }

    @Test("EV28: a look that fails is no deletion: the base line stays, the failure is counted, and the next look is compared with it")
    func failureLater() throws {
        var scene = Scene()
        let (id, poll, first) = try watching(&scene)
        scene.wait(1)
        let second = try begun(scene)
        scene.lookFailed(second.poll, second.look)
        #expect(scene.effects == [.forgetLook(second.look)])
        #expect(scene.core.events.polls[poll]?.failures == 1 && scene.core.events.polls[poll]?.lastFailure == "the provider has gone")
        scene.wait(1)
        let third = try begun(scene)
        scene.looked(third.poll, third.look)
        #expect(scene.effects.contains(.compare(poll, first, with: third.look, for: [id])))
        expectSafe(scene)
    }

    @Test("EV28: where the first look fails the subscription fails, and says so")
    func failureFirst() throws {
        var scene = Scene()
        let id = try scene.subscribe()
        scene.watch(id, "A")
        scene.wait(0)
        let (poll, look, _) = try begun(scene)
        scene.lookFailed(poll, look)
        #expect(scene.witness.ends[id]?.status == .failed)
        #expect(scene.witness.ends[id]?.explanation?.text.contains("the first look at the instances of A failed: the provider") == true)
        #expect(scene.core.events.polls.isEmpty)
        expectSafe(scene)
    }

    @Test("EV31, EV112: what several subscriptions of one user need, one look does; another user has a look of their own")
    func shared() throws {
        var scene = Scene()
        let (first, poll, base) = try watching(&scene)
        let second = try scene.subscribe("/2")
        let others = try scene.subscribe("/3", by: Scene.other)
        scene.watch(second, "A")
        scene.watch(others, "A")
        scene.wait(0)
        // Their base lines.
        #expect(Set(scene.begun.map(\.driver)) == [second, others] || Set(scene.begun.map(\.driver)) == [first, others])
        for (poll, look, _) in scene.begun { scene.looked(poll, look) }
        scene.wait(1)
        let looks = scene.begun
        #expect(looks.count == 2 && looks.contains { $0.poll == poll })
        let ours = try #require(looks.first { $0.poll == poll })
        scene.looked(ours.poll, ours.look)
        var told: [OperationID] = []
        for case .compare(_, _, _, let watchers) in scene.effects { told += watchers }
        #expect(Set(told) == [first, second])
        #expect(scene.core.events.looks[base] == nil)
        expectSafe(scene)
    }

    @Test("EV25, EV31: the shortest interval drives; a longer one takes part in each n-th look, and is an upper bound")
    func intervals() throws {
        var scene = Scene()
        let (fast, poll, _) = try watching(&scene)
        let slow = try scene.subscribe("/2")
        scene.watch(slow, "A", every: .seconds(3))
        scene.wait(0)
        for (poll, look, _) in scene.begun { scene.looked(poll, look) }
        var told: [OperationID: Int] = [:]
        var looks = 0
        for _ in 0..<9 {
            scene.wait(1)
            for (poll, look, _) in scene.begun {
                looks += 1
                scene.looked(poll, look)
                for case .compare(_, _, _, let watchers) in scene.effects { for watcher in watchers { told[watcher, default: 0] += 1 } }
            }
        }
        #expect(looks == 9 && told[fast] == 9)
        #expect(told[slow] == 3)
        #expect(scene.core.events.polls[poll]?.looks == 11)
        expectSafe(scene)
    }

    @Test("EV24: after a long look there is as long a rest")
    func rest() throws {
        var scene = Scene()
        let (_, _, _) = try watching(&scene)
        scene.wait(1)
        let (poll, look, _) = try begun(scene)
        scene.wait(5)
        scene.looked(poll, look)
        scene.wait(4)
        #expect(scene.begun.isEmpty)
        scene.wait(1)
        #expect(scene.begun.count == 1)
        expectSafe(scene)
    }

    @Test("EV120: where the subscription ends that looks, another of the poll looks at once; the last one takes the poll along")
    func driverEnds() throws {
        var scene = Scene()
        let (first, poll, _) = try watching(&scene)
        let second = try scene.subscribe("/2")
        scene.watch(second, "A")
        scene.wait(0)
        for (poll, look, _) in scene.begun { scene.looked(poll, look) }
        scene.wait(1)
        let (_, look, driver) = try begun(scene)
        #expect(driver == first)
        scene.cancel(first)
        scene.wait(0)
        let again = try begun(scene)
        #expect(again.driver == second && again.poll == poll)
        // What the first one's look finds is nothing any more.
        scene.looked(poll, look)
        #expect(scene.effects == [.forgetLook(look)])
        scene.looked(poll, again.look)
        scene.vanish(Scene.client)
        #expect(scene.core.events.isEmpty && !scene.core.agenda.times.keys.contains(.poll(poll)))
        expectSafe(scene)
    }

    @Test("EV26: what a provider begins to tell is polled no more")
    func noLonger() throws {
        var scene = Scene()
        let (id, _, base) = try watching(&scene)
        scene.watch(id, "B")
        #expect(scene.effects == [.forgetLook(base)])
        scene.wait(0)
        #expect(scene.begun.count == 1 && scene.core.events.polls.values.map { $0.subject.className } == ["B"])
        expectSafe(scene)
    }

    @Test(
        "EV32, EV71: what looks keep is bounded, for each user and in all, and the refusal says how much whose is; root is not held back by others"
    )
    func memory() throws {
        var limits = Limits()
        limits.pollingBytesPerUser = 150
        limits.pollingBytes = 200
        var scene = Scene(limits)
        let id = try scene.subscribe()
        scene.watch(id, "A")
        scene.wait(0)
        let (poll, look, _) = try begun(scene)
        scene.looked(poll, look, bytes: 151)
        #expect(scene.witness.ends[id]?.status == .quotaViolation)
        #expect(scene.witness.ends[id]?.explanation?.text.contains("uid 1000 takes 0 bytes, and would take 151; 150 are the most") == true)
        let (kept, _, _) = try watching(&scene)
        let others = try scene.subscribe("/3", by: Scene.other)
        scene.watch(others, "A")
        scene.wait(0)
        let theirs = try begun(scene)
        scene.looked(theirs.poll, theirs.look, bytes: 101)
        #expect(scene.witness.ends[others]?.explanation?.text.contains("all users takes 100 bytes, and would take 201") == true)
        #expect(scene.witness.ends[kept] == nil)
        let uses = scene.core.quotaUse().filter { $0.bound == .pollingBytes || $0.bound == .subscriptions }
        #expect(uses.map { [$0.uid ?? 0, UInt32($0.used)] } == [[0, 1], [0, 100], [1_000, 1], [1_000, 100]])
        expectSafe(scene)
    }

    @Test("EV44: subscriptions that are polled end with the broker")
    func ends() throws {
        var scene = Scene()
        let (id, _, _) = try watching(&scene)
        scene.wait(1)
        scene.shutDown()
        #expect(scene.witness.ends[id]?.status == .shuttingDown)
        #expect(scene.core.events.polls.isEmpty)
        expectSafe(scene)
    }
}
