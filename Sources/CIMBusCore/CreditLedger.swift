/// Bytes sent to clients and not known to be read, per user and in all (L13). Past its bound the broker sends a user nothing more, so that
/// no reader, however slow, can fill the message bus in front of the others.
public struct CreditLedger: Hashable, Sendable {
    private(set) var unread: [UInt32: Int] = [:]
    /// The part of `unread` that is finished replies, which no `Acknowledge` gives back.
    private(set) var replies: [UInt32: Int] = [:]
    private(set) var total = 0

    public init() {}

    func unread(of uid: UInt32) -> Int { unread[uid] ?? 0 }

    /// Whose reading would make room.
    enum Shortage: Hashable, Sendable {
        /// The user has too much unread.
        case ofUser
        /// All users together have.
        case ofAllUsers
    }

    /// What keeps `bytes` more from being sent to `uid`; nil: nothing. One message may always be under way, whatever its size.
    func shortage(for bytes: Int, uid: UInt32, limits: Limits) -> Shortage? {
        let used = unread(of: uid)
        if total == 0 || uid == 0 && used == 0 { return nil }
        let share = Share(most: limits.unreadPerUser, all: limits.unread, least: limits.leastUnread)
        return shortage(uid, having: used == 0 ? min(bytes, share.most) : used + bytes, others: others + bytes, share)
    }

    /// What all but root have unread.
    private var others: Int { total - unread(of: 0) }

    private func shortage(_ uid: UInt32, having own: Int, others: Int, _ share: Share) -> Shortage? {
        switch share.want(of: uid, having: own, others: others) {
        case nil: nil
        case .ofUser: .ofUser
        case .ofAllUsers: .ofAllUsers
        }
    }

    /// What keeps a reply with `bytes` of objects from being sent to `uid`; nil: nothing. A small one passes the bound up to twice, so that one
    /// process that does not read leaves its user's other processes able to ask.
    func shortage(forReply bytes: Int, uid: UInt32, limits: Limits) -> Shortage? {
        guard bytes > 0, let shortage = shortage(for: bytes, uid: uid, limits: limits) else { return nil }
        guard bytes <= limits.unreadBeforePing else { return shortage }
        let share = Share(most: 2 * limits.unreadPerUser, all: 2 * limits.unread, least: limits.leastUnread)
        return self.shortage(uid, having: unread(of: uid) + 1, others: others + 1, share)
    }

    mutating func charge(_ bytes: Int, uid: UInt32) {
        guard bytes > 0 else { return }
        unread[uid, default: 0] += bytes
        total += bytes
    }

    /// - Returns: whether so many were charged; else as many come back as were.
    mutating func refund(_ bytes: Int, uid: UInt32) -> Bool {
        guard bytes > 0 else { return true }
        let used = unread(of: uid)
        let returned = min(bytes, used)
        unread[uid] = used == returned ? nil : used - returned
        total -= returned
        return returned == bytes
    }

    /// Bytes already charged will come back only when a ping behind them is answered.
    mutating func becameReply(_ bytes: Int, uid: UInt32) {
        if bytes > 0 { replies[uid, default: 0] += bytes }
    }

    /// - Returns: whether so many were charged and had become replies.
    mutating func refundReply(_ bytes: Int, uid: UInt32) -> Bool {
        guard bytes > 0 else { return true }
        guard let used = replies[uid] else { return false }
        replies[uid] = used <= bytes ? nil : used - bytes
        let wasCharged = refund(bytes, uid: uid)
        return wasCharged && bytes <= used
    }
}

/// What one peer was sent outside its operations' windows (replies, final statuses, progress), and how much of it is known to be read.
/// A ping is answered only after everything before it was read, so its answer moves the mark; so does whatever the peer says while it is
/// owed no answer.
struct ReadMark: Hashable, Sendable {
    var sent = 0
    var read = 0
    /// What had been sent when the outstanding ping went out.
    var pinged: Int?

    /// Replies that were decided on, and charged, before they were sent: what is sent next is these.
    var promised = 0

    var unread: Int { sent - read }

    /// Of the bytes that were sent, those that were not promised before, and so are to be charged now.
    mutating func unpromised(of bytes: Int) -> Int {
        let kept = min(bytes, promised)
        promised -= kept
        return bytes - kept
    }

    /// The ping was answered; returns how many bytes are known to be read now that were not before.
    mutating func answered() -> Int {
        guard let mark = pinged else { return 0 }
        pinged = nil
        let newly = max(0, mark - read)
        read = max(read, mark)
        return newly
    }
}
