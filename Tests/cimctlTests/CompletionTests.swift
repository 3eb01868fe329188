import CIM
import Testing

@testable import cimctl

@Suite struct CompletionTests {
    /// What a broker would say.
    private struct Known: CompletionSource {
        let lamp = CIMClass(
            name: "Site_Lamp",
            properties: [
                CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
                CIMProperty(
                    name: "State", type: CIMTypeReference(.uint8),
                    qualifiers: [
                        CIMQualifier(name: "ValueMap", value: .strings(["0", "1"])),
                        CIMQualifier(name: "Values", value: .strings(["Dark", "Bright"])),
                    ]),
                CIMProperty(name: "IsOn", type: CIMTypeReference(.boolean)),
            ],
            methods: [
                CIMMethod(
                    name: "Dim", returnType: CIMTypeReference(.uint32),
                    parameters: [CIMParameter(name: "Percent", type: CIMTypeReference(.uint8), qualifiers: [CIMQualifier(name: "in")])])
            ])

        func classes() async -> [String] { ["Site_Lamp", "Site_Room", "CIM_Process"] }
        func declaration(of className: String) async -> CIMClass? { CIMName.equal(className, "Site_Lamp") ? lamp : nil }
        func namespaces() async -> [String] { ["root", "root/cimv2"] }
        func providers() async -> [String] { ["Lamps"] }
        func paths(of className: String) async -> [String] { [#"Site_Lamp.Name="desk""#, #"Site_Lamp.Name="the hall""#] }
    }

    private static let tree = CommandTree.own()

    private func completion() throws -> Completion {
        var aliases = Aliases()
        aliases.read("[lamp]\nClass=Site_Lamp\nDescription=The lamps.\n", "a.conf")
        return Completion(tree: try #require(Self.tree), aliases: aliases, source: Known())
    }

    @Test(
        "What can stand next: verbs, aliases, options, classes, paths, methods, properties, values, words of queries",
        arguments: [
            ("enumer", ["enumerate"]), ("la", ["lamp"]), ("class ", ["find", "show", "tree", "delete"]), ("class s", ["show"]),
            ("enumerate site_", ["Site_Lamp", "Site_Room"]), ("-o json enumerate CIM", ["CIM_Process"]),
            ("-o ", ["table", "list", "json", "jsonl", "csv", "tsv", "mof", "yaml"]),
            ("enumerate --outp", ["--output"]), ("enumerate --output=y", ["--output=yaml"]), ("-n root/", ["root/cimv2"]),
            ("get Site_L", ["Site_Lamp."]), ("get 'Site_Lamp.Name=\"d", [#"Site_Lamp.Name="desk""#]),
            ("invoke 'Site_Lamp.Name=\"desk\"' ", ["Dim"]), ("invoke 'Site_Lamp.Name=\"desk\"' Dim ", ["Percent="]),
            ("put 'Site_Lamp.Name=\"desk\"' St", ["State="]), ("put 'Site_Lamp.Name=\"desk\"' State=", ["State=0", "State=1"]),
            ("put 'Site_Lamp.Name=\"desk\"' State=1 IsOn=t", ["IsOn=TRUE"]),
            ("enumerate Site_Lamp --properties ", ["Name", "State", "IsOn"]), ("enumerate Site_Lamp --properties Name,S", ["Name,State"]),
            ("providers ", ["Lamps"]), ("rights check --class Site_R", ["Site_Room"]), ("lamp d", ["desk"]),
            ("lamp desk ", ["where", "get", "count", "call", "desk", "the hall"]),
            ("lamp desk get Na", ["Name"]), ("alias lamp x call D", ["Dim"]),
            ("query 'SELECT Name FROM Site_L", ["SELECT Name FROM Site_Lamp"]),
            ("query 'SELECT Name FROM Site_Lamp WHERE St", ["SELECT Name FROM Site_Lamp WHERE State"]),
            (
                "query 'SELECT Name FROM Site_Lamp WHERE State = ",
                ["SELECT Name FROM Site_Lamp WHERE State = 0", "SELECT Name FROM Site_Lamp WHERE State = 1"]
            ),
            ("instance count Site_Lamp --where 'State = 1 ", ["State = 1 AND", "State = 1 OR"]), ("no such ", []),
        ] as [(String, [String])])
    func candidates(line: String, expected: [String]) async throws {
        let found = try #require(await completion().candidates(ShellWords(line)))
        if line.hasSuffix("lamp desk ") {
            #expect(Set(found.map(\.word)) == Set(expected))
        } else {
            #expect(found.map(\.word) == expected)
        }
    }

    @Test("Where a file is meant the shell knows best; a value has the word of the class for its meaning")
    func others() async throws {
        #expect(try await completion().candidates(ShellWords("mof compile ")) == nil)
        let values = try #require(await completion().candidates(ShellWords("put 'Site_Lamp.Name=\"desk\"' State=")))
        #expect(values.map(\.meaning) == ["Dark", "Bright"])
    }

    @Test("The words of a line are those of a shell; in our own, a quote inside a word belongs to it")
    func words() {
        #expect(ShellWords.all(of: #"a 'b c' "d\"e" f\ g h"i j""#) == ["a", "b c", "d\"e", "f g", "hi j"])
        #expect(ShellWords.all(of: "a 'b") == nil)
        #expect(ShellWords.all(of: #"get L.N="a b" 'x y' "z""#, keepingInnerQuotes: true) == ["get", #"L.N="a b""#, "x y", "z"])
        #expect(ShellWords.all(of: #"L.N="a\"b""#, keepingInnerQuotes: true) == [#"L.N="a\"b""#])
        let open = ShellWords("get 'L.N=\"a")
        #expect(open.finished == ["get"] && open.current == "L.N=\"a" && open.quote == "'")
    }

    @Test("bash gets what it puts in place of what it takes for a word")
    func replacements() {
        let dividers = " \t\n\"'><=;|&(:"
        func replacement(_ line: String, _ word: String) -> String { ShellWords(line).replacement(of: word, dividers: dividers) }
        #expect(replacement("get Site_L", "Site_Lamp.") == "Site_Lamp.")
        #expect(replacement("get Site_Lamp.", #"Site_Lamp.Name="a b""#) == #"Site_Lamp.Name=\"a\ b\""#)
        #expect(replacement("get Site_Lamp.Name=", #"Site_Lamp.Name="a""#) == #"\"a\""#)
        #expect(replacement("get 'Site_Lamp.Name=\"", #"Site_Lamp.Name="a'b""#) == #"Site_Lamp.Name="a'\''b""#)
        #expect(replacement("get \"Site_Lamp", #"Site_Lamp.Name="a""#) == #"Site_Lamp.Name=\"a\""#)
        #expect(replacement("--output=j", "--output=json") == "json")
    }

    @Test("Lines of the shell: commands, queries of many lines to their semicolon, what is its own, mistakes")
    func input() {
        var input = ShellInput()
        func take(_ line: String) -> ShellStep { input.take(line) { ["get", "lamp"].contains($0) } }
        #expect(take("  ") == .nothing && take("# x") == .nothing)
        #expect(take(#"cimctl get L.N="a b" -o json"#) == .command(["get", #"L.N="a b""#, "-o", "json"]))
        #expect(take("-o json lamp") == .command(["-o", "json", "lamp"]))
        #expect(take("\\n root/x") == .own("n", "root/x"))
        #expect(take("select *") == .unfinished)
        #expect(take(" from L where N = 'a;") == .unfinished)
        #expect(take("b' ; ") == .query("select *\n from L where N = 'a;\nb' "))
        #expect(take("SELECT 1;") == .query("SELECT 1"))
        #expect(take("nonsense") == .mistaken("nonsense"))
        #expect(take("get 'x") == .mistaken("a quote is not closed"))
    }

    @Test("The line editor gets what stands in place of its word, for commands and for queries over several lines")
    func editing() async throws {
        let completion = try completion()
        func found(_ line: String, before: String = "") async -> [String] {
            let start = line.lastIndex(of: " ").map { line[...$0].utf8.count } ?? 0
            return await ShellCompleter.candidates(line, start, before, completion).map(\.text)
        }
        #expect(await found("enumer") == ["enumerate"])
        #expect(await found("SEL") == ["SELECT"])
        #expect(await found("get Site_Lamp.") == [#"Site_Lamp.Name="desk""#, #"Site_Lamp.Name="the hall""#])
        #expect(await found("get 'Site_Lamp.Name=\"d") == [#"'Site_Lamp.Name="desk"'"#])
        #expect(await found("SELECT * FROM Site_R") == ["Site_Room"])
        #expect(await found("WHERE St", before: "SELECT * FROM Site_Lamp") == ["State"])
        #expect(await found("\\ti") == ["\\timing"])
    }
}
