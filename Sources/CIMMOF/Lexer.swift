import CIM

/// Cuts MOF text into tokens, left to right, each byte once.
///
/// The lexer never fails. It notes text that it cannot read in `faults`, and goes on behind it.
struct Lexer {
    /// Why a piece of text is no token, or what is odd about one, and where.
    struct Fault {
        var status: WBEMStatus
        var message: String
        var place: Token.Place

        /// Whether the text was read all the same.
        var isWarning = false
    }

    /// A comment as it stands in the text.
    struct Comment {
        var range: Range<Int>
        var line: Int
        var lastLine: Int
    }

    let bytes: [UInt8]
    let file: String
    var position = 0

    /// What was wrong since somebody last took note.
    var faults: [Fault] = []

    /// The last string with a line break in it: the line where it starts, and which token it is.
    var lastBrokenString: (line: Int, step: Int)?

    /// The comments before the last token; kept only when asked for.
    var comments: [Comment] = []

    /// How many tokens were cut.
    private(set) var steps = 0

    /// Whether strings are names of files, in which a backslash stands for itself: those behind `#include` and `#pragma include(`.
    private(set) var readsFileNames = false
    private var isInPragma = false
    private let keepsComments: Bool
    private var line = 1
    private var lineStart = 0
    private var columnMark = (lineStart: 0, offset: 0, column: 1)

