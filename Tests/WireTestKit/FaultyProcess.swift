import CIM
import CIMBusWire
import DBus
import Glibc

/// A `FaultyProvider` from the build folder: a real process that misbehaves as a script says. It is killed with the last reference to it.
public final class FaultyProcess: Sendable {
    public let process: ChildProcess
    /// What it says it does: `called METHOD SINK SCRIPT`, `step STEP -> OUTCOME`, `finished METHOD SINK`, …
    public let lines = Recorder<String>()
    public let name: String

    /// Starts it and waits until it is registered.
    /// - Parameter userID: nil: this process's own.
    public static func start(
        on bus: PrivateBus, name: String = "Faulty", className: String = "Faulty_Thing", userID: UInt32? = nil, _ options: [String] = []
    ) async throws -> FaultyProcess {
        let faulty = try FaultyProcess(bus, name, className, userID, options)
        try await faulty.lines.wait("FaultyProvider to register") { lines in
            lines.contains { $0.hasPrefix("registered ") || $0.hasPrefix("failed ") }
        }
        if let failure = faulty.lines.all.first(where: { $0.hasPrefix("failed ") }) { throw ProcessError(description: failure) }
        return faulty
    }

    private init(_ bus: PrivateBus, _ name: String, _ className: String, _ userID: UInt32?, _ options: [String]) throws {
        self.name = name
        let arguments = [BuildFolder.path(of: "FaultyProvider"), "--address", bus.address, "--name", name, "--class", className] + options
        let prefix = userID.map { ["setpriv", "--reuid", "\($0)", "--regid", "\($0)", "--clear-groups", "--pdeathsig", "KILL"] } ?? []
        let command = prefix + arguments
        process = try ChildProcess(command[0], Array(command.dropFirst()))
        let (output, lines) = (process.lines, lines)
        Task { for await line in output { lines.record(line) } }
    }

    /// Waits until it has printed `count` lines that start with `prefix`, and gives them.
    @discardableResult
    public func wait(for prefix: String, count: Int = 1) async throws -> [String] {
        try await lines.wait("FaultyProvider to say \(prefix) (\(count))") { lines in
            lines.count { $0.hasPrefix(prefix) } >= count
        }.filter { $0.hasPrefix(prefix) }
    }

    public var registrationPath: ObjectPath { Contract.path(ofProvider: name, in: .cimv2) }
}
