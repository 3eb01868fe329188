import CIMBusCore
import CIMBusWire
import DBus

/// Whose turn it is with what has arrived and is not served yet: users take turns, and what one user sent stays in its order.
///
/// The first few messages of a reading are served at once. What lies behind them waits in its user's line, while the broker looks what else has
/// arrived; so that one user's hundreds of calls hold up another's for a few of them, and not for all. So does what comes of a user who has had its
/// share of the broker's time (``TimeShares``).
struct Turns<Item> {
    private struct Entry {
        let item: Item
        let bytes: Int
    }

    private var lines: [UInt32: (entries: [Entry], next: Int, bytes: Int)] = [:]
    /// The users who have a line, in the order of their turns.
    private var users: [UInt32] = []
    /// Of all but root.
    private var othersBytes = 0
    private var reading: UInt64 = 0
    private var count = 0
    var shares = TimeShares()

    /// As many are served before the broker looks what else has arrived.
    static var atOnce: Int { 16 }
    /// Bytes: of one user, of all but root, and what a user finds room for whatever the others have.
    static var mostBytes: Int { 64 << 20 }
    static var allBytes: Int { 128 << 20 }
    static var leastBytes: Int { 1 << 20 }
    /// Of one user.
    static var mostItems: Int { 16_384 }

    var isEmpty: Bool { users.isEmpty }

    func hasLine(_ user: UInt32) -> Bool { !users.isEmpty && lines[user] != nil }

    /// Whether what has just arrived may be served at once.
    mutating func mayServe(_ user: UInt32, in reading: UInt64, at now: Int64) -> Bool {
        if reading != self.reading {
            self.reading = reading
            count = 0
        }
        count += 1
        return count <= Self.atOnce && !hasLine(user) && shares.wait(of: user, at: now) == nil
    }

    /// - Returns: false: it has no room, and did not join; what no peer asked for always has.
    mutating func join(_ item: Item, of user: UInt32, bytes: Int, isBounded: Bool = true) -> Bool {
        var line = lines.removeValue(forKey: user) ?? ([], 0, 0)
        defer { lines[user] = line }
        if line.entries.isEmpty { users.append(user) }
        if isBounded, !hasRoom(for: bytes, of: user, having: line.bytes) || line.entries.count - line.next >= Self.mostItems {
            return false
        }
        line.entries.append(Entry(item: item, bytes: bytes))
        line.bytes += bytes
        if user != 0 { othersBytes += bytes }
        return true
    }

    /// One thing of a user that has nothing waiting is always taken: its bytes are in memory already.
    private func hasRoom(for bytes: Int, of user: UInt32, having own: Int) -> Bool {
        let share = Share(most: Self.mostBytes, all: Self.allBytes, least: Self.leastBytes)
        return own == 0 || share.want(of: user, having: own + bytes, others: othersBytes + bytes) == nil
    }

    /// The next one, of the user whose turn it is.
    mutating func next() -> Item? {
        guard let user = users.first else { return nil }
        users.removeFirst()
        return take(user)
    }

    /// The next one of a user who need not wait for its share.
    mutating func next(at now: Int64) -> Item? {
        guard let place = users.firstIndex(where: { shares.wait(of: $0, at: now) == nil }) else { return nil }
        return take(users.remove(at: place))
    }

    /// In how many nanoseconds the first may go on, where all wait for their shares; nil: one may now, or nobody waits.
    mutating func pause(at now: Int64) -> Int64? {
        var shortest: Int64?
        for user in users {
            guard let wait = shares.wait(of: user, at: now) else { return nil }
            shortest = min(wait, shortest ?? wait)
        }
        return shortest
    }

    /// The next one of this user.
    mutating func next(of user: UInt32) -> Item? {
        guard let place = users.firstIndex(of: user) else { return nil }
        users.remove(at: place)
        return take(user)
    }

    private mutating func take(_ user: UInt32) -> Item? {
        guard var line = lines.removeValue(forKey: user) else { return nil }
        let entry = line.entries[line.next]
        line.next += 1
        line.bytes -= entry.bytes
        if user != 0 { othersBytes -= entry.bytes }
        guard line.next < line.entries.count else { return entry.item }
        // What has been served goes now and then: the rest need not move for each.
        if line.next >= 256, line.next * 2 >= line.entries.count {
            line.entries.removeFirst(line.next)
            line.next = 0
        }
        lines[user] = line
        users.append(user)
        return entry.item
    }
}

