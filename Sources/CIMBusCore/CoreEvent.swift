import CIM

/// Everything that is told to a ``BrokerCore``, as a value: what a trace consists of. The same events at the same moments give the same
/// effects, so that a trace of a failure replays in a test.
public enum CoreEvent: Hashable, Sendable, Codable {
    case peerAppeared(PeerID, uid: UInt32, pid: UInt32?)
    case heard(PeerID, reading: UInt64)
    case peerVanished(PeerID)
    case usesBus(PeerID, Bool)
    case pingAnswered(PeerID)
    case probeAnswered(PeerID, ran: Bool)
    case laneOpened(LaneID)
    case laneLost(LaneID, String)
    case sent(Int, to: PeerID)
    case shutDown
    case advance

    case begin(Request)
    case cancelSink(String, PeerID)
    case cancel(OperationID)
    case fail(OperationID, WBEMStatus, String)
    case close(OperationID)
    case acknowledge(String, PeerID, batches: UInt32)
    case pull(OperationID, PeerID, BrokerCore.PullKind, timeout: Int32, CallID)

    case beginPart(OperationID, Int?, Request.Kind, Request.Target, inputBytes: Int)
    case join(OperationID, Join)
    case partEnded(OperationID, Int, Outcome)
    case supplyFrom(OperationID, Batch, OperationID?)
    case consumed(OperationID)
    case supply(OperationID, Batch, CallID)
    case conducted(OperationID, Outcome)

    case openSource(PeerID, RegistrationID, asksAccess: Bool, isTold: Bool)
    case closeSource(EventSourceID)
    case listen(OperationID, [EventSourceID])
    case accessAnswered(EventSourceID, OperationID, isGranted: Bool)
    case watch(OperationID, [Poll.Subject], every: Microseconds)
    case looked(PollID, LookID, bytes: Int)
    case lookFailed(PollID, LookID, WBEMStatus, String)
    case startTimer(TimerID, after: Microseconds, every: Microseconds?, skipsPassed: Bool)
    case stopTimer(TimerID)
    case raise([Raised], EventSourceID?)
    case raiseAggregate(Raised)
    case sourceLost(EventSourceID, UInt64)
    case queryHeard(EventSourceID, OperationID)

    case answered(SinkID, Answer)
    case checkUse(SinkID, PeerID)
    case indicate(SinkID, PeerID, Batch, CallID?)
    case misfit(SinkID, PeerID, String, Explanation.Reason)
    case setStatus(SinkID, PeerID, Status)
    case addRef(SinkID, PeerID)
    case release(SinkID, PeerID)
    case transfer(SinkID, from: PeerID, to: PeerID)

    case register(PeerID, namespace: String, name: String, user: UInt32?, silence: Microseconds?, ping: Microseconds?, isPrivate: Bool)
    case unregister(PeerID, namespace: String, name: String)
    case define(namespace: String, name: String, user: UInt32?, uid: UInt32, Registration.Terms)
    case undefine(RegistrationID)
    case expect(RegistrationID)
    case expectationFailed(RegistrationID)
    case startFailed(RegistrationID, String, Explanation.Reason)
    case load(RegistrationID)
    case want(RegistrationID, Bool)
    case suspend(RegistrationID)
    case resume(RegistrationID)
}

/// An event, and when it happened.
public struct TracedEvent: Hashable, Sendable, Codable {
    public var at: Microseconds
    public var event: CoreEvent

    public init(at: Microseconds, event: CoreEvent) {
        self.at = at
        self.event = event
    }
}

extension BrokerCore {
    /// An event begins: it is noted if a trace is kept.
    mutating func began(_ event: @autoclosure () -> CoreEvent) {
        trace?.append(TracedEvent(at: now, event: event()))
    }

    /// What was traced since the last time; nothing unless ``trace`` was set.
    public mutating func takeTrace() -> [TracedEvent] {
        guard let events = trace, !events.isEmpty else { return [] }
        trace = []
        return events
    }

