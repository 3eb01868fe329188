import CIM
import DBus
import Testing

@testable import CIMBusWire

/// A value of each CIM type.
private let samples: [CIMValue] = [
    .boolean(true), .uint8(7), .sint8(-7), .uint16(7), .sint16(-7), .uint32(7), .sint32(-7), .uint64(7), .sint64(-7), .real32(0.5),
    .real64(0.5), .char16(0x78), .string("text"), .object(CIMInstance(className: "C", ["A": .uint8(1)])),
]

@Suite("The table of CIM types on the wire")
struct WireLayoutTests {
    private let samples: [CIMValue]

    init() throws {
        let time = try #require(CIMDateTime("20260101000000.000000+000"))
        self.samples = CIMBusWireTests.samples + [.datetime(time), .reference(try CIMObjectPath(parsing: "C.ID=1"))]
        #expect(Set(self.samples.compactMap(\.scalarType)) == Set(CIMType.allCases))
    }

    /// A reader of one variant with this value.
    private func reader(_ value: CIMValue) throws -> BodyReader {
        var writer = BodyWriter()
        writer.append(variant: value)
        return try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
    }

    @Test("The row of a type says the D-Bus type, the alignment and the extent of what is written")
    func written() throws {
        for value in samples {
            let type = try #require(value.scalarType)
            let layout = type.wireLayout
            for (value, signature, extent) in [
                (value, layout.signature, layout.extent),
                (.array(of: type, [value, value]), layout.arraySignature, layout.arrayExtent),
            ] {
                var reader = try reader(value)
                #expect(try reader.readVariantSignature().text == signature.description, "\(type)")
                try reader.skip(extent)
                #expect(reader.isAtEnd, "\(type)")
            }
            #expect(layout.alignment == Signature(verified: layout.signature.description).alignment, "\(type)")
            #expect(layout.arraySignature.description == "a\(layout.signature)", "\(type)")
        }
    }

    @Test("A reader that knows no class sees the type that the row shows, and finds it by the code of the D-Bus type")
    func shown() throws {
        for value in samples {
            let type = try #require(value.scalarType)
            let layout = type.wireLayout
            var reader = try reader(value)
            #expect(try reader.readVariant().scalarType == layout.shown)
            var list = try self.reader(.array(of: type, [value]))
            #expect(try list.readVariant().type == .array(of: layout.shown))
            if layout.shown != .object { #expect(CIMType(wireCode: layout.signature.utf8Start.pointee) == layout.shown) }
            #expect(type.isHiddenByWire == (layout.shown != type))
        }
        for code in Array("oghva({".utf8) + [0, 127, 128, 255] { #expect(CIMType(wireCode: code) == nil) }
    }

    @Test("What is copied without a look at the value is what no value of the D-Bus type can be wrong for")
    func plain() {
        #expect(Set(CIMType.allCases.filter { !$0.wireLayout.isPlain }) == [.sint8, .real32, .datetime, .reference, .object])
    }
}