extension Broker {
    /// What waits for its user's turn.
    enum Arrival {
        case message(Message, PeerID)
        /// What must not overtake a user's messages, such as the answer or the end of one of the user's peers.
        case action(@Sendable (isolated Broker) -> Void)
    }

    /// A peer's message is served, now or in its user's turn.
    /// - Returns: whether it was taken over.
    func enter(_ message: Message, of peer: PeerID, reading: UInt64) -> Bool {
        guard let uid = uid(of: peer) else { return false }
        let now = EventLoop.now
        if asksForTime(message, peer) { lines.shares.asked(uid, at: now) }
        if lines.mayServe(uid, in: reading, at: now) {
            serve(message, of: peer, uid, since: now)
            return true
        }
        if !lines.join(.message(message, peer), of: uid, bytes: message.size) {
            let text = "too much at once from processes of uid \(uid); wait for replies before you send more"
            tellBound(.quotaViolation, text, of: peer)
            connection.methodCall(message).fail(DBusError(.limitsExceeded, text))
        }
        takeTurns()
        return true
    }

    /// Whether something of what the peer's user has said is still to be served.
    func isInLine(_ peer: PeerID) -> Bool { !lines.isEmpty && uid(of: peer).map { lines.hasLine($0) } == true }

    /// Has something done about a peer behind everything that the peer has said.
    func inTurn(of peer: PeerID, _ action: @escaping @Sendable (isolated Broker) -> Void) {
        if !isInLine(peer) { return action(self) }
        guard let uid = uid(of: peer) else { return }
        _ = lines.join(.action(action), of: uid, bytes: 0, isBounded: false)
    }

    /// Everything is served that processes of a user, or of all, have sent.
    func serveAll(of uid: UInt32? = nil) {
        while let arrival = uid.map({ lines.next(of: $0) }) ?? lines.next() { serve(arrival, since: EventLoop.now) }
    }

    /// In the next round, when the loop has looked what else has arrived.
    private func takeTurns() {
        guard !isTakingTurns else { return }
        isTakingTurns = true
        loop.execute { [weak self] in
            self?.assumeIsolated { broker in
                broker.isTakingTurns = false
                broker.serveTurns()
            }
        }
    }

    private func serveTurns() {
        var now = EventLoop.now
        for _ in 0..<Turns<Arrival>.atOnce {
            guard let arrival = lines.next(at: now) else { break }
            now = serve(arrival, since: now)
        }
        if lines.isEmpty { return }
        guard let pause = lines.pause(at: now) else { return takeTurns() }
        guard !isPausing else { return }
        isPausing = true
        loop.schedule(after: .nanoseconds(pause)) { [weak self] in
            self?.assumeIsolated { broker in
                broker.isPausing = false
                broker.takeTurns()
            }
        }
    }

    /// - Returns: what time it is then.
    @discardableResult
    private func serve(_ arrival: Arrival, since began: Int64) -> Int64 {
        switch arrival {
        case .action(let action):
            action(self)
            return EventLoop.now
        case .message(let message, let peer):
            // Its name may be somebody new by now, who did not send it.
            guard peers.id(of: message.sender) == peer, let uid = uid(of: peer) else { return began }
            return serve(message, of: peer, uid, since: began)
        }
    }

    @discardableResult
    private func serve(_ message: Message, of peer: PeerID, _ uid: UInt32, since began: Int64) -> Int64 {
        if !take(message, of: peer) { connection.dispatchOnLoop(message) }
        let now = EventLoop.now
        if asksForTime(message, peer) { lines.shares.spent(now - began, message.size, on: uid, at: now) }
        return now
    }

    /// - Returns: whether it was taken over: else the exported objects have it.
    private func take(_ message: Message, of peer: PeerID) -> Bool {
        if message.arrival == nil, isMuted(peer) { return true }
        if message.arrival != nil, message.interface == PrivateContract.packedSink.text { return takePacked(message) }
        return refuseCurious(message, peer)
    }

    /// Whether it is a call that the peer makes for itself. What a provider says to a sink is not: that was asked for, and has bounds of its own.
    private func asksForTime(_ message: Message, _ peer: PeerID) -> Bool {
        switch message.interface {
        case Contract.objectSink.text, PrivateContract.packedSink.text, Contract.sinkReference.text, Contract.eventSink.text:
            core.peers[peer]?.mayUseSinks != true
        default: true
        }
    }
}
