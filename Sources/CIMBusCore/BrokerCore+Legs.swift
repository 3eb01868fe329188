import CIM

/// What a provider's call came back with.
public enum Answer: Hashable, Sendable, Codable {
    /// The contract's `(hresult, references, objects)`.
    case result(WBEMStatus, references: UInt32, objects: Batch?)
    /// A D-Bus error, or a reply that is not the contract's: it counts as an error result.
    case failure(Outcome)
    /// None: the call could not be sent, or the bus says that no answer comes. It counts as an error result, and the provider said nothing.
    case unanswered(Outcome)
}

extension BrokerCore {
    // MARK: - Calling

    /// The operation asks its provider: of one that each user has for themselves, the caller's own.
    mutating func openLeg(_ id: OperationID, _ named: RegistrationID) {
        guard let client = operations[id]?.request.client else { return bug("operation \(id.number) is gone, and asks") }
        // The registration may have gone since the broker found it.
        guard let isShared = registry[named].map({ $0.terms.isPerUser && $0.user == nil }) else {
            return conclude(id, .because(.notRunning), discarding: false)
        }
        var registration = named
        if isShared, let shared = registry[named] {
            let uid = peers[client]?.uid
            guard let own = uid.flatMap({ registry.find(namespace: shared.namespace, name: shared.name, user: $0) }) else {
                return conclude(id, .because(.noRegistrationOfUser, text: uid.map { "uid \($0)" } ?? ""), discarding: false)
            }
            registration = own.id
        }
        registry[registration]?.counters.operations += 1
        operations[id]?.registration = registration
        call(id, registration)
    }

    /// Calls the registration's process as soon as a call slot is free; where there is none, it is waited for.
    mutating func call(_ id: OperationID, _ registrationID: RegistrationID) {
        // Nothing of them is held on to while they are changed: they would be copied.
        guard let (isNested, origin) = operations[id].map({ ($0.isNested, $0.origin) }),
            let (process, isSuspended) = registry[registrationID].map({ ($0.peer, $0.isSuspended) })
        else { return bug("operation \(id.number), or registration \(registrationID.number) that it calls, is gone") }
        guard let provider = process else { return awaitProvider(id, registrationID) }
        guard let liveness = peers[provider]?.liveness else {
            bug("peer \(provider.number) is gone, and serves registration \(registrationID.number)")
            return awaitProvider(id, registrationID)
        }
        guard !isSuspended else { return conclude(id, .because(.suspended), discarding: false) }
        guard liveness != .unresponsive else { return conclude(id, .because(.providerUnresponsive), discarding: false) }
        lastSink += 1
        let sink = SinkID(lastSink)
        legs[sink] = Entry(
            Leg(
                sink: sink, operation: id, registration: registrationID, peer: provider, nested: isNested,
                client: origin, call: .queued(since: now), heard: now))
        take(nil, Leg.Call.Kind.queued)
        operations[id]?.leg = sink
        registry[registrationID]?.open.insert(sink)
        if let lane = laneNow(for: sink) { return call(sink, by: lane) }
        let ahead = peers[provider]?.calls.waitingCount ?? 0
        record(.waitsForCall(registrationID, ahead: ahead), id)
        peers[provider]?.calls.wait(sink, of: origin, isNested: isNested)
        slots.waiting.insert(provider)
        if peers[provider]?.calls.waits(of: origin) == 1 { hurryClients(of: provider, besides: origin) }
        agenda.schedule(.operation(id), at: now + limits.slotWait)
        agenda.schedule(.peer(provider), at: now + pingLimit(of: provider) / 2)
    }

