import CIM
import DBus
import Testing
import WireTestKit

/// Mistakes on the command line: exit status 64, and the usage of the command that they are in.
extension ProgramTests {
    @Test("put: a key that differs from the path's is a mistake, and nothing is read or written")
    func keys() async throws {
        let (bus, broker, provider) = try await serve()
        for words in [["Name=zzz"], ["Text=x", "name=zzz"], ["Name="], ["Name=Thing1"], ["Name=zzz", "--create"]] {
            let refused = try await run(["put", Self.path] + words, on: bus.address)
            #expect(refused.end == .exited(64), "\(words) \(refused.errors)")
            #expect(refused.errors.contains("Name is a key, and the path says Name=\"thing1\", not \""), "\(refused.errors)")
            #expect(refused.output.isEmpty)
        }
        #expect(provider.calls.all.isEmpty)
        for words in [["Name=thing1", "Text=x"], ["NAME=thing1", "Text=x"]] {
            let same = try await run(["put", Self.path] + words, on: bus.address)
            #expect(same.end == .exited(0), "\(same.errors)")
        }
        // Where the path has none, they have to be said.
        let made = try await run(["put", "--create", "Test_Thing", "Name=new", "-o", "jsonl"], on: bus.address)
        #expect(made.output == #"{"__PATH":"\\\\.\\root\\cimv2:Test_Thing.Name=\"new\""}"# + "\n", "\(made.errors)")
        let again = try await run(["put", "--create", "Test_Thing.Name=\"new\"", "Text=x"], on: bus.address)
        #expect(again.end == .exited(1))
        #expect(again.errors.hasSuffix("\n  next: leave out --create to change the one that is there\n"), "\(again.errors)")
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("A mistake that is found after parsing has the usage of its command")
    func usage() async throws {
        let (bus, broker, provider) = try await serve()
        let cases: [(words: [String], mistake: String, usage: String)] = [
            (["put", Self.path, "Number=abc"], "Number must be uint32, not 'abc'", "put [<options>] <path>"),
            (["put", Self.path, "Nope=1"], "class Test_Thing has no Nope; there is Name, ", "put [<options>] <path>"),
            (["put", Self.path, "Number"], "'Number' is not name=value", "put [<options>] <path>"),
            (["invoke", Self.path, "Echo", "Nope=1"], "method Echo has no Nope; there is sInArg", "invoke [<options>] <path> <method>"),
            (
                ["enumerate", "Test_Thing", "--properties", "Nope"], "class Test_Thing has no Nope; there is ",
                "enumerate [<options>] <class>"
            ),
        ]
        for (words, mistake, usage) in cases {
            let refused = try await run(words, on: bus.address)
            #expect(refused.end == .exited(64), "\(words)")
            #expect(refused.output.isEmpty)
            let lines = refused.errors.split(separator: "\n")
            try #require(lines.count == 3, "\(refused.errors)")
            #expect(lines[0].hasPrefix("Error: \(mistake)"))
            #expect(lines[1].hasPrefix("Usage: cimctl \(usage)"))
            #expect(lines[2] == "  See 'cimctl \(words[0]) --help' for more information.")
        }
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("What is no subcommand is named, and not the option behind it")
    func unknownSubcommand() async throws {
        for words in [[], ["--address", "unix:path=/nowhere"], ["-n", "root", "x"]] {
            let first = try await run(["foo"] + words)
            #expect(first.end == .exited(64))
            #expect(
                first.errors == """
                    Error: there is no subcommand 'foo'
                    Usage: cimctl <subcommand>
                      See 'cimctl --help' for more information.

                    """)
            let second = try await run(["mof", "foo"] + words)
            #expect(second.end == .exited(64))
            #expect(
                second.errors == """
                    Error: there is no subcommand 'foo'
                    Usage: cimctl mof <subcommand>
                      See 'cimctl mof --help' for more information.

                    """)
        }
        for (words, text) in [
            (["--version"], "0.1."), (["help", "put"], "USAGE: cimctl put "), (["mof", "--help"], "USAGE: cimctl mof "),
            ([], "USAGE: cimctl "),
        ] {
            let shown = try await run(words)
            #expect(shown.end == .exited(0) && shown.output.contains(text), "\(words) \(shown)")
        }
    }
}
