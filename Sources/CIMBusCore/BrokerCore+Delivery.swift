import CIM

/// The way from a provider's `Indicate` to the client, paced by the client (Design 3, flow control; L13).
extension BrokerCore {
    /// An accepted batch joins the operation's queue, and goes on as far as there is room.
    mutating func accept(_ batch: Batch, for id: OperationID, call: CallID?, sink: SinkID?, peer: PeerID?, part: OperationID? = nil) {
        let waiting = Delivery.Waiting(batch: batch, call: call, sink: sink, peer: peer, part: part)
        let takesObjects = operations[id].map { Operation.takesObjects($0.request.kind, $0.request.form) }
        if takesObjects == nil { bug("objects for operation \(id.number), which is gone") }
        if batch.sizes.isEmpty || takesObjects != true {
            // No objects: a no-op (Semantics B.2). So are those that nobody could be given.
            effects.append(.discard(batch.payload))
            return answer(waiting, .noError)
        }
        if operations[id].map({ $0.delivery.objects == 0 && $0.delivery.queue.isEmpty }) == true {
            record(.firstObjects(batch.sizes.count), id)
        }
        operations[id]?.delivery.queue.append(waiting)
        pump(id)
    }

    /// Hands over what there is room for; then progress; then, if it is decided, the end.
    mutating func pump(_ id: OperationID) {
        while handOver(id) {}
        // To hand over what is too large ends it.
        guard operations[id].map({ $0.delivery.queue.isEmpty && $0.state != .ended }) == true else { return }
        flushProgress(id)
        guard let (isDecided, form) = operations[id].map({ ($0.outcome != nil, $0.request.form) }), isDecided else { return }
        // A whole hears of a part's end when everything that the part handed out is on its way.
        if form == .part, operations[id]?.delivery.unacknowledged.isEmpty == false { return }
        if form == .sync, let shortage = operations[id].flatMap({ shortageForReply($0) }) { return standInLine(id, because: shortage) }
        complete(id)
    }

    /// The next batch goes to the client, if there is room for it.
    mutating func handOver(_ id: OperationID) -> Bool {
        // It may have ended with the batch before.
        guard let request = operations[id]?.request else { return false }
        guard let (waiting, outstanding, unacknowledged, wasBlocked) = operations[id].flatMap({ $0.delivery.next }) else {
            return request.target.isOfEvents && gatherEvents(of: id) && handOver(id)
        }
        guard let uid = peers[request.client]?.uid else {
            bug("operation \(id.number) has objects for a client that is gone")
            return false
        }
        let bytes = waiting.batch.bytes
        switch request.form {
        case .async:
            let window = request.target.isOfEvents ? limits.eventWindowBytes : limits.windowBytes
            let fits = unacknowledged == 0 || (unacknowledged < limits.windowBatches && outstanding + bytes <= window)
            guard fits else {
                block(id)
                return false
            }
            guard isNext(id, of: uid) else {
                standInLine(id)
                return false
            }
            if let shortage = credit.shortage(for: bytes, uid: uid, limits: limits) {
                standInLine(id, because: shortage)
                return false
            }
            credit.charge(bytes, uid: uid)
            let parts = waiting.batch.parts
            for part in 1...parts {
                operations[id]?.delivery.unacknowledged.append(bytes * part / parts - bytes * (part - 1) / parts)
            }
        case .semisync:
            let buffered = operations[id]?.delivery.buffered.count ?? 0
            let fits = buffered == 0 || (buffered < limits.windowBatches && outstanding < limits.windowBytes)
            // What was accepted before the end is the client's, however slowly it pulls.
            guard fits || operations[id]?.outcome != nil else {
                block(id)
                return false
            }
            quota.buffer(bytes, for: uid)
            operations[id]?.delivery.buffered.append(.init(sizes: waiting.batch.sizes[...]))
        case .part:
            // Its conductor waits for its own client: that is no fault of anybody's.
            guard unacknowledged < limits.windowBatches else { return false }
            operations[id]?.delivery.unacknowledged.append(bytes)
            // From now on it has something to take.
            if let whole = operations[id]?.parent { touch(whole) }
        case .sync:
            if request.kind.isEnumeration, outstanding + bytes > limits.replyBytes {
                conclude(
                    id, .because(.resultTooLarge, text: "more than \(limits.replyBytes >> 20) MiB in one reply; use semisync or async"),
                    discarding: true)
                return false
            }
            quota.buffer(bytes, for: uid)
        }
        if wasBlocked { record(.goesOn, id) }
        operations[id]?.delivery.handedOver(waiting.batch)
        counters.objects += UInt64(waiting.batch.sizes.count)
        if let registration = request.target.registration { registry[registration]?.counters.objects += UInt64(waiting.batch.sizes.count) }
        effects.append(
            waiting.events.isEmpty
                ? .deliver(id, waiting.batch.payload) : .deliverEvents(id, waiting.events, lost: waiting.lost))
        touch(id)
        answer(waiting, .noError)
        if request.form == .semisync { pumpPulls(id) }
        return true
    }

