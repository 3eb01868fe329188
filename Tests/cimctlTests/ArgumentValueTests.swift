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
    func arrays() async throws {
        #expect(value("1,2", .uint16, isArray: true) == .array(of: .uint16, [.uint16(1), .uint16(2)]))
        #expect(value(#"["a,b", "\u00e9\n", "😀"]"#, .string, isArray: true) == .strings(["a,b", "é\n", "😀"]))
        #expect(value("[]", .string, isArray: true) == .array(of: .string, []))
        #expect(value("", .string, isArray: true) == .array(of: .string, []))
        for bad in ["[", "[1", "[1,]", "[\"a]", "[{}]", "[1] x", "[,]", #"["\u12"]"#] { #expect(value(bad, .string, isArray: true) == nil) }
        let words = try Assignments(["n=1", "N=2"])
        let values = try await words.values("class", [("N", .array(of: .uint8))], classes: Self.classes)
        #expect(values.first?.value == .array(of: .uint8, [.uint8(1), .uint8(2)]))
    }

    @Test("A name the class does not have, or a word without =, is a mistake on the command line")
    func mistakes() async throws {
        #expect(throws: ValidationError.self) { try Assignments(["novalue"]) }
        #expect(throws: ValidationError.self) { try Assignments(["=x"]) }
        for words in [["b=1"], ["a=1", "a=2"]] {
            await #expect(throws: ValidationError.self) {
                try await Assignments(words).values("class C", [("a", CIMTypeReference(.uint8))], classes: Self.classes)
            }
        }
    }

    /// An embedded class with one in it.
    private static let inner = CIMClass(
        name: "T_Inner",
        properties: [
            CIMProperty(name: "S", type: CIMTypeReference(.string)), CIMProperty(name: "N", type: CIMTypeReference(.uint64)),
            CIMProperty(name: "Flags", type: CIMTypeReference(.boolean, isArray: true)),
            CIMProperty(name: "When", type: CIMTypeReference(.datetime)),
            CIMProperty(name: "More", type: CIMTypeReference(.object, className: "T_Inner")),
        ])

    private static func classes(_ name: String) async throws -> CIMClass {
        guard CIMName.equal(name, "T_Inner") else { throw CIMError(.invalidClass, "there is no \(name)") }
        return inner
    }

    private func embedded(_ texts: String..., isArray: Bool = false, className: String? = "T_Inner") async throws -> CIMValue? {
        let words = try Assignments(texts.map { "Os=\($0)" })
        let type = CIMTypeReference(.object, isArray: isArray, className: className)
        return try await words.values("class C", [("Os", type)], classes: Self.classes).first?.value
    }

    @Test("W29: Embedded objects and arrays of them are JSON; their values take the types of their class")
    func embeddedObjects() async throws {
        let x = CIMValue.object(CIMInstance(className: "T_Inner", ["S": "x"]))
        #expect(try await embedded(#"{"S":"x"}"#) == x)
        #expect(try await embedded(#" { "s" : "x" , "__PATH" : "T_Inner" } "#) == x)
        #expect(try await embedded(#"[{"S":"x"}]"#, isArray: true) == .array(of: .object, [x]))
        #expect(try await embedded(#"[{"S":"x"},{"S":"x"}]"#, isArray: true) == .array(of: .object, [x, x]))
        #expect(try await embedded(#"{"S":"x"}"#, #"{"S":"x"}"#, isArray: true) == .array(of: .object, [x, x]))
        #expect(try await embedded(#"{"S":"x"}"#, isArray: true) == .array(of: .object, [x]))
        #expect(try await embedded("[]", isArray: true) == .array(of: .object, []))
        #expect(try await embedded("", isArray: true) == .array(of: .object, []))
        #expect(try await embedded("") == .null)
        #expect(try await embedded(#"{"__CLASS":"T_Inner","S":"x"}"#, className: nil) == x)
        let full = try await embedded(
            #"{"N":18446744073709551615,"Flags":[true,"FALSE",1],"When":"20260101000000.000000+000","More":{"N":"0x10"},"S":null}"#)
        guard case .object(let instance)? = full else {
            Issue.record("\(String(describing: full))")
            return
        }
        #expect(instance["N"] == .uint64(.max))
        #expect(instance["Flags"] == .array(of: .boolean, [.boolean(true), .boolean(false), .boolean(true)]))
        #expect(instance["When"] == CIMDateTime("20260101000000.000000+000").map { .datetime($0) })
        #expect(instance["More"] == .object(CIMInstance(className: "T_Inner", ["N": .uint64(16)])))
        #expect(instance["S"] == .null)
    }

    @Test(
        "What is no embedded object says where and what to write",
        arguments: [
            ("x", "write an object"), ("{x", "JSON"), (#"{"S":"x""#, "at character 9"), ("[1]", "object"), (#"{"T":1}"#, "has no T"),
            (#"{"N":"many"}"#, "Os.N must be"),
            (#"{"N":[1]}"#, "one value"), (#"{"Flags":true}"#, "an array"), (#"{"Flags":[null]}"#, "NULL"),
            (#"{"S":"x","s":"y"}"#, "twice"),
            (#"{"__CLASS":7}"#, "__CLASS"), (#"{"More":{"More":7}}"#, "Os.More.More"),
            (String(repeating: #"{"More":"#, count: 17) + "{}" + String(repeating: "}", count: 17), "16 deep"),
            (String(repeating: "[", count: 100_000), "64 levels"), (#"{"S":"\u12"}"#, "hexadecimal"), (#"{S:"x"}"#, "in quotes"),
        ])
    func badEmbeddedObjects(_ text: String, _ words: String) async throws {
        let error = await #expect(throws: ValidationError.self) { try await embedded(text) }
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("An embedded object of any class must say which; one of a class that is not there is told so")
    func embeddedClass() async throws {
        let any = await #expect(throws: ValidationError.self) { try await embedded(#"{"S":"x"}"#, className: nil) }
        #expect(any?.message.contains("__CLASS") == true)
        let missing = await #expect(throws: CIMError.self) { try await embedded(#"{"__CLASS":"T_None"}"#) }
        #expect(missing?.status == .invalidClass)
    }
}