    /// The lane by which the call may go out now; nil: it waits.
    private mutating func laneNow(for sink: SinkID) -> LaneID? {
        guard let leg = legs[sink], let peer = peers[leg.peer] else {
            bug("sink \(sink.number), or the peer that it waits for, is gone")
            return nil
        }
        guard peer.liveness == .responsive, leg.nested || isNext(sink, leg, peer) else { return nil }
        switch slots.room(for: leg.peer, uid: peer.uid, nested: leg.nested, isPrivate: isPrivate(sink), limits: limits) {
        case .lane(let lane): return lane
        case .needsLane:
            effects.append(.openLane(slots.addLane()))
            return nil
        case .none: return nil
        }
    }

    /// Whether a plain call waits for no other: neither for one of its user's own, nor for one of a user whose turn it is.
    private func isNext(_ sink: SinkID, _ leg: Entry<Leg>, _ peer: Entry<Peer>) -> Bool {
        guard taken(by: leg.client, sink, peer) != nil else { return false }
        return nextPlain(of: peer).map { $0 == sink } ?? true
    }

    private func nextPlain(of peer: Entry<Peer>) -> SinkID? {
        peer.calls.nextPlain { taken(by: $0, $1, peer) }
    }

    private func taken(by client: UInt32, _ sink: SinkID, _ peer: Entry<Peer>) -> Int? {
        slots.taken(by: client, at: peer.id, of: peer.uid, isPrivate: isPrivate(sink), limits)
    }

    private func isPrivate(_ sink: SinkID) -> Bool { legs[sink].flatMap { registry[$0.registration]?.isPrivate } == true }

    private mutating func call(_ sink: SinkID, by lane: LaneID) {
        guard let (id, provider, registration, client) = legs[sink].map({ ($0.operation, $0.peer, $0.registration, $0.client) }),
            let uid = peers[provider]?.uid
        else { return bug("sink \(sink.number) is called, and is gone") }
        slots.take(sink, lane, peer: provider, uid: uid, client: client, at: now)
        become(sink, .called)
        legs[sink]?.value.wasCalled(at: now)
        peers[provider]?.value.wasCalled(sink, at: now)
        become(id, .running)
        if let kind = operations[id]?.request.kind { registry[registration]?.calls.count(kind) }
        agenda.schedule(.operation(id), at: now + min(limits.overdueCall, silence(of: registration)))
        agenda.schedule(.peer(provider), at: now + pingLimit(of: provider) / 2)
        effects.append(.call(sink))
        record(.called(registration, provider), id)
        giveBackInput(of: id)
    }

    /// Sends what waits for a slot, peer by peer in the order of their ids. Of a peer's calls the user's who has the fewest goes first, and each
    /// user's go in order (L13). A nested call is never held up by one that waits before it (L12).
    mutating func callWaiting() {
        guard !slots.waiting.isEmpty else { return }
        let isFull = slots.isFull(limits)
        for id in slots.waiting.sorted() where !isFull || servesPrivately(id) {
            while let (sink, lane) = nextCall(of: id) {
                stopWaiting(sink, at: id)
                call(sink, by: lane)
            }
        }
    }

    private func servesPrivately(_ id: PeerID) -> Bool { peers[id]?.registrations.contains { registry[$0]?.isPrivate == true } ?? false }

    private mutating func nextCall(of id: PeerID) -> (SinkID, LaneID)? {
        guard let peer = peers[id] else { return nil }
        // In the order in which they came.
        for sink in [nextPlain(of: peer), peer.calls.nextNested].compactMap({ $0 }).sorted() {
            if let lane = laneNow(for: sink) { return (sink, lane) }
        }
        return nil
    }

    /// The call goes out, or never will.
    private mutating func stopWaiting(_ sink: SinkID, at id: PeerID) {
        peers[id]?.calls.leave(sink)
        if peers[id]?.calls.isWaiting != true { slots.waiting.remove(id) }
    }

    /// An unanswered call was answered, or nobody is left to answer it.
    @discardableResult
    mutating func freeSlot(_ sink: SinkID) -> PeerID? {
        guard let slot = slots.free(sink) else { return nil }
        if slot.isLost { peers[slot.peer]?.calls.abandoned[sink] = nil }
        return slot.peer
    }