    /// Tells the core once more what it was told. What the event was refused with is left out.
    @discardableResult
    public mutating func replay(_ traced: TracedEvent) -> [Effect] {
        now = traced.at
        switch traced.event {
        case .peerAppeared(let peer, let uid, let pid):
            peerAppeared(peer, uid: uid, pid: pid)
        case .heard(let peer, let reading): heard(from: peer, reading: reading)
        case .peerVanished(let peer): peerVanished(peer)
        case .usesBus(let peer, let uses): usesBus(peer, uses)
        case .pingAnswered(let peer): pingAnswered(by: peer)
        case .probeAnswered(let peer, let ran): probeAnswered(for: peer, ran: ran)
        case .laneOpened(let lane): laneOpened(lane)
        case .laneLost(let lane, let text): laneLost(lane, text)
        case .sent(let bytes, let peer): sent(bytes, to: peer)
        case .shutDown: shutDown()
        case .advance: advance()
        case .begin(let request): _ = try? begin(request)
        case .cancelSink(let sink, let peer): cancelSink(sink, of: peer)
        case .cancel(let id): cancel(id)
        case .fail(let id, let status, let text): fail(id, status, text)
        case .close(let id): close(id)
        case .acknowledge(let sink, let peer, let batches): acknowledge(sink, of: peer, batches: batches)
        case .pull(let id, let peer, let kind, let timeout, let call):
            try? pull(id, by: peer, kind, timeout: timeout, call: call)
        case .beginPart(let whole, let index, let kind, let target, let inputBytes):
            _ = try? beginPart(of: whole, index: index, kind: kind, target: target, inputBytes: inputBytes)
        case .join(let id, let join): conduct(id, by: join)
        case .partEnded(let whole, let index, let outcome): partEnded(whole, index, outcome)
        case .supplyFrom(let whole, let batch, let part): supply(whole, batch, from: part)
        case .consumed(let id): consumed(id)
        case .supply(let id, let batch, let call): supply(id, batch, call: call)
        case .conducted(let id, let outcome): conducted(id, outcome)
        case .openSource(let peer, let registration, let asksAccess, let isTold):
            _ = try? openSource(of: peer, registration, asksAccess: asksAccess, isTold: isTold)
        case .closeSource(let source): closeSource(source)
        case .listen(let id, let sources): listen(id, to: sources)
        case .accessAnswered(let source, let id, let isGranted): accessAnswered(source, id, isGranted: isGranted)
        case .watch(let id, let wanted, let interval): watch(id, wanted, every: interval)
        case .looked(let poll, let look, let bytes): looked(poll, look, bytes: bytes)
        case .lookFailed(let poll, let look, let status, let text): lookFailed(poll, look, status, text)
        case .startTimer(let id, let delay, let interval, let skips): startTimer(id, after: delay, every: interval, skipsPassed: skips)
        case .stopTimer(let id): stopTimer(id)
        case .raise(let events, let source): raise(events, from: source)
        case .raiseAggregate(let event): raiseAggregate(event)
        case .sourceLost(let source, let count): sourceLost(source, count)
        case .queryHeard(let source, let id): queryHeard(source, id)
        case .answered(let sink, let answer): answered(sink, answer)
        case .checkUse(let sink, let peer): _ = checkUse(of: sink, by: peer)
        case .indicate(let sink, let peer, let batch, let call): indicate(sink, by: peer, batch, call: call)
        case .misfit(let sink, let peer, let text, let reason): misfit(sink, by: peer, text, reason)
        case .setStatus(let sink, let peer, let status): _ = setStatus(sink, by: peer, status)
        case .addRef(let sink, let peer): _ = addRef(sink, by: peer)
        case .release(let sink, let peer): _ = release(sink, by: peer)
        case .transfer(let sink, let peer, let other): _ = transfer(sink, from: peer, to: other)
        case .register(let peer, let namespace, let name, let user, let silence, let ping, let isPrivate):
            _ = try? register(peer, namespace: namespace, name: name, user: user, silence: silence, ping: ping, isPrivate: isPrivate)
        case .unregister(let peer, let namespace, let name):
            try? unregister(peer, namespace: namespace, name: name)
        case .define(let namespace, let name, let user, let uid, let terms):
            _ = define(namespace: namespace, name: name, user: user, uid: uid, terms: terms)
        case .undefine(let id): _ = undefine(id)
        case .expect(let id): expect(id)
        case .expectationFailed(let id): expectationFailed(id)
        case .startFailed(let id, let text, let reason): startFailed(id, text, reason: reason)
        case .load(let id): try? load(id)
        case .want(let id, let isWanted): want(id, isWanted)
        case .suspend(let id): suspend(id)
        case .resume(let id): resume(id)
        }
        return takeEffects()
    }
}
