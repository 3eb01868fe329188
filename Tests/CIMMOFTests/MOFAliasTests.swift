import CIM
import CIMMOF
import Testing

@Suite("Aliases (Semantics D.3: a registration names its provider)")
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

    private let association = CIMClass(
        name: "R", properties: [CIMProperty(name: "p", type: .init(.reference), qualifiers: [CIMQualifier(name: "key")])])

    @Test("DSP0004, 7.9: aliases may come later, in keys, in arrays, in other namespaces, and of classes")
    func everywhere() throws {
        let unit = try MOFParser.parse(
            #"""
            instance of R as $R { p = $P; };
            instance of S { r = {$R, "X.k=1", $C}; };
            #pragma namespace("root/other")
            instance of __Win32Provider as $P { Name = "n"; };
            class C as $C { C ref self = $C; R ref r = $R; };
            """#)
        var aliases = MOFAliases(unit, home: .root)
        let resolved = try unit.declarations.map { declaration throws(CIMError) in
            try aliases.replacingAliases(in: declaration) { name, _ in CIMName.equal(name, "R") ? association : provider }
        }
        let first = #"R.p="root\\other:__Win32Provider.Name=\"n\"""#
        guard case .instance(let s) = resolved[1].content, case .class(let c) = resolved[3].content else {
            Issue.record("not an instance and a class")
            return
        }
        let elements = s.instance["r"]?.arrayValue?.compactMap(\.referenceValue) ?? []
        #expect(elements.map(\.relativePath) == [first, "X.k=1", "C"])
        #expect(elements.map(\.namespace) == [nil, nil, "root/other"])
        #expect(c.properties.map { $0.defaultValue.referenceValue?.className } == ["C", "R"])
        #expect(c.properties.map { $0.defaultValue.referenceValue?.namespace } == [nil, "root"])
        #expect(s.aliasReferences.isEmpty && resolved[3].aliasReferences.isEmpty)
    }

    @Test("Keys that name each other in a circle are an error")
    func circle() throws {
        let unit = try MOFParser.parse("instance of R as $a { p = $b; }; instance of R as $b { p = $a; };")
        let error = #expect(throws: CIMError.self) { try unit.instances(resolvingAliasesWith: { _ in association }) }
        #expect(error?.status == .mofInvalidInstanceDeclaration)
    }

    @Test("A long line costs no more than a short one", .timeLimit(.minutes(1)))
    func longLine() throws {
        let count = 100_000
        let unit = try MOFParser.parse(String(repeating: "#pragma x ", count: count))
        #expect(unit.warnings.last?.column == (count - 1) * 10 + 1)
    }
}
