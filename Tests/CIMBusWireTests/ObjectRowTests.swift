import CIM
import DBus
import Testing

@testable import CIMBusWire

/// Checked objects looked at where they lie, and cut to what is kept (Semantics I.2).
@Suite("Rows of a batch")
struct ObjectRowTests {
    private let schema: Schema

    init() throws {
        schema = try Schema(
            """
            class Row { [key] string Name; sint8 Small; datetime Made; uint8 Bytes[]; [EmbeddedObject] string Inner; real32 Real; };
            """)
    }

    /// Every length of text, so that what follows lies at every offset.
    private static let objects: [Entries] = (0..<9).map { index in
        [
            ("Small", .int32(Int32(index) - 4)), ("__CLASS", .string("row")), ("Real", .double(0.5)),
            ("Inner", .dictionary([("__CLASS", .string("Row")), ("Name", .string(String(repeating: "i", count: index)))])),
            ("Name", .string(String(repeating: "x", count: index))), ("Made", .string("20240101000000.000000+000")),
            ("Bytes", .bytes(Array(repeating: 7, count: index))),
        ]
    }

    private func slot(_ row: ObjectRow, _ name: String) -> Int { row.layout.slot(named: name) ?? -1 }

    @Test("values have the class's types, in any order of the properties; what is absent is NULL", arguments: [true, false])
    func values(derived: Bool) throws {
        let (reader, ranges) = try schema.check(
            Self.objects + [[("__CLASS", .string("Row")), ("Name", .string("last"))]], of: "Row", derived: derived
        )
        .contents
        var row = ObjectRow(try #require(schema.layout("Row")), in: reader)
        for (index, range) in ranges.dropLast().enumerated() {
            #expect(ObjectRow.className(at: range, in: reader) == "Row")
            let isRead = row.read(range)
            #expect(isRead)
            #expect(row.value(ofSlot: slot(row, "NAME")) == .string(String(repeating: "x", count: index)))
            #expect(row.value(ofSlot: slot(row, "Small")) == .sint8(Int8(index - 4)))
            #expect(row.value(ofSlot: slot(row, "Real")) == .real32(0.5))
            #expect(row.value(ofSlot: slot(row, "Made")).dateTimeValue != nil)
            #expect(row.value(ofSlot: slot(row, "Bytes")).arrayValue?.count == index)
            #expect(row.value(ofSlot: slot(row, "Inner")).objectValue?["Name"] == .string(String(repeating: "i", count: index)))
            #expect((row.path.stringValue != nil) == derived && (row.relativePath.stringValue != nil) == derived)
        }
        let isLastRead = row.read(try #require(ranges.last))
        #expect(isLastRead)
        #expect(row.value(ofSlot: slot(row, "Small")) == .null && row.value(ofSlot: -1) == .null && row.value(ofSlot: 99) == .null)
    }

    @Test("an object is cut anywhere and still reads", arguments: [ObjectRow.SystemProperties.all, [], .location, [.dynasty, .path]])
    func cut(system: ObjectRow.SystemProperties) throws {
        let batch = try schema.check(Self.objects, of: "Row")
        let (reader, ranges) = batch.contents
        var row = ObjectRow(try #require(schema.layout("Row")), in: reader)
        let names = ["Name", "Small", "Made", "Bytes", "Inner", "Real"]
        for mask in 0..<64 {
            let kept = names.indices.map { mask & 1 << $0 != 0 }
            var selection = ObjectSelection()
            for range in ranges {
                let isRead = row.read(range)
                #expect(isRead)
                selection.append(row, keeping: kept, system: system)
            }
            let objects = try selection.finish().wire()
            let properties = Set(names.indices.filter { kept[$0] }.map { names[$0] })
            let own: Set<String> =
                switch system {
                case .all: Set(try #require(batch.wire().first).keys.filter { $0.hasPrefix("__") })
                case []: ["__CLASS"]
                case .location: ["__CLASS", "__SERVER", "__NAMESPACE", "__RELPATH", "__PATH"]
                default: ["__CLASS", "__DYNASTY", "__PATH"]
                }
            #expect(objects.count == ranges.count && objects.allSatisfy { Set($0.keys) == properties.union(own) }, "\(kept)")
        }
    }

    @Test("whole objects are copied as they are")
    func whole() throws {
        let batch = try schema.check(Self.objects, of: "Row")
        let (reader, ranges) = batch.contents
        var selection = ObjectSelection()
        for range in ranges { selection.append(whole: range, of: reader) }
        #expect(try bytes(selection.finish()) == bytes(batch))
    }

    @Test("an object of another class is not read")
    func otherClass() throws {
        let (reader, ranges) = try schema.check(Self.objects, of: "Row").contents
        var other = ObjectRow(ObjectLayout(CIMClass(name: "Other"), namespace: .cimv2, server: "HOST"), in: reader)
        let isRead = [other.read(ranges[0]), other.read(0..<0)]
        #expect(isRead == [false, false])
    }
}
