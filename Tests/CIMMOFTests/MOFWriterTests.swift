import CIM
import CIMMOF
import Testing

@Suite("MOF writer")
struct MOFWriterTests {
    @Test("What is written reads back to the same class")
    func roundTrip() throws {
        let declared = try #require(try MOFParser.parse(sampleMOF).classes.first)
        let text = MOFWriter.write(declared)
        #expect(try MOFParser.parse(text).classes == [declared], "\(text)")
    }

    @Test("Hard literals read back: control characters, quotes, extremes, shortest reals, characters")
    func literals() throws {
        let values: [CIMValue] = [
            .string("\u{0}\u{1}\u{7F}\"'\\\n\r\t\u{8}\u{C} é 😀 \u{FEFF}//*"), .string(""), .sint64(.min), .uint64(.max), .sint8(-128),
            .real64(.leastNonzeroMagnitude),
            .real64(.greatestFiniteMagnitude), .real64(1e16), .real64(-0.1),
            .real32(.greatestFiniteMagnitude), .real32(.leastNonzeroMagnitude), .real32(0.1),
            .char16(0x27), .char16(0x5C), .char16(0), .char16(0xD800), .char16(0xFFFF), .boolean(false),
            .array(of: .uint64, [.uint64(0), .uint64(.max)]), .array(of: .sint64, [.sint64(.min), .sint64(1)]), .array(of: .uint8, []),
            .array(of: .real32, [.real32(1), .real32(0.5)]), .strings(["", "\""]), .array(of: .char16, [.char16(0x41), .char16(0x22)]),
        ]
        for value in values {
            let type = try #require(value.type)
            let property = CIMProperty(name: "p", type: type, defaultValue: value, origin: "C")
            let declared = CIMClass(name: "C", properties: [property])
            #expect(try MOFParser.parse(MOFWriter.write(declared)).classes == [declared], "\(MOFWriter.write(declared))")
        }
    }

    @Test("Only what the class declares itself is written")
    func localOnly() throws {
        let unit = try MOFParser.parse(
            """
            [abstract, Note("x") : ToSubclass] class A { [key] string k; [write : ToSubclass] uint8 n; [Implemented] void M(); };
            [dynamic, provider("P")] class B : A { [Units("s")] uint8 N = 5; boolean b; };
            """)
        let base = try unit.classes[0].resolved(with: nil)
        let derived = try unit.classes[1].resolved(with: base)
        #expect(derived.properties.count == 3 && derived.methods.count == 1)
        let again = try MOFParser.parse(MOFWriter.write(derived)).classes[0]
        #expect(again == unit.classes[1])
        #expect(try again.resolved(with: base) == derived)
    }

    @Test("An instance reads back")
    func instance() throws {
        let instance = CIMInstance(
            className: "C", ["a": 1, "b": "x\"", "c": .null, "d": .strings(["y"]), "e": .object(CIMInstance(className: "D", ["f": 1.5]))])
        #expect(try MOFParser.parse(MOFWriter.write(instance)).instances.map(\.instance) == [instance])
    }
}
