import CIM
import Testing

@Suite("CIMValue and types (Semantics H.2, Design 3, Objects)")
struct CIMValueTests {
    @Test("texts are equal byte by byte, alone, in arrays and in instances: a letter with an accent is not a letter and an accent")
    func equalBytes() {
        let (one, other) = (CIMValue.string("caf\u{E9}"), CIMValue.string("cafe\u{301}"))
        #expect(one == one && one != other)
        #expect(CIMValue.array(of: .string, [one]) != .array(of: .string, [other]))
        #expect(CIMInstance(className: "A", ["P": one]) != CIMInstance(className: "A", ["P": other]))
        #expect(Set([one, other, one]).count == 2)
    }

    @Test("values of different types are different, whatever their numbers, and a value is equal to itself and has its hash")
    func equalTypes() throws {
        let path = CIMObjectPath(className: "A", ["K": "v"])
        let values: [CIMValue] = [
            .null, .boolean(true), .uint8(1), .sint8(1), .uint16(1), .sint16(1), .uint32(1), .sint32(1), .uint64(1), .sint64(1), .real32(1),
            .real64(1),
            .char16(1), .string("1"), .datetime(try #require(CIMDateTime("20240101000000.000000+000"))), .reference(path),
            .object(CIMInstance(className: "A")), .array(of: .uint8, []), .array(of: .sint8, []), .array(of: .uint8, [.uint8(1)]),
        ]
        #expect(Set(values).count == values.count)
        for (place, value) in values.enumerated() {
            #expect(values.firstIndex(of: value) == place)
            #expect(Set(values).contains(value))
        }
    }

    @Test("H.2: the numbers of the types")
    func typeNumbers() {
        let numbers: [CIMType: UInt16] = [
            .sint16: 2, .sint32: 3, .real32: 4, .real64: 5, .string: 8, .boolean: 11, .object: 13, .sint8: 16, .uint8: 17, .uint16: 18,
            .uint32: 19, .sint64: 20, .uint64: 21, .datetime: 101, .reference: 102, .char16: 103,
        ]
        #expect(numbers.count == CIMType.allCases.count)
        for type in CIMType.allCases {
            #expect(type.rawValue == numbers[type])
            #expect(CIMType(mofName: type.mofName.uppercased()) == type)
        }
        #expect(CIMType(mofName: "int") == nil)
    }

    @Test("The text of a type reads back", arguments: ["uint32", "ref:Class", "object:Class", "ref", "object", "datetime"])
    func typeText(text: String) { #expect(CIMTypeReference(cimType: text)?.cimType == text) }

    @Test("Text that is no type is refused", arguments: ["", ":", "ref:", ":C", "string:C", "ref:1", "object:a b", "uint33", "ref:C:D"])
    func noType(text: String) { #expect(CIMTypeReference(cimType: text) == nil) }

    @Test("Design 3: any integer type whose value fits is accepted, and no other value")
    func integers() {
        #expect(CIMValue.sint32(255).converted(toScalar: .uint8) == .uint8(255))
        #expect(CIMValue.sint32(256).converted(toScalar: .uint8) == nil)
        #expect(CIMValue.sint32(-1).converted(toScalar: .uint64) == nil)
        #expect(CIMValue.uint64(.max).converted(toScalar: .sint64) == nil)
        #expect(CIMValue.uint64(.max).converted(toScalar: .uint64) == .uint64(.max))
        #expect(CIMValue.sint64(-128).converted(toScalar: .sint8) == .sint8(-128))
        #expect(CIMValue.uint16(65).converted(toScalar: .char16) == .char16(65))
        #expect(CIMValue.char16(65).converted(toScalar: .uint16) == nil)
        #expect(CIMValue.boolean(true).converted(toScalar: .uint8) == nil)
        #expect(CIMValue.real64(1).converted(toScalar: .uint8) == nil)
        #expect(CIMValue.string("1").converted(toScalar: .uint8) == nil)
        #expect(CIMValue.uint8(1).converted(toScalar: .boolean) == nil)
    }

    @Test("Integers become reals; a real32 travels as a real64; overflow is a misfit")
    func reals() {
        #expect(CIMValue.sint32(3).converted(toScalar: .real32) == .real32(3))
        #expect(CIMValue.real64(0.5).converted(toScalar: .real32) == .real32(0.5))
        #expect(CIMValue.real64(1e300).converted(toScalar: .real32) == nil)
        #expect(CIMValue.real64(.infinity).converted(toScalar: .real32) == .real32(.infinity))
    }

    @Test("Text becomes datetime, reference or char16 where it parses")
    func texts() throws {
        #expect(CIMValue.string("00000001020304.000005:000").converted(toScalar: .datetime)?.dateTimeValue?.isInterval == true)
        #expect(CIMValue.string("yesterday").converted(toScalar: .datetime) == nil)
        #expect(CIMValue.string("C.k=1").converted(toScalar: .reference) == .reference(try CIMObjectPath(parsing: "C.k=1")))
        #expect(CIMValue.string("C.k=").converted(toScalar: .reference) == nil)
        #expect(CIMValue.string("x").converted(toScalar: .char16) == .char16(0x78))
        #expect(CIMValue.string("😀").converted(toScalar: .char16) == nil)
        #expect(CIMValue.string("").converted(toScalar: .char16) == nil)
    }

    @Test("NULL fits every type; an array fits element by element and never a scalar")
    func arrays() {
        #expect(CIMValue.null.converted(to: .array(of: .uint8)) == .null)
        let numbers = CIMValue.array(of: .sint32, [1, 2])
        #expect(numbers.converted(to: .array(of: .uint8)) == .array(of: .uint8, [.uint8(1), .uint8(2)]))
        #expect(numbers.converted(to: .init(.uint8)) == nil)
        #expect(CIMValue.sint32(1).converted(to: .array(of: .uint8)) == nil)
        #expect(CIMValue.array(of: .sint32, [1, 300]).converted(to: .array(of: .uint8)) == nil)
        #expect(CIMValue.array(of: .sint32, [.null]).converted(to: .array(of: .uint8)) == nil)
    }

    @Test("Literals take the narrowest of sint32, sint64, uint64")
    func literals() {
        #expect(2_147_483_647 as CIMValue == .sint32(.max))
        #expect(2_147_483_648 as CIMValue == .sint64(2_147_483_648))
        #expect(18_446_744_073_709_551_615 as CIMValue == .uint64(.max))
        #expect(true as CIMValue == .boolean(true) && "a" as CIMValue == .string("a") && 1.5 as CIMValue == .real64(1.5))
    }

    @Test("The description is a MOF literal")
    func descriptions() {
        #expect(CIMValue.string("a\"\\\n\u{1}é").description == #""a\"\\\n\x0001é""#)
        #expect(CIMValue.real64(1e20).description == "1.0e+20")
        #expect(CIMValue.real64(.nan).description == "NULL")
        #expect(CIMValue.array(of: .boolean, [true, false]).description == "{TRUE, FALSE}")
        #expect(CIMValue.char16(0x27).description == #"'\''"#)
        #expect(CIMValue.char16(0xD800).description == "0xD800")
        #expect(CIMValue.object(CIMInstance(className: "C", ["a": 1])).description == "instance of C { a = 1; }")
    }

    @Test("A value stays small: scalars are stored inline")
    func layout() { #expect(MemoryLayout<CIMValue>.size <= 17) }
}
