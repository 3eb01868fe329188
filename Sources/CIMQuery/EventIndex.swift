import CIM

/// Which of many subscriptions an event may concern, found without looking at each: those whose condition demands that a property equals a constant
/// stand with that constant.
///
/// What it finds is all that can match, and some more: the condition decides in any case.
public struct EventIndex<ID: Hashable & Sendable>: Sendable {
    private var tables: [EventPlace: [EventKey: [ID]]] = [:]
    /// Those that demand nothing of the kind.
    private var others: [ID] = []

    public init() {}

    public var isEmpty: Bool { tables.isEmpty && others.isEmpty }

    public mutating func insert(_ id: ID, _ query: EventQuery) {
        guard let (place, keys) = query.demandedEquality else { return others.append(id) }
        for key in keys { tables[place, default: [:]][key, default: []].append(id) }
    }

    /// The subscriptions that an event may concern.
    /// - Parameter value: the value of one of the event's own properties; NULL where it has none.
    public func candidates(_ value: (_ property: String) -> CIMValue) -> [ID] {
        var found = others
        for (place, table) in tables {
            guard let key = EventKey(place.reach(from: value(place.property))), let ids = table[key] else { continue }
            if found.isEmpty { found = ids } else { found += ids }
        }
        return found
    }
}

/// A property of an event, or of an object in it.
struct EventPlace: Hashable, Sendable {
    let property: String
    let inner: [String]

    func reach(from top: CIMValue) -> CIMValue {
        var value = top
        for name in inner {
            guard case .object(let object) = value else { return .null }
            value = object[name] ?? .null
        }
        return value
    }
}

/// A value that is equal to another one if both have the same key.
enum EventKey: Hashable, Sendable {
    case text(FoldedText)
    case integer(Int128)
    case boolean(Bool)

    /// Nil for a value that equals no text, no whole number and no boolean.
    init?(_ value: CIMValue) {
        switch value {
        case .string(let text): self = .text(FoldedText(text))
        case .boolean(let flag): self = .boolean(flag)
        case .uint64(let number): self = .integer(Int128(number))
        case .char16: return nil
        case .real32(let number):
            guard let whole = Int128(exactly: number) else { return nil }
            self = .integer(whole)
        case .real64(let number):
            guard let whole = Int128(exactly: number) else { return nil }
            self = .integer(whole)
        default:
            guard let number = value.int64Value else { return nil }
            self = .integer(Int128(number))
        }
    }

    /// The keys that a value equal to the constant may have; nil: it may have others.
    static func keys(of comparand: Comparand) -> [EventKey]? {
        switch comparand {
        case .text(let text): return [.text(text)]
        case .integer(let number): return [.integer(number)]
        case .boolean(let flag): return [.boolean(flag)]
        case .anyOf(let comparands):
            var keys: [EventKey] = []
            for comparand in comparands {
                guard let some = self.keys(of: comparand) else { return nil }
                keys += some
            }
            return keys
        case .real, .character, .timestamp, .interval, .unset, .path: return nil
        }
    }
}

extension EventQuery {
    /// A property that equals one of some constants in every event that fulfils the condition.
    var demandedEquality: (place: EventPlace, keys: [EventKey])? {
        for case .leaf(let leaf) in condition?.joined ?? [] {
            guard case .compare(.equal, let comparand) = leaf.test, let keys = EventKey.keys(of: comparand),
                !CIMName.isSystemName(conditionProperties[leaf.property])
            else { continue }
            let inner = leaf.steps.compactMap { step in if case .property(let name) = step { name } else { nil } }
            guard inner.count == leaf.steps.count else { continue }
            return (EventPlace(property: conditionProperties[leaf.property], inner: inner), keys)
        }
        return nil
    }
}

extension CheckedCondition {
    /// The conditions that must all hold.
    fileprivate var joined: [CheckedCondition] {
        guard case .all(let conditions) = self else { return [self] }
        return conditions.flatMap(\.joined)
    }
}