    /// The reply to an `Indicate` is the credit for the next one. The time it took is no silence of the provider (L8).
    private mutating func answer(_ waiting: Delivery.Waiting, _ status: WBEMStatus) {
        if let part = waiting.part { consume(part) }
        guard let call = waiting.call else { return }
        effects.append(.credit(call, status))
        if let sink = waiting.sink, let leg = legs[sink] {
            legs[sink]?.withheld -= 1
            legs[sink]?.heard = now
            agenda.schedule(.operation(leg.operation), at: now + (leg.final == nil ? silence(of: leg.registration) : limits.leakGrace))
        }
        if let peer = waiting.peer {
            peers[peer]?.indicates -= 1
            peers[peer]?.owed -= 1
            restartPing(peer)
        }
    }

    mutating func discardQueue(of id: OperationID, because status: WBEMStatus) {
        guard let queue = operations[id]?.delivery.queue else { return bug("operation \(id.number) is gone, and its objects go") }
        operations[id]?.delivery.queue = []
        discardEvents(of: id)
        for waiting in queue {
            for payload in waiting.payloads { discard(payload) }
            answer(waiting, status)
        }
        discard(takeProgress(of: id)?.object)
    }

    /// A payload that nobody will see, unless it is `kept`.
    mutating func discard(_ payload: PayloadID?, unless kept: PayloadID? = nil) {
        if let payload, payload != kept { effects.append(.discard(payload)) }
    }

    /// What the broker keeps for a reply, or for `Next`, goes.
    mutating func discardBuffer(of id: OperationID) {
        guard let (form, client) = operations[id].map({ ($0.request.form, $0.request.client) }) else {
            return bug("operation \(id.number) is gone, and its results go")
        }
        if form == .part { operations[id]?.delivery.unacknowledged = [] }
        guard form == .sync || form == .semisync else { return }
        let dropped = operations[id]?.delivery.dropBuffer() ?? 0
        if dropped > 0, let uid = peers[client]?.uid { quota.buffer(-dropped, for: uid) }
    }

    // MARK: - Credit

    /// The client has taken `batches` of an operation's objects. A silent no-op where nothing is open.
    public mutating func acknowledge(_ sink: String, of peer: PeerID, batches: UInt32) {
        began(.acknowledge(sink, peer, batches: batches))
        hear(peer)
        // The end of the operation was faster.
        guard let id = peers[peer]?.clientSinks[sink], let operation = operations[id], let uid = peers[peer]?.uid else {
            return
        }
        let count = min(Int(batches), operation.delivery.unacknowledged.count)
        guard count > 0 else { return }
        let bytes = operation.delivery.unacknowledged.prefix(count).reduce(0, +)
        operations[id]?.delivery.unacknowledged.removeFirst(count)
        operations[id]?.delivery.outstanding -= bytes
        operations[id]?.delivery.blockedSince = nil
        refund(bytes, uid: uid)
        // Where others wait, this one does not go before them.
        if blocked.isEmpty || operation.delivery.queue.isEmpty { pump(id) } else { standInLine(id) }
        creditReturned(to: uid, by: peer)
    }

