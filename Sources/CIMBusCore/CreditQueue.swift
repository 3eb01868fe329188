/// The operations that wait for credit: of each user a line of their own, in which they take turns (L13).
///
/// An operation whose user has credit again has its full time again, however many others of its user wait before it. Nothing is written into the
/// operations that wait: the line remembers when credit came back, and ``BrokerCore/waitsSince(_:)`` compares.
struct CreditQueue: Sendable {
    struct Line: Sendable {
        var operations = WaitingLine<OperationID>()
        /// What the first of the line lacked when it was looked at last; nil: nothing, or it was not looked at since it became the first.
        var shortage: CreditLedger.Shortage?
        /// When credit of this user came back last, and when it did because a peer left.
        var returnedAt = Microseconds.min
        var leftAt = Microseconds.min
    }

    private(set) var lines: [UInt32: Line] = [:]
    /// Users whose first operation may go on when credit of any user comes back, in turn.
    private(set) var waitForAny = WaitingLine<UInt32>()

    var isEmpty: Bool { lines.isEmpty }

    func first(of uid: UInt32) -> OperationID? { lines[uid]?.operations.first }

    mutating func join(_ id: OperationID, of uid: UInt32) { lines[uid, default: Line()].operations.join(id) }

    mutating func leave(_ id: OperationID, of uid: UInt32) {
        let wasFirst = lines[uid]?.operations.first == id
        lines[uid]?.operations.leave(id)
        if lines[uid]?.operations.isEmpty != false {
            lines[uid] = nil
            waitForAny.leave(uid)
        } else if wasFirst {
            // What the next one needs is not known yet.
            lines[uid]?.shortage = nil
            waitForAny.join(uid)
        }
    }

    /// The operation was looked at, and lacks credit. Only the first of its line says anything about the line.
    mutating func found(_ shortage: CreditLedger.Shortage, by id: OperationID, of uid: UInt32) {
        guard first(of: uid) == id else { return }
        lines[uid]?.shortage = shortage
        if shortage == .ofAllUsers { waitForAny.join(uid) } else { waitForAny.leave(uid) }
    }

    /// Credit of `uid` came back; `hasLeft`: because a peer left.
    mutating func returned(to uid: UInt32, hasLeft: Bool, at now: Microseconds) {
        lines[uid]?.returnedAt = now
        if hasLeft { lines[uid]?.leftAt = now }
    }

    /// The users whose turn it is now that credit of `uid` has come back: those who waited for credit of any user, then `uid`.
    mutating func turns(after uid: UInt32) -> [UInt32] {
        var users = waitForAny.inOrder
        if lines[uid] != nil, !waitForAny.contains(uid) { users.append(uid) }
        waitForAny.removeAll()
        for user in users { lines[user]?.shortage = nil }
        return users
    }
}
