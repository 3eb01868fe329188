import CIM

/// The way from a provider's `Indicate` to the client, paced by the client (section 3, flow control; L13).
extension BrokerCore {
    /// An accepted batch joins the operation's queue, and goes on as far as there is room.
    mutating func accept(_ batch: Batch, for id: OperationID, call: CallID?, sink: SinkID?, peer: PeerID?) {
        operations[id]?.delivery.queue.append(.init(batch: batch, call: call, sink: sink, peer: peer))
        pump(id)
    }

    /// Hands over what there is room for; then progress; then, if it is decided, the end.
    mutating func pump(_ id: OperationID) {
        while handOver(id) {}
        guard let operation = operations[id], operation.delivery.queue.isEmpty, operation.state != .ended else { return }
        flushProgress(id)
        guard operation.outcome != nil else { return }
        if operation.request.form == .sync, !hasRoomForReply(operation) { return block(id) }
        complete(id)
    }

    /// The next batch goes to the client, if there is room for it.
    private mutating func handOver(_ id: OperationID) -> Bool {
        guard let operation = operations[id], let waiting = operation.delivery.queue.first else { return false }
        let client = operation.request.client
        let bytes = waiting.batch.bytes
        guard let uid = peers[client]?.uid else { return false }
        switch operation.request.form {
        case .async:
            let delivery = operation.delivery
            let fits =
                delivery.unacknowledged.isEmpty
                || (delivery.unacknowledged.count < limits.windowBatches && delivery.outstanding + bytes <= limits.windowBytes)
            guard fits, credit.hasRoom(for: bytes, uid: uid, limits: limits) else {
                block(id, byUser: fits)
                return false
            }
            credit.charge(bytes, uid: uid)
            operations[id]?.delivery.unacknowledged.append(bytes)
        case .semisync:
            let delivery = operation.delivery
            let fits =
                delivery.buffered.isEmpty || (delivery.buffered.count < limits.windowBatches && delivery.outstanding < limits.windowBytes)
            // What was accepted before the end is the client's, however slowly it pulls.
            guard fits || operation.outcome != nil else {
                block(id, byUser: false)
                return false
            }
            quota.buffer(bytes, for: uid)
            operations[id]?.delivery.buffered.append(.init(sizes: waiting.batch.sizes[...]))
        case .sync:
            if operation.request.kind == .createInstanceEnum, operation.delivery.outstanding + bytes > limits.replyBytes {
                conclude(
                    id, .because(.resultTooLarge, text: "more than \(limits.replyBytes >> 20) MiB in one reply; use semisync or async"),
                    discarding: true)
                return false
            }
            quota.buffer(bytes, for: uid)
        }
        operations[id]?.delivery.queue.removeFirst()
        operations[id]?.delivery.outstanding += bytes
        operations[id]?.delivery.objects += waiting.batch.sizes.count
        operations[id]?.delivery.bytes += bytes
        operations[id]?.delivery.blockedSince = nil
        counters.objects += UInt64(waiting.batch.sizes.count)
        if case .provider(let registration) = operation.request.target {
            registry[registration]?.counters.objects += UInt64(waiting.batch.sizes.count)
        }
        effects.append(.deliver(id, waiting.batch.payload))
        answer(waiting, .noError)
        if operation.request.form == .semisync { pumpPulls(id) }
        return true
    }

    /// The reply to an `Indicate` is the credit for the next one. The time it took is no silence of the provider (L8).
    private mutating func answer(_ waiting: Delivery.Waiting, _ status: WBEMStatus) {
        guard let call = waiting.call else { return }
        effects.append(.credit(call, status))
        if let sink = waiting.sink, let leg = legs[sink] {
            legs[sink]?.withheld -= 1
            legs[sink]?.heard = now
            agenda.schedule(.operation(leg.operation), at: now + (leg.final == nil ? silence(of: leg) : limits.leakGrace))
        }
        if let peer = waiting.peer {
            peers[peer]?.indicates -= 1
            peers[peer]?.owed -= 1
            restartPing(peer)
        }
    }

    mutating func discardQueue(of id: OperationID, because status: WBEMStatus) {
        guard let queue = operations[id]?.delivery.queue else { return }
        operations[id]?.delivery.queue = []
        for waiting in queue {
            effects.append(.discard(waiting.batch.payload))
            answer(waiting, status)
        }
        operations[id]?.delivery.progress = nil
    }

    /// What the broker keeps for a reply, or for `Next`, goes.
    mutating func discardBuffer(of id: OperationID) {
        guard let operation = operations[id] else { return }
        if case .async = operation.request.form { return }
        if let uid = peers[operation.request.client]?.uid { quota.buffer(-operation.delivery.outstanding, for: uid) }
        operations[id]?.delivery.buffered = []
        operations[id]?.delivery.outstanding = 0
    }