    init(_ text: String, file: String, keepsComments: Bool = false) {
        self.file = file
        self.keepsComments = keepsComments
        bytes = Array(text.utf8)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            position = 3
            lineStart = 3
        }
    }

    /// The byte at `position + ahead`; nil at the end.
    func byte(ahead: Int = 0) -> UInt8? { position + ahead < bytes.count ? bytes[position + ahead] : nil }

    var place: Token.Place { Token.Place(offset: position, line: line, lineStart: lineStart) }

    mutating func note(_ status: WBEMStatus, _ message: String, at place: Token.Place) {
        faults.append(Fault(status: status, message: message, place: place))
    }

    mutating func warn(_ message: String, at place: Token.Place) {
        faults.append(Fault(status: .noError, message: message, place: place, isWarning: true))
    }

    /// From here on there are no more tokens.
    mutating func finish() {
        position = bytes.count
        faults = []
    }

    /// From 1, in Unicode scalars. Counted on from the last place asked for where that is on the same line, so that a long line costs no more
    /// than a short one.
    mutating func column(at place: Token.Place) -> Int {
        if columnMark.lineStart != place.lineStart || columnMark.offset > place.offset {
            columnMark = (place.lineStart, place.lineStart, 1)
        }
        for byte in bytes[columnMark.offset..<max(columnMark.offset, min(place.offset, bytes.count))] where byte & 0xC0 != 0x80 {
            columnMark.column += 1
        }
        columnMark.offset = place.offset
        return columnMark.column
    }

    mutating func next() -> Token {
        steps += 1
        if keepsComments { comments = [] }
        while true {
            skipBlanks()
            let start = place
            if let kind = kind(from: start) {
                noteFileNames(behind: kind)
                return Token(kind: kind, place: start)
            }
        }
    }

    private mutating func noteFileNames(behind kind: Token.Kind) {
        switch kind {
        case .directive(let name):
            isInPragma = CIMName.equal(name, "pragma")
            readsFileNames = CIMName.equal(name, "include")
            return
        case .identifier(let name) where isInPragma: readsFileNames = CIMName.equal(name, "include")
        case .string, .punctuation(UInt8(ascii: "(")): return
        default: readsFileNames = false
        }
        isInPragma = false
    }

    /// Nil for bytes that start no token: they are noted and passed.
    private mutating func kind(from start: Token.Place) -> Token.Kind? {
        guard let first = byte() else { return .end }
        switch first {
        case _ where Lexer.isIdentifierStart(first):
            return .identifier(identifier())
        case 0x30...0x39, 0x2B, 0x2D, 0x2E:
            return number(from: start)
        case UInt8(ascii: "\""):
            return string(from: start)
        case UInt8(ascii: "'"):
            return character(from: start)
        case UInt8(ascii: "$"), UInt8(ascii: "#"):
            position += 1
            if first == UInt8(ascii: "#") { skipBlanksOfDirective(from: start) }
            guard let letter = byte(), Lexer.isIdentifierStart(letter) else {
                note(
                    first == UInt8(ascii: "$") ? .mofExpectedAliasName : .mofInvalidPragma,
                    "expected a name after '\(Unicode.Scalar(first))'", at: start)
                return .broken
            }
            let name = identifier()
            return first == UInt8(ascii: "$") ? .alias(name) : .directive(name)
        case _ where Lexer.isPunctuation(first):
            position += 1
            return .punctuation(first)
        default:
            note(.mofUnrecognizedToken, "expected a token, found \(Lexer.spelling(first))", at: start)
            repeat { position += 1 } while byte().map(Lexer.startsNothing) ?? false
            return nil
        }
    }

    private static func spelling(_ byte: UInt8) -> String {
        if byte >= 0x20, byte < 0x7F { return "'\(Unicode.Scalar(byte))'" }
        return "the character U+00\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))"
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "{"), UInt8(ascii: "}"),
            UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    private static func startsNothing(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09...0x0D, 0x20, 0x22...0x24, 0x27, 0x2B, 0x2D...0x2F: false
        default: !Lexer.isIdentifierByte(byte) && !isPunctuation(byte)
        }
    }

    static func isIdentifierStart(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == 0x5F || byte >= 0x80 }

    static func isIdentifierByte(_ byte: UInt8) -> Bool { isIdentifierStart(byte) || byte &- 0x30 < 10 }

    private mutating func identifier() -> String {
        let start = position
        while position < bytes.count, Lexer.isIdentifierByte(bytes[position]) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// White space and comments.
    private mutating func skipBlanks() {
        while position < bytes.count {
            let start = position
            let startLine = line
            switch bytes[position] {
            case 0x20, 0x09, 0x0B, 0x0C, 0x0A, 0x0D:
                step()
                continue
            case UInt8(ascii: "/") where byte(ahead: 1) == UInt8(ascii: "/"):
                while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D { position += 1 }
            case UInt8(ascii: "/") where byte(ahead: 1) == UInt8(ascii: "*"):
                let opening = place
                position += 2
                while position < bytes.count, bytes[position] != UInt8(ascii: "*") || byte(ahead: 1) != UInt8(ascii: "/") { step() }
                if position >= bytes.count { note(.mofUnrecognizedToken, "expected '*/', found the end of the text", at: opening) }
                position = min(position + 2, bytes.count)
            default:
                return
            }
            if keepsComments { comments.append(Comment(range: start..<position, line: startLine, lastLine: line)) }
        }
    }

    /// Blanks between `#` and the word, where there is one behind them.
    private mutating func skipBlanksOfDirective(from start: Token.Place) {
        var ahead = 0
        while let blank = byte(ahead: ahead), blank == 0x20 || blank == 0x09 { ahead += 1 }
        guard ahead > 0, byte(ahead: ahead).map(Lexer.isIdentifierStart) ?? false else { return }
        position += ahead
        warn("expected no blank between '#' and the word behind it; it is passed over", at: start)
    }

    /// How many lines end from here on.
    var lineBreaksAhead: Int {
        bytes.withUnsafeBufferPointer { bytes in
            var count = 0
            var previous: UInt8 = 0
            for byte in bytes[position...] {
                // Of CR LF, the second.
                if byte == 0x0A || previous == 0x0D { count += 1 }
                previous = byte
            }
            return previous == 0x0D ? count + 1 : count
        }
    }

    /// Past one byte, counting lines: LF, CR LF, or CR alone.
    mutating func step() {
        let byte = bytes[position]
        position += 1
        if byte == 0x0A || (byte == 0x0D && self.byte() != 0x0A) {
            line += 1
            lineStart = position
        }
    }
}
