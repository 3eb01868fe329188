import CIM
import CIMBusWire
import DBus
import Glibc
import Testing

@testable import CIMBusBroker

/// What is kept of an ancestor's objects while a hierarchy is merged (Semantics C.4; Design L13).
struct MergeTableTests {
    private func object(_ number: Int, _ size: Int = 104) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) }
    }

    private func key(_ number: Int) -> [UInt8] { Array("key\(number)".utf8) }

    /// Inserts objects as one batch.
    private func insert(_ objects: [(number: Int, bytes: [UInt8])], into table: MergeTable) throws {
        var bytes: [UInt8] = []
        var places: [(key: [UInt8], range: Range<Int>)] = []
        for object in objects {
            bytes.append(contentsOf: repeatElement(0, count: (8 - bytes.count % 8) % 8))
            places.append((key(object.number), bytes.count..<bytes.count + object.bytes.count))
            bytes += object.bytes
        }
        try table.insert(places, of: bytes.withUnsafeBytes { BodyReader(copying: $0) })
    }

    private func remove(_ number: Int, from table: MergeTable) throws -> [UInt8]? {
        try table.remove(key(number)).map { Array($0.reader.bytes(in: $0.range)) }
    }

    /// What is left, in order.
    private func rest(of table: MergeTable, ofAtMost size: Int = 1_000) throws -> [[UInt8]] {
        var objects: [[UInt8]] = []
        while let batch = try table.removeRest(ofAtMost: size) {
            #expect(batch.count > 0)
            let (reader, ranges) = batch.contents
            objects += ranges.map { Array(reader.bytes(in: $0)) }
        }
        return objects
    }

    @Test("C.4: what was kept comes back once, by its key; what is left comes in the end, in the order of its coming")
    func keeps() throws {
        let table = MergeTable(MergeBudget())
        for start in stride(from: 0, to: 100, by: 10) { try insert((start..<start + 10).map { ($0, object($0)) }, into: table) }
        for number in stride(from: 0, to: 100, by: 2) {
            #expect(try remove(number, from: table) == object(number))
            #expect(try remove(number, from: table) == nil)
        }
        #expect(!table.isSpilled)
        #expect(try rest(of: table) == stride(from: 1, to: 100, by: 2).map { object($0) })
        #expect(table.count == 0)
    }

    @Test("C.4, L13: past its memory it goes on in a file, and gives the same objects back")
    func spills() throws {
        let table = MergeTable(MergeBudget(memoryLimit: 20_000, fileLimit: 1 << 20))
        for number in stride(from: 0, to: 200, by: 2) {
            try insert([(number, object(number, number == 8 ? 70_000 : 304)), (number + 1, object(number + 1))], into: table)
        }
        #expect(table.isSpilled)
        for number in stride(from: 198, through: 0, by: -2) {
            #expect(try remove(number, from: table) == object(number, number == 8 ? 70_000 : 304))
        }
        #expect(try rest(of: table) == stride(from: 1, to: 200, by: 2).map { object($0) })
        #expect(table.count == 0)
    }

    @Test("R15 C.4: a spill past its bound is OutOfMemory that says what to do, and what was kept is still there")
    func overflows() throws {
        let table = MergeTable(MergeBudget(memoryLimit: 1_000, fileLimit: 10_000))
        var kept = 0
        let error = #expect(throws: CIMError.self) {
            for number in 0..<1_000 {
                try insert([(number, object(number))], into: table)
                kept = number
            }
        }
        #expect(error?.status == .outOfMemory)
        #expect(error?.message.contains("DIRECT_READ") == true)
        for number in 0...kept { #expect(try remove(number, from: table) == object(number)) }
    }

    @Test("R15: a spill that the system has no memory or no room for is that; another failure of the file is CriticalError")
    func fileFailures() {
        for (code, status, words) in [
            (ENOMEM, .outOfMemory, "when there is more memory"), (ENOSPC, .outOfDiskSpace, "make room there"),
            (EDQUOT, .outOfDiskSpace, "make room there"), (EIO, .criticalError, "Input/output error"),
        ] as [(Int32, WBEMStatus, String)] {
            let error = MergeTable.failure("write", code)
            #expect(error.status == status)
            #expect(error.message.contains("cannot write a temporary file") && error.message.contains(words), "\(error)")
        }
    }

    @Test("C.4: the same key again replaces what was there, in the same batch or in a later one")
    func replaces() throws {
        let table = MergeTable(MergeBudget())
        try insert([(1, object(1)), (1, object(2))], into: table)
        try insert([(2, object(3)), (3, object(4))], into: table)
        try insert([(2, object(5))], into: table)
        #expect(table.count == 3)
        #expect(try remove(1, from: table) == object(2))
        #expect(try remove(2, from: table) == object(5))
        #expect(try rest(of: table) == [object(4)])
    }

    @Test("C.4, L13: the tables of one operation share what it may take; what one gives back is the other's")
    func shares() throws {
        let budget = MergeBudget(memoryLimit: 4_000, fileLimit: 1 << 20)
        let first = MergeTable(budget)
        let second = MergeTable(budget)
        try insert([(1, object(1, 3_000))], into: first)
        try insert([(2, object(2, 3_000))], into: second)
        #expect(!first.isSpilled)
        #expect(second.isSpilled)
        #expect(try remove(1, from: first) == object(1, 3_000))
        try insert([(3, object(3, 2_000))], into: first)
        #expect(!first.isSpilled)
        #expect(try remove(2, from: second) == object(2, 3_000))
    }
}
