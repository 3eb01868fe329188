import CIM

/// A date and time as WHERE accepts it (SEMANTICS I.9).
enum DateTimeLiteral {
    /// Reads the 25 characters of CIM, without wildcards, or `yyyy-mm-dd HH:MM:SS:mmm`, which is taken as UTC; nil for anything else.
    static func parse(_ text: String) -> CIMDateTime? {
        if let time = CIMDateTime(text) { return time.hasWildcards ? nil : time }
        let bytes = Array(text.utf8)
        let separators: [Int: UInt8] = [4: 0x2D, 7: 0x2D, 10: 0x20, 13: 0x3A, 16: 0x3A, 19: 0x3A]
        guard bytes.count == 23 else { return nil }
        var digits: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if let separator = separators[index] {
                guard byte == separator else { return nil }
            } else {
                guard byte &- 0x30 < 10 else { return nil }
                if index == 20 { digits.append(0x2E) }
                digits.append(byte)
            }
        }
        return CIMDateTime(String(decoding: digits, as: UTF8.self) + "000+000")
    }
}
