import DBus
import Glibc
import Testing
import WireTestKit

/// Mounts and network interfaces as events: the samples at a real broker, each in a namespace of the kernel of its own.
extension BusTests {
    private static func mayUnshare() -> Bool {
        getuid() == 0 && system("unshare --mount --net true 2> /dev/null") == 0 && system("ip -V > /dev/null 2>&1") == 0
    }

    /// Starts a program in a network of its own, of which /sys tells.
    private static let inOwnNetwork = [
        "unshare", "--net", "--mount", "--propagation", "private", "/bin/sh", "-c", "mount -t sysfs none /sys && exec \"$@\"", "sh",
    ]

    /// One line for each event: what happened, and these properties of the instance, now and before.
    private func lines(_ open: RawOpenOperation, _ properties: String...) -> [String] {
        func text(_ value: DBusValue?) -> String {
            guard let instance = value?.unwrapped.stringDictionary else { return "" }
            return properties.map { name in
                guard let value = instance[name]?.unwrapped else { return "-" }
                return value.text ?? (value.integer() as UInt64?).map { "\($0)" } ?? "\(value)"
            }.joined(separator: " ")
        }
        return (open.sink?.objects ?? []).map { event in
            let kind = event["__CLASS"]?.text?.replacing("__Instance", with: "").replacing("Event", with: "") ?? ""
            let before = text(event["PreviousInstance"])
            return "\(kind) \(before.isEmpty ? "" : before + " > ")\(text(event["TargetInstance"]))"
        }
    }

    private func run(_ command: String, in provider: Sample, _ namespace: String) async throws {
        let process = try ChildProcess(
            "nsenter", ["--target", "\(provider.process.processID)", namespace, "/bin/sh", "-ec", command])
        #expect(try await process.waitForEnd() == .exited(0), "\(command)")
    }

    private func wait(_ open: RawOpenOperation, _ count: Int, _ what: String) async throws {
        let sink = try #require(open.sink)
        try await sink.events.wait(what) { $0.flatMap(\.objects).count >= count }
    }

