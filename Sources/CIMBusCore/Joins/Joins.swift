/// Any of the joins: what a conducted operation has.
public enum Join: JoinRules {
    case put(PutJoin)
    case delete(DeleteJoin)
    case get(GetJoin)
    case fanOut(FanOut)

    /// The whole begins.
    public mutating func start() -> JoinAction { change { (join: inout any JoinRules) in join.start() } }

    /// A part that was asked has ended.
    /// - Parameter hasBegun: whether it has handed out objects.
    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool) -> JoinAction {
        change { (join: inout any JoinRules) in join.ended(part, outcome, hasBegun: hasBegun) }
    }

    /// The whole has ended otherwise.
    public mutating func abandon() { change { (join: inout any JoinRules) in join.abandon() } }

    public func waits(for part: Int) -> Bool { rules.waits(for: part) }

    public var held: [PayloadID] { rules.held }

    private var rules: any JoinRules {
        switch self {
        case .put(let join): join
        case .delete(let join): join
        case .get(let join): join
        case .fanOut(let join): join
        }
    }

    private mutating func change<Result>(_ body: (inout any JoinRules) -> Result) -> Result {
        var rules = rules
        defer {
            switch rules {
            case let join as PutJoin: self = .put(join)
            case let join as DeleteJoin: self = .delete(join)
            case let join as GetJoin: self = .get(join)
            case let join as FanOut: self = .fanOut(join)
            default: break
            }
        }
        return body(&rules)
    }

    /// The way in which a part of a fan-out is asked; the first for all others.
    public func way(of part: Int) -> Int { if case .fanOut(let join) = self { join.way(of: part) } else { 0 } }
}
