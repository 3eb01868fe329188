import Glibc
import WireTestKit

/// What the product promises of speed and memory, as ratios inside one run, the libraries at their defaults. A run ends with them: one line for
/// each, `ratio: NAME VALUE`.
extension Suite {
    func ratios() async throws {
        print("## Ratios, the libraries at their defaults\n")
        var lines: [String] = []
        func note(_ name: String, _ value: Double) { lines.append("ratio: \(name) \(fixed(value))") }
        for pinned in [true, false] {
            let p50 = try await compare(pinned: pinned, transport: nil)
            guard let c = p50["c get"], let get = p50["get"], let method = p50["method"] else { throw BenchError("compare said \(p50)") }
            note("get-private-\(pinned ? "pinned" : "unpinned")", get / c)
            if pinned { note("method-private-pinned", method / c) } else { note("first-object", (p50["first"] ?? 0) / get) }
        }
        note("brokered-relayed", try await brokeredToRelayed())
        let million = try await enumerate(1_000_000)
        note("objects-private", Double(million.objects) / (million.total / 1e6) / 1_500_000)
        let kept = try await enumerate(1_000_000, Defaults.onePercent)
        note("where-one-percent", kept.total / million.total)
        for (name, transport) in [("concurrent-failures", nil), ("concurrent-failures-bus", "bus")] as [(String, String?)] {
            note(name, Double(try await failuresAtOnce(transport)))
        }
        let (few, many) = (try await enumerate(10_000), try await enumerate(quick ? 1_000_000 : 10_000_000))
        note("memory-10M", zip(many.memory, few.memory).map { $0 / $1 }.max() ?? 0)
        for (name, value) in try await killed() { note(name, value) }
        for (name, value) in try await events() { note(name, value) }
        if let ratio = try await pywbemToCommand() { note("pywbem-command", ratio) }
        print("")
        for line in lines { print(line) }
    }

    /// The medians of one object from C and from Swift.
    private func compare(pinned: Bool, transport: String?) async throws -> [String: Double] {
        let stage = try await Stage(pinned: pinned, objects: 10_000, role: "defaults", "rows", transport: transport)
        let c = try Stage.spawn(pinned, Stage.program(), ["serve-c", stage.bus.address])
        let name = try await Stage.line(c, "the C service")
        var p50: [String: Double] = [:]
        for line in try await stage.run(["compare", stage.bus.address, name, quick ? "1000" : "4000", quick ? "2" : "5"]) {
            let fields = line.split(separator: "\t")
            if fields.count == 2 { p50[String(fields[0])] = Double(fields[1]) }
        }
        print(
            "- \(pinned ? "pinned" : "unpinned"): \(p50.sorted { $0.key < $1.key }.map { "\($0.key) \(fixed($0.value)) µs" }.joined(separator: ", "))"
        )
        try await c.killAndWait()
        try await stage.end()
        return p50
    }

    /// Everybody on the bus: what the broker costs beyond one that only passes messages on.
    private func brokeredToRelayed() async throws -> Double {
        let p50 = try await latencies(pinned: true)
        return (p50["brokered get"] ?? 0) / (p50["relayed get"] ?? 1)
    }

    /// Rows from the provider, whose values the client reads as Swift's own types: the times in microseconds, and the peak memory of broker,
    /// provider and client.
    /// - Parameter query: keeps about one of a hundred; nil: all of them.
    private func enumerate(
        _ count: Int, _ query: String? = nil
    ) async throws -> (objects: Int, total: Double, first: Double, memory: [Double]) {
        let stage = try await Stage(pinned: false, objects: count, role: "defaults", "rows")
        let fields =
            try await stage.run(["rows", stage.bus.address] + (query.map { [$0] } ?? []), within: .seconds(1_200)).last?
            .split(separator: " ").compactMap { Double($0) } ?? []
        let wanted = query == nil ? count...count : count / 100...count / 50
        guard fields.count == 4, wanted.contains(Int(fields[0])) else { throw BenchError("rows said \(fields)") }
        let memory = [peakMemory("\(stage.broker.processID)"), peakMemory("\(stage.provider.processID)"), fields[3]]
        print(
            "- \(count) objects\(query.map { ", \($0)" } ?? ""): \(Int(Double(count) / (fields[1] / 1e6))) a second, the first after \(fixed(fields[2] / 1_000)) ms; at most "
                + "\(memory.map(fixed).joined(separator: ", ")) MiB in broker, provider, client")
        try await stage.end()
        return (count, fields[1], fields[2], memory)
    }

    private func failuresAtOnce(_ transport: String?) async throws -> Int {
        let stage = try await Stage(pinned: false, objects: 1, role: "defaults", transport: transport)
        var failures = 0
        for line in try await stage.run(["at-once", stage.bus.address]) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 4 else { throw BenchError("at-once said \(line)") }
            failures += Int(fields[2]) ?? 0
            print(
                "- \(fields[0]) at once\(transport.map { " over the \($0)" } ?? ""): \(fields[1]) a second, \(fields[2]) failed \(fields[3])"
            )
        }
        try await stage.end()
        return failures
    }
}
