import CIM
import CIMBusWire
import DBus
import Testing

@Suite("Objects against their class")
struct ObjectCheckerTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    @Test("Keys equal but for case are InvalidObject")
    func duplicates() throws {
        let object: Entries = [("__CLASS", .string("T_All")), ("Text", .string("a")), ("TEXT", .string("b"))]
        #expect(try schema.fault(object, of: "T_All")?.status == .invalidObject)
        #expect(try schema.fault(object, of: "T_All")?.description.contains("Text") == true)
        // Two classes in one object: whoever reads the first would disagree with whoever reads the last.
        let twoFaced: Entries = [("__CLASS", .string("T_More")), ("__class", .string("T_All"))]
        #expect(try schema.fault(twoFaced, of: "T_All")?.status == .invalidObject)
        var reader = try body(.dictionary([("A", .int32(1)), ("a", .int32(2))]))
        #expect(throws: ObjectFault.self) { try reader.readInstance() }
    }

    @Test("__CLASS must be there, exist, and be the class or derived from it")
    func className() throws {
        let cases: [(Entries, String)] = [
            ([("Text", .string("a"))], "no __CLASS"), ([("__CLASS", .int32(1))], "not a string"),
            ([("__CLASS", .string("T_Nothing"))], "T_Nothing does not exist"), ([("__CLASS", .string("T_Leaf"))], "neither T_All"),
            ([("__CLASS", .string("T_Root"))], "neither T_All"), ([("__CLASS", .string(""))], "does not exist"),
        ]
        for (object, text) in cases {
            let fault = try #require(try schema.fault(object, of: "T_All"))
            #expect(fault.kind == .misfit)
            #expect(fault.description.contains(text), "\(fault)")
        }
        let derived = try schema.check(
            [[("Extra", .string("e")), ("__class", .string("t_more"))], [("__CLASS", .string("T_All"))]], of: "T_All")
        let classes = try derived.wire().map { $0["__CLASS"] }
        #expect(classes == [.string("T_More"), .string("T_All")])
        // A property of the derived class is none of the base's, also right after an object that had it.
        let mixed: [Entries] = [[("__CLASS", .string("T_More"))], [("__CLASS", .string("T_All")), ("Extra", .string("e"))]]
        #expect { try schema.check(mixed, of: "T_All") } throws: { "\($0)".hasPrefix("object 1: T_All has no property Extra") }
    }

    @Test("System properties are complete, correct, and the broker's own (Semantics H.4)")
    func systemProperties() throws {
        let object: Entries = [
            ("__CLASS", .string("t_all")), ("__PATH", .string("T_Other.Name=\"spoofed\"")), ("__RELPATH", .int32(7)),
            ("__SERVER", .string("evil")), ("__GENUS", .int32(1)), ("__ANYTHING", .variant(.dictionary([]))), ("NAME", .string("n")),
            ("Number", .int32(3)),
        ]
        let wire = try schema.check([object], of: "T_All").wire()[0]
        let expected: [String: DBusValue] = [
            "__CLASS": .string("T_All"), "__GENUS": .int32(2), "__SUPERCLASS": .string("T_Root"), "__DYNASTY": .string("T_Root"),
            "__PROPERTY_COUNT": .int32(Int32(try #require(schema["T_All"]).properties.count)), "__DERIVATION": .strings(["T_Root"]),
            "__SERVER": .string("HOST"), "__NAMESPACE": .string("root\\cimv2"), "__RELPATH": .string("T_All.Name=\"n\",Number=3"),
            "__PATH": .string("\\\\HOST\\root\\cimv2:T_All.Name=\"n\",Number=3"), "Name": .string("n"), "Number": .uint64(3),
        ]
        #expect(wire == expected)
        let bare = try schema.check([object], of: "T_All", derived: false).wire()[0]
        #expect(bare == ["__CLASS": .string("T_All"), "Name": .string("n"), "Number": .uint64(3)])
    }

    @Test("A path needs every key; a singleton's is =@; a class without keys has none")
    func paths() throws {
        func path(_ object: Entries, _ name: String) throws -> DBusValue? {
            try schema.check([[("__CLASS", .string(name))] + object], of: name).wire()[0]["__RELPATH"]
        }
        #expect(try path([("Name", .string("n"))], "T_All") == nil)
        #expect(try path([], "T_Only") == .string("T_Only=@"))
        #expect(try path([("Value", .string("n"))], "T_Keyless") == nil)
        let keys: Entries = [
            ("A", .string("")), ("B", .string("20260101000000.000000+000")), ("C", .boolean(true)), ("D", .int32(-5)),
            ("E", .string("T_Root.Name=\"q\"")),
        ]
        let all = "T_Keys.A=\"\",B=\"20260101000000.000000+000\",C=TRUE,D=-5,E=\"T_Root.Name=\\\"q\\\"\""
        #expect(try path(keys, "T_Keys") == .string(all))
        #expect(try CIMObjectPath(parsing: all).relativePath == all)
    }

    @Test(
        "A path with hostile key strings names just that key",
        arguments: ["\"", "\\", "a\",Number=4,Name=\"b", "é𝄞", ",.=@:\\\\", "'", "\\\"", String(repeating: "\\\"", count: 500)])
    func hostileKeys(text: String) throws {
        let object: Entries = [("__CLASS", .string("T_All")), ("Name", .string(text)), ("Number", .int32(1))]
        let relative = try #require(try schema.check([object], of: "T_All").wire()[0]["__RELPATH"]?.text)
        let path = try CIMObjectPath(parsing: relative)
        #expect(path[key: "Name"] == .string(text))
        #expect(path.relativePath == relative)
        // The same as the values say themselves.
        let instance = CIMInstance(className: "T_All", ["Name": .string(text), "Number": .uint64(1)])
        #expect(try instance.path(in: try #require(schema["T_All"])).relativePath == relative)
    }

    @Test("A key that no path can hold makes no path, and costs no more than itself")
    func impossibleKeys() throws {
        for text in ["a\nb", "\u{1}", String(repeating: "\"", count: 1 << 20)] {
            let object: Entries = [("__CLASS", .string("T_All")), ("Name", .string(text)), ("Number", .int32(1))]
            let batch = try schema.check([object], of: "T_All")
            #expect(try batch.wire()[0]["__RELPATH"] == nil)
            #expect(batch.byteCount < text.utf8.count + 4096)
        }
    }

    @Test("An object that grows past what a message holds is QuotaViolation: the bus would disconnect the broker")
    func growth() throws {
        // 1 MiB as ay, 8 MiB as at; one byte too many per element of the system's share.
        let object: Entries = [("__CLASS", .string("T_All")), ("U64s", .bytes([UInt8](repeating: 1, count: (1 << 20) + (16 << 10))))]
        let fault = try #require(try schema.fault(object, of: "T_All"))
        #expect(fault.status == .quotaViolation)
        let fits: Entries = [("__CLASS", .string("T_All")), ("U64s", .bytes([UInt8](repeating: 1, count: 1 << 19)))]
        #expect(try schema.fault(fits, of: "T_All") == nil)
        let large: Entries = [("__CLASS", .string("T_All")), ("Text", .string(String(repeating: "x", count: 8 << 20)))]
        #expect(try schema.fault(large, of: "T_All")?.status == .quotaViolation)
    }

    // MARK: - Embedded objects

    private func nest(_ depth: Int, _ leaf: Entries = []) -> DBusValue {
        var value = DBusValue.dictionary([("__CLASS", .string("T_Leaf"))] + leaf)
        for _ in 1..<max(depth, 1) { value = .dictionary([("__CLASS", .string("T_Leaf")), ("Inner", value)]) }
        return value
    }

    @Test("Embedded objects nest 16 deep, and not 17 (Design 3)")
    func nesting() throws {
        func fault(_ depth: Int, _ property: String) throws -> ObjectFault? {
            try schema.fault([("__CLASS", .string("T_Nest")), ("ID", .int32(1)), (property, nest(depth))], of: "T_Nest")
        }
        for property in ["Leaf", "Any"] {
            #expect(try fault(16, property) == nil)
            #expect(try fault(17, property)?.status == .quotaViolation)
        }
        var reader = try body(.dictionary([("o", nest(16))]))
        #expect(try reader.readInstance().properties.count == 1)
        var deeper = try body(.dictionary([("o", nest(17))]))
        #expect { try deeper.readInstance() } throws: { ($0 as? ObjectFault)?.kind == .tooDeep }
    }

    @Test("D-Bus containers are limited too: arrays of objects, and variants in variants")
    func containers() throws {
        func lists(_ depth: Int) -> DBusValue {
            var value = DBusValue.dictionary([("__CLASS", .string("X"))])
            for _ in 0..<depth { value = .dictionary([("l", .array(element: Signature(verified: "a{sv}"), [value]))]) }
            return value
        }
        var reader = try body(lists(13))
        #expect(try reader.readInstance().properties.count == 1)
        var deeper = try body(lists(14))
        #expect { try deeper.readInstance() } throws: { ($0 as? ObjectFault)?.kind == .tooDeep }
        func variants(_ depth: Int) -> DBusValue { (0..<depth).reduce(.int32(7)) { value, _ in .variant(value) } }
        var shallow = try body(.dictionary([("v", variants(40))]))
        #expect(try shallow.readInstance()["v"] == .sint32(7))
        var deep = try body(.dictionary([("v", variants(60))]))
        #expect { try deep.readInstance() } throws: { ($0 as? ObjectFault)?.kind == .tooDeep }
    }

    @Test("Embedded objects are checked against their own class")
    func embedded() throws {
        func check(_ property: String, _ value: DBusValue) throws -> String? {
            try schema.fault([("__CLASS", .string("T_Nest")), ("ID", .int32(1)), (property, value)], of: "T_Nest")?.description
        }
        #expect(try check("Leaf", nest(2, [("level", .int32(5))])) == nil)
        #expect(try check("Leaf", nest(3, [("Level", .int32(500))]))?.contains("property Level of T_Leaf") == true)
        #expect(try check("Leaf", nest(1, [("Nope", .int32(5))]))?.contains("T_Leaf has no property Nope") == true)
        #expect(try check("Leaf", .dictionary([("__CLASS", .string("T_Only"))]))?.contains("not T_Leaf") == true)
        #expect(try check("Any", .dictionary([("__CLASS", .string("T_Only"))])) == nil)
        #expect(try check("Leaves", .array(element: Signature(verified: "a{sv}"), [nest(1), nest(2)])) == nil)
        #expect(try check("Leaves", nest(1)) != nil)
        #expect(try check("Leaf", .string("x")) != nil)
        let long = String(repeating: "n", count: 1 << 16)
        #expect(try check("Leaf", .dictionary([("__CLASS", .string(long))]))?.utf8.count ?? 0 < 2048)
    }

    @Test("Parameters of a method are an instance of __PARAMETERS (Semantics C.5, R100)")
    func parameters() throws {
        let method = try #require(schema["T_All"]?.method(named: "Do"))
        func check(_ object: Entries, _ layout: ObjectLayout) throws -> [String: DBusValue] {
            var reader = try body(.dictionary(object))
            var checker = ObjectChecker(.parameters(layout)) { schema.layout($0) }
            try checker.checkObject(&reader)
            return try checker.finish().wire()[0]
        }
        let inputs = ObjectLayout(parameters: method.parameters.filter(\.isIn))
        let wire = try check([("what", .string("w")), ("Numbers", .array(element: Signature(verified: "i"), [.int32(-1)]))], inputs)
        #expect(wire["__CLASS"] == .string("__PARAMETERS"))
        #expect(wire["What"] == .string("w"))
        #expect(wire["Numbers"] == .array(element: Signature(verified: "n"), [.int16(-1)]))
        #expect(wire["__RELPATH"] == nil && wire["__PATH"] == nil)
        #expect(throws: ObjectFault.self) { try check([("When", .string("20260101000000.000000+000"))], inputs) }
        let outputs = ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType)
        #expect(try check([("ReturnValue", .int32(4))], outputs)["ReturnValue"] == .uint32(4))
    }
}
