import CIM
import DBus
import Glibc
import Logging
import Testing
import UnixProcesses
import WireTestKit

/// Processes that begin, change and end, as events: the sample at a real broker, and real processes.
extension BusTests {
    /// The connector takes root, or a kernel that tells everybody, and no container.
    static let hasConnector = ProcessEvents(ProcessTable(), Logger(label: "tests")).reach == .connector
    private static let noConnector: Comment = "the kernel's process connector is not to be had here"

    /// Events about processes, as they have come to a sink.
    private struct Seen: Hashable {
        var kind: String
        var handle: String
        var name: String
        var before: String?

        init?(_ event: [String: DBusValue]) {
            guard let target = event["TargetInstance"]?.unwrapped.stringDictionary, let kind = event["__CLASS"]?.text else { return nil }
            self.kind = kind.replacing("__Instance", with: "").replacing("Event", with: "")
            handle = target["Handle"]?.text ?? ""
            name = target["Name"]?.text ?? ""
            before = event["PreviousInstance"]?.unwrapped.stringDictionary?["Name"]?.text
        }
    }

    private func seen(_ open: RawOpenOperation) -> [Seen] { open.sink?.objects.compactMap { Seen($0) } ?? [] }

    private func lost(_ open: RawOpenOperation) -> UInt64 {
        open.sink?.objects.reduce(0) { $0 + ($1["__NumberOfEventsLost"]?.integer() ?? 0) } ?? 0
    }

    /// Subscribes, and waits until the source is awake.
    private func watch(_ query: String, _ provider: Sample, on scene: Scene) async throws -> RawOpenOperation {
        let open = try await scene.client.start(.events(query), .async)
        try await provider.log.wait("the source to be awake") { $0.contains { $0.contains("processes are watched by") } }
        return open
    }

    private func wait(_ open: RawOpenOperation, _ what: String, until isThere: @escaping @Sendable ([Seen]) -> Bool) async throws {
        let sink = try #require(open.sink)
        try await sink.events.wait(what, within: .seconds(20)) { events in isThere(events.flatMap(\.objects).compactMap { Seen($0) }) }
    }

    /// Runs `/bin/true` so many times.
    /// - Returns: the shell that did, and the processes.
    private func runShortProcesses(_ count: Int) async throws -> [String] {
        let shell = try ChildProcess(
            "/bin/sh", ["-c", "i=0; while [ $i -lt \(count) ]; do /bin/true & echo $!; wait; i=$((i+1)); done; echo end"])
        let (lines, output) = (shell.lines, Recorder<String>())
        Task { for await line in lines { output.record(line) } }
        let said = try await output.wait("\(count) processes", within: .seconds(30)) { $0.last == "end" }
        withExtendedLifetime(shell) {}
        return said.dropLast()
    }

    @Test(
        "EV3, EV12, EV62: each of 300 processes of a millisecond is told as created and as deleted, in this order, or the number lost is told",
        .enabled(if: hasConnector, noConnector))
    func shortProcesses() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--events", "connector", on: scene)
        let query = "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Linux_UnixProcess'"
        let open = try await watch(query, provider, on: scene)
        let all = try await runShortProcesses(300)
        // A process behind them: what is not there by then has not come.
        let last = try await Sleeper.start(on: scene)
        _ = try await last.endByKill()
        let (id, wanted) = ("\(last.id)", Set(all))
        try await wait(open, "the last of them") { $0.contains { $0.handle == id && $0.kind == "Deletion" } }
        let events = seen(open)
        #expect(all.count == 300)
        var missing: UInt64 = 0
        for handle in wanted {
            let kinds = events.filter { $0.handle == handle && $0.kind != "Modification" }.map(\.kind)
            if kinds != ["Creation", "Deletion"] { missing += 1 }
            #expect(kinds == kinds.sorted() && Set(kinds).count == kinds.count, "\(handle): \(kinds)")
        }
        #expect(missing <= lost(open), "\(missing) processes are missing, \(lost(open)) events are said to be lost")
        let operation = InterfaceName(verified: "org.cimbus1.Operation")
        let told = try await scene.client.property(try #require(open.path), operation, "EventsLost")
        #expect(told == .uint64(lost(open)))
        withExtendedLifetime(provider) {}
    }

