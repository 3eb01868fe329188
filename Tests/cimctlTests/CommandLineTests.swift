import ArgumentParser
import CIM
import CIMBusClient
import CIMMOF
import Testing
import WireTestKit

@testable import cimctl

@Suite struct CommandLineTests {
    private func isVerb(_ words: [String]) -> Bool { UsageReport.command(at: words) != nil }

    @Test(
        "Options before the verb, or between its words, are moved behind it; what is behind it stays",
        arguments: [
            ("-o json enumerate T", "enumerate -o json T"),
            ("--session class --output=csv show T -n root", "class show --session --output=csv T -n root"),
            ("-H a,b --raw os get Name", "os -H a,b --raw get Name"), ("enumerate T -o json", "enumerate T -o json"),
            ("--help", "--help"), ("-o", "-o"), ("class show -- -o", "class show -- -o"),
        ])
    func arranged(given: String, expected: String) {
        let words = given.split(separator: " ").map(String.init)
        #expect(CommandWords.arranged(words, isVerb: isVerb).joined(separator: " ") == expected)
    }

    @Test(
        "A verb that parses its own words is the one that all commands would find",
        arguments: [
            ["get", "A.B=1"], ["query", "SELECT * FROM A", "--timeout", "3"], ["mof", "check", "a.mof"], ["events"], ["events", "list"],
            ["put", "A.B=1", "C=2", "-o", "json"], ["providers"], ["help", "get"],
        ])
    func parsedAlone(words: [String]) throws {
        let (alone, among) = (try CimCtl.parsed(words), try CimCtl.parseAsRoot(words))
        #expect(type(of: alone) == type(of: among))
        #expect("\(alone)" == "\(among)")
    }

    @Test(
        "Where a verb cannot parse its own words, what is shown is what all commands say: usage, help, version, completions",
        arguments: [
            ["get"], ["get", "A.B=1", "more"], ["query", "--nonsense", "x"], ["get", "--help"], ["enumerate", "-h"],
            ["query", "--version"],
            ["get", "--generate-completion-script", "bash"], ["mof"], ["mof", "nonsense"], ["nonsense"],
            ["put", "A.B=1", "--timeout", "x"],
        ])
    func messages(words: [String]) {
        func message(_ parse: ([String]) throws -> any ParsableCommand) -> String {
            do { return "parsed: \(type(of: try parse(words)))" } catch { return CimCtl.fullMessage(for: error) }
        }
        #expect(message(CimCtl.parsed) == message(CimCtl.parseAsRoot))
    }

    @Test(
        "While a verb's words are parsed a connection is made to the bus that they name; for help, other machines and other commands to none",
        arguments: [
            (["get", "A.B=1", "--address", "unix:path=/a"], .address("unix:path=/a")), (["query", "--session", "x"], .session),
            (["query", "x", "--system"], .system), (["put", "A.B=1", "--address=unix:path=/a", "--session"], .address("unix:path=/a")),
            (["get", "--help"], nil), (["get", "-h"], nil), (["query", "--version"], nil), (["get", "A.B=1", "-H", "web"], nil),
            (["get", "A.B=1", "-Hweb"], nil), (["get", "A.B=1", "--host=web"], nil),
            (["get", "--generate-completion-script", "bash"], nil),
            (["get", "A.B=1", "--address", "nonsense"], nil),
        ] as [([String], BusAddress?)])
    func earlyAddress(words: [String], expected: BusAddress?) {
        #expect(EarlyConnection.address(in: words) == expected)
    }

    @Test("The connection that was made early is for that bus alone, and for one command; why there is none is said to that command")
    func earlyConnection() async throws {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let address = BusAddress.address(bus.address)
        EarlyConnection.begin(["query", "SELECT * FROM A", "--address", bus.address])
        let session = try #require(try await EarlyConnection.session(at: address))
        #expect(try await session.broker.namespaces().isEmpty == false)
        #expect(try await EarlyConnection.session(at: address) == nil)
        EarlyConnection.begin(["query", "SELECT * FROM A", "--address", bus.address])
        #expect(try await EarlyConnection.session(at: .session) == nil)
        EarlyConnection.begin(["providers", "--address", bus.address])
        #expect(try await EarlyConnection.session(at: address) == nil)
        EarlyConnection.begin(["get", "A.B=1", "--address", "unix:path=/nonexistent/bus"])
        let error = await #expect(throws: CIMError.self) { try await EarlyConnection.session(at: .address("unix:path=/nonexistent/bus")) }
        #expect(error?.status == .transportFailure)
        withExtendedLifetime(broker) {}
    }

