import CIM

extension BrokerCore {
    // MARK: - What is overdue

    /// Ends an operation whose time has passed, in whichever way; else says when to look again.
    mutating func review(_ id: OperationID) {
        expirePulls(of: id)
        closeGroups(of: id)
        settle(id)
        // What was due before may have ended it.
        guard let operation = operations[id] else { return }
        if operation.state == .ended {
            if let expires = operation.expires, expires <= now { return expire(id) }
            return reschedule(id)
        }
        if operation.outcome == nil, let deadline = operation.deadline, deadline <= now {
            conclude(id, .because(.deadlinePassed), discarding: false)
        } else if let awaited = operation.awaited {
            review(awaited)
        } else if let since = waitsSince(operation), since + patience(operation) <= now {
            conclude(id, .because(.clientTooSlow), discarding: true)
        } else if let sink = operation.leg, let leg = legs[sink] {
            review(leg)
        } else if let limit = conductorsTime(operation), limit <= now {
            conclude(id, .stated(.failed, "the broker did not go on with it"), discarding: false)
        }
        reschedule(id)
    }

    private mutating func review(_ leg: Entry<Leg>) {
        if case .queued(let since) = leg.call {
            if since + limits.slotWait <= now { endLeg(leg.sink, .because(.noCallSlot)) }
            return
        }
        setAsideIfOverdue(leg)
        guard leg.withheld == 0 else { return }
        if let final = leg.final, let at = leg.finalAt {
            guard max(at, leg.heard) + limits.leakGrace <= now else { return }
            counters.leaks += 1
            registry[leg.registration]?.counters.leaks += 1
            note(.leak, peer: leg.peer, sink: leg.sink, "kept \(leg.ledger.references) references past its final status")
            endLeg(leg.sink, final)
        } else if !waitsForOthers(leg), leg.heard + silence(of: leg.registration) <= now {
            endLeg(leg.sink, .because(.providerSilent))
        }
    }

    /// A provider that waits for a nested operation of its own is not silent: that operation has limits too.
    private func waitsForOthers(_ leg: Entry<Leg>) -> Bool {
        operations[leg.operation]?.children.isEmpty == false
    }

    private mutating func reschedule(_ id: OperationID) {
        guard let operation = operations[id] else { return }
        var next: Microseconds?
        func at(_ moment: Microseconds) { next = min(next ?? moment, moment) }
        for pull in operation.pulls { at(pull.deadline) }
        if let expires = operation.expires { at(expires) }
        if operation.state != .ended {
            if operation.outcome == nil, let deadline = operation.deadline { at(deadline) }
            if let since = waitsSince(operation) { at(since + patience(operation)) }
            if operation.conductedAt != nil { at(conductorsTime(operation) ?? now + limits.silence) }
            // Its whole's time is limited.
            if operation.request.form == .part, operation.outcome != nil { at(now + limits.silence) }
            if let awaited = operation.awaited { at(registry[awaited]?.activation.limit ?? now) }
            if operation.request.target.isOfEvents, let ends = events.subscriptions[id]?.value.nextLook { at(ends) }
            if let leg = operation.leg.flatMap({ legs[$0] }) {
                if let slot = slots.slots[leg.sink], slot.isCounted {
                    at((slot.since + limits.overdueCall > now ? slot.since : now) + limits.overdueCall)
                }
                if case .queued(let since) = leg.call {
                    at(since + limits.slotWait)
                } else if leg.withheld == 0, let final = leg.finalAt {
                    at(max(final, leg.heard) + limits.leakGrace)
                } else if leg.withheld == 0, waitsForOthers(leg) {
                    at(now + silence(of: leg.registration))
                } else if leg.withheld == 0 {
                    at(leg.heard + silence(of: leg.registration))
                } else if operation.request.form == .part {
                    // Its conductor's time is limited.
                    at(now + silence(of: leg.registration))
                }
            }
        }
        if let next { agenda.schedule(.operation(id), at: next) }
    }

