import CIM

@testable import CIMBusCore

/// Everything that can happen to a core, for the exhaustive test. Events name sinks and operations by their numbers.
enum ModelEvent: Hashable {
    case open(Request.Form)
    case conduct(Request.Form)
    case part(OperationID)
    case supply(OperationID)
    case consume(OperationID)
    case conclude(OperationID)
    case join(Request.Form)
    case ask(OperationID, Int)
    case nest(OperationID, Int)
    case endPart(OperationID, Int, WBEMStatus)
    case answerIncapable(SinkID)
    case remark(SinkID, PeerID)
    case openNested(by: PeerID, in: OperationID)
    case answer(SinkID, references: UInt32)
    case answerWithObject(SinkID)
    case answerError(SinkID)
    case fail(SinkID)
    case indicate(SinkID, PeerID)
    case succeed(SinkID, PeerID)
    case report(SinkID, PeerID)
    case progress(SinkID, PeerID)
    case addRef(SinkID, PeerID)
    case release(SinkID, PeerID)
    case transfer(SinkID, PeerID, PeerID)
    case vanish(PeerID)
    case cancel(OperationID)
    case close(OperationID)
    case acknowledge(String)
    case pull(OperationID)
    case pong(PeerID)
    case register(PeerID)
    case expect
    case expectationFailed
    case startFailed
    case initializationFailed
    case unregister
    case advance
    case openLane(LaneID)
    case loseLane(LaneID)

    /// Whether it gives something back, or lets something end.
    var isClosing: Bool {
        switch self {
        case .answer, .answerError, .succeed, .release, .vanish, .cancel, .close, .acknowledge, .pull, .pong, .advance, .consume, .conclude,
            .register, .startFailed, .initializationFailed, .expectationFailed, .openLane, .loseLane, .ask, .nest, .endPart,
            .answerIncapable:
            true
        case .open, .join, .remark, .conduct, .part, .supply, .openNested, .answerWithObject, .fail, .indicate, .report, .progress, .addRef,
            .transfer,
            .expect,
            .unregister:
            false
        }
    }
}

/// Which events a run of the exhaustive test tries, and on what core.
struct Model {
    var name: String
    var limits = Limits()
    var depth: Int
    var forms: [Request.Form]
    /// Operations under way at the same time.
    var operations = 2
    var kind = Request.Kind.createInstanceEnum
    var nested = false
    /// Whether the broker conducts what clients ask for.
    var conducted = false
    /// How the parts of what clients ask for are joined, and what the join must do.
    var joined: (model: any JoinModel, join: Join)?
    /// How the parts of a part are, if a part may have some.
    var inner: (model: any JoinModel, join: Join)?
    /// Whether the provider can be started, is expected back, registers and unregisters.
    var activated = false
    /// Bounds that keep the state space finite: references of one peer on one sink, and objects of one sink.
    var references = 2
    var objects = 2

    static let never = Microseconds.seconds(10_000)

    /// Times near to each other, so that few steps lead to each, and windows of one.
    static var tightLimits: Limits {
        var limits = Limits()
        limits.silence = .seconds(24)
        limits.leakGrace = .seconds(8)
        limits.ping = .seconds(10)
        limits.credit = .seconds(12)
        limits.pull = .seconds(16)
        limits.slotWait = .seconds(20)
        limits.retention = .seconds(28)
        limits.start = .seconds(18)
        limits.comeback = .seconds(5)
        limits.firstPause = .seconds(4)
        limits.longestPause = .seconds(7)
        limits.longestPull = .seconds(6)
        limits.windowBatches = 1
        limits.indicatesPerSink = 1
        // Only where a run is about them.
        limits.overdueCall = never
        limits.lostReply = never
        return limits
    }

    /// Leaves out what another run tries: D-Bus errors, progress, and the transfer of what somebody else holds.
    var fewer = false

