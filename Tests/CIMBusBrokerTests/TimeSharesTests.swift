import Testing

@testable import CIMBusBroker

/// How much of the broker's time a user has while others ask (L13).
@Suite("Shares of the broker's time (L13)") struct TimeSharesTests {
    private static let memory = TimeShares.memory
    private static let turn = TimeShares.turn
    /// As many times as long as a user's turn the others have.
    private static let others = TimeShares.parts - 1

    /// Two users ask, and one of them has `time`.
    private func beside(_ time: Int64) -> TimeShares {
        var shares = TimeShares()
        shares.asked(8, at: 0)
        shares.asked(7, at: 0)
        shares.spent(time, on: 7, at: 0)
        return shares
    }

    @Test("L13: a user who asks alone never waits, whatever it has had")
    func alone() {
        var shares = TimeShares()
        shares.asked(7, at: 0)
        shares.spent(1_000 * Self.turn, on: 7, at: 0)
        #expect(shares.wait(of: 7, at: 0) == nil)
        // Somebody asks: it waits. Root asks: it waits too.
        shares.asked(8, at: 1)
        #expect(shares.wait(of: 7, at: 1) != nil)
        #expect(shares.wait(of: 8, at: 1) == nil)
    }

    @Test("L13: a turn is short, and the others have three times as long; who has had less than a turn does not wait")
    func parts() {
        var shares = beside(Self.turn - 1)
        #expect(shares.wait(of: 7, at: 0) == nil)
        shares.spent(1, on: 7, at: 1)
        #expect(shares.wait(of: 7, at: 1) == Self.others * Self.turn)
        #expect(shares.wait(of: 7, at: Self.others * Self.turn / 2 + 1) == Self.others * Self.turn / 2)
        #expect(shares.wait(of: 7, at: Self.others * Self.turn + 1) == nil)
        // It begins anew with a whole turn.
        shares.asked(8, at: Self.others * Self.turn + 1)
        shares.spent(Self.turn / 2, on: 7, at: (Self.others + 1) * Self.turn)
        #expect(shares.wait(of: 7, at: (Self.others + 1) * Self.turn) == nil)
    }

    @Test("L13: one call that took long is not held against its user for ever; root is never held back")
    func bounds() {
        var shares = beside(1_000_000_000)
        #expect(shares.wait(of: 7, at: 0) == Self.others * TimeShares.mostDebt)
        shares.spent(1_000_000_000, on: 0, at: 0)
        #expect(shares.wait(of: 0, at: 0) == nil)
    }

    @Test("L13: a large message counts for what it takes to read it and to send it on")
    func bytes() {
        var shares = beside(0)
        shares.spent(1_000, Int(Self.turn / TimeShares.byte), on: 7, at: 0)
        #expect(shares.wait(of: 7, at: 0) == Self.others * (Self.turn + 1_000))
    }

    @Test("L13: who asked a tenth of a second ago asks no more; of three users each knows when another asked last")
    func asking() {
        var shares = beside(TimeShares.mostDebt)
        // User 8 asks no more, and the debt is there yet.
        shares.spent(TimeShares.mostDebt, on: 7, at: Self.memory - 1)
        #expect(shares.wait(of: 7, at: Self.memory - 1) != nil)
        #expect(shares.wait(of: 7, at: Self.memory) == nil)
        shares.asked(9, at: Self.memory)
        shares.asked(7, at: Self.memory + 1)
        shares.asked(7, at: Self.memory + 2)
        #expect(shares.wait(of: 7, at: Self.memory + 2) != nil)
    }

    @Test("the users of whom something is remembered are bounded")
    func bounded() {
        var shares = TimeShares()
        for user in 1..<10_000 { shares.spent(1, on: UInt32(user), at: Int64(user) * Self.turn) }
        #expect(shares.count <= 1_024)
    }
}
