import CIM

/// Cuts MOF text into tokens, left to right, each byte once.
struct Lexer {
    /// The longest text, in bytes.
    static let maximumLength = 16 << 20

    let bytes: [UInt8]
    let file: String
    var position = 0
    private var line = 1
    private var lineStart = 0
    private var columnMark = (lineStart: 0, offset: 0, column: 1)

    init(_ text: String, file: String) throws(MOFError) {
        self.file = file
        guard text.utf8.count <= Lexer.maximumLength else {
            throw MOFError(
                file: file, line: 1, column: 1, status: .quotaViolation,
                message: "expected at most \(Lexer.maximumLength) bytes, found \(text.utf8.count)")
        }
        bytes = Array(text.utf8)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            position = 3
            lineStart = 3
        }
    }

    /// The byte at `position + ahead`; nil at the end.
    func byte(ahead: Int = 0) -> UInt8? { position + ahead < bytes.count ? bytes[position + ahead] : nil }

    var place: Token.Place { Token.Place(offset: position, line: line, lineStart: lineStart) }

    func failure(_ status: WBEMStatus, _ message: String, at place: Token.Place) -> MOFError {
        let end = min(place.offset, bytes.count)
        let before = bytes[min(place.lineStart, end)..<end]
        let column = before.reduce(1) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 }
        return MOFError(file: file, line: place.line, column: column, status: status, message: message)
    }

    mutating func next() throws(MOFError) -> Token {
        try skipBlanks()
        let start = place
        return Token(kind: try kind(from: start), place: start, column: column(at: start))
    }

    private mutating func kind(from start: Token.Place) throws(MOFError) -> Token.Kind {
        guard let first = byte() else { return .end }
        switch first {
        case _ where Lexer.isIdentifierStart(first):
            return .identifier(identifier())
        case 0x30...0x39, 0x2B, 0x2D, 0x2E:
            return try number(from: start)
        case UInt8(ascii: "\""):
            return .string(try string(from: start))
        case UInt8(ascii: "'"):
            return .character(try character(from: start))
        case UInt8(ascii: "$"), UInt8(ascii: "#"):
            position += 1
            guard let letter = byte(), Lexer.isIdentifierStart(letter) else {
                throw failure(
                    first == UInt8(ascii: "$") ? .mofExpectedAliasName : .mofInvalidPragma,
                    "expected a name after '\(Unicode.Scalar(first))'", at: start)
            }
            let name = identifier()
            return first == UInt8(ascii: "$") ? .alias(name) : .directive(name)
        case _ where "[](){},;:=".utf8.contains(first):
            position += 1
            return .punctuation(first)
        default:
            throw failure(.mofUnrecognizedToken, "expected a token, found '\(Unicode.Scalar(first))'", at: start)
        }
    }

    /// The column of a token that starts on or behind the last one: counted on from there, so that a long line costs no more than a short
    /// one.
    private mutating func column(at start: Token.Place) -> Int {
        if columnMark.lineStart != start.lineStart { columnMark = (start.lineStart, start.lineStart, 1) }
        let passed = bytes[columnMark.offset..<start.offset]
        columnMark = (start.lineStart, start.offset, passed.reduce(columnMark.column) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 })
        return columnMark.column
    }

    static func isIdentifierStart(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == 0x5F || byte >= 0x80 }

    static func isIdentifierByte(_ byte: UInt8) -> Bool { isIdentifierStart(byte) || byte &- 0x30 < 10 }

    private mutating func identifier() -> String {
        let start = position
        while let byte = byte(), Lexer.isIdentifierByte(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// White space and comments.
    private mutating func skipBlanks() throws(MOFError) {
        while let next = byte() {
            switch next {
            case 0x20, 0x09, 0x0B, 0x0C, 0x0A, 0x0D:
                step()
            case UInt8(ascii: "/") where byte(ahead: 1) == UInt8(ascii: "/"):
                while let byte = byte(), byte != 0x0A, byte != 0x0D { position += 1 }
            case UInt8(ascii: "/") where byte(ahead: 1) == UInt8(ascii: "*"):
                let start = place
                position += 2
                while byte() != UInt8(ascii: "*") || byte(ahead: 1) != UInt8(ascii: "/") {
                    guard byte() != nil else { throw failure(.mofUnrecognizedToken, "expected '*/', found the end of the text", at: start) }
                    step()
                }
                position += 2
            default:
                return
            }
        }
    }

    /// Past one byte, counting lines: LF, CR LF, or CR alone.
    private mutating func step() {
        guard let byte = byte() else { return }
        position += 1
        if byte == 0x0A || (byte == 0x0D && self.byte() != 0x0A) {
            line += 1
            lineStart = position
        }
    }
}
