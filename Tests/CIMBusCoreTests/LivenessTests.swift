import CIM
import Testing

@testable import CIMBusCore

@Suite("Death, silence and cancel (L6 to L9, P1 to P6)")
struct LivenessTests {
    @Test("L6, P3, P4, R83, R85: a dead provider ends each of 100 operations once, within the event; another's are untouched")
    func vanished() throws {
        var scene = Scene()
        let mine = scene.registration
        scene.register(Scene.other, "Other")
        let untouched = try scene.open(.semisync)
        let forms: [Request.Form] = [.sync, .semisync]
        var ids: [OperationID] = []
        for number in 0..<100 {
            ids.append(try scene.open(number % 3 == 2 ? .async(sink: "/s\(number)") : forms[number % 3], at: mine))
        }
        scene.answer(scene.sink(of: ids[0]), keeping: 2)
        scene.vanish(Scene.provider)
        for id in ids {
            #expect(scene.witness.ends[id]?.status == .providerFailure)
            #expect(scene.witness.ends[id]?.explanation?.reason == .providerVanished)
            #expect(scene.witness.ends[id]?.explanation?.pid == 102)
        }
        #expect(scene.core.openOperations == 1)
        #expect(scene.core.operations[untouched]?.state == .running)
        expectSafe(scene)
    }

    @Test("L8: a call that could not be sent, or that the bus answers, is no word of its provider, which misses its ping all the same")
    func unanswered() throws {
        var scene = Scene()
        let first = try scene.open(.async(sink: "/a"))
        let second = try scene.open(.async(sink: "/b"))
        scene.wait(9)
        let sink = scene.sink(of: second)
        scene.witness.calls.remove(sink)
        scene.core.answered(sink, .unanswered(.because(.badAnswer, text: "it could not be called")))
        scene.saw()
        #expect(scene.witness.ends[second]?.explanation?.reason == .badAnswer)
        scene.wait(1)
        #expect(scene.witness.ends[first]?.explanation?.reason == .providerUnresponsive)
        #expect(scene.witness.faults.isEmpty)
    }

