import Testing

@testable import UnixProcesses

@Suite struct MessageNumbersTests {
    @Test("EV67: each CPU counts its messages; a gap says exactly how many are lost, and a CPU that begins says nothing")
    func gaps() {
        var numbers = MessageNumbers()
        #expect(numbers.take(100, of: 0) == 0)
        #expect(numbers.take(7, of: 1) == 0)
        #expect(numbers.take(101, of: 0) == 0)
        #expect(numbers.take(105, of: 0) == 3)
        #expect(numbers.take(8, of: 1) == 0)
        #expect(numbers.take(.max, of: 2) == 0)
        #expect(numbers.take(1, of: 2) == 1)
        // It began anew.
        #expect(numbers.take(0, of: 0) == 0)
        #expect(numbers.lost == 4 && numbers.received == 8)
    }
}
