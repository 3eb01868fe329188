extension CIMValue: CustomStringConvertible {
    /// The value as a MOF literal: NULL, TRUE, 42, "text", {1, 2}, instance of Class { … }.
    ///
    /// A real that is not a number, or infinite, has no literal and is written NULL.
    public var description: String {
        switch self {
        case .null: "NULL"
        case .boolean(let value): value ? "TRUE" : "FALSE"
        case .uint8(let value): value.description
        case .sint8(let value): value.description
        case .uint16(let value): value.description
        case .sint16(let value): value.description
        case .uint32(let value): value.description
        case .sint32(let value): value.description
        case .uint64(let value): value.description
        case .sint64(let value): value.description
        case .real32(let value): CIMValue.realLiteral(value.description, isFinite: value.isFinite)
        case .real64(let value): CIMValue.realLiteral(value.description, isFinite: value.isFinite)
        case .char16(let value): CIMValue.characterLiteral(value)
        case .string(let value): CIMValue.stringLiteral(value)
        case .datetime(let value): "\"\(value)\""
        case .reference(let value): CIMValue.stringLiteral(value.path)
        case .object(let value): value.description
        case .array(_, let elements): elements.isEmpty ? "{}" : "{\(elements.map(\.description).joined(separator: ", "))}"
        }
    }

    /// The literal, cut to what an error message can hold.
    public var briefDescription: String {
        let text = description
        return text.utf8.count <= 80 ? text : text.unicodeScalars.prefix(77).reduce(into: "") { $0.unicodeScalars.append($1) } + "…"
    }

    /// `text` in double quotes, with MOF's escapes.
    public static func stringLiteral(_ text: String) -> String {
        var literal = "\""
        literal.reserveCapacity(text.utf8.count + 2)
        for scalar in text.unicodeScalars { append(scalar, quote: "\"", to: &literal) }
        literal.append("\"")
        return literal
    }

    private static func characterLiteral(_ unit: UInt16) -> String {
        guard let scalar = Unicode.Scalar(unit) else { return "0x" + String(unit, radix: 16, uppercase: true) }
        var literal = "'"
        append(scalar, quote: "'", to: &literal)
        literal.append("'")
        return literal
    }

    private static func append(_ scalar: Unicode.Scalar, quote: Unicode.Scalar, to literal: inout String) {
        switch scalar {
        case "\\": literal += "\\\\"
        case "\n": literal += "\\n"
        case "\r": literal += "\\r"
        case "\t": literal += "\\t"
        case "\u{8}": literal += "\\b"
        case "\u{C}": literal += "\\f"
        case quote:
            literal += "\\"
            literal.unicodeScalars.append(quote)
        case "\u{0}"..."\u{1F}", "\u{7F}":
            let digits = String(scalar.value, radix: 16, uppercase: true)
            literal += "\\x" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        default: literal.unicodeScalars.append(scalar)
        }
    }

    /// MOF asks for a point in every real: 1e+20 becomes 1.0e+20.
    private static func realLiteral(_ text: String, isFinite: Bool) -> String {
        guard isFinite else { return "NULL" }
        guard !text.contains("."), let exponent = text.firstIndex(of: "e") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }
}
