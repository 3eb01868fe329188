import CIM
import DBus
import Testing

@testable import CIMBusWire

/// One instance from what two providers say about it (Semantics C.3, C.4).
@Suite("Objects of a hierarchy put together")
struct ObjectMergeTests {
    private static func property(_ name: String, _ type: CIMType, _ origin: String, key: Bool = false) -> CIMProperty {
        CIMProperty(name: name, type: CIMTypeReference(type), qualifiers: key ? [CIMQualifier(name: "key")] : [], origin: origin)
    }

    private let top = CIMClass(
        name: "Top",
        properties: [property("Name", .string, "Top", key: true), property("Size", .uint64, "Top"), property("Text", .string, "Top")])
    private let bottom = CIMClass(
        name: "Bottom", superclass: "Top", derivation: ["Top"],
        properties: [
            property("Name", .string, "Top", key: true), property("Size", .uint64, "Top"), property("Text", .string, "Bottom"),
            property("More", .uint8, "Bottom"),
        ])

    private func layout(_ declaration: CIMClass) -> ObjectLayout { ObjectLayout(declaration, namespace: .cimv2, server: "host") }

    private func entries(_ values: KeyValuePairs<String, CIMValue>) throws -> [UInt8] {
        var writer = BodyWriter()
        for (name, value) in values { writer.append(entry: name, value) }
        return try writer.finish()
    }

    private func row(_ object: [UInt8], _ declaration: CIMClass) -> ObjectRow? {
        var row = ObjectRow(layout(declaration), in: object.withUnsafeBytes { BodyReader(copying: $0) })
        return row.read(0..<object.count) ? row : nil
    }

    private func merged(_ derived: [UInt8], _ ancestor: [UInt8]) throws -> CIMInstance {
        var selection = ObjectSelection()
        selection.append(
            try #require(row(derived, bottom)), merging: try #require(row(ancestor, top)),
            ObjectMerge(of: layout(bottom), with: layout(top)))
        var writer = BodyWriter()
        writer.append(object: try selection.finish())
        let body = try writer.finish()
        var reader = body.withUnsafeBytes { BodyReader(copying: $0) }
        return try reader.readInstance(layout(bottom))
    }

    @Test("C.3: inherited properties are the ancestor's, overridden and own ones the derived class's")
    func owners() throws {
        let result = try merged(
            entries(["__CLASS": "Bottom", "Name": "n", "Size": .uint64(1), "Text": "mine", "More": .uint8(7)]),
            entries(["__CLASS": "Top", "Name": "n", "Size": .uint64(2), "Text": "theirs"]))
        #expect(result.className == "Bottom")
        #expect(result["Size"] == .uint64(2))
        #expect(result["Text"] == "mine")
        #expect(result["More"] == .uint8(7))
    }

    @Test("C.3: what only one of them has is taken from that one")
    func gaps() throws {
        let result = try merged(
            entries(["__CLASS": "Bottom", "Name": "n", "Size": .uint64(1)]), entries(["__CLASS": "Top", "Text": "theirs", "name": "n"]))
        #expect(result["Size"] == .uint64(1))
        #expect(result["Text"] == nil)
        let more = try merged(entries(["__CLASS": "Bottom", "Name": "n"]), entries(["__CLASS": "Top", "Size": .uint64(3)]))
        #expect(more["Size"] == .uint64(3))
    }

    @Test("C.3: the properties stand in the class's order, whoever said them")
    func order() throws {
        let result = try merged(
            entries(["__CLASS": "Bottom", "More": .uint8(7), "Name": "n"]),
            entries(["__CLASS": "Top", "Text": "theirs", "Size": .uint64(2), "Name": "n"]))
        #expect(result.properties.map(\.name) == ["Name", "Size", "More"])
    }

    @Test("H.1: the key of an object is the same for every class of the line, whatever the case of its text and the order of its entries")
    func keys() throws {
        let a = try entries(["__CLASS": "Bottom", "More": .uint8(1), "Name": "Some"])
        let b = try entries(["__CLASS": "Top", "Size": .uint64(1), "Name": "sOME"])
        let c = try entries(["__CLASS": "Top", "Name": "other"])
        let none = try entries(["__CLASS": "Top", "Size": .uint64(1)])
        func key(_ bytes: [UInt8], _ declaration: CIMClass) throws -> [UInt8]? {
            var key: [UInt8] = []
            return try #require(row(bytes, declaration)).appendKey(to: &key) ? key : nil
        }
        #expect(try key(a, bottom) == key(b, top))
        #expect(try key(a, bottom) != nil)
        #expect(try key(a, bottom) != key(c, top))
        #expect(try key(none, top) == nil)
    }

    @Test("H.1: keys that are numbers are told apart by their values, not by where they stand")
    func numericKeys() throws {
        let counted = CIMClass(
            name: "Counted",
            properties: [
                Self.property("Number", .uint64, "Counted", key: true), Self.property("Place", .string, "Counted", key: true),
            ])
        func key(_ number: UInt64, _ place: String) throws -> [UInt8] {
            var key: [UInt8] = []
            let bytes = try entries(["__CLASS": "Counted", "Number": .uint64(number), "Place": .string(place)])
            #expect(try #require(row(bytes, counted)).appendKey(to: &key))
            return key
        }
        #expect(try key(1, "a") == key(1, "A"))
        #expect(try key(1, "a") != key(2, "a"))
        #expect(try key(1, "a") != key(1, "b"))
    }

    @Test("Design 3: what several providers make too large together for a message is no batch")
    func tooLarge() throws {
        let text = String(repeating: "x", count: 5 << 20)
        let derived = try #require(row(entries(["__CLASS": "Bottom", "Name": "n", "Text": .string(text)]), bottom))
        let ancestor = try #require(row(entries(["__CLASS": "Top", "Name": "n", "Text": .string(text)]), top))
        let merge = ObjectMerge(of: layout(bottom), with: layout(top))
        var small = ObjectSelection()
        small.append(derived, merging: ancestor, merge)
        #expect(try small.finish().count == 1)
        let wide = CIMClass(
            name: "Wide", properties: [Self.property("Name", .string, "Wide", key: true), Self.property("Large", .string, "Wide")])
        let below = CIMClass(
            name: "Below", superclass: "Wide", derivation: ["Wide"], properties: wide.properties + [Self.property("More", .string, "Below")]
        )
        let low = try #require(row(entries(["__CLASS": "Below", "Name": "n", "More": .string(text)]), below))
        let high = try #require(row(entries(["__CLASS": "Wide", "Name": "n", "Large": .string(text)]), wide))
        var large = ObjectSelection()
        large.append(low, merging: high, ObjectMerge(of: layout(below), with: layout(wide)))
        do {
            _ = try large.finish()
            Issue.record("10 MiB are one object")
        } catch {
            #expect(error.kind == .tooLarge)
        }
    }
}
