import CIM

extension Lexer {
    /// A number: decimal, 0x hexadecimal, 0 octal, binary with a trailing b, or real with a point.
    mutating func number(from start: Token.Place) -> Token.Kind {
        let isNegative = byte() == UInt8(ascii: "-")
        if isNegative || byte() == UInt8(ascii: "+") { position += 1 }
        let digitsStart = position
        while let byte = byte(), Lexer.isIdentifierByte(byte) { position += 1 }
        if byte() == UInt8(ascii: ".") { return real(from: start, digitsStart: digitsStart, isNegative: isNegative) }
        let digits = bytes[digitsStart..<position]
        guard let magnitude = Lexer.magnitude(String(decoding: digits, as: UTF8.self)) else {
            let isNumber = !digits.isEmpty && digits.allSatisfy { $0 &- 0x30 < 10 }
            if isNumber, digits.first == 0x30, digits.contains(where: { $0 > 0x37 }) {
                let text = Token.brief(String(decoding: digits, as: UTF8.self))
                note(
                    .mofIllegalConstantValue,
                    "expected an octal number, which has no digit 8 or 9, because of the 0 at its start, found \(text); a decimal number has "
                        + "no 0 at its start", at: start)
                return .broken
            }
            note(
                isNumber ? .mofOutOfRange : .mofIllegalConstantValue,
                isNumber ? "expected an integer of at most 64 bits" : "expected a number", at: start)
            return .broken
        }
        let value = isNegative ? -Int128(magnitude) : Int128(magnitude)
        guard value >= Int128(Int64.min) else {
            note(.mofOutOfRange, "expected an integer of at most 64 bits", at: start)
            return .broken
        }
        return .integer(value)
    }

    private static func magnitude(_ text: String) -> UInt64? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
        if text.hasSuffix("b") || text.hasSuffix("B") { return UInt64(text.dropLast(), radix: 2) }
        if text.utf8.count > 1, text.hasPrefix("0") { return UInt64(text, radix: 8) }
        return UInt64(text, radix: 10)
    }

    /// The scanner stands at the point.
    private mutating func real(from start: Token.Place, digitsStart: Int, isNegative: Bool) -> Token.Kind {
        position += 1
        while let byte = byte(), Lexer.isIdentifierByte(byte) {
            position += 1
            if byte | 0x20 == UInt8(ascii: "e"), let sign = self.byte(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                position += 1
            }
        }
        let text = bytes[digitsStart..<position]
        let isPlain = text.allSatisfy { $0 &- 0x30 < 10 || $0 | 0x20 == UInt8(ascii: "e") || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E }
        let padded = (text.first == UInt8(ascii: ".") ? "0" : "") + String(decoding: text, as: UTF8.self)
        guard isPlain, text.count <= 4096, text.last != UInt8(ascii: "."), let value = Double(padded) else {
            note(.mofIllegalConstantValue, "expected a real number", at: start)
            return .broken
        }
        guard value.isFinite else {
            note(.mofOutOfRange, "expected a real number of at most 64 bits", at: start)
            return .broken
        }
        return .real(isNegative ? -value : value)
    }
}
