import CIM

extension BrokerCore {
    /// A client's request passes admission, or is refused and changes nothing (L1, A.5; R54 to R57).
    ///
    /// - Throws: what the D-Bus error reply will say.
    /// - Returns: the operation. The client learns of it before any of the effects.
    public mutating func begin(_ request: Request) throws(Refusal) -> OperationID {
        began(.begin(request))
        hear(request.client)
        let (uid, parent) = try admit(request)
        if request.target.isOfEvents { try admitSubscription(of: uid) }
        try makeRoomForResults(request.form, of: request.client)
        lastOperation += 1
        let id = OperationID(lastOperation)
        let origin = parent?.origin ?? uid
        operations[id] = Entry(
            Operation(
                id: id, request: request, startedAt: now, parent: parent?.id, depth: (parent?.depth ?? 0) + 1, origin: origin,
                deadline: request.timeout.map { later($0) }, isNested: parent != nil, state: .queued, index: nil))
        take(nil, Operation.State.queued)
        quota.open.charge(origin)
        takeInput(request.inputBytes, uid, for: id)
        openOperations += 1
        counters.operations += 1
        peers[request.client]?.operations.insert(id)
        if let parent { operations[parent.id]?.children.insert(id) }
        switch request.form {
        case .async(let sink): peers[request.client]?.clientSinks[sink] = id
        case .sync: peers[request.client]?.owed += 1
        case .semisync, .part: break
        }
        if let deadline = operations[id]?.deadline { agenda.schedule(.operation(id), at: deadline) }
        dispatch(id, to: request.target)
        return id
    }

    /// Whoever is to answer is asked.
    mutating func dispatch(_ id: OperationID, to target: Request.Target) {
        switch target {
        case .broker(let outcome, let answer):
            if let answer { accept(answer, for: id, call: nil, sink: nil, peer: nil) }
            conclude(id, outcome, discarding: false)
        case .provider(let registration): openLeg(id, registration)
        case .conducted:
            become(id, .running)
            effects.append(.conduct(id))
            touch(id)
        case .events(let terms):
            become(id, .running)
            subscribe(id, terms)
        }
    }

    /// The client's `CancelAsyncCall`: a silent no-op where nothing is open (L9).
    public mutating func cancelSink(_ sink: String, of peer: PeerID) {
        began(.cancelSink(sink, peer))
        hear(peer)
        guard let id = peers[peer]?.clientSinks[sink] else { return }
        conclude(id, .because(.cancelled), discarding: true)
    }

    /// One final status (CallCancelled) at once, without waiting for the provider (L9). A silent no-op after the end.
    public mutating func cancel(_ id: OperationID) {
        began(.cancel(id))
        conclude(id, .because(.cancelled), discarding: true)
    }

    /// Objects of an operation were lost on their way: it cannot end in success any more (L1).
    public mutating func fail(_ id: OperationID, _ status: WBEMStatus, _ text: String) {
        began(.fail(id, status, text))
        conclude(id, .stated(status, text), discarding: true)
    }

    /// The client is done with the results of a semisynchronous operation; if it is still open, that cancels it.
    public mutating func close(_ id: OperationID) {
        began(.close(id))
        // Its results may have expired.
        guard let operation = operations[id], operation.request.form == .semisync else { return }
        conclude(id, .because(.cancelled), discarding: true)
        expire(id)
    }

    // MARK: - The end

    /// Decides how an operation ends. The first decision stands; while accepted objects are still on their way to the client, a cancel or a
    /// client that is too slow replaces it, since those discard them (Design 3).
    mutating func conclude(_ id: OperationID, _ outcome: Outcome, discarding: Bool) {
        // Whoever decides second finds it ended, or gone.
        guard operations[id].map({ $0.state != .ended && ($0.outcome == nil || discarding) }) == true,
            let (explained, whole, sink, children) = operations[id].map({ (explained(outcome, $0), $0.parent, $0.leg, $0.children) })
        else { return }
        discardObjects(of: id, but: explained.object)
        abandonJoin(of: id)
        stopListening(id)
        operations[id]?.outcome = explained
        // What it has handed out by now, the conductor of its whole has its full time to take.
        if let whole { touch(whole) }
        become(id, .statusSeen)
        leaveWaiting(id)
        if let sink { closeLeg(sink) }
        if !children.isEmpty { for child in children.sorted() { conclude(child, .because(.parentEnded), discarding: true) } }
        if discarding {
            discardQueue(of: id, because: outcome.status)
            discardBuffer(of: id)
        }
        pump(id)
    }

    /// The status objects that were reported and that no client will see.
    private mutating func discardObjects(of id: OperationID, but kept: PayloadID?) {
        let reported = operations[id]?.leg.flatMap { legs[$0]?.final?.object }
        discard(operations[id]?.outcome?.object, unless: kept)
        discard(reported, unless: kept)
    }

    /// Names the provider in what the broker says about it.
    private func explained(_ outcome: Outcome, _ operation: Entry<Operation>) -> Outcome {
        guard outcome.explanation != nil, outcome.explanation?.registration == nil, let id = operation.asked else { return outcome }
        var outcome = outcome
        outcome.explanation?.registration = id
        if outcome.explanation?.pid == nil {
            outcome.explanation?.pid = operation.leg.flatMap { legs[$0] }.flatMap { peers[$0.peer]?.pid } ?? registry[id]?.pid
        }
        return outcome
    }

