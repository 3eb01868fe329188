import CIM

/// What a brace that is open holds.
enum Brace {
    /// Features or property values, each with a semicolon.
    case body

    /// Values with commas.
    case array
}

extension MOFParser {
    /// Whether a declaration starts here, wherever here is.
    mutating func startsDeclaration() -> Bool {
        guard case .identifier(let word) = token.kind else {
            if case .directive = token.kind { return true }
            return false
        }
        switch word.utf8.count {
        case 5 where CIMName.equal(word, "class"):
            if case .identifier = peek().kind { return true }
            return false
        case 8 where CIMName.equal(word, "instance"):
            if case .identifier(let next) = peek().kind { return CIMName.equal(next, "of") }
            return false
        case 9 where CIMName.equal(word, "qualifier"):
            var ahead = lexer
            guard case .identifier = ahead.next().kind else { return false }
            finishedSteps += 2
            return ahead.next().isPunctuation(":")
        default: return false
        }
    }

    /// Reports an error inside a body, and goes behind the next semicolon of that body or to its closing brace.
    ///
    /// - Throws: the error again, when the body never ends or another declaration starts.
    mutating func recover(from error: MOFError, level: Int) throws(MOFError) {
        guard !isAbandoned else { throw error }
        record(error)
        guard resynchronize(level: level) else {
            isAbandoned = true
            throw error
        }
    }

    /// Passes tokens without looking for errors in them, until `level` braces are open and a semicolon was passed or the next token closes
    /// the innermost of them. False at the end of the text and where a declaration starts.
    mutating func resynchronize(level: Int) -> Bool {
        while true {
            switch token.kind {
            case .end, .directive:
                return false
            case .punctuation(UInt8(ascii: ";")):
                while braces.count > level, braces.last == .array { braces.removeLast() }
                pass()
                if braces.count <= level { return true }
            case .punctuation(UInt8(ascii: "{")):
                braces.append(isValueNext ? .array : .body)
                pass()
            case .punctuation(UInt8(ascii: "}")):
                if braces.count > level {
                    braces.removeLast()
                } else if level > 0, !peek().isPunctuation("]") {
                    return true
                }
                pass()
            case .identifier where startsDeclaration() && (!isKeyword("instance") || isStatementBefore):
                return false
            default:
                pass()
            }
        }
    }

    /// Goes to the next declaration, past the ends of brackets and braces that were left open.
    mutating func resynchronizeAtTop() {
        _ = resynchronize(level: 0)
        while token.isPunctuation("}") || token.isPunctuation(";") { pass() }
    }

    private var isValueNext: Bool {
        guard case .punctuation(let byte) = previous else { return false }
        return byte == UInt8(ascii: "=") || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "{")
    }

    private var isStatementBefore: Bool {
        switch previous {
        case nil, .punctuation(UInt8(ascii: ";")), .punctuation(UInt8(ascii: "}")), .punctuation(UInt8(ascii: "]")): true
        default: false
        }
    }

    private mutating func pass() {
        previous = token.kind
        token = lexer.next()
        lexer.faults = []
    }
}