    @Test(
        "EV1, EV12, EV13: a mount that comes, changes and goes, and a label that is put, are events, with the instance before",
        .enabled(if: mayUnshare(), "needs root, and namespaces of the kernel"))
    func mounts() async throws {
        let scene = try await Scene.start()
        var template = Array("/tmp/cimbus-mounts-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            unlink(folder + ".json")
            rmdir(folder)
        }
        let provider = try await launch(
            ["unshare", "--mount", "--propagation", "private"] + Self.python("mounted-file-systems") + ["--labels", folder + ".json"],
            on: scene)
        let target = "TargetInstance ISA 'Linux_MountedFileSystem' AND TargetInstance.Name = '\(folder)'"
        let open = try await scene.client.start(.events("SELECT * FROM __InstanceOperationEvent WHERE \(target)"), .async)
        try await provider.log.wait("the source to be awake") { $0.contains("the mounts are watched") }
        try await run("mount -t tmpfs one \(folder)", in: provider, "--mount")
        try await wait(open, 1, "the mount")
        try await run("mount -o remount,ro \(folder)", in: provider, "--mount")
        try await wait(open, 2, "its change")
        let put = RawOperation.put([
            ("__CLASS", .string("Linux_MountedFileSystem")), ("Name", .string(folder)), ("Label", .string("mine")),
        ])
        #expect(try await scene.client.run(put).status == .noError)
        try await wait(open, 3, "the label")
        try await run("umount \(folder)", in: provider, "--mount")
        try await wait(open, 4, "its end")
        #expect(
            lines(open, "Device", "ReadOnly", "Label") == [
                "Creation one boolean(false) -", "Modification one boolean(false) - > one boolean(true) -",
                "Modification one boolean(true) - > one boolean(true) mine", "Deletion one boolean(true) mine",
            ])
        try await end(open, provider, "nobody listens: the mounts are not watched", on: scene)
    }

    @Test(
        "EV1, EV12, EV13: a network interface that comes, goes up, has another name, and goes is told by rtnetlink, whole",
        .enabled(if: mayUnshare(), "needs root, and namespaces of the kernel"))
    func interfaces() async throws {
        let scene = try await Scene.start()
        let parent = try await start("FrameworkSample", "interfaces", on: scene)
        let provider = try await launch(Self.inOwnNetwork + Self.python("ethernet-interfaces"), on: scene)
        let target = "TargetInstance ISA 'Linux_EthernetInterface'"
        let open = try await scene.client.start(.events("SELECT * FROM __InstanceOperationEvent WHERE \(target)"), .async)
        try await provider.log.wait("the source to be awake") { $0.contains("the interfaces are watched") }
        try await run("ip link add br-one mtu 1400 type bridge", in: provider, "--net")
        try await wait(open, 1, "the interface")
        try await run("ip link set br-one mtu 1300", in: provider, "--net")
        try await wait(open, 2, "its change")
        try await run("ip link set br-one name br-two", in: provider, "--net")
        try await wait(open, 4, "its other name")
        try await run("ip link delete br-two", in: provider, "--net")
        try await wait(open, 5, "its end")
        #expect(
            lines(open, "Name", "MTU", "State") == [
                "Creation br-one 1400 down", "Modification br-one 1400 down > br-one 1300 down", "Deletion br-one 1300 down",
                "Creation br-two 1300 down", "Deletion br-two 1300 down",
            ])
        try await end(open, provider, "nobody listens: the interfaces are not watched", on: scene)
        withExtendedLifetime(parent) {}
    }

    @Test(
        "EV1, EV12, EV13: a parent class in Swift tells of its own interfaces, and its child of the others: a subscriber to both hears of each once",
        .enabled(if: mayUnshare(), "needs root, and namespaces of the kernel"))
    func interfacesOfBoth() async throws {
        let scene = try await Scene.start()
        let sample = BuildFolder.path(of: "FrameworkSample")
        let parent = try await launch(Self.inOwnNetwork + [sample, "interfaces"], on: scene)
        let child = try await launch(
            ["nsenter", "--target", "\(parent.process.processID)", "--net", "--mount", sample, "ethernet"], on: scene)
        let open = try await scene.client.start(
            .events("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Linux_NetworkInterface'"), .async)
        for provider in [parent, child] {
            try await provider.log.wait("the sources to be awake") { $0.contains { $0.contains("the interfaces are watched") } }
        }
        try await run("ip link set lo mtu 60000", in: parent, "--net")
        try await wait(open, 1, "the change of the parent's")
        try await run("ip link add br-one mtu 1400 type bridge", in: parent, "--net")
        try await wait(open, 2, "the child's")
        try await run("ip link set br-one mtu 1300", in: parent, "--net")
        try await wait(open, 3, "its change")
        try await run("ip link delete br-one", in: parent, "--net")
        try await wait(open, 4, "its end")
        // What the parent had to say of all this is behind the last event, if it had anything to say.
        try await run("ip link set lo mtu 50000", in: parent, "--net")
        try await wait(open, 5, "the last change of the parent's")
        #expect(
            lines(open, "__CLASS", "Name", "MTU") == [
                "Modification Linux_NetworkInterface lo 65536 > Linux_NetworkInterface lo 60000",
                "Creation Linux_EthernetInterface br-one 1400",
                "Modification Linux_EthernetInterface br-one 1400 > Linux_EthernetInterface br-one 1300",
                "Deletion Linux_EthernetInterface br-one 1300",
                "Modification Linux_NetworkInterface lo 60000 > Linux_NetworkInterface lo 50000",
            ])
        try await end(open, parent, "nobody listens: the interfaces are not watched", on: scene)
        try await child.log.wait("the child's source to be asleep") { $0.contains { $0.contains("nobody listens") } }
    }

    @Test(
        "EV1, EV12: where nobody serves the Ethernet interfaces, the provider of all interfaces tells of them",
        .enabled(if: mayUnshare(), "needs root, and namespaces of the kernel"))
    func interfacesAlone() async throws {
        let scene = try await Scene.start()
        let provider = try await launch(Self.inOwnNetwork + [BuildFolder.path(of: "FrameworkSample"), "interfaces", "--alone"], on: scene)
        let open = try await scene.client.start(
            .events("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Linux_NetworkInterface'"), .async)
        try await provider.log.wait("the source to be awake") { $0.contains { $0.contains("the interfaces are watched") } }
        try await run("ip link add br-one mtu 1400 type bridge", in: provider, "--net")
        try await wait(open, 1, "the interface")
        try await run("ip link delete br-one", in: provider, "--net")
        try await wait(open, 2, "its end")
        #expect(lines(open, "Name", "MTU") == ["Creation br-one 1400", "Deletion br-one 1400"])
        try await end(open, provider, "nobody listens: the interfaces are not watched", on: scene)
    }

    private func end(_ open: RawOpenOperation, _ provider: Sample, _ words: String, on scene: Scene) async throws {
        _ = try await scene.client.services("CancelAsyncCall", [.objectPath(try #require(open.sink).path)])
        try await provider.log.wait("the source to be asleep") { $0.contains { $0.contains(words) } }
    }
}

extension SinkEvent {
    var objects: [[String: DBusValue]] { if case .indicate(let objects) = self { objects } else { [] } }
}
