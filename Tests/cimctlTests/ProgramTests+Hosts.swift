import DBus
import Glibc
import Testing
import WireTestKit

/// One command on many machines. An ssh of the test runs the far command here, beside the bus that the host's name is given.
extension ProgramTests {
    /// `bad` refuses, `hang` never answers, `middle` goes away when it is told so; any other host has the bus of the test.
    private static let ssh = """
        #!/bin/sh
        while [ "$1" != -- ]; do shift; done
        host=$2
        shift 2
        echo "$*" >> "$HOSTS/$host.calls"
        case $host in
        bad) echo "ssh: connect to host bad port 22: Connection refused" >&2; exit 255 ;;
        hang) exec sleep 600 ;;
        middle) exec 5<&0; sh -c "exec $*" <&5 & far=$!; read -r line < "$HOSTS/lost"; kill -KILL $far; exit 255 ;;
        bridge) PATH=$HOSTS/../few ;;
        bare) PATH=$HOSTS/../bare ;;
        esac
        # The words are one line for the far user's shell, as with the real one.
        exec /bin/sh -c "$*"
        """

    /// What ssh is, and where it keeps its notes.
    private func environment(_ bus: PrivateBus) throws -> [String: String] {
        try folder.write("bin/ssh", Self.ssh)
        try folder.write("hosts/none", "")
        #expect(chmod(folder.path("bin/ssh"), 0o755) == 0)
        let program = BuildFolder.path(of: "cimctl")
        let beside = String(program.prefix(upTo: program.lastIndex(of: "/") ?? program.startIndex))
        return [
            "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "HOSTS": folder.path("hosts"),
            "PATH": "\(folder.path("bin")):\(beside):/usr/bin:/bin",
        ]
    }

    private func hosts(_ words: [String], on bus: PrivateBus) async throws -> Run {
        try await run(words, environment: try environment(bus))
    }

    private func cleanUp() { for name in ["a", "b", "c", "ada@b", "bad", "hang"] { unlink(folder.path("hosts/\(name).calls")) } }

