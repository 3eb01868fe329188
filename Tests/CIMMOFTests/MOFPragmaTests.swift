import CIM
import CIMMOF
import Testing

@Suite("Pragmas (DSP0004; WMI's preprocessor commands)")
struct MOFPragmaTests {
    private func unit(_ files: [String: String], limits: MOFLimits = MOFLimits()) throws -> MOFUnit {
        let context = MOFContext(
            include: { (name, from) throws(MOFError) in
                guard let text = files[name] else {
                    throw MOFError(file: from, line: 0, column: 0, status: .mofErrorInvalidIncludeFile, message: "expected a file")
                }
                return MOFSource(file: name, text: text)
            }, limits: limits)
        return try MOFParser.parse(MOFSource(file: "main", text: files["main"] ?? ""), in: context)
    }

    private func errors(_ files: [String: String], limits: MOFLimits = MOFLimits()) -> [String] {
        do {
            _ = try unit(files, limits: limits)
            return []
        } catch let errors as MOFErrors {
            return errors.errors.map { "\($0.file):\($0.line):\($0.column) \($0.status.hex)" }
        } catch { return ["\(error)"] }
    }

    @Test("An include reads as if its text stood there, namespace and qualifier types too")
    func include() throws {
        let unit = try unit([
            "main": "#pragma include(\"q\")\nclass A { [K] string k; };\n#include \"b\"\n#pragma include(\"b2\") class D {};",
            "q": "Qualifier K : boolean, Scope(any), Flavor(ToInstance);", "b": "\n#pragma namespace(\"root\")\nclass B {};",
            "b2": "class C {};",
        ])
        #expect(unit.classes.map(\.name) == ["A", "B", "C", "D"])
        #expect(unit.declarations.map(\.file) == ["q", "main", "b", "b2", "main"])
        #expect(unit.declarations.map(\.firstLine) == [1, 2, 3, 1, 4])
        #expect(unit.declarations.map { $0.namespace?.text } == [nil, nil, "root", "root", "root"])
        #expect(unit.classes[0].properties[0].qualifiers[0].flavor == [.toInstance, .toSubclass])
    }

    @Test("The same file twice is no cycle")
    func twice() throws {
        let unit = try unit(["main": "#pragma include(\"a\") #pragma include(\"a\")", "a": "#pragma include(\"b\")", "b": "class A {};"])
        #expect(unit.classes.count == 2)
    }

    @Test("A cycle, a file that is not there, one that is not MOF: each at its place, and the rest is read")
    func badIncludes() {
        let found = errors([
            "main": "#pragma include(\"a\")\n#pragma include(\"none\")\nclass", "a": "#pragma include(\n\"main\")\nclass 1 {};",
        ])
        #expect(found == ["a:2:1 0x80044030", "a:3:7 0x80044014", "main:2:17 0x80044030", "main:3:6 0x80044014"])
        #expect(errors(["main": "#pragma include(\"main\")"]) == ["main:1:17 0x80044030"])
        #expect(throws: MOFError.self) { try MOFParser.parse("#pragma include(\"a\")") }
    }

    @Test("Includes end at the depth and the size that are allowed, however often they fan out")
    func limits() {
        var files = ["main": "#pragma include(\"1\")"]
        for level in 1...40 { files["\(level)"] = "#pragma include(\"\(level + 1)\")#pragma include(\"\(level + 1)\")" }
        var limits = MOFLimits()
        limits.errors = 1
        #expect(errors(files, limits: limits) == ["32:1:17 0x8004106C"])
        limits.includeDepth = 100
        limits.bytes = 100_000
        files["41"] = ""
        #expect(errors(files, limits: limits).first?.hasSuffix("0x8004106C") ?? false)
    }

    @Test("Flags hold for what follows, and deletions keep their place in the order")
    func effects() throws {
        let unit = try MOFParser.parse(
            """
            #pragma locale("en_US") #pragma instancelocale("en_US") #pragma autorecover
            #pragma classflags("updateonly", "forceupdate")
            #pragma instanceflags(createonly)
            class A {};
            #pragma deleteclass("B", NOFAIL)
            #pragma classflags("createonly, safeupdate")
            class C {};
            #pragma classflags()
            #pragma deleteclass("D", fail)
            #pragma deleteinstance("E.k='x'", nofail)
            instance of F {};
            class G as $g { G ref r = $g; };
            """)
        #expect(unit.warnings.isEmpty && unit.isAutorecovered)
        #expect(unit.declarations.map(\.flags) == [[.updateOnly, .forceUpdate], [], [.createOnly, .safeUpdate], [], [], .createOnly, []])
        #expect(unit.declarations[1].content == .deleteClass(name: "B", mustExist: false))
        #expect(unit.declarations[3].content == .deleteClass(name: "D", mustExist: true))
        #expect(unit.declarations[4].content == .deleteInstance(path: try CIMObjectPath(parsing: "E.k='x'"), mustExist: false))
        #expect(unit.declarations[4].firstLine == 10)
        #expect(unit.declarations[6].alias == "g" && unit.declarations[6].aliasReferences.map(\.alias) == ["g"])
    }

    @Test(
        "Wrong arguments",
        arguments: [
            ("#pragma classflags(\"now\")", WBEMStatus.mofInvalidFlagsSyntax),
            ("#pragma instanceflags(\"safeupdate\")", .mofInvalidFlagsSyntax),
            ("#pragma classflags(\"createonly,updateonly\")", .mofInvalidFlagsSyntax),
            ("#pragma deleteclass(\"A B\", FAIL)", .mofInvalidDeleteclassSyntax),
            ("#pragma deleteclass(\"A\", MAYBE)", .mofInvalidDeleteclassSyntax), ("#pragma deleteclass()", .mofInvalidDeleteclassSyntax),
            ("#pragma deleteinstance(\"A\")", .mofInvalidDeleteinstanceSyntax), ("#pragma locale(1)", .mofInvalidPragma),
            ("#pragma namespace(\"a//b\")", .mofInvalidNamespaceSyntax), ("#pragma include(x)", .mofErrorInvalidIncludeFile),
        ])
    func wrong(text: String, status: WBEMStatus) {
        let errors = #expect(throws: MOFErrors.self) {
            try MOFParser.parse(MOFSource(file: "x", text: text + " class A {};"), in: MOFContext())
        }
        #expect(errors?.errors.map(\.status) == [status])
    }
}
