import DBus
import Glibc

/// A `dbus-daemon` for one test: its own socket, its own configuration, everything allowed. It is killed with the last reference to it.
public final class PrivateBus: Sendable {
    public let address: String
    public let daemon: ChildProcess
    private let directory: String

    /// Starts the daemon and waits until it listens.
    /// - Parameters:
    ///   - limits: lines of configuration, e.g. `<limit name="…">…</limit>`.
    ///   - allUsers: whether other users than this process's may connect.
    public static func start(limits: String = "", allUsers: Bool = false) async throws -> PrivateBus {
        var template = Array("/tmp/cimbus-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        let directory = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        if allUsers { chmod(directory, 0o711) }
        let configuration = """
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
             "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <type>session</type>
              <listen>unix:path=\(directory)/bus</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/>
                <allow eavesdrop="true"/>
                <allow own="*"/>
                \(allUsers ? "<allow user=\"*\"/>" : "")
              </policy>
              \(limits)
            </busconfig>
            """
        guard let file = fopen(directory + "/bus.conf", "w") else {
            throw ProcessError(description: "cannot write bus.conf: errno \(errno)")
        }
        fputs(configuration, file)
        fclose(file)
        let daemon = try ChildProcess("dbus-daemon", ["--config-file=\(directory)/bus.conf", "--nofork", "--print-address=1"])
        let address = try await withDeadline(.seconds(10), "dbus-daemon to listen") {
            for await line in daemon.lines { return line }
            throw ProcessError(description: "dbus-daemon ended before it listened")
        }
        return PrivateBus(address: address, daemon: daemon, directory: directory)
    }

    private init(address: String, daemon: ChildProcess, directory: String) {
        self.address = address
        self.daemon = daemon
        self.directory = directory
    }

    deinit {
        daemon.signal(SIGKILL)
        for name in ["bus", "bus.conf"] { unlink(directory + "/" + name) }
        rmdir(directory)
    }

    /// A new connection to this bus.
    public func connect(on loop: EventLoop? = nil, options: ConnectionOptions = ConnectionOptions()) async throws -> Connection {
        let address = address
        return try await withDeadline(.seconds(10), "a connection to the private bus") {
            try await Connection.connect(to: .address(address), on: loop, options: options)
        }
    }

    /// Runs `busctl` against this bus and gives what it writes.
    public func busctl(_ arguments: String...) async throws -> String {
        let (text, end) = try await ChildProcess.output("busctl", ["--address=\(address)"] + arguments)
        guard end == .exited(0) else { throw ProcessError(description: "busctl \(arguments): \(end)\n\(text)") }
        return text
    }

    /// What `busctl` says, errors included, when somebody calls the broker who is neither root nor the broker's user.
    /// - Parameter groups: numbers, with commas between; empty: only the primary one.
    public func callAsStranger(
        _ path: ObjectPath, _ interface: InterfaceName, _ arguments: [String], groups: String = ""
    ) async throws -> String {
        let groups = groups.isEmpty ? "--clear-groups" : "--groups \(groups)"
        return try await ChildProcess.output(
            "/bin/sh",
            [
                "-c", "exec setpriv --reuid 65534 --regid 65534 \(groups) busctl \"$@\" 2>&1", "sh", "--address=\(address)", "call",
                "org.cimbus1", path.text, interface.text,
            ] + arguments
        ).text
    }
}
