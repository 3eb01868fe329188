import Glibc
import WireTestKit

/// Everything that is measured, printed as Markdown.
struct Suite {
    let quick: Bool
    /// The one part to run; nil: all.
    let only: String?

    func run() async throws {
        print("# CIMBus benchmarks\n")
        let parts: [(name: String, run: () async throws -> Void)] = [
            ("latency", { try await latency(pinned: true) }), ("latency", { try await latency(pinned: false) }), ("throughput", throughput),
            ("query", query), ("hierarchy", hierarchy), ("asynch", asynch), ("memory", memory), ("fairness", fairness), ("kills", kills),
            ("events", { try await events() }),
            ("schema", schema), ("attacks", attacks), ("ratios", ratios),
        ]
        for part in parts where only.map({ $0 == part.name }) ?? true {
            try await part.run()
            fflush(nil)
        }
    }

    private func latency(pinned: Bool) async throws {
        print("## Latency, \(pinned ? "all processes on one CPU" : "unpinned")\n\n| call | p50 µs | p99 µs |\n|---|---|---|")
        let p50 = try await latencies(pinned: pinned) { print("| \($0) | \(fixed($1)) | \(fixed($2)) |") }
        func ratio(_ a: String, _ b: String) -> String { fixed((p50[a] ?? 0) / (p50[b] ?? 1)) }
        print("\nSwift async call / C libdbus call: **\(ratio("swift empty", "c empty"))**")
        print("brokered / direct: **\(ratio("brokered get", "direct get"))**")
        print("relayed / direct: **\(ratio("relayed get", "direct get"))**\n")
    }

    /// The medians of the calls that are compared, in microseconds.
    /// - Parameter note: is given each call with its median and its 99th percentile.
    func latencies(pinned: Bool, _ note: (Substring, Double, Double) -> Void = { _, _, _ in }) async throws -> [String: Double] {
        let stage = try await Stage(pinned: pinned, objects: 1)
        let c = try Stage.spawn(pinned, Stage.program(), ["serve-c", stage.bus.address])
        let name = try await Stage.line(c, "the C service")
        let relay = try Stage.spawn(pinned, Stage.program(), ["relay", stage.bus.address, stage.direct])
        let relayName = try await Stage.line(relay, "the relay")
        let lines = try await stage.run(
            ["latency", stage.bus.address, stage.direct, relayName, name, quick ? "1000" : "4000", quick ? "2" : "5"])
        var p50: [String: Double] = [:]
        for line in lines {
            let fields = line.split(separator: "\t")
            guard fields.count == 3, let median = Double(fields[1]), let tail = Double(fields[2]) else { continue }
            p50[String(fields[0])] = median
            note(fields[0], median, tail)
        }
        try await relay.killAndWait()
        try await c.killAndWait()
        try await stage.end()
        return p50
    }

    private func throughput() async throws {
        let objects = 100_000
        let stage = try await Stage(pinned: false, objects: objects)
        var rates: [Double] = []
        var firsts: [Double] = []
        for round in 0...(quick ? 2 : 5) {
            let figures = try await enumerate(stage)
            if round == 0 { continue }
            rates.append(Double(objects) / (figures.total / 1e6))
            firsts.append(figures.first)
        }
        print("## \(objects) instances of 10 properties over the bus\n")
        print("median **\(Int(median(rates))) objects/s** (\(rates.map { "\(Int($0))" }.joined(separator: ", ")))")
        print("first object after \(fixed(median(firsts) / 1_000)) ms\n")
        try await stage.end()
    }

    private func enumerate(_ stage: Stage) async throws -> (objects: Int, total: Double, first: Double, memory: Double) {
        let lines = try await stage.run(["enumerate", stage.bus.address])
        let fields = lines.last?.split(separator: " ").compactMap { Double($0) } ?? []
        guard fields.count == 4 else { throw BenchError("enumerate said \(lines)") }
        return (Int(fields[0]), fields[1], fields[2], fields[3])
    }

