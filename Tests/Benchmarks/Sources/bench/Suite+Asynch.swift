import Glibc
import WireTestKit

extension Suite {
    private struct Chain {
        var total: Double
        var first: Double
        /// From the client's first object until the innermost provider was about to hand over its last, in ms; negative when it came after.
        var lead: Double
        /// Broker, inner, middle and outer provider, client.
        var peaks: [Double]
    }

    /// Three providers deep, each asking the next with getAllInstancesAsynch.
    func asynch() async throws {
        let counts = [10_000, quick ? 50_000 : 1_000_000]
        var chains: [Chain] = []
        for objects in counts { chains.append(try await chain(objects)) }
        print("## getAllInstancesAsynch, three providers deep\n")
        print("| instances | s in all | first object after ms | before the innermost was at its last, ms |\n|---|---|---|---|")
        for (objects, chain) in zip(counts, chains) {
            print("| \(objects) | \(fixed(chain.total / 1e6)) | \(fixed(chain.first / 1_000)) | \(fixed(chain.lead)) |")
        }
        print("\nPeak memory, MiB\n\n| | broker | inner | middle | outer | client |\n|---|---|---|---|---|---|")
        for (objects, chain) in zip(counts, chains) {
            print("| \(objects) instances | \(chain.peaks.map(fixed).joined(separator: " | ")) |")
        }
        print("| ratio | \(zip(chains[1].peaks, chains[0].peaks).map { fixed($0 / $1) }.joined(separator: " | ")) |\n")
    }

    private func chain(_ objects: Int) async throws -> Chain {
        let stage = try await Stage(pinned: false, objects: 1)
        var providers: [ChildProcess] = []
        for role in Asynch.Role.allCases {
            let provider = try Stage.spawn(false, Stage.program(), ["asynch", stage.bus.address, role.rawValue, "\(objects)"])
            _ = try await Stage.line(provider, "the \(role) provider")
            providers.append(provider)
        }
        let lines = try await stage.run(["enumerate-asynch", stage.bus.address], within: .seconds(1_800))
        let fields = lines.last?.split(separator: " ").compactMap { Double($0) } ?? []
        guard fields.count == 5, Int(fields[0]) == objects else { throw BenchError("enumerate-asynch said \(lines)") }
        let last = try await Stage.line(providers[0], "the innermost provider's last object")
        guard last.hasPrefix("last "), let time = Double(last.dropFirst(5)) else { throw BenchError(last) }
        let peaks = ([stage.broker] + providers).map { peakMemory("\($0.processID)") } + [fields[3]]
        for provider in providers { try await provider.killAndWait() }
        try await stage.end()
        return Chain(total: fields[1], first: fields[2], lead: (time - fields[4]) / 1e6, peaks: peaks)
    }
}
