import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

/// How the program ends when something is not there, or goes away; what it says then, and what to do next.
extension ProgramTests {
    @Test("L6: a provider that is killed in mid-enumeration: what had come is written, then number, name, provider, process and advice")
    func killedProvider() async throws {
        let (bus, broker) = try await open()
        let faulty = try await FaultyProcess.start(on: bus, ["--script", "reply 0 1; indicate 2; waitfor the-end"])
        let enumeration = try OpenRun(["enumerate", "Faulty_Thing", "-o", "jsonl"], on: bus, in: folder)
        try await enumeration.wait(forLines: 2)
        faulty.process.signal(SIGKILL)
        let ended = try await enumeration.end()
        #expect(ended.end == .exited(1))
        #expect(ended.output.split(separator: "\n").count == 2)
        let errors = ended.errors.split(separator: "\n")
        try #require(errors.count == 1, "\(ended.errors)")
        let failure =
            "{\"status\":2147749892,\"name\":\"ProviderFailure\",\"exit\":1,\"text\":\"CreateInstanceEnum Faulty_Thing: provider Faulty "
        #expect(errors[0].hasPrefix(failure), "\(ended.errors)")
        #expect(errors[0].contains("\"provider\":\"Faulty\",\"process\":\(faulty.process.processID),\"objects\":2,"))
        #expect(errors[0].hasSuffix("\"next\":\"see 'cimctl providers' for its state; start it again if it is gone, and retry\"}"))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("L9: Ctrl-C or a polite kill in mid-enumeration cancels it at the provider; exit status 1", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) async throws {
        let (bus, broker, provider) = try await serve()
        let thing = provider.thing("thing1", 1)
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(.noError, references: 1)
            try await call.sink.indicate([thing])
        }
        let enumeration = try OpenRun(["enumerate", "Test_Thing", "-o", "jsonl"], on: bus, in: folder)
        try await enumeration.wait(forLines: 1)
        #expect(provider.cancelled.all.isEmpty)
        enumeration.process.signal(signal)
        let ended = try await enumeration.end()
        #expect(ended.end == .exited(1))
        #expect(ended.output.split(separator: "\n").count == 1)
        #expect(
            ended.errors.hasPrefix(
                "{\"status\":2147749938,\"name\":\"CallCancelled\",\"exit\":1,\"text\":\"the operation was cancelled here\""),
            "\(ended.errors)")
        try await provider.cancelled.wait("the provider to be told") { $0.count == 1 }
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("R15: a provider that says WBEM_E_OUT_OF_MEMORY, by an error, an hresult or SetStatus: the number unchanged, and what to do")
    func outOfMemory() async throws {
        let (bus, broker, provider) = try await serve()
        let answers: [RawProvider.Script] = [
            { $0.fail(.outOfMemory, "the table is too long") },
            { $0.call.fail(.noMemory, "the table is too long") },
            { $0.reply(.outOfMemory) },
            { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.outOfMemory)
                try await call.sink.release()
            },
        ]
        for answer in answers {
            provider.onEverything(answer)
            for words in [["enumerate", "Test_Thing"], ["get", "Test_Thing.Name=\"x\""], ["delete", "Test_Thing.Name=\"x\""]] {
                let ended = try await run(words, on: bus.address)
                #expect(ended.end == .exited(1))
                #expect(ended.errors.hasPrefix("cimctl: 0x80041006 OutOfMemory: "), "\(ended.errors)")
                #expect(ended.errors.contains("\n  provider: Raw"), "\(ended.errors)")
                #expect(ended.errors.contains("\n  next: ask for fewer objects or properties"), "\(ended.errors)")
            }
        }
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("No broker on the bus: every command says so and how to start one")
    func noBroker() async throws {
        let bus = try await PrivateBus.start()
        for words in [
            ["providers"], ["operations"], ["cancel", "1"], ["namespaces"], ["classes"], ["enumerate", "T_A"], ["mof", "show", "T_A"],
        ] {
            let asked = try await run(words, on: bus.address)
            #expect(asked.end == .exited(3), "\(words)")
            #expect(asked.output.isEmpty)
            #expect(
                asked.errors.hasPrefix("cimctl: 0x80041015 TransportFailure: no broker owns org.cimbus1 on this bus"), "\(asked.errors)")
            #expect(asked.errors.hasSuffix("\n  next: start the broker: cimbusd --address '\(bus.address)'\n"))
        }
    }

    @Test("No bus at the address: nobody is told to start a broker there")
    func noBus() async throws {
        for address in ["unix:path=\(folder.path("nobody"))", "nonsense", "unix:nonsense", ""] {
            let asked = try await run(["classes"], on: address)
            #expect(asked.end == .exited(3))
            #expect(asked.errors.hasPrefix("cimctl: 0x80041015 TransportFailure: "), "\(asked.errors)")
            #expect(
                asked.errors.hasSuffix("\n  next: give --address the address of a message bus that runs, such as unix:path=/run/example\n"))
        }
        let nobody = "unix:path=\(folder.path("nobody"))"
        let session = try await run(["classes", "--session"], environment: ["DBUS_SESSION_BUS_ADDRESS": nobody])
        #expect(session.end == .exited(3))
        #expect(session.errors.contains("\n  next: start a session bus, "), "\(session.errors)")
        let system = try await run(["classes"], environment: ["DBUS_SYSTEM_BUS_ADDRESS": nobody])
        #expect(system.end == .exited(3))
        #expect(system.errors.contains("\n  next: start the system bus "), "\(system.errors)")
    }

    @Test("--session is the bus of DBUS_SESSION_BUS_ADDRESS; without it, and by --system, that of the system")
    func buses() async throws {
        let (bus, broker) = try await open()
        let here = ["DBUS_SESSION_BUS_ADDRESS": bus.address, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=\(folder.path("nobody"))"]
        let session = try await run(["namespaces", "--session", "-o", "jsonl"], environment: here)
        #expect(session.end == .exited(0), "\(session.errors)")
        #expect(session.output.contains("{\"Namespace\":\"root/cimv2\"}\n"))
        let alone = try await PrivateBus.start()
        let without = try await run(["namespaces", "--session"], environment: ["DBUS_SESSION_BUS_ADDRESS": alone.address])
        #expect(without.end == .exited(3))
        #expect(without.errors.hasSuffix("\n  next: start the broker: cimbusd --session\n"), "\(without.errors)")
        for words in [[], ["--system"]] {
            #expect(try await run(["namespaces"] + words, environment: here).end == .exited(3))
            let system = try await run(["namespaces"] + words, environment: ["DBUS_SYSTEM_BUS_ADDRESS": bus.address])
            #expect(system.end == .exited(0), "\(system.errors)")
        }
        #expect(try await run(["namespaces", "--session", "--system"], environment: here).end == .exited(64))
        withExtendedLifetime((bus, broker, alone)) {}
    }

    @Test("W16: a path that names another machine is refused, by every command that takes one, and nothing is done here")
    func otherMachine() async throws {
        let (bus, broker) = try await open()
        try folder.write("here.mof", "class Test_Here { [key] string Name; uint32 N; [implemented] uint32 M(); };")
        let compiled = try await run(["mof", "compile", folder.path("here.mof")], on: bus.address)
        try #require(compiled.end == .exited(0), "\(compiled.errors)")
        #expect(try await run(["put", "Test_Here.Name=\"x\"", "N=1", "--create"], on: bus.address).end == .exited(0))
        let there = "//other/root/cimv2:Test_Here.Name=\"x\""
        for command in [["get", there], ["put", there, "N=2"], ["delete", there], ["invoke", there, "M"]] {
            let refused = try await run(command, on: bus.address)
            #expect(refused.end == .exited(1) && refused.errors.contains("names server other"), "\(command): \(refused.errors)")
        }
        let here = try await run(["get", "//localhost/root/cimv2:Test_Here.Name=\"x\"", "-o", "jsonl"], on: bus.address)
        #expect(here.output.contains("\"N\":1"), "\(here.errors)")
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("What is no name of a class is InvalidClass, from every command that takes one, and the advice is about classes")
    func classNames() async throws {
        let (bus, broker) = try await open()
        for words in [["enumerate"], ["classes"], ["mof", "show"], ["class", "delete"]] {
            for name in ["a b", "1a", "T.Name=\"x\""] + (words == ["classes"] ? [] : [""]) {
                let asked = try await run(words + [name], on: bus.address)
                #expect(asked.end == .exited(2))
                let what = name.contains("=") ? "names an instance, where a class is asked for" : "is no name of a class: "
                #expect(asked.errors.hasPrefix("cimctl: 0x80041010 InvalidClass: '\(name)' \(what)"), "\(words) \(asked.errors)")
                #expect(asked.errors.contains("\n  next: 'cimctl classes' lists "))
            }
        }
        // "" is above the topmost class.
        let all = try await run(["classes", ""], on: bus.address)
        #expect(all.end == .exited(0) && all.output.contains("\n__NAMESPACE "), "\(all.errors)")
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("A number that nobody here has a name for is shown as it is, with its provider and where to read more")
    func unnamedCode() async throws {
        let (bus, broker, provider) = try await serve()
        provider.onEverything { $0.fail(WBEMStatus(rawValue: 0x8004_9999), "odd") }
        let asked = try await run(["get", Self.path], on: bus.address)
        #expect(asked.end == .exited(1))
        let errors = asked.errors.split(separator: "\n")
        try #require(errors.count == 3, "\(asked.errors)")
        #expect(errors[0].hasPrefix("cimctl: 0x80049999 unnamed: ") && errors[0].contains("odd"))
        #expect(errors[1] == "  provider: Raw")
        #expect(errors[2] == "  next: see the log of the provider Raw, else the broker's log (the standard error of cimbusd)")
        withExtendedLifetime((bus, broker)) {}
    }
}
