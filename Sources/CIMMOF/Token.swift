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
        case end
    }

    var kind: Kind
    var place: Place

    /// From 1, in Unicode scalars.
    var column: Int

    /// A place in the text. Its column is counted only for an error.
    struct Place: Hashable {
        var offset: Int
        var line: Int
        var lineStart: Int
    }

    func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if case .punctuation(let byte) = kind { return UInt32(byte) == scalar.value }
        return false
    }

    /// How an error names it.
    var text: String {
        switch kind {
        case .identifier(let name): "'\(name)'"
        case .string(let text): "the string \"\(text.prefix(32))\(text.count > 32 ? "…" : "")\""
        case .integer(let value): "the number \(value)"
        case .real(let value): "the number \(value)"
        case .character: "a character"
        case .alias(let name): "'$\(name)'"
        case .directive(let name): "'#\(name)'"
        case .punctuation(let byte): "'\(Unicode.Scalar(byte))'"
        case .end: "the end of the text"
        }
    }
}
