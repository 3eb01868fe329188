import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

/// Files with options of cimbusd.
@Suite(.timeLimit(.minutes(1)))
struct ConfigurationTests {
    private let folder: ScratchFiles

    init() throws { folder = try ScratchFiles() }

    private func check(_ options: [String] = []) async throws -> (text: String, end: ProcessEnd) {
        try await ChildProcess.output(
            "/bin/sh",
            ["-c", "exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimbusd"), "--check-config", "--config", folder.path("cimbusd.conf")]
                + options)
    }

    @Test("--check-config says every fault with file and line, and its exit status is 1")
    func faults() async throws {
        try folder.write("cimbusd.conf", "# good\nsilence = 20\nsilents = 3\nping\n")
        try folder.write("cimbusd.conf.d/10-site.conf", "log-level = loud\nsession = perhaps\n\ncredit = 0\nversion = 1\n")
        let (text, end) = try await check()
        let (main, site) = (folder.path("cimbusd.conf"), folder.path("cimbusd.conf.d/10-site.conf"))
        for fault in [
            "\(main):3: there is no option 'silents'", "\(main):4: expected 'option = value'", "\(site):1: ",
            "\(site):2: 'session' takes yes or no",
            "\(site):4: ", "\(site):5: 'version' is an option of the command line alone",
        ] {
            #expect(text.contains(fault), "\(fault): \(text)")
        }
        #expect(text.contains("loud") && text.contains("--credit takes seconds") && end == .exited(1), "\(text)")
        #expect(!text.contains("\(main):2"))
    }

    @Test("--check-config of a good configuration says so, and names the files; one that is not there is a fault where it was named")
    func good() async throws {
        try folder.write("cimbusd.conf", "silence = 20\naddress =\nallow-register = Clocks=7\nno-private-connections = yes\n")
        let (text, end) = try await check()
        #expect(end == .exited(0) && text.contains("the configuration is good: \(folder.path("cimbusd.conf"))"), "\(text)")
        unlink(folder.path("cimbusd.conf"))
        let (missing, status) = try await check()
        #expect(status == .exited(1) && missing.contains("cimbusd.conf cannot be read: No such file"), "\(missing)")
    }

    @Test("--check-config checks the rules of rights, too")
    func rights() async throws {
        try folder.write("rights/10-x.conf", "allow everyone Everything **\n")
        try folder.write("cimbusd.conf", "rights = \(folder.path("rights"))\n")
        let (text, end) = try await check()
        #expect(end == .exited(1) && text.contains("\(folder.path("rights/10-x.conf")):1"), "\(text)")
    }

    @Test("a file that others may write is refused", .enabled(if: getuid() == 0))
    func othersFile() async throws {
        try folder.write("cimbusd.conf", "silence = 20\n")
        chmod(folder.path("cimbusd.conf"), 0o666)
        let (text, end) = try await check()
        #expect(end == .exited(1) && text.contains("may be written by others"), "\(text)")
    }

    private func broker(_ options: [String] = []) async throws -> BrokerProcess {
        try await BrokerProcess.start(on: try await PrivateBus.start(), ["--config", folder.path("cimbusd.conf")] + options)
    }

    @Test(
        "a file of the folder counts more than the file, a later one most; the command line counts more than files; an empty value takes back"
    )
    func order() async throws {
        try folder.write(
            "cimbusd.conf", "audit = \(folder.path("a"))\nmetrics = \(folder.path("m"))\nrecord = \(folder.path("r"))\nlog-level = debug\n")
        try folder.write("cimbusd.conf.d/20.conf", "audit = \(folder.path("c"))\nrecord =\n")
        try folder.write("cimbusd.conf.d/10.conf", "audit = \(folder.path("b"))\n")
        let broker = try await broker(["--metrics", folder.path("n")])
        let made = ["a", "b", "c", "m", "n", "r"].filter { access(folder.path($0), F_OK) == 0 }
        #expect(made == ["c", "n"])
        for name in made { unlink(folder.path(name)) }
        _ = broker
    }

    @Test("SIGHUP and Reload read the files again: what can change does, what cannot is named; with a fault all stays")
    func reload() async throws {
        try folder.write("cimbusd.conf", "log-level = error\n")
        let broker = try await broker(["--log-level", "info"])
        // The command line still counts more.
        try folder.write("cimbusd.conf", "log-level = error\nallow-register = Clocks=7\nbus-grace = 9\n")
        broker.process.signal(SIGHUP)
        _ = try await broker.count(of: "what the configuration says of bus-grace counts when the broker is started anew")
        _ = try await broker.count(of: "rules of rights are in force")
        let rights = try await ChildProcess.output(BuildFolder.path(of: "cimctl"), ["rights", "show", "--address", broker.bus.address]).text
        #expect(rights.contains("Clocks"), "\(rights)")
        try folder.write("cimbusd.conf", "silence = soon\n")
        let (text, end) = try await ChildProcess.output(
            "/bin/sh", ["-c", "exec \"$0\" rights reload --address \"$1\" 2>&1", BuildFolder.path(of: "cimctl"), broker.bus.address])
        #expect(end == .exited(1) && text.contains("\(folder.path("cimbusd.conf")):1"), "\(text)")
        _ = try await broker.count(of: "the configuration and the rules of rights stay as they were")
    }

    @Test("LogControl1: the level changes while the broker runs; a word that is none is refused")
    func logControl() async throws {
        try folder.write("cimbusd.conf", "log-level = info\n")
        let broker = try await broker()
        func control(_ arguments: String...) async throws -> String {
            try await ChildProcess.output(
                "/bin/sh",
                [
                    "-c", "exec busctl --address=\"$0\" \"$@\" 2>&1", broker.bus.address, arguments[0], "org.cimbus1",
                    "/org/freedesktop/LogControl1", "org.freedesktop.LogControl1",
                ]
                    + arguments.dropFirst()
            ).text
        }
        #expect(
            try await control("get-property", "LogLevel", "LogTarget", "SyslogIdentifier") == "s \"info\"\ns \"console\"\ns \"cimbusd\"\n")
        #expect(try await control("set-property", "LogLevel", "s", "debug") == "")
        #expect(try await control("get-property", "LogLevel") == "s \"debug\"\n")
        #expect(try await control("set-property", "LogLevel", "s", "loud").contains("LogLevel takes"))
        #expect(try await control("set-property", "LogTarget", "s", "journal").contains("LogTarget takes"))
    }

    @Test("LogControl1: nobody but root and the broker's user sets it", .enabled(if: getuid() == 0))
    func strangersLogControl() async throws {
        let broker = try await BrokerProcess.start(on: try await PrivateBus.start(allUsers: true))
        let (text, _) = try await ChildProcess.output(
            "/bin/sh",
            [
                "-c",
                "exec setpriv --reuid 65534 --regid 65534 --clear-groups busctl --address=\"$0\" set-property org.cimbus1 /org/freedesktop/LogControl1 org.freedesktop.LogControl1 LogLevel s debug 2>&1",
                broker.bus.address,
            ])
        #expect(text.contains("Access denied"), "\(text)")
    }

    @Test("the shipped file names every option that a file may have")
    func shipped() async throws {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let (shipped, _) = try await ChildProcess.output("cat", [root + "/dbus/cimbusd.conf"])
        let (help, _) = try await ChildProcess.output(BuildFolder.path(of: "cimbusd"), ["--help"])
        let options = help.split(separator: "\n").compactMap { try? /\s+(?:-h, )?--([a-z-]+).*/.wholeMatch(in: $0)?.1 }
        for option in options where !["config", "check-config", "version", "help"].contains(option) {
            #expect(shipped.contains("\n#\(option) = ") || shipped.contains("\n#\(option) =\n"), "\(option)")
        }
    }

    @Test("cimctl metrics prints them, and writes a file whole")
    func metrics() async throws {
        let broker = try await BrokerProcess.start(on: try await PrivateBus.start())
        let program = BuildFolder.path(of: "cimctl")
        let (text, end) = try await ChildProcess.output(program, ["metrics", "--address", broker.bus.address])
        #expect(end == .exited(0) && text.hasPrefix("# HELP cimbus_build_info") && text.hasSuffix("# EOF\n"), "\(text)")
        try folder.write("cimbus.prom", "old")
        let file = folder.path("cimbus.prom")
        let written = try await ChildProcess.output(program, ["metrics", "--textfile", file, "--address", broker.bus.address])
        let whole = try folder.read("cimbus.prom")
        #expect(
            written.text == "" && written.end == .exited(0) && whole.hasPrefix("# HELP cimbus_build_info") && whole.hasSuffix("# EOF\n"))
    }
}
