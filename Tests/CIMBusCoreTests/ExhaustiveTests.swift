import CIM
import Glibc
import Testing

@testable import CIMBusCore

/// Every state that events can lead to, breadth first: three or four events of any kind, and then those that bring something
/// to its end. With `CIMBUS_EXHAUSTIVE=full` in the environment all seven are of any kind, which takes ten times as long.
///
/// In each state the witness has compared its books with the core's (safety), and every operation ends once all providers die, and once
/// nobody does anything any more, or only answers pings (liveness).
@Suite("The core, exhaustively")
struct ExhaustiveTests {
    @Test(
        "L1 to L10, L12, L13, P1 to P7: every state within 7 events keeps the promise",
        arguments: [
            Model(name: "two asynchronous", limits: Model.tightLimits, depth: 7, forms: [.async(sink: "")], references: 1, objects: 1),
            Model(
                name: "two in line", limits: inLine, depth: 7, forms: [.semisync, .sync], references: 1, objects: 1, fewer: true,
                opening: 3),
            Model(
                name: "one of any form", limits: Model.tightLimits, depth: 7, forms: [.async(sink: ""), .sync, .semisync], operations: 1,
                opening: 3),
            Model(
                name: "nested", limits: Model.tightLimits, depth: 7, forms: [.sync], nested: true, references: 1, objects: 1, fewer: true),
            Model(
                name: "nested results", limits: oneResult, depth: 7, forms: [.semisync], nested: true, references: 1, objects: 1,
                fewer: true,
                opening: 3),
            Model(
                name: "conducted", limits: Model.tightLimits, depth: 7, forms: [.semisync, .sync], operations: 1, conducted: true,
                references: 1, objects: 1, fewer: true),
            Model(
                name: "activated", limits: Model.tightLimits, depth: 7, forms: [.semisync, .sync], activated: true, references: 1,
                objects: 1,
                fewer: true, opening: 2),
            Model(
                name: "losing replies", limits: losing, depth: 7, forms: [.sync], references: 1, objects: 1, fewer: true, opening: 3),
            Model(
                name: "one object", limits: Model.tightLimits, depth: 7, forms: [.semisync, .sync], operations: 1, kind: .getObject,
                opening: 3),
        ])
    func everyState(_ model: Model) throws { search(model, atLeast: 7) }

    @Test(
        "L1, L12, P8, C.1 to C.4: every state of an operation whose parts are joined is as the join's model says",
        arguments: [
            Model(
                name: "put join", limits: Model.tightLimits, depth: Search.isFull ? 9 : 6, forms: [.async(sink: "")], operations: 1,
                kind: .putInstance,
                joined: (PutModel(count: 2), .put(PutJoin(count: 2))), references: 1, objects: 1, fewer: true, opening: 2),
            Model(
                name: "delete join", limits: Model.tightLimits, depth: Search.isFull ? 9 : 6, forms: [.async(sink: "")], operations: 1,
                kind: .deleteInstance,
                joined: (
                    DeleteModel(decides: [true, false, true], stored: .no),
                    .delete(DeleteModel(decides: [true, false, true], stored: .no).rules)
                ), references: 1, objects: 1, fewer: true, opening: 2),
            Model(
                name: "get join", limits: Model.tightLimits, depth: Search.isFull ? 9 : 6, forms: [.semisync], operations: 1,
                kind: .createInstanceEnum,
                joined: (
                    GetModel(lines: [2, 1], search: .pastIncapable, speaks: true, concludes: true),
                    .get(GetModel(lines: [2, 1], search: .pastIncapable, speaks: true, concludes: true).rules)
                ), references: 1, objects: 1, fewer: true, opening: 2),
            Model(
                name: "fan out", limits: Model.tightLimits, depth: Search.isFull ? 9 : 6, forms: [.async(sink: "")], operations: 1,
                kind: .createInstanceEnum,
                joined: (
                    FanOutModel(parts: [.init([[], []]), .init([.excusesNotCapable])], width: 2),
                    .fanOut(FanOut([.init([[], []]), .init([.excusesNotCapable])], width: 2))
                ), references: 1, objects: 1, fewer: true, opening: 2),
            Model(
                name: "join in a join", limits: Model.tightLimits, depth: Search.isFull ? 9 : 6, forms: [.semisync], operations: 1,
                kind: .createInstanceEnum,
                joined: (FanOutModel(parts: [.init([[], []])], width: 1), .fanOut(FanOut([.init([[], []])], width: 1))),
                inner: (
                    GetModel(lines: [1, 1], search: .pastIncapable, speaks: true, concludes: false),
                    .get(GetModel(lines: [1, 1], search: .pastIncapable, speaks: true, concludes: false).rules)
                ), references: 1, objects: 1, fewer: true, opening: 2),
        ])
    func everyJoin(_ model: Model) throws { search(model, atLeast: model.depth) }

