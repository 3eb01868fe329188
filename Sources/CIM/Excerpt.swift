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
        if utf8.withContiguousStorageIfAvailable({ Self.isPrintableASCII(UnsafeRawBufferPointer($0)) }) == true { return self }
        var text = ""
        for scalar in unicodeScalars {
            text.unicodeScalars.append(scalar.isPrinting || keepsLines && scalar == "\n" ? scalar : replacement)
        }
        return text
    }

    /// Eight bytes at a time: most text is.
    private static func isPrintableASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var place = 0
        var seen: UInt64 = 0
        while place + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            // The high bit of a byte is left where that is above 0x7F, below 0x20, or 0x7F.
            let low = ~word & 0x6060_6060_6060_6060
            seen |= word | (low & (low << 1) & 0x4040_4040_4040_4040) << 1
            seen |= word &+ 0x0101_0101_0101_0101
            place += 8
        }
        if seen & 0x8080_8080_8080_8080 != 0 { return false }
        while place < bytes.count {
            guard bytes[place] >= 0x20, bytes[place] < 0x7F else { return false }
            place += 1
        }
        return true
    }
}
