import CIM

/// What a join wants next, after something happened to it.
public enum JoinAction: Hashable, Sendable {
    /// Nothing: others are still asked, or the whole has ended.
    case wait
    /// Ask these parts now.
    case ask([Int])
    /// The whole ends so, because of what this part said (nil: of no single one). Parts that are still asked are cancelled.
    case end(Outcome, by: Int?)
}

/// How the answers of several parts become the answer of one whole: whom to ask, when to ask the next, and how the whole ends.
///
/// A join is a value and knows its parts by their numbers. It is told once that it starts, and then once how each part that it asked has
/// ended. After its end, and after ``abandon()``, it wants nothing more. The objects of the parts are not its concern.
public protocol JoinRules: Hashable, Sendable, Codable {
    mutating func start() -> JoinAction
    /// - Parameter hasBegun: whether the part has handed out objects.
    mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool) -> JoinAction
    /// The whole has ended otherwise: nobody is asked any more.
    mutating func abandon()
    /// Whether the part is asked and has not ended.
    func waits(for part: Int) -> Bool
    /// The status objects that the join still needs.
    var held: [PayloadID] { get }
}

/// What every join keeps: who is asked, what is remarkable, and whether it is over.
struct JoinState: Hashable, Sendable, Codable {
    /// The parts that are asked and have not ended.
    private(set) var open: [Int] = []
    private(set) var hasEnded = false
    /// The first success that is none of the plain ones, such as PARTIAL_RESULTS: it is the whole's.
    private(set) var remark: Outcome?

    func waits(for part: Int) -> Bool { open.contains(part) }

    mutating func ask(_ parts: [Int]) -> JoinAction {
        if parts.isEmpty || hasEnded { return .wait }
        open += parts
        return .ask(parts)
    }

    /// A part has ended.
    /// - Returns: false when nobody waits for it: it was not asked, or the whole is over.
    mutating func closes(_ part: Int) -> Bool {
        guard !hasEnded, let place = open.firstIndex(of: part) else { return false }
        open.remove(at: place)
        return true
    }

    mutating func remember(_ outcome: Outcome) {
        if outcome.status.isSuccess, outcome.status != .noError, remark == nil { remark = outcome }
    }

    mutating func forgetRemark() { remark = nil }

    mutating func end(_ outcome: Outcome, by part: Int? = nil) -> JoinAction {
        if hasEnded { return .wait }
        abandon()
        return .end(outcome, by: part)
    }

    /// The whole succeeds, with the remark of a part if there is one.
    mutating func succeed(parameter: String = "") -> JoinAction {
        end(Outcome(remark?.status ?? .noError, parameter: parameter, object: remark?.object))
    }

    mutating func abandon() {
        open = []
        remark = nil
        hasEnded = true
    }
}

extension WBEMStatus {
    /// Whether a provider says no more than that an instance is none of its own. Any other failure says more.
    var isSomebodyElses: Bool { self == .notFound || self == .providerNotCapable }
}
