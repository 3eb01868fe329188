import CIM
import Testing

@testable import CIMBusCore

/// Operations whose parts the core joins.
@Suite("Joined operations")
struct JoinedTests {
    /// A put of so many classes.
    private func put(_ count: Int, _ scene: inout Scene, _ form: Request.Form = .async(sink: Scene.path)) throws -> OperationID {
        let model = PutModel(count: count)
        return try scene.join(model, as: .put(model.rules), form, .putInstance)
    }

    /// The sink of an open provider call, by its age.
    private func sink(_ place: Int, of scene: Scene) throws -> SinkID {
        let sinks = scene.core.legs.keys
        try #require(place < sinks.count)
        return sinks[place]
    }

    @Test("C.1, L1: a put over several asks one class after the other, and ends once with the last one's word")
    func put() throws {
        var scene = Scene()
        let whole = try put(2, &scene)
        #expect(scene.effects.contains(.ask(whole, 0)))
        scene.ask(whole, 0)
        scene.answer(try sink(0, of: scene))
        #expect(scene.unasked.map(\.index) == [1])
        scene.ask(whole, 1)
        scene.answer(try sink(0, of: scene))
        #expect(scene.witness.ends[whole]?.status == .noError)
        #expect(scene.core.openOperations == 0)
        #expect(scene.witness.faults == [])
    }

    @Test("C.1, P8: a provider that dies is its class's failure, which ends a put; nobody else is asked")
    func death() throws {
        var scene = Scene()
        let whole = try put(2, &scene)
        scene.ask(whole, 0)
        scene.vanish(Scene.provider)
        #expect(scene.witness.ends[whole]?.status == .providerFailure)
        #expect(scene.unasked.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("L9, L12: a cancelled whole ends its parts, and asks nobody else; what a part says afterwards is for nobody")
    func cancel() throws {
        var scene = Scene()
        let whole = try put(3, &scene)
        scene.ask(whole, 0)
        let sink = try sink(0, of: scene)
        scene.cancel(whole)
        #expect(scene.witness.ends[whole]?.status == .callCancelled)
        #expect(scene.unasked.isEmpty)
        #expect(scene.core.legs.isEmpty)
        scene.core.partEnded(whole, 0, Outcome(.failed, object: scene.object()))
        scene.saw()
        #expect(throws: Refusal.self) {
            try scene.core.beginPart(of: whole, index: 1, kind: .putInstance, target: .provider(scene.registration))
        }
        scene.answer(sink)
        #expect(scene.witness.faults == [])
    }

