import DBus
import Glibc
import Testing
import WireTestKit

/// What is the same for all commands: exit statuses, errors for programs, formats, words, short verbs.
extension ProgramTests {
    static let lampsMOF = """
        [Description("A lamp.")] class Site_Lamp {
            [key] string Name;
            [ValueMap{"0", "1"}, Values{"Dark", "Bright"}] uint8 State;
        };
        instance of Site_Lamp { Name = "desk"; State = 1; };
        instance of Site_Lamp { Name = "hall"; State = 0; };
        """

    /// A broker that has two lamps stored.
    func lamps() async throws -> (bus: PrivateBus, broker: BrokerProcess) {
        let (bus, broker) = try await open()
        try folder.write("lamps.mof", Self.lampsMOF)
        let stored = try await run(["mof", "compile", folder.path("lamps.mof")], on: bus.address)
        #expect(stored.end == .exited(0), "\(stored.errors)")
        return (bus, broker)
    }

    @Test(
        "The exit status is 2 for what is not there, 3 without a broker, 4 after a timeout, 5 for who may not, 64 for a mistake; errors are JSON with -o json"
    )
    func exitStatuses() async throws {
        let (bus, broker) = try await lamps()
        func check(_ arguments: [String], _ status: Int32, _ words: String, on address: String? = nil) async throws {
            let plain = try await run(arguments, on: address ?? bus.address)
            #expect(plain.end == .exited(status) && plain.errors.contains(words), "\(arguments): \(plain)")
            let json = try await run(["-o", "jsonl"] + arguments, on: address ?? bus.address)
            #expect(json.end == .exited(status) && json.errors.hasPrefix("{\"status\":"), "\(arguments): \(json)")
            #expect(json.errors.split(separator: "\n").count == 1 && json.errors.contains("\"exit\":\(status),"), "\(json.errors)")
            #expect(json.errors.contains("\"what\":\"cimctl \(arguments[0])") && json.errors.contains("\"next\":\""), "\(json.errors)")
        }
        try await check(["get", "Site_Lamp.Name=\"attic\""], 2, "NotFound")
        try await check(["enumerate", "Site_Lmap"], 2, "did you mean Site_Lamp?")
        try await check(["namespaces", "-n", "root/cimv2", "--timeout", "-1"], 64, "--timeout")
        try await check(["enumerate", "Site_Lamp", "-n", "root/cimv3"], 2, "did you mean root/cimv2?")
        try await check(["get", "Site_Lamp.Name=\"desk\"", "--properties", "Stat"], 64, "did you mean State?")
        try await check(["providers", "CIMBsu"], 2, "the broker knows no provider CIMBsu")
        try await check(["providers"], 3, "TransportFailure", on: "unix:path=/nowhere")
        let word = try await run(["enumerat"], on: bus.address)
        #expect(word.end == .exited(64) && word.errors.contains("did you mean enumerate?"), "\(word.errors)")

        let silent = try await PrivateBus.start()
        let mute = try await silent.connect()
        await mute.setInbound { _ in true }
        _ = try await mute.requestName(WellKnownName("org.cimbus1"))
        try await check(["providers", "--timeout", "0.1"], 4, "TimedOut", on: silent.address)
        withExtendedLifetime((broker, mute)) {}
    }

    @Test("Who may not is refused with exit status 5", .enabled(if: geteuid() == 0, "only root becomes somebody else"))
    func refusedUser() async throws {
        let (bus, broker) = try await lamps()
        let mayNot = try await ChildProcess.output(
            "/bin/sh",
            [
                "-c",
                "setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" mof compile '\(folder.path("lamps.mof"))' --address '\(bus.address)' 2>/dev/null",
                BuildFolder.path(of: "cimctl"),
            ])
        // Where another user cannot get at the bus or at the file, the reason is another.
        #expect([.exited(5), .exited(3), .exited(1)].contains(mayNot.end), "\(mayNot)")
        withExtendedLifetime(broker) {}
    }

