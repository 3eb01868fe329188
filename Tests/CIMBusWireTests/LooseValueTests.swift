import CIM
import CIMBusWire
import DBus
import Testing

@Suite("Values in other types than the class's")
struct LooseValueTests {
    let schema: Schema

    init() throws { schema = try Schema(everyType) }

    private static func variants(_ values: [DBusValue]) -> DBusValue {
        .array(element: Signature(verified: "v"), values.map { .variant($0) })
    }

    private static func dictionary(_ type: String, _ entries: [(String, DBusValue)]) -> DBusValue {
        .dictionary(key: Signature(verified: "s"), value: Signature(verified: type), entries.map { (.string($0.0), $0.1) })
    }

    private func wire(_ name: String, _ value: DBusValue) throws -> DBusValue? {
        try schema.check([[("__CLASS", .string("T_All")), (name, value)]], of: "T_All").wire()[0][name]
    }

    @Test(
        "W5: numbers and booleans as text, 0 and 1 for a boolean, whole reals for an integer",
        arguments: [
            ("U8", .string("255"), .byte(255)), ("S8", .string("-128"), .int16(-128)), ("U32", .string("0x10"), .uint32(16)),
            ("Number", .string("18446744073709551615"), .uint64(.max)), ("U16", .double(7), .uint16(7)),
            ("R64", .string("1.5e3"), .double(1500)),
            ("Flag", .string("TRUE"), .boolean(true)), ("Flag", .string("false"), .boolean(false)), ("Flag", .int32(1), .boolean(true)),
            ("Flag", .byte(0), .boolean(false)), ("Flag", .string("0"), .boolean(false)),
            ("Text", .objectPath(ObjectPath(verified: "/a")), .string("/a")),
        ] as [(String, DBusValue, DBusValue)])
    func scalars(name: String, sent: DBusValue, expected: DBusValue) throws { #expect(try wire(name, sent) == expected) }

    @Test("W5: a list of integers of several widths, of reals with integers, of texts")
    func lists() throws {
        #expect(try wire("U8s", Self.variants([.byte(1), .int32(2), .uint64(3)])) == .bytes([1, 2, 3]))
        #expect(
            try wire("S64s", Self.variants([.int64(.min), .byte(2)]))
                == .array(element: Signature(verified: "x"), [.int64(.min), .int64(2)]))
        #expect(
            try wire("U64s", Self.variants([.uint64(.max), .int32(2)]))
                == .array(element: Signature(verified: "t"), [.uint64(.max), .uint64(2)]))
        #expect(
            try wire("R64s", Self.variants([.int32(1), .double(2.5)]))
                == .array(element: Signature(verified: "d"), [.double(1), .double(2.5)]))
        #expect(
            try wire("U32s", Self.variants([.string("7"), .int32(8)]))
                == .array(element: Signature(verified: "u"), [.uint32(7), .uint32(8)]))
        #expect(try wire("U32s", .strings(["7", "8"])) == .array(element: Signature(verified: "u"), [.uint32(7), .uint32(8)]))
        #expect(
            try wire("Flags", Self.variants([.boolean(true), .int32(0)]))
                == .array(element: Signature(verified: "b"), [.boolean(true), .boolean(false)]))
        #expect(try wire("Texts", Self.variants([.string("a"), .objectPath(ObjectPath(verified: "/b"))])) == .strings(["a", "/b"]))
        for element in ["s", "i", "v", "(i)", "as", "{sv}", "{is}", "aa{sv}"] {
            #expect(try wire("Texts", .array(element: Signature(verified: element), [])) == .strings([]))
            #expect(try wire("U8s", .array(element: Signature(verified: element), [])) == .bytes([]))
        }
    }

    @Test("W5: an embedded object is any dictionary with text for its keys, its values read by its class")
    func embedded() throws {
        func leaf(_ value: DBusValue) throws -> DBusValue? {
            try schema.check([[("__CLASS", .string("T_Nest")), ("ID", .uint32(1)), ("Leaf", value)]], of: "T_Nest").wire()[0]["Leaf"]
        }
        for value in [
            Self.dictionary("s", [("Level", .string("-3"))]), Self.dictionary("i", [("Level", .int32(-3))]),
            Self.dictionary("s", [("__CLASS", .string("t_leaf")), ("LEVEL", .string("-3"))]),
            Self.dictionary("v", [("Level", .variant(.double(-3)))]),
        ] {
            #expect(try leaf(value)?.stringDictionary == ["__CLASS": .string("T_Leaf"), "Level": .int16(-3)], "\(value)")
        }
        let leaves = Self.variants([Self.dictionary("s", [("Level", .string("1"))]), .dictionary([("Level", .int32(2))])])
        let nest = try schema.check([[("__CLASS", .string("T_Nest")), ("Leaves", leaves)]], of: "T_Nest").wire()[0]
        #expect(nest["Leaves"]?.elements?.map { $0.stringDictionary?["Level"] } == [.int16(1), .int16(2)])
        // Of no known class: what the wire says, if it is one thing.
        let any = Self.dictionary("v", [("List", .variant(Self.variants([.int32(-1), .byte(2)])))])
        let free = try schema.check([[("__CLASS", .string("T_Nest")), ("Any", any)]], of: "T_Nest").wire()[0]
        #expect(free["Any"]?.stringDictionary?["List"] == .array(element: Signature(verified: "x"), [.int64(-1), .int64(2)]))
    }

    @Test(
        "W5: what does not fit is refused with the property, what came, and what was wanted",
        arguments: [
            ("U8", .string("256"), "property U8 of T_All is uint8; string \"256\" does not fit"),
            ("U8", .double(1.5), "property U8 of T_All is uint8; real64 1.5 does not fit"),
            ("Flag", .int32(2), "property Flag of T_All is boolean; sint32 2 does not fit"),
            ("Flag", .string("yes"), "property Flag of T_All is boolean; string \"yes\" does not fit"),
            ("Born", .string("soon"), "property Born of T_All is datetime; string \"soon\" does not fit"),
            ("Text", .int32(1), "property Text of T_All is string; sint32 1 does not fit"),
            ("Text", .structure([.int32(1)]), "property Text of T_All is string; a value of D-Bus type \"(i)\" has no CIM type"),
        ] as [(String, DBusValue, String)])
    func words(name: String, sent: DBusValue, words: String) throws {
        #expect(try schema.fault([("__CLASS", .string("T_All")), (name, sent)], of: "T_All")?.description.hasSuffix(words) == true)
    }

    // MARK: - Lost

    private func lose(_ objects: [Entries], of name: String) throws -> (objects: [[String: DBusValue]], lost: LostValues) {
        let layout = try #require(schema.layout(name))
        var checker = ObjectChecker(.instances(of: layout), losingMisfits: true) { schema.layout($0) }
        var reader = try body(CIMBusWireTests.objects(objects))
        try checker.checkArray(&reader)
        let lost = checker.lost
        return (try checker.finish().wire(), lost)
    }

    @Test("W28: a provider's value that does not fit costs its property alone, and is counted")
    func lost() throws {
        let (objects, lost) = try lose(
            [
                [
                    ("__CLASS", .string("T_All")), ("Name", .string("a")), ("Number", .int32(1)), ("Born", .string("soon")),
                    ("U8", .int32(7)),
                ],
                [("__CLASS", .string("T_All")), ("Born", .string("later")), ("Text", .structure([.int32(1)])), ("S8", .string("-4"))],
            ], of: "T_All")
        #expect(objects.count == 2)
        #expect(objects[0]["Born"] == nil && objects[0]["U8"] == .byte(7) && objects[0]["Name"] == .string("a"))
        #expect(objects[0]["__RELPATH"]?.text == "T_All.Name=\"a\",Number=1")
        #expect(objects[1]["Text"] == nil && objects[1]["S8"] == .int16(-4))
        #expect(lost.count == 3)
        #expect(lost.reasons.map(\.property) == ["T_All.Born", "T_All.Text"])
        #expect(lost.reasons[0].reason.contains("\"soon\""))
    }

    @Test("W28: inside an embedded object the inner property is lost; one that is no object of its class is lost whole")
    func lostInside() throws {
        let (objects, lost) = try lose(
            [
                [
                    ("__CLASS", .string("T_Nest")), ("ID", .int32(1)),
                    ("Leaf", .dictionary([("Level", .int32(1000)), ("Inner", .dictionary([("Level", .byte(1))]))])),
                ],
                [("__CLASS", .string("T_Nest")), ("ID", .int32(2)), ("Leaf", .dictionary([("Nothing", .int32(1))]))],
            ], of: "T_Nest")
        let leaf = objects[0]["Leaf"]?.stringDictionary
        #expect(leaf?["Level"] == nil && leaf?["Inner"]?.stringDictionary?["Level"] == .int16(1))
        #expect(objects[1]["Leaf"] == nil && objects[1]["ID"] == .uint32(2))
        #expect(lost.reasons.map(\.property) == ["T_Leaf.Level", "T_Nest.Leaf"])
    }

    @Test(
        "W28: what is no instance of the class is InvalidObject still",
        arguments: [
            [("__CLASS", .string("T_All")), ("Number", .string("x"))], [("__CLASS", .string("T_All")), ("Nothing", .int32(1))],
            [("__CLASS", .string("T_All")), ("U8", .string("x")), ("u8", .byte(1))], [("U8", .byte(1))], [("__CLASS", .string("T_Leaf"))],
        ] as [Entries])
    func notLost(object: Entries) throws {
        #expect { try lose([object], of: "T_All") } throws: { ($0 as? ObjectFault)?.status == .invalidObject }
    }

    @Test("W28: the date that is not set passes, as text, verbatim and checked")
    func unset() throws {
        let text = "00000000000000.000000+000"
        #expect(try wire("Born", .string(text)) == .string(text))
        let layout = try #require(schema.layout("T_All"))
        let object: Entries = [("__CLASS", .string("T_All")), ("Name", .string("a")), ("Born", .string(text))]
        #expect(layout.rangesIfVerbatim(try body(objects([object])))?.count == 1)
        let bad: Entries = [("__CLASS", .string("T_All")), ("Name", .string("a")), ("Born", .string("soon"))]
        #expect(layout.rangesIfVerbatim(try body(objects([bad]))) == nil)
    }

    // MARK: - Keys

    @Test(
        "W3: an object's keys are those of a path: text in any case, a datetime as an instant, a reference as what it names",
        arguments: [
            ("T_Keys.A=\"x\",B=\"20260101010000.000000+060\",C=TRUE,D=-1,E=\"T_Root.Name=\\\"q\\\"\"", nil),
            ("T_Keys.A=\"X\",B=\"20260101000000.000000+000\",C=TRUE,D=-1,E=\"root/cimv2:T_Root.Name=\\\"Q\\\"\"", nil),
            ("T_Keys.A=\"y\",B=\"20260101000000.000000+000\",C=TRUE,D=-1,E=\"T_Root.Name=\\\"q\\\"\"", "A = \"x\""),
            (
                "T_Keys.A=\"x\",B=\"20260102000000.000000+000\",C=FALSE,D=2,E=\"T_Root.Name=\\\"z\\\"\"",
                "B = \"20260101000000.000000+000\", C = TRUE, D = -1, E = \"T_Root.Name=\\\"q\\\"\""
            ),
        ] as [(String, String?)])
    func keys(path: String, expected: String?) throws {
        let layout = try #require(schema.layout("T_Keys"))
        let object: Entries = [
            ("__CLASS", .string("T_Keys")), ("A", .string("x")), ("B", .string("20260101000000.000000+000")), ("C", .boolean(true)),
            ("D", .int16(-1)), ("E", .string("T_Root.Name=\"q\"")),
        ]
        let (reader, ranges) = try schema.check([object], of: "T_Keys").contents
        var row = ObjectRow(layout, in: reader)
        let isRead = row.read(ranges[0])
        #expect(isRead)
        let path = try CIMObjectPath(parsing: path)
        #expect(row.keys(otherThan: path, needsAll: true) { schema.layout($0) } == expected)
    }

    @Test("W3: a key that is NULL differs only where all are wanted")
    func missingKey() throws {
        let layout = try #require(schema.layout("T_All"))
        let (reader, ranges) = try schema.check([[("__CLASS", .string("T_All")), ("Name", .string("a"))]], of: "T_All").contents
        var row = ObjectRow(layout, in: reader)
        let isRead = row.read(ranges[0])
        #expect(isRead)
        let path = try CIMObjectPath(parsing: "T_All.Name=\"a\",Number=1")
        #expect(row.keys(otherThan: path, needsAll: false) { schema.layout($0) } == nil)
        #expect(row.keys(otherThan: path, needsAll: true) { schema.layout($0) } == "Number = NULL")
    }
}