    /// By which lane an unanswered call went out.
    public func lane(of sink: SinkID) -> LaneID { slots.slots[sink]?.lane ?? .own }

    // MARK: - The provider's answer

    /// The provider answered its call (L2).
    public mutating func answered(_ sink: SinkID, _ answer: Answer) {
        began(.answered(sink, answer))
        let lost = lostCall(sink)
        // The end of the provider was faster, or the lane was left.
        guard let provider = freeSlot(sink) else {
            discard(answer)
            return
        }
        if let lost { found(lost) }
        if case .unanswered = answer {} else { hear(provider) }
        let known = legs[sink].map { ($0.operation, $0.ledger.caller) }
        if known != nil { become(sink, .answered) }
        // A peer that was dropped meanwhile (L8) holds nothing, and its answer changes nothing, although others may hold the sink.
        if let (operation, caller) = known, caller == provider {
            legs[sink]?.heard = now
            switch answer {
            case .failure(let outcome), .unanswered(let outcome): fail(sink, outcome)
            case .result(let status, _, let objects) where !status.isSuccess:
                discard(objects?.payload)
                fail(sink, Outcome(status))
            case .result(let status, let references, let objects):
                if let objects { acceptWithAnswer(objects, sink) }
                if legs[sink]?.ledger.answer(keeping: Int(references)) == false {
                    countViolation(sink, provider, "gave back more references than it had")
                }
                let kept = legs[sink]?.ledger.references ?? 0
                record(.answered(references: kept), operation)
                settle(sink, unreported: Outcome(status))
            }
        } else {
            discard(answer)
        }
        leaveExhaustedLanes()
        callWaiting()
    }

    private mutating func discard(_ answer: Answer) {
        switch answer {
        case .failure(let outcome), .unanswered(let outcome): discard(outcome.object)
        case .result(_, _, let objects): discard(objects?.payload)
        }
    }

    /// An error result drops everything the called peer holds.
    mutating func fail(_ sink: SinkID, _ outcome: Outcome) {
        guard let (peer, isFinal) = legs[sink].map({ ($0.peer, $0.final != nil) }) else {
            return bug("sink \(sink.number) is gone, and fails")
        }
        legs[sink]?.ledger.releaseAll(heldBy: peer)
        if isFinal || legs[sink]?.ledger.isHeld == true { discard(outcome.object) }
        settle(sink, unreported: outcome)
    }

    private mutating func acceptWithAnswer(_ batch: Batch, _ sink: SinkID) {
        guard let (id, peer, isFinal, failure) = legs[sink].map({ ($0.operation, $0.peer, $0.final != nil, tooMany(batch, for: $0)) })
        else {
            return bug("sink \(sink.number) is gone, and has objects")
        }
        if isFinal {
            effects.append(.discard(batch.payload))
            return countViolation(sink, peer, "returned objects after its final status")
        }
        if let failure {
            effects.append(.discard(batch.payload))
            countViolation(sink, peer, failure.explanation?.text ?? "")
            return endLeg(sink, failure)
        }
        legs[sink]?.objects += batch.sizes.count
        accept(batch, for: id, call: nil, sink: sink, peer: peer)
    }

    /// `GetObject` and a method have one object at most.
    func tooMany(_ batch: Batch, for leg: Entry<Leg>) -> Outcome? {
        guard let kind = operations[leg.operation]?.request.kind, kind == .getObject || kind == .execMethod else { return nil }
        guard leg.objects + batch.sizes.count > 1 else { return nil }
        return .because(.wrongObjectCount, text: "\(kind.rawValue) was given more than one object")
    }

    // MARK: - The end of a leg