    // MARK: - Who is there

    /// Whether the peer, which has a private connection, is to be pinged by the bus, too, when it is pinged next.
    public mutating func usesBus(_ id: PeerID, _ uses: Bool) {
        began(.usesBus(id, uses))
        peers[id]?.usesBus = uses
    }

    /// The outstanding ping was answered: the peer is alive, and what was sent before the ping is read.
    public mutating func pingAnswered(by id: PeerID) {
        began(.pingAnswered(id))
        // The end of the peer was faster, or the lane by which it was asked is gone.
        guard let peer = peers[id], peer.pingedAt != nil else { return }
        peers[id]?.pingedAt = nil
        endPing(of: peer)
        leaveExhaustedLanes()
        hear(id)
        if let read = peers[id]?.reads.answered(), read > 0 {
            refundReply(read, uid: peer.uid)
            creditReturned(to: peer.uid, by: id)
        }
        flushProgress(to: id)
        askIfUnread(id)
    }

    /// The peer said something: it is there, and may have read what it was sent. What one said that is gone is nothing.
    mutating func hear(_ id: PeerID) {
        guard let (uid, liveness, read) = peers[id]?.value.spoke(at: now) else { return }
        if read > 0 {
            refundReply(read, uid: uid)
            creditReturned(to: uid, by: id)
            flushProgress(to: id)
        }
        guard liveness != .responsive else { return }
        become(id, .responsive)
        if liveness == .unresponsive {
            note(.responsive, peer: id, "answers again")
            for registration in (peers[id]?.registrations ?? []).sorted() { effects.append(.registrationChanged(registration)) }
        }
        tellOfLostReplies(id)
        callWaiting()
    }

    /// A call was abandoned unanswered: a ping, and no new calls until the provider says something (Design 3).
    mutating func suspect(_ id: PeerID) {
        guard peers[id]?.liveness == .responsive else { return }
        become(id, .asked)
        ping(id)
    }

    /// Sends a ping unless one is out.
    mutating func ping(_ id: PeerID) {
        guard let peer = peers[id] else { return bug("peer \(id.number) is gone, and is asked") }
        guard peer.pingedAt == nil, !peer.isGone else { return }
        var lane = LaneID.own
        if !peer.usesBus {
            peers[id]?.reads.pinged = peer.reads.sent
        } else if pings.hasRoom(for: peer.uid, limits: limits) {
            pings.sent(uid: peer.uid)
            peers[id]?.pingIsCounted = true
            // Only on the lane by which it was sent the rest, the answer says that the rest is read.
            peers[id]?.reads.pinged = peer.reads.sent
        } else {
            let room = slots.roomBeside(below: limits.calls, limits)
            guard case .lane(let other) = room else {
                if room == .needsLane { effects.append(.openLane(slots.addLane())) }
                peers[id]?.wantsPing = true
                return agenda.schedule(.peer(id), at: now + .seconds(1))
            }
            slots.pinged(id, by: other)
            lane = other
        }
        peers[id]?.wantsPing = false
        peers[id]?.pingedAt = now
        agenda.schedule(.peer(id), at: now + pingLimit(of: id) / 2)
        effects.append(.ping(id, lane))
    }

    /// The peer's ping was answered, or nobody is left to answer it.
    mutating func endPing(of peer: Entry<Peer>) {
        guard peer.pingedAt != nil, !slots.pingEnded(of: peer.id), peer.pingIsCounted else { return }
        peers[peer.id]?.pingIsCounted = false
        pings.answered(uid: peer.uid)
    }

    /// The broker gave `peer` what it waited for: only now can a missed ping say something about it.
    mutating func restartPing(_ id: PeerID) {
        if peers[id]?.pingedAt != nil { peers[id]?.pingedAt = now }
    }

    func pingLimit(of id: PeerID) -> Microseconds {
        guard let registrations = peers[id]?.registrations, !registrations.isEmpty else { return limits.ping }
        return registrations.reduce(0) { max($0, registry[$1]?.ping ?? 0) }
    }

