import CIM

extension MOFParser {
    /// `("file")`, or `"file"` for WMI's `#include`. What follows is read from that file first.
    mutating func include(isPragma: Bool) throws(MOFError) {
        if isPragma { try expect("(", .mofExpectedOpenParen) }
        let place = token.place
        guard case .string = token.kind else { throw unexpected(.mofErrorInvalidIncludeFile, expected: "a file in double quotes") }
        let name = concatenatedString()
        if isPragma { try expect(")", .mofExpectedCloseParen) }
        guard errors.count < context.limits.errors else { return }
        do throws(MOFError) {
            let source = try included(name, at: place)
            including.append((lexer, token))
            lexer = Lexer(source.text, file: source.file)
            token = Token(kind: .end, place: lexer.place)
            advance()
            previous = nil
        } catch {
            report(error)
        }
    }

    private mutating func included(_ name: String, at place: Token.Place) throws(MOFError) -> MOFSource {
        guard let include = context.include else {
            throw failure(.mofErrorInvalidIncludeFile, "expected a text without includes, found \"\(Token.brief(name))\"", at: place)
        }
        guard including.count < context.limits.includeDepth else {
            throw failure(.quotaViolation, "expected includes at most \(context.limits.includeDepth) deep", at: place)
        }
        let source: MOFSource
        do throws(MOFError) { source = try include(name, lexer.file) } catch {
            guard error.line == 0 else { throw error }
            throw failure(error.status, error.message, at: place)
        }
        guard source.file != lexer.file, !including.contains(where: { $0.lexer.file == source.file }) else {
            throw failure(
                .mofErrorInvalidIncludeFile,
                "expected a file that does not include this one, found a cycle through \(Token.brief(source.file))", at: place)
        }
        // A little for the file itself, so that empty files count as well.
        let size = source.text.utf8.count + 64
        guard size <= context.limits.bytes - bytes else {
            throw failure(.quotaViolation, "expected at most \(context.limits.bytes) bytes in all, found more", at: place)
        }
        bytes += size
        return source
    }
}
