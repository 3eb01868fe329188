import CIM
import Testing

@Suite("What may be written for a value of a known type (CIMValue.read(as:))")
struct CIMValueReadingTests {
    @Test(
        "W10: A number is read where it fits exactly, however it is written",
        arguments: [
            (CIMValue.string("7"), CIMType.uint32, CIMValue.uint32(7)), ("-1", .sint8, .sint8(-1)), ("+12", .uint16, .uint16(12)),
            ("0x1F", .uint64, .uint64(31)), ("-0x1", .sint64, .sint64(-1)), ("18446744073709551615", .uint64, .uint64(.max)),
            ("-9223372036854775808", .sint64, .sint64(.min)), ("007", .uint8, .uint8(7)), (.real64(5), .uint8, .uint8(5)),
            (.real32(-3), .sint16, .sint16(-3)), ("1.5e3", .real64, .real64(1500)), ("3", .real32, .real32(3)),
            (.sint64(4), .real64, .real64(4)),
        ])
    func numbers(written: CIMValue, type: CIMType, value: CIMValue) { #expect(written.read(asScalar: type) == value) }

    @Test(
        "W10: A boolean is TRUE, FALSE, 0 or 1",
        arguments: [
            (CIMValue.string("TRUE"), true), ("false", false), ("1", true), ("0", false), (.uint8(1), true), (.sint64(0), false),
            (.real64(1), true),
        ])
    func booleans(written: CIMValue, value: Bool) { #expect(written.read(asScalar: .boolean) == .boolean(value)) }

    @Test(
        "W10: What does not fit exactly, and what is no number, is a misfit",
        arguments: [
            (CIMValue.string("256"), CIMType.uint8), ("-1", .uint64), ("1.0", .uint32), (" 1", .uint32), ("1 ", .uint32), ("", .uint32),
            ("0x", .uint32), ("0x-1", .sint32), ("0x+1", .sint32), ("--1", .sint32), ("+", .uint8), (.real64(0.5), .uint8),
            (.real64(.infinity), .uint64), (.real64(.nan), .sint64), (.real64(1e300), .uint64), ("inf", .real64), ("nan", .real64),
            ("0x1p3", .real64), ("1e999", .real64), ("yes", .boolean), ("2", .boolean), (.uint8(2), .boolean), ("", .boolean),
            (.char16(65), .uint16), (.char16(1), .boolean), (.uint8(5), .string), (.boolean(true), .string), (.boolean(true), .uint8),
            ("0", .datetime), (.null, .boolean),
        ])
    func misfits(written: CIMValue, type: CIMType) { #expect(written.read(asScalar: type) == nil) }

    @Test("Arrays are read element by element; NULL fits every type")
    func arrays() {
        let booleans = CIMTypeReference(.boolean, isArray: true)
        #expect(CIMValue.strings(["TRUE", "0"]).read(as: booleans) == .array(of: .boolean, [true, false]))
        #expect(CIMValue.strings(["TRUE", "2"]).read(as: booleans) == nil)
        #expect(CIMValue.string("TRUE").read(as: booleans) == nil)
        #expect(CIMValue.array(of: .string, []).read(as: booleans) == .array(of: .boolean, []))
        #expect(CIMValue.strings(["1"]).read(as: CIMTypeReference(.uint8)) == nil)
        #expect(CIMValue.null.read(as: booleans) == .null)
    }

    @Test("The narrower table of MOF reads no text as a number or a boolean, and no number as a boolean")
    func narrower() {
        #expect(CIMValue.string("7").converted(toScalar: .uint8) == nil)
        #expect(CIMValue.uint8(1).converted(toScalar: .boolean) == nil)
        #expect(CIMValue.real64(5).converted(toScalar: .uint8) == nil)
    }
}
