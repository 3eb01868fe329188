import CIM
import Testing

@testable import CIMBusBroker

/// What is kept of an ancestor's objects while a hierarchy is merged (SEMANTICS C.4; DESIGN L13).
struct MergeTableTests {
    private func object(_ number: Int, _ size: Int = 100) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
    }

    private func key(_ number: Int) -> [UInt8] { Array("key\(number)".utf8) }

    @Test("C.4: what was kept comes back once, by its key; what is left comes in the end")
    func keeps() throws {
        let table = MergeTable()
        for number in 0..<100 { try table.insert(object(number), at: key(number)) }
        for number in 0..<50 {
            #expect(try table.remove(key(number)) == object(number))
            #expect(try table.remove(key(number)) == nil)
        }
        #expect(!table.isSpilled)
        var left: Set<[UInt8]> = []
        while let object = try table.removeAny() { left.insert(object) }
        #expect(left == Set((50..<100).map { object($0) }))
        #expect(table.count == 0)
    }

    @Test("C.4, L13: past its memory it goes on in a file, and gives the same objects back")
    func spills() throws {
        let table = MergeTable(memoryLimit: 20_000, fileLimit: 1 << 20)
        for number in 0..<200 { try table.insert(object(number, number == 7 ? 70_000 : 300), at: key(number)) }
        #expect(table.isSpilled)
        for number in (0..<200).reversed() { #expect(try table.remove(key(number)) == object(number, number == 7 ? 70_000 : 300)) }
        #expect(table.count == 0)
    }

    @Test("C.4: past the limit of the file it is a QuotaViolation that says what to do, and what was kept is still there")
    func overflows() throws {
        let table = MergeTable(memoryLimit: 1_000, fileLimit: 10_000)
        var kept = 0
        let error = #expect(throws: CIMError.self) {
            for number in 0..<1_000 {
                try table.insert(object(number), at: key(number))
                kept = number
            }
        }
        #expect(error?.status == .quotaViolation)
        #expect(error?.message.contains("DIRECT_READ") == true)
        for number in 0...kept { #expect(try table.remove(key(number)) == object(number)) }
    }

    @Test("C.4: the same key again replaces what was there")
    func replaces() throws {
        let table = MergeTable()
        try table.insert(object(1), at: key(1))
        try table.insert(object(2), at: key(1))
        #expect(table.count == 1)
        #expect(try table.remove(key(1)) == object(2))
    }
}