    @Test("L6: a status reported before death stands; the references fall")
    func statusThenDeath() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id), keeping: 1)
        scene.setStatus(scene.sink(of: id), .noError)
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[id] == Outcome(.noError))
        expectSafe(scene)
    }

    @Test("L6: what another process holds goes on after the called one died")
    func transferThenDeath() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        scene.transfer(sink)
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends.isEmpty)
        scene.indicate(sink, by: Scene.other)
        scene.setStatus(sink, by: Scene.other)
        scene.release(sink, by: Scene.other)
        #expect(scene.witness.ends[id] == Outcome(.noError))
        expectSafe(scene)
    }

    @Test("P6: death after the end changes nothing but counters")
    func deathAfterEnd() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id))
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[id] == Outcome(.noError))
        #expect(scene.core.counters.vanished == 1)
        expectSafe(scene)
    }

    @Test("L7, P2, R82: references kept past the status end with it after the grace; counted as a leak")
    func leaked() throws {
        var scene = Scene()
        let id = try scene.open(.sync)
        scene.answer(scene.sink(of: id), keeping: 2)
        scene.setStatus(scene.sink(of: id), .notFound)
        scene.wait(9, answering: [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2, answering: [Scene.provider])
        #expect(scene.witness.ends[id]?.status == .notFound)
        #expect(scene.core.counters.leaks == 1)
        expectSafe(scene)
    }

    @Test("L8, P1: a provider that answers pings and says nothing is ProviderTimedOut; an Indicate or progress starts its time again")
    func silent() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.wait(299, answering: [Scene.provider])
        scene.indicate(sink)
        scene.wait(299, answering: [Scene.provider])
        scene.progress(sink)
        scene.wait(299, answering: [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2, answering: [Scene.provider])
        #expect(scene.witness.ends[id]?.status == .providerTimedOut)
        expectSafe(scene)
    }

    @Test("L8: silence is the registration's own limit")
    func ownSilence() throws {
        var scene = Scene(silence: .seconds(30))
        let id = try scene.open()
        scene.wait(31, answering: [Scene.provider])
        #expect(scene.witness.ends[id]?.status == .providerTimedOut)
    }

    @Test("L8: a holder that misses a ping holds nothing any more, within 10 s; it is asked first")
    func missedPing() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id), keeping: 1)
        scene.wait(6)
        #expect(scene.witness.pinged == [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        scene.wait(5)
        #expect(scene.witness.ends[id]?.explanation?.reason == .providerUnresponsive)
        #expect(scene.witness.ends[id]?.status == .providerFailure)
        expectSafe(scene)
    }

    @Test("L8: while the bus is behind with its work a missed ping proves nothing; once it has caught up the peer has its time again")
    func busBehind() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id), keeping: 1)
        scene.busAnswers = false
        scene.wait(17)
        #expect(scene.witness.ends.isEmpty)
        scene.probeAnswered(Scene.provider)
        #expect(scene.witness.ends.isEmpty && scene.core.peers[Scene.provider]?.liveness == .responsive)
        // It got the ping only now.
        scene.wait(4)
        scene.pong(Scene.provider)
        scene.wait(4)
        #expect(scene.witness.ends.isEmpty)
        // A bus that is not behind brings the answer of a peer before its own.
        scene.busAnswers = true
        scene.wait(11)
        #expect(scene.witness.ends[id]?.explanation?.reason == .providerUnresponsive)
        expectSafe(scene)
    }

    @Test("L8: what the peer says while the bus is asked about it counts")
    func heardBehindProbe() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.answer(scene.sink(of: id), keeping: 1)
        scene.busAnswers = false
        scene.wait(11)
        scene.pong(Scene.provider)
        scene.probeAnswered(Scene.provider)
        scene.probeAnswered(Scene.provider)
        #expect(scene.witness.ends.isEmpty && scene.core.peers[Scene.provider]?.liveness == .responsive)
        expectSafe(scene)
    }

    @Test("L6: the late answer of a process that is gone is nobody's, with all that came with it")
    func answerOfTheDead() throws {
        var scene = Scene()
        let sink = scene.sink(of: try scene.open())
        scene.vanish(Scene.provider)
        let object = scene.object()
        scene.core.answered(sink, .failure(Outcome(.failed, object: object)))
        scene.saw()
        #expect(scene.effects == [.discard(object)])
        let batch = scene.batch([1])
        scene.core.answered(sink, .result(.noError, references: 1, objects: batch))
        scene.saw()
        #expect(scene.effects == [.discard(batch.payload)])
        expectSafe(scene)
    }

    @Test("L8, L10: the late answer of a peer that was dropped changes nothing for who holds the sink now")
    func lateAnswer() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.addRef(sink)
        scene.transfer(sink)
        scene.wait(12, answering: [Scene.other])
        #expect(scene.core.legs[sink]?.ledger.isHeld(by: Scene.provider) == false)
        scene.answer(sink, keeping: 5, objects: [1])
        #expect(scene.core.sinkReferences == 1)
        #expect(scene.core.operations[id]?.objectsDelivered == 0)
        scene.setStatus(sink, by: Scene.other)
        scene.release(sink, by: Scene.other)
        #expect(scene.witness.ends[id]?.status == .noError)
        expectSafe(scene)
    }

    @Test("L8: time in which the broker withholds a reply is neither silence nor a missed ping")
    func withheld() throws {
        var limits = Limits()
        limits.windowBatches = 1
        limits.credit = .seconds(1_000)
        var scene = Scene(limits, silence: .seconds(20))
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 1)
        scene.indicate(sink)
        scene.indicate(sink)
        scene.wait(600)
        #expect(scene.witness.ends.isEmpty)
        scene.acknowledge()
        scene.wait(19, answering: [Scene.provider])
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2, answering: [Scene.provider])
        #expect(scene.witness.ends[id]?.status == .providerTimedOut)
        expectSafe(scene)
    }

    @Test("L8: the client's own deadline is TimedOut")
    func deadline() throws {
        var scene = Scene()
        let id = try scene.open(timeout: .seconds(2))
        scene.wait(1)
        #expect(scene.witness.ends.isEmpty)
        scene.wait(2)
        #expect(scene.witness.ends[id]?.status == .timedOut)
        expectSafe(scene)
    }

    @Test("L8: calls wait in line, fail with the provider, and after 5 minutes without a slot are ProviderTimedOut")
    func line() throws {
        var limits = Limits()
        limits.callsPerProvider = 1
        limits.silence = .seconds(1_000)
        limits.overdueCall = limits.silence
        var scene = Scene(limits)
        let first = try scene.open(.async(sink: "/1"))
        let second = try scene.open(.async(sink: "/2"))
        #expect(scene.core.operations[second]?.state == .queued)
        scene.answer(scene.sink(of: first), keeping: 1)
        #expect(scene.effects == [.call(scene.sink(of: second))])
        let third = try scene.open(.async(sink: "/3"))
        scene.wait(301, answering: [Scene.provider])
        #expect(scene.witness.ends[third]?.explanation?.reason == .noCallSlot)
        let fourth = try scene.open(.async(sink: "/4"))
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[fourth]?.explanation?.reason == .providerVanished)
        expectSafe(scene)
    }

    @Test("L8: UnRegister fails what waits in line; open calls run on")
    func unregister() throws {
        var limits = Limits()
        limits.callsPerProvider = 1
        var scene = Scene(limits)
        let first = try scene.open(.async(sink: "/1"))
        let second = try scene.open(.async(sink: "/2"))
        try scene.core.unregister(Scene.provider, namespace: "root/cimv2", name: "provider")
        scene.saw()
        #expect(scene.witness.ends[second]?.explanation?.reason == .unregistered)
        scene.answer(scene.sink(of: first))
        #expect(scene.witness.ends[first]?.status == .noError)
        expectSafe(scene)
    }

    @Test("L9: cancel ends it at once, empties the ledger, tells the provider; the rest is CallCancelled and uncounted")
    func cancelled() throws {
        var scene = Scene()
        let id = try scene.open()
        let sink = scene.sink(of: id)
        scene.answer(sink, keeping: 2)
        scene.cancel(id)
        #expect(scene.witness.ends[id]?.status == .callCancelled)
        #expect(scene.effects.contains(.cancelCall(sink, Scene.provider, scene.registration)))
        #expect(scene.core.sinkReferences == 0)
        #expect(scene.release(sink) == .failure(.callCancelled))
        #expect(scene.addRef(sink, by: Scene.other) == .failure(.callCancelled))
        #expect(scene.transfer(sink) == .failure(.callCancelled))
        #expect(scene.setStatus(sink) == .callCancelled)
        #expect(scene.core.counters.violations == 0)
        #expect(scene.core.presence(of: sink) == .ended)
        #expect(scene.core.presence(of: SinkID(4_711)) == .unknown)
        scene.cancel(id)
        #expect(scene.effects == [])
        expectSafe(scene)
    }

    @Test(
        "L9: a cancel, of the sink or of the operation, discards what the client has not taken; the provider's Indicate is answered",
        arguments: [true, false])
    func cancelDiscards(ofSink: Bool) throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let id = try scene.open()
        scene.indicate(scene.sink(of: id))
        let waiting = scene.indicate(scene.sink(of: id))
        scene.setStatus(scene.sink(of: id), Outcome(.noError, object: scene.object()))
        if ofSink {
            scene.core.cancelSink(Scene.path, of: Scene.client)
            scene.saw()
        } else {
            scene.cancel(id)
        }
        #expect(scene.effects.contains(.credit(waiting, .callCancelled)))
        #expect(scene.effects.contains(.discard(PayloadID(3))))
        #expect(scene.witness.ends[id]?.status == .callCancelled)
        expectSafe(scene)
    }

    @Test("L9: a client that is gone cancels its operations without a word")
    func clientGone() throws {
        var scene = Scene()
        let first = try scene.open()
        let pulled = try scene.open(.semisync)
        try scene.pull(pulled, .next(1))
        _ = try scene.open(.sync)
        scene.vanish(Scene.client)
        #expect(scene.witness.pulls.isEmpty, "nothing is kept for a call nobody waits for")
        #expect(scene.effects.contains(.abandon(first)))
        #expect(scene.effects.contains(.cancelCall(SinkID(1), Scene.provider, scene.registration)))
        #expect(scene.witness.ends.isEmpty)
        #expect(scene.core.openOperations == 0)
        expectSafe(scene)
    }

    @Test("Section 3: after a call that was abandoned unanswered the provider gets no new one until it speaks")
    func abandonedCall() throws {
        var scene = Scene()
        let id = try scene.open()
        scene.cancel(id)
        #expect(scene.effects.contains(.ping(Scene.provider, .own)))
        let next = try scene.open()
        #expect(scene.core.operations[next]?.state == .queued)
        scene.pong(Scene.provider)
        #expect(scene.core.operations[next]?.state == .running)
        #expect(scene.core.slots.slots.count == 2)
        expectSafe(scene)
    }
}