    /// A reply with `bytes` of objects is about to be sent: it counts from now on, so that several decided on at once keep to the bound.
    mutating func promise(_ bytes: Int, to peer: PeerID) {
        guard bytes > 0 else { return }
        guard let uid = peers[peer]?.uid else { return bug("peer \(peer.number) is gone, and is promised a reply") }
        credit.charge(bytes, uid: uid)
        credit.becameReply(bytes, uid: uid)
        hasToRead(bytes, peer)
        peers[peer]?.reads.promised += bytes
    }

    /// The broker sent `bytes` to a client outside any window: a reply, a final status, progress.
    public mutating func sent(_ bytes: Int, to peer: PeerID) {
        began(.sent(bytes, to: peer))
        // The end of the peer was faster.
        guard let uid = peers[peer]?.uid, bytes > 0 else { return }
        let unexpected = peers[peer]?.reads.unpromised(of: bytes) ?? bytes
        hasToRead(unexpected, peer)
        credit.charge(unexpected, uid: uid)
        credit.becameReply(unexpected, uid: uid)
        askIfUnread(peer)
    }

    /// Refuses what would be answered, where the peer's user has left too many replies unread already, and says who reads least (Design 3).
    public func refusalOfUnread(_ peer: PeerID) -> Refusal? {
        guard let uid = peers[peer]?.uid, (credit.replies[uid] ?? 0) >= limits.unreadPerUser else { return nil }
        let culprit = peers.values.filter { $0.uid == uid }.max { $0.reads.unread < $1.reads.unread }?.id
        return Refusal(
            .quotaViolation,
            "uid \(uid) has \(limits.unreadPerUser >> 20) MiB of replies that it has not read; read them, or end who does not",
            culprit: culprit)
    }

    /// The most operations of the peer's user that a list has: open ones, and those whose results are kept. Root's has everybody's.
    public func listedOperations(of peer: PeerID) -> Int {
        guard let uid = peers[peer]?.uid else { return 0 }
        return uid == 0 ? operations.count : quota.open.of(uid) + quota.results.of(uid)
    }

    private func shortageForReply(_ operation: Entry<Operation>) -> CreditLedger.Shortage? {
        guard let uid = peers[operation.request.client]?.uid, operation.outcome?.status.isSuccess == true else { return nil }
        return credit.shortage(forReply: operation.delivery.outstanding, uid: uid, limits: limits)
    }

    // MARK: - Progress

    /// Reaches the client only if it asked; of what it has not read, only the newest is kept (Semantics B.3; R46, R47).
    mutating func report(_ progress: Progress, _ id: OperationID) {
        // What a part has to say is said of the whole.
        if let operation = operations[id], operation.request.form == .part, let whole = operation.parent { return report(progress, whole) }
        guard let operation = operations[id], operation.request.wantsProgress, case .async = operation.request.form else {
            return discard(progress.object)
        }
        discard(operation.delivery.progress?.object)
        operations[id]?.delivery.progress = progress
        peers[operation.request.client]?.reported.insert(id)
        if operation.delivery.queue.isEmpty { flushProgress(id) }
    }

    private mutating func flushProgress(_ id: OperationID) {
        guard let operation = operations[id], let progress = operation.delivery.progress else { return }
        guard let reads = peers[operation.request.client]?.reads else {
            return bug("operation \(id.number) has progress for a client that is gone")
        }
        if let mark = operation.delivery.progressMark, reads.read < mark, operation.outcome == nil {
            return ping(operation.request.client)
        }
        _ = takeProgress(of: id)
        guard operation.outcome == nil else { return discard(progress.object) }
        operations[id]?.delivery.progressMark = reads.sent + 1
        effects.append(.progress(id, progress))
    }

    /// The report that waits, which waits no more.
    private mutating func takeProgress(of id: OperationID) -> Progress? {
        guard let operation = operations[id], let progress = operation.delivery.progress else { return nil }
        operations[id]?.delivery.progress = nil
        peers[operation.request.client]?.reported.remove(id)
        return progress
    }

    /// What `peer` was sent is read: progress that waited for it may follow.
    mutating func flushProgress(to peer: PeerID) {
        guard let reported = peers[peer]?.reported, !reported.isEmpty else { return }
        for id in reported.sorted() where operations[id]?.delivery.queue.isEmpty == true { flushProgress(id) }
    }
}