    /// The one final status goes out (L1).
    mutating func complete(_ id: OperationID) {
        guard operations[id]?.state != .ended, let outcome = operations[id]?.outcome,
            let (form, objects) = operations[id].map({ ($0.request.form, $0.delivery.objects) })
        else { return bug("operation \(id.number) ends undecided, or twice") }
        count(id, outcome)
        effects.append(.finish(id, outcome))
        record(.ended(outcome.status, objects: objects), id)
        leaveOpen(id)
        become(id, .ended)
        guard form == .semisync else { return forget(id) }
        operations[id]?.delivery.blockedSince = nil
        keepResults(of: id)
        pumpPulls(id)
    }

    /// The client is gone: nobody is left to tell (L1, L9).
    mutating func abandon(_ id: OperationID) {
        // It may have gone with another of its client's.
        guard let operation = operations[id] else { return }
        if operation.state == .ended { return expire(id) }
        discardObjects(of: id, but: nil)
        abandonJoin(of: id)
        stopListening(id)
        operations[id]?.outcome = .because(.cancelled)
        leaveWaiting(id)
        if let sink = operation.leg { closeLeg(sink) }
        for child in operation.children.sorted() { conclude(child, .because(.parentEnded), discarding: true) }
        dismissPulls(of: id)
        discardQueue(of: id, because: .callCancelled)
        discardBuffer(of: id)
        if !operation.isStep { counters.cancelled += 1 }
        effects.append(.abandon(id))
        record(.abandoned, id)
        leaveOpen(id)
        forget(id)
    }

    private mutating func count(_ id: OperationID, _ outcome: Outcome) {
        guard let operation = operations[id], !operation.isStep else { return }
        let registration = operation.asked
        if outcome.status == .callCancelled {
            counters.cancelled += 1
            if let registration { registry[registration]?.counters.cancelled += 1 }
        } else if !outcome.status.isSuccess {
            counters.failures += 1
            // LastFailure is set for whatever counts as a failure of the provider: what it said itself, and what it did or did not do.
            guard let registration, outcome.explanation?.reason.isProviders ?? true else { return }
            registry[registration]?.counters.failures += 1
            registry[registration]?.lastFailure = .init(
                status: outcome.status, kind: operation.request.kind, explanation: outcome.explanation)
        }
    }

    /// What an open operation occupies is given back.
    private mutating func leaveOpen(_ id: OperationID) {
        guard
            let (isStep, form, client, origin, parent, results) = operations[id].map({
                ($0.isStep, $0.request.form, $0.request.client, $0.origin, $0.parent, $0.results)
            })
        else { return bug("operation \(id.number) is gone, and leaves") }
        if !isStep { openOperations -= 1 }
        unsubscribe(id)
        giveBackInput(of: id)
        if form != .part, !quota.open.refund(origin) { bug("operation \(id.number) is charged to nobody") }
        if !results.isEmpty { for result in results.sorted() { expire(result) } }
        if let parent { childEnded(id, of: parent) }
        switch form {
        case .async(let sink):
            peers[client]?.clientSinks[sink] = nil
            // What is not acknowledged yet is read before whatever the client is asked next.
            let left = operations[id]?.delivery.outstanding ?? 0
            operations[id]?.delivery.outstanding = 0
            guard let uid = peers[client]?.uid else { return bug("the client of operation \(id.number) is gone") }
            credit.becameReply(left, uid: uid)
            hasToRead(left, client)
            askIfUnread(client)
        case .sync:
            peers[client]?.owed -= 1
            restartPing(client)
            let bytes = operations[id]?.delivery.outstanding ?? 0
            discardBuffer(of: id)
            if operations[id]?.outcome?.status.isSuccess == true { promise(bytes, to: client) }
        case .semisync, .part: break
        }
    }

    /// A provider that waited for a nested operation has its own time again (L8).
    private mutating func childEnded(_ id: OperationID, of parent: OperationID) {
        guard operations[parent]?.children.remove(id) != nil else {
            return bug("operation \(id.number) is not nested in \(parent.number)")
        }
        touch(parent)
        guard let sink = operations[parent]?.leg, let leg = legs[sink], leg.final == nil else { return }
        legs[sink]?.heard = now
        agenda.schedule(.operation(parent), at: now + silence(of: leg.registration))
    }

    mutating func forget(_ id: OperationID) {
        guard let operation = operations.removeValue(forKey: id) else { return bug("operation \(id.number) is forgotten twice") }
        take(operation.state, nil)
        if let turn = operation.delivery.turn { blocked.leave(id, of: turn.uid) }
        if let uid = operation.keptFor, !quota.results.refund(uid) { bug("the results of operation \(id.number) are charged to nobody") }
        if let parent = operation.parent { operations[parent]?.results.remove(id) }
        peers[operation.request.client]?.operations.remove(id)
        agenda.remove(.operation(id))
    }
}
