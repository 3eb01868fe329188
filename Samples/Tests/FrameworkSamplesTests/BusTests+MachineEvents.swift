import DBus
import Glibc
import Testing
import WireTestKit

/// Mounts and network interfaces as events: the samples in Python at a real broker, each in a namespace of the kernel of its own.
extension BusTests {
    private static func mayUnshare() -> Bool {
        getuid() == 0 && system("unshare --mount --net true 2> /dev/null") == 0 && system("ip -V > /dev/null 2>&1") == 0
    }

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
        var template = Array("/tmp/cimbus-links-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { rmdir(folder) }
        let script = "mount -t sysfs none '\(folder)' && exec \"$@\""
        let provider = try await launch(
            ["unshare", "--net", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh"] + Self.python("ethernet-interfaces")
                + ["--net", folder + "/class/net"], on: scene)
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

    private func end(_ open: RawOpenOperation, _ provider: Sample, _ words: String, on scene: Scene) async throws {
        _ = try await scene.client.services("CancelAsyncCall", [.objectPath(try #require(open.sink).path)])
        try await provider.log.wait("the source to be asleep") { $0.contains(words) }
    }
}

extension SinkEvent {
    var objects: [[String: DBusValue]] { if case .indicate(let objects) = self { objects } else { [] } }
}
