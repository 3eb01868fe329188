import CIM

/// A condition that fixes every key, so that the path of the object that satisfies it is known.
struct KeyLookup {
    private let values: [CIMName: CIMObjectPath.KeyValue]

    /// Whether the condition says nothing but the keys.
    let isWholeCondition: Bool

    /// Whether other keys fulfil the condition as well, which differ in case alone: WQL does not tell them apart, and a source may. Then a
    /// look at one of them, found or not, is not the answer.
    let hasCases: Bool

    /// Nil unless every key is compared with a constant by `=`, in conditions joined by AND.
    init?(_ query: DataQuery) {
        let conjuncts = query.typedCondition?.conjuncts ?? []
        let keys = query.indexed.keyProperties
        guard !keys.isEmpty, !conjuncts.isEmpty else { return nil }
        var values: [CIMName: CIMObjectPath.KeyValue] = [:]
        for case .comparison(let comparison) in conjuncts where !comparison.property.isDotted {
            guard case .compare(.equal, let literal) = comparison.test,
                let key = keys.first(where: { CIMName($0.name) == comparison.property.first }),
                let value = KeyLookup.value(literal, of: key)
            else { continue }
            values[CIMName(key.name)] = value
        }
        guard values.count == keys.count else { return nil }
        self.values = values
        isWholeCondition = conjuncts.count == keys.count
        hasCases = values.values.contains { value in
            guard case .string(let text) = value else { return false }
            return text.utf8.contains { CIMName.fold($0) &- 0x61 < 26 }
        }
    }

    /// The key a source looks for; nil where another value would compare equal too, such as the same instant in
    /// another time zone.
    private static func value(_ literal: WQLLiteral, of key: CIMProperty) -> CIMObjectPath.KeyValue? {
        if key.type.base == .datetime || key.type.base == .reference { return nil }
        // What no path can hold is left to the filter.
        if case .string(let text) = literal, text.utf8.contains(where: { $0 < 0x20 }) { return nil }
        return literal.value.read(as: key.type).flatMap { CIMObjectPath.KeyValue($0) }
    }

    /// The path of the object in the source's class with these keys; nil when the class has others, or the path would be too long.
    func path(in source: QuerySource) -> CIMObjectPath? {
        let declaration = source.declaration
        let keys = source.keys ?? declaration.keyProperties
        guard keys.count == values.count else { return nil }
        var written: [CIMObjectPath.Key] = []
        for key in keys {
            guard let value = values[CIMName(key.name)] else { return nil }
            written.append(CIMObjectPath.Key(name: key.name, value: value))
        }
        return try? CIMObjectPath(className: declaration.name, keys: .keys(written)).canonicalized(for: declaration, keys: keys)
    }
}
