import CIM

extension Lexer {
    /// To the closing quote. A line break is part of the string (DSP0004, annex A: any character but `"` and a backslash). A wrong escape is
    /// noted and left out; the string goes on behind it.
    mutating func string(from start: Token.Place) -> Token.Kind {
        position += 1
        var run = position
        var text = ""
        let earlier = lastBrokenString
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let last = bytes[run..<position]
                position += 1
                if text.isEmpty { return .string(String(decoding: last, as: UTF8.self)) }
                text += String(decoding: last, as: UTF8.self)
                return .string(text)
            case UInt8(ascii: "\\") where isPlainBackslash():
                position += 1
            case UInt8(ascii: "\\"):
                text += String(decoding: bytes[run..<position], as: UTF8.self)
                if let scalar = escapedScalar() { text.unicodeScalars.append(scalar) }
                run = position
            case 0x0A, 0x0D:
                lastBrokenString = (start.line, steps)
                step()
            default:
                skipPlain()
            }
        }
        let hint = earlier.map { ", unless the string that starts on line \($0.line) should end before its line break" } ?? ""
        note(.mofIllegalConstantValue, "expected a closing '\"', found the end of the text\(hint)", at: start)
        return .broken
    }

    /// To the next byte that means something within a string: most of a text is within strings.
    private mutating func skipPlain() {
        position = bytes.withUnsafeBufferPointer { bytes in
            var next = position
            while next < bytes.count {
                switch bytes[next] {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0x0A, 0x0D: return next
                default: next += 1
                }
            }
            return next
        }
    }

    /// Whether the backslash here stands for itself: in the name of a file, which may come from Windows, and, with a warning, before what is
    /// no escape.
    private mutating func isPlainBackslash() -> Bool {
        guard let letter = byte(ahead: 1) else { return true }
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return false
        case _ where readsFileNames: return true
        case UInt8(ascii: "b"), UInt8(ascii: "t"), UInt8(ascii: "n"), UInt8(ascii: "f"), UInt8(ascii: "r"), UInt8(ascii: "'"),
            UInt8(ascii: "x"), UInt8(ascii: "X"):
            return false
        default:
            let found = letter > 0x20 && letter < 0x7F ? "'\\\(Unicode.Scalar(letter))'" : "another"
            warn("expected one of b t n f r \" ' \\ x after '\\', found \(found): the backslash stays in the string", at: place)
            return true
        }
    }

    mutating func character(from start: Token.Place) -> Token.Kind {
        position += 1
        let unit: UInt16
        if byte() == UInt8(ascii: "\\") {
            let known = faults.count
            guard let escaped = escapedUnit() else {
                if faults.count == known { note(.mofIllegalConstantValue, "expected an escape after '\\'", at: start) }
                return brokenCharacter()
            }
            unit = escaped
        } else {
            var end = position
            while end < bytes.count, end - position < 4, end == position || bytes[end] & 0xC0 == 0x80 { end += 1 }
            let units = String(decoding: bytes[position..<end], as: UTF8.self).utf16
            guard let first = units.first, units.count == 1, first != 0x27, first >= 0x20 else {
                note(.mofIllegalConstantValue, "expected one UTF-16 character between ' and '", at: start)
                return brokenCharacter()
            }
            unit = first
            position = end
        }
        guard byte() == UInt8(ascii: "'") else {
            note(.mofIllegalConstantValue, "expected a closing '", at: start)
            return brokenCharacter()
        }
        position += 1
        return .character(unit)
    }

    /// Past the closing quote if it is near.
    private mutating func brokenCharacter() -> Token.Kind {
        let near = bytes[position..<min(position + 8, bytes.count)]
        if let quote = near.firstIndex(of: UInt8(ascii: "'")), !near[..<quote].contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0x3B }) {
            position = quote + 1
        }
        return .broken
    }

    /// One escape, or two that make a surrogate pair.
    private mutating func escapedScalar() -> Unicode.Scalar? {
        let start = place
        guard let unit = escapedUnit() else { return nil }
        if let scalar = Unicode.Scalar(unit) { return scalar }
        if unit < 0xDC00, byte() == UInt8(ascii: "\\"), byte(ahead: 1).map({ $0 | 0x20 == UInt8(ascii: "x") }) ?? false {
            guard let low = escapedUnit() else { return nil }
            if low & 0xFC00 == 0xDC00 { return Unicode.Scalar(0x10000 + (UInt32(unit & 0x3FF) << 10 | UInt32(low & 0x3FF))) }
        }
        note(.mofIllegalConstantValue, "expected two escapes that make a surrogate pair", at: start)
        return nil
    }

    /// A backslash and what follows: b t n f r " ' \ or x with one to four hexadecimal digits. Nil when it is none of these, which is noted.
    private mutating func escapedUnit() -> UInt16? {
        let start = place
        position += 1
        guard let letter = byte(), letter != 0x0A, letter != 0x0D else { return nil }
        switch letter {
        case UInt8(ascii: "b"), UInt8(ascii: "t"), UInt8(ascii: "n"), UInt8(ascii: "f"), UInt8(ascii: "r"), UInt8(ascii: "\""),
            UInt8(ascii: "'"), UInt8(ascii: "\\"):
            position += 1
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            position += 1
        default:
            note(.mofIllegalConstantValue, "expected one of b t n f r \" ' \\ x after '\\'", at: start)
            return nil
        }
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            var unit: UInt16 = 0
            var digits = 0
            while digits < 4, let digit = byte().flatMap(Lexer.hexadecimalDigit) {
                unit = unit << 4 | digit
                digits += 1
                position += 1
            }
            if digits > 0 { return unit }
            note(.mofIllegalConstantValue, "expected one to four hexadecimal digits after '\\x'", at: start)
            return nil
        default: return UInt16(letter)
        }
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 0x30...0x39: UInt16(byte - 0x30)
        case 0x41...0x46: UInt16(byte - 0x37)
        case 0x61...0x66: UInt16(byte - 0x57)
        default: nil
        }
    }
}