    // MARK: - Credit

    /// The client has taken `batches` of an operation's objects. A silent no-op where nothing is open.
    public mutating func acknowledge(_ sink: String, of peer: PeerID, batches: UInt32, at moment: Microseconds) -> [Effect] {
        now = moment
        hear(peer)
        guard let id = peers[peer]?.clientSinks[sink], let operation = operations[id], let uid = peers[peer]?.uid else {
            return takeEffects()
        }
        let count = min(Int(batches), operation.delivery.unacknowledged.count)
        guard count > 0 else { return takeEffects() }
        let bytes = operation.delivery.unacknowledged.prefix(count).reduce(0, +)
        operations[id]?.delivery.unacknowledged.removeFirst(count)
        operations[id]?.delivery.outstanding -= bytes
        operations[id]?.delivery.blockedSince = nil
        credit.refund(bytes, uid: uid)
        pump(id)
        pumpBlocked()
        return takeEffects()
    }

    /// The broker sent `bytes` to a client outside any window: a reply, a final status, progress.
    public mutating func sent(_ bytes: Int, to peer: PeerID, at moment: Microseconds) -> [Effect] {
        now = moment
        guard let uid = peers[peer]?.uid else { return [] }
        credit.charge(bytes, uid: uid)
        credit.becameReply(bytes, uid: uid)
        peers[peer]?.reads.sent += bytes
        askIfUnread(peer)
        return takeEffects()
    }

    private func hasRoomForReply(_ operation: Operation) -> Bool {
        guard let uid = peers[operation.request.client]?.uid else { return true }
        return operation.delivery.outstanding <= limits.unreadBeforePing
            || credit.hasRoom(for: operation.delivery.outstanding, uid: uid, limits: limits)
    }

    /// No room: the client has its own time to make some. Waiting for the user's other operations, it takes its turn.
    mutating func block(_ id: OperationID, byUser: Bool = true) {
        if operations[id]?.delivery.blockedSince == nil {
            operations[id]?.delivery.blockedSince = now
            agenda.schedule(.operation(id), at: now + (operations[id]?.request.form == .semisync ? limits.pull : limits.credit))
        }
        guard byUser else { return }
        if !blocked.contains(id) { blocked.append(id) }
        if let client = operations[id]?.request.client, let uid = peers[client]?.uid {
            for peer in peers.values where peer.uid == uid && peer.reads.unread > 0 { ping(peer.id) }
        }
    }

    /// Credit came back to some user: the operations that wait for it go on, one batch each, in turn.
    mutating func pumpBlocked() {
        var progressed = !blocked.isEmpty
        while progressed {
            progressed = false
            let turn = blocked
            blocked = []
            for id in turn {
                guard let operation = operations[id] else { continue }
                let queued = operation.delivery.queue.count
                let pulls = operation.pulls.count
                if queued > 0, handOver(id) {
                    progressed = true
                    if operations[id]?.delivery.queue.isEmpty == false {
                        if !blocked.contains(id) { blocked.append(id) }
                        continue
                    }
                }
                pump(id)
                pumpPulls(id)
                if operations[id] == nil || (operations[id]?.pulls.count ?? 0) < pulls { progressed = true }
            }
        }
    }

    // MARK: - Progress

    /// Reaches the client only if it asked; of what it has not read, only the newest is kept (SEMANTICS B.3; R46, R47).
    mutating func report(_ progress: Progress, _ id: OperationID) {
        guard let operation = operations[id], operation.request.wantsProgress, case .async = operation.request.form else { return }
        operations[id]?.delivery.progress = progress
        if operation.delivery.queue.isEmpty { flushProgress(id) }
    }

    private mutating func flushProgress(_ id: OperationID) {
        guard let operation = operations[id], let progress = operation.delivery.progress else { return }
        guard let reads = peers[operation.request.client]?.reads else { return }
        if let mark = operation.delivery.progressMark, reads.read < mark, operation.outcome == nil {
            return ping(operation.request.client)
        }
        operations[id]?.delivery.progress = nil
        guard operation.outcome == nil else { return }
        operations[id]?.delivery.progressMark = reads.sent + 1
        effects.append(.progress(id, progress))
    }

    /// What `peer` was sent is read: progress that waited for it may follow.
    mutating func flushProgress(to peer: PeerID) {
        for id in (peers[peer]?.operations ?? []).sorted() where operations[id]?.delivery.progress != nil {
            if operations[id]?.delivery.queue.isEmpty == true { flushProgress(id) }
        }
    }
}
