/// What the bus holds of what the broker has sent, as the bus itself tells it (L13).
///
/// `dbus-daemon` stops reading the broker when it holds about 127 MiB of the broker's messages. Credit keeps those who read slowly far from that. But
/// credit believes a client: that it acknowledges what it has read, and that it reads an answer before it asks again. And it counts neither refusals nor
/// signals. So the bus is asked, whenever so much was sent, how much of it waits. Past the bound it is asked about each client; a user whose clients
/// have left more unread than any credit allows is *muted*: it is sent nothing, and so is answered nothing, until its clients have read.
public struct BusBurden: Sendable {
    /// What the bus holds for one peer.
    public struct Load: Hashable, Sendable {
        public let uid: UInt32
        public let bytes: Int

        public init(uid: UInt32, bytes: Int) {
            self.uid = uid
            self.bytes = bytes
        }
    }

    /// Whose state changed, and how much waits for it.
    public struct Change: Hashable, Sendable {
        public var muted: [Load] = []
        public var unmuted: [UInt32] = []
    }

    private let limits: Limits
    /// What had been sent when the bus was asked last.
    private var askedAt: UInt64 = 0
    private var isAsking = false
    /// Whether the bus holds so much that it is asked about everybody, again and again. Signals wait as long, since nobody's account has them.
    public private(set) var isAlarmed = false
    public private(set) var muted: Set<UInt32> = []

    public init(limits: Limits) { self.limits = limits }

    /// - Parameter sent: bytes that were sent to the bus so far.
    /// - Returns: whether the bus is to be asked how much of it waits; ``answered(_:)`` takes the answer. True once for each time.
    public mutating func isDue(_ sent: UInt64) -> Bool {
        guard !isAsking, !isAlarmed, sent &- askedAt >= UInt64(limits.burdenStep) else { return false }
        askedAt = sent
        isAsking = true
        return true
    }

    /// The bus has answered.
    /// - Parameter total: of the broker's bytes, those that wait in the bus; nil: the bus does not tell.
    /// - Returns: whether it is to be asked about each peer, now; ``found(_:total:)`` takes the answers.
    public mutating func answered(_ total: Int?) -> Bool {
        isAsking = false
        guard let total, total >= limits.burden, !isAlarmed else { return false }
        isAlarmed = true
        return true
    }

    /// The bus has told what it holds for each peer, and of the broker's bytes in all. While ``isAlarmed`` it is asked again after a second.
    ///
    /// A user is muted that has more than all of its credit. Where all users together have too much, those who have the most are, too. Root is not: whoever
    /// is root can stop the bus in shorter ways. A muted user may speak again when it has an eighth of its credit or less.
    public mutating func found(_ loads: [Load], total: Int?) -> Change {
        var sums: [UInt32: Int] = [:]
        for load in loads where load.uid != 0 { sums[load.uid, default: 0] += load.bytes }
        var change = Change()
        change.unmuted = muted.filter { sums[$0, default: 0] <= limits.unreadPerUser / 8 }.sorted()
        muted.subtract(change.unmuted)
        var rest = sums.reduce(0) { muted.contains($1.key) ? $0 : $0 + $1.value }
        for (uid, bytes) in sums.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) where !muted.contains(uid) {
            guard bytes > 2 * limits.unreadPerUser || rest > 2 * limits.unread else { break }
            rest -= bytes
            muted.insert(uid)
            change.muted.append(Load(uid: uid, bytes: bytes))
        }
        isAlarmed = !muted.isEmpty || total.map { $0 >= limits.burden } ?? false
        return change
    }
}
