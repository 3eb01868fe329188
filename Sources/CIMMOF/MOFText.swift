import CIM

/// Reads MOF text from the bytes of a file.
public enum MOFText {
    /// Reads UTF-8 with or without a byte order mark, and UTF-16 in either byte order. UTF-16 needs a mark, or a first character that shows
    /// the order.
    ///
    /// Bytes in a comment that are not UTF-8 are read as Latin-1, since nothing depends on them.
    ///
    /// - Throws: WBEMMOF_E_INVALID_FILE with the line and column of the first byte that is no character: bytes outside of comments that are
    ///   not UTF-8, a surrogate without its other half, an odd byte at the end of UTF-16.
    /// - Parameter file: the name that the error gives the text.
    public static func decode(_ bytes: [UInt8], file: String = "<buffer>") throws(MOFError) -> String {
        if bytes.starts(with: [0xFF, 0xFE]) { return try utf16(bytes[2...], low: 0, high: 1, file: file) }
        if bytes.starts(with: [0xFE, 0xFF]) { return try utf16(bytes[2...], low: 1, high: 0, file: file) }
        // No MOF holds U+0000, and each begins with a character of ASCII.
        if bytes.count > 1, bytes[0] == 0, bytes[1] != 0 { return try utf16(bytes[...], low: 1, high: 0, file: file) }
        if bytes.count > 1, bytes[1] == 0, bytes[0] != 0 { return try utf16(bytes[...], low: 0, high: 1, file: file) }
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        if let text = String(validating: content, as: UTF8.self) { return text }
        return try MOFTextRepair(content, file: file).text()
    }

    private static func utf16(_ bytes: ArraySlice<UInt8>, low: Int, high: Int, file: String) throws(MOFError) -> String {
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count / 2)
        for index in stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2) {
            units.append(UInt16(bytes[index + low]) | UInt16(bytes[index + high]) << 8)
        }
        if bytes.count.isMultiple(of: 2), let text = String(validating: units, as: UTF16.self) { return text }
        var decoder = UTF16()
        var iterator = units.makeIterator()
        throw failure(after: { if case .scalarValue(let scalar) = decoder.decode(&iterator) { scalar } else { nil } }, file: file)
    }

    /// The error behind the last good character.
    private static func failure(after next: () -> Unicode.Scalar?, file: String) -> MOFError {
        var line = 1
        var column = 1
        var previous: Unicode.Scalar = " "
        while let scalar = next() {
            if scalar == "\r" || (scalar == "\n" && previous != "\r") {
                line += 1
                column = 1
            } else if scalar != "\n" {
                column += 1
            }
            previous = scalar
        }
        return MOFError(
            file: file, line: line, column: column, status: .mofInvalidFile, message: "expected UTF-16, found bytes that are no character")
    }
}

/// Reads a text that is not UTF-8 everywhere.
private struct MOFTextRepair {
    /// Where a byte stands, as far as it matters.
    private enum Region { case code, string, character, lineComment, blockComment }

    private let bytes: ArraySlice<UInt8>
    private let file: String
    private var line = 1
    private var column = 1

    init(_ bytes: ArraySlice<UInt8>, file: String) {
        self.bytes = bytes
        self.file = file
    }

    mutating func step(over byte: UInt8, next: UInt8?) {
        if byte == 0x0A || (byte == 0x0D && next != 0x0A) {
            line += 1
            column = 1
        } else if byte & 0xC0 != 0x80, byte != 0x0D {
            column += 1
        }
    }

    consuming func text() throws(MOFError) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 64)
        var region = Region.code
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte >= 0x80 {
                let length = MOFTextRepair.lengthOfCharacter(bytes[index...])
                if length > 0 {
                    output += bytes[index..<index + length]
                    column += 1
                    index += length
                    continue
                }
                guard region == .lineComment || region == .blockComment else { throw failure(byte, region) }
                output += [0xC0 | byte >> 6, 0x80 | byte & 0x3F]
                column += 1
                index += 1
                continue
            }
            let next = index + 1 < bytes.endIndex ? bytes[index + 1] : nil
            var width = 1
            switch (region, byte) {
            case (.code, UInt8(ascii: "\"")): region = .string
            case (.code, UInt8(ascii: "'")): region = .character
            case (.code, UInt8(ascii: "/")) where next == UInt8(ascii: "/"): region = .lineComment
            case (.code, UInt8(ascii: "/")) where next == UInt8(ascii: "*"):
                region = .blockComment
                width = 2
            case (.string, UInt8(ascii: "\"")), (.character, UInt8(ascii: "'")), (.lineComment, 0x0A), (.lineComment, 0x0D),
                (.character, 0x0A):
                region = .code
            case (.string, UInt8(ascii: "\\")), (.character, UInt8(ascii: "\\")):
                if let next, next < 0x80 { width = 2 }
            case (.blockComment, UInt8(ascii: "*")) where next == UInt8(ascii: "/"):
                region = .code
                width = 2
            default: break
            }
            for offset in index..<index + width {
                output.append(bytes[offset])
                step(over: bytes[offset], next: offset + 1 < bytes.endIndex ? bytes[offset + 1] : nil)
            }
            index += width
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func failure(_ byte: UInt8, _ region: Region) -> MOFError {
        let place = region == .string ? "a string" : region == .character ? "a character" : "the text"
        let number = String(byte, radix: 16, uppercase: true)
        return MOFError(
            file: file, line: line, column: column, status: .mofInvalidFile,
            message:
                "expected UTF-8, found the byte 0x\(number) in \(place); save the file as UTF-8 (it may be Latin-1 or Windows-1252 now)")
    }

    /// How many bytes the UTF-8 character at the start has; 0 where there is none (RFC 3629).
    private static func lengthOfCharacter(_ bytes: ArraySlice<UInt8>) -> Int {
        guard let first = bytes.first else { return 0 }
        let length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
        guard length > 0, bytes.count >= length else { return 0 }
        return String(validating: bytes.prefix(length), as: UTF8.self) == nil ? 0 : length
    }
}
