import CIM

/// A delete over the classes of a hierarchy that several providers serve (Semantics C.2; R136, P8).
///
/// The parts are the concrete classes above and below the named one. Each is asked, one after the other, whatever the others say. Those that
/// are below no concrete class decide: one success among them is enough. Without one, the first of their failures that says more than that the
/// instance is somebody else's is the whole's, else the first of all. The failures of the others are nobody's. What is stored is asked last, and
/// decides, too.
public struct DeleteJoin: JoinRules {
    /// Whether the repository has a part in it, which is the one after the last class.
    public enum Stored: Hashable, Sendable, Codable {
        case no
        case yes
        /// Only where no class decides: the client may not change what is stored, and is told so only then.
        case lastResort
    }

    /// Of each class, whether it decides.
    public let decides: [Bool]
    public let stored: Stored
    /// How the whole ends when nobody decides.
    public let otherwise: Outcome
    private var hasSucceeded = false
    private var decisive: Outcome?
    private var decisivePart: Int?
    private var state = JoinState()

    public init(decides: [Bool], stored: Stored = .no, otherwise: Outcome = Outcome(.notFound)) {
        self.decides = decides
        self.stored = stored
        self.otherwise = otherwise
    }

    public mutating func start() -> JoinAction { ask(0) }

    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool = false) -> JoinAction {
        guard state.closes(part) else { return .wait }
        let doesDecide = part == decides.count || decides[part]
        if doesDecide, outcome.status.isSuccess {
            hasSucceeded = true
            state.remember(outcome)
        } else if doesDecide, decisive.map({ $0.status.isSomebodyElses && !outcome.status.isSomebodyElses }) ?? true {
            decisive = outcome
            decisivePart = part
        }
        return ask(part + 1)
    }

    private mutating func ask(_ part: Int) -> JoinAction {
        if part < decides.count { return state.ask([part]) }
        if part == decides.count, stored == .yes || stored == .lastResort && !hasSucceeded && decisive == nil {
            return state.ask([part])
        }
        if hasSucceeded { return state.succeed() }
        return state.end(decisive ?? otherwise, by: decisivePart)
    }

    public mutating func abandon() {
        state.abandon()
        decisive = nil
    }

    public func waits(for part: Int) -> Bool { state.waits(for: part) }

    public var held: [PayloadID] { state.hasEnded ? [] : [state.remark?.object, decisive?.object].compactMap(\.self) }
}
