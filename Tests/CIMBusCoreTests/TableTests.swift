import Testing

@testable import CIMBusCore

@Suite("Table")
struct TableTests {
    private struct Thing: Equatable {
        var name: String
        var parts: [Int] = []
    }

    private static func table(_ numbers: [UInt64]) -> Table<SinkID, Thing> {
        var table = Table<SinkID, Thing>()
        for number in numbers { table[SinkID(number)] = Entry(Thing(name: "\(number)")) }
        return table
    }

    @Test("its order is that of the ids, in whichever order they came and went")
    func order() {
        var table = Self.table([7, 3, 9, 1, 5])
        #expect(table.keys.map(\.number) == [1, 3, 5, 7, 9])
        #expect(table.removeValue(forKey: SinkID(5))?.name == "5")
        table[SinkID(1)] = nil
        table[SinkID(4)] = Entry(Thing(name: "four"))
        #expect(table.values.map(\.name) == ["3", "four", "7", "9"])
        #expect(table.count == 4 && !table.isEmpty)
    }

    @Test("what is not there stays not there, whatever is done to it")
    func absence() {
        var table = Self.table([2])
        table[SinkID(1)]?.parts.append(1)
        table[SinkID(3)] = nil
        #expect(table.removeValue(forKey: SinkID(4)) == nil)
        #expect(table.keys.map(\.number) == [2] && table[SinkID(1)] == nil && table[SinkID(9)] == nil)
    }

    @Test("a copy of a table, and an entry that was handed out, never change with it")
    func values() {
        var table = Self.table([1, 2])
        let copy = table
        let handedOut = table[SinkID(1)]
        table[SinkID(1)]?.parts.append(8)
        table[SinkID(2)]?.value = Thing(name: "another")
        table[SinkID(1)]?.name = "first"
        #expect(copy[SinkID(1)]?.value == Thing(name: "1") && copy[SinkID(2)]?.name == "2")
        #expect(handedOut?.value == Thing(name: "1"))
        #expect(table[SinkID(1)]?.value == Thing(name: "first", parts: [8]) && table[SinkID(2)]?.name == "another")
    }
}
