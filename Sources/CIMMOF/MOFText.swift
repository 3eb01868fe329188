import CIM

/// MOF text out of the bytes of a file.
public enum MOFText {
    /// Reads UTF-8 with or without a byte order mark, and UTF-16 of either order with one.
    ///
    /// - Throws: WBEMMOF_E_INVALID_FILE with the line and column of the first byte that is no character: bytes that are not UTF-8, a
    ///   surrogate without its other half, an odd byte at the end of UTF-16.
    /// - Parameter file: what the error calls the text.
    public static func decode(_ bytes: [UInt8], file: String = "<buffer>") throws(MOFError) -> String {
        if bytes.starts(with: [0xFF, 0xFE]) { return try utf16(bytes, low: 0, high: 1, file: file) }
        if bytes.starts(with: [0xFE, 0xFF]) { return try utf16(bytes, low: 1, high: 0, file: file) }
        let content = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
        if let text = String(validating: content, as: UTF8.self) { return text }
        var decoder = UTF8()
        var iterator = content.makeIterator()
        throw failure(after: { if case .scalarValue(let scalar) = decoder.decode(&iterator) { scalar } else { nil } }, "UTF-8", file: file)
    }

    private static func utf16(_ bytes: [UInt8], low: Int, high: Int, file: String) throws(MOFError) -> String {
        var units: [UInt16] = []
        units.reserveCapacity(bytes.count / 2)
        for index in stride(from: 2, to: bytes.count - 1, by: 2) {
            units.append(UInt16(bytes[index + low]) | UInt16(bytes[index + high]) << 8)
        }
        if bytes.count.isMultiple(of: 2), let text = String(validating: units, as: UTF16.self) { return text }
        var decoder = UTF16()
        var iterator = units.makeIterator()
        throw failure(after: { if case .scalarValue(let scalar) = decoder.decode(&iterator) { scalar } else { nil } }, "UTF-16", file: file)
    }

    /// The error behind the last good character.
    private static func failure(after next: () -> Unicode.Scalar?, _ encoding: String, file: String) -> MOFError {
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
            file: file, line: line, column: column, status: .mofInvalidFile,
            message: "expected \(encoding), found bytes that are no character")
    }
}
