import CIM

extension Lexer {
    /// A number: decimal, 0x hexadecimal, 0 octal, binary with a trailing b, or real with a point.
    mutating func number(from start: Token.Place) throws(MOFError) -> Token.Kind {
        let isNegative = byte() == UInt8(ascii: "-")
        if isNegative || byte() == UInt8(ascii: "+") { position += 1 }
        let digitsStart = position
        while let byte = byte(), Lexer.isIdentifierByte(byte) { position += 1 }
        if byte() == UInt8(ascii: ".") { return try real(from: start, digitsStart: digitsStart, isNegative: isNegative) }
        let digits = bytes[digitsStart..<position]
        guard let magnitude = Lexer.magnitude(String(decoding: digits, as: UTF8.self)) else {
            let isNumber = !digits.isEmpty && digits.allSatisfy { $0 &- 0x30 < 10 }
            throw failure(
                isNumber ? .mofOutOfRange : .mofIllegalConstantValue,
                isNumber ? "expected an integer of at most 64 bits" : "expected a number", at: start)
        }
        let value = isNegative ? -Int128(magnitude) : Int128(magnitude)
        guard value >= Int128(Int64.min) else { throw failure(.mofOutOfRange, "expected an integer of at most 64 bits", at: start) }
        return .integer(value)
    }

    private static func magnitude(_ text: String) -> UInt64? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
        if text.hasSuffix("b") || text.hasSuffix("B") { return UInt64(text.dropLast(), radix: 2) }
        if text.utf8.count > 1, text.hasPrefix("0") { return UInt64(text, radix: 8) }
        return UInt64(text, radix: 10)
    }

    /// The scanner stands at the point.
    private mutating func real(from start: Token.Place, digitsStart: Int, isNegative: Bool) throws(MOFError) -> Token.Kind {
        position += 1
        while let byte = byte(), Lexer.isIdentifierByte(byte) {
            position += 1
            if byte | 0x20 == UInt8(ascii: "e"), let sign = self.byte(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                position += 1
            }
        }
        let text = bytes[digitsStart..<position]
        let isPlain = text.allSatisfy { $0 &- 0x30 < 10 || $0 | 0x20 == UInt8(ascii: "e") || "+-.".utf8.contains($0) }
        let padded = (text.first == UInt8(ascii: ".") ? "0" : "") + String(decoding: text, as: UTF8.self)
        guard isPlain, text.count <= 4096, text.last != UInt8(ascii: "."), let value = Double(padded) else {
            throw failure(.mofIllegalConstantValue, "expected a real number", at: start)
        }
        guard value.isFinite else { throw failure(.mofOutOfRange, "expected a real number of at most 64 bits", at: start) }
        return .real(isNegative ? -value : value)
    }

    mutating func string(from start: Token.Place) throws(MOFError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = byte() {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                let scalar = try escapedScalar()
                text.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            case 0x0A, 0x0D:
                throw failure(.mofIllegalConstantValue, "expected a closing '\"' on the same line", at: start)
            default:
                text.append(byte)
                position += 1
            }
        }
        throw failure(.mofIllegalConstantValue, "expected a closing '\"', found the end of the text", at: start)
    }

    mutating func character(from start: Token.Place) throws(MOFError) -> UInt16 {
        position += 1
        let unit: UInt16
        if byte() == UInt8(ascii: "\\") {
            unit = try escapedUnit()
        } else {
            var end = position
            while end < bytes.count, end - position < 4, end == position || bytes[end] & 0xC0 == 0x80 { end += 1 }
            let units = String(decoding: bytes[position..<end], as: UTF8.self).utf16
            guard let first = units.first, units.count == 1, first != 0x27, first >= 0x20 else {
                throw failure(.mofIllegalConstantValue, "expected one UTF-16 character between ' and '", at: start)
            }
            unit = first
            position = end
        }
        guard byte() == UInt8(ascii: "'") else { throw failure(.mofIllegalConstantValue, "expected a closing '", at: start) }
        position += 1
        return unit
    }

    /// One escape, or two that make a surrogate pair.
    private mutating func escapedScalar() throws(MOFError) -> Unicode.Scalar {
        let start = place
        let unit = try escapedUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, byte() == UInt8(ascii: "\\") else {
            throw failure(.mofIllegalConstantValue, "expected two escapes that make a surrogate pair", at: start)
        }
        let low = try escapedUnit()
        let pair = 0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF))
        guard low & 0xFC00 == 0xDC00, let scalar = Unicode.Scalar(pair) else {
            throw failure(.mofIllegalConstantValue, "expected two escapes that make a surrogate pair", at: start)
        }
        return scalar
    }

    /// A backslash and what follows: b t n f r " ' \ or x with one to four hexadecimal digits.
    private mutating func escapedUnit() throws(MOFError) -> UInt16 {
        let start = place
        position += 1
        guard let letter = byte() else {
            throw failure(.mofIllegalConstantValue, "expected an escape, found the end of the text", at: start)
        }
        position += 1
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"): return UInt16(letter)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            let digits = position
            while position - digits < 4, let byte = byte(), Lexer.hexadecimalDigits.contains(byte) { position += 1 }
            guard let unit = UInt16(String(decoding: bytes[digits..<position], as: UTF8.self), radix: 16) else {
                throw failure(.mofIllegalConstantValue, "expected one to four hexadecimal digits after '\\x'", at: start)
            }
            return unit
        default:
            throw failure(.mofIllegalConstantValue, "expected one of b t n f r \" ' \\ x after '\\'", at: start)
        }
    }

    private static let hexadecimalDigits: Set<UInt8> = Set("0123456789abcdefABCDEF".utf8)
}
