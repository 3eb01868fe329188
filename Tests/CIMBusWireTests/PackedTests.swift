import CIM
import DBus
import Glibc
import SeededRandom
import Testing

@testable import CIMBusWire

/// Packed rows (Protocol.md, "Packed objects").
@Suite("Packed rows")
struct PackedTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    /// Properties of `T_All`, with values that rows have.
    private static let values: [(String, [CIMValue])] = [
        ("Name", [.string(""), .string("é\""), .string("longer than eight bytes")]), ("Number", [.uint64(0), .uint64(.max)]),
        ("Flag", [.boolean(true), .boolean(false)]), ("U8", [.uint8(255)]), ("S8", [.sint8(-128)]), ("U16", [.uint16(7)]),
        ("S16", [.sint16(-7)]), ("U32", [.uint32(1)]), ("S32", [.sint32(-1)]), ("S64", [.sint64(.min)]), ("R32", [.real32(0.5)]),
        ("R64", [.real64(0.25)]), ("Letter", [.char16(0xD800)]),
        ("Born", [CIMDateTime("20260101000000.000000+000")].compactMap(\.self).map { .datetime($0) }),
        ("Text", [.string("x")]), ("Flags", [.array(of: .boolean, [true, false]), .array(of: .boolean, [])]),
        ("U8s", [.array(of: .uint8, [.uint8(1), .uint8(2)])]), ("S8s", [.array(of: .sint8, [.sint8(-1)])]),
        ("U64s", [.array(of: .uint64, [.uint64(9)])]), ("R32s", [.array(of: .real32, [.real32(1.5)])]),
        ("Texts", [.strings(["", "abc"]), .strings([])]),
    ]

    private static func instances(_ random: inout SeededGenerator) -> [CIMInstance] {
        let names = values.filter { _ in random.chance(50) }
        return (0..<Int.random(in: 1...5, using: &random)).map { _ in
            CIMInstance(
                className: "T_All",
                names.map { name, values in
                    CIMInstance.Property(name: name, value: random.chance(70) ? values.randomElement(using: &random) ?? .null : .null)
                })
        }
    }

    private static func packed(_ instances: [CIMInstance]) throws -> BodyReader {
        var packed = PackedWriter()
        for instance in instances { guard packed.append(instance) else { throw ObjectFault("\(instance) is not packed") } }
        var writer = BodyWriter()
        let rows = packed.take()
        writer.append(packed: try #require(rows))
        return try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
    }

    @Test("What is packed is what the same instances are on the bus: for the checker, and for a client")
    func agrees() throws {
        var random = SeededGenerator(seed: 7)
        let layout = try #require(schema.layout("T_All"))
        for round in 0..<1_000 {
            let instances = Self.instances(&random)
            let batch = try PackedBatch(try Self.packed(instances))
            #expect(batch.count == instances.count)
            var plain = BodyWriter()
            // A NULL is left out: a row has it by a bit.
            plain.append(instances: instances.map { CIMInstance(className: $0.className, $0.properties.filter { !$0.value.isNull }) })
            let onBus = try plain.finish()
            let unpacked = try batch.unpacked()
            #expect(Array(unpacked.bytes(in: 0..<unpacked.count)) == onBus, "round \(round)")
            let fit = try #require(PackedFit(batch.columns, layout))
            #expect(fit.fits(batch))
            // What goes on as it is: the checker has nothing to mend.
            let checked = try schema.check(unpacked, of: "T_All", derived: false)
            #expect(try bytes(checked) == onBus, "round \(round)")
            for derived in [false, true] {
                let written = try batch.objects(fit, 0..<batch.count, derivedSystemProperties: derived)
                #expect(try bytes(written) == bytes(schema.check(unpacked, of: "T_All", derived: derived)), "round \(round)")
            }
            var decoder = InstanceDecoder(expectedClass: "T_All")
            decoder.learn(ObjectLayout(decoding: try #require(schema["T_All"])), of: "T_All")
            let decoded = try decoder.readInstances(batch)
            #expect(try decoded == decoder.readInstances(at: unpacked), "round \(round)")
            for (row, instance) in instances.enumerated() {
                for (column, property) in instance.properties.enumerated() {
                    #expect(batch.value(ofRow: row, column) == property.value)
                    #expect(batch.string(ofRow: row, column) == property.value.stringValue ?? property.value.dateTimeValue?.description)
                    #expect(batch.integer(ofRow: row, column)?.wide == property.value.wideValue)
                    #expect(batch.bool(ofRow: row, column) == property.value.boolValue)
                }
            }
        }
    }

    @Test("Of the rows that fit their class, some are written with some of their columns, and with the paths that their keys say")
    func someObjects() throws {
        let layout = try #require(schema.layout("T_All"))
        let instances = ["a", "b", "c"].map { CIMInstance(className: "T_All", ["U8": .uint8(1), "Name": .string($0), "U16": .null]) }
        let batch = try PackedBatch(try Self.packed(instances))
        let fit = try #require(PackedFit(batch.columns, layout))
        let objects = try batch.objects(fit, [0, 2], keeping: [true, false, false], derivedSystemProperties: true).wire()
        let whole = try schema.check(try batch.unpacked(), of: "T_All").wire()
        #expect(objects == [whole[0], whole[2]].map { $0.filter { $0.key != "Name" } })
        #expect(objects[1]["__RELPATH"] == whole[2]["__RELPATH"] && objects[1]["U8"] == .byte(1))
    }

    @Test("What rows are on the bus is bounded: cut where a batch there is full, and refused where names make much of little")
    func bounds() throws {
        let name = String(repeating: "N", count: 60_000)
        var packed = PackedWriter()
        let shape = RowShape("T_All", [.init(name, .uint8)])
        packed.begin(shape)
        for _ in 0..<1_000 {
            packed.beginRow()
            packed.append(UInt8(1))
            guard packed.endRow() else { throw ObjectFault("a row is refused") }
        }
        let taken = packed.take()
        let rows = try #require(taken)
        var parts = 0
        for part in try rows.unpackedParts() {
            #expect(part.count <= 256 << 10)
            var writer = BodyWriter()
            let array = writer.beginArray(elementAlignment: 4)
            part.withUnsafeBytes { writer.append(block: $0, phase: 4) }
            writer.endArray(array)
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            parts += try reader.readInstances().count
        }
        #expect(parts == 1_000)
        var writer = BodyWriter()
        writer.append(packed: rows)
        let batch = try PackedBatch(try writer.finish().withUnsafeBytes { BodyReader(copying: $0) })
        #expect(throws: ObjectFault.self) { try batch.unpacked() }
    }

    @Test("Some rows, and some columns, are those rows with those columns")
    func selections() throws {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            let instances = Self.instances(&random)
            let batch = try PackedBatch(try Self.packed(instances))
            let rows = instances.indices.filter { _ in random.chance(50) }
            let kept = batch.columns.columns.map { _ in random.chance(50) }
            func cut(_ instance: CIMInstance, _ isKept: (Int) -> Bool) -> [CIMValue] {
                instance.properties.indices.filter(isKept).map { instance.properties[$0].value }
            }
            func values(_ batch: PackedBatch) -> [[CIMValue]] {
                (0..<batch.count).map { row in batch.columns.columns.indices.map { batch.value(ofRow: row, $0) } }
            }
            #expect(try values(batch.selecting(rows)) == rows.map { cut(instances[$0]) { _ in true } })
            #expect(try values(batch.selecting(rows, keeping: kept)) == rows.map { cut(instances[$0]) { kept[$0] } })
        }
    }

    @Test("A row takes what its column is of, and nothing else; what was refused leaves nothing behind")
    func refusals() throws {
        let shape = RowShape("T_All", [.init("Name", .string), .init("U32", .uint32), .init("Flags", .array(of: .boolean))])
        var writer = PackedWriter()
        writer.begin(shape)
        func row(_ values: [CIMValue]) -> Bool {
            writer.beginRow()
            for value in values { writer.append(value) }
            return writer.endRow()
        }
        expect(row(["a", .uint32(1), .array(of: .boolean, [true])]))
        expect(!row(["b", .sint32(1)]))
        expect(!row([.uint32(1)]))
        expect(!row(["with a NUL \0"]))
        expect(!row(["c", .uint32(1), .null, .null, "one too many"]))
        expect(!row(["d", .uint32(1), .array(of: .boolean, [.uint8(1)])]))
        expect(!row([.object(CIMInstance(className: "T_Leaf"))]))
        expect(row([]))
        expect(row([.null, .uint32(2)]))
        var body = BodyWriter()
        let rows = writer.take()
        body.append(packed: try #require(rows))
        let reader = try body.finish().withUnsafeBytes { BodyReader(copying: $0) }
        let batch = try PackedBatch(reader)
        #expect((0..<batch.count).map { batch.value(ofRow: $0, 0) } == ["a", .null, .null])
        #expect((0..<batch.count).map { batch.value(ofRow: $0, 1) } == [.uint32(1), .null, .uint32(2)])
        let more = writer.take()
        #expect(more == nil)
    }

    @Test("Instances of another shape, and with values that no row has, are not packed beside the others")
    func shapes() {
        var writer = PackedWriter()
        func append(_ properties: KeyValuePairs<String, CIMValue>, _ name: String = "T_All") -> Bool {
            writer.append(CIMInstance(className: name, properties))
        }
        expect(append(["Name": "a", "U8": .null]))
        expect(append(["Name": "b", "U8": .uint8(1)]))
        // The first value said the type.
        expect(!append(["Name": "c", "U8": .sint8(1)]))
        expect(!append(["Name": "c"]))
        expect(!append(["U8": .uint8(1), "Name": "c"]))
        expect(!append(["Name": "c", "U8": .uint8(1)], "T_More"))
        expect(!append(["Name": .object(CIMInstance(className: "T_Leaf")), "U8": .null]))
        let count = writer.count
        #expect(count == 2)
        let size = writer.byteCount
        expect(append(["Name": "the last", "U8": .uint8(3)]))
        let (last, all) = (writer.lastRowBytes, writer.byteCount)
        #expect(last == all - size)
        let rows = writer.takeAllButLast()
        let left = writer.count
        #expect(rows?.count == 2 && rows?.byteCount == size && left == 1)
        writer.removeLast()
        let none = writer.take()
        #expect(none == nil)
    }

    @Test("Columns fit a class in its spelling and types alone, each once; dates and references get a closer look")
    func fits() throws {
        let layout = try #require(schema.layout("T_All"))
        func fit(_ properties: KeyValuePairs<String, CIMValue>, _ name: String = "T_All") throws -> Bool {
            let batch = try PackedBatch(try Self.packed([CIMInstance(className: name, properties)]))
            return PackedFit(batch.columns, layout)?.fits(batch) ?? false
        }
        #expect(try fit(["Name": "a", "U8": .uint8(1), "U16": .null]))
        #expect(try !fit(["name": "a"]))
        #expect(try !fit(["Nope": "a"]))
        #expect(try !fit(["Nope": .null]))
        #expect(try !fit(["U8": .uint16(1)]))
        #expect(try !fit(["Name": "a", "Name": "b"]))
        #expect(try !fit(["Name": "a"], "T_More"))
        #expect(try !fit(["Born": "20260230000000.000000+000"]))
        #expect(try !fit(["Other": .reference(CIMObjectPath(parsing: "T_Root.Name=\"a\""))]))
        #expect(try fit(["Other": .null]))
    }

    /// How many batches are spoilt; `CIMBUS_FUZZ_FRAMES` in the environment says otherwise.
    private static let count = getenv("CIMBUS_FUZZ_FRAMES").flatMap { Int(String(cString: $0)) } ?? 20_000

    @Test(
        "No bytes crash the reader of packed rows, and what it accepts is objects on the bus, those that the checker writes where they fit")
    func fuzz() throws {
        var random = SeededGenerator(seed: 9)
        let layout = try #require(schema.layout("T_All"))
        var (accepted, refused, fitting) = (0, 0, 0)
        for _ in 0..<Self.count {
            let whole = try Self.packed(Self.instances(&random))
            var bytes = Array(whole.bytes(in: 0..<whole.count))
            for _ in 0..<random.below(4) where bytes.count > 5 {
                let at = 4 + random.below(bytes.count - 4)
                switch random.below(4) {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.below(256))
                case 1: bytes[at] ^= 1 << UInt8(random.below(8))
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.below(9)))
                default: bytes.insert(UInt8(truncatingIfNeeded: random.below(256)), at: at)
                }
            }
            withUnsafeBytes(of: UInt32(bytes.count - 4)) { bytes.replaceSubrange(0..<4, with: $0) }
            let reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
            do {
                let batch = try PackedBatch(reader)
                accepted += 1
                var unpacked = try batch.unpacked()
                let read = try unpacked.readValue(Signature(verified: "aa{sv}"))
                #expect(read.elements?.count == batch.count && unpacked.isAtEnd)
                if let fit = PackedFit(batch.columns, layout), fit.fits(batch) {
                    let written = try batch.objects(fit, 0..<batch.count, derivedSystemProperties: true).wire()
                    #expect(try written == schema.check(try batch.unpacked(), of: "T_All").wire())
                    fitting += 1
                }
                _ = try batch.selecting(Array(0..<batch.count), keeping: batch.columns.columns.map { _ in true })
            } catch {
                #expect(error is PackedFault, "\(error)")
                refused += 1
            }
        }
        #expect(accepted > Self.count / 10 && refused > Self.count / 10, "\(accepted) accepted, \(refused) refused")
        #expect(fitting > Self.count / 20, "\(fitting) fit")
    }

    @Test(
        "What a batch says of itself is believed only where it holds",
        arguments: [
            ("its head is longer than it", [0xFF, 0xFF, 0xFF, 0x7F], 0), ("more columns than there is room for", [0xFF, 0xFF], 4 + 7),
            ("a type that there is not", [9, 0], 4 + 9), ("an embedded object", [13, 0], 4 + 9),
            ("more rows", [0xFF, 0xFF, 0xFF, 0x7F], 21),
            ("fewer rows", [0, 0, 0, 0], 21), ("a longer row", [0xFF, 0xFF, 0xFF, 0x7F], 25), ("a row without bits", [0, 0, 0, 0], 25),
            ("a bit of no column", [3], 29), ("a longer text", [0xFF, 0xFF, 0xFF, 0xFF], 30), ("no UTF-8", [0xFF], 34), ("a NUL", [0], 34),
        ] as [(String, [UInt8], Int)])
    func lies(what: String, lie: [UInt8], at: Int) throws {
        let whole = try Self.packed([CIMInstance(className: "T_All", ["Name": "a"])])
        var bytes = Array(whole.bytes(in: 0..<whole.count))
        #expect(bytes.count == 4 + 35)
        bytes.replaceSubrange(4 + at..<4 + at + lie.count, with: lie)
        #expect(throws: PackedFault.self) { try PackedBatch(bytes.withUnsafeBytes { BodyReader(copying: $0) }) }
    }
}

/// A call that changes what cannot be copied stands in no macro.
private func expect(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) { #expect(isTrue, sourceLocation: sourceLocation) }

extension PackedInteger {
    fileprivate var wide: Int128 {
        switch self {
        case .signed(let value): Int128(value)
        case .unsigned(let value): Int128(value)
        }
    }
}

extension CIMValue {
    /// Any integer, or a char16.
    fileprivate var wideValue: Int128? { uint64Value.map { Int128($0) } ?? int64Value.map { Int128($0) } }
}
