import ArgumentParser
import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

@testable import cimctl

extension ProgramTests {
    private static let inManual = "a line of a page of the manual, on a terminal that a page shows"
    private static let needsSystemd = "it takes a real systemd and an installed adopter: Tests/System/inside_adopter"
    /// Those that do not run here, and why; the others end with 0.
    private static let notRun = [
        "cimctl cancel 12": "no operation of that number is open",
        "cimctl os": inPackages,
        "cimctl - Reads and changes the CIM objects and classes of a CIMBus": inManual, "cimctl [options] command": inManual,
        #"cimctl 0.1.0. \? for help, \q to leave."#: "the shell says that itself",
        "sudo busctl introspect org.cimbus1 /org/cimbus1/operations/12 org.cimbus1.Operation": "no operation of that number is open",
        "sudo busctl monitor org.cimbus1": "it runs until it is interrupted",
        #"busctl --user call $N ExecMethod 'ssia{sv}a{sv}' 'Sample_Clock.Name="other"' Reset 0 0 1 Seconds s five"#:
            "it shows a refusal: five is no number",
        "cimctl query \"SELECT Name, SubState, MainPID FROM Linux_SystemdService WHERE ActiveState = 'failed'\"": needsSystemd,
        "cimctl query \"ASSOCIATORS OF {Linux_SystemdUnit.Name='ssh.service'} WHERE AssocClass = Linux_SystemdDependency KeysOnly\"":
            needsSystemd,
        "cimctl watch \"SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Linux_SystemdService' AND TargetInstance.ActiveState = 'failed'\"":
            needsSystemd,
        "cimctl watch \"SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Linux_UnixProcess'\"":
            "with the sample as the source: Samples/Tests/FrameworkSamplesTests/BusTests+ProcessEvents.swift",
        "cimctl query \"SELECT Name, SubState FROM Linux_SystemdService\"": needsSystemd,
        "cimctl -H web1,web2,ada@db1 service where \"ActiveState = 'failed'\"":
            "there are no such machines: the tests of --host have their own",
        "cimctl adopt org.freedesktop.PackageKit": "that service is not on the bus of this test",
        "cimctl adopt org.example.Service --output site.mof": "that service is not on the bus of this test",
        "busctl --user call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus StartServiceByName su org.cimbus1.Adopter 0":
            needsSystemd,
        "cimctl invoke --session \"Linux_SystemdService.Name='ssh.service'\" Restart": needsSystemd,
        "cimctl enumerate Polyglot_Ruby --session": inSamples,
        "cimctl invoke 'Polyglot_Ruby.Name=\"bolt\"' Resize Size=7 --session": inSamples,
        "cimctl new provider Clocks --language python --directory /tmp/clocks-in-python": inSamples,
        "cimctl new provider Clocks --directory /tmp/clocks": inSamples,
    ]
    /// What a sentence names by a word in its place, so that it is not there; and what is about the machine.
    private static func mayFail(_ line: String) -> Bool {
        ["4711", "WORD"].contains { line.contains($0) } || ["os", "service", "disk", "alias os", "doctor"].contains(line)
    }

    private static let inSamples = "with a provider of that class, in the order of the page: Samples/Tests/PageTests"

    /// Commands of other programs that the pages show, and who runs them.
    private static let runElsewhere: [String: String] = [
        "make demo": "it builds everything, and ends by itself; what it prints is in the README",
        "make test": "this is what runs the tests",
        "make docs": "make test",
        "cp -a --no-preserve=ownership etc usr /": inPackages,
        "systemd-sysusers && systemctl daemon-reload && systemctl reload dbus": inPackages,
        "sudo apt install ./cimbus_*.deb ./cimctl_*.deb": inPackages, "sudo systemctl enable --now cimbus-varlink.socket": inPackages,
        "systemctl --user enable --now cimbus-varlink.socket": "Tests/System/varlink.py, where a user starts it",
        "systemctl enable --now cimbusd cimbus-adopter.path cimbus-adopter": inPackages,
        "systemctl disable --now cimbusd cimbus-adopter.path cimbus-adopter mounted-file-systems": inPackages,
        "make release": "a build of a quarter of an hour; the system test links the programs for debugging the same way",
        "sudo make install CONFIGURATION=release": "Tests/System/run, with the programs for debugging",
        "sudo systemd-sysusers && sudo systemctl daemon-reload && sudo systemctl reload dbus": "Tests/System/inside",
        "sudo cp site.mof /etc/cimbus/adopt/": "Tests/System/inside_adopter",
        "make torture SECONDS=600 SEED=7 BUS=dbus-broker": "make test, for a minute on each bus",
        "make torture EVENTS=1 SECONDS=600 SEED=7 BUS=dbus-broker": "hours; before a release",
        "make torture WRITES=500 SEED=7 BUS=dbus-broker": "hours; before a release",
        "swift build --target CIMBusCore": "make test builds that target with the others",
        "swift test --filter CIMBusCoreTests": "Tests/Scripts/run-suites",
        "swift build -c release": "a build of a quarter of an hour; before a release",
        "cd Tests/Benchmarks && swift build -c release && .build/release/bench": "make bench; before a release",
        "swift package --disable-sandbox preview-documentation --target CIMBusClient": "a web server, which runs until it is interrupted",
        "cd Clocks": inNewProvider, "swift build && swift test": inNewProvider,
        "dbus-run-session -- bash": inSamples, "cimbusd --session &": inSamples, "UnixProcessProvider --session &": inSamples,
        "export PATH=$PWD/.build/debug:$PWD/Samples/.build/debug:$PATH": inSamples,
        "Samples/polyglot/ruby-dbus.rb &": inSamples,
        "Samples/python/mounted-file-systems --session --labels /tmp/cimbus-labels.json &": inSamples,
        "./mounted-file-systems --session --labels /tmp/cimbus-labels.json &": inSamples,
        "CIMBUSD=$(which cimbusd) CIMCTL=$(which cimctl) python3 /tmp/clocks-in-python/test_clocks.py": inSamples,
        "cat /tmp/clocks/README.md": inSamples,
        "ansible-galaxy collection build Samples/ansible/cimbus/cim": inAnsible,
        "ansible-galaxy collection install cimbus-cim-1.0.0.tar.gz": inAnsible, "ansible-doc cimbus.cim.instance": inAnsible,
        "ansible-playbook -i hosts.yml site.yml --check --diff": inAnsible, "ansible-playbook -i hosts.yml site.yml": inAnsible,
        #"./watch-events "SELECT * FROM Sample_Line WHERE Number > 1" --count 1 --session &"#: inSamples,
        #"printf 'zero\n' | ./raise-events --session"#: inSamples, #"printf 'one\ntwo\n' | ./raise-events --session"#: inSamples,
    ]
    private static let inPackages = "Tests/System/inside_packages"
    private static let inAnsible = "Samples/ansible/test"
    private static let inNewProvider = "Tests/Scripts/check-new-provider"

