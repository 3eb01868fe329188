import Glibc
import WireTestKit

extension Suite {
    private struct Run {
        var seconds = 0.0
        /// From source to subscriber, in microseconds.
        var median = 0.0
        var lost = 0
        /// Of the broker, for each event.
        var microsecondsOfCPU = 0.0
        /// One get from the source's process, in microseconds.
        var get = 0.0
        /// Of the subscriber that was stopped meanwhile: what it was told as lost, and what it got.
        var stopped: (lost: Int, came: Int) = (0, 0)
    }

    /// Events from one source: how many a second, how late, what subscribers cost that want none of them, and what one that is stopped does to others.
    ///
    /// - Returns: the ratios, by their names.
    @discardableResult
    func events() async throws -> [(String, Double)] {
        let count = quick ? 20_000 : 200_000
        print("## \(count) events of one source\n\n| | events/s | lost | broker's CPU µs for each |\n|---|---|---|---|")
        var rates: [Double] = []
        for (name, transport) in [("private connections", String?.none), ("the bus", "bus")] {
            let run = try await raise(count, together: 100, transport: transport)
            rates.append(Double(count) / run.seconds)
            print("| \(name) | \(Int(Double(count) / run.seconds)) | \(run.lost) | \(fixed(run.microsecondsOfCPU)) |")
        }
        let samples = quick ? 500 : 4_000
        print(
            "\n| one at a time, 0.5 ms between | p50 µs from source to subscriber | p50 µs of a get from the same process |\n|---|---|---|")
        var latencies: [Double] = []
        for (name, transport) in [("private connections", String?.none), ("the bus", "bus")] {
            let run = try await raise(samples, together: 1, pause: 500, transport: transport)
            latencies.append(run.median / run.get)
            print("| \(name) | \(fixed(run.median)) | \(fixed(run.get)) |")
        }
        let alone = try await raise(20_000, together: 100)
        let crowd = try await raise(20_000, together: 100, others: 999)
        let subscribers = crowd.microsecondsOfCPU / alone.microsecondsOfCPU
        print("\nan event with 999 other subscribers, of other filters, / with none, CPU of the broker: **\(fixed(subscribers))**")
        let readers = try await raise(20_000, together: 100, pause: 10_000, readers: 100, stops: true)
        print(
            "100 subscribers that read lose **\(readers.lost)** of \(20_000 * 100) events beside one that is stopped, which is told of "
                + "\(readers.stopped.lost) lost and gets \(readers.stopped.came), of 20000\n")
        return [
            ("events-private", rates[0] / 100_000), ("events-relayed", rates[1] / 20_000), ("event-to-get-private", latencies[0]),
            ("event-to-get-relayed", latencies[1]), ("event-subscribers", subscribers),
            ("events-lost-beside-stopped", Double(readers.lost)),
            ("events-miscounted", Double(20_000 - readers.stopped.lost - readers.stopped.came)),
        ]
    }

    /// - Parameters:
    ///   - together: events of each indicate; after each the source waits `pause` microseconds.
    ///   - others: subscriptions that want none of them.
    ///   - readers: those that want all of them.
    ///   - stops: whether one more is stopped until they have all.
    private func raise(
        _ count: Int, together: Int, pause: Int = 0, others: Int = 0, readers: Int = 1, stops: Bool = false, transport: String? = nil
    ) async throws -> Run {
        let bus = try await PrivateBus.start()
        let broker = try Stage.spawn(false, Stage.broker, ["--address", bus.address, "--log-level", "error"])
        let path = "/tmp/cimbus-bench-\(getpid())"
        mkfifo(path, 0o600)
        defer { unlink(path) }
        let gate = open(path, O_RDWR)
        defer { close(gate) }
        let words = [Stage.program(), "alarms", bus.address, "\(count)", "\(together)", "\(pause)"].map { "'\($0)'" }.joined(separator: " ")
        let source = try Stage.spawn(false, "/bin/sh", ["-c", "exec \(words) < '\(path)'"], transport: transport)
        _ = try await Stage.line(source, "the source to register")
        var run = Run()
        if pause > 0, !stops {
            let got = try Stage.spawn(false, Stage.program(), ["get-place", bus.address, "\(count)", "\(pause)"], transport: transport)
            run.get = Double(try await Stage.line(got, "the gets")) ?? 0
            _ = try await got.waitForEnd()
        }
        func subscribe(_ others: Int, _ readers: Int) async throws -> (ChildProcess, AsyncStream<String>.Iterator) {
            let process = try Stage.spawn(
                false, Stage.program(), ["watch-alarms", bus.address, "\(count)", "\(others)", "\(readers)"], transport: transport)
            var lines = process.lines.makeAsyncIterator()
            _ = await lines.next()
            return (process, lines)
        }
        func figures(_ lines: inout AsyncStream<String>.Iterator) async throws -> [Double] {
            let said = await lines.next()
            let fields = said?.split(separator: " ").compactMap { Double($0) } ?? []
            guard fields.count == 4 else { throw BenchError("watch-alarms said \(said ?? "nothing")") }
            return fields
        }
        let stopped = stops ? try await subscribe(0, 1) : nil
        if let stopped { kill(stopped.0.processID, SIGSTOP) }
        var subscriber = try await subscribe(others, readers)
        let before = cpuMicroseconds(broker.processID)
        guard write(gate, "\n", 1) == 1 else { throw BenchError("the source cannot be told to begin") }
        let fields = try await figures(&subscriber.1)
        run.microsecondsOfCPU = (cpuMicroseconds(broker.processID) - before) / Double(count)
        (run.seconds, run.median, run.lost) = (fields[0] / 1e6, fields[1], Int(fields[2]))
        if let (process, read) = stopped {
            var lines = read
            kill(process.processID, SIGCONT)
            let told = try await figures(&lines)
            run.stopped = (Int(told[2]), Int(told[3]))
            try await process.killAndWait()
        }
        for process in [subscriber.0, source, broker] { try await process.killAndWait() }
        return run
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
