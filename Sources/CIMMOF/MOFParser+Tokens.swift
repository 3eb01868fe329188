import CIM

extension MOFParser {
    mutating func advance() {
        lastLine = lexer.place.line
        previous = token.kind
        token = lexer.next()
        guard !lexer.faults.isEmpty else { return }
        let faults = lexer.faults
        lexer.faults = []
        for fault in faults {
            if fault.isWarning {
                warn(fault.message, at: fault.place)
            } else {
                report(failure(fault.status, fault.message, at: fault.place))
            }
        }
    }

    /// The token behind this one.
    mutating func peek() -> Token {
        var ahead = lexer
        finishedSteps += 1
        return ahead.next()
    }

    func isKeyword(_ word: String) -> Bool {
        if case .identifier(let name) = token.kind { return CIMName.equal(name, word) }
        return false
    }

    mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard token.isPunctuation(scalar) else { return false }
        advance()
        return true
    }

    mutating func skipKeyword(_ word: String) -> Bool {
        guard isKeyword(word) else { return false }
        advance()
        return true
    }

    mutating func expect(_ scalar: Unicode.Scalar, _ status: WBEMStatus) throws(MOFError) {
        guard skip(scalar) else { throw unexpected(status, expected: "'\(scalar)'") }
    }

    /// A semicolon. A semicolon that is missing at the end of a line, or before '}', is reported, and parsing goes on as if it were there.
    mutating func semicolon() throws(MOFError) {
        if skip(";") { return }
        let error = unexpected(.mofExpectedSemi, expected: "';'")
        let isAtLineEnd: Bool
        switch token.kind {
        case .identifier, .directive: isAtLineEnd = token.place.line > lastLine
        case .punctuation(UInt8(ascii: "[")): isAtLineEnd = token.place.line > lastLine
        case .punctuation(UInt8(ascii: "}")): isAtLineEnd = !braces.isEmpty
        default: isAtLineEnd = false
        }
        guard isAtLineEnd else { throw error }
        report(error)
    }

    mutating func name(_ what: String, _ status: WBEMStatus, tooWide: WBEMStatus) throws(MOFError) -> String {
        guard case .identifier(let name) = token.kind else { throw unexpected(status, expected: what) }
        if name.utf8.count > 255 { report(failure(tooWide, "expected \(what) of at most 255 bytes, found \(name.utf8.count)")) }
        advance()
        return name
    }

    mutating func className() throws(MOFError) -> String {
        try name("a class name", .mofExpectedClassName, tooWide: .classNameTooWide)
    }

    mutating func open(_ brace: Brace) throws(MOFError) {
        try expect("{", .mofExpectedOpenBrace)
        braces.append(brace)
    }

    mutating func close() throws(MOFError) {
        guard token.isPunctuation("}") else { throw unexpected(.mofExpectedCloseBrace, expected: "'}'") }
        _ = braces.popLast()
        advance()
    }

    /// Strings side by side are one string.
    mutating func concatenatedString() -> String {
        guard case .string(var text) = token.kind else { return "" }
        advance()
        while case .string(let piece) = token.kind {
            text += piece
            advance()
        }
        return text
    }
}

// MARK: - Errors

extension MOFParser {
    mutating func failure(_ status: WBEMStatus, _ message: String, at place: Token.Place? = nil) -> MOFError {
        let place = place ?? token.place
        return MOFError(file: lexer.file, line: place.line, column: lexer.column(at: place), status: status, message: message)
    }

    mutating func unexpected(_ status: WBEMStatus, expected: String) -> MOFError {
        var message = "expected \(expected), found \(token.text)"
        // The token before this one, or this one.
        if let broken = lexer.lastBrokenString, lexer.steps - broken.step <= 1 {
            message += "; the string that starts on line \(broken.line) has a line break in it: is its closing '\"' missing?"
        }
        return failure(status, message)
    }

    mutating func warn(_ message: String, at place: Token.Place) {
        guard unit.warnings.count < context.limits.warnings else { return }
        unit.warnings.append(MOFWarning(file: lexer.file, line: place.line, column: lexer.column(at: place), message: message))
    }

    /// Adds an error that does not keep the parser from going on where it is. At the limit everything ends.
    mutating func report(_ error: MOFError) {
        guard errors.count < context.limits.errors else { return }
        errors.append(error)
        isFaulty = true
        guard errors.count >= context.limits.errors else { return }
        for outer in including { finishedSteps += outer.lexer.steps }
        including = []
        lexer.finish()
        token.kind = .end
    }

    /// Adds an error that was thrown, unless the lexer has said already what is wrong there.
    mutating func record(_ error: MOFError) {
        if token.kind != .broken { report(error) }
    }
}
