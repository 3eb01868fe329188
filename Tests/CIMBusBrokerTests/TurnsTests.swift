import Testing

@testable import CIMBusBroker

/// How users take turns with what they send.
@Suite struct TurnsTests {
    @Test("the first 16 of a reading are served at once, what comes behind them waits, and the next reading begins anew")
    func atOnce() {
        var turns = Turns<Int>()
        let served = (0..<20).map { _ in turns.mayServe(7, in: 1, at: 0) }
        #expect(served.count { $0 } == 16 && served.prefix(16).allSatisfy { $0 })
        #expect(turns.mayServe(7, in: 2, at: 0) == true)
    }

    @Test("who has something waiting is served behind it, however little comes; others are not held up")
    func order() {
        var turns = Turns<Int>()
        #expect(turns.join(1, of: 7, bytes: 1) == true)
        #expect(turns.mayServe(7, in: 1, at: 0) == false)
        #expect(turns.mayServe(8, in: 1, at: 0) == true)
        #expect(turns.next() == 1)
        #expect(turns.mayServe(7, in: 2, at: 0) == true)
    }

    @Test("users take turns, one each, and each one's things stay in their order")
    func turns() {
        var turns = Turns<Int>()
        for number in 0..<1_000 { #expect(turns.join(number, of: 7, bytes: 1) == true) }
        for number in 2_000..<2_003 { #expect(turns.join(number, of: 8, bytes: 1) == true) }
        #expect((0..<7).compactMap { _ in turns.next() } == [0, 2_000, 1, 2_001, 2, 2_002, 3])
        var rest: [Int] = []
        while let next = turns.next() { rest.append(next) }
        #expect(rest == Array(4..<1_000) && turns.isEmpty)
    }

    @Test("one user's things are bounded in number and in bytes, one alone is always taken, and what nobody sent always has room")
    func bounded() {
        var turns = Turns<Int>()
        #expect(turns.join(0, of: 7, bytes: Turns<Int>.mostBytes + 1) == true)
        #expect(turns.join(1, of: 7, bytes: 1) == false)
        #expect(turns.join(2, of: 7, bytes: 0, isBounded: false) == true)
        #expect(turns.join(3, of: 8, bytes: 1) == true)
        #expect([turns.next(), turns.next(), turns.next(), turns.next()] == [0, 3, 2, nil])
        var joined = 0
        while turns.join(joined, of: 7, bytes: 1) { joined += 1 }
        #expect(joined == Turns<Int>.mostItems)
    }

    @Test("L13: several users together leave a little to each other one, and are no bound of root's; what is served makes room again")
    func boundedInAll() {
        var turns = Turns<Int>()
        let half = Turns<Int>.mostBytes / 2
        func joins(_ user: UInt32, _ bytes: Int) -> Bool { turns.join(0, of: user, bytes: bytes) }
        // Two users have all that there is for others than root.
        #expect([joins(1, half), joins(1, half), joins(2, half), joins(2, half)] == [true, true, true, true])
        // One thing is always taken, and more as far as it is little.
        #expect([joins(9, 1), joins(9, Turns<Int>.leastBytes / 2), joins(9, Turns<Int>.leastBytes)] == [true, true, false])
        #expect([joins(0, half), joins(0, half)] == [true, true])
        while turns.next() != nil {}
        #expect([joins(9, half), joins(9, half)] == [true, true])
    }

    @Test("what one user has can be served out of turn, and the others keep theirs")
    func ofOne() {
        var turns = Turns<Int>()
        for number in 0..<3 { _ = turns.join(number, of: 7, bytes: 1) }
        _ = turns.join(10, of: 8, bytes: 1)
        #expect([turns.next(of: 7), turns.next(of: 7), turns.next(of: 7), turns.next(of: 7)] == [0, 1, 2, nil])
        #expect(turns.next() == 10 && turns.next() == nil)
    }

    @Test(
        "L13: who has had its share of the time waits while another asks, in its place, and is served again when the other has had its parts"
    )
    func held() {
        var turns = Turns<Int>()
        let others = TimeShares.parts - 1
        turns.shares.asked(7, at: 0)
        turns.shares.asked(8, at: 0)
        turns.shares.spent(TimeShares.turn, on: 7, at: 0)
        #expect(turns.mayServe(7, in: 1, at: 1) == false)
        #expect(turns.mayServe(8, in: 1, at: 1) == true)
        for number in 0..<2 { _ = turns.join(number, of: 7, bytes: 1) }
        #expect(turns.next(at: 1) == nil)
        #expect(turns.pause(at: 0) == others * TimeShares.turn)
        _ = turns.join(10, of: 8, bytes: 1)
        #expect(turns.pause(at: 0) == nil)
        #expect([turns.next(at: 1), turns.next(at: 1)] == [10, nil])
        #expect(turns.next(at: others * TimeShares.turn + 10) == 0)
        // Out of turn what is there is served all the same.
        turns.shares.spent(TimeShares.turn, on: 7, at: (others + 1) * TimeShares.turn)
        #expect(turns.next(of: 7) == 1)
    }
}
