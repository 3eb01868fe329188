import CIMBusWire
import DBus
import Glibc

/// A real `cimbusd` from the build folder, on a private bus.
public final class BrokerProcess: Sendable {
    public let bus: PrivateBus
    public let process: ChildProcess
    /// What it logs, line by line.
    public let log = Recorder<String>()

    /// Starts the broker and waits until it owns its name.
    /// - Parameters:
    ///   - options: as on its command line, the bus apart.
    ///   - relay: stands between the broker and the bus.
    ///   - program: `cimbusd` itself.
    public static func start(
        on bus: PrivateBus, _ options: [String] = [], by relay: BusRelay? = nil, program: String = BuildFolder.path(of: "cimbusd")
    ) async throws -> BrokerProcess {
        let broker = try BrokerProcess(program, bus, relay?.address ?? bus.address, options)
        try await broker.log.wait("cimbusd to serve or to fail") { lines in
            lines.contains { $0.contains("serving org.cimbus1") || $0 == Self.ended }
        }
        if broker.log.all.contains(Self.ended) { throw ProcessError(description: "cimbusd ended:\n\(broker.text)") }
        return broker
    }

    private static let ended = "(end of output)"

    private init(_ program: String, _ bus: PrivateBus, _ address: String, _ options: [String]) throws {
        self.bus = bus
        // The shell gives its place to the broker; what goes to standard error is what tests read.
        process = try ChildProcess(
            "/bin/sh", ["-c", "exec \"$0\" \"$@\" 2>&1", program, "--address", address] + options)
        let lines = process.lines
        let log = log
        Task {
            for await line in lines { log.record(line) }
            log.record(Self.ended)
        }
    }

    /// How many lines of the log have these words, once that many of them have come at least.
    public func count(of words: String, atLeast count: Int = 1) async throws -> Int {
        try await log.wait("the log to say \(words)") { lines in lines.count { $0.contains(words) } >= count }.count { $0.contains(words) }
    }

    /// The whole log.
    public var text: String { log.all.joined(separator: "\n") }
}

/// Where the programs are that were built with the tests.
public enum BuildFolder {
    /// Beside the tests; for those of `Samples`, a package in the package's folder, else in the same build folder of the package around it.
    public static func path(of program: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let executable = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var folders = executable.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        let path = (folders + [Substring(program)]).joined(separator: "/")
        guard access(path, X_OK) != 0, let samples = folders.lastIndex(of: "Samples"), folders.dropFirst(samples + 1).first == ".build"
        else { return path }
        folders.remove(at: samples)
        return (folders + [Substring(program)]).joined(separator: "/")
    }
}
