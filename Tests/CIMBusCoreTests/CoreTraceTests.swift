import CIM
import FoundationEssentials
import Testing

@testable import CIMBusCore

/// A trace replays: the same events at the same moments have the same effects (Design 2).
@Suite("Traces")
struct CoreTraceTests {
    @Test("Design 2: what was traced, written and read again has the same effects on a new core, event by event")
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

    @Test("Design 2: what is due at the same moment is looked at in one order, whatever was scheduled before, and in whichever order")
    func orderOfWhatIsDue() {
        var expected: [Agenda.Subject] = []
        for number in 1...20 as ClosedRange<UInt64> { expected.append(.operation(OperationID(number))) }
        for number in 1...20 as ClosedRange<UInt64> { expected.append(.peer(PeerID(number))) }
        for number in 1...20 as ClosedRange<UInt64> { expected.append(.registration(RegistrationID(number))) }
        for _ in 0..<10 {
            var agenda = Agenda()
            // So often that it is sorted anew, from what has no order.
            for round in 0..<10 as Range<Microseconds> {
                for subject in expected.shuffled() { agenda.schedule(subject, at: 100 - round) }
            }
            #expect(agenda.due(at: 91) == expected)
            #expect(agenda.next == nil)
        }
    }

    @Test("Design 2: suspend, resume and define happen at the moment that was set, and the trace says when")
    func momentsOfAdministration() throws {
        var scene = Scene()
        scene.core.trace = []
        let events: [(inout Scene) -> Void] = [
            { $0.suspend() }, { $0.resume() }, { $0.define(busName: "org.example.Provider") },
        ]
        for (second, event) in events.enumerated() {
            scene.now = .seconds(10 + Microseconds(second))
            event(&scene)
        }
        let traced = scene.core.takeTrace()
        #expect(traced.map(\.at) == [.seconds(10), .seconds(11), .seconds(12)])
        #expect(
            traced.map(\.event) == [
                .suspend(scene.registration), .resume(scene.registration),
                .define(namespace: "root/cimv2", name: "Provider", user: nil, uid: 0, .init(busName: "org.example.Provider")),
            ])
        // What the core does next is dated from there, too: the replay of an event moves the clock.
        var replayed = Scene().core
        for event in traced { replayed.replay(event) }
        #expect(replayed.now == .seconds(12))
        expectSafe(scene)
    }

    @Test("A.5, Design 2: what a refused call has caused is taken with it, and replays with it: nothing is left for another event")
    func refusedCallsEffects() throws {
        var scene = Scene(Model.tightLimits)
        scene.core.trace = []
        var replayed = Scene(Model.tightLimits).core
        var effects: [[Effect]] = []
        func note() { effects.append(scene.effects) }
        // A call that nobody waits for any more: the provider is asked, and others wait until it says anything.
        let first = try scene.open(.async(sink: "/a"))
        note()
        scene.cancel(first)
        note()
        let second = try scene.open(.async(sink: "/b"))
        note()
        #expect(scene.witness.calls == [SinkID(1)])
        // It says something that is refused; that it said it lets the call go.
        #expect(throws: Refusal.self) { _ = try scene.open(.async(sink: "/"), by: Scene.provider) }
        note()
        #expect(scene.effects == [.call(scene.sink(of: second))])
        #expect(scene.core.effects.isEmpty)
        #expect(scene.core.takeEffects() == [])

        let traced = scene.core.takeTrace()
        #expect(traced.count == effects.count)
        for (event, expected) in zip(traced, effects) { #expect(replayed.replay(event) == expected, "\(event)") }
        expectSafe(scene)
    }
}
