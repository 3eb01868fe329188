import CIM

/// What a provider needs to know of a query's text: `SELECT list FROM class [WHERE condition]`, as the broker writes it.
///
/// The broker has parsed and checked the query, and looks at what it gives; so nothing is checked here again, and what is not understood
/// bounds nothing: then everything is wanted.
struct SelectText: Sendable {
    /// The conditions that bound a property. What else a condition says only has to be known by its properties.
    indirect enum Condition: Sendable {
        case equal(property: String, CIMValue)
        case other(properties: [String])
        case and([Condition])
        case or([Condition])
        /// Not understood.
        case unknown

        /// Every property it names; nil when they are not known.
        var properties: [String]? {
            switch self {
            case .equal(let property, _): [property]
            case .other(let properties): properties
            case .and(let conditions), .or(let conditions): Self.properties(of: conditions)
            case .unknown: nil
            }
        }

        private static func properties(of conditions: [Condition]) -> [String]? {
            var all: [String] = []
            for condition in conditions {
                guard let properties = condition.properties else { return nil }
                all += properties
            }
            return all
        }

        /// Literals, one of which the property equals in every object that satisfies the condition; nil when they are not known.
        func values(of name: String) -> [CIMValue]? {
            switch self {
            case .equal(let property, let value): return CIMName.equal(property, name) ? [value] : nil
            case .other, .unknown: return nil
            case .and(let conditions):
                // Each is right; the shortest says most.
                return conditions.compactMap { $0.values(of: name) }.min { $0.count < $1.count }
            case .or(let conditions):
                var all: [CIMValue] = []
                for condition in conditions {
                    guard let values = condition.values(of: name) else { return nil }
                    all += values
                }
                return all
            }
        }
    }

    let className: String
    /// The properties of its list; nil: all of them.
    let list: [String]?
    let condition: Condition

    /// Nil when the text names no class.
    init?(_ text: String) {
        var reader = SelectReader(text)
        guard let (list, className) = reader.start() else { return nil }
        self.className = className
        self.list = list
        condition = reader.condition()
    }

    /// The properties to be given: those of the list, and those of the condition, which the broker looks at. What the client's context says
    /// of them the broker keeps to itself.
    var requested: MethodContext.RequestedProperties {
        guard let list, let tested = condition.properties else { return .all }
        var seen: Set<CIMName> = []
        // System properties follow from the class and the keys.
        let names = (list + tested).filter { !CIMName.isSystemName($0) && seen.insert(CIMName($0)).inserted }
        return names.isEmpty ? .keys : .named(names)
    }
}
