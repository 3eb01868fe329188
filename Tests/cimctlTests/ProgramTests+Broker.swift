import CIM
import DBus
import Glibc
import Testing
import WireTestKit

/// What an administrator sees of a broker, and does to it.
extension ProgramTests {
    /// The words of each line.
    private static func cells(_ run: Run) -> [[String]] {
        run.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    @Test("L6: providers shows each registration and what has become of it, as a table and as JSON")
    func providers() async throws {
        let (bus, broker) = try await open()
        let none = try await run(["providers", "-o", "jsonl"], on: bus.address)
        #expect(none.end == .exited(0) && none.output.isEmpty, "\(none.errors)")
        let faulty = try await FaultyProcess.start(on: bus, ["--GetObjectAsync", "never"])
        let owner = try #require(faulty.lines.all.first { $0.hasPrefix("registered ") }?.split(separator: " ").last)
        let waiting = try OpenRun(["get", "Faulty_Thing.Scenario=\"x\""], on: bus, in: folder)
        try await faulty.wait(for: "silent ")

        let (process, user) = (faulty.process.processID, getuid())
        let running = try await run(["providers", "-o", "jsonl"], on: bus.address)
        #expect(
            running.output == """
                {"Name":"Faulty","Namespace":"root/cimv2","State":"running","ProcessID":\(process),"UserID":\(user),"Owner":"\(owner)",\
                "OpenOperations":1,"SinkReferences":1,"Operations":1,"Objects":0,"Failures":0,"Leaks":0,"LostReplies":0,\
                "Classes":["Faulty_Thing"],"Warnings":[],"LastFailure":""}

                """)
        let table = try await run(["providers"], on: bus.address)
        #expect(table.end == .exited(0) && table.errors.isEmpty)
        let columns = [
            "Name", "Namespace", "State", "ProcessID", "UserID", "OpenOperations", "Operations", "Objects", "Failures", "Classes",
            "LastFailure",
        ]
        let rows = Self.cells(table)
        try #require(rows.count == 3, "\(table.output)")
        #expect(rows[0] == columns)
        #expect(rows[2] == ["Faulty", "root/cimv2", "running", "\(process)", "\(user)", "1", "1", "0", "0", "Faulty_Thing"])

        try await faulty.process.killAndWait()
        #expect(try await waiting.end().end == .exited(1))
        let gone = try await run(["providers", "-o", "jsonl"], on: bus.address)
        #expect(gone.output.contains("\"State\":\"absent\",\"ProcessID\":0,"), "\(gone.output)")
        #expect(gone.output.contains("\"OpenOperations\":0,\"SinkReferences\":0,\"Operations\":1,\"Objects\":0,\"Failures\":1,"))
        let failure = "0x80041004 GetObject: the provider left the bus before it reported a status; start it again and retry"
        #expect(gone.output.hasSuffix("\"LastFailure\":\"\(failure)\"}\n"), "\(gone.output)")
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("L9: operations shows what is open; cancel ends it, for the client that waits and for the provider")
    func operationsAndCancel() async throws {
        let (bus, broker) = try await open()
        let faulty = try await FaultyProcess.start(on: bus, ["--GetObjectAsync", "until-cancelled"])
        let header = ["ID", "Kind", "State", "Objects", "ClientUID", "Client", "Namespace", "Target"]
        let none = try await run(["operations"], on: bus.address)
        #expect(none.end == .exited(0) && Self.cells(none).first == header && Self.cells(none).count == 2, "\(none.output)\(none.errors)")
        let waiting = try OpenRun(["get", "Faulty_Thing.Scenario=\"x\""], on: bus, in: folder)
        try await faulty.wait(for: "step reply")

        let open = try await run(["operations", "-o", "jsonl"], on: bus.address)
        let pattern = /{"ID":([0-9]+),(.*)"Client":"(:1\.[0-9]+)",(.*)}\n/
        let match = try #require(try pattern.wholeMatch(in: open.output), "\(open.output)\(open.errors)")
        let (id, client) = (String(match.1), String(match.3))
        #expect(
            match.2 == #""Kind":"GetObject","Target":"Faulty_Thing.Scenario=\"x\"","Namespace":"root/cimv2","State":"running","#)
        #expect(match.4 == "\"ClientUID\":\(getuid()),\"Objects\":0")
        let rows = Self.cells(try await run(["operations"], on: bus.address))
        #expect(rows.first == header)
        #expect(rows.last == [id, "GetObject", "running", "0", "\(getuid())", client, "root/cimv2", "Faulty_Thing.Scenario=\"x\""])

        let cancelled = try await run(["cancel", id], on: bus.address)
        #expect(cancelled.end == .exited(0), "\(cancelled.errors)")
        #expect(cancelled.output.isEmpty && cancelled.errors.isEmpty)
        let ended = try await waiting.end()
        #expect(ended.end == .exited(1))
        #expect(ended.output.isEmpty)
        #expect(ended.errors.hasPrefix("cimctl: 0x80041032 CallCancelled: "), "\(ended.errors)")
        #expect(
            ended.errors.hasSuffix(
                "\n  next: it was cancelled, here or by 'cimctl cancel': see what it has done, and run it again if need be\n"))
        try await faulty.wait(for: "cancelled ")
        try await faulty.wait(for: "finished GetObjectAsync")

        let twice = try await run(["cancel", id], on: bus.address)
        #expect(twice.end == .exited(2))
        #expect(
            twice.errors == """
                cimctl: 0x80041002 NotFound: no operation \(id) is open, or none of yours; list them
                  next: 'cimctl operations' lists those that are open

                """)
        let after = try await run(["operations", "-o", "jsonl"], on: bus.address)
        #expect(after.end == .exited(0) && after.output.isEmpty, "\(after.output)\(after.errors)")
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("--namespace: what is done there, and where the path of an object says that it is; one that is not there is a failure")
    func namespace() async throws {
        let (bus, broker) = try await open()
        let made = try await run(["put", "--create", "__NAMESPACE", "Name=other", "-n", "root", "-o", "jsonl"], on: bus.address)
        #expect(made.end == .exited(0), "\(made.errors)")
        #expect(made.output == #"{"__PATH":"\\\\.\\root:__NAMESPACE.Name=\"other\""}"# + "\n")
        try folder.write("there.mof", "class T_There { [key] string Name; };\ninstance of T_There { Name = \"a\"; };\n")
        let compiled = try await run(["mof", "compile", folder.path("there.mof"), "--namespace", "root/other"], on: bus.address)
        #expect(compiled.end == .exited(0), "\(compiled.errors)")

        let line = #"{"__CLASS":"T_There","__PATH":"\\\\.\\root\\other:T_There.Name=\"a\"","Name":"a"}"# + "\n"
        let place = ["-o", "jsonl", "-n", #"ROOT\other"#]
        #expect(try await run(["enumerate", "T_There"] + place, on: bus.address).output == line)
        #expect(try await run(["query", "SELECT * FROM T_There"] + place, on: bus.address).output == line)
        #expect(try await run(["query", "SELECT Name FROM T_There"] + place, on: bus.address).output == line)
        let selected = try await run(["query", "SELECT Name, __PATH FROM T_There", "-n", "root/other"], on: bus.address)
        #expect(selected.output.split(separator: "\n").last == #"a    \\.\root\other:T_There.Name="a""#, "\(selected.errors)")
        // The path as it was given is one to ask with.
        let got = try await run(["get", #"\\.\root\other:T_There.Name="a""#] + place, on: bus.address)
        #expect(got.output == line, "\(got.errors)")

        let elsewhere = try await run(["enumerate", "T_There"], on: bus.address)
        #expect(elsewhere.end == .exited(2))
        #expect(elsewhere.errors.hasPrefix("cimctl: 0x80041010 InvalidClass: class T_There does not exist in root/cimv2\n"))
        #expect(elsewhere.errors.contains("is it another --namespace?"))
        let absent = try await run(["enumerate", "T_There", "-n", "root/xyzzy/plugh"], on: bus.address)
        #expect(absent.end == .exited(2))
        #expect(
            absent.errors == """
                cimctl: 0x8004100E InvalidNamespace: the broker has no namespace root/xyzzy/plugh
                  next: 'cimctl namespaces' lists those there are

                """)
        #expect(try await run(["enumerate", "T_There", "-n", "root//a"], on: bus.address).end == .exited(64))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test(
        "trace shows the way of an operation while it is open; quotas, operations --refs and leaks show what it occupies and who holds it")
    func observation() async throws {
        let (bus, broker) = try await open()
        let faulty = try await FaultyProcess.start(on: bus, ["--GetObjectAsync", "never"])
        let waiting = try OpenRun(["get", "Faulty_Thing.Scenario=\"x\""], on: bus, in: folder)
        try await faulty.wait(for: "silent ")
        let listed = try await run(["operations", "--refs", "-o", "jsonl"], on: bus.address)
        let match = try #require(
            try /{"ID":([0-9]+),.*"References":\["(:1\.[0-9]+) 1"\]}\n/.wholeMatch(in: listed.output), "\(listed.output)")
        #expect(Self.cells(try await run(["operations", "--refs"], on: bus.address)).first?.contains("References") == true)
        let trace = try await run(["trace", String(match.1)], on: bus.address)
        let rows = Self.cells(trace)
        #expect(trace.end == .exited(0) && rows.first == ["Milliseconds", "Step", "Details"], "\(trace.output)\(trace.errors)")
        #expect(rows.dropFirst(2).map { $0[1] } == ["accepted", "called"])
        #expect(trace.output.contains("Target=Faulty_Thing.Scenario=\"x\"") && trace.output.contains("Peer=\(match.2)"), "\(trace.output)")
        let quotas = try await run(["quotas", "-o", "jsonl"], on: bus.address)
        #expect(
            quotas.output.contains("{\"User\":\(getuid()),\"Bound\":\"operations\",\"Used\":1,\"Most\":2000,\"Percent\":0}"),
            "\(quotas.output)")
        let leaks = try await run(["leaks", "-o", "jsonl"], on: bus.address)
        #expect(leaks.end == .exited(0) && leaks.output.isEmpty, "\(leaks.output)\(leaks.errors)")
        let unknown = try await run(["trace", "4000000"], on: bus.address)
        #expect(unknown.end == .exited(2) && unknown.errors.contains("'cimctl operations' lists"), "\(unknown.errors)")
        try await faulty.process.killAndWait()
        _ = try await waiting.end()
        let after = try await run(["trace", String(match.1), "-o", "jsonl"], on: bus.address)
        #expect(after.output.contains("\"Step\":\"ended\",\"Details\":\"Objects=0, Status=2147749892\""), "\(after.output)")
        withExtendedLifetime(broker) {}
    }

    @Test("top shows how busy providers are, as often as it is told to")
    func top() async throws {
        let (bus, broker) = try await open()
        let faulty = try await FaultyProcess.start(on: bus, ["--GetObjectAsync", "never"])
        let twice = try await run(["top", "--interval", "0.1", "--count", "2", "-o", "jsonl"], on: bus.address)
        #expect(twice.end == .exited(0) && twice.output.split(separator: "\n").count == 2, "\(twice.output)\(twice.errors)")
        #expect(twice.output.contains("\"Provider\":\"Faulty\"") && twice.output.contains("\"OperationsPerSecond\":0"), "\(twice.output)")
        let wrong = try await run(["top", "--interval", "0"], on: bus.address)
        #expect(wrong.end == .exited(64) && wrong.errors.contains("--interval takes seconds"), "\(wrong.errors)")
        withExtendedLifetime((broker, faulty)) {}
    }
}
