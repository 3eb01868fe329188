import CIM

/// Everything that is told to a ``BrokerCore``, as a value: what a trace consists of. The same events at the same moments give the same
/// effects, so that a trace of a failure replays in a test.
public enum CoreEvent: Hashable, Sendable, Codable {
    case peerAppeared(PeerID, uid: UInt32, pid: UInt32?)
    case heard(PeerID, reading: UInt64)
    case peerVanished(PeerID)
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

    case beginPart(OperationID, Request.Kind, Request.Target)
    case consumed(OperationID)
    case supply(OperationID, Batch, CallID)
    case conducted(OperationID, Outcome)

    case answered(SinkID, Answer)
    case refusal(SinkID, PeerID)
    case indicate(SinkID, PeerID, Batch, CallID?)
    case misfit(SinkID, PeerID, String, Explanation.Reason)
    case setStatus(SinkID, PeerID, Status)
    case addRef(SinkID, PeerID)
    case release(SinkID, PeerID)
    case transfer(SinkID, from: PeerID, to: PeerID)

    case register(PeerID, namespace: String, name: String, user: UInt32?, silence: Microseconds?, ping: Microseconds?)
    case unregister(PeerID, namespace: String, name: String)
    case define(namespace: String, name: String, user: UInt32?, uid: UInt32, Registration.Terms)
    case undefine(RegistrationID)
    case expect(RegistrationID)
    case expectationFailed(RegistrationID)
    case startFailed(RegistrationID, String, Explanation.Reason)
    case load(RegistrationID)
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
    /// An event begins: time goes on, and the event is noted if a trace is kept.
    mutating func began(_ event: @autoclosure () -> CoreEvent, at moment: Microseconds) {
        now = moment
        trace?.append(TracedEvent(at: moment, event: event()))
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
        let at = traced.at
        switch traced.event {
        case .peerAppeared(let peer, let uid, let pid):
            peerAppeared(peer, uid: uid, pid: pid, at: at)
            return []
        case .heard(let peer, let reading): return heard(from: peer, reading: reading, at: at)
        case .peerVanished(let peer): return peerVanished(peer, at: at)
        case .pingAnswered(let peer): return pingAnswered(by: peer, at: at)
        case .probeAnswered(let peer, let ran): return probeAnswered(for: peer, ran: ran, at: at)
        case .laneOpened(let lane): return laneOpened(lane, at: at)
        case .laneLost(let lane, let text): return laneLost(lane, text, at: at)
        case .sent(let bytes, let peer): return sent(bytes, to: peer, at: at)
        case .shutDown: return shutDown(at: at)
        case .advance: return advance(to: at)
        case .begin(let request): return (try? begin(request, at: at))?.1 ?? []
        case .cancelSink(let sink, let peer): return cancelSink(sink, of: peer, at: at)
        case .cancel(let id): return cancel(id, at: at)
        case .fail(let id, let status, let text): return fail(id, status, text, at: at)
        case .close(let id): return close(id, at: at)
        case .acknowledge(let sink, let peer, let batches): return acknowledge(sink, of: peer, batches: batches, at: at)
        case .pull(let id, let peer, let kind, let timeout, let call):
            return (try? pull(id, by: peer, kind, timeout: timeout, call: call, at: at)) ?? []
        case .beginPart(let whole, let kind, let target): return (try? beginPart(of: whole, kind: kind, target: target, at: at))?.1 ?? []
        case .consumed(let id): return consumed(id, at: at)
        case .supply(let id, let batch, let call): return supply(id, batch, call: call, at: at)
        case .conducted(let id, let outcome): return conducted(id, outcome, at: at)
        case .answered(let sink, let answer): return answered(sink, answer, at: at)
        case .refusal(let sink, let peer): return refusal(on: sink, by: peer, at: at).effects
        case .indicate(let sink, let peer, let batch, let call): return indicate(sink, by: peer, batch, call: call, at: at)
        case .misfit(let sink, let peer, let text, let reason): return misfit(sink, by: peer, text, reason, at: at)
        case .setStatus(let sink, let peer, let status): return setStatus(sink, by: peer, status, at: at).effects
        case .addRef(let sink, let peer): return addRef(sink, by: peer, at: at).1
        case .release(let sink, let peer): return release(sink, by: peer, at: at).1
        case .transfer(let sink, let peer, let other): return transfer(sink, from: peer, to: other, at: at).1
        case .register(let peer, let namespace, let name, let user, let silence, let ping):
            return (try? register(peer, namespace: namespace, name: name, user: user, silence: silence, ping: ping, at: at))?.1 ?? []
        case .unregister(let peer, let namespace, let name):
            return (try? unregister(peer, namespace: namespace, name: name, at: at)) ?? []
        case .define(let namespace, let name, let user, let uid, let terms):
            _ = define(namespace: namespace, name: name, user: user, uid: uid, terms: terms)
            return []
        case .undefine(let id): return undefine(id, at: at).1
        case .expect(let id): return expect(id, at: at)
        case .expectationFailed(let id): return expectationFailed(id, at: at)
        case .startFailed(let id, let text, let reason): return startFailed(id, text, reason: reason, at: at)
        case .load(let id): return (try? load(id, at: at)) ?? []
        case .suspend(let id): return suspend(id)
        case .resume(let id): return resume(id)
        }
    }
}
