import CIM
import SeededRandom

@testable import CIMBusCore

/// Steps in a row, and what came of them.
struct Schedule: Sendable {
    let plan: SimulatedPlan
    var steps: [SimulatedStep]

    /// What the referee has to say; nil: nothing.
    struct Result {
        var fault: String?
        var coverage: Coverage
        var story: [String]?
    }

    /// A schedule of this seed, from its first step to its end; every one of so many is traced, and replayed on another core.
    static func run(seed: UInt64, isTraced: Bool = false) -> (schedule: Schedule, result: Result) {
        var random = SeededGenerator(seed: seed)
        let plan = SimulatedPlan(seed: seed, random: &random)
        var world = SimulatedWorld(plan)
        if isTraced { world.core.trace = [] }
        let first = isTraced ? world.core : nil
        var script = SimulatedScript(random)
        var steps: [SimulatedStep] = []
        steps.reserveCapacity(plan.steps)
        while steps.count < plan.steps, world.referee.firstFault == nil {
            let step = script.next(in: world)
            steps.append(step)
            world.coverage.actions[Int(step.action.rawValue)] += 1
            world.take(step)
        }
        let schedule = Schedule(plan: plan, steps: steps)
        world.end()
        if let first { replay(&world, on: first) }
        return (schedule, schedule.result(of: &world))
    }

    /// The same steps, or some of them, once more.
    func run(telling: Bool = false) -> Result {
        var world = SimulatedWorld(plan)
        world.core.trace = []
        let first = world.core
        if telling { world.story = [] }
        for step in steps where world.referee.firstFault == nil { world.take(step) }
        world.end()
        Self.replay(&world, on: first)
        return result(of: &world)
    }

    private func result(of world: inout SimulatedWorld) -> Result {
        world.coverage.schedules = 1
        world.coverage.steps.add(steps.count)
        world.coverage.operations.add(world.referee.operations.count - 1)
        return Result(fault: world.referee.firstFault, coverage: world.coverage, story: world.story)
    }

    /// The same events at the same moments must have the same effects (Design 2).
    private static func replay(_ world: inout SimulatedWorld, on core: BrokerCore) {
        var core = core
        var counts = Coverage()
        let events = world.core.takeTrace()
        for event in events {
            world.coverage.saw(event.event)
            for effect in core.replay(event) { counts.saw(effect) }
        }
        core.trace = nil
        if core.openOperations != world.core.openOperations || core.lastOperation != world.core.lastOperation
            || core.lastSink != world.core.lastSink
            || core.counters != world.core.counters
        {
            world.referee.fault("Design 2: the trace of the schedule does not replay")
        }
    }

    // MARK: - Shrinking

    /// The fewest steps found that lead to the same fault: parts are left out as long as it stays, first large ones, then small ones; then the
    /// times between them.
    func shrunk(_ fault: String) -> Schedule {
        let kind = Self.kind(of: fault)
        var best = self
        func fails(_ schedule: Schedule) -> Bool { schedule.run().fault.map { Self.kind(of: $0) == kind } ?? false }
        // What comes and goes without a reason is not made smaller.
        guard fails(best) else { return best }
        for ending in SimulatedPlan.Ending.allCases where ending != best.plan.ending {
            var other = best.plan
            other.ending = ending
            if ending == .leaving, fails(Schedule(plan: other, steps: best.steps)) { best = Schedule(plan: other, steps: best.steps) }
        }
        // Whole peers first.
        for seat in best.plan.seats.indices {
            let without = Schedule(plan: best.plan, steps: best.steps.filter { !$0.isOfPeer || Int($0.seat) != seat })
            if without.steps.count < best.steps.count, fails(without) { best = without }
        }
        var size = max(1, best.steps.count / 2)
        while true {
            var start = 0
            var isSmaller = false
            while start < best.steps.count {
                var without = best
                without.steps.removeSubrange(start..<min(best.steps.count, start + size))
                if fails(without) {
                    best = without
                    isSmaller = true
                } else {
                    start += size
                }
            }
            if size == 1, !isSmaller { break }
            if !isSmaller || size > best.steps.count { size = max(1, size / 2) }
        }
        for index in best.steps.indices {
            for smaller in [0, best.steps[index].a / 2] where smaller < best.steps[index].a {
                var simpler = best
                simpler.steps[index].a = smaller
                if fails(simpler) { best = simpler }
            }
        }
        return best
    }

    /// A fault without its numbers.
    static func kind(of fault: String) -> String { String(fault.filter { !$0.isNumber }.prefix(60)) }

    /// A line of a story without the names of modules and types.
    static func plain(_ line: String) -> String {
        var line = line
        for type in ["PeerID", "OperationID", "SinkID", "RegistrationID", "PayloadID", "CallID", "LaneID"] {
            line.replace("\(type)(number: ", with: "\(type.dropLast(2).lowercased())(")
        }
        for name in [
            "CIMBusCoreTests.", "CIMBusCore.", "CIM.", "Request.Form.", "Request.Kind.", "Explanation.Reason.", "Note.Event.", "Optional",
            "Letter.",
            "Beginning.Target.", "BrokerCore.PullKind.", ", parameter: \"\"", ", text: \"\"", ", object: nil", ", pid: nil",
            ", registration: nil",
            ", timeout: nil", ", parent: nil", ", explanation: nil", ", inputBytes: 0",
        ] { line.replace(name, with: "") }
        return line
    }

    /// What a person reads of a failure.
    func report(_ fault: String) -> String {
        let small = shrunk(fault)
        let result = small.run(telling: true)
        let seats = small.plan.seats.enumerated().map { index, seat in
            "  seat \(index): uid \(seat.uid), \(seat.habit)\(seat.isPrivate ? ", private" : "")\(seat.name.map { ", provider \(SimulatedWorld.name($0))" } ?? "")"
        }
        var story = result.story ?? []
        // Pings come and go by the hundred where time passes.
        if story.count > 200 { story.removeAll { $0.contains(" s: ping(") || $0.contains(" s: probe(") } }
        return """
            \(result.fault ?? fault)
            seed \(plan.seed), \(steps.count) steps, of which \(small.steps.count) do; at the end \(small.plan.ending)
            \(seats.joined(separator: "\n"))
            \(story.suffix(400).map(Self.plain).joined(separator: "\n"))
            """
    }
}
