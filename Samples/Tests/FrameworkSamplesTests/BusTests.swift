import CIM
import DBus
import Glibc
import Testing
import WireTestKit

/// The samples as they are: real processes at a real broker, asked as any client asks.
@Suite(.serialized, .timeLimit(.minutes(2))) struct BusTests {
    // MARK: - A hierarchy over two processes

    @Test("C.3, C.4, L6: a parent in Swift and a child in Python give whole objects; the child killed ends reads with its name")
    func hierarchy() async throws {
        let network = try FakeNetwork()
        try network.add("lo", ["type": "772", "mtu": "65536", "address": "00:00:00:00:00:00", "operstate": "unknown"])
        try network.add(
            "eth0", ["type": "1", "mtu": "1500", "address": "02:00:00:00:00:01", "operstate": "up", "speed": "-1", "tx_queue_len": "1000"])
        try network.add("eth1", ["type": "1", "mtu": "9000", "operstate": "down", "speed": "2500"])
        let scene = try await Scene.start()
        let parent = try await start("FrameworkSample", "interfaces", "--net", network.root, on: scene)
        let child = try await startPython("ethernet-interfaces", "--net", network.root, on: scene)
        let whole = [
            "Linux_EthernetInterface eth0 02:00:00:00:00:01 1500 up - 1000", "Linux_EthernetInterface eth1 - 9000 down 2500 -",
        ]
        let loopback = "Linux_NetworkInterface lo 00:00:00:00:00:00 65536 unknown - -"
        try await expect(scene, whole, loopback)

        // Stopped, it answers nothing: all three are open when it is killed.
        child.process.stop()
        var open: [RawOpenOperation] = []
        for form in CallForm.allCases { open.append(try await scene.client.start(.enumerate("Linux_NetworkInterface"), form)) }
        try await scene.eventually("the child to be asked three times") {
            try await registration("EthernetInterfaces", "OpenOperations", scene).integer() == 3
        }
        child.process.signal(SIGKILL)
        for operation in open {
            let result = try await operation.result()
            #expect(result.status == .providerFailure, "\(result.message)")
            #expect(result.details["ProviderName"]?.text == "EthernetInterfaces")
            #expect(result.details["ProviderProcessID"] == .uint32(UInt32(child.process.processID)))
            #expect(result.message.contains("EthernetInterfaces"), "\(result.message)")
        }
        // Nobody is left to say which of the objects are the child's: not the parent.
        let alone = try await scene.client.run(.enumerate("Linux_NetworkInterface"))
        #expect(alone.status == .providerLoadFailure, "\(alone.message)")

        // The same child in Swift takes its place.
        let other = try await start("FrameworkSample", "ethernet", "--net", network.root, on: scene)
        try await expect(scene, whole, loopback)
        #expect(try await scene.complaints(open.compactMap(\.sink)).isEmpty)
        withExtendedLifetime((parent, other)) {}
    }

    private func expect(_ scene: Scene, _ whole: [String], _ loopback: String) async throws {
        for form in CallForm.allCases {
            let all = try await scene.client.run(.enumerate("Linux_NetworkInterface"), form)
            #expect(all.status == .noError, "\(all.message)")
            #expect(all.objects.map(text).sorted() == whole + [loopback], "\(form)")
        }
        let below = try await scene.client.run(.enumerate("Linux_EthernetInterface"))
        #expect(below.objects.map(text).sorted() == whole)
        let shallow = try await scene.client.run(.query("SELECT * FROM Linux_NetworkInterface WHERE __CLASS = 'Linux_NetworkInterface'"))
        #expect(shallow.objects.map(text) == [loopback])
        let one = try await scene.client.run(.get("Linux_EthernetInterface.Name=\"eth0\""))
        #expect(one.objects.map(text) == [whole[0]], "\(one.message)")
        #expect(try await scene.client.run(.get("Linux_EthernetInterface.Name=\"lo\"")).status == .notFound)
    }

    private func text(_ interface: [String: DBusValue]) -> String {
        let numbers = ["LinkSpeed", "TransmitQueueLength"].map { number(interface[$0]) }
        let words = ["__CLASS", "Name", "HardwareAddress"].map { interface[$0]?.text ?? "-" }
        return (words + [number(interface["MTU"]), interface["State"]?.text ?? "-"] + numbers).joined(separator: " ")
    }

    private func number(_ value: DBusValue?) -> String { (value?.integer() as UInt32?).map { "\($0)" } ?? "-" }

    // MARK: - One provider built on another

    @Test("R17, L12, L6: owners are made of the processes another provider serves, nested in the client's call; its end ends theirs")
    func owners() async throws {
        let scene = try await Scene.start()
        let processes = try await start("UnixProcessProvider", on: scene)
        let owners = try await start("FrameworkSample", "owners", on: scene)
        let result = try await scene.client.run(.enumerate("Linux_ProcessOwner"), .async)
        #expect(result.status == .noError, "\(result.message)")
        let mine = try #require(result.objects.first { $0["UserID"]?.integer() == getuid() })
        // The bus, the broker, both providers and this.
        #expect(mine["ProcessCount"]?.integer() ?? 0 >= 5)
        #expect(mine["WorkingSetSize"]?.integer() ?? UInt64(0) > 0)
        // Each process that the other provider gave has been counted, once.
        let counted = result.objects.compactMap { $0["ProcessCount"]?.integer() as UInt64? }.reduce(0, +)
        #expect(try await counter("Objects", of: "UnixProcess", scene) == counted)
        #expect(try await counter("Operations", of: "UnixProcess", scene) == 1)
        let one = try await scene.client.run(.get("Linux_ProcessOwner.UserID=\(getuid())"), .semisync)
        #expect(one.objects.first?["UserName"] == mine["UserName"], "\(one.message)")

        processes.process.stop()
        let open = try await scene.client.start(.enumerate("Linux_ProcessOwner"), .async)
        try await scene.waitForOperations(2)
        processes.process.signal(SIGKILL)
        let failed = try await open.result()
        #expect(failed.status == .providerFailure)
        #expect(failed.message.contains("UnixProcess"), "\(failed.message)")
        #expect(try await scene.complaints([open.sink].compactMap(\.self)).isEmpty)
        withExtendedLifetime(owners) {}
    }

    private func counter(_ name: String, of provider: String, _ scene: Scene) async throws -> UInt64? {
        try await registration(provider, "Counters", scene).stringDictionary?[name]?.integer()
    }

    private func registration(_ provider: String, _ property: String, _ scene: Scene) async throws -> DBusValue {
        try await scene.client.property(
            ObjectPath(verified: "/org/cimbus1/providers/root/cimv2/\(provider)"),
            InterfaceName(verified: "org.cimbus1.Registration"), property)
    }

    // MARK: - A method

    @Test("R103, R105, R110 to R114, R116: Echo's out parameters come in one Indicate, before the one final status")
    func echo() async throws {
        let scene = try await Scene.start()
        let provider = try await start("FrameworkSample", "echo", on: scene)
        let call = RawOperation.invoke("Sample_Echo", "Echo", [("sInArg", .string("hello"))])
        let open = try await scene.client.start(call, .async)
        #expect(try await open.result().status == .noError)
        #expect(open.sink?.events.all.count == 2)
        for form in CallForm.allCases {
            let result = try await scene.client.run(call, form)
            #expect(result.objects.count == 1, "\(result.message)")
            #expect(result.objects.first?["__CLASS"]?.text == "__PARAMETERS")
            #expect(result.objects.first?["sOutArg"]?.text == "hello")
            #expect(result.objects.first?["ReturnValue"] == .uint32(5))
        }
        #expect(try await scene.client.run(.invoke("Sample_Echo", "Echo")).status == .invalidMethodParameters)
        #expect(try await scene.complaints([open.sink].compactMap(\.self)).isEmpty)
        withExtendedLifetime(provider) {}
    }

    // MARK: - Processes

    /// A sample at work, killed with the last reference to it.
    struct Sample {
        let process: ChildProcess
        let log: Recorder<String>
    }

    func start(_ program: String, _ arguments: String..., on scene: Scene) async throws -> Sample {
        try await launch([BuildFolder.path(of: program)] + arguments, on: scene)
    }

    private func startPython(_ program: String, _ arguments: String..., on scene: Scene) async throws -> Sample {
        try await launch(Self.python(program) + arguments, on: scene)
    }

    static func python(_ program: String) -> [String] {
        let folder = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        return ["/usr/bin/python3", "/\(folder)/python/\(program)"]
    }

    /// Starts a program and waits until it says that it is registered.
    func launch(_ command: [String], on scene: Scene) async throws -> Sample {
        // The shell gives its place to the sample, whose log goes where this reads.
        let process = try ChildProcess("/bin/sh", ["-c", "exec \"$@\" 2>&1", "sh"] + command + ["--address", scene.bus.address])
        let (lines, log) = (process.lines, Recorder<String>())
        Task {
            for await line in lines { log.record(line) }
            log.record("(end of output)")
        }
        let said = try await log.wait("\(command) to register", within: .seconds(20)) { lines in
            lines.contains { $0.contains("registered") || $0 == "(end of output)" }
        }
        if said.last == "(end of output)" { throw ProcessError(description: said.joined(separator: "\n")) }
        return Sample(process: process, log: log)
    }
}