    private func search(_ model: Model, atLeast depth: Int) {
        var search = Search(model: model)
        let states = search.run()
        print(
            "exhaustive, \(model.name): \(states) states, \(search.transitions) transitions, \(search.reached) events deep, at most "
                + "\(search.longest) moments until silence ends everything")
        #expect(search.fault == nil)
        #expect(search.reached >= depth)
    }

    @Test(
        "State charts: every step that is taken is on its chart, and every step on a chart is taken, by operations, calls, peers, activations"
    )
    func everyStep() {
        // That each step is on its chart, the core compares, and the witness hears of: in this search and in those above.
        var calls = Search(
            model: Model(
                name: "steps", limits: Model.tightLimits, depth: 5, forms: [.async(sink: ""), .semisync], operations: 2, references: 1,
                objects: 1, fewer: true, opening: 5))
        calls.looksForEnds = false
        var starts = Search(
            model: Model(
                name: "steps of activations", limits: Model.tightLimits, depth: 5, forms: [.semisync], activated: true, references: 1,
                objects: 0, fewer: true, opening: 5))
        starts.looksForEnds = false
        print("state charts: \(calls.run()) and \(starts.run()) states")
        #expect(calls.fault == nil)
        #expect(starts.fault == nil)
        #expect(calls.steps.operations.all == Operation.State.chart.all)
        #expect(calls.steps.calls.all == Leg.Call.Kind.chart.all)
        #expect(calls.steps.liveness.all == Peer.Liveness.chart.all)
        #expect(starts.steps.activations.all == Activation.Kind.chart.all)
    }

    /// One call at a time, and each that is lost needs another lane than the one before.
    static var losing: Limits {
        var limits = inLine
        limits.overdueCall = .seconds(9)
        limits.lostReply = .seconds(3)
        limits.calls = 1
        limits.lostOnOwnLane = 1
        limits.lostPerLane = 1
        limits.lanes = 2
        return limits
    }

    /// One finished operation is kept for a user.
    static var oneResult: Limits {
        var limits = Model.tightLimits
        limits.resultsPerUser = 1
        return limits
    }

    /// One call at a time, so that the second operation waits for the first.
    static var inLine: Limits {
        var limits = Model.tightLimits
        limits.callsPerProvider = 1
        return limits
    }
}

/// The search, and what it found out.
struct Search {
    struct Node {
        var scene: Scene
        var path: [ModelEvent]
    }

    private(set) var model: Model
    var seen: Set<Fingerprint> = []
    /// States from which silence is known to end everything, and within how many moments.
    var ending: [Bool: [Fingerprint: Int]] = [false: [:], true: [:]]
    var transitions = 0
    /// Whether it lets all providers die, and time pass, in each state.
    var looksForEnds = true
    /// The steps of the state charts that were taken.
    var steps = BrokerCore.StepsTaken()
    var reached = 0
    var longest = 0
    var fault: String?

