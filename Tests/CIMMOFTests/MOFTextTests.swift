import CIM
import CIMMOF
import Testing

@Suite("Encodings of MOF files")
struct MOFTextTests {
    private let text = "class A { string s = \"größe 😀\"; };"

    private func utf16(_ text: String, bigEndian: Bool) -> [UInt8] {
        ("\u{FEFF}" + text).utf16.flatMap { bigEndian ? [UInt8($0 >> 8), UInt8($0 & 0xFF)] : [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    }

    @Test("UTF-8 with and without a mark, UTF-16 of both orders: the same text")
    func encodings() throws {
        for bytes in [
            Array(text.utf8), [0xEF, 0xBB, 0xBF] + Array(text.utf8), utf16(text, bigEndian: false), utf16(text, bigEndian: true),
        ] { #expect(try MOFText.decode(bytes) == text) }
        #expect(try MOFText.decode([]) == "" && MOFText.decode([0xFF, 0xFE]) == "")
    }

    @Test("What is no character is an error with its line and column")
    func malformed() {
        func place(_ bytes: [UInt8]) -> String? {
            do throws(MOFError) {
                _ = try MOFText.decode(bytes, file: "x")
                return nil
            } catch { return error.status == .mofInvalidFile ? "\(error.line):\(error.column)" : nil }
        }
        #expect(place(Array("a\r\nbé\n\nc".utf8) + [0x80]) == "4:2")
        #expect(place([0xEF, 0xBB, 0xBF, 0x61, 0xFF]) == "1:2")
        #expect(place([0xFF, 0xFE, 0x61, 0x00, 0x00, 0xD8]) == "1:2")
        #expect(place([0xFF, 0xFE, 0x61, 0x00, 0x62]) == "1:2")
    }

    @Test("W24: UTF-16 without a mark is told by its first character")
    func utf16WithoutMark() throws {
        #expect(try MOFText.decode(Array(utf16(text, bigEndian: false).dropFirst(2))) == text)
        #expect(try MOFText.decode(Array(utf16(text, bigEndian: true).dropFirst(2))) == text)
    }

    @Test(
        "W24: bytes in a comment that are not UTF-8 are read as Latin-1; anywhere else they are an error that says where, and what to do"
    )
    func latin1() throws {
        let bytes =
            Array("// \"".utf8) + [0xA9] + Array(" é\nclass A { /* 'it".utf8) + [0xFF, 0x2A, 0x2F]
            + Array(" string a = \"// \\\"é\"; };".utf8)
        let text = try MOFText.decode(bytes)
        #expect(text == "// \"© é\nclass A { /* 'itÿ*/ string a = \"// \\\"é\"; };")
        #expect(try MOFParser.parse(text).classes[0].properties[0].defaultValue == "// \"é")
        func error(_ bytes: [UInt8]) -> MOFError? { #expect(throws: MOFError.self) { try MOFText.decode(bytes, file: "x") } }
        let inString = error(Array("// ".utf8) + [0xE9] + Array("\n[d(\"é\\\" // ".utf8) + [0x92] + Array("\")] class A {};".utf8))
        #expect(inString?.status == .mofInvalidFile && inString?.line == 2 && inString?.column == 12, "\(String(describing: inString))")
        #expect(inString?.message.contains("0x92 in a string") ?? false && inString?.message.contains("UTF-8") ?? false)
        #expect(error(Array("class B".utf8) + [0xE4] + Array(" {};".utf8))?.message.contains("in the text") ?? false)
        // A surrogate, an overlong form, and a character that is cut off.
        for wrong: [UInt8] in [[0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF0, 0x9F, 0x98]] {
            #expect(error(Array("\"".utf8) + wrong)?.column == 2)
            #expect(try MOFText.decode(Array("//".utf8) + wrong).unicodeScalars.count == 2 + wrong.count)
        }
    }
}