    /// What the examples are about. Clocks, mounted file systems and processes have providers here; the rest is the site's own.
    private static let siteMOF = """
        class CIM_LogicalElement { [key] string Name; };
        class CIM_Process : CIM_LogicalElement { };
        class Site_Old { [key] string Name; };
        class Site_Older : Site_Old { };
        class Site_Room { [key] string Name; };
        instance of Site_Room { Name = "attic"; };
        instance of Site_Room { Name = "cellar"; };
        """ + ProgramTests.lampsMOF

    private static let clocksMOF = """
        [dynamic, provider("Clocks")] class Sample_Clock {
            [key] string Name;
            uint64 Seconds;
            string Place;
            [implemented] uint32 Reset([in] uint64 Seconds, [out] uint64 Before);
        };
        """

    /// A provider of all three, with one instance for each.
    private func provider(on bus: PrivateBus) async throws -> RawProvider {
        let provider = try await RawProvider.start(on: bus, name: "Clocks", registers: false)
        // The classes as the samples have them.
        let mounts = try await CommandExample.lines(of: "Samples/python/Linux_MountedFileSystem.mof").joined(separator: "\n")
        let processes = try await CommandExample.lines(of: "Samples/Sources/UnixProcesses/Linux_UnixProcess.swift").joined(separator: "\n")
        let quoted = try #require(processes.firstMatch(of: /"""\n((?s).*?)"""/))
        try await provider.register(mof: Self.clocksMOF)
        try await provider.register(mof: mounts, name: "MountedFileSystems")
        try await provider.register(mof: String(quoted.1), name: "UnixProcess")
        @Sendable func object(_ target: String) -> [(String, DBusValue)] {
            let className = target.prefix { $0 != "." && $0 != "=" }
            return switch className {
            case "Sample_Clock": [("__CLASS", .string("Sample_Clock")), ("Name", .string("other")), ("Seconds", .uint64(7))]
            case "Linux_MountedFileSystem":
                [("__CLASS", .string("Linux_MountedFileSystem")), ("Name", .string("/")), ("Size", .uint64(1 << 40))]
            default:
                [
                    ("__CLASS", .string("Linux_UnixProcess")), ("CSCreationClassName", .string("C")), ("CSName", .string("c")),
                    ("OSCreationClassName", .string("O")), ("OSName", .string("o")), ("CreationClassName", .string("Linux_UnixProcess")),
                    ("Handle", .string("1")), ("Name", .string("systemd")), ("State", .string("S")),
                ]
            }
        }
        for method in ["CreateInstanceEnumAsync", "GetObjectAsync"] { provider.on(method) { $0.reply(.noError, [object($0.target)]) } }
        provider.on("PutInstanceAsync") { $0.reply() }
        provider.on("ExecMethodAsync") { call in
            var output: [(String, DBusValue)] = [("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .uint32(0))]
            output.append(call.invoked == "Reset" ? ("Before", .uint64(7)) : ("Used", .uint64(1 << 30)))
            call.reply(.noError, [output])
        }
        return provider
    }

    /// A shell in a folder with the files of the examples, on whose path this program is, and for which `bus` is every bus.
    private func shell(_ line: String, on bus: PrivateBus) async throws -> Run {
        let program = BuildFolder.path(of: "cimctl")
        let folder = program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex)
        let script =
            "cd '\(self.folder.path("site"))' && PATH='\(self.folder.path("bin")):\(folder)':$PATH && { \(line)\n} 2>'\(self.folder.path("stderr"))'"
        let environment = [
            "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "DBUS_SESSION_BUS_ADDRESS": bus.address, "SYSTEMD_PAGER": "cat",
            "CIMBUS_ALIASES": "\(CommandExample.root)/dbus/aliases.d",
        ]
        let (text, end) = try await ChildProcess.output("/bin/sh", ["-c", script], environment: environment)
        return Run(output: text, errors: try self.folder.read("stderr"), end: end)
    }

    private func stage() async throws -> (bus: PrivateBus, broker: BrokerProcess, provider: RawProvider) {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        try folder.write("site/site.mof", "#pragma include(\"base.mof\")\nclass Site_Desk : Site_Thing { };\n")
        try folder.write("site/schemas/base.mof", "class Site_Thing { [key] string Name; };\n")
        try folder.write("site/stored.mof", Self.siteMOF)
        try folder.write("site/include.mof", "")
        guard symlink("\(CommandExample.root)/Samples", folder.path("site/Samples")) == 0 else {
            throw ProcessError(description: "symlink: errno \(errno)")
        }
        // Nobody here is asked for a password.
        try folder.write("bin/sudo", "#!/bin/sh\nexec \"$@\"\n")
        guard chmod(folder.path("bin/sudo"), 0o755) == 0 else { throw ProcessError(description: "chmod: errno \(errno)") }
        let provider = try await provider(on: bus)
        let stored = try await shell("cimctl mof compile stored.mof", on: bus)
        #expect(stored.end == .exited(0), "\(stored.errors)")
        return (bus, broker, provider)
    }

    @Test("W29: every command that README, the pages and the help texts show runs")
    func examples() async throws {
        let (bus, broker, provider) = try await stage()
        let examples = try await CommandExample.inPages() + CommandExample.inHelp()
        #expect(examples.count > 45, "\(examples)")
        for line in Self.notRun.keys { #expect(examples.contains { $0.line == line }, "nobody shows '\(line)' any more") }
        // What the site's file includes is found without -I where the pages leave that out.
        try folder.write("site/base.mof", try folder.read("site/schemas/base.mof"))
        var variables = ""
        for example in examples where Self.notRun[example.line] == nil {
            if example.line.contains("=\"org.cimbus1") {
                variables += example.line + "\n"
                continue
            }
            let run = try await shell(variables + example.line, on: bus)
            #expect(run.end == .exited(0), "\(example)\n\(run.errors)")
        }
        // What `cimctl new` has made.
        _ = try await shell("rm -rf Clocks Timers", on: bus)
        withExtendedLifetime((broker, provider)) {}
    }

    @Test("W29: of every other command that the pages show it is said who runs it")
    func otherCommands() async throws {
        let shown = Set(try await CommandExample.others().map(\.line))
        for line in shown.subtracting(Self.runElsewhere.keys) { Issue.record("nobody runs '\(line)': say here who does") }
        for line in Set(Self.runElsewhere.keys).subtracting(shown) { Issue.record("nobody shows '\(line)' any more") }
    }

    @Test("W29: an example in a help text fits a terminal of 80 columns")
    func widths() {
        for example in CommandExample.inHelp() { #expect(example.line.count <= 76, "\(example)") }
    }

    @Test("W29: every command that a sentence of the pages, of the help or of an error names is one that the program understands")
    func mentions() async throws {
        let (bus, broker, provider) = try await stage()
        let mentions = try await CommandExample.mentions()
        #expect(Set(mentions.map(\.line)).count > 12, "\(mentions)")
        var seen: Set<String> = []
        for mention in mentions where seen.insert(mention.line).inserted {
            var line = mention.line.replacing("CLASS", with: "Linux_MountedFileSystem").replacing(/\bN\b/, with: "4711")
            if line.hasPrefix("mof compile") || line.hasPrefix("mof format") { line += " include.mof" }
            if line == "explain" { line += " 'SELECT * FROM Sample_Clock'" }
            if line == "cancel" { line += " 4711" }
            if line.hasPrefix("watch ") { line += " --timeout 0.5" }
            if line == "help get" || line.hasSuffix(" --help")
                || CommandExample.commands(below: CimCtl.self).contains(where: {
                    $0._commandName == line && !$0.configuration.subcommands.isEmpty
                })
            {
                continue
            }
            var run = try await shell("cimctl \(line)", on: bus)
            // A sentence that names a command leaves its arguments out.
            if run.end == .exited(64), line.allSatisfy({ $0.isLetter || $0 == " " }) {
                run = try await shell("cimctl \(line) --help", on: bus)
            }
            #expect(
                run.end == .exited(0) || ((run.end == .exited(1) || run.end == .exited(2)) && Self.mayFail(line)),
                "\(mention)\n\(run.errors)")
        }
        withExtendedLifetime((broker, provider)) {}
    }
}