    @Test("-H: rows of several hosts say whose they are, in every format; what changes something does so on each")
    func manyHosts() async throws {
        defer { cleanUp() }
        let (bus, broker) = try await lamps()
        let table = try await hosts(["-H", "a,ada@b", "enumerate", "Site_Lamp"], on: bus)
        #expect(table.end == .exited(0), "\(table.errors)")
        let lines = table.output.split(separator: "\n")
        #expect(
            lines.count == 6 && lines[0].hasPrefix("Host  Name State") && lines.dropFirst(2).sorted().first == "a     desk Bright",
            "\(table.output)")
        let json = try await hosts(["get", "Site_Lamp.Name=\"desk\"", "-o", "jsonl", "-H", "a", "-H", "b"], on: bus)
        #expect(json.output.split(separator: "\n").sorted().map { $0.prefix(11) } == ["{\"Host\":\"a\"", "{\"Host\":\"b\""], "\(json)")
        let text = try await hosts(["-H", "a,b", "mof", "show", "Site_Lamp"], on: bus)
        #expect(text.output.split(separator: "\n").allSatisfy { $0.hasPrefix("a: ") || $0.hasPrefix("b: ") }, "\(text.output)")
        let put = try await hosts(["-H", "a", "put", "Site_Lamp.Name=\"hall\"", "State=1"], on: bus)
        #expect(put.end == .exited(0) && put.output.hasPrefix("a: Site_Lamp"), "\(put)")
        let counted = try await hosts(["-H", "a,b", "instance", "count", "Site_Lamp", "-o", "csv"], on: bus)
        #expect(
            counted.output.split(separator: "\n").sorted() == ["Host,Class,Count", "a,Site_Lamp,2", "b,Site_Lamp,2"], "\(counted.output)")
        #expect(try folder.read("hosts/a.calls").split(separator: "\n").allSatisfy { $0.contains("exec cimctl --stdio --system;") })
        withExtendedLifetime(broker) {}
    }

    @Test(
        "-H: a host that refuses and one that hangs are a line of error each, within the deadline; the others answer, and the exit status says so"
    )
    func failingHosts() async throws {
        defer { cleanUp() }
        let (bus, broker) = try await lamps()
        let start = ContinuousClock.now
        let some = try await hosts(["-H", "a,bad,hang,b", "enumerate", "Site_Lamp", "--timeout", "2", "-o", "csv"], on: bus)
        #expect(ContinuousClock.now - start < .seconds(30))
        #expect(some.end == .exited(1), "\(some)")
        #expect(some.output.split(separator: "\n").sorted() == ["Host,Name,State", "a,desk,1", "a,hall,0", "b,desk,1", "b,hall,0"])
        let errors = some.errors.split(separator: "\n").sorted()
        #expect(errors.count == 2, "\(some.errors)")
        #expect(errors.first?.hasPrefix("bad: ") == true && some.errors.contains("Connection refused"), "\(some.errors)")
        #expect(errors.last?.hasPrefix("hang: 0x80041069 TimedOut: hang did not answer within 2 s") == true, "\(some.errors)")
        let refused = try await hosts(["-H", "bad", "providers", "-o", "json"], on: bus)
        #expect(refused.end == .exited(3) && refused.errors.contains("\"host\":\"bad\""), "\(refused)")
        let missing = try await hosts(["-H", "a,b", "get", "Site_Lamp.Name=\"x\""], on: bus)
        #expect(missing.end == .exited(2) && missing.errors.split(separator: "\n").count == 2, "\(missing)")
        withExtendedLifetime(broker) {}
    }

    @Test("-H: a host that is lost in the middle of an answer is an error, and what it had said stays")
    func lostHost() async throws {
        defer { for name in ["middle.calls", "lost"] { unlink(folder.path("hosts/\(name)")) } }
        let (bus, broker) = try await open()
        let faulty = try await FaultyProcess.start(on: bus, ["--script", "reply 0 1; indicate 2; waitfor the-end"])
        let environment = try environment(bus)
        #expect(mkfifo(folder.path("hosts/lost"), 0o600) == 0)
        let words = ["-H", "middle", "enumerate", "Faulty_Thing", "-o", "jsonl", "--timeout", "30"]
        let open = try OpenRun(words, on: nil, in: folder, environment: environment)
        try await open.wait(forLines: 2)
        // The far end goes away when it reads this.
        let queue = Glibc.open(folder.path("hosts/lost"), O_WRONLY)
        #expect(write(queue, "\n", 1) == 1)
        close(queue)
        let run = try await open.end()
        #expect(run.end == .exited(3), "\(run)")
        #expect(run.errors.contains("\"host\":\"middle\"") && run.errors.contains("the way by ssh ended"), "\(run.errors)")
        withExtendedLifetime((broker, faulty)) {}
    }

    @Test(
        "-H: a host without cimctl is asked through systemd-stdio-bridge, without file descriptors; one with neither says what is missing")
    func hostsWithoutCimctl() async throws {
        defer { for name in ["bridge", "bare"] { unlink(folder.path("hosts/\(name).calls")) } }
        let (bus, broker) = try await lamps()
        // With a socket there, it would take descriptors, which are lost on the way between machines.
        let isPipe = "[ -p /dev/stdout ] || { echo its output is no pipe >&2; exit 9; }\n"
        for (name, program, check) in [
            ("few/sh", "/bin/sh", ""), ("few/cat", "/bin/cat", ""), ("few/systemd-stdio-bridge", "/usr/bin/systemd-stdio-bridge", isPipe),
            ("bare/sh", "/bin/sh", ""),
        ] {
            try folder.write(name, "#!/bin/sh\n\(check)exec \(program) \"$@\"\n")
            #expect(chmod(folder.path(name), 0o755) == 0)
        }
        let environment = try environment(bus)
        let bridged = try await run(
            ["-H", "bridge", "enumerate", "Site_Lamp", "-o", "csv"], on: bus.address, environment: environment)
        #expect(bridged.end == .exited(0) && bridged.errors.isEmpty, "\(bridged)")
        #expect(bridged.output == "Host,Name,State\nbridge,desk,1\nbridge,hall,0\n", "\(bridged)")
        let bare = try await run(["-H", "bare", "enumerate", "Site_Lamp"], on: bus.address, environment: environment)
        #expect(bare.end == .exited(3) && bare.errors.contains("neither cimctl nor systemd-stdio-bridge"), "\(bare)")
        #expect(bare.errors.contains("(exit status 127)"), "\(bare)")
        withExtendedLifetime(broker) {}
    }

    @Test("-H: more hosts at the same time than the shell's limit of descriptors has room for are asked all the same, up to the hard limit")
    func hostsBeyondTheLimit() async throws {
        let names = (0..<24).map { "n\($0)" }
        defer { for name in names { unlink(folder.path("hosts/\(name).calls")) } }
        let (bus, broker) = try await lamps()
        let (text, end) = try await ChildProcess.output(
            "/bin/sh",
            [
                "-c", "ulimit -S -n 48; exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimctl"), "-H", names.joined(separator: ","),
                "--parallel", "24", "get", "Site_Lamp.Name=\"desk\"", "-o", "csv",
            ], environment: try environment(bus))
        #expect(end == .exited(0), "\(text)")
        #expect(text.split(separator: "\n").dropFirst().sorted() == names.map { "\($0),desk,1" }.sorted(), "\(text)")
        withExtendedLifetime(broker) {}
    }
}