    @Test("The options that may stand before the verb are those that every command has")
    func optionsOfEveryCommand() {
        let help = CimCtl.helpMessage(for: Providers.self, columns: 300)
        var names: [String] = []
        for line in help.split(separator: "\n") where line.hasPrefix("  -") {
            let written = line.prefix(upTo: line.dropFirst(2).firstRange(of: "  ")?.lowerBound ?? line.endIndex)
            for word in written.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "/" }) where word.hasPrefix("-") {
                names.append(String(word))
            }
        }
        let known = CommandWords.options + CommandWords.flags + ["--version", "-h", "--help"]
        #expect(Set(names) == Set(known), "\(Set(names).symmetricDifference(known))")
    }

    @Test("The exit status says the kind of a failure")
    func exitStatuses() {
        #expect([WBEMStatus.notFound, .invalidClass, .invalidNamespace, .invalidMethod].allSatisfy { ExitStatus($0) == .notFound })
        #expect([WBEMStatus.transportFailure, .fatalTransportError].allSatisfy { ExitStatus($0) == .noBroker })
        #expect([WBEMStatus.timedOut, .providerTimedOut].allSatisfy { ExitStatus($0) == .timedOut })
        #expect([WBEMStatus.accessDenied, .privilegeNotHeld].allSatisfy { ExitStatus($0) == .refused })
        #expect([WBEMStatus.failed, .callCancelled, .invalidQuery, .providerFailure].allSatisfy { ExitStatus($0) == .failed })
        #expect(ExitStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 64])
    }

    @Test("Did you mean: a letter wrong, missing or exchanged, the schema left out; nothing where nothing is close")
    func suggestions() {
        let names = ["Linux_UnixProcess", "Linux_MountedFileSystem", "CIM_Process", "CIM_ManagedElement"]
        #expect(Suggestion.closest(to: "linux_unixproces", among: names).first == "Linux_UnixProcess")
        #expect(Suggestion.closest(to: "MountedFileSystem", among: names) == ["Linux_MountedFileSystem"])
        #expect(Suggestion.closest(to: "Process", among: names).first == "CIM_Process")
        #expect(Suggestion.question(for: "Xyzzy_Plugh", among: names) == nil)
        #expect(Suggestion.question(for: "Nmae", among: ["Name", "Size"]) == "did you mean Name?")

        #expect(Suggestion.distance(Array("abcd".utf8), Array("abdc".utf8)) == 1)
        #expect(Suggestion.distance([], Array("abc".utf8)) == 3)
        #expect(Suggestion.missing("X9", "class T", among: ["Name"]) == "class T has no X9; there is Name")
    }

    @Test("--timeout: 60 seconds where nobody says, 0 for as long as the broker lets it; CIMBUS_BUS is behind the options")
    func options() throws {
        #expect(try CommandOptions.parse([]).operationOptions.timeout == .seconds(60))
        #expect(try CommandOptions.parse(["--timeout", "0"]).operationOptions.timeout == nil)
        #expect(try CommandOptions.parse(["--timeout", "0.5"]).operationOptions.timeout == .milliseconds(500))
        for wrong in [
            ["--timeout", "-1"], ["--watch", "0"], ["--parallel", "0"], ["-H", "-oProxyCommand=x"], ["-n", "a//b"], ["--raw", "--words"],
        ] {
            #expect(throws: (any Error).self, "\(wrong)") { try CommandOptions.parse(wrong) }
        }
        #expect(try CommandOptions.parse(["-H", "a,b@c", "--host", "a,d"]).hostNames == ["a", "b@c", "d"])
        let style = try CommandOptions.parse(["-o", "csv", "--words"]).style(isPaged: true)
        #expect(style.words && style.usesPager)
        #expect(try !CommandOptions.parse(["--raw"]).style(isPaged: true).words)
        #expect(try !CommandOptions.parse(["--no-pager"]).style(isPaged: true).usesPager)
    }

    @Test("Aliases: later ones replace earlier ones; what is wrong with a line says where and why, and the rest holds")
    func aliases() {
        var aliases = Aliases()
        aliases.read(
            """
            # comment
            [Web]
            Class=Linux_SystemdService
            Properties=Name, SubState
            Where=Name LIKE 'nginx%'
            Key = Name
            [empty]
            Description=nothing
            [bad name]
            Class=X
            [other]
            Class=1x
            Clas=T_A
            junk
            Class=T_A
            """, "a.conf")
        #expect(aliases.names == ["other", "web"])
        #expect(
            aliases["WEB"]?.properties == ["Name", "SubState"] && aliases["web"]?.condition == "Name LIKE 'nginx%'"
                && aliases["web"]?.key == "Name")
        #expect(aliases.faults.map(\.line) == [7, 9, 12, 13, 14], "\(aliases.faults)")
        #expect(aliases.faults.map(\.reason).contains { $0.contains("did you mean Class?") })
        aliases.read("[web]\nClass=Site_Web\n", "b.conf")
        #expect(aliases["web"]?.className == "Site_Web" && aliases["web"]?.file == "b.conf")
        aliases.read("Class=X\n", "c.conf")
        #expect(aliases.faults.last == ConfigurationFault(file: "c.conf", line: 1, reason: "'Class=X' stands in no [alias]"))
    }

    @Test("What stands behind an alias becomes a query: keys are quoted, conditions joined")
    func aliasWords() throws {
        let declaration = CIMClass(
            name: "T",
            properties: [
                CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")]),
                CIMProperty(name: "Size", type: CIMTypeReference(.uint64)),
            ])
        let alias = Alias(name: "t", className: "T", properties: ["Name"], condition: "Size > 1")
        func query(_ words: String...) throws -> String {
            let words = try AliasWords(words)
            return try words.query(alias, declaration, selecting: words.properties ?? alias.properties)
        }
        #expect(try query() == "SELECT Name FROM T WHERE (Size > 1)")
        #expect(try query("a'b", "c", "get", "*") == #"SELECT * FROM T WHERE (Size > 1) AND (Name = 'a\'b' OR Name = 'c')"#)
        #expect(try query("where", "Size", "<", "9", "get", "Name, Size") == "SELECT Name, Size FROM T WHERE (Size > 1) AND (Size < 9)")
        let call = try AliasWords(["a", "call", "Reset", "get=1", "where"])
        #expect(call.call == "Reset" && call.parameters == ["get=1", "where"] && call.isNarrow)
        #expect(try AliasWords(["count"]).isCount && !AliasWords(["count"]).isNarrow)
        for wrong in [["where"], ["call"], ["where", "a", "where", "b"], ["count", "x"]] {
            #expect(throws: ValidationError.self, "\(wrong)") { try AliasWords(wrong) }
        }
        let many = CIMClass(name: "M", properties: [])
        #expect(throws: ValidationError.self) { try AliasWords(["x"]).query(alias, many, selecting: []) }
    }

    @Test("Every alias that is shipped is about classes and properties that the shipped mappings and the samples have")
    func shippedAliases() async throws {
        var aliases = Aliases()
        aliases.read(try await CommandExample.lines(of: "dbus/aliases.d/50-cimbus.conf").joined(separator: "\n"), "50-cimbus.conf")
        #expect(aliases.faults.isEmpty && aliases.all.count > 12, "\(aliases.faults)")
        var sources = ["bus", "hostname1", "login1", "networkmanager", "systemd", "udisks2"].map { "dbus/adopt/\($0).mof" }
        sources += ["Samples/python/Linux_MountedFileSystem.mof", "Samples/Sources/UnixProcesses/Linux_UnixProcess.swift"]
        var classes: [CIMName: (properties: Set<CIMName>, superclass: String?)] = [:]
        for source in sources {
            var text = try await CommandExample.lines(of: source).joined(separator: "\n")
            if source.hasSuffix(".swift") { text = try String(#require(text.firstMatch(of: /"""\n((?s).*?)"""/)).1) }
            for declaration in try MOFParser.parse(text, file: source).classes {
                classes[CIMName(declaration.name)] = (Set(declaration.properties.map { CIMName($0.name) }), declaration.superclass)
            }
        }
        for alias in aliases.all {
            var properties: Set<CIMName> = []
            var next: String? = alias.className
            while let name = next, let found = classes[CIMName(name)] {
                properties.formUnion(found.properties)
                next = found.superclass
            }
            #expect(!properties.isEmpty, "\(alias.name): \(alias.className)")
            // CIM_Process and those above it are in the schema.
            for name in alias.properties + [alias.key].compactMap(\.self) where alias.className != "Linux_UnixProcess" {
                #expect(properties.contains(CIMName(name)), "\(alias.name): \(name)")
            }
            #expect(!alias.description.isEmpty && UsageReport.command(at: [alias.name]) == nil)
        }
    }

    @Test("A class as a page: what is above it, keys first, words for values, methods; no line wider than the terminal")
    func classText() throws {
        let unit = try MOFParser.parse(
            """
            [dynamic, provider("Clocks"), Description("A clock that says what time it is, wherever it may be, to whoever looks at it.")]
            class T_Clock {
                [Description("What it counts."), Units("Seconds")] uint64 Seconds;
                [key] string Name;
                [ValueMap{"0", "1"}, Values{"Stopped", "Running"}] uint8 State;
                [Implemented, Description("Sets it.")] uint32 Reset([in] uint64 Seconds, [out] uint64 Before);
                uint32 Break();
            };
            """, file: "t.mof")
        let text = ClassText(try #require(unit.classes.first), width: 60).text
        #expect(text.hasPrefix("T_Clock  (dynamic, provider Clocks)\n  A clock that says"), "\(text)")
        #expect(
            text.contains(
                "\nKeys\n  string Name\n\nProperties\n  uint64 Seconds  (Seconds)\n      What it counts.\n  uint8 State\n      0 Stopped, 1 Running\n"
            ))
        #expect(text.contains("  uint32 Reset(uint64 Seconds, out uint64 Before)\n      Sets it.\n  uint32 Break()  (not implemented)\n"))
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 60 })
    }

    @Test("The far end of --host: its user is said to be the client, descriptors do not pass, and after BEGIN nothing is touched")
    func authentication() {
        var relay = AuthenticationRelay(userID: 1000)
        func pass(_ text: String) -> String? { relay.pass(Array(text.utf8)[...]).map { String(decoding: $0, as: UTF8.self) } }
        #expect(pass("\0AUTH EXTER") == "\0")
        #expect(pass("NAL 30\r\nNEGOTIATE_UNIX_FD\r\n") == "AUTH EXTERNAL 31303030\r\nWITHOUT_UNIX_FD\r\n")
        #expect(pass("DATA\r\nBEGIN\r\nl\u{1}AUTH EXTERNAL 30\r\n") == "DATA\r\nBEGIN\r\nl\u{1}AUTH EXTERNAL 30\r\n")
        #expect(pass("AUTH EXTERNAL 30\r\n") == "AUTH EXTERNAL 30\r\n")
        var other = AuthenticationRelay(userID: 0)
        #expect(other.pass(Array("AUTH".utf8)[...]) == nil)
        var endless = AuthenticationRelay(userID: 0)
        #expect(endless.pass([0] + Array(repeating: 0x41, count: 20_000)) == nil)
    }

    @Test("The sockets of a bus address: paths, escapes, abstract names, several of them")
    func addresses() {
        #expect(BusSocket.paths(in: "unix:path=/run/a%20b,guid=1;tcp:host=x;unix:abstract=/tmp/y") == ["/run/a b", "\0/tmp/y"])
        #expect(BusSocket.paths(in: "unixexec:path=ssh") == [])
        #expect(
            HostLink.arguments("a@b", .address("unix:path=/x'y"), isOneOfMany: true, limit: .seconds(5)).dropLast() == [
                "ssh", "-xT", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "--", "a@b",
            ])
        let script = HostLink.farScript(.address("unix:path=/x'y"))
        #expect(script.contains(#"exec cimctl --stdio --address 'unix:path=/x'\''y'; "#), "\(script)")
        #expect(script.contains(#"systemd-stdio-bridge --bus-path='unix:path=/x'\''y' | cat;"#), "\(script)")
        #expect(HostLink.farScript(.session).contains("--stdio --session;") && HostLink.farScript(.session).contains("bridge --user |"))
    }
}
