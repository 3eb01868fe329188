import Testing

@testable import CIM

/// What of a peer's text may stand in a log, an error message or a terminal.
@Suite struct PrintingTests {
    @Test(
        "what moves the cursor, breaks the line, turns the direction or hides does not print",
        arguments: [
            "\u{1B}", "\u{7F}", "\u{9B}", "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{202E}", "\u{2066}", "\u{200B}", "\u{FEFF}",
            "\u{AD}",
        ]
            as [Unicode.Scalar])
    func hides(scalar: Unicode.Scalar) {
        #expect(!scalar.isPrinting)
        #expect("a\(scalar)b".replacingUnprintable(by: "?") == "a?b")
    }

    @Test(
        "letters of every script print, with their joiners",
        arguments: ["a", "ß", "日", "\u{0915}", "\u{200D}", "\u{200C}", "€", "\u{301}"] as [Unicode.Scalar])
    func prints(scalar: Unicode.Scalar) { #expect(scalar.isPrinting) }

    @Test("each byte that does not print is found wherever it stands, and each that does is left alone")
    func everyByte() {
        for length in [1, 7, 8, 9, 16, 23] {
            for place in 0..<length {
                for byte in UInt8(0)..<0x80 {
                    var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                    bytes[place] = byte
                    let text = String(decoding: bytes, as: UTF8.self)
                    bytes[place] = byte < 0x20 || byte == 0x7F ? UInt8(ascii: " ") : byte
                    #expect(text.replacingUnprintable(by: " ") == String(decoding: bytes, as: UTF8.self))
                }
            }
        }
    }

    @Test("lines stay where they are wanted, and a quoted excerpt has none")
    func lines() {
        #expect("a\nb\u{202E}c".replacingUnprintable(by: " ", keepsLines: true) == "a\nb c")
        #expect(Excerpt.quoted("a\nb\u{202E}c") == "'a?b?c'")
    }
}
