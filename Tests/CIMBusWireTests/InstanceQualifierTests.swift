import CIM
import CIMBusWire
import DBus
import Testing

/// Qualifiers of an instance on the wire.
@Suite struct InstanceQualifierTests {
    private let schema: Schema

    init() throws { schema = try Schema(everyType) }

    private static let instance: CIMInstance = {
        var instance = CIMInstance(className: "T_All", ["Name": "n", "Number": .uint64(3)])
        instance.qualifiers = [
            CIMQualifier(name: "Owner", value: "me", flavor: [.toInstance]), CIMQualifier(name: "Level", value: .sint8(-3)),
            CIMQualifier(name: "Nothing", value: .null, flavor: [.amended]), CIMQualifier(name: "Values", value: .strings([])),
        ]
        instance.propertyQualifiers = [
            .init(name: "Text", qualifiers: [CIMQualifier(name: "Parts", value: .array(of: .char16, [.char16(0x78)]))])
        ]
        return instance
    }()

    private func checked(_ reader: BodyReader, derived: Bool, keeps: Bool) throws -> ObjectBatch {
        let layout = try #require(schema.layout("T_All"))
        var reader = reader
        var checker = ObjectChecker(.instances(of: layout), derivedSystemProperties: derived, keepsQualifiers: keeps) { schema.layout($0) }
        try checker.checkObject(&reader)
        return try checker.finish()
    }

    private func encoded(_ instance: CIMInstance) throws -> BodyReader {
        var writer = BodyWriter()
        writer.append(instance: instance)
        return try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
    }

    @Test(
        "Those of stored instances come through with their types and flavors; those of any other object are left out",
        arguments: [true, false])
    func roundTrip(derived: Bool) throws {
        let kept = try checked(try encoded(Self.instance), derived: derived, keeps: true)
        var writer = BodyWriter()
        writer.append(object: kept)
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        var read = try reader.readInstance(try #require(schema.layout("T_All")))
        read.path = nil
        #expect(read == Self.instance)
        let wire = try #require(try kept.wire().first)
        #expect(wire["__QUALIFIERS"]?.elements?.count == 4 && (wire["__PATH"] != nil) == derived)
        let bare = try #require(try checked(try encoded(Self.instance), derived: derived, keeps: false).wire().first)
        #expect(bare["__QUALIFIERS"] == nil && bare["__PROPERTIES"] == nil && bare["Name"] == .string("n"))
    }

    @Test("A projection keeps them, whatever system properties it leaves out", arguments: [true, false])
    func projection(derived: Bool) throws {
        let (reader, ranges) = try checked(try encoded(Self.instance), derived: derived, keeps: true).contents
        for system: ObjectRow.SystemProperties in [.all, [], .location] {
            var row = ObjectRow(try #require(schema.layout("T_All")), in: reader)
            let isRead = row.read(ranges[0])
            #expect(isRead)
            var selection = ObjectSelection()
            selection.append(row, keeping: row.layout.isKey, system: system)
            let wire = try #require(try selection.finish().wire().first)
            #expect(wire["__QUALIFIERS"]?.elements?.count == 4 && wire["__PROPERTIES"]?.elements?.count == 1 && wire["Name"] != nil)
        }
    }
}
