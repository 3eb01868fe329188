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

    @Test("EV85: a subscriber that asks for it hears, once, when every source that there is knows its query")
    func settled() throws {
        var scene = Scene()
        let told = Effect.progress(OperationID(1), Progress(hresult: 1 << 16 | 1, text: BrokerCore.settled))
        let (first, second) = (try scene.openSource(isTold: true), try scene.openSource(isTold: true))
        let id = try scene.subscribe(progress: true)
        scene.listen(id, first, second)
        scene.answerAccess(first, id, true)
        scene.hearQuery(first, id)
        #expect(!scene.effects.contains(told), "the second source was not asked yet")
        scene.answerAccess(second, id, true)
        #expect(!scene.effects.contains(told), "the second source does not know the query yet")
        scene.hearQuery(second, id)
        #expect(scene.effects == [told])
        scene.hearQuery(second, id)
        scene.listen(id, first)
        #expect(!scene.effects.contains(told))
        let quiet = try scene.subscribe("/quiet")
        scene.listen(quiet)
        #expect(scene.effects.isEmpty, "it has not asked for it")
        expectSafe(scene)
    }

    @Test("EV85: a source that denies, or has gone, is not waited for; without any source all know the query", arguments: [0, 1, 2, 3])
    func settledWithout(_ way: Int) throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let id = try scene.subscribe(progress: true)
        let told = Effect.progress(id, Progress(hresult: 1 << 16 | 1, text: BrokerCore.settled))
        if way > 0 { scene.listen(id, source) } else { scene.listen(id) }
        switch way {
        case 1: scene.answerAccess(source, id, false)
        case 2: scene.closeSource(source)
        case 3:
            scene.answerAccess(source, id, true)
            scene.vanish(Scene.provider)
        default: break
        }
        #expect(scene.effects.filter { $0 == told }.count == 1)
        expectSafe(scene)
    }

    @Test("EV85: for a source that says nothing nobody waits longer than 2 seconds, and is told so")
    func notSettled() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let id = try scene.subscribe(progress: true)
        scene.listen(id, source)
        scene.answerAccess(source, id, true)
        let start = scene.now
        #expect(scene.advance() && scene.now == start + .seconds(2))
        #expect(scene.effects == [.progress(id, Progress(hresult: 1 << 16 | 1, text: BrokerCore.unsettled))])
        scene.hearQuery(source, id)
        #expect(scene.effects.isEmpty)
        expectSafe(scene)
    }

    @Test("EV85: a provider knows each query by a number of its own, and is told of the end of the one that ends")
    func numbers() throws {
        var scene = Scene()
        let source = try scene.openSource(isTold: true)
        let all = [try scene.subscribe("/1"), try scene.subscribe("/2")]
        var numbers: [UInt32] = []
        for id in all {
            scene.listen(id, source)
            scene.answerAccess(source, id, true)
            for case .newQuery(source, id, let number) in scene.effects { numbers.append(number) }
        }
        #expect(numbers.count == 2 && Set(numbers).count == 2)
        scene.cancel(all[1])
        #expect(scene.effects.contains(.cancelQuery(source, all[1], query: numbers.last ?? 0)))
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

    @Test("EV101: one provider that denies its events does not refuse a subscription to which another may still give its own")
    func deniedByOne() throws {
        var scene = Scene()
        let (first, second) = (try scene.openSource(isTold: true), try scene.openSource(isTold: true))
        let id = try scene.subscribe(isOfProviders: true)
        scene.listen(id, first, second)
        scene.answerAccess(first, id, false)
        #expect(scene.core.operations[id]?.state == .running)
        scene.answerAccess(second, id, true)
        scene.raise(for: id, from: second)
        #expect(scene.witness.delivered[id]?.count == 1)
        // Whoever was let in stays, although only the one that denies is left.
        scene.closeSource(second)
        scene.listen(id, first)
        #expect(scene.core.operations[id]?.state == .running)
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

    @Test(
        "EV67: what a source lost each of its subscribers counts, with what it lost itself, and nobody else; the next batch tells it once")
    func lostAtSource() throws {
        var limits = Limits()
        limits.eventsPerSubscription = 1
        limits.windowBatches = 1
        var scene = Scene(limits)
        let source = try scene.openSource()
        let id = try scene.subscribe("/1")
        let other = try scene.subscribe("/2")
        scene.listen(id, source)
        scene.loseAtSource(source, 5)
        #expect(scene.effects.isEmpty)
        let first = scene.raise(for: id, from: source)
        #expect(scene.effects == [.deliverEvents(id, first, lost: 5)])
        let others = scene.raise(for: other)
        #expect(scene.effects == [.deliverEvents(other, others, lost: 0)])
        // A batch of one waits before the window, and the queue has room for one.
        for _ in 0..<3 { scene.raise(for: id, from: source) }
        scene.loseAtSource(source, 2)
        #expect(scene.core.events.subscriptions[id]?.lostInAll == 8 && scene.core.events.subscriptions[other]?.lostInAll == 0)
        scene.acknowledge(1, sink: "/1")
        scene.acknowledge(1, sink: "/1")
        guard case .deliverEvents(id, _, let lost)? = scene.effects.first else { return #expect(Bool(false), "nothing came") }
        #expect(lost == 3)
        #expect(scene.witness.lostAtSource[id] == 0)
        expectSafe(scene)
    }

    @Test("EV67: what a source lost counts for every one of its subscribers")
    func lostForAll() throws {
        var scene = Scene()
        let source = try scene.openSource()
        let all = [try scene.subscribe("/1"), try scene.subscribe("/2"), try scene.subscribe("/3", by: Scene.other)]
        for id in all { scene.listen(id, source) }
        scene.loseAtSource(source, 5)
        scene.loseAtSource(source, 2)
        for id in all {
            let event = scene.raise(for: id, from: source)
            #expect(scene.effects == [.deliverEvents(id, event, lost: 7)])
        }
        expectSafe(scene)
    }

    @Test("EV67: a source may say any number, and saying it again does no harm")
    func lostBeyondCounting() throws {
        var scene = Scene()
        let source = try scene.openSource()
        let id = try scene.subscribe()
        scene.listen(id, source)
        for _ in 0..<2 {
            scene.core.sourceLost(source, .max)
            #expect(scene.core.events.subscriptions[id]?.lostInAll == .max)
        }
        scene.core.sourceLost(EventSourceID(4_711), 1)
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
