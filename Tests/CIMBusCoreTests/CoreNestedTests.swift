import CIM
import Testing

@testable import CIMBusCore

@Suite("Nested operations (L12)")
struct CoreNestedTests {
    @Test("L12: __OPERATION is believed only from a holder of one of that operation's sinks")
    func holdersOnly() throws {
        var scene = Scene()
        let outer = try scene.open()
        let refusal = #expect(throws: Refusal.self) { try scene.open(.sync, by: Scene.other, in: outer) }
        #expect(refusal?.status == .invalidContext)
        #expect(throws: Refusal.self) { try scene.open(.sync, by: Scene.provider, in: OperationID(99)) }
        let inner = try scene.open(.sync, by: Scene.provider, in: outer)
        #expect(scene.core.operations[inner]?.origin == 1_000, "charged to the outermost client")
        #expect(scene.core.operations[inner]?.depth == 2)
        expectSafe(scene)
    }

    @Test("L12: nested operations end with their parent, whatever ends it", arguments: ["cancel", "answer", "vanish"])
    func endTogether(_ end: String) throws {
        var scene = Scene()
        let outer = try scene.open()
        let inner = try scene.open(.semisync, by: Scene.provider, in: outer)
        switch end {
        case "cancel": scene.cancel(outer)
        case "answer": scene.answer(scene.sink(of: outer))
        default: scene.vanish(Scene.client)
        }
        #expect(scene.witness.ends[inner]?.explanation?.reason == .parentEnded)
        #expect(scene.core.openOperations == 0)
        expectSafe(scene)
    }

    @Test("L12: depth over 32 is ProviderNotCapable")
    func depth() throws {
        var scene = Scene()
        var id = try scene.open()
        for _ in 1..<32 { id = try scene.open(.semisync, by: Scene.provider, in: id) }
        #expect(scene.core.operations[id]?.depth == 32)
        let refusal = #expect(throws: Refusal.self) { try scene.open(.semisync, by: Scene.provider, in: id) }
        #expect(refusal?.status == .providerNotCapable)
        expectSafe(scene)
    }

    @Test("L12: a nested call passes the provider's line, also when both had to wait for a sign of life")
    func passesTheLine() throws {
        var limits = Limits()
        // One of them is out of the one user's reach.
        limits.callsPerProvider = 3
        var scene = Scene(limits)
        let mine = scene.registration
        scene.register(Scene.other, "Other")
        let others = scene.registration
        let outer = try scene.open(.async(sink: "/1"), at: mine)
        let lost = try scene.open(.async(sink: "/2"), at: others)
        _ = try scene.open(.async(sink: "/3"), at: others)
        scene.cancel(lost)
        let plain = try ["/4", "/5"].map { sink throws(Refusal) in try scene.open(.async(sink: sink), at: others) }
        let nested = try scene.open(.sync, by: Scene.provider, at: others, in: outer)
        #expect(scene.core.operations[nested]?.state == .queued)
        scene.pong(Scene.other)
        #expect(plain.map { scene.core.operations[$0]?.state } == [.running, .queued])
        #expect(scene.core.operations[nested]?.state == .running)
        expectSafe(scene)
    }

    @Test("L12: a provider that serves one call at a time and is asked by itself: the innermost call is not re-entrant")
    func notReentrant() throws {
        var scene = Scene()
        let outer = try scene.open()
        let inner = try scene.open(.sync, by: Scene.provider, in: outer)
        scene.wait(11)
        #expect(scene.witness.ends[inner]?.explanation?.reason == .notReentrant)
        #expect(scene.witness.ends[inner]?.status == .providerNotCapable)
        #expect(scene.witness.ends[outer] == nil)
        scene.pong(Scene.provider)
        scene.answer(scene.sink(of: outer))
        #expect(scene.witness.ends[outer]?.status == .noError)
        expectSafe(scene)
    }

    @Test("L12, L13: a call to itself that a provider has begun to serve is re-entrant, however long it waits for its client's credit")
    func beginsToServe() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let outer = try scene.open()
        let inner = try scene.open(.async(sink: "/inner"), by: Scene.provider, in: outer)
        scene.indicate(scene.sink(of: inner))
        scene.indicate(scene.sink(of: inner))
        scene.wait(25)
        #expect(scene.witness.ends.isEmpty)
        scene.wait(10)
        #expect(scene.witness.ends[inner]?.status == .clientTooSlow)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("Design 2, L12: of two innermost calls that a provider made to itself, the first is not re-entrant, on every core")
    func notReentrantTwice() throws {
        for _ in 0..<20 {
            var scene = Scene()
            let outer = try scene.open()
            let inner = try (0..<3).map { try scene.open(.async(sink: "/inner/\($0)"), by: Scene.provider, in: outer) }
            scene.wait(10)
            #expect(scene.witness.ends.keys.sorted() == [inner[0]])
            #expect(scene.witness.ends[inner[0]]?.explanation?.reason == .notReentrant)
        }
    }

    @Test("L8, L12: waiting for a nested operation is no silence; when that ends the time starts again")
    func waitingIsNoSilence() throws {
        var scene = Scene(silence: .seconds(30))
        let mine = scene.registration
        scene.register(Scene.other, "Other", silence: .seconds(100))
        let outer = try scene.open(at: mine)
        let inner = try scene.open(.semisync, by: Scene.provider, in: outer)
        let both: Set = [Scene.provider, Scene.other]
        scene.wait(99, answering: both)
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2, answering: both)
        #expect(scene.witness.ends[inner]?.status == .providerTimedOut)
        scene.wait(25, answering: both)
        #expect(scene.witness.ends[outer] == nil)
        scene.wait(10, answering: both)
        #expect(scene.witness.ends[outer]?.status == .providerTimedOut)
        expectSafe(scene)
    }
}
