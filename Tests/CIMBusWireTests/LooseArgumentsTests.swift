import CIM
import CIMBusWire
import DBus
import Testing

private let object: DBusValue = .dictionary([("__CLASS", .string("T_Root")), ("Caption", .string("c"))])
private func variants(_ values: [DBusValue]) -> DBusValue {
    .array(element: Signature(verified: "v"), values.map { .variant($0) })
}

private func texts(_ entries: [(String, String)]) -> DBusValue {
    .dictionary(
        key: Signature(verified: "s"), value: Signature(verified: "s"), entries.map { (.string($0.0), .string($0.1)) })
}

@Suite("Arguments in other types than the contract's (W4)")
struct LooseArgumentsTests {
    private static let answer: [InterfaceDescription.Argument] = [
        .init("hresult", Signature(verified: "u")), .init("references", Signature(verified: "u")),
        .init("objects", Signature(verified: "aa{sv}")),
    ]
    private static let wanted: [DBusValue] = [
        .uint32(0), .uint32(1), .array(element: .dictionary, [object]),
    ]

    private func read(_ values: [DBusValue], as arguments: [InterfaceDescription.Argument], bigEndian: Bool = false) throws -> [DBusValue] {
        var writer = BodyWriter()
        for value in values { writer.append(value) }
        let reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0, bigEndian: bigEndian) }
        var loose = try LooseArguments.read(reader, Signature(verified: values.map(\.signature.text).joined()), as: arguments)
        let read = try loose.readValues(Signature(verified: arguments.map(\.signature.text).joined()))
        #expect(loose.isAtEnd)
        return read
    }

    private static let objects: [DBusValue] = [
        .array(element: .dictionary, [object]), variants([object]), variants([.variant(object)]),
        .array(element: Signature(verified: "a{ss}"), [texts([("__CLASS", "T_Root"), ("Caption", "c")])]),
        variants([texts([("__CLASS", "T_Root"), ("Caption", "c")])]), .variant(variants([object])),
    ]

    @Test("W4: any integers, any array of dictionaries, one structure or list around all")
    func forms() throws {
        for objects in Self.objects {
            let numbers: [[DBusValue]] = [
                [.int32(0), .int32(1)], [.uint64(0), .uint64(1)], [.byte(0), .int64(1)], [.double(0), .double(1)],
                [.string("0"), .string("1")],
                [.variant(.int32(0)), .variant(.uint16(1))],
            ]
            for values in numbers.map({ $0 + [objects] }) {
                #expect(try read(values, as: Self.answer) == Self.wanted, "\(values)")
                #expect(try read([.structure(values)], as: Self.answer) == Self.wanted)
                #expect(try read([.variant(.structure(values))], as: Self.answer) == Self.wanted)
                #expect(try read([variants(values)], as: Self.answer) == Self.wanted)
            }
            #expect(try read([objects], as: [Self.answer[2]]) == [Self.wanted[2]])
            #expect(try read([.structure([objects])], as: [Self.answer[2]]) == [Self.wanted[2]])
        }
    }

    @Test(
        "W4: an empty array of any type is an empty array, and an empty dictionary",
        arguments: ["s", "i", "v", "a{sv}", "(iu)", "{sv}", "t"])
    func empty(element: String) throws {
        let empty = DBusValue.array(element: Signature(verified: element), [])
        #expect(try read([.int32(0), .int32(0), empty], as: Self.answer) == [.uint32(0), .uint32(0), .array(element: .dictionary, [])])
        #expect(try read([empty], as: [.init("ctx", .dictionary)]) == [.dictionary([])])
    }

    @Test(
        "W4: an HRESULT may be signed, and of any width; nothing else changes its sign",
        arguments: [
            .int32(Int32(bitPattern: 0x8004_1002)), .int64(-2_147_217_406), .int64(0x8004_1002), .uint64(0x8004_1002),
            .double(2_147_749_890), .string("0x80041002"),
        ] as [DBusValue])
    func status(sent: DBusValue) throws {
        #expect(try read([sent, .int32(0), variants([])], as: Self.answer).first == .uint32(0x8004_1002))
        #expect(throws: ObjectFault.self) { try read([.int32(0), .int32(-1), variants([])], as: Self.answer) }
    }

    @Test("W4: values of every type survive in dictionaries of one value type")
    func values() throws {
        for (value, type) in [
            (DBusValue.int32(7), "i"), (.boolean(true), "b"), (.strings(["a", ""]), "as"), (.double(0.5), "d"), (.byte(3), "y"),
            (.dictionary([("x", .int64(1))]), "a{sv}"), (.bytes([1, 2, 3]), "ay"), (.structure([.int16(1), .string("s")]), "(ns)"),
        ] {
            let object = DBusValue.dictionary(key: Signature(verified: "s"), value: Signature(verified: type), [(.string("P"), value)])
            #expect(try read([object], as: [.init("ctx", .dictionary)]) == [.dictionary([("P", value)])])
        }
        let paths = DBusValue.dictionary(
            key: Signature(verified: "o"), value: Signature(verified: "i"), [(.objectPath(ObjectPath(verified: "/a")), .int32(1))])
        #expect(try read([paths], as: [.init("ctx", .dictionary)]) == [.dictionary([("/a", .int32(1))])])
    }

    @Test(
        "W4: what cannot be meant is refused, with the argument's name",
        arguments: [
            ([.int32(0), .int32(0)], "2 values, not 3"), ([.string("x"), .int32(0), variants([])], "hresult"),
            ([.int32(0), .int64(1 << 33), variants([])], "references"), ([.int32(0), .int32(0), .strings(["a"])], "objects"),
            ([.int32(0), .int32(0), object], "objects"), ([.int32(0), .int32(0), variants([.int32(1)])], "objects"),
            ([.int32(0), .int32(0), .string("")], "objects"), ([.double(0.5), .int32(0), variants([])], "hresult"),
            ([.boolean(true), .int32(0), variants([])], "hresult"), ([variants([.int32(0), .int32(0)])], "objects"),
            ([variants([.int32(0), .int32(0), variants([]), .int32(0)])], "more than 3"),
        ] as [([DBusValue], String)])
    func refused(values: [DBusValue], word: String) {
        #expect { try read(values, as: Self.answer) } throws: { ($0 as? ObjectFault)?.description.contains(word) == true }
    }

    @Test("A value is copied as it is, in every type", arguments: 0..<8)
    func copies(index: Int) throws {
        let value = Self.objects[index % Self.objects.count]
        let nested = DBusValue.structure([.byte(1), value, .dictionary([("a", value), ("b", .int64(.min))])])
        var writer = BodyWriter()
        writer.append(byte: 9)
        writer.append(nested)
        var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
        _ = try reader.readByte()
        var copy = BodyWriter()
        copy.append(string: "elsewhere")
        try copy.append(nested.signature, from: &reader)
        #expect(reader.isAtEnd)
        var read = try copy.finish().withUnsafeBytes { BodyReader(copying: $0) }
        _ = try read.readString()
        #expect(try read.readValue(nested.signature) == nested)
    }
}
