import DBus

/// Text as one element of an object path, as systemd escapes it (`sd_bus_path_encode`), and as logind, hostnamed and many others do.
///
/// Every byte but a letter or a digit becomes `_xx`; so does a digit at the beginning. The empty text is `_`.
public enum BusLabel {
    public static func escape(_ text: String) -> String {
        if text.isEmpty { return "_" }
        var label = ""
        for (position, byte) in text.utf8.enumerated() {
            if isLetter(byte) || (isDigit(byte) && position > 0) {
                label.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                label += digits.utf8.count == 1 ? "_0" + digits : "_" + digits
            }
        }
        return label
    }

    /// Undoes ``escape(_:)``. A `_` without two hexadecimal digits stands for itself, as systemd reads it. Nil where the bytes are no UTF-8.
    public static func unescape(_ label: some StringProtocol) -> String? {
        if label == "_" { return "" }
        var bytes: [UInt8] = []
        var rest = Array(label.utf8)[...]
        while let byte = rest.popFirst() {
            let pair = rest.prefix(2)
            if byte == UInt8(ascii: "_"), pair.count == 2, pair.allSatisfy(isHexadecimal),
                let value = UInt8(String(decoding: pair, as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
    private static func isHexadecimal(_ byte: UInt8) -> Bool { isDigit(byte) || (byte | 0x20) &- 0x61 < 6 }
}
