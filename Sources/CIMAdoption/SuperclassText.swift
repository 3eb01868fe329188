import CIM

/// Writes superclasses into the text of a file, and changes nothing else: no line gets another number.
public enum SuperclassText {
    /// - Parameter superclasses: by the names of classes that the text declares without one.
    public static func adding(_ superclasses: [CIMName: String], to text: String) -> String {
        if superclasses.isEmpty { return text }
        var scanner = Scanner(bytes: Array(text.utf8))
        var result: [UInt8] = []
        var copied = 0
        while let word = scanner.word() {
            guard CIMName.equal(word, "class"), let name = scanner.word(), let superclass = superclasses[CIMName(name)] else { continue }
            result += scanner.bytes[copied..<scanner.position]
            copied = scanner.position
            // `class Name {` alone: with an alias or a superclass it says more than this knows.
            scanner.skipBlank()
            if scanner.next == UInt8(ascii: "{") { result += Array(" : \(superclass)".utf8) }
        }
        result += scanner.bytes[copied...]
        return String(decoding: result, as: UTF8.self)
    }

    /// Goes from word to word, past comments and quoted texts.
    private struct Scanner {
        let bytes: [UInt8]
        var position = 0

        var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        mutating func word() -> String? {
            while let byte = next {
                if Self.isWordByte(byte) {
                    let start = position
                    while let byte = next, Self.isWordByte(byte) { position += 1 }
                    return String(decoding: bytes[start..<position], as: UTF8.self)
                }
                if !skipComment() { skipOther() }
            }
            return nil
        }

        mutating func skipBlank() {
            while let byte = next {
                if byte <= 0x20 { position += 1 } else if !skipComment() { return }
            }
        }

        private mutating func skipComment() -> Bool {
            guard next == UInt8(ascii: "/"), position + 1 < bytes.count else { return false }
            switch bytes[position + 1] {
            case UInt8(ascii: "/"):
                while let byte = next, byte != 0x0A { position += 1 }
            case UInt8(ascii: "*"):
                position += 2
                while position < bytes.count, !(bytes[position - 1] == UInt8(ascii: "/") && bytes[position - 2] == UInt8(ascii: "*")) {
                    position += 1
                }
            default: return false
            }
            return true
        }

        /// One byte, or all of a quoted text.
        private mutating func skipOther() {
            let quote = bytes[position]
            position += 1
            guard quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { return }
            while let byte = next, byte != quote { position += byte == UInt8(ascii: "\\") ? 2 : 1 }
            position += 1
        }

        private static func isWordByte(_ byte: UInt8) -> Bool {
            byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") || byte >= 0x80
        }
    }
}