    @Test(
        "EV12, EV13: exec is a modification, with the instance before it, and a change of nothing that counts is none",
        .enabled(if: hasConnector, noConnector))
    func modified() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--events", "connector", on: scene)
        let fifo = "/tmp/cimbus-exec-\(getpid())"
        unlink(fifo)
        #expect(mkfifo(fifo, 0o600) == 0)
        defer { unlink(fifo) }
        let gate = Glibc.open(fifo, O_RDWR)
        defer { close(gate) }
        let shell = try ChildProcess("/bin/sh", ["-c", "read line < \(fifo); exec sleep 600"])
        let (id, query) = ("\(shell.processID)", "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Linux_UnixProcess'")
        let open = try await watch(
            query + " AND TargetInstance.Handle = '\(id)' AND PreviousInstance.Name <> TargetInstance.Name", provider, on: scene)
        #expect(write(gate, "\n", 1) == 1)
        try await wait(open, "the modification") { !$0.isEmpty }
        #expect(seen(open).map(\.name) == ["sleep"] && seen(open).map(\.before) == ["sh"])
        withExtendedLifetime((provider, shell)) {}
    }

    @Test(
        "EV67: while the source is stopped the kernel throws messages away; it says how many, and of a process that is there tells all the same",
        .enabled(if: hasConnector, noConnector))
    func overrun() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--events", "connector", "--connector-buffer", "4096", on: scene)
        let query = "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Linux_UnixProcess'"
        let open = try await watch(query, provider, on: scene)
        provider.process.stop()
        let short = try await runShortProcesses(100)
        let sleeper = try ChildProcess("sleep", ["600"])
        provider.process.signal(SIGCONT)
        let id = "\(sleeper.processID)"
        try await wait(open, "the process that is there") { $0.contains { $0.handle == id } }
        let events = seen(open)
        #expect(events.filter { $0.handle == id }.count == 1)
        let told = short.filter { handle in events.contains { $0.handle == handle } }
        #expect(told.count < 100)
        // Each that is missing has had a message that is lost.
        #expect(lost(open) >= UInt64(100 - told.count), "\(lost(open)) lost, \(told.count) told")
        #expect(provider.log.all.contains { $0.contains("some are lost, and counted") })
        withExtendedLifetime((provider, sleeper)) {}
    }

    @Test(
        "EV26, EV80: without the connector the provider says that it tells of ends alone, and does; of others nobody may subscribe without WITHIN"
    )
    func descriptors() async throws {
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--events", "descriptors", on: scene)
        let sleeper = try await Sleeper.start(on: scene)
        for kind in ["Creation", "Modification"] {
            let refused = try await scene.client.refusal {
                let query = "SELECT * FROM __Instance\(kind)Event WHERE TargetInstance ISA 'Linux_UnixProcess'"
                _ = try await scene.client.services(
                    "ExecNotificationQuerySemisync", [.string("WQL"), .string(query), .int32(0x30), .dictionary([])])
            }
            #expect(refused == .registrationTooPrecise)
        }
        let query = "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Linux_UnixProcess'"
        let open = try await watch(query + " AND TargetInstance.Handle = '\(sleeper.id)'", provider, on: scene)
        _ = try await sleeper.endByKill()
        try await wait(open, "its end") { !$0.isEmpty }
        #expect(seen(open).map(\.name) == ["sleep"] && seen(open).map(\.kind) == ["Deletion"])
        withExtendedLifetime(provider) {}
    }

    @Test(
        "EV98: while nobody listens there is no socket and no descriptor, and whoever listens next wakes the source again",
        arguments: ["descriptors", "connector"])
    func asleep(way: String) async throws {
        if way == "connector", !Self.hasConnector { return }
        let scene = try await Scene.start()
        let provider = try await start("UnixProcessProvider", "--events", way, on: scene)
        func descriptors() -> Int {
            var count = 0
            guard let folder = opendir("/proc/\(provider.process.processID)/fd") else { return -1 }
            while readdir(folder) != nil { count += 1 }
            closedir(folder)
            return count
        }
        let before = descriptors()
        let query = "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Linux_UnixProcess'"
        for round in 1...2 {
            let open = try await scene.client.start(.events(query), .async)
            try await provider.log.wait("the source to be awake") { $0.count { $0.contains("processes are watched by") } == round }
            #expect(descriptors() > before)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(try #require(open.sink).path)])
            try await scene.eventually("the source to be asleep", within: .seconds(10)) { descriptors() <= before }
        }
        withExtendedLifetime(provider) {}
    }
}
