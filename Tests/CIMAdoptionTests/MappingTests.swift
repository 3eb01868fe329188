import CIM
import CIMAdoption
import CIMMOF
import DBus
import Testing

@Suite("Mappings of D-Bus services") struct MappingTests {
    static let unit = """
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; list /org/example org.example.Manager.List(as [], s 'all') -> (Name, State, _, path); "
                "interface org.example.Unit; find /org/example/unit/{Name}; where Name like '*.service'; timeout 3")]
        class Test_Unit
        {
            [key] string Name;
            [PropertyContext("column State or .State | null '' 'n/a'")] string State;
            uint32 MainPID;
            [PropertyContext(".Started | null 0 | since1970 us")] datetime Started;
            [Implemented, MethodContext(".Restart(s Mode, b false) -> (_, ReturnValue); polkit org.example.manage")] uint32 Restart([in] string Mode);
        };
        """

    func classes(_ text: String) throws -> AdoptedClasses { AdoptedClasses(try MOFParser.parse(text).classes) }

    @Test("A mapping says where the objects, their values and their methods are") func reads() throws {
        let classes = try classes(Self.unit)
        #expect(classes.faults == [])
        let adopted = try #require(classes["test_unit"])
        #expect(adopted.context.service.text == "org.example.Units")
        #expect(adopted.context.timeout == .seconds(3))
        #expect(
            adopted.context.finding
                == .path(PathTemplate([.literal("org"), .literal("example"), .literal("unit"), .property("Name", isRaw: false)])))
        guard case .list(let call, let columns) = adopted.context.source else {
            throw MOFError(file: "", line: 0, column: 0, status: .failed, message: "no list")
        }
        #expect(call.signature.text == "ass")
        #expect(columns == [.named("Name"), .named("State"), .ignored, .path])
        #expect(adopted.way("Name").map(\.origin).first == .column("Name"))
        #expect(adopted.way("State").count == 2)
        #expect(adopted.way("MainPID").first?.origin == .property(PropertyPlace(InterfaceName(verified: "org.example.Unit"), "MainPID")))
        let method = try #require(adopted.methods[CIMName("Restart")])
        #expect(method.polkitAction == "org.example.manage")
        #expect(method.call.arguments.map(\.value) == [.parameter("Mode"), .constant(.boolean(false))])
        #expect(method.results.map(\.parameter) == [nil, "ReturnValue"])
    }

    @Test(
        "A fault of a text has its line and column in the file, behind the strings that stand before it",
        arguments: [
            ("where Name like", "whre Name like", "expected service, bus", 3, 69),
            ("column State or", "column Stat or", "expected a column that the clause 'list' names, found 'Stat'", 7, 23),
            ("| null 0 |", "| nul 0 |", "expected since1970", 9, 34),
            ("s Mode, b", "s Mod, b", "expected the name of an in parameter of Restart, found 'Mod'", 10, 34),
            ("as [], s", "as [], zz", "expected a D-Bus type, found 'zz'", 2, 96),
            ("find /org/example/unit/{Name}", "find /org/example/unit/{Nam}", "expected the name of a key in braces", 2, 19),
            ("timeout 3", "cache at /org/example .Subscribe(s Name)", "expected constants in the path and in the arguments", 3, 104),
            ("timeout 3", "derives 'CIM_Service'", "expected the name of a class", 3, 106),
        ])
    func faults(_ fault: (from: String, to: String, message: String, line: Int, column: Int)) throws {
        let text = Self.unit.replacing(fault.from, with: fault.to)
        #expect(text != Self.unit)
        let errors = try MOFParser.parse(text).adoptionFaults()
        let error = try #require(errors.first)
        #expect(error.message.contains(fault.message), "\(error)")
        #expect(error.line == fault.line)
        #expect(error.column == fault.column)
    }

    @Test("A cache, and a superclass that the repository may have; what takes a context takes the cache alone") func cacheAndSuperclass()
        throws
    {
        let text =
            Self.unit.replacing("timeout 3", with: "derives CIM_Element; cache at /org/example org.example.Manager.Subscribe()") + """
                [dynamic, provider("DBusServices"), ClassContext("like Test_Unit; interface org.example.Service")]
                class Test_Service : Test_Unit { string Type; };
                """
        let declared = try MOFParser.parse(text).classes
        let known = try MOFParser.parse("[abstract] class CIM_Element { string Name; };").classes[0].resolved(with: nil)
        for (has, superclass) in [(true, "CIM_Element"), (false, nil)] as [(Bool, String?)] {
            let classes = AdoptedClasses(declared) { has && CIMName.equal($0, "CIM_Element") ? known : nil }
            #expect(classes.faults == [])
            let service = try #require(classes["Test_Service"])
            #expect(service.context.caching?.preparation?.member.text == "Subscribe")
            #expect(service.context.optionalSuperclass == nil)
            #expect(classes["Test_Unit"]?.declaration.superclass == superclass)
            #expect(service.declaration.derivation == ["Test_Unit"] + [superclass].compactMap { $0 })
            let written = SuperclassText.adding(classes.optionalSuperclasses, to: text)
            #expect(try MOFParser.parse(written).classes.map(\.superclass) == [superclass, "Test_Unit"])
            #expect(written.count { $0.isNewline } == text.count { $0.isNewline })
        }
        #expect(AdoptedClasses(declared, alone: [CIMName("Test_Unit")]) { _ in known }.optionalSuperclasses == [:])
    }

    @Test("A class takes what another's context says, and changes it") func like() throws {
        let text =
            Self.unit + """
                [dynamic, provider("DBusServices"), ClassContext("like Test_Unit; interface org.example.Service; where Name like 'a*'")]
                class Test_Service : Test_Unit { string Type; };
                [association, dynamic, provider("DBusServices"), ClassContext("like Test_Unit; each .Requires inverse .RequiredBy")]
                class Test_Needs
                {
                    [key, PropertyContext("path | ref Test_Unit")] Test_Unit ref Dependent;
                    [key, PropertyContext("element | ref Test_Unit.Name")] Test_Unit ref Antecedent;
                };
                """
        let classes = try classes(text)
        #expect(classes.faults == [])
        let service = try #require(classes["Test_Service"])
        #expect(service.way("Type").first?.origin == .property(PropertyPlace(InterfaceName(verified: "org.example.Service"), "Type")))
        #expect(service.way("MainPID").first?.origin == .property(PropertyPlace(InterfaceName(verified: "org.example.Unit"), "MainPID")))
        let needs = try #require(classes["Test_Needs"])
        #expect(needs.context.finding == nil)
        #expect(needs.context.each.first?.inverse?.name == "RequiredBy")
    }
}

