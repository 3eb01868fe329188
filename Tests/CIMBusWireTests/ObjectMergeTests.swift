import CIM
import DBus
import Testing

@testable import CIMBusWire

/// One instance from what two providers say about it (SEMANTICS C.3, C.4).
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

    private func merged(_ derived: [UInt8], _ ancestor: [UInt8]) throws -> CIMInstance {
        let merge = ObjectMerge(of: bottom, with: top)
        let bytes = derived.withUnsafeBytes { derived in ancestor.withUnsafeBytes { merge.merged(derived, $0) } }
        var writer = BodyWriter()
        writer.append(object: ObjectBatch(objects: [bytes]))
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

    @Test("H.1: the key of an object is the same for every class of the line, whatever the case of its text and the order of its entries")
    func keys() throws {
        let a = try entries(["__CLASS": "Bottom", "More": .uint8(1), "Name": "Some"])
        let b = try entries(["Name": "sOME", "__CLASS": "Top"])
        let c = try entries(["Name": "other"])
        let none = try entries(["Size": .uint64(1)])
        func key(_ bytes: [UInt8], _ declaration: CIMClass) -> [UInt8]? { bytes.withUnsafeBytes { layout(declaration).key(of: $0) } }
        #expect(key(a, bottom) == key(b, top))
        #expect(key(a, bottom) != nil)
        #expect(key(a, bottom) != key(c, top))
        #expect(key(none, top) == nil)
    }

    @Test("the class of an object is found wherever its entry is; cut-off bytes are nobody's")
    func classes() throws {
        let bytes = try entries(["Name": "n", "__CLASS": "Bottom"])
        #expect(bytes.withUnsafeBytes { ObjectLayout.className(of: $0) } == "Bottom")
        #expect(bytes.withUnsafeBytes { ObjectLayout.isOf(class: "bottom", $0) })
        for count in bytes.indices {
            let cut = Array(bytes[..<count])
            #expect(cut.withUnsafeBytes { ObjectLayout.className(of: $0) } == nil)
            _ = cut.withUnsafeBytes { layout(top).key(of: $0) }
        }
    }
}
