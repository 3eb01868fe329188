import CIM
import Testing

@testable import CIMBusCore

@Suite("Sources of events, and who listens to them")
struct CoreEventSourceTests {
    @Test("EV93: GetSink needs a registration of the same process")
    func needsRegistration() throws {
        var scene = Scene()
        let refusal = #expect(throws: Refusal.self) { try scene.openSource(by: Scene.other) }
        #expect(refusal?.status == .providerNotRegistered)
        _ = try scene.openSource()
        expectSafe(scene)
    }

    @Test("EV98: a source knows whether anybody listens")
    func active() throws {
        var scene = Scene()
        let source = try scene.openSource()
        let id = try scene.subscribe()
        #expect(scene.core.events.sources[source]?.isActive == false)
        scene.listen(id, source)
        #expect(scene.effects == [.listenersChanged(source)] && scene.core.events.sources[source]?.isActive == true)
        scene.listen(id, source)
        #expect(scene.effects.isEmpty)
        scene.cancel(id)
        #expect(scene.effects.contains(.listenersChanged(source)) && scene.core.events.sources[source]?.isActive == false)
        expectSafe(scene)
    }

    @Test("EV85, EV120: a provider that is told hears of a query once, and of its end once, also when the subscriber was killed")
    func told() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let id = try scene.subscribe()
        scene.listen(id, source)
        #expect(scene.effects == [.askAccess(source, id)])
        scene.answerAccess(source, id, true)
        #expect(scene.effects == [.newQuery(source, id, query: 1), .listenersChanged(source)])
        scene.answerAccess(source, id, true)
        #expect(scene.effects.isEmpty)
        scene.vanish(Scene.client)
        #expect(scene.effects.filter { $0 == .cancelQuery(source, id, query: 1) }.count == 1)
        #expect(scene.witness.queries.isEmpty)
        expectSafe(scene)
    }

    @Test("EV100, EV101: before the provider has let a subscriber have its events, the subscriber gets none")
    func notYetGranted() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let id = try scene.subscribe()
        scene.listen(id, source)
        scene.raise(for: id, from: source)
        #expect(scene.witness.delivered[id] == nil)
        scene.answerAccess(source, id, true)
        scene.raise(for: id, from: source)
        #expect(scene.witness.delivered[id]?.count == 1)
        expectSafe(scene)
    }

    @Test("EV101: where each provider that has the events denies them, the subscription is refused, and says by whom")
    func denied() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let open = try scene.openSource()
        let refused = try scene.subscribe("/1", isOfProviders: true)
        scene.listen(refused, source)
        scene.answerAccess(source, refused, false)
        #expect(scene.witness.ends[refused]?.status == .accessDenied)
        let partly = try scene.subscribe("/2", isOfProviders: true)
        scene.listen(partly, source, open)
        scene.answerAccess(source, partly, false)
        scene.raise(for: partly, from: source)
        scene.raise(for: partly, from: open)
        #expect(scene.witness.delivered[partly]?.count == 1)
        let ofAll = try scene.subscribe("/3")
        scene.listen(ofAll, source)
        scene.answerAccess(source, ofAll, false)
        #expect(scene.core.operations[ofAll]?.state == .running)
        expectSafe(scene)
    }

    @Test("EV97: a source ends with its process; subscriptions stay, and hear the next process")
    func sourceDied() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let id = try scene.subscribe()
        scene.listen(id, source)
        scene.answerAccess(source, id, true)
        scene.vanish(Scene.provider)
        #expect(scene.effects.contains(.sourceClosed(source)) && scene.core.operations[id]?.state == .running)
        scene.register(Scene.other, "Provider")
        let next = try scene.openSource(by: Scene.other)
        scene.listen(id, next)
        scene.raise(for: id, from: next)
        #expect(scene.witness.delivered[id]?.count == 1)
        expectSafe(scene)
    }

    @Test("EV97: UnRegister closes the sinks of the registration")
    func unregistered() throws {
        var scene = Scene()
        let source = try scene.openSource()
        let id = try scene.subscribe()
        scene.listen(id, source)
        scene.unregister()
        #expect(scene.effects.contains(.sourceClosed(source)))
        scene.raise(for: id, from: source)
        #expect(scene.witness.delivered[id] == nil)
        expectSafe(scene)
    }

    @Test("A process has a bound of event sinks")
    func bound() throws {
        var limits = Limits()
        limits.sourcesPerPeer = 2
        var scene = Scene(limits)
        let first = try scene.openSource()
        _ = try scene.openSource()
        #expect(#expect(throws: Refusal.self) { try scene.openSource() }?.status == .quotaViolation)
        scene.closeSource(first)
        #expect(throws: Never.self) { try scene.openSource() }
        expectSafe(scene)
    }
}
