import CBaseline
import Glibc
import WireTestKit

/// Measures what the README claims, as ratios inside one run. `bench [--quick] [--only PART]`; it builds nothing, and expects `cimbusd` beside
/// the project's other release programs.
@main
enum Bench {
    static func main() async throws {
        let arguments = CommandLine.arguments
        switch arguments.dropFirst().first {
        case "serve-c": exit(baseline_serve(arguments[2]))
        case "provider": try await Role.provider(arguments[2], count: Int(arguments[3]) ?? 0)
        case "defaults": try await Defaults.provide(arguments[2], count: Int(arguments[3]) ?? 0, rows: arguments.count > 4)
        case "compare":
            try await Defaults.compare(arguments[2], c: arguments[3], samples: Int(arguments[4]) ?? 1, rounds: Int(arguments[5]) ?? 1)
        case "gets": try await Defaults.gets(arguments[2], count: Int(arguments[3]) ?? 1)
        case "invokes": try await Defaults.gets(arguments[2], count: Int(arguments[3]) ?? 1, ofMethod: true)
        case "at-once": try await Defaults.atOnce(arguments[2])
        case "relay": try await Relay.run(arguments[2], to: arguments[3])
        case "rows": try await Defaults.rows(arguments[2], query: arguments.dropFirst(3).first)
        case "good": try await GoodClient.run(arguments[2], seconds: Int(arguments[3]) ?? 1)
        case "enumerate": try await Role.enumerate(arguments[2])
        case "query": try await QueryRole.run(arguments[2], count: Int(arguments[3]) ?? 0, rounds: Int(arguments[4]) ?? 1)
        case "load": try await Role.load(arguments[2], rounds: Int(arguments[3]) ?? 1)
        case "stall": try await Role.stall(arguments[2])
        case "get": try await Role.get(arguments[2], count: Int(arguments[3]) ?? 1)
        case "call": try await Role.call(arguments[2], arguments[3], arguments[4], count: Int(arguments[5]) ?? 1)
        case "wait": try await Role.wait(arguments[2], count: Int(arguments[3]) ?? 1)
        case "latency":
            try await Role.latency(
                arguments[2], direct: arguments[3], relay: arguments[4], c: arguments[5], samples: Int(arguments[6]) ?? 1,
                rounds: Int(arguments[7]) ?? 1)
        case "family": try await Family.provide(arguments[2], arguments[3], count: Int(arguments[4]) ?? 1)
        case "hierarchy": try await QueryRole.hierarchy(arguments[2], count: Int(arguments[3]) ?? 1, rounds: Int(arguments[4]) ?? 1)
        case "asynch": try await Asynch.provide(arguments[2], arguments[3], count: Int(arguments[4]) ?? 1)
        case "enumerate-asynch": try await Asynch.enumerate(arguments[2])
        case "alarms":
            try await Alarms.raise(
                arguments[2], count: Int(arguments[3]) ?? 0, together: Int(arguments[4]) ?? 1, pause: UInt32(arguments[5]) ?? 0)
        case "watch-alarms":
            try await Alarms.watch(
                arguments[2], count: Int(arguments[3]) ?? 1, others: Int(arguments[4]) ?? 0, readers: Int(arguments[5]) ?? 1)
        case "get-place": try await Alarms.get(arguments[2], count: Int(arguments[3]) ?? 1, pause: UInt32(arguments[4]) ?? 0)
        case "compile": try await Role.compile(arguments[2], arguments[3])
        case "read-class": try await Role.readClass(arguments[2], count: Int(arguments[3]) ?? 1)
        default:
            let only = arguments.firstIndex(of: "--only").flatMap { arguments.dropFirst($0 + 1).first }
            try await Suite(quick: arguments.contains("--quick"), only: only).run()
        }
    }
}

/// A bus, a broker and a provider, perhaps all on one CPU.
struct Stage {
    let bus: PrivateBus
    let broker: ChildProcess
    let provider: ChildProcess
    let direct: String

    static let own = "/proc/self/exe"
    let pinned: Bool
    let transport: String?

    static func program() -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(own, &buffer, 4095)
        return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static var broker: String {
        if let path = getenv("CIMBUSD") { return String(cString: path) }
        return "../../.build/release/programs/cimbusd"
    }

    static func spawn(_ pinned: Bool, _ program: String, _ arguments: [String], transport: String? = nil) throws -> ChildProcess {
        let set = transport.map { ["env", "CIMBUS_TRANSPORT=\($0)"] } ?? []
        let words = (pinned ? ["taskset", "-c", "0"] : []) + set + [program] + arguments
        return try ChildProcess(words[0], Array(words.dropFirst()))
    }

    static func line(_ process: ChildProcess, _ what: String, within duration: Duration = .seconds(120)) async throws -> String {
        try await withDeadline(duration, what) {
            for await line in process.lines { return line }
            throw BenchError("\(what): the process ended")
        }
    }

    static var command: String {
        if let path = getenv("CIMCTL") { return String(cString: path) }
        return "../../.build/release/programs/cimctl"
    }

    /// - Parameters:
    ///   - role: what the provider does, and how.
    ///   - transport: `bus`: neither library asks for a private connection; nil: as they do by themselves.
    ///   - allUsers: whether processes of other users may connect to the bus.
    init(pinned: Bool, objects: Int, role: String..., transport: String? = nil, allUsers: Bool = false) async throws {
        self.pinned = pinned
        self.transport = transport
        bus = try await PrivateBus.start(allUsers: allUsers)
        if pinned { _ = try await ChildProcess.output("taskset", ["-cp", "0", "\(bus.daemon.processID)"]) }
        broker = try Self.spawn(pinned, Self.broker, ["--address", bus.address, "--log-level", "error"])
        provider = try Self.spawn(
            pinned, Self.program(), [role.first ?? "provider", bus.address, "\(objects)"] + role.dropFirst(), transport: transport)
        direct = String(try await Self.line(provider, "the provider to register").split(separator: " ").last ?? "")
    }

    func run(_ arguments: [String], within duration: Duration = .seconds(300)) async throws -> [String] {
        let process = try Self.spawn(pinned, Self.program(), arguments, transport: transport)
        return try await withDeadline(duration, "bench \(arguments[0])") {
            var lines: [String] = []
            for await line in process.lines { lines.append(line) }
            // Not before: the process lives as long as something refers to it.
            _ = try await process.waitForEnd()
            return lines
        }
    }

    func end() async throws {
        try await provider.killAndWait()
        try await broker.killAndWait()
    }
}
