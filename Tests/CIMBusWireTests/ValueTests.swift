import CIM
import CIMBusWire
import DBus
import Testing

/// Every value of every CIM type, at its limits.
private let values: [(type: CIMType, values: [CIMValue])] = [
    (.boolean, [true, false]),
    (.uint8, [.uint8(0), .uint8(.max)]), (.sint8, [.sint8(.min), .sint8(-1), .sint8(.max)]),
    (.uint16, [.uint16(0), .uint16(.max)]), (.sint16, [.sint16(.min), .sint16(.max)]),
    (.uint32, [.uint32(0), .uint32(.max)]), (.sint32, [.sint32(.min), .sint32(.max)]),
    (.uint64, [.uint64(0), .uint64(.max)]), (.sint64, [.sint64(.min), .sint64(.max)]),
    (.real32, [.real32(0.1), .real32(-.infinity), .real32(.leastNonzeroMagnitude)]),
    (.real64, [.real64(0.1), .real64(.infinity), .real64(-0.0), .real64(.greatestFiniteMagnitude)]),
    (.char16, [.char16(0), .char16(0x78), .char16(0xD800)]),
    (.string, ["", "é 𝄞 \"\\\n", .string(String(repeating: "x", count: 70_000))]),
    (
        .datetime,
        ["20260101000000.000000+000", "00000001020304.000005:000", "2026****000000.******-***"].compactMap { CIMDateTime($0) }
            .map { .datetime($0) }
    ),
    (
        .reference,
        ["T_Root.Name=\"a\"", "\\\\H\\root\\cimv2:T_Only=@"].compactMap { try? CIMObjectPath(parsing: $0) }.map { .reference($0) }
    ),
]

private func property(_ type: CIMType, isArray: Bool) -> String {
    let names: [CIMType: String] = [
        .boolean: "Flag", .uint8: "U8", .sint8: "S8", .uint16: "U16", .sint16: "S16", .uint32: "U32", .sint32: "S32", .uint64: "U64",
        .sint64: "S64", .real32: "R32", .real64: "R64", .char16: "Letter", .string: "Text", .datetime: "Born", .reference: "Other",
    ]
    let name = names[type] ?? ""
    if isArray { return type == .datetime ? "Births" : name + "s" }
    return type == .uint64 ? "Number" : name
}

@Suite("Values on the wire")
struct ValueTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    /// Written by a provider, checked by the broker, read by a client that knows the class.
    private func trip(_ name: String, _ value: CIMValue, derived: Bool) throws -> CIMValue? {
        let instance = CIMInstance(className: "T_All", [name: value])
        var writer = BodyWriter()
        writer.append(instances: [instance])
        let sent = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        let batch = try schema.check(sent, of: "T_All", derived: derived)
        let layout = ObjectLayout(decoding: try #require(schema["T_All"]))
        var reader = try bytes(batch).withUnsafeBytes { BodyReader(copying: $0) }
        let end = try reader.enterArray(elementAlignment: 4)
        let read = try reader.readInstance(layout)
        try reader.leaveArray(end)
        #expect(read.className == "T_All")
        return read[name]
    }

    @Test("Every type arrives as it was sent, with and without derived system properties", arguments: [true, false])
    func scalars(derived: Bool) throws {
        for (type, values) in values {
            for value in values {
                #expect(value.scalarType == type)
                #expect(try trip(property(type, isArray: false), value, derived: derived) == value)
            }
        }
    }

    @Test("Arrays too, empty ones included", arguments: [true, false])
    func arrays(derived: Bool) throws {
        for (type, values) in values where type != .reference {
            for elements in [[], values, values + values] {
                let value = CIMValue.array(of: type, elements)
                #expect(try trip(property(type, isArray: true), value, derived: derived) == value, "\(type)")
            }
        }
    }

    @Test("An absent property is NULL, and NULL is left out")
    func null() throws {
        #expect(try trip("U8", .null, derived: true) == nil)
    }

    @Test("Any integer type whose value fits is accepted (Design 3: dbus-python sends i)")
    func coercion() throws {
        let five: [DBusValue] = [.byte(5), .int16(5), .uint16(5), .int32(5), .uint32(5), .int64(5), .uint64(5)]
        let integers: [(String, DBusValue)] = [
            ("U8", .byte(5)), ("S8", .int16(5)), ("U16", .uint16(5)), ("S16", .int16(5)), ("U32", .uint32(5)), ("S32", .int32(5)),
            ("Number", .uint64(5)), ("S64", .int64(5)), ("R32", .double(5)), ("R64", .double(5)),
        ]
        for (name, expected) in integers {
            for sent in five {
                let object = try schema.check([[("__CLASS", .string("T_All")), (name, sent)]], of: "T_All").wire()[0]
                #expect(object[name] == expected, "\(name) sent as \(sent)")
            }
        }
        let lists: Entries = [
            ("__CLASS", .string("T_All")), ("u8S", .array(element: Signature(verified: "i"), [.int32(0), .int32(255)])),
            ("S64s", .array(element: Signature(verified: "v"), [.variant(.int32(7))])),
            ("Texts", .array(element: Signature(verified: "v"), [])), ("Letter", .string("é")),
        ]
        let object = try schema.check([lists], of: "T_All").wire()[0]
        #expect(object["U8s"] == .bytes([0, 255]))
        #expect(object["S64s"] == .array(element: Signature(verified: "x"), [.int64(7)]))
        #expect(object["Texts"] == .strings([]))
        #expect(object["Letter"] == .uint16(0xE9))
    }

    @Test(
        "What does not fit is InvalidObject, and names property and class",
        arguments: [
            ("U8", .int32(256)), ("U8", .int32(-1)), ("S8", .int16(-129)), ("S8", .int16(128)), ("U16", .int32(65536)),
            ("S16", .uint16(32768)), ("U32", .int64(-1)), ("S32", .uint32(.max)), ("Number", .int32(-1)), ("S64", .uint64(.max)),
            ("R32", .double(1e300)), ("Flag", .int32(2)), ("U8", .boolean(true)), ("Text", .int32(1)), ("Number", .string("1.5")),
            ("Letter", .string("xy")), ("Born", .string("tomorrow")), ("Other", .string("T_Root.Name=")), ("Text", .strings(["a"])),
            ("Texts", .string("a")), ("U8s", .array(element: Signature(verified: "i"), [.int32(1), .int32(256)])),
            ("Texts", .array(element: Signature(verified: "v"), [.variant(.string("a")), .variant(.int32(1))])),
            ("U64s", .dictionary([("a", .int32(1))])),
            ("Texts", .array(element: Signature(verified: "v"), [.variant(.strings(["a"]))])),
            ("Text", .structure([.int32(1)])), ("Text", .array(element: Signature(verified: "(i)"), [])),
        ] as [(String, DBusValue)])
    func misfits(name: String, value: DBusValue) throws {
        let fault = try #require(try schema.fault([("__CLASS", .string("T_All")), (name, value)], of: "T_All"))
        #expect(fault.status == .invalidObject)
        #expect(fault.description.contains("property \(name) of T_All"), "\(fault)")
    }

    @Test("A client's decoder says which property does not fit")
    func decoderMisfit() throws {
        let layout = ObjectLayout(decoding: try #require(schema["T_All"]))
        var reader = try body(.dictionary([("__CLASS", .string("T_All")), ("S8", .int16(1000))]))
        #expect { try reader.readInstance(layout) } throws: { ($0 as? ObjectFault)?.description.contains("S8") == true }
    }
}
