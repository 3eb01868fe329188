import CIM

/// A SELECT as a provider receives it from a broker: which properties the provider has to give, and which values they may have.
///
/// The broker has checked the query against its class, and filters what the provider gives. So this type refuses little: the text may be
/// longer than a client's, and a name may be a keyword. When it does not understand the text behind the class, every property is needed,
/// and no value is bounded.
public struct ProviderQuery: Hashable, Sendable {
    /// The class behind FROM.
    public let className: CIMName
    public let list: SelectQuery.List

    /// The condition behind WHERE. Nil without WHERE, and when the text behind the class is not understood.
    public let condition: WQLCondition?

    /// Whether everything behind the class was understood.
    public let isUnderstood: Bool

    /// The properties that the provider has to give: those of the list, and those of the condition, which the broker evaluates. Each stands
    /// here once, in its first spelling. Nil means all properties. System properties are left out, since they follow from the class and the
    /// keys.
    public let neededProperties: [String]?

    /// Nil when the text is no `SELECT list FROM class`.
    public init?(_ text: String) {
        var parser: WQLParser
        do throws(QueryError) {
            parser = try WQLParser(text, isChecked: true)
            guard try parser.take("SELECT") else { return nil }
            list = try parser.list()
            try parser.expect("FROM")
        } catch {
            return nil
        }
        guard case .word(let className) = parser.token.kind else { return nil }
        self.className = CIMName(className)
        let rest = try? parser.rest()
        condition = rest?.condition
        isUnderstood = rest != nil
        neededProperties = isUnderstood ? Self.needed(list, condition) : nil
    }

    private static func needed(_ list: SelectQuery.List, _ condition: WQLCondition?) -> [String]? {
        guard case .properties(let listed) = list else { return nil }
        var seen: Set<CIMName> = []
        let named = listed.map(\.first) + (condition?.comparisons ?? []).map(\.property.first)
        return named.filter { !CIMName.isSystemName($0.text) && seen.insert($0).inserted }.map(\.text)
    }

    /// A set of constants: in every object that satisfies the query, the property equals one of them. Nil when the query does not bound the
    /// property in this way.
    public func values(of property: String) -> [WQLLiteral]? { condition?.values(of: CIMName(property)) }
}

extension WQLParser {
    fileprivate struct Rest {
        var condition: WQLCondition?
    }

    /// `[WHERE condition]`, to the end of the text, behind the class.
    fileprivate mutating func rest() throws(QueryError) -> Rest {
        try advance()
        let condition = try take("WHERE") ? try condition(depth: 0) : nil
        guard token.kind == .end else { throw failure("the end of the query") }
        return Rest(condition: condition)
    }
}

extension WQLCondition {
    /// The constants, one of which the property equals in every object that satisfies the condition: those of its comparisons by `=` that are
    /// joined by OR.
    fileprivate func values(of property: CIMName) -> [WQLLiteral]? {
        switch self {
        case .comparison(let comparison):
            // A part of an embedded object bounds the part alone.
            guard case .compare(.equal, let literal) = comparison.test, !comparison.property.isDotted,
                comparison.property.first == property
            else { return nil }
            return [literal]
        case .not: return nil
        case .and(let conditions):
            // Each is right; the shortest says most.
            return conditions.compactMap { $0.values(of: property) }.min { $0.count < $1.count }
        case .or(let conditions):
            var all: [WQLLiteral] = []
            for condition in conditions {
                guard let values = condition.values(of: property) else { return nil }
                all += values
            }
            return all
        }
    }
}
