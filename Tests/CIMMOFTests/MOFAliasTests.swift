import CIM
import CIMMOF
import Testing

@Suite("Aliases (SEMANTICS D.3: a registration names its provider)")
struct MOFAliasTests {
    private let provider = CIMClass(
        name: "__Win32Provider", properties: [CIMProperty(name: "Name", type: .init(.string), qualifiers: [CIMQualifier(name: "key")])])

    private func instances(_ text: String) throws -> [CIMInstance] {
        try MOFParser.parse(text).instances { CIMName.equal($0, "__win32provider") ? provider : nil }
    }

    @Test("An alias becomes the path of its instance")
    func resolved() throws {
        let instances = try instances(
            #"instance of __win32Provider as $P { Name = "a|b"; }; instance of R { provider = $p; other = 1; };"#)
        #expect(instances[1]["Provider"] == .reference(try CIMObjectPath(parsing: #"__Win32Provider.Name="a|b""#)))
        #expect(instances[1].properties.map(\.name) == ["provider", "other"])
    }

    @Test("An unknown alias, class or key is an error")
    func failures() throws {
        func status(_ text: String) throws -> WBEMStatus? {
            do {
                _ = try instances(text)
                return nil
            } catch let error as CIMError { return error.status }
        }
        #expect(try status("instance of R { provider = $P; };") == .mofInvalidInstanceDeclaration)
        #expect(try status("instance of R { p = $R; }; instance of R as $R {};") == .invalidClass)
        #expect(try status("instance of X as $P {}; instance of R { p = $P; };") == .invalidClass)
        #expect(try status("instance of __Win32Provider as $P {}; instance of R { p = $P; };") == .noKey)
    }

    @Test("A long line costs no more than a short one", .timeLimit(.minutes(1)))
    func longLine() throws {
        let count = 100_000
        let unit = try MOFParser.parse(String(repeating: "#pragma x ", count: count))
        #expect(unit.warnings.last?.column == (count - 1) * 10 + 1)
    }
}
