import CIM

/// What becomes of calls that a provider does not answer while it goes on answering others: an exception that its library swallows, a value
/// that the library cannot marshal, a method that has no end. They are remembered, told of, and hold up nobody (L8).
extension BrokerCore {
    // MARK: - Calls that are long unanswered

    /// A call that somebody still waits for, and that the provider has not answered for long although it said other things since: it holds up
    /// no other call.
    mutating func setAsideIfOverdue(_ leg: Entry<Leg>) {
        guard case .called = leg.call, let slot = slots.slots[leg.sink], slot.isCounted, slot.since + limits.overdueCall <= now,
            let peer = peers[leg.peer], peer.liveness == .responsive, peer.heard > slot.since
        else { return }
        slots.setAside(leg.sink, limits)
    }

    // MARK: - Calls that nobody waits for

    /// Tells of the calls that the peer left unanswered, once they are old enough and it has shown since that it is there.
    mutating func tellOfLostReplies(_ id: PeerID) {
        guard let peer = peers[id], peer.liveness == .responsive, !peer.calls.abandoned.isEmpty else { return }
        for (sink, isTold) in peer.calls.abandoned.sorted(by: { $0.key < $1.key }) where !isTold {
            guard let slot = slots.slots[sink], let call = slot.call else {
                bug("sink \(sink.number) is lost, and has no slot")
                continue
            }
            guard slot.since + limits.lostReply <= now else {
                agenda.schedule(.peer(id), at: slot.since + limits.lostReply)
                continue
            }
            peers[id]?.calls.abandoned[sink] = true
            tell(id, call)
        }
    }

    private mutating func tell(_ peer: PeerID, _ call: CallSlots.Call) {
        counters.lostReplies += 1
        // The registration may have gone since, or have another process.
        guard let registration = registry[call.registration], registration.peer == peer else { return }
        let isFirst = registration.lost.isEmpty
        registry[call.registration]?.counters.lostReplies += 1
        registry[call.registration]?.lost[call.kind, default: 0] += 1
        var explanation = Explanation(.replyLost)
        explanation.registration = call.registration
        explanation.pid = registration.pid
        registry[call.registration]?.lastFailure = .init(status: .providerFailure, kind: call.kind, explanation: explanation)
        // One line for each kind; the counter has the rest.
        if registration.lost[call.kind] == nil {
            note(.lostReply, peer: peer, "left \(call.kind.rawValue)Async unanswered; every call must be answered, if only with a failure")
        }
        if isFirst { effects.append(.registrationChanged(call.registration)) }
    }

    /// What was told of a call that is unanswered; nil if nothing was.
    func lostCall(_ sink: SinkID) -> CallSlots.Call? {
        guard let slot = slots.slots[sink], peers[slot.peer]?.calls.abandoned[sink] == true else { return nil }
        return slot.call
    }

    /// A call that was told of as lost was answered after all.
    mutating func found(_ call: CallSlots.Call) {
        // A new process of the registration has lost none.
        guard let count = registry[call.registration]?.lost[call.kind] else { return }
        registry[call.registration]?.lost[call.kind] = count > 1 ? count - 1 : nil
        if registry[call.registration]?.lost.isEmpty == true { effects.append(.registrationChanged(call.registration)) }
    }

    // MARK: - Lanes

    /// The lanes, but for the broker's own, by which calls to the peer went out that are unanswered.
    public func lanes(of peer: PeerID) -> [LaneID] {
        slots.lanes.count == 1 ? [] : Set(slots.unanswered(by: peer).map { lane(of: $0) }).subtracting([.own, .private]).sorted()
    }

    /// The broker has the connection that it was told to open; until then what needs it waits in line.
    public mutating func laneOpened(_ lane: LaneID) {
        began(.laneOpened(lane))
        slots.opened(lane)
    }

    /// A connection was lost: what went out by it is not answered any more.
    public mutating func laneLost(_ lane: LaneID, _ text: String) {
        began(.laneLost(lane, text))
        leave(lane, text)
    }

    /// Leaves the lanes that hold nothing but lost calls, so that the bus forgets them.
    mutating func leaveExhaustedLanes() {
        for lane in slots.exhausted(limits) {
            effects.append(.closeLane(lane))
            leave(lane, "the broker left the bus with the connection that called it")
        }
    }

    private mutating func leave(_ lane: LaneID, _ text: String) {
        let (calls, pinged) = slots.removeLane(lane)
        for sink in calls {
            // Now it never will be answered, however old it is.
            if let slot = slots.slots[sink], let call = slot.call, peers[slot.peer]?.calls.abandoned[sink] == false {
                tell(slot.peer, call)
            }
            freeSlot(sink)
            // Nobody waits for a lost one.
            guard let leg = legs[sink] else { continue }
            // Somebody waits for it still: the answer is lost, whatever it was.
            become(sink, .answered)
            if leg.ledger.caller == leg.peer { fail(sink, .because(.badAnswer, text: text)) }
        }
        for peer in pinged {
            peers[peer]?.pingedAt = nil
            peers[peer]?.wantsPing = true
            agenda.schedule(.peer(peer), at: now + .seconds(1))
        }
    }
}
