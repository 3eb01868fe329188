import CIMBusCore
import Testing

@testable import CIMBusBroker

/// How many lines peers may have written to the log.
struct LogGateTests {
    @Test("of one user and kind one line a second is written, and the others are counted")
    func counts() {
        var gate = LogGate()
        #expect(gate.verdict(.refusal, of: 7, at: 100) == .write)
        #expect(gate.verdict(.refusal, of: 7, at: 101) == .count)
        for moment in 102..<200 as Range<Microseconds> { #expect(gate.verdict(.refusal, of: 7, at: moment) == .drop) }
        // Others, and other kinds, are not held back.
        #expect(gate.verdict(.refusal, of: 8, at: 150) == .write)
        #expect(gate.verdict(.violation, of: 7, at: 150) == .write)
        #expect(gate.end(.refusal, of: 7) == 99)
        #expect(gate.end(.refusal, of: 7) == 0)
        #expect(gate.verdict(.refusal, of: 7, at: 100 + LogGate.interval) == .write)
    }

    @Test("a user for each line finds the log closed after some thousand within a second, and what is kept stays bounded")
    func manyUsers() {
        var gate = LogGate()
        var written = 0
        for uid in 0..<10_000 as Range<UInt32> where gate.verdict(.refusal, of: uid, at: 1) == .write { written += 1 }
        #expect(written == 4_096)
        #expect(gate.verdict(.refusal, of: 20_000, at: 1 + LogGate.interval) == .write)
    }
}