    private func query() async throws {
        let objects = 100_000
        let stage = try await Stage(pinned: false, objects: objects)
        let lines = try await stage.run(["query", stage.bus.address, "\(objects)", quick ? "3" : "7"])
        print("## \(objects) instances, enumerated and filtered by a WHERE of three conditions\n\n| | ms | ratio |\n|---|---|---|")
        var unfiltered = 0.0
        for line in lines {
            let fields = line.split(separator: "\t")
            guard fields.count == 2, let microseconds = Double(fields[1]) else { continue }
            if unfiltered == 0 { unfiltered = microseconds }
            print("| \(fields[0]) | \(fixed(microseconds / 1_000)) | **\(fixed(microseconds / unfiltered))** |")
        }
        print("")
        try await stage.end()
    }

    /// A class and its subclass over two providers.
    private func hierarchy() async throws {
        let objects = 50_000
        let stage = try await Stage(pinned: false, objects: 1)
        var providers: [ChildProcess] = []
        for role in ["parent", "child"] {
            let provider = try Stage.spawn(false, Stage.program(), ["family", stage.bus.address, role, "\(objects)"])
            _ = try await Stage.line(provider, "the \(role)'s provider")
            providers.append(provider)
        }
        let lines = try await stage.run(["hierarchy", stage.bus.address, "\(objects)", quick ? "3" : "7"])
        print("## A class and its subclass over two providers, \(objects) instances\n\n| | ms |\n|---|---|")
        var times: [Double] = []
        for line in lines {
            let fields = line.split(separator: "\t")
            guard fields.count == 2, let microseconds = Double(fields[1]) else { continue }
            times.append(microseconds)
            print("| \(fields[0]) | \(fixed(microseconds / 1_000)) |")
        }
        if times.count == 3 { print("\nmerged / sum of its parts: **\(fixed(times[2] / (times[0] + times[1])))**\n") }
        for provider in providers { try await provider.killAndWait() }
        try await stage.end()
    }

    private func memory() async throws {
        let large = quick ? 200_000 : 1_000_000
        var peaks: [[Double]] = []
        for objects in [10_000, large] {
            let stage = try await Stage(pinned: false, objects: objects)
            let figures = try await enumerate(stage)
            guard figures.objects == objects else { throw BenchError("\(figures.objects) objects came, not \(objects)") }
            peaks.append([peakMemory("\(stage.broker.processID)"), peakMemory("\(stage.provider.processID)"), figures.memory])
            try await stage.end()
        }
        print("## Peak memory, MiB\n\n| | broker | provider | client |\n|---|---|---|---|")
        print("| 10000 instances | \(peaks[0].map(fixed).joined(separator: " | ")) |")
        print("| \(large) instances | \(peaks[1].map(fixed).joined(separator: " | ")) |")
        print("| ratio | \(zip(peaks[1], peaks[0]).map { fixed($0 / $1) }.joined(separator: " | ")) |\n")
    }

    /// Eight clients with and without a ninth that is stopped in the middle of its enumeration, in turns.
    private func fairness() async throws {
        let stage = try await Stage(pinned: false, objects: 5_000)
        var alone: [Double] = []
        var beside: [Double] = []
        for _ in 0..<(quick ? 2 : 5) {
            alone.append(try await eight(stage))
            let ninth = try Stage.spawn(false, Stage.program(), ["stall", stage.bus.address])
            _ = try await Stage.line(ninth, "the ninth client's first object")
            ninth.signal(SIGSTOP)
            beside.append(try await eight(stage))
            try await ninth.killAndWait()
        }
        print("## Eight clients, with and without a stopped ninth\n")
        print("alone \(Int(median(alone))) objects/s, beside a stopped client \(Int(median(beside))) objects/s")
        print("ratio **\(fixed(median(beside) / median(alone)))**\n")
        try await stage.end()
    }

    private func eight(_ stage: Stage) async throws -> Double {
        let rounds = quick ? 2 : 5
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { _ = try await stage.run(["load", stage.bus.address, "\(rounds)"]) }
            }
            try await group.waitForAll()
        }
        return Double(8 * rounds * 5_000) / (Double(Role.microseconds(ContinuousClock.now - start)) / 1e6)
    }
}
