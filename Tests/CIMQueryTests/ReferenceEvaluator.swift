import CIM
import CIMQuery

/// The evaluator as slow and obvious as it gets: three-valued logic over the condition as written. It shares nothing with `Predicate`.
struct ReferenceEvaluator {
    let instance: CIMInstance

    /// Whether the condition holds; nil for unknown.
    func holds(_ condition: WQLCondition) -> Bool? {
        switch condition {
        case .not(let inner): return holds(inner).map { !$0 }
        case .and(let conditions):
            let outcomes = conditions.map { holds($0) }
            return outcomes.contains(false) ? false : outcomes.contains(nil) ? nil : true
        case .or(let conditions):
            let outcomes = conditions.map { holds($0) }
            return outcomes.contains(true) ? true : outcomes.contains(nil) ? nil : false
        case .comparison(let comparison):
            return holds(comparison.test, value(of: comparison.property))
        }
    }

    private func value(of property: PropertyPath) -> CIMValue {
        var value = CIMValue.object(instance)
        for name in property.names {
            guard case .object(let object) = value else { return .null }
            if name == "__CLASS" {
                value = .string(object.className)
            } else {
                value = object.properties.first { $0.name.lowercased() == name.text.lowercased() }?.value ?? .null
            }
        }
        return value
    }

    private func holds(_ test: WQLCondition.Test, _ value: CIMValue) -> Bool? {
        switch test {
        case .isNull: return value == .null
        case .isNotNull: return value != .null
        // Of event queries alone, which are not generated.
        case .compareProperty: return false
        case .like(let pattern):
            guard case .string(let text) = value else { return nil }
            return LikeTests.obviouslyMatches(Array(pattern.unicodeScalars)[...], Array(text.unicodeScalars)[...])
        case .isa(let name):
            guard case .object(let object) = value else { return nil }
            let lineage = ["part": ["part"], "disk": ["disk", "part"], "fastdisk": ["fastdisk", "disk", "part"]]
            return (lineage[object.className.lowercased()] ?? []).contains(name.text.lowercased())
        case .compare(let operation, let literal):
            guard value != .null else { return nil }
            return compare(value, operation, literal)
        }
    }

    private func compare(_ value: CIMValue, _ operation: RelationalOperator, _ literal: WQLLiteral) -> Bool? {
        switch (value, literal) {
        case (.string(let text), .string(let other)): return apply(operation, compared(folded(text), folded(other)))
        case (.boolean(let flag), .boolean(let other)): return apply(operation, flag == other ? 0 : nil)
        case (.boolean(let flag), .integer(let number)): return apply(operation, flag == (number != 0) ? 0 : nil)
        case (.char16(let unit), .string(let text)): return apply(operation, compared([unit], Array(text.utf16)))
        case (.datetime(let time), .string(let text)):
            guard let mine = ConditionGenerator.times[time.description], let other = ConditionGenerator.times[text] else {
                return apply(operation, nil)
            }
            return apply(operation, mine.isInterval == other.isInterval ? compared([mine.value], [other.value]) : nil)
        case (.reference(let path), .string(let text)):
            return apply(operation, ConditionGenerator.paths[path.description] == ConditionGenerator.paths[text] ? 0 : nil)
        case (.real64(let real), .integer(let number)):
            return apply(operation, compared(Int128(real.rounded(.down)), number, real - real.rounded(.down)))
        case (.real64(let real), .real(let other)): return apply(operation, compared([real], [other]))
        case (.real32(let real), .real(let other)): return apply(operation, compared([real], [Float(other)]))
        case (.real32(let real), .integer(let number)):
            return apply(operation, compared(Int128(real.rounded(.down)), number, Double(real - real.rounded(.down))))
        case (_, .integer(let number)): return integer(value).flatMap { apply(operation, compared([$0], [number])) }
        case (_, .real(let real)):
            guard let number = integer(value) else { return nil }
            if abs(real) > 1e25 { return apply(operation, real > 0 ? -1 : 1) }
            return apply(operation, compared(Int128(real.rounded(.down)), number, real - real.rounded(.down)).map { -$0 })
        default: return nil
        }
    }

    private func integer(_ value: CIMValue) -> Int128? { value.uint64Value.map { Int128($0) } ?? value.int64Value.map { Int128($0) } }

    private func folded(_ text: String) -> [UInt32] {
        text.unicodeScalars.map { $0.value >= 65 && $0.value <= 90 ? $0.value + 32 : $0.value }
    }

    private func compared<Value: Comparable>(_ left: [Value], _ right: [Value]) -> Int? {
        left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1
    }

    /// A whole part and a fraction against a whole number.
    private func compared(_ whole: Int128, _ number: Int128, _ fraction: Double) -> Int? {
        whole < number ? -1 : whole > number ? 1 : fraction > 0 ? 1 : 0
    }

    /// `order` of nil: not equal, and in no order, which no order operator and no negation of one takes.
    private func apply(_ operation: RelationalOperator, _ order: Int?) -> Bool? {
        guard let order else { return operation == .equal ? false : operation == .notEqual ? true : nil }
        switch operation {
        case .equal: return order == 0
        case .notEqual: return order != 0
        case .less: return order < 0
        case .lessOrEqual: return order <= 0
        case .greater: return order > 0
        case .greaterOrEqual: return order >= 0
        }
    }
}