    func start() -> Scene {
        var scene = Scene(limits)
        if activated { scene.define(busName: "org.example.Provider") }
        if nested {
            let first = scene.registration
            scene.register(Scene.other, "Other")
            scene.registration = first
        }
        return scene
    }

    /// After this many events only those follow that bring something to its end.
    var opening = 4

    /// What can happen next.
    func events(in scene: Scene, after count: Int) -> [ModelEvent] {
        let events = events(in: scene)
        return count < opening ? events : events.filter(\.isClosing)
    }

    private func events(in scene: Scene) -> [ModelEvent] {
        let core = scene.core
        var events: [ModelEvent] = []
        if core.operations.count < operations, core.peers[Scene.client] != nil {
            for form in forms {
                if joined != nil {
                    if case .async = form { events.append(.join(.async(sink: "/a"))) } else { events.append(.join(form)) }
                } else if case .async = form {
                    let used = core.peers[Scene.client]?.clientSinks ?? [:]
                    events.append(.open(.async(sink: used["/a"] == nil ? "/a" : "/bb")))
                } else {
                    events.append(conducted ? .conduct(form) : .open(form))
                }
            }
        }
        for (whole, index) in scene.unasked {
            events.append(.ask(whole, index))
            events.append(.endPart(whole, index, .noError))
            if inner != nil, scene.parts[whole] == nil { events.append(.nest(whole, index)) }
        }
        for operation in core.operations.values where operation.request.target == .conducted && joined == nil {
            events.append(.conclude(operation.id))
            if operation.state != .ended, operation.delivery.queue.isEmpty { events.append(.supply(operation.id)) }
            if operation.children.isEmpty { events.append(.part(operation.id)) }
            for part in operation.children.sorted() { events.append(.consume(part)) }
        }
        for sink in scene.witness.calls.sorted() {
            events += [.answer(sink, references: 0), .answerError(sink)]
            guard let leg = core.legs[sink] else { continue }
            if joined != nil { events.append(.answerIncapable(sink)) }
            events.append(.answer(sink, references: 1))
            if !fewer { events.append(.fail(sink)) }
            if leg.objects < objects { events.append(.answerWithObject(sink)) }
        }
        for sink in core.legs.keys { events += self.events(on: sink, in: core) }
        for peer in [Scene.provider, Scene.other, Scene.client] where core.peers[peer] != nil { events.append(.vanish(peer)) }
        for operation in core.operations.values {
            let id = operation.id
            if operation.state != .ended { events.append(.cancel(id)) }
            switch operation.request.form {
            case .semisync:
                events.append(.close(id))
                if operation.pulls.isEmpty { events.append(.pull(id)) }
            case .async(let sink) where !operation.delivery.unacknowledged.isEmpty: events.append(.acknowledge(sink))
            default: break
            }
        }
        for peer in scene.witness.pinged.sorted() { events.append(.pong(peer)) }
        for (lane, state) in core.slots.lanes.sorted(by: { $0.key < $1.key }) where lane != .own {
            events.append(state.isOpen ? .loseLane(lane) : .openLane(lane))
        }
        if activated, let registration = core.registry.find(scene.registration) {
            if registration.peer != nil { events.append(.unregister) }
            for peer in [Scene.provider, Scene.other] where registration.peer == nil && core.peers[peer] != nil {
                events.append(.register(peer))
            }
            switch registration.activation {
            case .starting: events.append(.startFailed)
            case .expected: events += [.expectationFailed, .initializationFailed]
            case .idle where registration.peer == nil: events.append(.expect)
            case .idle, .failed: break
            }
        }
        if core.agenda.times.isEmpty == false { events.append(.advance) }
        return events
    }

