import CIM
import Testing

@testable import CIMBusCore

@Suite("References (L2 to L5, L10; Semantics B.7)")
struct CoreLedgerTests {
    @Test("L2, R87, R137, P5: the return code alone, nothing held, is the result", arguments: [WBEMStatus.noError, .accessDenied])
    func returnCodeAlone(_ status: WBEMStatus) throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id), status)
        #expect(scene.witness.ends[id] == Outcome(status))
        #expect(scene.core.sinkReferences == 0)
        expectSafe(scene)
    }

    @Test("L2, R86: an error result drops what the called peer holds")
    func errorDrops() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.addRef(scene.sink(of: id))
        scene.answer(scene.sink(of: id), .providerNotCapable, keeping: 3)
        #expect(scene.witness.ends[id]?.status == .providerNotCapable)
        expectSafe(scene)
    }

    @Test("L2: an error result is not the end while another peer holds the sink")
    func errorWhileTransferred() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.addRef(sink)
        scene.transfer(sink)
        scene.fail(sink)
        #expect(scene.witness.ends[id] == nil)
        scene.setStatus(sink, by: Scene.other)
        scene.release(sink, by: Scene.other)
        #expect(scene.witness.ends[id]?.status == .noError)
        expectSafe(scene)
    }

    @Test("L2, R139: a status that was set wins over an error result")
    func statusBeatsResult() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.setStatus(scene.sink(of: id), .noError)
        scene.answer(scene.sink(of: id), .failed)
        #expect(scene.witness.ends[id]?.status == .noError)
        expectSafe(scene)
    }

    @Test("L2: the call is a reference; a Release before the reply is made good by the reply's number")
    func releaseBeforeReply() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.setStatus(sink)
        #expect(scene.release(sink) == .success(0))
        #expect(scene.witness.ends[id] == nil, "the call itself still holds the sink")
        #expect(scene.core.counters.violations == 0)
        scene.answer(sink, keeping: 1)
        #expect(scene.witness.ends[id]?.status == .noError)
        #expect(scene.core.counters.violations == 0)
        expectSafe(scene)
    }

    @Test("L2: a sum below zero after the reply is zero, and counted")
    func belowZero() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.release(scene.sink(of: id))
        scene.answer(scene.sink(of: id))
        #expect(scene.witness.ends[id]?.status == .noError)
        #expect(scene.core.counters.violations == 1)
        expectSafe(scene)
    }

    @Test("L2: a sum below zero is zero also where another peer goes on holding the sink")
    func belowZeroAfterTransfer() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.transfer(sink)
        scene.answer(sink)
        #expect(scene.core.counters.violations == 1)
        #expect(scene.core.legs[sink]?.ledger.counts == [Scene.provider: 0, Scene.other: 1])
        #expect(scene.transfer(sink, from: Scene.other, to: Scene.provider) == .success(0))
        #expect(scene.core.legs[sink]?.ledger.isHeld(by: Scene.provider) == true)
        expectSafe(scene)
    }

    @Test("L2: objects in the reply come before the end, like one Indicate")
    func objectsInReply() throws {
        var scene = Scene()
        let id = try scene.open(.async(sink: Scene.path), .getObject)
        scene.answer(scene.sink(of: id), objects: [10])
        #expect(scene.effects == [.deliver(id, PayloadID(1)), .finish(id, Outcome(.noError))])
        expectSafe(scene)
    }

    @Test("L3: only the holder's own count moves; a stranger is AccessDenied, a Release at zero InvalidOperation, both counted")
    func owners() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        #expect(scene.addRef(sink, by: Scene.other) == .failure(.accessDenied))
        #expect(scene.release(sink, by: Scene.other) == .failure(.accessDenied))
        #expect(scene.transfer(sink, from: Scene.other, to: PeerID(77)) == .failure(.accessDenied))
        #expect(scene.core.counters.strangersViolations == 3)
        #expect(scene.transfer(sink) == .success(0))
        #expect(scene.release(sink) == .failure(.invalidOperation))
        #expect(scene.core.counters.violations == 1 && scene.core.counters.strangersViolations == 3)
        #expect(scene.core.sinkReferences == 1)
        #expect(scene.core.legs[sink]?.ledger.isHeld(by: Scene.other) == true)
        expectSafe(scene)
    }

    @Test("L3: a transfer needs an existing peer of the same user; else the reference stays")
    func transferChecked() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        #expect(scene.transfer(sink, to: PeerID(77)) == .failure(.notFound))
        #expect(scene.transfer(sink, to: Scene.client) == .failure(.accessDenied))
        #expect(scene.core.legs[sink]?.ledger.isHeld(by: Scene.provider) == true)
        expectSafe(scene)
    }

    @Test("L4, R80, R81: a status alone is not the end; the last reference is")
    func both() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.addRef(sink)
        scene.answer(sink, keeping: 1)
        scene.setStatus(sink, .alreadyExists)
        scene.release(sink)
        #expect(scene.witness.ends.isEmpty)
        #expect(scene.core.operations[id]?.state == .statusSeen)
        scene.release(sink)
        #expect(scene.witness.ends[id]?.status == .alreadyExists)
        expectSafe(scene)
    }

    @Test("L5: all references given back and no status is ProviderFailure")
    func releasedWithoutStatus() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        scene.release(sink)
        #expect(scene.witness.ends[id]?.status == .providerFailure)
        #expect(scene.witness.ends[id]?.explanation?.reason == .releasedWithoutStatus)
        #expect(scene.witness.ends[id]?.explanation?.pid == 102)
        expectSafe(scene)
    }

    @Test("L10: Indicate and SetStatus only from a holder; counted, nothing changes")
    func holdersOnly() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        let call = scene.indicate(sink, by: Scene.other)
        #expect(scene.effects.contains(.credit(call, .accessDenied)))
        #expect(scene.setStatus(sink, by: Scene.other, .failed) == .accessDenied)
        scene.core.misfit(sink, by: Scene.other, "no such class")
        scene.saw()
        #expect(scene.core.counters.violations == 0 && scene.core.counters.strangersViolations == 3)
        #expect(scene.witness.ends[id] == nil)
        expectSafe(scene)
    }

    @Test("L10, P7: the first final status wins; another, or an Indicate after it, is Unexpected and counted")
    func firstWins() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        #expect(scene.setStatus(sink, Outcome(.notFound, object: scene.object())) == nil)
        #expect(scene.setStatus(sink, Outcome(.noError, object: scene.object())) == .unexpected)
        let call = scene.indicate(sink)
        #expect(scene.effects.contains(.credit(call, .unexpected)))
        #expect(scene.core.counters.violations == 2)
        scene.release(sink)
        #expect(scene.witness.ends[id]?.status == .notFound)
        expectSafe(scene)
    }

    @Test("R77, R103, R105, R114, B.5: objects, then the status, then nothing")
    func order() throws {
        var scene = Scene()
        let id = try scene.open(.async(sink: Scene.path), .execMethod)
        let sink = scene.sink(of: id)
        scene.indicate(sink)
        #expect(scene.effects.first == .deliver(id, PayloadID(1)))
        scene.setStatus(sink)
        scene.answer(sink)
        #expect(scene.effects == [.finish(id, Outcome(.noError))])
        let late = scene.indicate(sink)
        #expect(scene.effects.contains(.credit(late, .callCancelled)))
        #expect(scene.core.counters.violations == 0, "L9: a straggler is uncounted")
        expectSafe(scene)
    }

    @Test("Section 3: GetObject that succeeds without exactly one object is ProviderFailure", arguments: [nil, [1, 1] as [UInt32]?])
    func objectCount(_ objects: [UInt32]?) throws {
        var scene = Scene()
        let id = try scene.open(.sync, .getObject)
        scene.answer(scene.sink(of: id), objects: objects)
        #expect(scene.witness.ends[id]?.explanation?.reason == .wrongObjectCount)
        expectSafe(scene)
    }

    @Test("R110: a method has one out-parameter object, in whichever way it comes")
    func methodObjects() throws {
        var scene = Scene()
        let first = try scene.open(.sync, .execMethod)
        scene.answer(scene.sink(of: first), objects: [1, 1])
        #expect(scene.witness.ends[first]?.explanation?.reason == .wrongObjectCount)
        let second = try scene.open(.sync, .execMethod)
        scene.indicate(scene.sink(of: second))
        scene.answer(scene.sink(of: second), objects: [1])
        #expect(scene.witness.ends[second]?.explanation?.reason == .wrongObjectCount)
        expectSafe(scene)
    }

    @Test("R61 R135: the objects of a put and a delete reach a sink; where there is none they are dropped, and wait for nobody")
    func objectsOfWrites() throws {
        var scene = Scene()
        for kind in [Request.Kind.putInstance, .deleteInstance] {
            for form in [Request.Form.sync, .semisync, .async(sink: Scene.path)] {
                let id = try scene.open(form, kind)
                let sink = scene.sink(of: id)
                for _ in 0..<20 {
                    scene.indicate(sink)
                    if form == .async(sink: Scene.path) { scene.acknowledge() }
                }
                let delivered = scene.core.operations[id]?.objectsDelivered
                #expect(delivered == (form == .async(sink: Scene.path) ? 20 : 0) && scene.witness.indicates.isEmpty)
                scene.answer(sink, objects: [1])
                #expect(scene.witness.ends[id]?.status == .noError)
            }
        }
        expectSafe(scene)
    }

    @Test("B.2: an Indicate without objects is a no-op")
    func emptyIndicate() throws {
        var scene = Scene()
        let id = try scene.open(.semisync)
        let sink = scene.sink(of: id)
        for _ in 0..<20 { scene.indicate(sink, []) }
        #expect(scene.core.operations[id]?.delivery == Delivery())
        scene.answer(sink)
        try scene.pull(id, .next(1))
        #expect(scene.effects.contains { if case .answerNext(_, _, 0, .sFalse) = $0 { true } else { false } })
        expectSafe(scene)
    }
}