    @Test("CIMBUS_BUS says where the broker is, in a word or an address, unless an option does; what is neither is a mistake")
    func busOfTheEnvironment() async throws {
        let (bus, broker) = try await open()
        for environment in [["CIMBUS_BUS": bus.address], ["CIMBUS_BUS": "session", "DBUS_SESSION_BUS_ADDRESS": bus.address]] {
            let named = try await run(["namespaces"], environment: environment)
            #expect(named.end == .exited(0) && named.output.contains("root/cimv2"), "\(named.errors)")
        }
        let option = try await run(["namespaces"], on: bus.address, environment: ["CIMBUS_BUS": "unix:path=/nowhere"])
        #expect(option.end == .exited(0), "\(option.errors)")
        let wrong = try await run(["namespaces"], environment: ["CIMBUS_BUS": "sesion"])
        #expect(wrong.end == .exited(64) && wrong.errors.contains("CIMBUS_BUS is 'sesion'"), "\(wrong.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("Tables and lists show the words of the class for numbers, programs get numbers; --raw and --words choose")
    func words() async throws {
        let (bus, broker) = try await lamps()
        func shown(_ options: String...) async throws -> String {
            let run = try await run(["enumerate", "Site_Lamp"] + options, on: bus.address)
            #expect(run.end == .exited(0), "\(run.errors)")
            return run.output
        }
        #expect(try await shown() == "Name State\n---- ------\ndesk Bright\nhall Dark\n")
        #expect(try await shown("--raw") == "Name State\n---- -----\ndesk     1\nhall     0\n")
        #expect(try await shown("-o", "csv") == "Name,State\ndesk,1\nhall,0\n")
        #expect(try await shown("-o", "csv", "--words") == "Name,State\ndesk,Bright\nhall,Dark\n")
        #expect(try await shown("-o", "json", "--words").contains(#""Name":"desk","State":"Bright"},"# + "\n{"))
        #expect(try await shown("-o", "list") == "Name  : desk\nState : Bright\n\nName  : hall\nState : Dark\n")
        #expect(try await shown("-o", "mof").contains("instance of Site_Lamp\n{\n    Name = \"hall\";\n    State = 0;\n};\n"))
        let mof = try await run(["providers", "-o", "mof"], on: bus.address)
        #expect(mof.end == .exited(64) || mof.output.isEmpty, "\(mof)")
        withExtendedLifetime(broker) {}
    }

    @Test("JSON is one document, which has no end where the operation fails before its own")
    func documents() async throws {
        let (bus, broker) = try await lamps()
        let whole = try await run(["query", "SELECT Name FROM Site_Lamp", "-o", "json"], on: bus.address)
        #expect(whole.output.hasPrefix("[{\"__CLASS\":\"Site_Lamp\"") && whole.output.hasSuffix("}]\n"), "\(whole.output)")
        let none = try await run(["query", "SELECT Name FROM Site_Lamp WHERE Name = 'x'", "-o", "json"], on: bus.address)
        #expect(none.output == "[]\n")
        let faulty = try await FaultyProcess.start(on: bus, ["--script", "reply 0 1; indicate 2; waitfor the-end"])
        let broken = try OpenRun(["enumerate", "Faulty_Thing", "-o", "json"], on: bus, in: folder)
        try await broken.wait(forLines: 1)
        faulty.process.signal(SIGKILL)
        let ended = try await broken.end()
        #expect(ended.end == .exited(1) && ended.output.hasPrefix("[{") && !ended.output.contains("]\n"), "\(ended)")
        #expect(
            ended.errors.contains("\"name\":\"ProviderFailure\"") && ended.errors.contains("\"provider\":\"Faulty\""), "\(ended.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("--watch does it again and again until it is interrupted; what changes something is refused")
    func watching() async throws {
        let (bus, broker) = try await lamps()
        let watching = try OpenRun(["enumerate", "Site_Lamp", "--watch", "0.1", "-o", "jsonl"], on: bus, in: folder)
        try await watching.wait(forLines: 6)
        watching.process.signal(SIGINT)
        #expect(try await watching.end().end == .exited(1))
        let changing = try await run(["delete", "Site_Lamp.Name=\"desk\"", "--watch", "1"], on: bus.address)
        #expect(changing.end == .exited(64) && changing.errors.contains("--watch"), "\(changing.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("On a terminal a pager shows what is there, unless --no-pager; elsewhere there is none")
    func paging() async throws {
        let (bus, broker) = try await lamps()
        try folder.write("pager", "#!/bin/sh\nsed 's/^/paged: /'\n")
        #expect(chmod(folder.path("pager"), 0o755) == 0)
        func shown(_ options: String) async throws -> String {
            let command = "\(BuildFolder.path(of: "cimctl")) enumerate Site_Lamp \(options) --address '\(bus.address)'"
            return try await ChildProcess.output(
                "/bin/sh", ["-c", "exec script -qec \"$0\" /dev/null </dev/null", command],
                environment: ["CIMBUS_PAGER": folder.path("pager"), "SHELL": "/bin/sh"]
            ).text.filter { $0 != "\r" }.map { $0 == "\r\n" ? "\n" : String($0) }.joined()
        }
        let paged = try await shown("")
        #expect(paged == "paged: Name State\npaged: ---- ------\npaged: desk Bright\npaged: hall Dark\n", "\(paged.debugDescription)")
        let plain = try await shown("--no-pager")
        #expect(plain.hasPrefix("Name State\n"), "\(plain.debugDescription)")
        let piped = try await run(["enumerate", "Site_Lamp"], on: bus.address, environment: ["CIMBUS_PAGER": folder.path("pager")])
        #expect(piped.output.hasPrefix("Name State\n"))
        withExtendedLifetime(broker) {}
    }

    @Test("Short verbs: of the site's own file, with keys, where, get, count and call; a file with a fault says where")
    func aliases() async throws {
        let (bus, broker) = try await lamps()
        try folder.write(
            "aliases/site.conf",
            "[lamp]\nClass=Site_Lamp\nDescription=The lamps.\n[dark]\nClass=Site_Lamp\nProperties=Name\nWhere=State = 0\n[x\n")
        func shown(_ words: String...) async throws -> Run {
            try await run(words, on: bus.address, environment: ["CIMBUS_ALIASES": folder.path("aliases")])
        }
        #expect(try await shown("lamp").output == "Name State\n---- ------\ndesk Bright\nhall Dark\n")
        #expect(try await shown("-o", "csv", "dark").output == "Name\nhall\n")
        #expect(try await shown("lamp", "desk", "get", "State", "-o", "csv").output == "State\n1\n")
        #expect(try await shown("lamp", "where", "Name", "LIKE", "'h%'", "count").output == "1\n")
        #expect(try await shown("lamp", "get", "Nmae").errors.contains("did you mean Name?"))
        #expect(try await shown("lmap").errors.contains("did you mean lamp?"))
        let listed = try await shown("alias")
        #expect(
            listed.output.contains("lamp Site_Lamp The lamps.") && listed.errors.contains("site.conf:8: '[x' begins no alias"), "\(listed)")
        let everything = try await shown("lamp", "call", "Burn")
        #expect(everything.end == .exited(64) && everything.errors.contains("say for which"), "\(everything.errors)")
        let none = try await shown("lamp", "desk", "call", "Burn")
        #expect(none.end == .exited(2) && none.errors.contains("has no method Burn"), "\(none.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("class find, show and tree; instance count, of all or of some")
    func classesAndCounts() async throws {
        let (bus, broker) = try await lamps()
        func shown(_ words: String...) async throws -> Run { try await run(words, on: bus.address) }
        #expect(try await shown("class", "find", "LAMP").output.contains("Site_Lamp name  A lamp."))
        #expect(try await shown("class", "find", "lampp").end == .exited(2))
        #expect(try await shown("class", "show", "Site_Lamp").output.contains("uint8 State\n      0 Dark, 1 Bright\n"))
        let rows = try await shown("class", "show", "Site_Lamp", "-o", "jsonl")
        #expect(
            rows.output.contains(
                #""Kind":"property","Name":"State","Type":"uint8","Key":false,"Description":null,"Values":["0 Dark","1 Bright"]"#),
            "\(rows)")
        try folder.write("more.mof", "[abstract] class T_A { }; class T_B : T_A { }; class T_C : T_B { }; class T_D : T_A { };")
        _ = try await shown("mof", "compile", folder.path("more.mof"))
        #expect(try await shown("class", "tree", "T_A").output == "T_A (abstract)\n├─T_B\n│ └─T_C\n└─T_D\n")
        #expect(try await shown("instance", "count", "Site_Lamp").output == "2\n")
        #expect(
            try await shown("instance", "count", "Site_Lamp", "--where", "State = 1", "-o", "json").output
                == "{\"Class\":\"Site_Lamp\",\"Count\":1}\n")
        withExtendedLifetime(broker) {}
    }
}
