import CIM

/// Operations that have something for their client, and wait: for the client itself, or for credit of the client's user, in turn (L13).
extension BrokerCore {
    // MARK: - Waiting

    /// The client's window is closed: the client has its own time to open it.
    mutating func block(_ id: OperationID, because cause: FlightStep.Cause = .client) {
        guard let operation = operations[id] else { return bug("operation \(id.number) waits for its client, and is gone") }
        guard operation.delivery.blockedSince == nil else { return }
        operations[id]?.delivery.blockedSince = now
        record(.blocked(cause), id)
        agenda.schedule(.operation(id), at: now + patience(operation))
    }

    /// The user has no credit, or others of the user wait for it: the operation takes its turn.
    /// - Parameter shortage: what it lacks; nil: it was not looked at, others are before it.
    mutating func standInLine(_ id: OperationID, because shortage: CreditLedger.Shortage? = nil) {
        block(id, because: shortage == .ofAllUsers ? .others : .user)
        guard let operation = operations[id], let uid = peers[operation.request.client]?.uid else {
            return bug("operation \(id.number) stands in line, and its client is gone")
        }
        if operation.delivery.turn == nil {
            operations[id]?.delivery.turn = .init(uid: uid, since: now)
            blocked.join(id, of: uid)
        }
        if let shortage { blocked.found(shortage, by: id, of: uid) }
        askReaders(of: uid)
    }

    /// The operation waits for its turn no longer.
    mutating func leaveLine(_ id: OperationID) {
        guard let turn = operations[id]?.delivery.turn else { return }
        operations[id]?.delivery.turn = nil
        blocked.leave(id, of: turn.uid)
    }

    /// Whether no other operation of the user waits for credit before this one.
    func isNext(_ id: OperationID, of uid: UInt32) -> Bool {
        guard let first = blocked.first(of: uid) else { return true }
        return first == id
    }

    /// How long the client of a blocked operation has to make room.
    func patience(_ operation: Entry<Operation>) -> Microseconds {
        let patience = operation.request.form == .semisync ? limits.pull : limits.credit
        return holdsUpOthers(operation) ? min(patience, limits.creditBeforeOthers) : patience
    }

    /// Whether the operation's call keeps a place at its provider for which another user's waits.
    private func holdsUpOthers(_ operation: Entry<Operation>) -> Bool {
        guard let sink = operation.leg, let slot = slots.slots[sink], slot.isCounted, slots.waiting.contains(slot.peer) else {
            return false
        }
        return peers[slot.peer]?.calls.isWaiting(besides: slot.client) == true
    }

    /// A call of another user than these operations' waits for a place at their provider: they are looked at sooner.
    mutating func hurryClients(of provider: PeerID, besides uid: UInt32) {
        for sink in slots.unanswered(by: provider) {
            guard let leg = legs[sink], leg.client != uid, let operation = operations[leg.operation], let since = waitsSince(operation)
            else {
                continue
            }
            agenda.schedule(.operation(leg.operation), at: max(now, since + patience(operation)))
        }
    }

    /// Whether it is a subscription that has not ended: it loses events where others would be ended because their clients are too slow.
    private func losesWhatWaits(_ operation: Entry<Operation>) -> Bool { operation.request.target.isOfEvents && operation.outcome == nil }

    /// Since when nothing has come that would let the operation go on; nil: it is not blocked. For one that stands in line, whatever comes back
    /// begins its time anew, unless its own client is the one that does not read.
    func waitsSince(_ operation: Entry<Operation>) -> Microseconds? {
        guard let since = operation.delivery.blockedSince, !losesWhatWaits(operation) else { return nil }
        guard let turn = operation.delivery.turn, let line = blocked.lines[turn.uid], let client = peers[operation.request.client] else {
            return since
        }
        var latest = max(line.leftAt, client.creditedAt)
        if operation.delivery.unacknowledged.isEmpty {
            latest = max(latest, client.reads.unread == 0 ? line.returnedAt : client.creditedBesides)
        }
        return latest >= turn.since ? latest : since
    }

    // MARK: - Credit that comes back

