import Glibc
import WireTestKit

/// A provider that is a process of its own. It is killed with the last reference to it.
public final class ProviderProcess: Sendable {
    private let process: ChildProcess
    private let lines = Recorder<String>()
    /// Ends when the process, and whoever it gave its output to, has closed it.
    private let reading: Task<Void, Never>

    init(_ program: String, _ arguments: [String], onBus address: String) throws(TestKitError) {
        do {
            // The shell gives its place to the program; what it prints on standard error counts, too.
            process = try ChildProcess(
                "/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>&1", program] + arguments,
                environment: ["DBUS_SESSION_BUS_ADDRESS": address, "DBUS_SYSTEM_BUS_ADDRESS": address])
        } catch { throw TestKitError("\(error)") }
        let (output, lines) = (process.lines, lines)
        reading = Task { for await line in output { lines.record(line) } }
    }

    public var processID: Int32 { process.processID }

    /// What it has printed, line by line.
    public var output: [String] { lines.all }

    /// Everything that an ended process has printed, as far as it comes within a second.
    func wholeOutput() async -> String {
        let reading = reading
        try? await withDeadline(.seconds(1), "the output of process \(processID)") { await reading.value }
        return output.joined(separator: "\n")
    }

    /// How it ended, in words; nil while it runs.
    var end: String? {
        switch process.currentEnd {
        case .exited(let status): "exit status \(status)"
        case .signalled(let number): "signal \(number)"
        case nil: nil
        }
    }

    /// Kills the process, and returns when it is gone. What a client of the provider hears then is worth a test.
    public func kill() async throws { try await process.killAndWait() }

    /// Ends the process as systemd does, by SIGTERM, and returns its exit status.
    ///
    /// Throws ``TestKitError`` when the process does not end within 10 s, and when a signal ended it: a provider in a `ServiceGroup` that has
    /// SIGTERM among its `gracefulShutdownSignals` ends with 0.
    public func terminate() async throws -> Int32 {
        process.signal(SIGTERM)
        do {
            if case .exited(let status) = try await process.waitForEnd() { return status }
        } catch {
            throw TestKitError("process \(processID) did not end within 10 s of SIGTERM")
        }
        throw TestKitError("process \(processID) did not end by itself: \(end ?? "it still runs")")
    }
}
