import CIM
import FoundationEssentials
import Testing

@testable import CIMBusCore

/// A trace replays: the same events at the same moments have the same effects (DESIGN section 2).
@Suite("Traces")
struct CoreTraceTests {
    @Test("section 2: what was traced, written and read again has the same effects on a new core, event by event")
    func replays() throws {
        var scene = Scene(Model.tightLimits)
        scene.core.trace = []
        // What the scene did before it was traced.
        var replayed = Scene(Model.tightLimits).core
        var effects: [[Effect]] = []
        func note() { effects.append(scene.effects) }

        let first = try scene.open(.async(sink: "/a"), progress: true, timeout: .seconds(60))
        note()
        let sink = scene.sink(of: first)
        scene.indicate(sink)
        note()
        scene.progress(sink)
        note()
        scene.answer(sink, keeping: 1)
        note()
        _ = scene.addRef(sink)
        note()
        _ = scene.transfer(sink)
        note()
        let whole = try scene.conduct(.semisync)
        note()
        _ = try scene.part(of: whole)
        note()
        scene.supply(whole)
        note()
        try scene.pull(whole, .next(5))
        note()
        scene.vanish(Scene.provider)
        note()
        scene.conclude(whole, .stated(.providerFailure, "a part failed"))
        note()
        _ = scene.release(sink, by: Scene.other)
        note()
        scene.advance()
        note()
        scene.vanish(Scene.client)
        note()

        let traced = scene.core.takeTrace()
        #expect(traced.count == effects.count)
        let written = try traced.map { try JSONEncoder().encode($0) }
        let read = try written.map { try JSONDecoder().decode(TracedEvent.self, from: $0) }
        #expect(read == traced)
        for (event, expected) in zip(read, effects) { #expect(replayed.replay(event) == expected, "\(event)") }
        #expect(replayed.openOperations == scene.core.openOperations)
        #expect(scene.core.takeTrace().isEmpty)
    }
}
