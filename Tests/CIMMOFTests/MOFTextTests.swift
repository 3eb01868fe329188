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
}
