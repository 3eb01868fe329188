import DBus
import Glibc
import Synchronization

/// A message bus for one test: its own socket, its own configuration, everything allowed. It is killed with the last reference to it.
public final class PrivateBus: Sendable {
    public let address: String
    public let program: BusProgram
    private let directory: String
    private let limits: BusLimits
    private let services: ServiceFolder?
    private let allUsers: Bool
    private let running: Mutex<ChildProcess>

    /// Starts the bus and waits until it listens.
    /// - Parameters:
    ///   - services: what it can start.
    ///   - allUsers: whether other users than this process's may connect.
    public static func start(
        _ program: BusProgram = .ofTests, limits: BusLimits = BusLimits(), services: ServiceFolder? = nil, allUsers: Bool = false
    ) async throws -> PrivateBus {
        var template = Array("/tmp/cimbus-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        let directory = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        if allUsers { chmod(directory, 0o711) }
        let daemon = try await launch(program, directory, limits, services, allUsers)
        return PrivateBus(program, directory, limits, services, allUsers, daemon)
    }

    private init(
        _ program: BusProgram, _ directory: String, _ limits: BusLimits, _ services: ServiceFolder?, _ allUsers: Bool,
        _ daemon: ChildProcess
    ) {
        address = "unix:path=\(directory)/bus"
        self.program = program
        self.directory = directory
        self.limits = limits
        self.services = services
        self.allUsers = allUsers
        running = Mutex(daemon)
    }

    /// The process of the bus.
    public var daemon: ChildProcess { running.withLock { $0 } }

    /// Kills the bus, and starts another at the same address.
    public func restart() async throws {
        try await daemon.killAndWait()
        let next = try await Self.launch(program, directory, limits, services, allUsers)
        running.withLock { $0 = next }
    }

    deinit {
        daemon.signal(SIGKILL)
        for name in ["bus", "bus.conf"] { unlink(directory + "/" + name) }
        rmdir(directory)
    }

    private static func launch(
        _ program: BusProgram, _ directory: String, _ limits: BusLimits, _ services: ServiceFolder?, _ allUsers: Bool
    ) async throws -> ChildProcess {
        let socket = directory + "/bus"
        unlink(socket)
        if program == .dbusBroker { return try await BusController.launch(at: socket, limits, services, allUsers) }
        let configuration = """
            <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
             "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <type>session</type>
              <listen>unix:path=\(socket)</listen>
              <auth>EXTERNAL</auth>
              <policy context="default">
                <allow send_destination="*" eavesdrop="true"/>
                <allow eavesdrop="true"/>
                <allow own="*"/>
                \(allUsers ? "<allow user=\"*\"/>" : "")
              </policy>
              \(services.map { "<servicedir>\($0.path)</servicedir>" } ?? "")
              \(limits.configuration)
            </busconfig>
            """
        guard let file = fopen(directory + "/bus.conf", "w") else {
            throw ProcessError(description: "cannot write bus.conf: errno \(errno)")
        }
        fputs(configuration, file)
        fclose(file)
        let daemon = try ChildProcess("dbus-daemon", ["--config-file=\(directory)/bus.conf", "--nofork", "--print-address=1"])
        _ = try await withDeadline(.seconds(30), "dbus-daemon to listen") {
            for await line in daemon.lines { return line }
            throw ProcessError(description: "dbus-daemon ended before it listened")
        }
        return daemon
    }

    /// A new connection to this bus.
    public func connect(on loop: EventLoop? = nil, options: ConnectionOptions = ConnectionOptions()) async throws -> Connection {
        let address = address
        return try await withDeadline(.seconds(30), "a connection to the private bus") {
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