    init(model: Model) {
        self.model = model
        // A join has more events than others: all of any kind would take hours.
        if Self.isFull { self.model.opening = model.joined == nil ? model.depth : 3 }
    }

    /// Whether everything is tried, which takes a release build.
    static var isFull: Bool { getenv("CIMBUS_EXHAUSTIVE").map { String(cString: $0) } == "full" }

    mutating func run() -> Int {
        let start = model.start()
        seen.insert(Fingerprint(of: start))
        var frontier = [Node(scene: start, path: [])]
        while !frontier.isEmpty, reached < model.depth, fault == nil {
            var next: [Node] = []
            for node in frontier {
                expand(node, into: &next)
                if fault != nil { return seen.count }
            }
            frontier = next
            reached += 1
        }
        return seen.count
    }

    private mutating func expand(_ node: Node, into next: inout [Node]) {
        for event in model.events(in: node.scene, after: node.path.count) {
            var scene = node.scene
            model.apply(event, to: &scene)
            transitions += 1
            steps.formUnion(scene.core.stepsTaken)
            let path = node.path + [event]
            if let wrong = scene.witness.faults.first { return fail(wrong, path) }
            guard seen.insert(Fingerprint(of: scene)).inserted else { continue }
            if !looksForEnds {
                next.append(Node(scene: scene, path: path))
                continue
            }
            if !endsByDeath(scene) { return fail("L6: all providers died, and an operation goes on", path) }
            for answering in [false, true] {
                guard let moments = endsBySilence(scene, answering: answering) else {
                    return fail("L8: time passes, and an operation goes on (pings answered: \(answering))", path)
                }
                longest = max(longest, moments)
            }
            next.append(Node(scene: scene, path: path))
        }
    }

    private mutating func fail(_ text: String, _ path: [ModelEvent]) {
        fault = "\(model.name): \(text)\nafter \(path.map { "\($0)" }.joined(separator: "\n  then "))"
    }

    /// All providers die: every operation ends at once, but for objects the client has not taken; it takes them, and that is the end.
    private func endsByDeath(_ scene: Scene) -> Bool {
        var scene = scene
        scene.vanish(Scene.provider)
        scene.vanish(Scene.other)
        // Nobody comes in their place.
        scene.expectationFailed()
        scene.startFailed()
        // Whom a join asks now is not there.
        for _ in 0..<20 { for (whole, index) in scene.unasked { scene.ask(whole, index) } }
        // A conductor hears of it, and ends what it conducts.
        for operation in scene.core.operations.values where operation.request.target == .conducted && operation.join == nil {
            for part in operation.children.sorted() { while scene.core.operations[part] != nil { scene.consume(part) } }
            scene.conclude(operation.id)
        }
        for _ in 0..<8 {
            for operation in scene.core.operations.values where operation.state != .ended {
                guard operation.outcome != nil, !operation.delivery.queue.isEmpty else { return false }
                if case .async(let sink) = operation.request.form { scene.acknowledge(sink: sink) }
            }
        }
        return scene.core.openOperations == 0 && scene.witness.faults.isEmpty
    }

    /// Nobody does anything any more, or only answers pings: every operation ends, and then everything is forgotten.
    private mutating func endsBySilence(_ scene: Scene, answering: Bool) -> Int? {
        var scene = scene
        var trail: [Fingerprint] = []
        var moments = 0
        while scene.core.openOperations > 0 {
            let print = Fingerprint(of: scene)
            if let known = ending[answering]?[print] {
                moments += known
                break
            }
            trail.append(print)
            guard moments < 100, scene.advance() else { return nil }
            if answering { for peer in scene.witness.pinged { scene.pong(peer) } }
            if !scene.witness.faults.isEmpty { return nil }
            moments += 1
        }
        for (index, print) in trail.enumerated() { ending[answering]?[print] = moments - index }
        return moments
    }
}

extension Model: CustomTestStringConvertible {
    var testDescription: String { name }
}
