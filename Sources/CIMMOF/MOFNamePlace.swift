import CIM

/// Where a text says a name first, outside strings and comments.
public struct MOFNamePlace: Hashable, Sendable {
    /// From 1.
    public var line: Int
    public var column: Int

    /// Nil where no line of these says the name, in any case of it.
    public init?(of name: String, in text: String, lines: ClosedRange<Int>) {
        var lexer = Lexer(text, file: "")
        while true {
            let token = lexer.next()
            if token.kind == .end || token.place.line > lines.upperBound { return nil }
            guard token.place.line >= lines.lowerBound, case .identifier(let word) = token.kind, CIMName.equal(word, name) else { continue }
            line = token.place.line
            column = lexer.column(at: token.place)
            return
        }
    }
}
