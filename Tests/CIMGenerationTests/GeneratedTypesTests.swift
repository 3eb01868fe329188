import CIM
import Testing

/// Types that were generated, as they are used.
@Suite struct GeneratedTypesTests {
    static func types(_ name: String = "one") -> Torture_Types {
        Torture_Types(
            caption: "c", state: .notAvailable, name: name, number: .max, flag: true, byte: 255, small: -128, word: 65535, short: -32768,
            count: .max, signed: .min, large: .max, larger: .min, narrow: 1.5, wide: -2.25, letter: Char16(0x41), text: "t\u{1F600}",
            moment: CIMDateTime("20260203040506.000007+060"), other: Reference(name: "x", number: 1),
            anything: CIMObjectPath(className: "Site_Any"), elsewhere: CIMObjectPath(className: "Site_Unknown"), flags: [true, false],
            bytes: [1, 2],
            smalls: [-1], words: [], shorts: [-2], counts: [3], signeds: [-3], larges: [.max], largers: [.min], narrows: [0.5],
            wides: [0.25],
            letters: [Char16(0x42)], texts: ["a", ""], moments: [], others: [Reference(name: "y", number: 2)], mode: .secondOne,
            modes: [.x, .init(rawValue: "other")], kind: .init(rawValue: -5), signs: [.minus, .plus], rights: [.read, .everything], bits: .b
        )
    }

    @Test("A value of every type becomes an instance, and the instance the same value")
    func roundTrip() throws {
        let value = Self.types()
        #expect(try Torture_Types(value.instance) == value)
        #expect(value.instance.properties.count == Torture_Types.shape.columns.count)
        for (property, column) in zip(value.instance.properties, Torture_Types.shape.columns) {
            #expect(property.name == column.name)
            #expect(property.value.type?.base == column.type.base && property.value.type?.isArray == column.type.isArray, "\(column)")
        }
        let empty = Torture_Types(name: "", number: 0)
        #expect(try Torture_Types(empty.instance) == empty)
        #expect(empty.instance.properties.count == 2)
    }

    @Test("Properties are read in any order and case, and in the types of a bus that has fewer than CIM")
    func loose() throws {
        let instance = CIMInstance(
            className: "torture_types",
            [
                "Letter": .uint16(65), "NUMBER": .sint32(7), "name": "n", "moment": .string("20260203040506.000007+060"),
                "Small": .sint16(-1),
            ])
        let value = try Torture_Types(instance)
        #expect(value.name == "n" && value.number == 7 && value.small == -1 && value.moment != nil)
    }

