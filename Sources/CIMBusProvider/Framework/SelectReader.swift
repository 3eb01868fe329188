import CIM

/// Reads a query from left to right, each byte once.
struct SelectReader {
    private enum Token: Equatable {
        case word(String)
        case literal(CIMValue)
        case mark(String)
        case end
    }

    /// Parentheses in parentheses, as deep as the broker lets them be (SEMANTICS I.1 names no number).
    private static let maximumNesting = 64

    private let bytes: [UInt8]
    private var position = 0
    private var token = Token.end

    init(_ text: String) {
        bytes = Array(text.utf8)
        advance()
    }

    // MARK: - Grammar

    /// `SELECT list FROM class`; nil when something else stands there. The list is nil where it is `*`.
    mutating func start() -> (list: [String]?, className: String)? {
        guard take("SELECT") else { return nil }
        var list: [String]?
        if !take(mark: "*") {
            var names: [String] = []
            repeat {
                guard let path = path(), let first = path.first else { return nil }
                names.append(first)
            } while take(mark: ",")
            list = names
        }
        guard take("FROM"), case .word(let className) = token else { return nil }
        advance()
        return (list, className)
    }

    /// `[WHERE condition]`, to the end of the text.
    mutating func condition() -> SelectText.Condition {
        if token == .end { return .and([]) }
        guard take("WHERE"), let condition = disjunction(depth: 0), token == .end else { return .unknown }
        return condition
    }

    private mutating func disjunction(depth: Int) -> SelectText.Condition? {
        guard depth <= Self.maximumNesting else { return nil }
        var conditions: [SelectText.Condition] = []
        repeat {
            guard let condition = conjunction(depth: depth) else { return nil }
            conditions.append(condition)
        } while take("OR")
        return conditions.count == 1 ? conditions[0] : .or(conditions)
    }

    private mutating func conjunction(depth: Int) -> SelectText.Condition? {
        var conditions: [SelectText.Condition] = []
        repeat {
            let isNegated = take("NOT")
            guard let condition = factor(depth: depth) else { return nil }
            conditions.append(isNegated ? .other(properties: condition.properties ?? []) : condition)
        } while take("AND")
        return conditions.count == 1 ? conditions[0] : .and(conditions)
    }

    private mutating func factor(depth: Int) -> SelectText.Condition? {
        if take(mark: "(") {
            guard let condition = disjunction(depth: depth + 1), take(mark: ")") else { return nil }
            return condition
        }
        if let value = literal() {
            guard case .mark(let mark) = token, Self.comparisons.contains(mark) else { return nil }
            advance()
            return path().map { Self.comparison($0, mark, value) }
        }
        guard let path = path() else { return nil }
        if case .mark(let mark) = token, Self.comparisons.contains(mark) {
            advance()
            return literal().map { Self.comparison(path, mark, $0) }
        }
        if take("IS") {
            _ = take("NOT")
            return take("NULL") ? Self.test(path) : nil
        }
        guard take("LIKE") || take("ISA"), literal() != nil else { return nil }
        return Self.test(path)
    }

    private static let comparisons: Set<String> = ["=", "<>", "!=", "<", "<=", ">", ">="]

    /// Nothing equals NULL, and a part of an embedded object bounds the part alone.
    private static func comparison(_ path: [String], _ mark: String, _ value: CIMValue) -> SelectText.Condition {
        mark == "=" && path.count == 1 && !value.isNull ? .equal(property: path[0], value) : test(path)
    }

    private static func test(_ path: [String]) -> SelectText.Condition { .other(properties: Array(path.prefix(1))) }

    /// `prop[.prop…]`
    private mutating func path() -> [String]? {
        var names: [String] = []
        repeat {
            guard case .word(let name) = token else { return nil }
            names.append(name)
            advance()
        } while take(mark: ".")
        return names
    }

    private mutating func literal() -> CIMValue? {
        if case .literal(let value) = token {
            advance()
            return value
        }
        if take("TRUE") { return .boolean(true) }
        if take("FALSE") { return .boolean(false) }
        return take("NULL") ? .null : nil
    }

    private mutating func take(_ word: String) -> Bool {
        guard case .word(let text) = token, CIMName.equal(text, word) else { return false }
        advance()
        return true
    }

    private mutating func take(mark: String) -> Bool {
        guard token == .mark(mark) else { return false }
        advance()
        return true
    }

    // MARK: - Tokens

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func advance() {
        while let byte, byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) { position += 1 }
        guard let byte else { return token = .end }
        if CIMName.isIdentifierStart(byte) {
            token = .word(run { CIMName.isIdentifierByte($0) })
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            token = string(quote: byte)
        } else if byte &- 0x30 < 10 || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") {
            token = number(run { CIMName.isIdentifierByte($0) || "+-.".utf8.contains($0) })
        } else if "<>=!".utf8.contains(byte) {
            token = .mark(run { "<>=!".utf8.contains($0) })
        } else {
            position += 1
            token = .mark(String(decoding: [byte], as: UTF8.self))
        }
    }

    private mutating func run(_ belongs: (UInt8) -> Bool) -> String {
        let start = position
        while let byte, belongs(byte) { position += 1 }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// What is no number, or not closed, is a mark that nothing expects.
    private func number(_ text: String) -> Token {
        guard text.utf8.count <= 4096 else { return .mark("") }
        if let integer = Int128(text) { return .literal(CIMValue(integer: integer)) }
        return Double(text).map { .literal(.real64($0)) } ?? .mark("")
    }

    private mutating func string(quote: UInt8) -> Token {
        var text: [UInt8] = []
        position += 1
        while let byte {
            position += 1
            if byte == quote { return .literal(.string(String(decoding: text, as: UTF8.self))) }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard let escaped = self.byte else { break }
            text.append(escaped)
            position += 1
        }
        return .mark("")
    }
}
