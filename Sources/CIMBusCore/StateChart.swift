/// A state of a state chart.
///
/// Each chart stands three times: in the doc comments of its enum, in Docs/Architecture.md, and as ``chart``. With the last, every change of a state
/// is compared; a step that is not on the chart is a bug of the core. The exhaustive test takes every step that is.
protocol Charted: CaseIterable, Hashable, Sendable {
    /// From 1 to 7, different for each.
    var place: Int { get }
    /// The steps that there are.
    static var chart: Steps<Self> { get }
}

/// A set of steps from one state to another. Nil is the state of what is not there: not yet, or not any more.
struct Steps<State: Charted>: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    private var bits: UInt64 = 0

    init() {}

    init(dictionaryLiteral elements: (State?, [State?])...) {
        for (from, next) in elements { for state in next { insert(from, state) } }
    }

    private static func bit(_ from: State?, _ to: State?) -> UInt64 { 1 << UInt64((from?.place ?? 0) * 8 + (to?.place ?? 0)) }

    func contains(_ from: State?, _ to: State?) -> Bool { bits & Self.bit(from, to) != 0 }

    mutating func insert(_ from: State?, _ to: State?) { bits |= Self.bit(from, to) }

    mutating func formUnion(_ other: Steps) { bits |= other.bits }

    /// In words, in the order of the states.
    var all: [String] {
        let states = [nil] + State.allCases.map { Optional($0) }
        return states.flatMap { from in
            states.filter { contains(from, $0) }.map { to in
                "\(from.map { "\($0)" } ?? "nothing") to \(to.map { "\($0)" } ?? "nothing")"
            }
        }
    }
}

extension BrokerCore {
    /// Which steps of each chart the core has taken.
    struct StepsTaken: Hashable, Sendable {
        var operations = Steps<Operation.State>()
        var activations = Steps<Activation.Kind>()
        var calls = Steps<Leg.Call.Kind>()
        var liveness = Steps<Peer.Liveness>()

        mutating func formUnion(_ other: StepsTaken) {
            operations.formUnion(other.operations)
            activations.formUnion(other.activations)
            calls.formUnion(other.calls)
            liveness.formUnion(other.liveness)
        }
    }

    // Every change of a state goes this way. What stays in its state takes no step.

    mutating func become(_ id: OperationID, _ state: Operation.State) {
        guard let old = operations[id]?.state else { return bug("operation \(id.number) is not there, and becomes \(state)") }
        guard old != state else { return }
        operations[id]?.state = state
        take(old, state)
    }

    mutating func become(_ id: RegistrationID, _ activation: Activation) {
        guard let old = registry[id]?.activation.kind else {
            return bug("registration \(id.number) is not there, and becomes \(activation.kind)")
        }
        registry[id]?.activation = activation
        if old != activation.kind { take(old, activation.kind) }
    }

    mutating func become(_ id: SinkID, _ call: Leg.Call) {
        guard let old = legs[id]?.call.kind else { return bug("sink \(id.number) is not there, and becomes \(call.kind)") }
        legs[id]?.call = call
        if old != call.kind { take(old, call.kind) }
    }

    mutating func become(_ id: PeerID, _ liveness: Peer.Liveness) {
        guard let old = peers[id]?.liveness else { return bug("peer \(id.number) is not there, and becomes \(liveness)") }
        guard old != liveness else { return }
        peers[id]?.liveness = liveness
        take(old, liveness)
    }

    mutating func take(_ from: Operation.State?, _ to: Operation.State?) {
        stepsTaken.operations.insert(from, to)
        check(from, to)
    }

    mutating func take(_ from: Activation.Kind?, _ to: Activation.Kind?) {
        stepsTaken.activations.insert(from, to)
        check(from, to)
    }

    mutating func take(_ from: Leg.Call.Kind?, _ to: Leg.Call.Kind?) {
        stepsTaken.calls.insert(from, to)
        check(from, to)
    }

    mutating func take(_ from: Peer.Liveness?, _ to: Peer.Liveness?) {
        stepsTaken.liveness.insert(from, to)
        check(from, to)
    }

    private mutating func check<State: Charted>(_ from: State?, _ to: State?) {
        guard !State.chart.contains(from, to) else { return }
        bug("\(State.self): from \(from.map { "\($0)" } ?? "nothing") to \(to.map { "\($0)" } ?? "nothing") is no step of its chart")
    }

    // MARK: - Bugs

    /// The core itself is wrong: it has come to where no event leads, whatever peers do. It goes on without what it was about to do. A lost race is
    /// something else: an event about what has ended meanwhile is expected, and the guard that lets it pass says so.
    ///
    /// The owner is told by a note (``Note/Event/bug``), so that the tests' witness can tell which events led there. The broker stops in a debug
    /// build, and logs it in a release build.
    mutating func bug(_ text: @autoclosure () -> String) { note(.bug, peer: nil, text()) }
}
