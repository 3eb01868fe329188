import CIM

/// Lays MOF out anew: indentation, spaces and line ends. Every token and every comment stays, and so do the author's line breaks and single
/// blank lines.
public struct MOFFormatter {
    /// How far a line is indented at most, so that deep nesting cannot blow up the text.
    private static let maximumIndent = 64

    private static let blanks: [UInt8] = Array(repeating: 0x20, count: maximumIndent)

    /// A brace, bracket or parenthesis that is open.
    private struct Open {
        /// Whether it holds statements, each with a semicolon.
        var isBody: Bool

        /// The indentation of the line it is on.
        var indent: Int

        /// Whether a statement had begun before it: not so for the qualifiers of what follows.
        var isInStatement: Bool
    }

    private var output: [UInt8] = []
    private var opens: [Open] = []
    private var isInStatement = false
    private var isInPragma = false

    /// Whether the next token starts a line, whatever the author did.
    private var mustBreak = false
    private var lineIndent = 0
    private var lastLine = 1
    private var last: Token.Kind?
    private var isAfterComment = false
    private var isAfterBodyStart = false

    /// Whether the last two tokens were `of` and a name.
    private var isAfterInstance = false

    /// Formats a text. Formatting what was formatted changes nothing.
    ///
    /// - Throws: up to 20 errors for what the lexer cannot read. The formatter lays out anything else, whether it is MOF or not.
    ///
    /// Time is linear in the length of the text.
    public static func format(_ text: String, file: String = "<buffer>") throws(MOFErrors) -> String {
        var lexer = Lexer(text, file: file, keepsComments: true)
        var formatter = MOFFormatter()
        while true {
            let token = lexer.next()
            if let errors = errors(in: lexer) { throw errors }
            lexer.faults = []
            for comment in lexer.comments { formatter.add(comment, in: lexer.bytes) }
            guard token.kind != .end else { break }
            formatter.add(token, lexer.bytes[token.place.offset..<lexer.position])
            // A string may go over line breaks.
            formatter.lastLine = lexer.place.line
        }
        if !formatter.output.isEmpty { formatter.output.append(0x0A) }
        return String(decoding: formatter.output, as: UTF8.self)
    }

    /// Nil while there are none.
    private static func errors(in lexer: Lexer) -> MOFErrors? {
        guard lexer.faults.contains(where: { !$0.isWarning }) else { return nil }
        let limit = MOFLimits().errors
        var lexer = lexer
        var faults = lexer.faults
        while faults.count < limit {
            lexer.faults = []
            let isEnd = lexer.next().kind == .end
            faults += lexer.faults
            if isEnd { break }
        }
        let errors = faults.filter { !$0.isWarning }.prefix(limit).map { fault in
            MOFError(
                file: lexer.file, line: fault.place.line, column: lexer.column(at: fault.place), status: fault.status,
                message: fault.message)
        }
        return MOFErrors(errors, isTruncated: errors.count >= limit)
    }

    private mutating func add(_ comment: Lexer.Comment, in bytes: [UInt8]) {
        var text = bytes[comment.range]
        while let byte = text.last, byte == 0x20 || byte == 0x09 { text.removeLast() }
        let breaks = output.isEmpty ? 0 : min(comment.line - lastLine, isAfterBodyStart ? 1 : 2)
        if breaks > 0 { breakLine(breaks, indent: contentIndent) } else if !output.isEmpty { output.append(0x20) }
        output += text
        if text.starts(with: [0x2F, 0x2F]) { mustBreak = true }
        lastLine = comment.lastLine
        isAfterComment = true
    }

    private mutating func add(_ token: Token, _ text: ArraySlice<UInt8>) {
        let kind = token.kind
        var breaks = min(token.place.line - lastLine, isAfterBodyStart ? 1 : 2)
        if isInPragma, breaks > 0, opens.isEmpty, !kind.isPunctuation("(") {
            isInPragma = false
            isInStatement = false
        }
        if case .directive = kind {
            breaks = max(breaks, 1)
            isInPragma = true
            isInStatement = false
        }
        let isBody = kind.isPunctuation("{") && startsBody
        var indent = isBody ? min((opens.last?.indent ?? -4) + 4, MOFFormatter.maximumIndent) : contentIndent
        var isBodyEnd = false
        if kind.isPunctuation("}") || kind.isPunctuation("]") || kind.isPunctuation(")"), let closed = opens.popLast() {
            indent = closed.indent
            isInStatement = closed.isInStatement
            isBodyEnd = closed.isBody
            if closed.isBody { breaks = isAfterBodyStart && breaks == 0 && !isAfterComment ? 0 : 1 }
        }
        if kind.isPunctuation(";"), !mustBreak || !isAfterComment { breaks = 0 }
        if mustBreak, !kind.isPunctuation(";") || isAfterComment, !(isBodyEnd && breaks == 0) { breaks = max(breaks, 1) }
        if output.isEmpty { breaks = 0 }
        if breaks > 0 { breakLine(breaks, indent: indent) } else if needsSpace(before: kind, isBody: isBody) { output.append(0x20) }
        output += text
        mustBreak = false
        isAfterBodyStart = false
        note(kind, isBody: isBody)
        if case .identifier = kind {
            if case .identifier(let word)? = last { isAfterInstance = CIMName.equal(word, "of") } else { isAfterInstance = false }
        } else if case .alias = kind {
        } else {
            isAfterInstance = false
        }
        last = kind
        isAfterComment = false
    }

    /// What a token means for those behind it.
    private mutating func note(_ kind: Token.Kind, isBody: Bool) {
        guard case .punctuation(let byte) = kind else {
            isInStatement = true
            return
        }
        switch byte {
        case UInt8(ascii: ";"):
            isInStatement = false
            isInPragma = false
            mustBreak = true
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "("):
            opens.append(Open(isBody: isBody, indent: lineIndent, isInStatement: isInStatement))
            if isBody {
                isInStatement = false
                mustBreak = true
                isAfterBodyStart = true
            }
        case UInt8(ascii: ")") where isInPragma && opens.isEmpty:
            isInPragma = false
            isInStatement = false
            mustBreak = true
        default: break
        }
    }

    private var contentIndent: Int {
        guard let open = opens.last else { return isInStatement ? 4 : 0 }
        return min(open.indent + 4 + (open.isBody && isInStatement ? 4 : 0), MOFFormatter.maximumIndent)
    }

    private mutating func breakLine(_ count: Int, indent: Int) {
        output += repeatElement(0x0A, count: count)
        output += MOFFormatter.blanks.prefix(indent)
        lineIndent = indent
    }

    /// Whether a brace here holds statements: that of a class, or of an instance that is a value.
    private var startsBody: Bool {
        switch last {
        case .identifier?, .alias?: isAfterInstance || (opens.last?.isBody ?? true)
        default: false
        }
    }

    private func needsSpace(before kind: Token.Kind, isBody: Bool) -> Bool {
        guard let last, !output.isEmpty else { return false }
        if isAfterComment { return true }
        guard case .punctuation(let byte) = kind else {
            return !(last.isPunctuation("(") || last.isPunctuation("[") || last.isPunctuation("{"))
        }
        let isAfterName = if case .identifier = last { true } else { false }
        return switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"): false
        case UInt8(ascii: "("): !isAfterName && !last.isPunctuation("(")
        case UInt8(ascii: "["): !isAfterName && !last.isPunctuation("(")
        case UInt8(ascii: "{"): isBody || !(isAfterName || last.isPunctuation("("))
        default: true
        }
    }
}
