import CIM

/// Several sources whose objects together are the whole's: of an enumeration, a query, or associations (Semantics C.4, I.4, I.7).
///
/// So many are asked at once, in their order. The first failure is the whole's, and cancels the rest; what was handed out stays handed out. A
/// source may be asked in several ways: where it says that it does not do the one, and has handed out nothing yet, it is asked in the next.
public struct FanOut: JoinRules {
    /// How a part may be asked: which of its failures count as a part without objects, and whether it has a word in the whole's end.
    public struct Way: OptionSet, Hashable, Sendable, Codable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The object that was asked for is not there, and that is no fault of anybody's.
        public static let excusesNotFound = Way(rawValue: 1)
        /// A class that others complete has NULLs (Semantics C.3).
        public static let excusesNotCapable = Way(rawValue: 2)
        /// Nobody can say.
        public static let excusesIncapability = Way(rawValue: 4)
        /// A remarkable success is not the whole's.
        public static let isSilent = Way(rawValue: 8)

        func excuses(_ status: WBEMStatus) -> Bool {
            switch status {
            case .notFound: contains(.excusesNotFound)
            case .providerNotCapable: contains(.excusesNotCapable) || contains(.excusesIncapability)
            case .notSupported: contains(.excusesIncapability)
            default: false
            }
        }
    }

    /// One source.
    public struct Part: Hashable, Sendable, Codable {
        /// The ways in which it can be asked, one after the other.
        public let ways: [Way]

        /// - Parameter ways: one at least.
        public init(_ ways: [Way] = [[]]) { self.ways = ways }
    }

    public let parts: [Part]
    /// How many are asked at once.
    public let width: Int
    /// The first part that has not been asked.
    private var next = 0
    /// The place of the way in which a part is asked, where that is not the first.
    private var ways: [Int: Int] = [:]
    private var state = JoinState()

    public init(_ parts: [Part], width: Int = .max) {
        self.parts = parts
        self.width = width
    }

    /// So many sources, each of which can be asked in this way alone.
    public init(_ count: Int, _ way: Way = [], width: Int = .max) {
        self.init(Array(repeating: Part([way]), count: count), width: width)
    }

    /// The way in which a part is asked now, by its place among the part's ways.
    public func way(of part: Int) -> Int { ways[part] ?? 0 }

    public mutating func start() -> JoinAction { goOn() }

    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool) -> JoinAction {
        guard state.closes(part) else { return .wait }
        let place = ways.removeValue(forKey: part) ?? 0
        let way = parts[part].ways[place]
        if outcome.status.isSuccess {
            if !way.contains(.isSilent) { state.remember(outcome) }
            return goOn()
        }
        if outcome.status.isIncapability, !hasBegun, place + 1 < parts[part].ways.count {
            ways[part] = place + 1
            return state.ask([part])
        }
        return way.excuses(outcome.status) ? goOn() : state.end(outcome, by: part)
    }

    private mutating func goOn() -> JoinAction {
        let room = max(0, width - state.open.count)
        let asked = next..<min(parts.count, next + min(room, parts.count))
        next = max(next, asked.upperBound)
        if asked.isEmpty, state.open.isEmpty { return state.succeed() }
        return state.ask(Array(asked))
    }

    public mutating func abandon() { state.abandon() }

    public func waits(for part: Int) -> Bool { state.waits(for: part) }

    public var held: [PayloadID] { [state.remark?.object].compactMap(\.self) }
}
