import Glibc
import Testing

@testable import CIMBusCore

/// A core among peers who act at random and fail in every way, with a clock that steps move, and a referee that knows the contract alone. A
/// schedule comes from its seed: `CIMBUS_SIMULATE=COUNT` runs so many, on all processors, and `CIMBUS_SEED=N` begins with that one.
/// `Tests/Scripts/simulate` does both in a release build.
@Suite("The core, simulated")
struct SimulationTests {
    private static func number(_ name: String) -> UInt64? { getenv(name).flatMap { UInt64(String(cString: $0)) } }

    @Test("L1 to L13: random schedules of a dozen peers, with faults of every kind, keep the promise; a failure shrinks to a short trace")
    func simulate() async {
        let count = Self.number("CIMBUS_SIMULATE") ?? 300
        let first = Self.number("CIMBUS_SEED") ?? 1
        let run = await SimulationRun.over(first..<first + count)
        print(run.report)
        for failure in run.failures.values { Issue.record("\(failure)") }
        // A few schedules do not see everything.
        if run.failures.isEmpty, count >= 1_000 { #expect(run.coverage.missing == []) }
    }
}

/// Schedules with seeds in a row.
struct SimulationRun: Sendable {
    var coverage = Coverage()
    /// One of each kind.
    var failures: [String: String] = [:]
    var seconds = 0.0

    /// Takes all processors. Ends after a few kinds of failure.
    static func over(_ seeds: Range<UInt64>) async -> SimulationRun {
        let start = ContinuousClock.now
        let workers = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let flag = Flag()
        var run = await withTaskGroup(of: SimulationRun.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var part = SimulationRun()
                    var seed = seeds.lowerBound + worker
                    while seed < seeds.upperBound, !flag.isRaised {
                        let (schedule, result) = Schedule.run(seed: seed, isTraced: (seed &- seeds.lowerBound) % 128 < 2)
                        part.coverage.add(result.coverage)
                        if let fault = result.fault, part.failures[Schedule.kind(of: fault)] == nil {
                            part.failures[Schedule.kind(of: fault)] = schedule.report(fault)
                            if part.failures.count == 4 { flag.raise() }
                        }
                        seed += workers
                    }
                    return part
                }
            }
            return await group.reduce(into: SimulationRun()) { $0.add($1) }
        }
        let time = ContinuousClock.now - start
        run.seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        return run
    }

    private mutating func add(_ other: SimulationRun) {
        coverage.add(other.coverage)
        failures.merge(other.failures) { one, _ in one }
    }

    /// What the run covered.
    var report: String {
        let schedules = max(1, coverage.schedules)
        func list(_ counts: [(String, Int)]) -> String { counts.map { "\($0.0) \($0.1)" }.joined(separator: ", ") }
        let steps = coverage.steps
        let operations = coverage.operations
        return """
            simulation: \(coverage.schedules) schedules in \(Int(seconds * 10) / 10) s, \(Int(Double(schedules) / max(seconds, 0.001))) a second
              steps: \(steps.sum); of a schedule \(steps.sum / schedules) on average, half have \(steps.percentile(50)) or more, a tenth \
            \(steps.percentile(90)), the longest \(steps.most)
              operations: \(operations.sum); of a schedule \(operations.sum / schedules) on average, half have \(operations.percentile(50)), a tenth \
            \(operations.percentile(90)) or more, the most \(operations.most)
              forms: sync \(coverage.forms[0]), semisync \(coverage.forms[1]), async \(coverage.forms[2]), parts \(coverage.forms[3])
              effects: \(list(zip(Coverage.effects, coverage.effectCounts).map { ($0, $1) }))
              events, of a part: \(list(zip(Coverage.events, coverage.eventCounts).map { ($0, $1) }))
              notes: \(list(coverage.noteCounts.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }))
              ends: the provider's own word \(coverage.ownWords), \
            \(list(coverage.reasonCounts.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }))
              refusals: \(list(coverage.refusals.map { ("\($0.key)", $0.value) }.sorted { $0.0 < $1.0 }))
            """
    }
}

/// Raised once by whoever fails. `@unchecked Sendable`: an atomic would say the same; a late look costs one schedule.
private final class Flag: @unchecked Sendable {
    private var lock = pthread_mutex_t()
    private var value = false

    init() { pthread_mutex_init(&lock, nil) }
    deinit { pthread_mutex_destroy(&lock) }

    var isRaised: Bool {
        pthread_mutex_lock(&lock)
        defer { pthread_mutex_unlock(&lock) }
        return value
    }

    func raise() {
        pthread_mutex_lock(&lock)
        value = true
        pthread_mutex_unlock(&lock)
    }
}
