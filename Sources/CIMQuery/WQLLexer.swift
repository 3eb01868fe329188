import CIM

/// Cuts a query into tokens, left to right, each byte once.
struct WQLLexer {
    let bytes: [UInt8]
    private(set) var position = 0

    /// Bytes looked at, as a measure of the work done.
    private(set) var work = 0
    private var line = 1
    private var column = 1

    /// - Parameter isBounded: false for a text whose length somebody else has judged.
    init(_ text: String, isBounded: Bool = true) throws(QueryError) {
        guard !isBounded || (text.utf8.count <= 4 * WQL.maximumLength && text.utf16.count <= WQL.maximumLength) else {
            throw QueryError(.quotaViolation, "expected at most \(WQL.maximumLength) characters", at: QueryPlace(line: 1, column: 1))
        }
        bytes = Array(text.utf8)
    }

    var place: QueryPlace { QueryPlace(line: line, column: column) }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func byte(ahead: Int) -> UInt8? { position + ahead < bytes.count ? bytes[position + ahead] : nil }

    private mutating func step() {
        guard let byte else { return }
        position += 1
        work += 1
        if byte == 0x0A || (byte == 0x0D && self.byte != 0x0A) {
            line += 1
            column = 1
        } else if byte & 0xC0 != 0x80 {
            column += 1
        }
    }

    mutating func next() throws(QueryError) -> WQLToken {
        while let byte, byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) { step() }
        let start = position
        let place = place
        let kind = try kind(from: place)
        return WQLToken(kind: kind, place: place, range: start..<position)
    }

    private mutating func kind(from place: QueryPlace) throws(QueryError) -> WQLToken.Kind {
        guard let first = byte else { return .end }
        switch first {
        case _ where CIMName.isIdentifierStart(first):
            return .word(try word(from: place))
        case 0x22, 0x27:
            return .string(try string(quote: first, from: place))
        case 0x30...0x39, 0x2B, 0x2D:
            return try number(from: place)
        case 0x2E where byte(ahead: 1).map { $0 &- 0x30 < 10 } ?? false:
            return try number(from: place)
        case 0x3D:
            step()
            return .relational(.equal)
        case 0x21 where byte(ahead: 1) == 0x3D, 0x3C where byte(ahead: 1) == 0x3E:
            step()
            step()
            return .relational(.notEqual)
        case 0x3C, 0x3E:
            step()
            let orEqual = byte == 0x3D
            if orEqual { step() }
            if first == 0x3C { return .relational(orEqual ? .lessOrEqual : .less) }
            return .relational(orEqual ? .greaterOrEqual : .greater)
        case _ where "(),.*{}[]".utf8.contains(first):
            step()
            return .punctuation(first)
        default:
            throw QueryError(.invalidQuery, "expected a word, a constant or an operator, found \(found(at: position))", at: place)
        }
    }

    /// What stands at a byte, quoted for messages.
    func found(at offset: Int) -> String { Excerpt.quoted(bytes, from: offset) }

    private mutating func word(from place: QueryPlace) throws(QueryError) -> String {
        let start = position
        while let byte, CIMName.isIdentifierByte(byte) { step() }
        guard position - start <= WQL.maximumIdentifier else {
            throw QueryError(.invalidQuery, "expected an identifier of at most \(WQL.maximumIdentifier) bytes", at: place)
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Backslash escapes backslash and the quotes, and nothing else (Semantics I.1).
    private mutating func string(quote: UInt8, from place: QueryPlace) throws(QueryError) -> String {
        step()
        var text: [UInt8] = []
        while let byte {
            let here = self.place
            step()
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            guard byte == 0x5C else {
                text.append(byte)
                continue
            }
            guard let escaped = self.byte, escaped == 0x22 || escaped == 0x27 || escaped == 0x5C else {
                throw QueryError(.invalidQuery, "expected '\\', '\"' or ''' after '\\' (a backslash is written '\\\\')", at: here)
            }
            text.append(escaped)
            step()
        }
        throw QueryError(.invalidQuery, "expected a closing \(Unicode.Scalar(quote)), found the end", at: place)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte, byte &- 0x30 < 10 { step() }
        return position - start
    }

    /// [sign] digits [. digits] [e [sign] digits].
    private mutating func number(from place: QueryPlace) throws(QueryError) -> WQLToken.Kind {
        let start = position
        let isNegative = byte == 0x2D
        if isNegative || byte == 0x2B { step() }
        var count = digits()
        var isReal = false
        if byte == 0x2E, byte(ahead: 1).map({ $0 &- 0x30 < 10 }) ?? false {
            isReal = true
            step()
            count += digits()
        }
        var isWhole = count > 0
        if isWhole, let letter = byte, letter | 0x20 == 0x65 {
            isReal = true
            step()
            if byte == 0x2B || byte == 0x2D { step() }
            isWhole = digits() > 0
        }
        guard isWhole, !(byte.map(CIMName.isIdentifierByte) ?? false) else {
            throw QueryError(.invalidQuery, "expected a number, found \(found(at: start))", at: place)
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isReal {
            let padded = text.utf8.first == 0x2E ? "0" + text : text
            guard position - start <= WQL.maximumIdentifier, let value = Double(padded), value.isFinite else {
                throw QueryError(.invalidQuery, "expected a real number of at most 64 bits", at: place)
            }
            return .real(value)
        }
        guard position - start <= 64, let value = Int128(text), value >= Int128(Int64.min), value <= Int128(UInt64.max) else {
            throw QueryError(.invalidQuery, "expected an integer of at most 64 bits", at: place)
        }
        return .integer(value)
    }

    /// The text up to the `}` that closes a path, and past it; a `}` in quotes belongs to the path.
    mutating func bracedPath(from place: QueryPlace) throws(QueryError) -> (text: String, place: QueryPlace) {
        let start = position
        let pathPlace = self.place
        var quote: UInt8?
        while let byte {
            if let open = quote {
                if byte == 0x5C {
                    step()
                } else if byte == open {
                    quote = nil
                }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == 0x7D {
                let text = String(decoding: bytes[start..<position], as: UTF8.self)
                step()
                return (text, pathPlace)
            }
            step()
        }
        throw QueryError(.invalidQuery, "expected a closing '}', found the end", at: place)
    }
}

/// A piece of a query.
struct WQLToken {
    enum Kind: Equatable {
        case word(String)
        case string(String)
        case integer(Int128)
        case real(Double)
        case relational(RelationalOperator)

        /// One of `( ) , . * { } [ ]`.
        case punctuation(UInt8)
        case end
    }

    var kind: Kind
    var place: QueryPlace

    /// Its bytes, for messages.
    var range: Range<Int>
}
