import CIM

/// One instance, put together of what several providers say about it (Semantics C.3; C.5 for the real class of an instance).
///
/// A line is the classes of one instance, the most derived first. When that one's provider does not know the key, nobody above is asked. A class
/// above whose provider is not capable has NULLs. Every other failure is the line's.
///
/// Where the instance may be of one of several classes, there is a line for each: one after the other is asked until one has the instance. A
/// line that fails by saying no more than that the instance is somebody else's is passed over.
///
/// Where something is left to do with what was found, that is a part, too: the last one, asked before the whole succeeds.
public struct GetJoin: JoinRules {
    /// Which failures of a line mean that another line may have the instance.
    public enum Search: Hashable, Sendable, Codable {
        /// None: there is one line, and what it says is the whole's.
        case no
        /// NotFound alone: who cannot say whether it has the instance leaves the question open.
        case untilFound
        /// NotFound and ProviderNotCapable.
        case pastIncapable
    }

    /// How many classes each line has. The parts are numbered through, line by line.
    public let lines: [Int]
    public let search: Search
    /// Whether something is left to do with what was found.
    public let concludes: Bool
    /// Whether a remarkable success of the lines is the whole's.
    public let speaks: Bool
    /// How a search ends that found nothing; and how, where one that was passed over could not say whether it has the instance.
    public let otherwise: Outcome
    public let unsure: Outcome
    /// The line that is being asked, and the place in it of the part that is asked.
    public private(set) var line = 0
    public private(set) var place = 0
    private var isUnsure = false
    private var state = JoinState()

    /// The one line of a class that is served.
    public init(line: Int, speaks: Bool = true, concludes: Bool = false) {
        self.init(lines: [line], search: .no, speaks: speaks, concludes: concludes)
    }

    public init(
        lines: [Int], search: Search, speaks: Bool = true, concludes: Bool = false, otherwise: Outcome = Outcome(.notFound),
        unsure: Outcome? = nil
    ) {
        self.lines = lines
        self.search = search
        self.speaks = speaks
        self.concludes = concludes
        self.otherwise = otherwise
        self.unsure = unsure ?? otherwise
    }

    public mutating func start() -> JoinAction { lines.isEmpty ? finish(otherwise) : state.ask([0]) }

    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool = false) -> JoinAction {
        guard state.closes(part) else { return .wait }
        if part == conclusion {
            state.remember(outcome)
            return outcome.status.isSuccess ? state.succeed() : state.end(outcome, by: part)
        }
        if outcome.status.isSuccess {
            if speaks { state.remember(outcome) }
        } else if place == 0 || outcome.status != .providerNotCapable {
            return isPassedOver(outcome.status) ? nextLine(after: part, outcome.status) : state.end(outcome, by: part)
        }
        place += 1
        return place < lines[line] ? state.ask([part + 1]) : finish(Outcome(.noError))
    }

    /// The number of the part that is left to do.
    public var conclusion: Int { lines.reduce(0, +) }

    private mutating func finish(_ outcome: Outcome) -> JoinAction {
        guard outcome.status.isSuccess else { return state.end(outcome) }
        return concludes ? state.ask([conclusion]) : state.succeed(parameter: outcome.parameter)
    }

    private func isPassedOver(_ status: WBEMStatus) -> Bool {
        switch search {
        case .no: false
        case .untilFound: status == .notFound
        case .pastIncapable: status.isSomebodyElses
        }
    }

    private mutating func nextLine(after part: Int, _ status: WBEMStatus) -> JoinAction {
        if status == .providerNotCapable { isUnsure = true }
        state.forgetRemark()
        let next = part + lines[line] - place
        line += 1
        place = 0
        return line < lines.count ? state.ask([next]) : finish(isUnsure ? unsure : otherwise)
    }

    public mutating func abandon() { state.abandon() }

    public func waits(for part: Int) -> Bool { state.waits(for: part) }

    public var held: [PayloadID] { [state.remark?.object].compactMap(\.self) }
}