@Suite("Values of D-Bus properties") struct ConversionTests {
    let converter = ValueConverter(
        bootTime: 1_000_000,
        reference: { name, key, value in CIMObjectPath(className: name, keys: .keys([.init(name: key ?? "Path", value: .string(value))])) },
        declaration: { name in
            CIMClass(
                name: name,
                properties: [
                    CIMProperty(name: "A", type: CIMTypeReference(.string)), CIMProperty(name: "B", type: CIMTypeReference(.uint8)),
                ])
        })

    func value(_ source: DBusValue, _ text: String, _ type: CIMTypeReference, _ qualifiers: [CIMQualifier] = []) throws -> CIMValue {
        let context = try PropertyContext(".P" + text, InterfaceName(verified: "org.example.X"))
        return try converter.value(
            source, steps: context.ways[0].steps, conversions: context.ways[0].conversions,
            as: CIMProperty(name: "P", type: type, qualifiers: qualifiers))
    }

    @Test("Times since 1970 and since boot become datetimes, lengths intervals, in each unit") func times() throws {
        #expect(try value(.uint64(1_000_001), " | since1970 us", .init(.datetime)) == .datetime(CIMDateTime("19700101000001.000001+000")!))
        #expect(try value(.uint64(2), " | since1970 s", .init(.datetime)) == .datetime(CIMDateTime("19700101000002.000000+000")!))
        #expect(try value(.uint64(5), " | sinceBoot us", .init(.datetime)) == .datetime(CIMDateTime("19700101000001.000005+000")!))
        #expect(try value(.uint32(90), " | interval s", .init(.datetime)) == .datetime(CIMDateTime("00000000000130.000000:000")!))
        #expect(throws: ValueMisfit.self) { try value(.uint64(.max), " | interval s", .init(.datetime)) }
        #expect(throws: ValueMisfit.self) { try value(.string("x"), " | since1970 us", .init(.datetime)) }
    }

