import CIM

/// What finished semisynchronous operations leave: results that wait to be pulled (L8). They are no open operations. They go when their client
/// closes them or is gone, with the operation they are nested in, after ``Limits/retention``, and where others need their place.
extension BrokerCore {
    /// The operation has had its end, and its results are kept.
    mutating func keepResults(of id: OperationID) {
        guard let operation = operations[id], let uid = peers[operation.request.client]?.uid else {
            return bug("operation \(id.number), or its client, is gone, and its results are kept")
        }
        quota.results.charge(uid)
        operations[id]?.keptFor = uid
        // Those that end because of their parent are kept, so that who pulls them learns of it.
        if let parent = operation.parent, operations[parent]?.outcome == nil { operations[parent]?.results.insert(id) }
        operations[id]?.expires = now + limits.retention
        agenda.schedule(.operation(id), at: now + limits.retention)
    }

    /// The results of a finished operation go.
    mutating func expire(_ id: OperationID) {
        guard let operation = operations[id], operation.state == .ended else {
            return bug("operation \(id.number) is gone, or has not ended, and its results go")
        }
        for pull in operation.pulls { answer(pull, of: id, late: true) }
        discardBuffer(of: id)
        effects.append(.expire(id))
        forget(id)
    }

    /// What one connection has left.
    private struct Leavings {
        var client: PeerID
        var results = 0
        var bytes = 0
        /// The first to expire: of all, of those whose end was read, of those with objects.
        var oldest: Entry<Operation>?
        var oldestRead: Entry<Operation>?
        var oldestWithObjects: Entry<Operation>?

        mutating func add(_ operation: Entry<Operation>) {
            func older(than known: Entry<Operation>?) -> Bool {
                guard let known else { return true }
                return (operation.expires ?? 0, operation.id) < (known.expires ?? 0, known.id)
            }
            results += 1
            bytes += operation.delivery.outstanding
            if older(than: oldest) { oldest = operation }
            if operation.isRead, older(than: oldestRead) { oldestRead = operation }
            if operation.delivery.outstanding > 0, older(than: oldestWithObjects) { oldestWithObjects = operation }
        }
    }

    /// Makes room for the results of an operation that is about to begin. Of too many, first those go whose end was read: nobody misses them.
    /// Then the connection pays that keeps most: with its oldest results where another connection needs their place, with a refusal where it
    /// asks for more itself. So one that never closes anything harms nobody else.
    ///
    /// Throws QuotaViolation where nothing can go: the caller keeps most itself, or open operations fill the room.
    mutating func makeRoomForResults(_ form: Request.Form, of client: PeerID) throws(Refusal) {
        guard form == .sync || form == .semisync, let uid = peers[client]?.uid else { return }
        while form == .semisync, !quota.hasRoomForResults(of: uid, limits: limits) {
            let leavings = leavings(of: quota.results.of(uid) < limits.resultsPerUser ? nil : uid)
            if let read = leavings.compactMap(\.oldestRead).min(by: { ($0.expires ?? 0, $0.id) < ($1.expires ?? 0, $1.id) }) {
                expire(read.id)
                continue
            }
            guard let most = leavings.max(by: { $0.results < $1.results }), most.client != client, let oldest = most.oldest else {
                throw Refusal(
                    .quotaViolation,
                    "this connection has \(leavings.first { $0.client == client }?.results ?? 0) finished operations whose results it has "
                        + "neither pulled nor closed; pull or close them")
            }
            expire(oldest.id)
        }
        while quota.buffered(for: uid) >= limits.bufferedPerUser {
            let most = leavings(of: uid).max { $0.bytes < $1.bytes }
            guard let most, most.client != client, let oldest = most.oldestWithObjects else {
                throw Refusal(
                    .quotaViolation,
                    "uid \(uid) has \(limits.bufferedPerUser >> 20) MiB of results it has not pulled; pull or close them")
            }
            expire(oldest.id)
        }
    }

    /// What each connection has left, of this user or, with nil, of all.
    private func leavings(of uid: UInt32?) -> [Leavings] {
        var all: [Leavings] = []
        for id in peers.keys {
            guard let peer = peers[id], uid == nil || peer.uid == uid else { continue }
            var leavings = Leavings(client: id)
            for id in peer.operations {
                if let operation = operations[id], operation.state == .ended { leavings.add(operation) }
            }
            if leavings.results > 0 { all.append(leavings) }
        }
        return all
    }
}
