import CIM
import CIMBusWire
import DBus
import Testing

@testable import CIMBusClient
@testable import cimctl

@Suite struct JSONRowsTests {
    private static let declaration = CIMClass(
        name: "T_Row",
        properties: [
            CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key", value: true)]),
            CIMProperty(name: "Flag", type: CIMTypeReference(.boolean)),
            CIMProperty(name: "Size", type: CIMTypeReference(.uint64)),
            CIMProperty(name: "Ratio", type: CIMTypeReference(.real64)),
            CIMProperty(name: "Since", type: CIMTypeReference(.datetime)),
            CIMProperty(name: "Words", type: CIMTypeReference(.string, isArray: true)),
            CIMProperty(name: "Sizes", type: CIMTypeReference(.uint8, isArray: true)),
            CIMProperty(name: "None", type: CIMTypeReference(.string)),
        ])

    @Test(
        "JSON: rows are written from where they lie as the instances are that they stand for", arguments: [nil, ["Size", "name", "Nope"]])
    func rows(selection: [String]?) throws {
        let time = try #require(CIMDateTime("20260101000000.000000+000"))
        let instances = [
            CIMInstance(
                className: "T_Row",
                [
                    "Name": "a\"b\u{1}", "Flag": true, "Size": .uint64(.max), "Ratio": .real64(0.5), "Since": .datetime(time),
                    "Words": .strings(["", "é\n"]), "Sizes": .array(of: .uint8, [.uint8(1), .uint8(2)]),
                ]),
            CIMInstance(
                className: "T_Row",
                [
                    "Name": "plain", "Flag": false, "Size": .null, "Ratio": .real64(.nan), "Since": .null, "Words": .strings([]),
                    "Sizes": .null,
                ]),
            CIMInstance(className: "T_Row", ["Name": "\u{7F}", "Flag": .null, "Size": .uint64(0)]),
        ]
        var packed = PackedWriter()
        // A row has the columns of the first, in their order.
        for instance in instances {
            var row = CIMInstance(className: "T_Row")
            for property in Self.declaration.properties.dropLast() { row[property.name] = instance[property.name] ?? .null }
            let isPacked = packed.append(row)
            #expect(isPacked)
        }
        var writer = BodyWriter()
        let rows = packed.take()
        writer.append(packed: try #require(rows))
        let batch = RowBatch(content: .packed(try PackedBatch(try writer.finish().withUnsafeBytes { BodyReader(copying: $0) })))
        let json = JSONRows(batch, Self.declaration, in: .cimv2, only: selection)
        for (row, instance) in zip(batch, instances) {
            var bytes: [UInt8] = []
            json.append(row, to: &bytes)
            var instance = instance
            instance.path = CIMObjectPath(
                className: "T_Row", keys: .keys([.init(name: "Name", value: .string(instance["Name"]?.stringValue ?? ""))]))
            // No path can hold such a key.
            if instance["Name"]?.stringValue?.utf8.contains(where: { $0 < 0x20 }) ?? true { instance.path = nil }
            let line = JSONText.line(instance, Self.declaration, in: .cimv2, only: selection)
            #expect(String(decoding: bytes, as: UTF8.self) + "\n" == line)
        }
    }

    @Test("JSON: integers of each width are written from where they lie, the least and the largest among them")
    func integers() throws {
        let values: [(String, CIMType, [CIMValue])] = [
            ("U8", .uint8, [.uint8(0), .uint8(.max)]), ("S8", .sint8, [.sint8(.min), .sint8(.max)]),
            ("U16", .uint16, [.uint16(9), .uint16(.max)]), ("S16", .sint16, [.sint16(.min), .sint16(10)]),
            ("U32", .uint32, [.uint32(0), .uint32(.max)]), ("S32", .sint32, [.sint32(.min), .sint32(-1)]),
            ("U64", .uint64, [.uint64(100), .uint64(.max)]), ("S64", .sint64, [.sint64(.min), .sint64(.max)]),
        ]
        let declaration = CIMClass(name: "T_Numbers", properties: values.map { CIMProperty(name: $0.0, type: CIMTypeReference($0.1)) })
        let instances = (0..<2).map { place in
            var row = CIMInstance(className: "T_Numbers")
            for (name, _, values) in values { row[name] = values[place] }
            return row
        }
        var packed = PackedWriter()
        for instance in instances {
            let isPacked = packed.append(instance)
            #expect(isPacked)
        }
        var writer = BodyWriter()
        let rows = packed.take()
        writer.append(packed: try #require(rows))
        let batch = RowBatch(content: .packed(try PackedBatch(try writer.finish().withUnsafeBytes { BodyReader(copying: $0) })))
        let json = JSONRows(batch, declaration, in: .cimv2, only: nil)
        for (row, instance) in zip(batch, instances) {
            var bytes: [UInt8] = []
            json.append(row, to: &bytes)
            #expect(String(decoding: bytes, as: UTF8.self) + "\n" == JSONText.line(instance, declaration, in: .cimv2, only: nil))
        }
    }
}