    @Test("C.1, L1: a part that is asked already, or was not asked for, is refused")
    func twice() throws {
        var scene = Scene()
        let whole = try put(2, &scene)
        scene.ask(whole, 0)
        for index in [0, 1] {
            #expect(throws: Refusal.self) {
                try scene.core.beginPart(of: whole, index: index, kind: .putInstance, target: .provider(scene.registration))
            }
        }
        scene.core.partEnded(whole, 0, Outcome(.noError))
        scene.saw()
        #expect(scene.witness.ends[whole] == nil && scene.unasked.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("C.2: the status objects of parts that decide nothing, and the second remark, are nobody's")
    func objects() throws {
        var scene = Scene()
        let model = DeleteModel(decides: [true, false, true, true], stored: .no)
        let whole = try scene.join(model, as: .delete(model.rules), .semisync, .deleteInstance)
        scene.end(whole, 0, .notFound)
        scene.end(whole, 1, .accessDenied)
        scene.end(whole, 2, .sPartialResults)
        scene.end(whole, 3, .sPartialResults)
        #expect(scene.witness.ends[whole]?.status == .sPartialResults)
        #expect(scene.witness.payloads.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("L9: a cancelled whole leaves nothing of what its parts said")
    func cancelledObjects() throws {
        var scene = Scene()
        let whole = try put(2, &scene, .semisync)
        scene.end(whole, 0, .sPartialResults)
        #expect(scene.witness.payloads.count == 1)
        scene.cancel(whole)
        #expect(scene.witness.payloads.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("C.4: the first failure of a fan-out ends the whole and every other part, whose providers are told")
    func firstFailure() throws {
        var scene = Scene()
        let model = FanOutModel(parts: [.init(), .init()], width: 2)
        let whole = try scene.join(model, as: .fanOut(model.rules))
        scene.ask(whole, 0)
        scene.ask(whole, 1)
        let (first, second) = (try sink(0, of: scene), try sink(1, of: scene))
        scene.answer(first, .accessDenied)
        #expect(scene.witness.ends[whole]?.status == .accessDenied)
        #expect(!scene.core.legs.keys.contains(second))
        #expect(scene.core.openOperations == 0)
        #expect(scene.witness.faults == [])
    }

    @Test("I.7: a source that handed out something and then says that it cannot do this ends the whole; else it is asked in another way")
    func anotherWay() throws {
        for handsOut in [true, false] {
            var scene = Scene()
            let model = FanOutModel(parts: [.init([[], []])], width: 1)
            let whole = try scene.join(model, as: .fanOut(model.rules))
            scene.ask(whole, 0)
            let sink = try sink(0, of: scene)
            scene.answer(sink, keeping: 1)
            if handsOut { scene.indicate(sink) }
            scene.setStatus(sink, .providerNotCapable)
            scene.release(sink)
            #expect(scene.witness.ends[whole]?.status == (handsOut ? .providerNotCapable : nil))
            #expect(scene.unasked.map(\.index) == (handsOut ? [] : [0]))
            #expect(scene.witness.faults == [])
        }
    }

    @Test("L13: a part ends when what it handed out is on its way; a client that takes nothing holds the next one up")
    func pace() throws {
        var limits = Limits()
        limits.windowBatches = 1
        var scene = Scene(limits)
        let model = FanOutModel(parts: [.init(), .init()], width: 1)
        let whole = try scene.join(model, as: .fanOut(model.rules))
        scene.ask(whole, 0)
        let sink = try sink(0, of: scene)
        scene.answer(sink, keeping: 1)
        scene.indicate(sink)
        scene.indicate(sink)
        scene.setStatus(sink)
        scene.release(sink)
        #expect(scene.unasked.isEmpty)
        scene.acknowledge()
        #expect(scene.unasked.map(\.index) == [1])
        scene.end(whole, 1, .noError)
        scene.acknowledge()
        #expect(scene.witness.ends[whole]?.status == .noError)
        #expect(scene.core.operations.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("C.4, L4: a part that has parts itself hands their objects on, ends as its own join says, and is one part of its whole")
    func nested() throws {
        var scene = Scene()
        let outer = FanOutModel(parts: [.init(), .init()], width: 1)
        let inner = FanOutModel(parts: [.init(), .init()], width: 2)
        let whole = try scene.join(outer, as: .fanOut(outer.rules))
        let nested = scene.nest(whole, 0, inner, as: .fanOut(inner.rules))
        let part = try #require(nested)
        scene.ask(part, 0)
        scene.ask(part, 1)
        // The whole and those who are asked: the step between them is the broker's own.
        #expect(scene.core.openOperations == 3)
        #expect(scene.core.operations.count == 4)
        let (first, second) = (try sink(0, of: scene), try sink(1, of: scene))
        scene.answer(first, keeping: 1)
        scene.indicate(first)
        #expect(scene.core.operations[whole]?.objectsDelivered == 1)
        scene.setStatus(first)
        scene.release(first)
        #expect(scene.unasked.isEmpty)
        scene.answer(second)
        #expect(scene.unasked.map(\.index) == [1])
        scene.end(whole, 1, .noError)
        scene.acknowledge()
        #expect(scene.witness.ends[whole]?.status == .noError)
        #expect(scene.core.operations.isEmpty)
        #expect(scene.witness.faults == [])
    }

    @Test("L9, L12, P8: the end of a whole ends the parts of its parts, whose providers are told")
    func nestedEnd() throws {
        for dies in [true, false] {
            var scene = Scene()
            let outer = FanOutModel(parts: [.init(), .init()], width: 2)
            let inner = FanOutModel(parts: [.init()], width: 1)
            let whole = try scene.join(outer, as: .fanOut(outer.rules))
            let nested = scene.nest(whole, 0, inner, as: .fanOut(inner.rules))
            let part = try #require(nested)
            scene.ask(part, 0)
            let sink = try sink(0, of: scene)
            if dies { scene.end(whole, 1, .accessDenied) } else { scene.cancel(whole) }
            #expect(scene.witness.ends[whole]?.status == (dies ? .accessDenied : .callCancelled))
            #expect(!scene.core.legs.keys.contains(sink))
            #expect(scene.core.openOperations == 0)
            #expect(scene.witness.faults == [])
        }
    }

    @Test("I.4: what follows from a part's objects is none of the join's parts; it ends with the whole")
    func followUp() throws {
        var scene = Scene()
        let model = FanOutModel(parts: [.init()], width: 1)
        let whole = try scene.join(model, as: .fanOut(model.rules))
        scene.ask(whole, 0)
        let source = try sink(0, of: scene)
        let (done, left) = (try scene.part(of: whole), try scene.part(of: whole))
        scene.answer(scene.sink(of: done))
        #expect(scene.witness.ends[done]?.status == .noError && scene.witness.ends[whole] == nil)
        scene.answer(source)
        #expect(scene.witness.ends[whole]?.status == .noError)
        #expect(scene.witness.ends[left]?.status == .callCancelled)
        #expect(scene.witness.faults == [])
    }

    @Test("L8: a conductor that takes nothing of what its parts hand out ends like a silent provider")
    func untaken() throws {
        var scene = Scene()
        let whole = try scene.conduct()
        let part = try scene.part(of: whole)
        scene.answer(scene.sink(of: part), objects: [1])
        #expect(scene.witness.ends[part] == nil)
        scene.waitForEnds()
        #expect(scene.witness.ends[whole]?.status == .failed)
        #expect(scene.witness.faults == [])
    }

    @Test("L8: a part that nobody begins ends the whole like a silent provider")
    func silence() throws {
        var scene = Scene()
        let whole = try put(2, &scene, .semisync)
        scene.waitForEnds()
        #expect(scene.witness.ends[whole]?.status == .failed)
        #expect(scene.witness.faults == [])
    }
}
