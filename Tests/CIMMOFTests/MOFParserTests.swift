import CIM
import CIMMOF
import Testing

/// A text that uses most of the language.
let sampleMOF = #"""
    // A disk and what belongs to it
    #pragma namespace("\\\\.\\ROOT\\cimv2")
    #pragma nonlocal("x")
    /* a block
       comment */
    [dynamic, provider("CIMBus|Disk|1.0"): ToInstance, Description("A "
        "disk") : Amended ToSubclass, Values{1, 2}, Locale(0x409)]
    class Linux_Disk as $Disk : CIM_LogicalDisk
    {
        [key, read : ToInstance ToSubclass DisableOverride, MaxLen(256)] string DeviceID;
        [read : ToSubclass, ToInstance, write(FALSE)] uint64 Size = 18446744073709551615;
        sint8 Low = -0x80;
        uint16 Mask = 0777;
        uint8 Bits = 101b;
        real32 Ratio = -1.5e+2;
        real64 Half = .5;
        boolean Removable = false;
        char16 Letter = '\x41';
        datetime Since = "20260101000000.000000+000";
        [SubType("interval")] datetime Age;
        string Names[] = {"a", "b\t\"\\"};
        uint32 Sizes[4] = {1, 2};
        CIM_System ref System;
        object ref Anything;
        object Any;
        Linux_Label Label;
        [EmbeddedInstance("Linux_Label")] string Embedded;
        [EmbeddedObject] string Free;
        object:Linux_Label Colon;
        string Nothing = NULL;
        [Implemented, Static] uint32 Format([in] string Kind, [in, out, optional] uint8 Data[], [out] Linux_Disk ref Made);
        [Implemented] void Eject();
    };
    instance of __Win32Provider as $P
    {
        Name = "CIMBus|Disk|1.0";
        Version = 1;
        Enabled = TRUE;
    };
    instance of __InstanceProviderRegistration
    {
        Provider = $P;
        SupportsGet = TRUE;
        QuerySupportLevels = {"WQL:UnarySelect"};
        Extra = instance of X { a = {1, 3000000000}; b = instance of Y {}; };
    };
    """#

@Suite("MOF parser (DSP0004; Semantics H.2, H.5)")
struct MOFParserTests {
    private func disk() throws -> CIMClass {
        let unit = try MOFParser.parse(sampleMOF)
        return try #require(unit.classes.first)
    }

    @Test("Declarations come in order, with their namespace, lines and warnings")
    func declarations() throws {
        let unit = try MOFParser.parse("\u{FEFF}" + sampleMOF, file: "disk.mof")
        #expect(unit.declarations.count == 3)
        #expect(unit.declarations.allSatisfy { $0.namespace?.text == "root/cimv2" })
        #expect(unit.declarations.map(\.firstLine) == [6, 34, 40])
        #expect(unit.declarations.map(\.lastLine) == [33, 39, 46])
        #expect(unit.warnings.map(\.line) == [3])
    }

    @Test("H.5: qualifiers with values and flavors, commas between flavors included")
    func qualifiers() throws {
        let disk = try disk()
        #expect(disk.name == "Linux_Disk" && disk.superclass == "CIM_LogicalDisk")
        #expect(disk.isDynamic && disk.providerName == "CIMBus|Disk|1.0")
        #expect(disk.qualifier(named: "PROVIDER")?.flavor == .toInstance)
        #expect(
            disk.qualifier(named: "description") == CIMQualifier(name: "Description", value: "A disk", flavor: [.amended, .toSubclass]))
        #expect(disk.qualifier(named: "Values")?.value == .array(of: .sint32, [1, 2]))
        #expect(disk.qualifier(named: "Locale")?.value == .sint32(0x409))
        let id = try #require(disk.property(named: "deviceid"))
        #expect(id.isKey && id.qualifier(named: "key")?.flavor == [])
        #expect(id.qualifier(named: "read")?.flavor == [.toInstance, .toSubclass, .disableOverride])
        let size = try #require(disk.property(named: "Size"))
        #expect(size.qualifiers.map(\.name) == ["read", "write"])
        #expect(size.qualifier(named: "read")?.flavor == [.toSubclass, .toInstance])
        #expect(size.qualifier(named: "write")?.value == .boolean(false))
    }

    @Test("H.2: every type, with its default")
    func types() throws {
        let disk = try disk()
        func property(_ name: String) throws -> (CIMTypeReference, CIMValue) {
            let property = try #require(disk.property(named: name))
            return (property.type, property.defaultValue)
        }
        #expect(try property("Size") == (.init(.uint64), .uint64(.max)))
        #expect(try property("Low") == (.init(.sint8), .sint8(-128)))
        #expect(try property("Mask") == (.init(.uint16), .uint16(0o777)))
        #expect(try property("Bits") == (.init(.uint8), .uint8(5)))
        #expect(try property("Ratio") == (.init(.real32), .real32(-150)))
        #expect(try property("Half") == (.init(.real64), .real64(0.5)))
        #expect(try property("Removable") == (.init(.boolean), .boolean(false)))
        #expect(try property("Letter") == (.init(.char16), .char16(0x41)))
        #expect(try property("Since").1.dateTimeValue?.year == 2026)
        #expect(try property("Names") == (.array(of: .string), .strings(["a", "b\t\"\\"])))
        #expect(try property("Sizes") == (.init(.uint32, isArray: true, arraySize: 4), .array(of: .uint32, [.uint32(1), .uint32(2)])))
        #expect(try property("System").0 == .init(.reference, className: "CIM_System"))
        #expect(try property("Anything").0 == .init(.reference))
        #expect(try property("Any").0 == .init(.object))
        for name in ["Label", "Embedded", "Colon"] { #expect(try property(name).0 == .init(.object, className: "Linux_Label")) }
        #expect(try property("Free").0 == .init(.object))
        #expect(try property("Nothing") == (.init(.string), .null))
        #expect(disk.properties.allSatisfy { $0.origin == "Linux_Disk" })
    }

    @Test("C.5: methods with their parameters")
    func methods() throws {
        let disk = try disk()
        let format = try #require(disk.method(named: "format"))
        #expect(format.returnType == .init(.uint32) && format.isStatic && format.isImplemented)
        #expect(format.parameters.map(\.name) == ["Kind", "Data", "Made"])
        #expect(format.parameters.map(\.isIn) == [true, true, false])
        #expect(format.parameters.map(\.isOut) == [false, true, true])
        #expect(format.parameters.map(\.isOptional) == [false, true, false])
        #expect(format.parameters[1].type == .array(of: .uint8))
        #expect(try #require(disk.method(named: "Eject")).returnType == nil)
    }

    @Test("D.3: registration instances, aliases named for later")
    func instances() throws {
        let instances = try MOFParser.parse(sampleMOF).instances
        #expect(instances[0].alias == "P")
        #expect(instances[0].instance["Version"] == .sint32(1))
        #expect(instances[1].instance["Provider"] == .some(.null))
        #expect(instances[1].aliasReferences.map(\.alias) == ["P"])
        #expect(instances[1].aliasReferences.map(\.line) == [42] && instances[1].aliasReferences.map(\.column) == [16])
        let extra = try #require(instances[1].instance["Extra"]?.objectValue)
        #expect(extra["a"] == .array(of: .sint64, [.sint64(1), .sint64(3_000_000_000)]))
        #expect(extra["b"]?.objectValue?.className == "Y")
    }

    @Test("Keywords and types are read in any case, escapes and surrogate pairs as written")
    func spelling() throws {
        let unit = try MOFParser.parse(#"[KEY(TRUE)] CLASS c { STRING s = "\xD83D\xDE00\x9!\b\f\r\n\'"; Uint8 n = Null; };"#)
        #expect(unit.classes[0].properties[0].defaultValue == .string("😀\t!\u{8}\u{C}\r\n'"))
    }

    @Test("Line ends of all three kinds count once")
    func lineEnds() throws {
        let error = #expect(throws: MOFError.self) { try MOFParser.parse("//a\r\n\r\n//b\r//c\n  ß %") }
        #expect(error?.line == 5 && error?.column == 3)
    }

    @Test("DSP0004: an embedded instance may be written in a string")
    func embeddedText() throws {
        let text = #"class A { [EmbeddedInstance("B")] string b = "instance of B { c = \"d\"; };"; };"#
        let value = try MOFParser.parse(text).classes[0].properties[0].defaultValue
        #expect(value == .object(CIMInstance(className: "B", ["c": "d"])))
        #expect(MOFParser.embeddedInstance(in: "class B {};") == nil)
        #expect(throws: MOFError.self) { try MOFParser.parse(#"class A { [EmbeddedObject] string b = "B"; };"#) }
    }

    @Test("Names that are words of MOF elsewhere are names where a name stands")
    func wordsAsNames() throws {
        let unit = try MOFParser.parse(
            "class A { object ref; X ref class; uint8 null; X ref(); }; instance of A { instance = 1; class = 2; qualifier = 3; };")
        #expect(unit.classes[0].properties.map(\.type) == [.init(.object), .init(.reference, className: "X"), .init(.uint8)])
        #expect(unit.classes[0].methods[0].returnType == .init(.object, className: "X"))
        #expect(unit.instances[0].instance.properties.map(\.name) == ["instance", "class", "qualifier"])
    }

    @Test("What is read and not kept is warned about, once each")
    func warnings() throws {
        let text = "instance of A { a = 1; }; class B { void m([in] uint8 a = 1); };\n#pragma unheard(\"of\", x)"
        let warnings = try MOFParser.parse(text, file: "w").warnings
        #expect(warnings.map { "\($0.file):\($0.line):\($0.column)" } == ["w:1:57", "w:2:1"])
    }
}