    /// Looks at a peer that holds sinks, or that calls wait for: after half of the ping's time in quiet it is asked, after the other half
    /// it counts as vanished for those operations (L8).
    mutating func judge(_ id: PeerID) {
        tellOfLostReplies(id)
        guard let peer = peers[id] else { return bug("peer \(id.number) is gone, and is judged") }
        if peer.wantsPing { ping(id) }
        let waits = peer.calls.isWaiting || peer.liveness == .asked
        guard waits || peer.sinks.contains(where: { legs[$0]?.ledger.isHeld(by: id) == true }) else { return }
        let half = max(1, pingLimit(of: id) / 2)
        guard let pinged = peers[id]?.pingedAt else {
            if peer.heard + half <= now || peer.liveness == .asked { ping(id) }
            return agenda.schedule(.peer(id), at: max(peer.heard, now - half) + half + (peer.heard + half <= now ? half : 0))
        }
        let quietSince = max(pinged, peer.heard)
        guard quietSince + half <= now else { return agenda.schedule(.peer(id), at: quietSince + half) }
        if let sink = innermostReentrantCall(of: id) {
            endLeg(sink, .because(.notReentrant))
            peers[id]?.pingedAt = now
            return agenda.schedule(.peer(id), at: now + half)
        }
        if peer.owed > 0 {
            peers[id]?.pingedAt = now
            return agenda.schedule(.peer(id), at: now + half)
        }
        guard peer.probedAt == nil else { return }
        peers[id]?.probedAt = now
        effects.append(.probe(id))
    }

    /// The bus answered, behind everything that it had to deliver. A peer that it had brought nothing of by then has missed its ping (L8); unless
    /// the bus was so far behind that the ping itself may just have got there: then its time starts again.
    /// - Parameter ran: whether the peer's process has used the processor since it was pinged. One that works is busy, not stopped: many D-Bus
    ///   libraries answer nothing while a method runs. What it works on has the limit of silence.
    public mutating func probeAnswered(for id: PeerID, ran: Bool) {
        began(.probeAnswered(id, ran: ran))
        // The end of the peer was faster.
        guard let peer = peers[id], let probed = peer.probedAt else { return }
        peers[id]?.probedAt = nil
        guard let pinged = peer.pingedAt, max(pinged, peer.heard) + max(1, pingLimit(of: id) / 2) <= now, peer.owed == 0 else {
            judge(id)
            return
        }
        if now - probed > limits.busDelay || ran {
            peers[id]?.pingedAt = now
            agenda.schedule(.peer(id), at: now + pingLimit(of: id) / 2)
        } else {
            missedPing(id)
        }
    }

    private mutating func missedPing(_ id: PeerID) {
        if let peer = peers[id], peer.liveness != .unresponsive {
            become(id, .unresponsive)
            slots.missed(id)
            note(.unresponsive, peer: id, "did not answer a ping")
            for registration in peer.registrations.sorted() { effects.append(.registrationChanged(registration)) }
        }
        drop(id, because: .providerUnresponsive)
        leaveExhaustedLanes()
        callWaiting()
    }

    /// The deepest unanswered call to a peer that waits, further out in the same tree, for this very call (L12). One whose
    /// sink was used is one that is served, whoever it waits for.
    private func innermostReentrantCall(of id: PeerID) -> SinkID? {
        var found: (sink: SinkID, depth: Int)?
        for sink in (peers[id]?.sinks ?? []).sorted() {
            guard let leg = legs[sink], leg.peer == id, leg.call == .called, !leg.isUsed, let operation = operations[leg.operation] else {
                continue
            }
            var ancestor = operation.parent
            var isReentrant = false
            while let up = ancestor, let outer = operations[up], !isReentrant {
                isReentrant = holds(id, up)
                ancestor = outer.parent
            }
            if isReentrant, operation.depth > (found?.depth ?? 0) { found = (sink, operation.depth) }
        }
        return found?.sink
    }
}
