import CIM

@testable import CIMBusCore

/// How one part of a join ended.
struct PartEnd: Hashable {
    var part: Int
    var outcome: Outcome
    var hasBegun = false

    var status: WBEMStatus { outcome.status }
    var isSuccess: Bool { outcome.status.isSuccess }
}

/// What a join must do, said of a whole history at once: it knows no steps.
protocol JoinModel: Sendable, CustomStringConvertible {
    associatedtype Rules: JoinRules
    var rules: Rules { get }
    /// Every way in which a part can end.
    static var alphabet: [PartEnd] { get }
    /// The parts that are asked and have not ended, after this much.
    func open(after history: [PartEnd]) -> Set<Int>
    /// How the whole ends with the last of this; nil: it goes on.
    func end(after history: [PartEnd]) -> (outcome: Outcome, by: Int?)?
}

extension JoinModel {
    static var statuses: [WBEMStatus] { [.noError, .sPartialResults, .notFound, .providerNotCapable, .failed] }
    static var alphabet: [PartEnd] { statuses.map { PartEnd(part: 0, outcome: Outcome($0)) } }

    /// The whole's success: the remark is the first of these.
    func success(remarks: [PartEnd], parameter: String = "") -> Outcome {
        let remark = remarks.first { $0.isSuccess && $0.status != .noError }
        return Outcome(remark?.status ?? .noError, parameter: parameter, object: remark?.outcome.object)
    }
}

/// Every order in which the parts of one join can end, and every way in which each can: after each step the join must be as the model says, and
/// a whole that is abandoned there must want nothing more.
struct JoinSearch<Model: JoinModel> {
    let model: Model
    var steps = 0
    var fault: String?

    init(_ model: Model) { self.model = model }

    mutating func run() {
        var join = model.rules
        var untold = join
        untold.abandon()
        if untold.start() != .wait { return fail("asks after it was abandoned", []) }
        follow(join.start(), &join, [], open: [], held: [])
    }

    /// The action is right, and so is whatever follows.
    private mutating func follow(
        _ action: JoinAction, _ join: inout Model.Rules, _ history: [PartEnd], open: Set<Int>, held: Set<PayloadID>
    ) {
        steps += 1
        var open = open
        let wanted = model.end(after: history)
        let holds = Set(join.held)
        if !holds.isSubset(of: held) { return fail("holds an object that it has not", history) }
        switch action {
        case .end(let outcome, let part):
            guard let wanted else { return fail("ends with \(outcome.status)", history) }
            if outcome != wanted.outcome || part != wanted.by {
                return fail("ends with \(outcome) by \(part as Int?), not \(wanted)", history)
            }
            if let object = outcome.object, !held.contains(object) { return fail("ends with an object that it has not", history) }
            if !join.held.isEmpty { return fail("holds objects after its end", history) }
            if !isDeaf(join, to: open) { fail("wants something after its end", history) }
            return
        case .ask(let parts):
            if !open.isDisjoint(with: parts) { return fail("asks \(parts) again", history) }
            open.formUnion(parts)
        case .wait: break
        }
        if let wanted { return fail("goes on, and does not end with \(wanted)", history) }
        if open != model.open(after: history) { return fail("waits for \(open), not for \(model.open(after: history))", history) }
        if open.isEmpty { return fail("waits for nobody", history) }
        var abandoned = join
        abandoned.abandon()
        if !isDeaf(abandoned, to: open) || !abandoned.held.isEmpty { return fail("wants something after it was abandoned", history) }
        for part in 0..<6 where !open.contains(part) {
            var other = join
            if other.ended(part, Outcome(.failed), hasBegun: false) != .wait || other != join {
                return fail("listens to part \(part), which it did not ask", history)
            }
        }
        for part in open.sorted() {
            for letter in Model.alphabet where fault == nil {
                var event = letter
                event.part = part
                event.outcome.parameter = "\(part)"
                if event.status != .noError { event.outcome.object = PayloadID(UInt64(history.count)) }
                var next = join
                let action = next.ended(part, event.outcome, hasBegun: event.hasBegun)
                let payloads = holds.union([event.outcome.object].compactMap(\.self))
                follow(action, &next, history + [event], open: open.subtracting([part]), held: payloads)
            }
        }
    }

    private func isDeaf(_ join: Model.Rules, to parts: Set<Int>) -> Bool {
        (parts.union([0])).allSatisfy { part in
            var join = join
            return join.ended(part, Outcome(.noError), hasBegun: false) == .wait
                && join.ended(part, Outcome(.failed), hasBegun: true) == .wait
        }
    }

    private mutating func fail(_ text: String, _ history: [PartEnd]) {
        let steps = history.map { "part \($0.part) \($0.status)\($0.hasBegun ? " after objects" : "")" }
        fault = fault ?? "\(model) \(text) after [\(steps.joined(separator: ", "))]"
    }
}
