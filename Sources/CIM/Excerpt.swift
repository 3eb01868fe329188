/// What stands at a place of a text, as an error message quotes it.
package enum Excerpt {
    /// The most bytes that are quoted.
    private static let length = 64

    /// The text from `offset` on, in quotes. A long text is cut between characters, with `…` behind it. "the end" when nothing follows.
    ///
    /// What a peer sent must not move the cursor of whoever reads the message: control characters are `?`.
    package static func quoted(_ bytes: [UInt8], from offset: Int) -> String {
        guard offset < bytes.count else { return "the end" }
        var end = min(offset + length, bytes.count)
        while end > offset, end < bytes.count, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        let printable = bytes[offset..<end].map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }
        return "'\(String(decoding: printable, as: UTF8.self))\(end < bytes.count ? "…" : "")'"
    }

    /// The same for a whole text.
    package static func quoted(_ text: String) -> String { text.isEmpty ? "''" : quoted(Array(text.utf8), from: 0) }
}
