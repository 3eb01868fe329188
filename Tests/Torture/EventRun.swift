import Glibc
import SeededRandom
import Synchronization
import WireTestKit

/// Sources of events and subscribers, killed and stopped at random instants, and the broker with them. Every event that is raised is delivered in its
/// order, or told as lost; and each source is told of as many ends of queries as of queries.
///
/// The equality of what is missing and what was told as lost holds at the end of a round, for whoever has heard all sources to their last event. A source that
/// was killed may have had events that nobody knows of: there what is missing is at most what was told.
final class EventRun {
    private struct Tally {
        var wrong: [String] = []
        var taken: [String: Int] = [:]
        var former = 0
        var lost: [String: Int] = [:]
        var formerLost = 0
        var kills: [String: Int] = [:]
        var stops = 0
        /// The sources that have said their last in this round, by who said it; whom each subscriber has heard say it; and open queries.
        var last: [String: String] = [:]
        var heard: [String: Set<String>] = [:]
        var queries: [String: Int] = [:]
    }

    private let options: Director.Options
    private var generator: SeededGenerator
    private let tally = Shared(Tally())
    private let bus: PrivateBus
    private var broker: BrokerProcess

    init(_ options: Director.Options) async throws {
        self.options = options
        generator = SeededGenerator(seed: options.seed)
        bus = try await PrivateBus.start(options.bus)
        broker = try await BrokerProcess.startPatiently(on: bus, [])
    }

    func run() async throws -> Bool {
        say("torture: seed \(options.seed), \(options.bus.rawValue), events, \(options.seconds) s")
        let deadline = ContinuousClock.now + .seconds(options.seconds)
        var round = 0
        while ContinuousClock.now < deadline, killed < options.kills, tally.value.withLock({ $0.wrong.isEmpty }) {
            round += 1
            do { try await play(until: min(deadline, .now + .seconds(8))) } catch { wrong("the run cannot go on: \(error)") }
        }
        broker.process.signal(SIGTERM)
        if try await broker.process.waitForEnd() != .exited(0) { wrong("the broker does not end with 0 on SIGTERM") }
        let tally = tally.value.withLock { $0 }
        say("torture: \(tally.kills.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }.joined(separator: ", ")) killed")
        say("torture: \(tally.stops) stops, \(round) rounds, seed \(options.seed), \(options.bus.rawValue)")
        say("torture: \(tally.former) events delivered, \(tally.formerLost) told as lost, \(killed) kills, \(tally.wrong.count) wrong")
        return tally.wrong.isEmpty
    }

    private var killed: Int { tally.value.withLock { $0.kills.values.reduce(0, +) } }

    private func wrong(_ text: String) { Self.wrong(text, tally, options.seed) }

    private static func wrong(_ text: String, _ tally: Shared<Tally>, _ seed: UInt64) {
        tally.value.withLock { $0.wrong.append(text) }
        say("torture: WRONG (seed \(seed)): \(text)")
    }

    private func play(until end: ContinuousClock.Instant) async throws {
        tally.value.withLock { tally in
            tally.last = [:]
            tally.heard = [:]
            tally.queries = [:]
        }
        let sources = (0..<3).map {
            slot("E\($0)", ["raiser", bus.address, "E\($0)", $0 == 1 ? "private" : "bus", $0 == 2 ? "asked" : "free"])
        }
        let subscribers = (0..<4).map { index in
            slot("subscriber \(index)", ["subscriber", bus.address, index % 2 == 0 ? "private" : "bus", index == 3 ? "slow" : "quick"])
        }
        for slot in sources + subscribers { slot.open() }
        while ContinuousClock.now < end, killed < options.kills {
            try await Task.sleep(for: .milliseconds(generator.below(4 * options.pace)))
            switch generator.below(100) {
            case 0..<4:
                count("brokers")
                if options.isVerbose { say("torture: the broker is killed") }
                try await broker.process.killAndWait()
                broker = try await BrokerProcess.startPatiently(on: bus, [])
            case 4..<40: if generator.pick(sources).kill() { count("sources") }
            case 40..<70:
                if generator.pick(subscribers).kill() { count("subscribers") }
            default: stop(generator.pick(subscribers))
            }
        }
        try await calm(sources, subscribers)
    }

