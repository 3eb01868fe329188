/// What is wrong with the text of a context, and where in it.
public struct ContextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In bytes, from the beginning of the text.
    public var offset: Int
    public var message: String

    public init(at offset: Int, _ message: String) {
        self.offset = offset
        self.message = message
    }

    public var description: String { message }
}

/// Cuts the text of a context into tokens, and takes them one by one.
struct ContextScanner {
    enum Token: Hashable {
        /// Letters, digits, `_`, `-`, and dots: a keyword, a name, `org.example.Interface.Member`, `.Member`.
        case word(String)
        /// `/org/example/{Name}/*`.
        case path(String)
        /// In single quotes; a quote in it is written twice.
        case text(String)
        case number(Int128)
        /// `->` or one of `( ) [ ] { } , ; | = * :`.
        case symbol(String)
        case end

        var description: String {
            switch self {
            case .word(let text), .symbol(let text), .path(let text): "'\(text.prefix(64))'"
            case .text(let text): "the text '\(text.prefix(64))'"
            case .number(let value): "the number \(value)"
            case .end: "the end"
            }
        }
    }

    private let bytes: [UInt8]
    private var position = 0
    private(set) var token = Token.end
    /// Where the token begins.
    private(set) var offset = 0

    init(_ text: String) throws(ContextError) {
        bytes = Array(text.utf8)
        guard bytes.count <= Self.longestText else {
            throw ContextError(at: 0, "expected a text of at most \(Self.longestText) bytes, found \(bytes.count)")
        }
        try advance()
    }

    static let longestText = 64 << 10

    mutating func advance() throws(ContextError) {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
        offset = position
        guard position < bytes.count else {
            token = .end
            return
        }
        let byte = bytes[position]
        let next = position + 1 < bytes.count ? bytes[position + 1] : 0
        switch byte {
        case UInt8(ascii: "'"): token = .text(try quoted())
        case UInt8(ascii: "/"): token = .path(take { Self.isPathByte($0) })
        case UInt8(ascii: "-") where next == UInt8(ascii: ">"):
            position += 2
            token = .symbol("->")
        case _ where Self.isDigit(byte) || (byte == UInt8(ascii: "-") && Self.isDigit(next)):
            position += 1
            while position < bytes.count, Self.isWordByte(bytes[position]) { position += 1 }
            let text = String(decoding: bytes[offset..<position], as: UTF8.self)
            if let number = Int128(text) {
                token = .number(number)
            } else if text.hasPrefix("0x"), let number = Int128(text.dropFirst(2), radix: 16) {
                token = .number(number)
            } else {
                throw ContextError(at: offset, "expected a number, found '\(text.prefix(64))'")
            }
        case _ where Self.isWordByte(byte): token = .word(take { Self.isWordByte($0) })
        case _ where "()[]{},;|=*:".utf8.contains(byte):
            position += 1
            token = .symbol(String(UnicodeScalar(byte)))
        default:
            throw ContextError(at: offset, "expected a word, a path, a number or a text in single quotes, found something else")
        }
    }

    private mutating func take(while isPart: (UInt8) -> Bool) -> String {
        while position < bytes.count, isPart(bytes[position]) { position += 1 }
        return String(decoding: bytes[offset..<position], as: UTF8.self)
    }

    private mutating func quoted() throws(ContextError) -> String {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if byte != UInt8(ascii: "'") {
                text.append(byte)
            } else if position < bytes.count, bytes[position] == UInt8(ascii: "'") {
                text.append(byte)
                position += 1
            } else {
                return String(decoding: text, as: UTF8.self)
            }
        }
        throw ContextError(at: offset, "expected a closing single quote")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    private static func isWordByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }
    private static func isPathByte(_ byte: UInt8) -> Bool { (isWordByte(byte) && byte != UInt8(ascii: ".")) || "/{}:*".utf8.contains(byte) }
}

extension ContextScanner {
    func unexpected(_ wanted: String) -> ContextError { ContextError(at: offset, "expected \(wanted), found \(token.description)") }

    /// Goes past a keyword if it is next.
    mutating func skip(_ keyword: String) throws(ContextError) -> Bool {
        guard token == .word(keyword) else { return false }
        try advance()
        return true
    }

    mutating func skip(symbol: String) throws(ContextError) -> Bool {
        guard token == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    mutating func expect(symbol: String) throws(ContextError) {
        guard try skip(symbol: symbol) else { throw unexpected("'\(symbol)'") }
    }

    mutating func word(_ wanted: String) throws(ContextError) -> String {
        guard case .word(let text) = token else { throw unexpected(wanted) }
        try advance()
        return text
    }

    mutating func path(_ wanted: String) throws(ContextError) -> String {
        guard case .path(let text) = token else { throw unexpected(wanted) }
        try advance()
        return text
    }

    mutating func text(_ wanted: String) throws(ContextError) -> String {
        guard case .text(let text) = token else { throw unexpected(wanted) }
        try advance()
        return text
    }

    /// A constant: a text, a number, `true`, `false` or `null`.
    mutating func constant() throws(ContextError) -> ContextConstant? {
        let found: ContextConstant
        switch token {
        case .text(let text): found = .text(text)
        case .number(let number): found = .number(number)
        case .word("true"): found = .boolean(true)
        case .word("false"): found = .boolean(false)
        default: return nil
        }
        try advance()
        return found
    }

    /// Items with `,` between them, and the closing symbol.
    mutating func list<Item>(
        to close: String, _ item: (inout ContextScanner) throws(ContextError) -> Item
    ) throws(ContextError) -> [Item] {
        var items: [Item] = []
        if try skip(symbol: close) { return items }
        repeat { items.append(try item(&self)) } while try skip(symbol: ",")
        try expect(symbol: close)
        return items
    }
}
