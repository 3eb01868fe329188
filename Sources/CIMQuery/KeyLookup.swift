import CIM

/// A condition that fixes every key: at most one object can fulfil it, and its path is known.
struct KeyLookup {
    private let values: [CIMName: CIMObjectPath.KeyValue]

    /// Whether the condition says nothing but the keys.
    let isWholeCondition: Bool

    /// Nil unless every key is compared with a constant by `=`, in conditions joined by AND.
    init?(_ query: DataQuery) {
        let conjuncts = query.query.condition?.conjuncts ?? []
        let keys = query.declaration.keyProperties
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
    }

    /// The key a source looks for; nil where another value would compare equal too, such as the same instant in
    /// another time zone, or a reference with and without its namespace.
    private static func value(_ literal: WQLLiteral, of key: CIMProperty) -> CIMObjectPath.KeyValue? {
        let value: CIMValue
        switch literal {
        case .string(let text) where key.type.base == .string || key.type.base == .char16: value = .string(text)
        case .string(let text) where key.type.base.isInteger:
            guard let number = Int128(text) else { return nil }
            value = CIMValue(integer: number)
        case .integer(let number) where key.type.base.isInteger || key.type.base == .char16: value = CIMValue(integer: number)
        case .integer(let number) where key.type.base == .boolean: value = .boolean(number != 0)
        case .boolean(let flag): value = .boolean(flag)
        default: return nil
        }
        // What no path can hold is left to the filter.
        if case .string(let text) = value, text.utf8.contains(where: { $0 < 0x20 }) { return nil }
        return value.converted(to: key.type).flatMap { CIMObjectPath.KeyValue($0) }
    }

    /// The path of the object in a class with these keys; nil when the class has others, or the path would be too long.
    func path(in declaration: CIMClass) -> CIMObjectPath? {
        let keys = declaration.keyProperties
        guard keys.count == values.count else { return nil }
        var written: [CIMObjectPath.Key] = []
        for key in keys {
            guard let value = values[CIMName(key.name)] else { return nil }
            written.append(CIMObjectPath.Key(name: key.name, value: value))
        }
        return try? CIMObjectPath(className: declaration.name, keys: .keys(written)).canonicalized(for: declaration)
    }
}