    private func events(on sink: SinkID, in core: BrokerCore) -> [ModelEvent] {
        guard let leg = core.legs[sink] else { return [] }
        var events: [ModelEvent] = []
        for peer in [Scene.provider, Scene.other] where core.peers[peer] != nil {
            // One that never held it is refused alike whatever it does; once is enough.
            guard leg.ledger.counts[peer] != nil else {
                events.append(.succeed(sink, peer))
                continue
            }
            if leg.objects < objects { events.append(.indicate(sink, peer)) }
            events += [.succeed(sink, peer), .release(sink, peer)]
            if joined != nil { events.append(.remark(sink, peer)) }
            if !fewer { events.append(.report(sink, peer)) }
            if !fewer, leg.ledger.isHeld(by: peer), core.operations[leg.operation]?.request.wantsProgress == true {
                events.append(.progress(sink, peer))
            }
            if (leg.ledger.counts[peer] ?? 0) < references { events.append(.addRef(sink, peer)) }
            if !fewer { events.append(.transfer(sink, peer, peer == Scene.provider ? Scene.other : Scene.provider)) }
            if nested, core.operations.count < operations, leg.ledger.isHeld(by: peer) {
                events.append(.openNested(by: peer, in: leg.operation))
            }
        }
        return events
    }

    func apply(_ event: ModelEvent, to scene: inout Scene) {
        switch event {
        case .open(let form): _ = try? scene.open(form, kind, progress: true)
        case .conduct(let form): _ = try? scene.conduct(form, kind)
        case .part(let id): _ = try? scene.part(of: id)
        case .supply(let id): scene.supply(id)
        case .consume(let id): scene.consume(id)
        case .conclude(let id): scene.conclude(id)
        case .join(let form): if let joined { _ = try? scene.join(joined.model, as: joined.join, form, kind) }
        case .ask(let whole, let index): scene.ask(whole, index)
        case .nest(let whole, let index): if let inner { scene.nest(whole, index, inner.model, as: inner.join) }
        case .endPart(let whole, let index, let status): scene.end(whole, index, status)
        case .answerIncapable(let sink): scene.answer(sink, .providerNotCapable)
        case .remark(let sink, let peer): scene.setStatus(sink, by: peer, Outcome(.sPartialResults, object: scene.object()))
        case .openNested(let peer, let parent): _ = try? scene.open(forms.first ?? .sync, kind, by: peer, in: parent)
        case .answer(let sink, let references): scene.answer(sink, keeping: references)
        case .answerWithObject(let sink): scene.answer(sink, objects: [1])
        case .answerError(let sink): scene.answer(sink, .notFound)
        case .fail(let sink): scene.fail(sink)
        case .indicate(let sink, let peer): scene.indicate(sink, by: peer)
        case .succeed(let sink, let peer): scene.setStatus(sink, by: peer, .noError)
        case .report(let sink, let peer): scene.setStatus(sink, by: peer, Outcome(.accessDenied, object: scene.object()))
        case .progress(let sink, let peer):
            scene.progress(sink, by: peer, object: scene.object())
            if !scene.effects.isEmpty {
                scene.core.sent(10, to: Scene.client)
                scene.saw()
            }
        case .addRef(let sink, let peer): scene.addRef(sink, by: peer)
        case .release(let sink, let peer): scene.release(sink, by: peer)
        case .transfer(let sink, let peer, let next): scene.transfer(sink, from: peer, to: next)
        case .vanish(let peer): scene.vanish(peer)
        case .cancel(let id): scene.cancel(id)
        case .close(let id): scene.close(id)
        case .acknowledge(let sink): scene.acknowledge(sink: sink)
        case .pull(let id): try? scene.pull(id, .next(1))
        case .pong(let peer): scene.pong(peer)
        case .register(let peer): scene.register(peer, "Provider")
        case .expect: scene.expect()
        case .expectationFailed: scene.expectationFailed()
        case .startFailed: scene.startFailed()
        case .initializationFailed: scene.startFailed("no licence", reason: .initializationFailed)
        case .unregister: scene.unregister()
        case .advance: scene.advance()
        case .openLane(let lane): scene.openLane(lane)
        case .loseLane(let lane): scene.loseLane(lane)
        }
    }
}
