import ArgumentParser
import CIM
import CIMBusClient
import Testing

@testable import cimctl

@Suite struct OperationArgumentsTests {
    @Test("--context: text unless a type stands behind the name; arrays as everywhere")
    func context() throws {
        let values = try ContextArgument.values([
            "Who=me=you:x", "Depth:uint32=0x10", "Low:SINT8=-3", "Deep:boolean=yes", "Names:string[]=a,b", "More:string[]=c,d",
            "More:string[]=e", "None:string[]=", "Empty=", "At:datetime=20260101000000.000000+000",
        ])
        #expect(values["Who"] == "me=you:x")
        #expect(values["Depth"] == .uint32(16))
        #expect(values["Low"] == .sint8(-3))
        #expect(values["Deep"] == .boolean(true))
        #expect(values["Names"] == .strings(["a", "b"]))
        #expect(values["More"] == .strings(["c,d", "e"]))
        #expect(values["None"] == .array(of: .string, []))
        #expect(values["Empty"] == "")
        #expect(values["At"] == CIMDateTime("20260101000000.000000+000").map { .datetime($0) })
        #expect(values.count == 9)
    }

    @Test(
        "--context: what is no name, type or value is a mistake on the command line",
        arguments: [
            ["Depth"], ["=x"], [":uint32=5"], ["Depth:uint9=5"], ["Depth:=5"], ["Depth:uint8=256"], ["Depth:uint8="], ["Depth:object=x"],
            ["Depth:uint8=1", "depth=1"], ["Who=a", "who=b"],
        ])
    func mistakes(words: [String]) { #expect(throws: ValidationError.self) { try ContextArgument.values(words) } }

    @Test("--context: what only the broker says is refused, in any case and with any type; extensions of a read or a put are not")
    func brokersNames() throws {
        for name in ["__OPERATION", "__client_uid", "__CLIENT_NAME:string", "__ORIGIN_UID:uint32", "__DEADLINE_USEC:uint64"] {
            #expect(throws: ValidationError.self, "\(name)") { try ContextArgument.values([name + "=5"]) }
        }
        do {
            _ = try ContextArgument.values(["__TIMEOUT_USEC:uint64=5"])
            Issue.record("a deadline is --timeout")
        } catch let error as ValidationError {
            #expect(error.message.contains("--timeout"))
        }
        #expect(try ContextArgument.values(["__PUT_EXTENSIONS:boolean=true"]) == ["__PUT_EXTENSIONS": .boolean(true)])
    }

    @Test("--properties: the class's spelling in the user's order; a name that it lacks is a mistake; --keys-only is the keys")
    func selection() throws {
        let declaration = CIMClass(
            name: "T",
            properties: [
                CIMProperty(name: "Key", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
                CIMProperty(name: "Size", type: CIMTypeReference(.uint64)), CIMProperty(name: "Text", type: CIMTypeReference(.string)),
            ])
        func parse(_ words: String...) throws -> (names: [String]?, context: [String: CIMValue]) {
            let selection = try PropertySelection.parse(words)
            let names = try selection.names(in: declaration)
            var operation = OperationOptions()
            selection.restrict(&operation, to: names)
            return (names, operation.context)
        }
        let all = try parse()
        #expect(all.names == nil && all.context.isEmpty)
        let some = try parse("--properties", "text, SIZE")
        #expect(some.names == ["Text", "Size"])
        #expect(some.context == ["__GET_EXTENSIONS": .boolean(true), "__GET_EXT_PROPERTIES": .strings(["Text", "Size"])])
        let keys = try parse("--keys-only")
        #expect(keys.names == ["Key"])
        #expect(keys.context == ["__GET_EXTENSIONS": .boolean(true), "__GET_EXT_KEYS_ONLY": .boolean(true)])
        #expect(throws: ValidationError.self) { try parse("--properties", "Nope") }
        #expect(throws: (any Error).self) { try parse("--properties", "Size,") }
        #expect(throws: (any Error).self) { try parse("--properties", "Size", "--keys-only") }
    }

    @Test("A report of progress says how far of how many, where that is known, and the provider's words without control characters")
    func progress() {
        #expect(ProgressReport.text(OperationProgress(current: 3, total: 10)) == "3 of 10")
        #expect(ProgressReport.text(OperationProgress(current: 3, total: 0, text: "a\u{1B}b")) == "3 a\u{FFFD}b")
    }
}
