/// What stands at a place of a text, as an error message quotes it.
package enum Excerpt {
    /// The most bytes that are quoted.
    private static let length = 64

    /// The text from `offset` on, in quotes. A long text is cut between characters, with `…` behind it. "the end" when nothing follows.
    ///
    /// What a peer sent must not move the cursor of whoever reads the message: what does not print is `?`.
    package static func quoted(_ bytes: [UInt8], from offset: Int) -> String {
        guard offset < bytes.count else { return "the end" }
        var end = min(offset + length, bytes.count)
        while end > offset, end < bytes.count, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        let text = String(decoding: bytes[offset..<end], as: UTF8.self)
        return "'\(text.replacingUnprintable(by: "?"))\(end < bytes.count ? "…" : "")'"
    }

    /// The same for a whole text.
    package static func quoted(_ text: String) -> String { text.isEmpty ? "''" : quoted(Array(text.utf8), from: 0) }
}

extension Unicode.Scalar {
    /// Whether it shows as itself and changes nothing around it. Control characters do not, nor do separators of lines, nor what turns the direction
    /// of the text behind it, or hides in it; but the joiners of many scripts do.
    package var isPrinting: Bool {
        if value >= 0x20, value < 0x7F { return true }
        return switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        case .format: value == 0x200C || value == 0x200D
        default: true
        }
    }
}

extension String {
    /// The text with another character for each that does not print.
    /// - Parameter keepsLines: line feeds stay.
    package func replacingUnprintable(by replacement: Unicode.Scalar, keepsLines: Bool = false) -> String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
        var text = ""
        for scalar in unicodeScalars {
            text.unicodeScalars.append(scalar.isPrinting || keepsLines && scalar == "\n" ? scalar : replacement)
        }
        return text
    }
}
