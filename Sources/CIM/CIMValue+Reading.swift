extension CIMValue {
    /// The value in the type `type`, as somebody meant it who wrote it in another type. Nil when the value does not fit. Nothing is rounded
    /// and nothing is guessed.
    ///
    /// This is the one table of what people, scripts and languages without types may write for a value of a known type: in an object on the
    /// bus, in a key of an object path, in a parameter, and as a constant of a query. ``converted(to:)`` is the narrower table of MOF.
    ///
    /// | The class says | Read as well |
    /// |---|---|
    /// | an integer | an integer of any width, a real without a fraction, text that is such a number (`"7"`, `"-1"`, `"0x1F"`), in range |
    /// | a real | an integer, the other real, text that is a decimal number (`"1.5e3"`) |
    /// | boolean | 0 and 1, text that is `TRUE`, `FALSE` (in any case), `0` or `1` |
    /// | char16 | an integer in range, text of one UTF-16 unit |
    /// | datetime, reference | text that parses |
    /// | string, object | nothing |
    ///
    /// NULL fits every type. Arrays are read element by element.
    public func read(as type: CIMTypeReference) -> CIMValue? { fitted(to: type) { $0.read(asScalar: $1) } }

    /// The same for a scalar; nil for a misfit, for NULL and for arrays.
    public func read(asScalar base: CIMType) -> CIMValue? {
        if let value = converted(toScalar: base) { return value }
        switch base {
        case .uint8, .sint8, .uint16, .sint16, .uint32, .sint32, .uint64, .sint64:
            return wholeNumber.flatMap { CIMValue(integer: $0).converted(toScalar: base) }
        case .real32, .real64:
            return stringValue.flatMap(CIMValue.decimal)?.converted(toScalar: base)
        case .boolean:
            return wholeNumber.flatMap { $0 == 0 || $0 == 1 ? .boolean($0 == 1) : nil }
        case .char16, .string, .datetime, .reference, .object:
            return nil
        }
    }

    /// The whole number that stands here as an integer, as a real or as text.
    private var wholeNumber: Int128? {
        switch self {
        case .char16: nil
        case .real32(let value): Int128(exactly: value)
        case .real64(let value): Int128(exactly: value)
        case .string(let text): CIMValue.wholeNumber(text)
        default: uint64Value.map { Int128($0) } ?? int64Value.map { Int128($0) }
        }
    }

    /// A whole number in decimal, or in hexadecimal after `0x`.
    private static func wholeNumber(_ text: String) -> Int128? {
        let sign = text.utf8.first.map { "+-".utf8.contains($0) } == true ? text.prefix(1) : ""
        let digits = text.dropFirst(sign.count)
        guard digits.hasPrefix("0x") || digits.hasPrefix("0X") else { return Int128(text) }
        let hexadecimal = digits.dropFirst(2)
        guard hexadecimal.utf8.first.map({ "+-".utf8.contains($0) }) == false else { return nil }
        return Int128(sign + hexadecimal, radix: 16)
    }

    /// A decimal number: neither hexadecimal, nor infinite, nor NaN.
    private static func decimal(_ text: String) -> CIMValue? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "+-.eE".utf8.contains($0) }),
            let number = Double(text), number.isFinite
        else { return nil }
        return .real64(number)
    }
}
