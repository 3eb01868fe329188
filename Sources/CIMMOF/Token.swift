/// A piece of MOF text with its place.
struct Token: Hashable {
    enum Kind: Hashable {
        case identifier(String)
        case string(String)

        /// Signed, of any size that 64 bits hold with or without a sign.
        case integer(Int128)
        case real(Double)
        case character(UInt16)

        /// `$name`.
        case alias(String)

        /// `#name`.
        case directive(String)

        /// One of `[ ] ( ) { } , ; : =`.
        case punctuation(UInt8)

        /// A literal that cannot be read. The lexer has noted why, so that nobody need complain again.
        case broken
        case end
    }

    var kind: Kind
    var place: Place

    /// A place in the text. Its column is counted only when somebody asks.
    struct Place: Hashable {
        var offset: Int
        var line: Int
        var lineStart: Int
    }

    func isPunctuation(_ scalar: Unicode.Scalar) -> Bool { kind.isPunctuation(scalar) }

    /// How an error names it.
    var text: String {
        switch kind {
        case .identifier(let name): "'\(Token.brief(name))'"
        case .string(let text): "the string \"\(Token.brief(text))\""
        case .integer(let value): "the number \(value)"
        case .real(let value): "the number \(value)"
        case .character: "a character"
        case .alias(let name): "'$\(Token.brief(name))'"
        case .directive(let name): "'#\(Token.brief(name))'"
        case .punctuation(let byte): "'\(Unicode.Scalar(byte))'"
        case .broken: "something that cannot be read"
        case .end: "the end of the text"
        }
    }

    /// At most 64 scalars.
    static func brief(_ text: String) -> String {
        guard text.utf8.count > 64 else { return text }
        var cut = ""
        cut.unicodeScalars.append(contentsOf: text.unicodeScalars.prefix(64))
        return cut.utf8.count < text.utf8.count ? cut + "…" : cut
    }
}

extension Token.Kind {
    func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if case .punctuation(let byte) = self { return UInt32(byte) == scalar.value }
        return false
    }
}
