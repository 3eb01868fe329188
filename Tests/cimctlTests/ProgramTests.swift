import DBus
import Glibc
import Testing
import WireTestKit

/// The program itself, against a real broker on a private bus.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ProgramTests {
    /// What a run of the program gave.
    struct Run {
        var output: String
        var errors: String
        var end: ProcessEnd
    }

    let folder: ScratchFiles

    init() throws { folder = try ScratchFiles() }

    /// - Parameter environment: added to that of the tests.
    func run(_ arguments: [String], on address: String? = nil, environment: [String: String] = [:]) async throws -> Run {
        let errors = folder.path("stderr")
        let script = "exec \"$0\" \"$@\" 2>'\(errors)'"
        let bus = address.map { ["--address", $0] } ?? []
        let (text, end) = try await ChildProcess.output(
            "/bin/sh", ["-c", script, BuildFolder.path(of: "cimctl")] + arguments + bus, environment: environment)
        return Run(output: text, errors: try folder.read("stderr"), end: end)
    }

    func open() async throws -> (bus: PrivateBus, broker: BrokerProcess) {
        let bus = try await PrivateBus.start()
        return (bus, try await BrokerProcess.start(on: bus))
    }

    @Test("mof compile: includes are found, one transaction for each file; classes, query lines and MOF come back")
    func compile() async throws {
        let (bus, broker) = try await open()
        try folder.write("main.mof", "#pragma include(\"parts/base.mof\")\nclass T_B : T_A { char16 C = 'x'; };\n")
        try folder.write("parts/base.mof", "#include \"deep.mof\"\n[abstract] class T_A : T_Root { };\n")
        try folder.write("found/deep.mof", "\u{FEFF}class T_Root { [key] string Name; };\n")
        let missing = try await run(["mof", "compile", folder.path("main.mof")], on: bus.address)
        #expect(missing.end == .exited(1))
        #expect(missing.errors.contains("parts/base.mof:1:10: 0x80044030"))
        #expect(missing.errors.contains("nothing is stored"))

        let compiled = try await run(["mof", "compile", "-I", folder.path("found"), folder.path("main.mof")], on: bus.address)
        #expect(compiled.end == .exited(0), "\(compiled.errors)")
        #expect(compiled.output.hasSuffix("main.mof: 3 classes, 0 instances, 0 qualifiers\n"))

        let classes = try await run(["classes", "T_Root", "--output", "jsonl"], on: bus.address)
        #expect(classes.output.split(separator: "\n").count == 2)
        #expect(classes.output.contains("{\"__CLASS\":\"T_B\",\"__SUPERCLASS\":\"T_A\",\"__DERIVATION\":[\"T_A\",\"T_Root\"]"))
        let shallow = try await run(["classes", "T_Root", "--shallow"], on: bus.address)
        #expect(shallow.output.contains("T_A ") && !shallow.output.contains("T_B"))

        let shown = try await run(["mof", "show", "t_b"], on: bus.address)
        #expect(shown.output == "class T_B : T_A\n{\n    char16 C = 'x';\n};\n")
        let deep = try await run(["mof", "show", "T_B", "--deep"], on: bus.address)
        #expect(deep.output.hasPrefix("class T_Root\n") && deep.output.hasSuffix(shown.output))

        #expect(try await run(["class", "delete", "T_A"], on: bus.address).end == .exited(0))
        let twice = try await run(["class", "delete", "T_A"], on: bus.address)
        #expect(twice.end == .exited(2))
        #expect(twice.errors.contains("'cimctl classes' lists those there are"))
        let gone = try await run(["mof", "show", "T_B"], on: bus.address)
        #expect(gone.end == .exited(2))
        #expect(gone.errors.contains("cimctl: 0x80041010 InvalidClass: class T_B does not exist in root/cimv2"))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("W27: --locale, and --amended with the user's language, show the localized qualifiers of classes")
    func locales() async throws {
        let (bus, broker) = try await open()
        try folder.write("neutral.mof", "[Description(\"neutral\")] class T_A { [key] string Name; };\n")
        try folder.write(
            "german.mof", "#pragma amendment(\"MS_407\")\n[Description(\"deutsch\") : Amended] class T_A { [key] string Name; };\n")
        try folder.write(
            "english.mfl",
            #"""
            #pragma namespace("\\\\.\\root\\cimv2")
            instance of __namespace { name = "ms_409"; };
            #pragma namespace("\\\\.\\root\\cimv2\\ms_409")
            [Description("English") : Amended, AMENDMENT, LOCALE("0x409")] class T_A { [Description("its name") : Amended] string Name; };

            """#)
        let german = try await run(["mof", "compile", folder.path("german.mof")], on: bus.address)
        #expect(german.output.hasSuffix(": 2 classes, 1 instances, 0 qualifiers\n"), "\(german.errors)")
        let compiled = try await run(["mof", "compile", folder.path("neutral.mof"), folder.path("english.mfl")], on: bus.address)
        #expect(compiled.end == .exited(0), "\(compiled.errors)")

        func shown(_ options: [String], environment: [String: String] = [:]) async throws -> String {
            let none = ["LC_ALL": "", "LC_MESSAGES": "", "LANG": ""]
            let run = try await run(
                ["mof", "show", "T_A"] + options, on: bus.address, environment: none.merging(environment) { $1 })
            #expect(run.end == .exited(0), "\(run.errors)")
            return run.output
        }
        #expect(try await shown([], environment: ["LC_ALL": "de_DE.UTF-8"]).contains("\"neutral\""))
        #expect(try await shown(["--locale", "MS_407"]).contains("\"deutsch\""))
        #expect(try await shown(["--locale", "de-AT"]).contains("\"deutsch\""))
        let english = try await shown(["--amended"])
        #expect(english.contains("\"English\"") && english.contains("\"its name\""))
        #expect(
            try await shown(["--amended"], environment: ["LC_ALL": "", "LC_MESSAGES": "de_CH.UTF-8", "LANG": "en_US"]).contains(
                "\"deutsch\""))
        #expect(try await shown(["--amended", "--locale", "fr_FR"], environment: ["LANG": "de_DE"]).contains("\"English\""))

        let mistake = try await run(["mof", "show", "T_A", "--locale", "xx/yy"], on: bus.address)
        #expect(mistake.end == .exited(64))
        for words in [
            ["classes", "--locale", "de_DE", "-o", "jsonl"], ["query", "SELECT * FROM meta_class WHERE __this ISA 'T_A'", "--amended"],
        ] {
            let listed = try await run(words, on: bus.address)
            #expect(listed.end == .exited(0) && listed.output.contains("T_A"), "\(listed.errors)")
        }
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("mof compile: what the broker refuses has the place in the file that was included; the files before stay")
    func refused() async throws {
        let (bus, broker) = try await open()
        try folder.write("good.mof", "class T_Good {};")
        try folder.write("bad.mof", "class T_First {};\n#pragma include(\"inner.mof\")\nclass T_Last {};")
        try folder.write("inner.mof", "\n\nclass T_Orphan : T_Nowhere {};\n")
        let check = try await run(["mof", "check", folder.path("bad.mof")], on: bus.address)
        #expect(check.end == .exited(1))
        #expect(check.errors.contains("inner.mof:3: 0x"))
        let compiled = try await run(["mof", "compile", folder.path("good.mof"), folder.path("bad.mof")], on: bus.address)
        #expect(compiled.end == .exited(1))
        #expect(compiled.errors.contains("inner.mof:3: 0x"))
        #expect(compiled.errors.contains("the 1 before it are stored"))
        #expect(try await run(["mof", "show", "T_Good"], on: bus.address).end == .exited(0))
        #expect(try await run(["mof", "show", "T_First"], on: bus.address).end == .exited(2))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("mof compile: of a single file all that is wrong is said, each with its place, with a broker and without one; nothing is stored")
    func faultyFile() async throws {
        let (bus, broker) = try await open()
        try folder.write("bad.mof", "class T_First {};\n#pragma include(\"inner.mof\")\nclass T_Last { sint32 }\n")
        try folder.write("inner.mof", "class T_Inner {};\n\nclas T_Other {};\n")
        for address in [bus.address, "unix:path=\(folder.path("no-bus"))"] {
            let refused = try await run(["mof", "compile", folder.path("bad.mof")], on: address)
            #expect(refused.end == .exited(1))
            #expect(refused.errors.contains("inner.mof:3:1: 0x") && refused.errors.contains("bad.mof:3:"), "\(refused.errors)")
            #expect(refused.errors.contains("3 errors in \(folder.path("bad.mof")); nothing is stored"), "\(refused.errors)")
        }
        #expect(try await run(["mof", "show", "T_First"], on: bus.address).end == .exited(2))
        // What comes by a pipe comes once.
        for (bytes, word) in [("\\377\\377", "InvalidFile"), ("clas T_Piped {};", "UnrecognizedToken")] {
            let script = "printf '\(bytes)' | \"$@\" 2>&1"
            let (text, end) = try await ChildProcess.output(
                "/bin/sh", ["-c", script, "sh", BuildFolder.path(of: "cimctl"), "mof", "compile", "/dev/stdin", "--address", bus.address])
            #expect(end == .exited(1) && text.contains(word), "\(text)")
        }
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("W24: a file that is included is found in another case, and by a path of Windows; two that differ in case are an error")
    func includedCase() async throws {
        try folder.write("main.mof", "#pragma include(\"Parts\\new.MOF\")\n# pragma locale(\"en\")\nclass T_B : T_A {};\n")
        try folder.write("parts/New.mof", "class T_A { string S = \"\\p\"; };\n")
        let found = try await run(["mof", "check", "--offline", folder.path("main.mof")])
        #expect(found.end == .exited(0), "\(found.errors)")
        #expect(found.errors.contains("main.mof:2:1: warning:") && found.errors.contains("New.mof:1:25: warning:"), "\(found.errors)")
        try folder.write("parts/NEW.mof", "")
        let two = try await run(["mof", "check", "--offline", folder.path("main.mof")])
        #expect(two.end == .exited(1))
        #expect(two.errors.contains("found 2 whose names differ in case") && two.errors.contains("parts/NEW.mof"), "\(two.errors)")
    }

    @Test("W21: a misspelt type has its place in the file that was included; offline it is a warning; class __X is about the name")
    func misspeltType() async throws {
        let (bus, broker) = try await open()
        try folder.write("main.mof", "class T_A {};\n#include \"inner.mof\"\n")
        try folder.write("inner.mof", "\nclass T_B {\n  int32 N;\n};\n")
        for command in ["check", "compile"] {
            let refused = try await run(["mof", command, folder.path("main.mof")], on: bus.address)
            #expect(refused.end == .exited(1))
            #expect(
                refused.errors.contains("inner.mof:3:3: 0x8004") && refused.errors.contains("did you mean sint32?"), "\(refused.errors)")
        }
        let offline = try await run(["mof", "check", "--offline", folder.path("main.mof")])
        #expect(offline.end == .exited(0))
        #expect(offline.errors.contains("inner.mof:3:3: warning: 'int32'"), "\(offline.errors)")
        try folder.write("system.mof", "class __T {};\n")
        for command in ["check", "compile"] {
            let reserved = try await run(["mof", command, folder.path("system.mof")], on: bus.address)
            #expect(reserved.end == .exited(1))
            #expect(reserved.errors.contains("names that start with two underscores are reserved for system classes"), "\(reserved.errors)")
            #expect(!reserved.errors.contains("root") && !reserved.errors.contains("sudo"), "\(reserved.errors)")
            #expect(reserved.errors.contains("next: mend the file"), "\(reserved.errors)")
        }
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("namespaces are listed; a query's failure has its number, and what to do")
    func others() async throws {
        let (bus, broker) = try await open()
        let namespaces = try await run(["namespaces", "-o", "jsonl"], on: bus.address)
        #expect(namespaces.output.contains("{\"Namespace\":\"root/cimv2\"}\n"))
        let query = try await run(["query", "SELEKT"], on: bus.address)
        #expect(query.end == .exited(1))
        #expect(query.errors.hasPrefix("cimctl: 0x8004"))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test(
        "--timeout holds for a broker that does not answer",
        arguments: [["providers"], ["operations"], ["cancel", "1"], ["namespaces"], ["mof", "show", "T_A"]])
    func silentBroker(arguments: [String]) async throws {
        let bus = try await PrivateBus.start()
        let silent = try await bus.connect()
        await silent.setInbound { _ in true }
        _ = try await silent.requestName(WellKnownName("org.cimbus1"))
        let asked = try await run(arguments + ["--timeout", "0.1"], on: bus.address)
        #expect(asked.end == .exited(4))
        #expect(asked.errors.contains("TimedOut"), "\(asked.errors)")
    }

    @Test("mof check without a broker: every error with its place, cycles too, and 20 at most")
    func check() async throws {
        try folder.write("a.mof", "#include \"./b.mof\"\nclass A { uint9 x; string s = 5; };")
        try folder.write("b.mof", "#include \"../\(folder.name)/a.mof\"")
        let faulty = try await run(["mof", "check", "--offline", folder.path("a.mof"), folder.path("none.mof")])
        #expect(faulty.end == .exited(1))
        #expect(faulty.errors.contains("b.mof:1:10: 0x80044030"))
        #expect(faulty.errors.contains("a.mof:2:"))
        #expect(faulty.errors.contains("none.mof: 0x80041002"))
        try folder.write("many.mof", String(repeating: "class A { string s = 5; };\n", count: 100))
        let many = try await run(["mof", "check", "--offline", folder.path("many.mof")])
        #expect(many.errors.split(separator: "\n").count { $0.contains("many.mof:") } <= 20 + 1)
        #expect(many.errors.contains("and perhaps more"))

        try folder.write("ok.mof", "class A {};")
        #expect(try await run(["mof", "check", "--offline", folder.path("ok.mof")]).end == .exited(0))
        let alone = try await run(["mof", "check", folder.path("ok.mof")], on: "unix:path=\(folder.path("nobody"))")
        #expect(alone.end == .exited(0))
        #expect(alone.errors.hasPrefix("cimctl: only the syntax was checked"))
    }

    @Test("mof format --in-place leaves a file its owner and group", .enabled(if: geteuid() == 0, "only root gives files away"))
    func owner() async throws {
        try folder.write("a.mof", "class   A{uint8  x ;};")
        let file = folder.path("a.mof")
        #expect(chown(file, 65534, 65533) == 0 && chmod(file, 0o4640) == 0)
        #expect(try await run(["mof", "format", "--in-place", file]).end == .exited(0))
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_uid == 65534 && status.st_gid == 65533 && status.st_mode & 0o7777 == 0o4640)
    }

    @Test("mof format: to standard output, in place with the file's mode, or as a check")
    func format() async throws {
        try folder.write("a.mof", "class   A{uint8  x ;};")
        let file = folder.path("a.mof")
        chmod(file, 0o640)
        let text = "class A\n{\n    uint8 x;\n};\n"
        let shown = try await run(["mof", "format", file])
        let unformatted = try await run(["mof", "format", "--check", file])
        #expect(unformatted.end == .exited(1))
        #expect(unformatted.output == file + "\n")
        #expect(try await run(["mof", "format", "--in-place", file]).end == .exited(0))
        #expect(try folder.read("a.mof") == shown.output)
        #expect(shown.output.split(whereSeparator: \.isWhitespace) == text.split(whereSeparator: \.isWhitespace))
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o640)
        #expect(try await run(["mof", "format", "--check", file]).end == .exited(0))
        try folder.write("b.mof", "class B { string s = \"unterminated; };")
        let broken = try await run(["mof", "format", "--in-place", folder.path("b.mof")])
        #expect(broken.end == .exited(1))
        #expect(broken.errors.contains("b.mof:1:"))
    }
}
