import Glibc
import WireTestKit

extension Suite {
    private struct Run {
        var seconds: Double
        /// From source to subscriber, in microseconds.
        var median: Double
        var lost: Int
        /// Of the broker, for each event.
        var microsecondsOfCPU: Double
    }

    /// Events from one source to one subscriber: how many a second, how late, and what subscribers cost that want none of them.
    func events() async throws {
        let count = quick ? 20_000 : 200_000
        print("## \(count) events of one source\n\n| | events/s | lost | broker's CPU µs for each |\n|---|---|---|---|")
        for (name, transport) in [("private connections", String?.none), ("the bus", "bus")] {
            let run = try await raise(count, together: 100, transport: transport)
            print("| \(name) | \(Int(Double(count) / run.seconds)) | \(run.lost) | \(fixed(run.microsecondsOfCPU)) |")
        }
        let samples = quick ? 500 : 4_000
        print("\n| source to subscriber, one at a time | p50 µs |\n|---|---|")
        for (name, transport) in [("private connections", String?.none), ("the bus", "bus")] {
            print("| \(name) | \(fixed(try await raise(samples, together: 1, pause: 500, transport: transport).median)) |")
        }
        let alone = try await raise(20_000, together: 100)
        let crowd = try await raise(20_000, together: 100, others: 999)
        print(
            "\nan event with 999 other subscribers, of other filters, / with none, CPU of the broker: "
                + "**\(fixed(crowd.microsecondsOfCPU / alone.microsecondsOfCPU))**\n")
    }

    private func raise(_ count: Int, together: Int, pause: Int = 0, others: Int = 0, transport: String? = nil) async throws -> Run {
        let bus = try await PrivateBus.start()
        let broker = try Stage.spawn(false, Stage.broker, ["--address", bus.address, "--log-level", "error"])
        let folder = "/tmp/cimbus-bench-\(getpid())"
        mkfifo(folder, 0o600)
        defer { unlink(folder) }
        let gate = open(folder, O_RDWR)
        defer { close(gate) }
        let words = [Stage.program(), "alarms", bus.address, "\(count)", "\(together)", "\(pause)"].map { "'\($0)'" }.joined(separator: " ")
        let source = try Stage.spawn(false, "/bin/sh", ["-c", "exec \(words) < '\(folder)'"], transport: transport)
        _ = try await Stage.line(source, "the source to register")
        let subscriber = try Stage.spawn(
            false, Stage.program(), ["watch-alarms", bus.address, "\(count)", "\(others)"], transport: transport)
        var lines = subscriber.lines.makeAsyncIterator()
        _ = await lines.next()
        let before = cpuMicroseconds(broker.processID)
        guard write(gate, "\n", 1) == 1 else { throw BenchError("the source cannot be told to begin") }
        let said = await lines.next()
        let fields = said?.split(separator: " ").compactMap { Double($0) } ?? []
        guard fields.count == 3 else { throw BenchError("watch-alarms said \(said ?? "nothing")") }
        let spent = cpuMicroseconds(broker.processID) - before
        for process in [subscriber, source, broker] { try await process.killAndWait() }
        return Run(seconds: fields[0] / 1e6, median: fields[1], lost: Int(fields[2]), microsecondsOfCPU: spent / Double(count))
    }

    /// What all threads of a process have used, in microseconds.
    private func cpuMicroseconds(_ process: pid_t) -> Double {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1024)
        guard fgets(&line, 1024, file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let kernel = Double(fields[12]) else { return 0 }
        return (user + kernel) * 1e6 / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
