import Testing

@testable import CIMBusCore

@Suite("What the bus holds for those who do not read")
struct BusBurdenTests {
    private var limits = Limits()
    private let mebibyte = 1 << 20

    private func alarmed(_ loads: [(UInt32, Int)], total: Int? = 64 << 20) -> (BusBurden, BusBurden.Change) {
        var burden = BusBurden(limits: limits)
        _ = burden.isDue(UInt64(limits.burdenStep))
        _ = burden.answered(limits.burden)
        let change = burden.found(loads.map { BusBurden.Load(uid: $0, bytes: $1) }, total: total)
        return (burden, change)
    }

    @Test("L13: the bus is asked once for every 4 MiB that were sent, and about each peer only where 40 MiB wait")
    func asking() {
        var burden = BusBurden(limits: limits)
        #expect(burden.isDue(UInt64(4 * mebibyte - 1)) == false)
        #expect(burden.isDue(UInt64(4 * mebibyte)) == true)
        #expect(burden.isDue(UInt64(8 * mebibyte)) == false, "it is being asked")
        #expect(burden.answered(40 * mebibyte - 1) == false)
        #expect(burden.isDue(UInt64(8 * mebibyte)) == true)
        #expect(burden.answered(nil) == false, "a bus that does not tell is asked again, and believed to hold nothing")
        #expect(burden.isDue(UInt64(12 * mebibyte)) == true)
        #expect(burden.answered(40 * mebibyte) == true)
        #expect(burden.isAlarmed)
    }

    @Test("L13: the user is muted whose connections together have more than twice its credit, and nobody else")
    func oneUser() {
        let (burden, change) = alarmed([(1000, 9 * mebibyte), (1000, 8 * mebibyte), (1001, 16 * mebibyte), (1002, 0)])
        #expect(burden.muted == [1000])
        #expect(change.muted == [BusBurden.Load(uid: 1000, bytes: 17 * mebibyte)])
        #expect(burden.isAlarmed)
    }

    @Test("L13: of many users who have a little each, those with the most are muted, until the rest is within the credit of all")
    func manyUsers() {
        let (burden, _) = alarmed((0..<8).map { (1000 + UInt32($0), (9 + $0) * mebibyte) }, total: 100 * mebibyte)
        // 9 to 16 MiB: 100 in all; without 16 and 15 they are 69, without 14 55.
        #expect(burden.muted == [1005, 1006, 1007])
    }

    @Test("L13: root is never muted")
    func root() {
        let (burden, _) = alarmed([(0, 100 * mebibyte), (1000, mebibyte)])
        #expect(burden.muted.isEmpty)
        #expect(burden.isAlarmed, "signals wait all the same")
    }

    @Test(
        "L13: who has read all but an eighth of its credit, or has left, is answered again; the alarm ends with the last, when the bus is rid of it"
    )
    func reading() {
        var (burden, _) = alarmed([(1000, 30 * mebibyte), (1001, 30 * mebibyte)])
        #expect(burden.muted == [1000, 1001])
        let load = BusBurden.Load(uid: 1000, bytes: mebibyte + 1)
        #expect(burden.found([load], total: 4 * mebibyte).unmuted == [1001])
        #expect(burden.isAlarmed)
        #expect(burden.isDue(1 << 40) == false, "it asks by itself while it is alarmed")
        #expect(burden.found([BusBurden.Load(uid: 1000, bytes: mebibyte)], total: 40 * mebibyte).unmuted == [1000])
        #expect(burden.isAlarmed)
        #expect(burden.found([], total: nil) == BusBurden.Change())
        #expect(!burden.isAlarmed)
    }
}
