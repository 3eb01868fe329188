import CIM

/// A put of an instance whose class and ancestors several providers serve (Semantics C.1; R62 to R66, P8).
///
/// The parts are the classes of the line from the top down. Each is asked once the one above it has written; the first failure is the whole's,
/// and what those above have written stays written. The topmost part says the key, which is everybody's: where one below says another, the
/// broker tells the join so as a failure of that part.
public struct PutJoin: JoinRules {
    /// How many classes are asked.
    public let count: Int
    /// The path that the topmost provider reported. Those below write under its key.
    public private(set) var key: String?
    private var state = JoinState()

    public init(count: Int) { self.count = count }

    public mutating func start() -> JoinAction { count > 0 ? state.ask([0]) : state.succeed() }

    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool = false) -> JoinAction {
        guard state.closes(part) else { return .wait }
        guard outcome.status.isSuccess else { return state.end(outcome, by: part) }
        state.remember(outcome)
        if part == 0 { key = outcome.parameter }
        if part + 1 < count { return state.ask([part + 1]) }
        return state.succeed(parameter: outcome.parameter)
    }

    public mutating func abandon() { state.abandon() }

    public func waits(for part: Int) -> Bool { state.waits(for: part) }

    public var held: [PayloadID] { [state.remark?.object].compactMap(\.self) }
}
