import CIM
import Testing

@testable import CIMBusCore

@Suite("Providers that are not there (L11; Semantics D.1, G.3)")
struct CoreActivationTests {
    /// A provider that can be started and does not run.
    private func absent(_ limits: Limits = Limits(), busName: String? = "org.example.Provider") -> Scene {
        var scene = Scene(limits)
        scene.define(busName: busName)
        scene.vanish(Scene.provider)
        return scene
    }

    @Test("G.3: the first call starts it, once for all; they wait, and go out in order when it registers")
    func started() throws {
        var scene = absent()
        let first = try scene.open(.async(sink: "/1"))
        #expect(scene.effects.contains(.start(scene.registration)))
        let second = try scene.open(.sync)
        #expect(scene.effects.isEmpty)
        #expect(scene.core.operations[first]?.state == .queued && scene.core.operations[second]?.state == .queued)
        scene.wait(24)
        #expect(scene.witness.ends.isEmpty)
        scene.register(Scene.other, "Provider")
        #expect(
            scene.effects.filter { if case .call = $0 { true } else { false } } == [
                .call(scene.sink(of: first)), .call(scene.sink(of: second)),
            ])
        scene.answer(scene.sink(of: first))
        scene.answer(scene.sink(of: second))
        #expect(scene.witness.ends[first]?.status == .noError && scene.witness.ends[second]?.status == .noError)
        #expect(scene.core.registry.find(scene.registration)?.calls.createInstanceEnum == 2)
        expectSafe(scene)
    }

    @Test(
        "J.3 EV97: whoever listens to its events has it started, and started again when it dies, with pauses between; not when it unregisters"
    )
    func wanted() throws {
        var scene = absent()
        func want(_ isWanted: Bool) {
            scene.core.want(scene.registration, isWanted)
            scene.saw()
        }
        want(true)
        #expect(scene.effects == [.start(scene.registration)])
        scene.register(Scene.other, "Provider")
        scene.vanish(Scene.other)
        // It lived for less than a moment: it is started after a pause.
        #expect(!scene.effects.contains(.start(scene.registration)))
        scene.wait(1)
        #expect(scene.effects == [.start(scene.registration)])
        scene.startFailed("no such program")
        scene.wait(1)
        #expect(!scene.core.registry.all.contains { $0.activation.isStarting })
        scene.wait(1)
        #expect(scene.effects == [.start(scene.registration)])
        let next = PeerID(40)
        scene.core.peerAppeared(next, uid: 500, pid: 140)
        scene.register(next, "Provider")
        try scene.core.unregister(next, namespace: "root/cimv2", name: "Provider")
        scene.saw()
        scene.wait(100)
        #expect(!scene.core.registry.all.contains { $0.activation.isStarting })
        want(false)
        expectSafe(scene)
    }

    @Test("G.3: a start that fails ends what waits with ProviderLoadFailure and says why; so does one that takes 25 s")
    func failed() throws {
        var scene = absent()
        let first = try scene.open(.async(sink: "/1"))
        scene.startFailed("no such program")
        #expect(scene.witness.ends[first]?.status == .providerLoadFailure)
        #expect(scene.witness.ends[first]?.explanation?.text == "no such program")
        scene.wait(2)
        let second = try scene.open(.async(sink: "/2"))
        scene.wait(26)
        #expect(scene.witness.ends[second]?.explanation?.reason == .startFailed)
        #expect(scene.witness.ends[second]?.explanation?.text.contains("25 s") == true)
        // A bus may never answer (dbus-broker 33, where the program ends with 0 or hangs): the words say where an administrator looks.
        #expect(scene.witness.ends[second]?.explanation?.text.contains("systemctl status") == true)
        scene.startFailed("too late")
        #expect(scene.effects.isEmpty)
        expectSafe(scene)
    }

    @Test("G.3: after a failed start the next is not tried before 1 s, 2 s, 4 s … 60 s; meanwhile calls fail at once, with the last reason")
    func backOff() throws {
        var scene = absent()
        for (number, pause) in [1, 2, 4, 8, 16, 32, 60, 60].enumerated() {
            let starting = try scene.open(.async(sink: "/\(number)"))
            #expect(scene.effects.contains(.start(scene.registration)), "start \(number)")
            scene.startFailed("reason \(number)")
            #expect(scene.witness.ends[starting]?.status == .providerLoadFailure)
            scene.now += .seconds(Int64(pause)) - 1
            let refused = try scene.open(.async(sink: "/refused\(number)"))
            #expect(scene.witness.ends[refused]?.explanation?.text == "reason \(number)")
            scene.now += 1
        }
        // Success forgets.
        let served = try scene.open(.async(sink: "/last"))
        scene.register(Scene.other, "Provider")
        scene.answer(scene.sink(of: served))
        scene.vanish(Scene.other)
        _ = try scene.open(.async(sink: "/again"))
        scene.startFailed()
        scene.now += .seconds(1)
        _ = try scene.open(.async(sink: "/soon"))
        #expect(scene.effects.contains(.start(scene.registration)))
    }

    @Test("G.3: a process that was started and leaves before it answered a call failed to start: the next starts back off")
    func startedAndGone() throws {
        var scene = absent()
        let gone = [(4, 1), (5, 2), (6, 4), (7, 8)]
        for (number, pause) in gone {
            let peer = PeerID(UInt64(number))
            scene.core.peerAppeared(peer, uid: 500, pid: 104)
            let calling = try scene.open(.async(sink: "/\(number)"))
            #expect(scene.effects.contains(.start(scene.registration)), "start \(number)")
            scene.register(peer, "Provider")
            // An answer that only says it goes on proves nothing.
            if number == 5 { scene.answer(scene.sink(of: calling), keeping: 1) }
            if number == 6 { scene.unregister() }
            scene.vanish(peer)
            #expect(scene.witness.ends[calling]?.explanation?.reason == .providerVanished)
            scene.now += .seconds(Int64(pause)) - 1
            let refused = try scene.open(.async(sink: "/refused\(number)"))
            #expect(scene.witness.ends[refused]?.status == .providerLoadFailure)
            #expect(scene.witness.ends[refused]?.explanation?.text.contains("before it answered") == true)
            scene.now += 1
        }
        expectSafe(scene)
    }

    @Test("G.3: a start is a success when a call was answered, in whichever way, or the process lived for 60 s", arguments: 0..<4)
    func startedAndServed(way: Int) throws {
        var scene = absent()
        scene.now = .seconds(10)
        _ = try scene.open(.async(sink: "/1"))
        scene.startFailed()
        scene.now += .seconds(1)
        let call = try scene.open(.async(sink: "/2"))
        scene.register(Scene.other, "Provider")
        let sink = scene.sink(of: call)
        switch way {
        case 0: scene.answer(sink, .accessDenied)
        case 1: scene.fail(sink, Outcome(.providerNotCapable))
        case 2:
            scene.answer(sink, keeping: 1)
            scene.setStatus(sink, by: Scene.other)
        default: scene.wait(60, answering: [Scene.other])
        }
        scene.vanish(Scene.other)
        _ = try scene.open(.async(sink: "/3"))
        #expect(scene.effects.contains(.start(scene.registration)))
        #expect(scene.core.registry.find(scene.registration)?.failedStarts == 0)
        expectSafe(scene)
    }

    @Test("D.4 G.3: what could not initialize itself, whoever started it, is InitializationFailure until it registers or a pause ends")
    func notInitialized() throws {
        var scene = absent(busName: nil)
        for pause in [1, 2] {
            scene.startFailed("there is no disk", reason: .initializationFailed)
            scene.now += .seconds(Int64(pause)) - 1
            let told = try scene.open(.async(sink: "/\(pause)"))
            #expect(scene.witness.ends[told]?.status == .initializationFailure)
            #expect(scene.witness.ends[told]?.explanation?.text == "there is no disk")
            scene.now += 1
            let later = try scene.open(.async(sink: "/later"))
            #expect(scene.witness.ends[later]?.explanation?.reason == .notRunning)
        }
        scene.startFailed(reason: .initializationFailed)
        scene.register(Scene.other, "Provider")
        let served = try scene.open(.async(sink: "/served"))
        #expect(scene.core.operations[served]?.state == .running)
        // What serves is not ended by what another process says.
        scene.startFailed(reason: .initializationFailed)
        #expect(scene.core.registry.find(scene.registration)?.activation == .idle)
        expectSafe(scene)
    }

    @Test("L8, L9: a call that waits for a start can be cancelled, and has its own deadline; the start goes on")
    func cancelled() throws {
        var scene = absent()
        let first = try scene.open(.async(sink: "/1"))
        let second = try scene.open(.async(sink: "/2"), timeout: .seconds(3))
        scene.cancel(first)
        #expect(scene.witness.ends[first]?.status == .callCancelled)
        scene.wait(4)
        #expect(scene.witness.ends[second]?.status == .timedOut)
        scene.register(Scene.other, "Provider")
        #expect(!scene.effects.contains { if case .call = $0 { true } else { false } })
        expectSafe(scene)
    }

    @Test("L11: for 5 s calls wait for a process that outlived the broker; then it is started, or, where nothing starts it, they end")
    func comeback() throws {
        for busName in ["org.example.Provider", nil] {
            var scene = absent(busName: busName)
            scene.expect()
            let back = try scene.open(.async(sink: "/1"))
            #expect(!scene.effects.contains(.start(scene.registration)))
            scene.wait(4)
            #expect(scene.witness.ends.isEmpty)
            scene.register(Scene.other, "Provider")
            #expect(scene.core.operations[back]?.state == .running)
            scene.vanish(Scene.other)
            scene.expect()
            let lost = try scene.open(.async(sink: "/2"))
            scene.wait(6)
            #expect(scene.core.registry.find(scene.registration)?.activation.isStarting == (busName != nil))
            #expect(scene.witness.ends[lost]?.explanation?.reason == (busName == nil ? .notRunning : nil))
            expectSafe(scene)
        }
    }

    @Test("L11: the end of the expected process ends the wait at once")
    func comebackDied() throws {
        var scene = absent()
        scene.expect()
        _ = try scene.open()
        scene.expectationFailed()
        #expect(scene.effects.contains(.start(scene.registration)))
        expectSafe(scene)
    }

    @Test("D.1: where each user has a provider of their own, a call goes to the caller's; without one ProviderLoadFailure")
    func perUser() throws {
        var scene = Scene()
        scene.vanish(Scene.provider)
        let shared = scene.registration
        scene.define(isPerUser: true)
        let own = try scene.core.register(
            Scene.other, namespace: "root/cimv2", name: "Provider", user: 1_000, silence: nil, ping: nil)
        scene.saw()
        #expect(own != shared)
        let mine = try scene.open(.async(sink: "/1"), at: shared)
        #expect(scene.core.legs[scene.sink(of: mine)]?.registration == own)
        let theirs = try scene.open(.sync, by: Scene.other, at: shared)
        #expect(scene.witness.ends[theirs]?.status == .providerLoadFailure)
        #expect(scene.witness.ends[theirs]?.explanation?.reason == .noRegistrationOfUser)
        scene.answer(scene.sink(of: mine))
        #expect(scene.core.registry.find(own)?.counters.operations == 1)
        expectSafe(scene)
    }
}
