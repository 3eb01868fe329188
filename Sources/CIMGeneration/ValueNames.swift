import CIM

/// What the qualifiers of a property, a parameter or a return value call its values.
package struct ValueNames: Hashable {
    enum Kind: Hashable {
        case integer
        case string
        /// Each bit has a name (BitMap, BitValues).
        case bits
    }

    /// One value that has a name.
    struct Value: Hashable {
        /// Of integers and bits: the number; for a bit its position.
        var number: Int128?
        var text: String
        var name: String
    }

    /// Values from one to another that have one name in common.
    struct Span: Hashable {
        var lower: Int128
        var upper: Int128
        var name: String
    }

    var base: CIMType
    var kind: Kind
    var values: [Value] = []
    var spans: [Span] = []

    /// Nil where the qualifiers name nothing.
    package init?(_ type: CIMTypeReference, _ qualifiers: [CIMQualifier]) {
        base = type.base
        let bits = qualifiers.named("BitValues")?.value.stringArrayValue
        let names = qualifiers.named("Values")?.value.stringArrayValue
        let map = qualifiers.named("ValueMap")?.value.stringArrayValue
        if base.isInteger, !type.isArray, let bits {
            kind = .bits
            let positions = qualifiers.named("BitMap")?.value.stringArrayValue
            for (index, name) in bits.enumerated() {
                let number = positions.map { $0.indices.contains(index) ? Self.number($0[index]) : nil } ?? Int128(index)
                guard let number, (0..<64).contains(number), let limit = base.limits, (1 as Int128) << number <= limit.upperBound else {
                    continue
                }
                values.append(Value(number: number, text: "", name: name))
            }
        } else if base.isInteger, let names {
            kind = .integer
            for (index, name) in names.enumerated() { read(map.map { $0.indices.contains(index) ? $0[index] : "" } ?? "\(index)", name) }
        } else if base == .string, let texts = map ?? names {
            kind = .string
            for (index, text) in texts.enumerated() where !values.contains(where: { $0.text == text }) {
                values.append(Value(number: nil, text: text, name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil } ?? text))
            }
        } else {
            return nil
        }
        var seen: Set<Int128> = []
        values.removeAll { $0.number.map { !seen.insert($0).inserted } ?? false }
        if values.isEmpty { return nil }
    }

    /// `5`, `0x8000`, `5..9`, `..9`, `5..`; `..` is what no other entry names.
    private mutating func read(_ entry: String, _ name: String) {
        guard let limits = base.limits else { return }
        guard let dots = entry.firstRange(of: "..") else {
            guard let number = Self.number(entry), limits.contains(number) else { return }
            return values.append(Value(number: number, text: "", name: name))
        }
        let (first, last) = (entry[..<dots.lowerBound], entry[dots.upperBound...])
        if first.isEmpty, last.isEmpty { return }
        let lower = first.isEmpty ? limits.lowerBound : Self.number(String(first))
        let upper = last.isEmpty ? limits.upperBound : Self.number(String(last))
        guard let lower, let upper, lower <= upper, limits.contains(lower), limits.contains(upper) else { return }
        spans.append(Span(lower: lower, upper: upper, name: name))
    }

    /// What one value is called; nil where it has no name. A number of bits has the names of those that are set, with commas between them.
    package func name(of value: CIMValue) -> String? {
        if kind == .string {
            guard case .string(let text) = value else { return nil }
            return values.first { $0.text == text }?.name
        }
        guard let number = value.int64Value.map({ Int128($0) }) ?? value.uint64Value.map({ Int128($0) }) else { return nil }
        guard kind == .bits else {
            return values.first { $0.number == number }?.name ?? spans.first { ($0.lower...$0.upper).contains(number) }?.name
        }
        let names = values.filter { $0.number.map { number >> $0 & 1 == 1 } ?? false }
        // A bit without a name would be lost.
        let named = names.reduce(0 as Int128) { sum, bit in sum | (bit.number.map { 1 << $0 } ?? 0) }
        return named == number && !names.isEmpty ? names.map { $0.name }.joined(separator: ",") : nil
    }

    /// Every name that one value has, in the order of the qualifiers, with what is written for it.
    package var entries: [(text: String, name: String)] {
        kind == .bits ? [] : values.map { ($0.number.map { "\($0)" } ?? $0.text, $0.name) }
    }

    private static func number(_ text: String) -> Int128? {
        let trimmed = String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        if trimmed.hasPrefix("0x") || trimmed.hasPrefix("0X") { return Int128(trimmed.dropFirst(2), radix: 16) }
        return Int128(trimmed)
    }
}

extension CIMType {
    /// The least and the greatest integer.
    var limits: ClosedRange<Int128>? {
        switch self {
        case .uint8: 0...Int128(UInt8.max)
        case .sint8: Int128(Int8.min)...Int128(Int8.max)
        case .uint16: 0...Int128(UInt16.max)
        case .sint16: Int128(Int16.min)...Int128(Int16.max)
        case .uint32: 0...Int128(UInt32.max)
        case .sint32: Int128(Int32.min)...Int128(Int32.max)
        case .uint64: 0...Int128(UInt64.max)
        case .sint64: Int128(Int64.min)...Int128(Int64.max)
        default: nil
        }
    }
}
