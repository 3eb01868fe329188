import CIM

/// Reads one query, token by token, without looking back.
struct WQLParser {
    private var lexer: WQLLexer
    private(set) var token: WQLToken
    private var connectives = 0
    /// Whether a broker has checked the query already: then its length and its number of AND and OR are not counted again, and a name may be
    /// one of the keywords, as a class or a property may be called.
    private let isChecked: Bool

    init(_ text: String, isChecked: Bool = false) throws(QueryError) {
        self.isChecked = isChecked
        lexer = try WQLLexer(text, isBounded: !isChecked)
        token = try lexer.next()
    }

    /// Bytes looked at, as a measure of the work done.
    var work: Int { lexer.work }

    mutating func query() throws(QueryError) -> WQLQuery {
        let query: WQLQuery
        if try take("SELECT") {
            query = try select()
        } else if try take("ASSOCIATORS") {
            query = .association(try association(.associators))
        } else if try take("REFERENCES") {
            query = .association(try association(.references))
        } else {
            throw failure("SELECT, ASSOCIATORS OF or REFERENCES OF")
        }
        guard token.kind == .end else { throw failure("the end of the query") }
        return query
    }

    // MARK: Tokens

    mutating func advance() throws(QueryError) { token = try lexer.next() }

    func failure(_ expected: String, status: WBEMStatus = .invalidQuery) -> QueryError {
        QueryError(status, "expected \(expected), found \(lexer.found(at: token.range.lowerBound))", at: token.place)
    }

    /// Whether the next token is the word, in any case.
    func isNext(_ word: String) -> Bool {
        if case .word(let text) = token.kind { CIMName.equal(text, word) } else { false }
    }

    func isNext(_ punctuation: UInt8) -> Bool { token.kind == .punctuation(punctuation) }

    mutating func take(_ word: String) throws(QueryError) -> Bool {
        guard isNext(word) else { return false }
        try advance()
        return true
    }

    mutating func take(_ punctuation: UInt8) throws(QueryError) -> Bool {
        guard isNext(punctuation) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ word: String) throws(QueryError) {
        guard try take(word) else { throw failure(word) }
    }

    /// A name that is no keyword.
    mutating func name(_ what: String) throws(QueryError) -> CIMName {
        guard case .word(let text) = token.kind, isChecked || !WQL.keywords.contains(CIMName(text)) else { throw failure(what) }
        try advance()
        return CIMName(text)
    }

    /// prop[.prop…]
    mutating func propertyPath() throws(QueryError) -> PropertyPath {
        let place = token.place
        var names = [try name("a property")]
        while try take(0x2E) {
            guard names.count < WQL.maximumDottedNames else {
                throw QueryError(.quotaViolation, "expected at most \(WQL.maximumDottedNames) names in a dotted name", at: place)
            }
            names.append(try name("a property after '.'"))
        }
        if isNext(0x5B) { throw failure("no '[': elements of arrays cannot be queried") }
        return PropertyPath(names, place: place)
    }

    mutating func string(_ what: String) throws(QueryError) -> String {
        guard case .string(let text) = token.kind else { throw failure(what) }
        try advance()
        return text
    }

    mutating func seconds32() throws(QueryError) -> UInt32 {
        guard case .integer(let number) = token.kind, let seconds = UInt32(exactly: number) else {
            throw failure("a whole number of seconds")
        }
        try advance()
        return seconds
    }

    // MARK: The path in braces

    mutating func bracedPath() throws(QueryError) -> CIMObjectPath {
        guard isNext(0x7B) else { throw failure("'{'") }
        let (text, place) = try lexer.bracedPath(from: token.place)
        try advance()
        do throws(ObjectPathError) {
            let path = try CIMObjectPath(parsing: text, allowingBlanks: true)
            // An unquoted nested path becomes a quoted one, as it is written.
            return try CIMObjectPath(parsing: path.path)
        } catch {
            var place = place
            for byte in text.utf8.prefix(error.offset ?? 0) {
                if byte == 0x0A {
                    place = QueryPlace(line: place.line + 1, column: 1)
                } else if byte & 0xC0 != 0x80 {
                    place.column += 1
                }
            }
            throw QueryError(.invalidObjectPath, "in the object path: \(error.message)", at: place)
        }
    }

    // MARK: Counting

    mutating func countConnective() throws(QueryError) {
        connectives += 1
        guard isChecked || connectives <= WQL.maximumConnectives else {
            throw failure("at most \(WQL.maximumConnectives) AND and OR", status: .quotaViolation)
        }
    }
}
