import DBus
import Glibc
import WireTestKit

/// How soon the death of a provider is told of.
extension Suite {
    /// From SIGKILL to the client's error, for one operation, a hundred and a thousand, private and over the bus.
    func kills() async throws {
        print("## SIGKILL of the provider to the client's error\n")
        for (name, value) in try await killed() { print("ratio: \(name) \(fixed(value))") }
        print("")
    }

    /// The ratios to the bare floor: from SIGKILL to the end of a socket that a small process in C had.
    func killed() async throws -> [(String, Double)] {
        let floor = try await bareKills()
        print("- a process in C, to the end of its socket: \(words(floor))")
        var ratios: [(String, Double)] = []
        for (name, transport) in [("private", nil), ("bus", "bus")] as [(String, String?)] {
            for count in [1, 100, 1_000] {
                let times = try await kills(count, transport)
                print("- \(name), \(count) open, to the last error: \(words(times))")
                if count == 1 { ratios.append(("kill-\(name)", median(times) / median(floor))) }
            }
        }
        return ratios
    }

    private var rounds: Int { quick ? 7 : 41 }

    private func words(_ times: [Double]) -> String {
        let sorted = times.sorted()
        return
            "\(fixed(median(times))) ms (median of \(times.count); \(fixed(sorted[0])) to \(fixed(sorted[sorted.count * 9 / 10])) are nine of ten)"
    }

    /// In milliseconds.
    private func bareKills() async throws -> [Double] {
        var times: [Double] = []
        for _ in 0..<rounds {
            let (ours, process) = try Self.sleeper()
            // It has begun to sleep.
            try await Task.sleep(for: .milliseconds(20))
            times.append(Self.end(of: ours, after: process.processID))
            try await process.killAndWait()
        }
        return times
    }

    /// A process that has the other end of a socket, as the only one.
    private static func sleeper() throws -> (FileDescriptorBox, ChildProcess) {
        let (ours, theirs) = try PrivateConnection.makeSockets()
        return (ours, try ChildProcess("sleep", ["1000"], descriptor: theirs))
    }

    private static func end(of socket: FileDescriptorBox, after process: pid_t) -> Double {
        var byte: UInt8 = 0
        let killed = Role.nanoseconds()
        kill(process, SIGKILL)
        _ = read(socket.rawValue, &byte, 1)
        return Double(Role.nanoseconds() - killed) / 1e6
    }

    /// The same client and broker see one provider after the other die; the first time, when both have never seen that, does not count.
    private func kills(_ count: Int, _ transport: String?) async throws -> [Double] {
        let stage = try await Stage(pinned: false, objects: 1, transport: transport)
        let client = try Stage.spawn(false, Stage.program(), ["wait", stage.bus.address, "\(count)"], transport: transport)
        var times: [Double] = []
        var provider = stage.provider
        for round in 0...rounds {
            if round > 0 {
                provider = try Stage.spawn(
                    false, Stage.program(), ["provider", stage.bus.address, "1"], transport: transport)
                _ = try await Stage.line(provider, "the provider to register")
            }
            _ = try await Stage.line(client, "the client to ask")
            // The broker has at most four calls unanswered at a provider; the others wait for a slot.
            for _ in 0..<min(count, 4) { _ = try await Stage.line(provider, "the provider to be called") }
            let killed = Role.nanoseconds()
            provider.signal(SIGKILL)
            let line = try await Stage.line(client, "the client's error")
            let parts = line.split(separator: " ", maxSplits: 1)
            if round > 0 { times.append(Double((UInt64(parts[0]) ?? killed) - killed) / 1e6) }
            if round == 0, count == 1 { print("  - \(parts.count > 1 ? String(parts[1]) : "")") }
            try await provider.killAndWait()
        }
        try await client.killAndWait()
        try await stage.end()
        return times
    }
}
