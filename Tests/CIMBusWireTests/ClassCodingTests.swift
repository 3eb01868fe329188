import CIM
import CIMBusWire
import CIMMOF
import DBus
import Testing

@Suite("Classes on the wire")
struct ClassCodingTests {
    private func trip(_ declaration: CIMClass) throws -> CIMClass {
        var writer = BodyWriter()
        writer.append(class: declaration, namespace: .cimv2, server: "HOST")
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        let read = try reader.readClass()
        #expect(reader.isAtEnd)
        return read
    }

    @Test("A class arrives as it is, with every feature, flavor, default and origin; its MOF can be rebuilt")
    func roundTrip() throws {
        let schema = try Schema(everyType)
        for declaration in schema.classes {
            let read = try trip(declaration)
            #expect(read == declaration)
            #expect(MOFWriter.write(read) == MOFWriter.write(declaration))
        }
        // The MOF that a client writes says what the provider's said.
        let local = try #require(try MOFParser.parse(everyType).classes.first { $0.name == "T_All" })
        let again = try MOFParser.parse(MOFWriter.write(try trip(try #require(schema["T_All"])))).classes
        #expect(again == [local])
    }

    @Test("The shape of a class is what it takes to read and to show its instances, and nothing else")
    func shape() throws {
        let words: Set<String> = ["key", "singleton", "values", "valuemap", "bitvalues", "bitmap"]
        func needed(_ qualifiers: [CIMQualifier]) -> [CIMQualifier] { qualifiers.filter { words.contains($0.name.lowercased()) } }
        let more = """
            [singleton, Description("one")] class T_One { [Values{"a", "b"}, ValueMap{"1", "2"}, read, Description("x")] uint8 State; };
            """
        for declaration in try Schema(everyType).classes + Schema(more).classes {
            var wanted = CIMClass(
                name: declaration.name, superclass: declaration.superclass, derivation: declaration.derivation,
                qualifiers: needed(declaration.qualifiers))
            wanted.properties = declaration.properties.map {
                CIMProperty(name: $0.name, type: CIMTypeReference(wire: $0.type), qualifiers: needed($0.qualifiers))
            }
            let batch = try ObjectBatch(shapeOf: declaration)
            var writer = BodyWriter()
            writer.append(object: batch)
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            #expect(try reader.isClass(isBrokers: true))
            #expect(try reader.readClass() == wanted)
        }
    }

    @Test("A batch of one class is the same bytes as the class itself")
    func batch() throws {
        let declaration = try #require(try Schema(everyType)["T_All"])
        let batch = try ObjectBatch(class: declaration, namespace: .cimv2, server: "HOST")
        #expect(batch.count == 1)
        var one = BodyWriter()
        one.append(object: batch)
        var other = BodyWriter()
        other.append(class: declaration, namespace: .cimv2, server: "HOST")
        #expect(try one.finish() == other.finish())
        let wire = try batch.wire()[0]
        #expect(wire["__GENUS"] == .int32(1))
        #expect(wire["__PATH"] == .string("\\\\HOST\\root\\cimv2:T_All"))
        #expect(wire["__DERIVATION"] == .strings(["T_Root"]))
    }

    @Test("Design 3: a class that takes more than 8 MiB is no batch; it says which class, and how large")
    func tooLarge() throws {
        let text = String(repeating: "x", count: 3 << 20)
        func property(_ name: String) -> CIMProperty {
            CIMProperty(name: name, type: CIMTypeReference(.string), defaultValue: .string(text), origin: "T_Large")
        }
        _ = try ObjectBatch(class: CIMClass(name: "T_Large", properties: [property("A")]), namespace: .cimv2, server: "HOST")
        let fault = #expect(throws: ObjectFault.self) {
            try ObjectBatch(
                class: CIMClass(name: "T_Large", properties: [property("A"), property("B")]), namespace: .cimv2, server: "HOST")
        }
        #expect(fault?.kind == .tooLarge)
        #expect(fault?.description.contains("T_Large") == true)
    }

    @Test("What is no class is a fault that says why")
    func faults() throws {
        func entry(_ key: String, _ list: DBusValue) -> Entries { [("__CLASS", .string("C")), (key, list)] }
        let cases: [Entries] = [
            [], [("__CLASS", .int32(1))], entry("__PROPERTIES", .string("x")), entry("__PROPERTIES", .strings(["x"])),
            entry("__PROPERTIES", objects([[("Type", .string("uint8"))]])), entry("__PROPERTIES", objects([[("Name", .string("p"))]])),
            entry("__PROPERTIES", objects([[("Name", .string("p")), ("Type", .string("int"))]])),
            entry("__METHODS", objects([[("Parameters", .strings([]))]])), entry("__QUALIFIERS", objects([[("Value", .int32(1))]])),
        ]
        for entries in cases {
            var reader = try body(.dictionary(entries))
            #expect(throws: ObjectFault.self) { try reader.readClass() }
        }
    }
}

extension CIMTypeReference {
    /// Without the size of an array, which no instance has.
    fileprivate init(wire type: CIMTypeReference) {
        self = type
        arraySize = nil
    }
}
