import CIM
import Testing

@testable import CIMBusCore

/// Operations that the broker conducts, in parts.
@Suite("Conducted operations")
struct PartTests {
    @Test("L1, L4: a part's objects go to the conductor, the whole's to the client; each ends once, the whole when the conductor says so")
    func whole() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        #expect(scene.effects.contains(.conduct(whole)))
        let part = try scene.part(of: whole)
        scene.answer(scene.sink(of: part), keeping: 0, objects: [10, 20])
        #expect(!scene.effects.contains(.finish(part, Outcome(.noError))))
        scene.consume(part)
        #expect(scene.effects.contains(.finish(part, Outcome(.noError))))
        #expect(!scene.effects.contains { if case .finish(whole, _) = $0 { true } else { false } })
        let call = scene.supply(whole, [10])
        #expect(scene.effects.contains(.credit(call, .noError)))
        scene.conclude(whole, Outcome(.noError, parameter: "p"))
        #expect(scene.effects.contains(.finish(whole, Outcome(.noError, parameter: "p"))))
        #expect(scene.core.openOperations == 0)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L6, P3: a provider's death is the failure of its part, and not of the whole, which the conductor decides")
    func death() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[part]?.status == .providerFailure)
        #expect(scene.witness.ends[whole] == nil)
        scene.conclude(whole, .stated(.providerFailure, "the part failed"))
        #expect(scene.witness.ends[whole]?.status == .providerFailure)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L9, L12: a cancelled whole ends its parts, and what is supplied to it afterwards is for nobody")
    func cancel() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        let sink = scene.sink(of: part)
        scene.cancel(whole)
        #expect(scene.witness.ends[whole]?.status == .callCancelled)
        #expect(scene.witness.ends[part]?.status == .callCancelled)
        #expect(scene.effects.contains(.cancelCall(sink, Scene.provider, scene.registration)))
        let call = scene.supply(whole)
        #expect(scene.effects.contains(.credit(call, .callCancelled)))
        #expect(throws: Refusal.self) { try scene.part(of: whole) }
        scene.conclude(whole)
        #expect(scene.effects.isEmpty)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L1: a whole that has been decided, and waits for its client's credit, opens no parts")
    func decided() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        for _ in 0..<9 { scene.supply(whole) }
        scene.conclude(whole)
        #expect(scene.witness.ends[whole] == nil)
        #expect(throws: Refusal.self) { try scene.part(of: whole) }
        scene.acknowledge(9)
        #expect(scene.witness.ends[whole]?.status == .noError)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L1: a client that goes takes the whole and its parts with it")
    func clientGone() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        scene.vanish(Scene.client)
        #expect(scene.effects.contains(.abandon(whole)))
        #expect(scene.effects.contains(.abandon(part)))
        #expect(scene.core.openOperations == 0)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L13: a part waits for its conductor, and the conductor for the client; neither wait is a silence or a debt of credit")
    func backPressure() throws {
        var limits = Limits()
        limits.windowBatches = 1
        limits.credit = .seconds(60 * 60)
        var scene = Scene(limits)
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        let sink = scene.sink(of: part)
        scene.answer(sink, keeping: 1)
        scene.indicate(sink)
        let second = scene.indicate(sink)
        #expect(!scene.effects.contains(.credit(second, .noError)))
        scene.supply(whole)
        let held = scene.supply(whole)
        #expect(!scene.effects.contains(.credit(held, .noError)))
        // Longer than the limit of silence: the client owes credit, nobody else anything.
        let start = scene.now
        while scene.now < start + 2 * limits.silence, scene.advance() { for peer in scene.witness.pinged { scene.pong(peer) } }
        #expect(scene.core.openOperations == 2)
        #expect(scene.core.operations[part]?.outcome == nil)
        scene.acknowledge()
        #expect(scene.effects.contains(.credit(held, .noError)))
        scene.consume(part)
        #expect(scene.effects.contains(.credit(second, .noError)))
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("R46: a part's progress is the whole's, if its client asked for it")
    func progress() throws {
        for wants in [true, false] {
            var scene = Scene()
            let request = Request(
                client: Scene.client, kind: .putInstance, form: .async(sink: "/s"), target: .conducted, wantsProgress: wants)
            let whole = try scene.core.begin(request)
            scene.witness.open.insert(whole)
            scene.saw()
            let part = try scene.part(of: whole)
            scene.progress(scene.sink(of: part), 5)
            #expect(scene.effects.contains(.progress(whole, Progress(hresult: 5, text: ""))) == wants)
            #expect(scene.witness.faults.isEmpty)
        }
    }

    @Test("L8: a conductor that does nothing ends like a silent provider, so that whatever goes wrong in the broker the client hears of it")
    func silence() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        scene.waitForEnds()
        #expect(scene.witness.ends[whole]?.status == .failed)
        #expect(scene.now >= scene.core.limits.silence)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test(
        "L8: a conductor that takes nothing of what a part's window holds ends like a silent provider, though the part goes on when it does"
    )
    func fullWindow() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        scene.now = .seconds(200)
        scene.indicate(scene.sink(of: part))
        let waiting = scene.indicate(scene.sink(of: part))
        // To take something is to do something.
        scene.now = .seconds(250)
        scene.consume(part)
        #expect(scene.effects.contains(.credit(waiting, .noError)))
        scene.indicate(scene.sink(of: part))
        for _ in 0..<200 where scene.core.openOperations > 0 {
            scene.advance()
            for peer in scene.witness.pinged { scene.pong(peer) }
        }
        #expect(scene.witness.ends[whole]?.status == .failed)
        #expect(scene.witness.ends[part]?.explanation?.reason == .parentEnded)
        #expect(scene.now == .seconds(250) + limits.silence)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L8: a conductor has its full time to take what a part has handed out, from the moment at which that part is decided")
    func fullTime() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        scene.indicate(scene.sink(of: part))
        // Long after the conductor did something, but not its part.
        scene.wait(290, answering: [Scene.provider])
        scene.progress(scene.sink(of: part))
        scene.wait(110, answering: [Scene.provider])
        scene.answer(scene.sink(of: part))
        let decided = scene.now
        scene.waitForEnds()
        #expect(scene.witness.ends[whole]?.status == .failed)
        #expect(scene.now == decided + scene.core.limits.silence)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L8: a part has its whole's deadline, and is charged to nobody; its calls take slots like any other's")
    func limits() throws {
        var limits = Limits()
        limits.operationsPerUser = 1
        limits.callsPerProvider = 1
        var scene = Scene(limits)
        let whole = try scene.conduct(timeout: .seconds(5))
        let first = try scene.part(of: whole)
        let second = try scene.part(of: whole)
        #expect(scene.core.operations[first]?.deadline == scene.core.operations[whole]?.deadline)
        #expect(scene.core.operations[second]?.state == .queued)
        scene.answer(scene.sink(of: first), objects: [1])
        #expect(scene.core.operations[second]?.state == .running)
        scene.waitForEnds()
        #expect(scene.witness.ends[whole]?.status == .timedOut)
        #expect(scene.witness.faults.isEmpty)
    }
}