    @Test("A key that is NULL and a value of another type are errors that name the property")
    func misfits() {
        let key = #expect(throws: CIMError.self) { try Torture_Types(CIMInstance(className: "Torture_Types", ["Number": .uint64(1)])) }
        #expect(key?.status == .illegalNull && key?.message.contains("Torture_Types.Name") == true)
        let type = #expect(throws: CIMError.self) {
            try Torture_Types(CIMInstance(className: "Torture_Types", ["Name": "n", "Number": .uint64(1), "Byte": .uint32(256)]))
        }
        #expect(type?.status == .typeMismatch && type?.message.contains("Torture_Types.Byte is 256") == true)
    }

    @Test("A value that the class does not name survives, and says so")
    func unnamed() {
        #expect(Torture_Base.State(rawValue: 7).valueName == "Reserved")
        #expect(Torture_Base.State(rawValue: 100).valueName == nil)
        #expect(Torture_Base.State(rawValue: 2) == .notAvailable && Torture_Base.State.notAvailable.valueName == "Not Available")
        let rights: Torture_Types.Rights = [.read, .write]
        #expect(rights.valueName == "Read, Write" && rights.rawValue == 3)
        #expect(Torture_Types.Mode(rawValue: "what").cimValue == "what")
    }

    @Test("A path is made of the keys, and gives them back")
    func paths() throws {
        let reference = Self.types("a\"b").reference
        #expect("\(reference)" == #"Torture_Types.Name="a\"b",Number=18446744073709551615"#)
        #expect(try reference.keys() == Torture_Types.Keys(name: "a\"b", number: .max))
        #expect(try Reference<Torture_Types>(CIMObjectPath(parsing: "torture_types.number=\"5\",NAME='x'")).keys().number == 5)
        let error = #expect(throws: CIMError.self) { try Reference<Torture_Types>(CIMObjectPath(className: "Torture_Types")).keys() }
        #expect(error?.status == .invalidObjectPath)
        #expect(Torture_Single().reference.path.relativePath == "Torture_Single=@")
        let link = Torture_Link(antecedent: Reference(name: "a", number: 1), dependent: Reference(name: "b", number: 2))
        #expect(try link.reference.keys().dependent == link.dependent)
    }

    @Test("What a superclass says of a value: the same properties, with the superclass's types")
    func superclasses() {
        let special = Torture_Special(name: "n", number: 1, other: Reference(name: "o", number: 2), mode: .last, since: "s")
        let above: Torture_Types = special.superclass
        #expect(
            above.name == "n" && above.mode?.rawValue == "z" && above.other?.path == Reference<Torture_Special>(name: "o", number: 2).path)
        #expect(special.reference.superclass.path.className == "Torture_Special")
        #expect(above.superclass == Torture_Base())
    }

    @Test("Embedded objects, also those that hold one of their own class")
    func embedded() throws {
        let node = Torture_Node(number: 1, next: Torture_Node(number: 2, other: Torture_Other(back: Torture_Node(number: 3))))
        let value = Torture_Single(root: node, nodes: [node, Torture_Node()], object: CIMInstance(className: "Any_Thing"))
        #expect(try Torture_Single(value.instance) == value)
        #expect(value.root?.next?.other?.back?.number == 3)
        #expect(Torture_Single.shape.rows == nil && Torture_Types.shape.rows != nil)
    }

    @Test("Parameters: one that is not optional is not NULL, and none is of another type")
    func parameters() throws {
        var values = TypedParameters(of: "Torture_Types.Strike", CIMInstance(className: "__PARAMETERS", ["times": .sint32(3)]))
        #expect(try values.required("Times", as: UInt32.self) == 3)
        let type = #expect(throws: CIMError.self) { try values.required("Times", as: CIMDateTime.self) }
        #expect(type?.status == .invalidMethodParameters && type?.message.contains("Times of Torture_Types.Strike is 3") == true)
        let null = #expect(throws: CIMError.self) { try values.required("Other", as: UInt32.self) }
        #expect(null?.status == .invalidMethodParameters && null?.message.contains("Other of Torture_Types.Strike is NULL") == true)
        let returned = #expect(throws: CIMError.self) { try values.returned(as: UInt32.self) }
        #expect(returned?.status == .notAvailable)
        values.set(TypedParameters.returnValue, Torture_Base.State.ok)
        #expect(try values.returned(as: UInt16.self) == 1)
    }

    @Test("Names that Swift has already are others, and mean what the class means")
    func names() throws {
        let value = Torture_Names(
            pathProperty: "p", for: "f", selfProperty: "s", initProperty: "i", type: .one, string: .one, keysProperty: .one, class: "c",
            default: "d", in: "n", referenceProperty: "r", instanceProperty: "e", hashValueProperty: "h", myValue: "1",
            myValueProperty: "2", hidden: "_", iPv4Address: 4, urlPath: "u", ids: ["a"])
        let instance = value.instance
        #expect(instance["Path"] == "p" && instance["Self"] == "s" && instance["my_value"] == "1" && instance["MyValue"] == "2")
        #expect(instance["_hidden"] == "_" && instance["IDs"] == .strings(["a"]))
        #expect(try Torture_Names(instance) == value)
        #expect(Torture_MoreNames(pathProperty: "p", for: "f", class: "c").superclass.class == "c")
    }
}