    private func count(_ whom: String) { tally.value.withLock { $0.kills[whom, default: 0] += 1 } }

    private func stop(_ slot: Slot) {
        guard slot.signal(SIGSTOP) else { return }
        tally.value.withLock { $0.stops += 1 }
        let pause = Duration.milliseconds(generator.below(1_500))
        Task {
            try await Task.sleep(for: pause)
            _ = slot.signal(SIGCONT)
        }
    }

    private func slot(_ name: String, _ words: [String]) -> Slot {
        let (tally, seed, isVerbose) = (tally, options.seed, options.isVerbose)
        return Slot(name) {
            tally.value.withLock { tally in
                tally.former += tally.taken.removeValue(forKey: name) ?? 0
                tally.formerLost += tally.lost.removeValue(forKey: name) ?? 0
                tally.last[name] = nil
                tally.heard[name] = nil
                tally.queries[name] = nil
            }
            return try ChildProcess(BuildFolder.path(of: "Torture"), words)
        } heard: { line in
            let words = line.split(separator: " ").map(String.init)
            tally.value.withLock { tally in
                switch words.first {
                case "took" where words.count == 3:
                    tally.taken[name] = Int(words[1]) ?? 0
                    tally.lost[name] = Int(words[2]) ?? 0
                case "queries": tally.queries[name] = Int(words[1]) ?? 0
                case "last" where words.count == 2: tally.last[name] = words[1]
                case "last": tally.heard[name, default: []].insert(words[1])
                default: break
                }
            }
            if isVerbose { say("torture: \(name): \(line)") }
            if words.first == "wrong" { Self.wrong("\(name): \(line.dropFirst(6))", tally, seed) }
        }
    }

    /// Faults cease. Each source says its last, and each subscriber hears it; then the subscribers go, and every query has ended.
    private func calm(_ sources: [Slot], _ subscribers: [Slot]) async throws {
        for slot in sources + subscribers { _ = slot.signal(SIGCONT) }
        let tally = tally
        // A source that has just begun may not hear the signal yet.
        try await waiting("every source to say its last, and every subscriber to hear it") {
            for slot in sources where tally.value.withLock({ $0.last[slot.name] == nil }) && slot.isReady { _ = slot.signal(SIGUSR1) }
            return tally.value.withLock { tally in
                tally.last.count == sources.count
                    && subscribers.allSatisfy { tally.heard[$0.name]?.isSuperset(of: tally.last.values) == true }
            }
        }
        for slot in subscribers { slot.close(SIGKILL) }
        for slot in subscribers { try await slot.waitForEnd(within: .seconds(60)) }
        try await waiting("every query to have ended at its sources") {
            tally.value.withLock { tally in sources.allSatisfy { tally.queries[$0.name] ?? 0 == 0 } }
        }
        for slot in sources { slot.close(SIGKILL) }
        for slot in sources { try await slot.waitForEnd(within: .seconds(60)) }
        tally.value.withLock { tally in
            tally.former += tally.taken.values.reduce(0, +)
            tally.formerLost += tally.lost.values.reduce(0, +)
            (tally.taken, tally.lost) = ([:], [:])
        }
        let client = try await RawClient.connect(to: bus, transport: .bus)
        try await waiting("the broker to have nothing left") { try await client.brokerProperty("OpenOperations") == 0 }
        await client.close()
    }

    private func waiting(_ awaited: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            if ContinuousClock.now > deadline {
                let state = tally.value.withLock { "last \($0.last), heard \($0.heard), queries \($0.queries)" }
                throw ProcessError(description: "still waiting for \(awaited): \(state)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