    /// After every change of the ledger: a leg is over when its final status is known and nobody holds the sink (L4; R80, R81).
    mutating func settle(_ sink: SinkID, unreported: @autoclosure () -> Outcome) {
        // It may have ended already: with its parent, or with what came in the same answer.
        guard let (id, call, references, final) = legs[sink].map({ ($0.operation, $0.call.kind, $0.ledger.references, $0.final) }),
            call != .queued
        else { return }
        if references > 0 {
            guard final != nil else { return }
            if operations[id]?.state == .running { record(.held(references: references), id) }
            become(id, .statusSeen)
            agenda.schedule(.operation(id), at: now + limits.leakGrace)
            return
        }
        endLeg(sink, final ?? unreported())
    }

    /// The leg has its result, and with it the operation.
    mutating func endLeg(_ sink: SinkID, _ outcome: Outcome) {
        // It may have ended with another, of the same provider.
        guard
            let (id, registration, peer, objects, final) = legs[sink].map({
                ($0.operation, $0.registration, $0.peer, $0.objects, $0.final?.object)
            })
        else { return }
        guard let kind = operations[id]?.request.kind else { return bug("sink \(sink.number) is of no operation") }
        var outcome = outcome
        if outcome.explanation == nil { proved(registration) }
        if outcome.status.isSuccess, kind == .getObject, objects != 1 {
            discard(outcome.object, unless: final)
            outcome = .because(.wrongObjectCount, text: "GetObject succeeded with \(objects) objects")
        }
        if outcome.explanation != nil, outcome.explanation?.pid == nil {
            outcome.explanation?.registration = registration
            outcome.explanation?.pid = peers[peer]?.pid ?? registry[registration]?.pid
        }
        conclude(id, outcome, discarding: false)
    }

    /// Nothing about this sink matters any more: the ledger is emptied, and a provider that still works on it is told (L9).
    mutating func closeLeg(_ sink: SinkID) {
        guard let leg = legs.removeValue(forKey: sink) else { return bug("sink \(sink.number) is over twice") }
        take(leg.call.kind, nil)
        guard let kind = operations[leg.operation]?.request.kind else { return bug("sink \(sink.number) is of no operation") }
        operations[leg.operation]?.leg = nil
        registry[leg.registration]?.open.remove(sink)
        // The last of a provider that has gone: what is left of its registration may go, too.
        if let known = registry[leg.registration], known.peer == nil, known.open.isEmpty {
            effects.append(.registrationChanged(leg.registration))
        }
        for owner in leg.ledger.everyOwner { peers[owner]?.sinks.remove(sink) }
        switch leg.call {
        case .queued:
            stopWaiting(sink, at: leg.peer)
        case .called:
            if slots.lose(sink, .init(registration: leg.registration, kind: kind)) {
                // The bus remembers it until it is answered. It holds up no other call, once the provider has shown that it is there.
                peers[leg.peer]?.calls.abandoned[sink] = false
                suspect(leg.peer)
                agenda.schedule(.peer(leg.peer), at: now + limits.lostReply)
            } else {
                bug("sink \(sink.number) is unanswered, and has no slot")
            }
            if isThere(leg.peer) { effects.append(.cancelCall(sink, leg.peer, leg.registration)) }
        case .answered:
            if leg.ledger.isHeld, isThere(leg.peer) { effects.append(.cancelCall(sink, leg.peer, leg.registration)) }
        }
    }

    /// A peer that died, or does not answer, holds nothing any more (L6, L8).
    mutating func drop(_ id: PeerID, because reason: Explanation.Reason) {
        guard let peer = peers[id] else { return bug("peer \(id.number) is dropped, and is gone") }
        for sink in peer.calls.waiting { endLeg(sink, .because(reason)) }
        for sink in peer.sinks.sorted() {
            legs[sink]?.ledger.releaseAll(heldBy: id)
            if legs[sink]?.peer == id, legs[sink]?.call == .called, reason == .providerVanished { become(sink, .answered) }
            settle(sink, unreported: .because(reason))
        }
    }

    private func isThere(_ id: PeerID) -> Bool { peers[id].map { !$0.isGone } ?? false }

    func silence(of registration: RegistrationID) -> Microseconds { registry[registration]?.silence ?? limits.silence }
}