    @Test("Values that mean nothing are NULL where the mapping says so, and elements of arrays are left out") func nulls() throws {
        #expect(try value(.uint64(.max), " | null 18446744073709551615", .init(.uint64)) == .null)
        #expect(try value(.string(""), " | null ''", .init(.string)) == .null)
        #expect(try value(.objectPath(.root), " | null '/' | ref T", .init(.reference)) == .null)
        #expect(try value(.strings(["a", "", "b"]), " | null ''", .array(of: .string)) == .strings(["a", "b"]))
    }

    @Test("An integer is checked for its range, and what does not fit is a misfit") func ranges() throws {
        #expect(try value(.uint32(255), "", .init(.uint8)) == .uint8(255))
        #expect(throws: ValueMisfit.self) { try value(.uint32(256), "", .init(.uint8)) }
        #expect(throws: ValueMisfit.self) { try value(.int32(-1), "", .init(.uint64)) }
        #expect(throws: ValueMisfit.self) { try value(.strings(["x"]), "", .init(.uint8)) }
        #expect(try value(.boolean(true), "", .init(.uint8)) == .uint8(1))
        #expect(try value(.string("yes"), "", .init(.boolean)) == .boolean(true))
    }

    @Test("Object paths and keys become references; arrays of them arrays of references") func references() throws {
        let path = CIMObjectPath(className: "T", ["Path": .string("/a")])
        #expect(try value(.objectPath(ObjectPath(verified: "/a")), " | ref T", .init(.reference)) == .reference(path))
        let key = CIMObjectPath(className: "T", ["Name": .string("x")])
        #expect(try value(.strings(["x"]), " | ref T.Name", .array(of: .reference)) == .array(of: .reference, [.reference(key)]))
    }

    @Test("Compound values become arrays, embedded objects, or JSON; steps go into them") func compounds() throws {
        let pair = DBusValue.structure([.string("a"), .uint32(7)])
        let pairs = DBusValue.array(element: pair.signature, [pair, pair])
        #expect(try value(pairs, "[*][0]", .array(of: .string)) == .strings(["a", "a"]))
        #expect(try value(pair, "[1]", .init(.uint32)) == .uint32(7))
        #expect(try value(pair, "", .init(.string)) == .string("[\"a\",7]"))
        let dictionary = DBusValue.dictionary([("k", .strings(["x"])), ("n", .uint32(1))])
        #expect(try value(dictionary, "['k'][0]", .init(.string)) == .string("x"))
        #expect(try value(dictionary, "['none']", .init(.string)) == .null)
        #expect(try value(dictionary, " | json", .init(.string)) == .string("{\"k\":[\"x\"],\"n\":1}"))
        #expect(try value(dictionary, " | keys", .array(of: .string)) == .strings(["k", "n"]))
        let object = try value(pairs, " | embedded E", .array(of: .object))
        #expect(object.arrayValue?.count == 2)
        #expect(object.arrayValue?.first?.objectValue?["B"] == .uint8(7))
        #expect(throws: ValueMisfit.self) { try value(pair, "[2]", .init(.uint32)) }
    }

    @Test("Bytes become text up to the first NUL, or hexadecimal digits") func bytes() throws {
        #expect(try value(.bytes(Array("/dev/sda".utf8) + [0, 65]), " | text", .init(.string)) == .string("/dev/sda"))
        #expect(try value(.bytes([0xab, 0x01]), " | hex", .init(.string)) == .string("ab01"))
        #expect(try value(.bytes([1, 2]), "", .array(of: .uint8)) == .array(of: .uint8, [.uint8(1), .uint8(2)]))
        #expect(throws: ValueMisfit.self) { try value(.bytes([0xff]), " | text", .init(.string)) }
    }

    @Test("Words become numbers by the property's Values and ValueMap") func words() throws {
        let qualifiers = [
            CIMQualifier(name: "ValueMap", value: .strings(["2", "5"])),
            CIMQualifier(name: "Values", value: .strings(["active", "failed"])),
        ]
        #expect(try value(.string("failed"), "", .init(.uint16), qualifiers) == .uint16(5))
        #expect(throws: ValueMisfit.self) { try value(.string("other"), "", .init(.uint16), qualifiers) }
        #expect(try value(.string("x"), " | map 'x' = 3, 'y' = 4", .init(.uint8)) == .uint8(3))
    }
}