    /// Credit of `uid` came back, by this peer's reading; nil: because one left. What waits for it goes on as far as there is room, and has its
    /// full time again, unless its own client is the one that does not read.
    mutating func creditReturned(to uid: UInt32, by peer: PeerID?) {
        guard !blocked.isEmpty else { return }
        if let peer { peers[peer]?.creditedAt = now }
        blocked.returned(to: uid, hasLeft: peer == nil, at: now)
        // One operation of each user goes on by one batch, in turn, until nobody finds room.
        var users = blocked.turns(after: uid)
        while !users.isEmpty { users = users.filter { takeTurn($0) } }
    }

    /// The first of the user's line goes on: by one batch, and then to the end of the line, while it has more. Where it finds no room, those of
    /// its user behind it wait too, or small batches would always pass a large one.
    /// - Returns: whether the user has another turn.
    private mutating func takeTurn(_ uid: UInt32) -> Bool {
        // The line may have ended with the operation before.
        guard let id = blocked.first(of: uid) else { return false }
        guard operations[id] != nil else {
            bug("operation \(id.number) is gone, and stands in line")
            blocked.leave(id, of: uid)
            return true
        }
        let hasMore = operations[id]?.delivery.queue.isEmpty == false && handOver(id) && operations[id]?.delivery.queue.isEmpty == false
        if hasMore, blocked.lines[uid]?.shortage == nil {
            leaveLine(id)
            standInLine(id)
            return true
        }
        pump(id)
        pumpPulls(id)
        guard blocked.lines[uid]?.shortage == nil else { return false }
        leaveLine(id)
        return true
    }

    // MARK: - What peers have to read

    /// Bytes that were charged come back.
    mutating func refund(_ bytes: Int, uid: UInt32) {
        if !credit.refund(bytes, uid: uid) { bug("uid \(uid) has fewer than \(bytes) bytes unread, and read them") }
    }

    /// The same, of bytes that were replies.
    mutating func refundReply(_ bytes: Int, uid: UInt32) {
        if !credit.refundReply(bytes, uid: uid) { bug("uid \(uid) has fewer than \(bytes) bytes of replies unread, and read them") }
    }

    /// `bytes` more are the peer's to read.
    mutating func hasToRead(_ bytes: Int, _ id: PeerID) {
        guard bytes > 0 else { return }
        guard let (reads, uid) = peers[id].map({ ($0.reads, $0.uid) }) else {
            return bug("peer \(id.number) is gone, and has \(bytes) bytes to read")
        }
        // Until now it owed nothing: what came back to its user counted for its operations.
        if reads.unread == 0 { peers[id]?.creditedBesides = blocked.lines[uid]?.returnedAt ?? .min }
        peers[id]?.reads.sent += bytes
        mayBeAsked(id)
    }

    /// The peer has something to read, and may have to be asked whether it has.
    private mutating func mayBeAsked(_ id: PeerID) {
        guard let peer = peers[id] else { return bug("peer \(id.number) is gone, and may be asked") }
        guard !peer.isUnasked else { return }
        peers[id]?.isUnasked = true
        unasked[peer.uid, default: []].insert(id)
    }

    /// The peer is gone: nobody asks it.
    mutating func forgetReader(_ peer: Entry<Peer>) {
        guard peer.isUnasked else { return }
        unasked[peer.uid]?.remove(peer.id)
        if unasked[peer.uid]?.isEmpty == true { unasked[peer.uid] = nil }
    }

    /// Asks a client that has much unread, or has unread what others wait for, whether it has read it.
    mutating func askIfUnread(_ id: PeerID) {
        guard let peer = peers[id] else { return bug("peer \(id.number) is gone, and is to be asked") }
        guard peer.reads.unread > 0 else { return }
        let isMuch = peer.reads.unread >= limits.unreadBeforePing || credit.unread(of: peer.uid) >= limits.unreadPerUser / 2
        if isMuch || !blocked.isEmpty { ping(id) } else { mayBeAsked(id) }
    }

    /// Asks those who have something to read whether they have, as operations of `uid` wait for it: the user's own peers, and everybody's where
    /// all together have much unread. Each is asked once, and again when there is more.
    private mutating func askReaders(of uid: UInt32) {
        let users = credit.total >= limits.unread / 2 ? unasked.keys.sorted() : [uid]
        for user in users {
            for id in (unasked.removeValue(forKey: user) ?? []).sorted() {
                peers[id]?.isUnasked = false
                if let peer = peers[id], peer.reads.unread > 0 { ping(id) }
            }
        }
    }
}
