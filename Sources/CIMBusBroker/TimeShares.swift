/// How much of the broker's time the calls of each user take, and who has to wait because they have had their share (L13).
///
/// While others ask too, a user other than root has a quarter of the time: a turn of 250 µs, and 750 µs for the others.
/// Who asks alone never waits. Times are nanoseconds of a clock that never goes back.
struct TimeShares {
    private struct Account {
        /// What the user has had and the others have not had their part for yet, as of `at`.
        var debt: Int64 = 0
        var at: Int64
        var waits = false

        mutating func repay(until now: Int64) {
            debt = max(0, debt - max(0, now - at) / (TimeShares.parts - 1))
            at = max(at, now)
            if debt == 0 { waits = false }
        }
    }

    /// A user has one of so many parts.
    static var parts: Int64 { 4 }
    /// A user has so much at a time.
    static var turn: Int64 { 250_000 }
    /// A byte that comes and goes on counts as so much.
    static var byte: Int64 { 4 }
    /// Nobody owes more, however long one call took.
    static var mostDebt: Int64 { 10_000_000 }
    /// Who asked longer ago than this does not ask now.
    static var memory: Int64 { 100_000_000 }
    private static var mostAccounts: Int { 1_024 }

    private var accounts: [UInt32: Account] = [:]
    /// Who asked last, and when somebody else did before: these say of each user when another one asked last.
    private var last: (user: UInt32, at: Int64)?
    private var otherThanLast: Int64?

    /// How many users it remembers something of.
    var count: Int { accounts.count }

    mutating func asked(_ user: UInt32, at now: Int64) {
        if let last, last.user != user { otherThanLast = last.at }
        last = (user, now)
    }

    /// Something that the user asked for has been done, and took `time`. To read so many bytes, and to send them on, took and takes time besides.
    mutating func spent(_ time: Int64, _ bytes: Int = 0, on user: UInt32, at now: Int64) {
        guard user != 0 else { return }
        let whole = min(Self.mostDebt, time + Int64(min(bytes, 1 << 30)) * Self.byte)
        if accounts.count >= Self.mostAccounts { removeSettled(at: now) }
        var account = accounts[user] ?? Account(at: now)
        account.repay(until: now - time)
        account.at = now
        account.debt = min(Self.mostDebt, account.debt + whole)
        if account.debt >= Self.turn { account.waits = true }
        accounts[user] = account
    }

    private mutating func removeSettled(at now: Int64) {
        for user in accounts.keys { accounts[user]?.repay(until: now) }
        accounts = accounts.filter { $0.value.debt > 0 }
    }

    /// For how long the user has to wait; nil: not at all.
    mutating func wait(of user: UInt32, at now: Int64) -> Int64? {
        guard accounts[user]?.waits == true else { return nil }
        accounts[user]?.repay(until: now)
        guard let account = accounts[user], account.waits, asksBeside(user, at: now) else { return nil }
        return account.debt * (Self.parts - 1)
    }

    private func asksBeside(_ user: UInt32, at now: Int64) -> Bool {
        guard let last else { return false }
        guard let other = last.user == user ? otherThanLast : last.at else { return false }
        return now - other < Self.memory
    }
}
