import CIM
import DBus
import SeededRandom
import Testing

@testable import CIMBusWire

/// L1 and Design 3, Objects: what is forwarded as it came is what the checker would have made.
@Suite("Objects forwarded as they are")
struct VerbatimTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    private static let plain: [(String, [DBusValue])] = [
        ("Name", [.string(""), .string("é\""), .string("longer than eight bytes")]), ("Number", [.uint64(0), .uint64(.max)]),
        ("Flag", [.boolean(true), .boolean(false)]), ("U8", [.byte(0), .byte(255)]), ("U16", [.uint16(7)]), ("S16", [.int16(-7)]),
        ("U32", [.uint32(1)]), ("S32", [.int32(-1)]), ("S64", [.int64(.min)]), ("R64", [.double(0.5), .double(.nan)]),
        ("Letter", [.uint16(0xD800)]), ("Born", [.string("20260101000000.000000+000"), .string("00000001020304.000005:000")]),
        ("Text", [.string("x"), .string("")]), ("Flags", [.array(element: Signature(verified: "b"), [.boolean(true)])]),
        ("U8s", [.bytes([]), .bytes([1, 2, 3])]), ("U32s", [.array(element: Signature(verified: "u"), [.uint32(1)])]),
        ("U64s", [.array(element: Signature(verified: "t"), []), .array(element: Signature(verified: "t"), [.uint64(9)])]),
        ("R64s", [.array(element: Signature(verified: "d"), [.double(1)])]), ("Texts", [.strings([]), .strings(["", "abc"])]),
    ]

    /// What a closer look must be taken at, or is wrong.
    private static let other: Entries = [
        ("Name", .int32(1)), ("name", .string("n")), ("Number", .int32(1)), ("Flag", .int32(1)), ("U8", .int32(300)), ("S8", .int16(-1)),
        ("S8", .int16(999)), ("R32", .double(1)), ("Born", .string("20260230000000.000000+000")), ("Born", .string("no")),
        ("Other", .string("T_Root.Name=\"a\"")), ("S8s", .array(element: Signature(verified: "n"), [.int16(1)])), ("Nope", .int32(1)),
        ("__PATH", .string("T_All.Name=\"spoof\"")), ("__class", .string("T_More")), ("__CLASS", .string("T_All")), ("Extra", .string("e")),
        ("Births", .strings(["20260101000000.000000+000"])), ("U64s", .bytes([1])), ("Text", .variant(.string("in a variant"))),
    ]

    private func object(_ random: inout SeededGenerator) -> Entries {
        var entries: Entries = []
        for (name, values) in Self.plain where random.chance(40) {
            if let value = values.randomElement(using: &random) { entries.append((name, value)) }
        }
        if random.chance(10) { entries.shuffle(using: &random) }
        if random.chance(25), let wrong = Self.other.randomElement(using: &random) {
            entries.insert(wrong, at: Int.random(in: 0...entries.count, using: &random))
        }
        if random.chance(5), let twice = entries.randomElement(using: &random) { entries.append(twice) }
        let name = random.chance(94) ? "T_All" : ["t_all", "T_More", "T_Leaf", ""].randomElement(using: &random) ?? ""
        let place = random.chance(95) ? 0 : Int.random(in: 0...entries.count, using: &random)
        if random.chance(98) { entries.insert(("__CLASS", .string(name)), at: place) }
        return entries
    }

    @Test("Whatever passes as it is equals, byte for byte, what the checker makes")
    func agrees() throws {
        var random = SeededGenerator(seed: 42)
        let layout = try #require(schema.layout("T_All"))
        var passed = 0
        var refused = 0
        for round in 0..<4000 {
            let list = (0..<Int.random(in: 0...3, using: &random)).map { _ in object(&random) }
            let reader = try body(objects(list))
            let checked = Result { try schema.check(reader, of: "T_All", derived: false) }
            guard let ranges = layout.rangesIfVerbatim(reader) else {
                refused += 1
                continue
            }
            passed += 1
            let batch = ObjectBatch(verbatim: reader, ranges: ranges)
            let expected = try checked.get()
            #expect(ranges.count == list.count)
            #expect(batch.count == expected.count && batch.sizes == expected.sizes && batch.byteCount == expected.byteCount)
            for (own, other) in zip(batch.ranges, expected.ranges) where batch.bytes[own] != expected.bytes[other] {
                Issue.record("round \(round): \(list)")
            }
            #expect(try bytes(batch) == bytes(expected), "round \(round)")
        }
        // Both ways were taken, or this proves nothing.
        #expect(passed > 500 && refused > 500, "\(passed) passed, \(refused) did not")
    }

    @Test("Objects behind other arguments are found where they are, and batches come apart at any object")
    func offsetsAndParts() throws {
        let layout = try #require(schema.layout("T_All"))
        let list: [Entries] = (0..<5).map { [("__CLASS", .string("T_All")), ("U8", .byte(UInt8($0))), ("Text", .string("t\($0)"))] }
        var writer = BodyWriter()
        writer.append(uint32: 1)
        writer.append(string: "odd")
        writer.append(objects(list))
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        _ = try reader.readUInt32()
        _ = try reader.readString()
        var rest = ObjectBatch(verbatim: reader, ranges: try #require(layout.rangesIfVerbatim(reader)))
        let first = rest.removeFirst(2)
        #expect(try (first.wire() + rest.wire()).map { $0["Text"]?.text } == ["t0", "t1", "t2", "t3", "t4"])
        let whole = try schema.check(list, of: "T_All", derived: false)
        #expect(first.byteCount + rest.byteCount == whole.byteCount)
        #expect(rest.removeFirst(99).count == 3 && rest.count == 0)
    }

    @Test("The other byte order is always checked")
    func swapped() throws {
        let layout = try #require(schema.layout("T_All"))
        // An empty aa{sv} is the same in both orders.
        let reader = [UInt8](repeating: 0, count: 4).withUnsafeBytes { BodyReader(copying: $0, bigEndian: 1.bigEndian != 1) }
        #expect(layout.rangesIfVerbatim(reader) == nil)
    }

    @Test(
        "W3: the keys of an object that lies as its class says are told where they lie; all else is left to the closer look",
        arguments: [
            ("T_Two.A=\"x\",B=\"y z\"", true), ("T_Two.A=\"X\",B=\"Y Z\"", true), ("T_Two.A=\"x\",B=\"y\"", false),
            ("T_Two.A=\"x\",B=\"y zz\"", false), ("T_Two.A=\"xx\",B=\"y z\"", false), ("T_Two.A=\"x\"", false), ("T_Two=@", false),
            ("T_Two.B=\"y z\",A=\"x\"", false), ("T_Two.A=\"x\",C=\"y z\"", false), ("T_Two.A=1,B=\"y z\"", false), ("T_Two", false),
        ])
    func evidentKeys(path: String, expected: Bool) throws {
        let schema = try Schema(
            "class T_Two { uint32 Before; [key] string A; uint64 Between; string Also; [key] string B; string After; };")
        let layout = try #require(schema.layout("T_Two"))
        let path = try CIMObjectPath(parsing: path)
        func isEvident(_ object: Entries) throws -> Bool {
            let reader = try body(objects([object]))
            let ranges = try #require(layout.rangesIfVerbatim(reader))
            let isEvident = layout.evidentlyHasKeys(of: path, at: ranges[0], in: reader)
            if isEvident {
                var row = ObjectRow(layout, in: reader)
                let isRead = row.read(ranges[0])
                #expect(isRead && row.keys(otherThan: path, needsAll: true) { schema.layout($0) } == nil)
            }
            return isEvident
        }
        let keys: Entries = [("__CLASS", .string("T_Two")), ("A", .string("x")), ("B", .string("y z"))]
        let full: Entries = [
            ("__CLASS", .string("T_Two")), ("Before", .uint32(1)), ("A", .string("x")), ("Between", .uint64(2)), ("Also", .string("y z")),
            ("B", .string("y z")), ("After", .string("x")),
        ]
        #expect(try isEvident(keys) == expected)
        #expect(try isEvident(full) == expected)
        // A key that is NULL is not evidently the same.
        #expect(try !isEvident(Array(keys.dropLast())))
        #expect(try !isEvident(full.filter { $0.0 != "A" }))
    }
}
