import ArgumentParser
import CIM
import Testing

@testable import cimctl

@Suite struct ArgumentValueTests {
    private func value(_ text: String, _ type: CIMType, isArray: Bool = false) -> CIMValue? {
        try? ArgumentValue.value([text], CIMTypeReference(type, isArray: isArray), "p")
    }

    @Test("Values take the type the class says; what does not fit is refused")
    func scalars() {
        #expect(value("18446744073709551615", .uint64) == .uint64(.max))
        #expect(value("-9223372036854775808", .sint64) == .sint64(.min))
        #expect(value("0x1F", .uint8) == .uint8(31))
        #expect(value("256", .uint8) == nil)
        #expect(value("-1", .uint32) == nil)
        #expect(value("-", .sint32) == nil)
        #expect(value("0x", .uint32) == nil)
        #expect(value("True", .boolean) == .boolean(true))
        #expect(value("maybe", .boolean) == nil)
        #expect(value("1.5", .real64) == .real64(1.5))
        #expect(value("x", .char16) == .char16(0x78))
        #expect(value("20260101000000.000000+000", .datetime) == CIMDateTime("20260101000000.000000+000").map { .datetime($0) })
        #expect(value("yesterday", .datetime) == nil)
        #expect(value("", .string) == .string(""))
        #expect(value("", .uint32) == .null)
        #expect(value("a=b,c", .string) == .string("a=b,c"))
    }

    @Test("Arrays: commas, JSON, or several words")
    func arrays() throws {
        #expect(value("1,2", .uint16, isArray: true) == .array(of: .uint16, [.uint16(1), .uint16(2)]))
        #expect(value(#"["a,b", "\u00e9\n", "😀"]"#, .string, isArray: true) == .strings(["a,b", "é\n", "😀"]))
        #expect(value("[]", .string, isArray: true) == .array(of: .string, []))
        #expect(value("", .string, isArray: true) == .array(of: .string, []))
        for bad in ["[", "[1", "[1,]", "[\"a]", "[{}]", "[1] x", "[,]", #"["\u12"]"#] { #expect(value(bad, .string, isArray: true) == nil) }
        let words = try Assignments(["n=1", "N=2"])
        #expect(try words.values("class", [("N", .array(of: .uint8))]).first?.value == .array(of: .uint8, [.uint8(1), .uint8(2)]))
    }

    @Test("A name the class does not have, or a word without =, is a mistake on the command line")
    func mistakes() throws {
        #expect(throws: ValidationError.self) { try Assignments(["novalue"]) }
        #expect(throws: ValidationError.self) { try Assignments(["=x"]) }
        #expect(throws: ValidationError.self) { try Assignments(["a=1"]).values("class C", [("b", CIMTypeReference(.uint8))]) }
        #expect(throws: ValidationError.self) { try Assignments(["a=1", "a=2"]).values("class C", [("a", CIMTypeReference(.uint8))]) }
    }
}
