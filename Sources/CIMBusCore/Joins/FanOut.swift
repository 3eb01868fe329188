import CIM

/// Several sources whose objects together are the whole's: of an enumeration, a query, or associations (Semantics C.4, I.4, I.7).
///
/// So many are asked at once, in their order. The first failure is the whole's, and cancels the rest; what was handed out stays handed out. A
/// source may be asked in several ways: where it says that it does not do the one, and has handed out nothing yet, it is asked in the next.
public struct FanOut: JoinRules {
    /// Failures of a part that count as a part without objects.
    public struct Excuses: OptionSet, Hashable, Sendable, Codable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The object that was asked for is not there, and that is no fault of anybody's.
        public static let notFound = Excuses(rawValue: 1)
        /// A class that others complete has NULLs (Semantics C.3).
        public static let notCapable = Excuses(rawValue: 2)
        /// Nobody can say.
        public static let incapability = Excuses(rawValue: 4)

        func cover(_ status: WBEMStatus) -> Bool {
            switch status {
            case .notFound: contains(.notFound)
            case .providerNotCapable: contains(.notCapable) || contains(.incapability)
            case .notSupported: contains(.incapability)
            default: false
            }
        }
    }

    public struct Part: Hashable, Sendable, Codable {
        /// The ways in which it can be asked, one after the other, each with what it excuses.
        public let ways: [Excuses]
        /// Whether its remarkable success is the whole's.
        public let speaks: Bool
        /// The way in which it is asked now.
        public fileprivate(set) var way = 0

        /// - Parameter ways: one at least.
        public init(ways: [Excuses] = [[]], speaks: Bool = true) {
            self.ways = ways
            self.speaks = speaks
        }
    }

    public private(set) var parts: [Part]
    /// How many are asked at once.
    public let width: Int
    /// The first part that has not been asked.
    private var next = 0
    private var state = JoinState()

    public init(_ parts: [Part], width: Int = .max) {
        self.parts = parts
        self.width = width
    }

    public mutating func start() -> JoinAction { goOn() }

    public mutating func ended(_ part: Int, _ outcome: Outcome, hasBegun: Bool) -> JoinAction {
        guard state.closes(part) else { return .wait }
        if outcome.status.isSuccess {
            if parts[part].speaks { state.remember(outcome) }
            return goOn()
        }
        if outcome.status.isIncapability, !hasBegun, parts[part].way + 1 < parts[part].ways.count {
            parts[part].way += 1
            return state.ask([part])
        }
        return parts[part].ways[parts[part].way].cover(outcome.status) ? goOn() : state.end(outcome, by: part)
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
