/// The path of an object, `/org/example/thing`. D-Bus specification, "Valid Object Paths".
public struct ObjectPath: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = Self.fault(of: text) { throw DBusNameError(kind: "object path", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }

    /// `/`.
    public static let root = ObjectPath(verified: "/")

    /// The path one element below this one.
    /// - Parameter element: any text, escaped with ``escape(_:)``.
    public func appending(escaping element: String) -> ObjectPath {
        ObjectPath(verified: (text == "/" ? "/" : text + "/") + Self.escape(element))
    }

    /// The message bus's own object.
    public static let bus = ObjectPath(verified: "/org/freedesktop/DBus")

    /// Whether this path is `ancestor` or lies below it.
    public func isEqual(toOrBelow ancestor: ObjectPath) -> Bool {
        Self.isPath(text, equalToOrBelow: ancestor.text)
    }

    /// The elements, none for the root.
    public var elements: [Substring] { text.split(separator: "/") }

    /// The last element, nil for the root.
    public var lastElement: Substring? { elements.last }

    /// The path above, nil for the root.
    public var parent: ObjectPath? {
        guard text != "/", let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return slash == text.startIndex ? .root : ObjectPath(verified: String(text[..<slash]))
    }

    /// One path element for any text: every byte outside `[A-Za-z0-9]` becomes `_xx` in lower-case hexadecimal; the empty text becomes `_`.
    /// Different texts give different elements; ``unescape(_:)`` undoes it.
    public static func escape(_ element: String) -> String {
        if element.isEmpty { return "_" }
        let digits: [UInt8] = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(element.utf8.count)
        for byte in element.utf8 {
            if NameGrammar.isAlphanumeric(byte) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "_"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text that ``escape(_:)`` made `element` of; nil when it cannot have made it.
    public static func unescape(_ element: some StringProtocol) -> String? {
        if element == "_" { return "" }
        var bytes: [UInt8] = []
        var rest = Array(element.utf8)[...]
        while let byte = rest.popFirst() {
            if NameGrammar.isAlphanumeric(byte) {
                bytes.append(byte)
                continue
            }
            guard byte == UInt8(ascii: "_"), let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
            else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes.isEmpty ? nil : String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    static func isPath(_ path: String, equalToOrBelow ancestor: String) -> Bool {
        if ancestor == "/" || path == ancestor { return true }
        guard path.utf8.count > ancestor.utf8.count, path.utf8.starts(with: ancestor.utf8) else { return false }
        return path.utf8[path.utf8.index(path.startIndex, offsetBy: ancestor.utf8.count)] == UInt8(ascii: "/")
    }

    private static func fault(of text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: "/") else { return "it does not start with a slash" }
        if text.utf8.count == 1 { return nil }
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "/") {
                if previous == byte { return "an element is empty" }
            } else if !NameGrammar.isAlphanumeric(byte), byte != UInt8(ascii: "_") {
                return "it has a character that is not allowed"
            }
            previous = byte
        }
        return previous == UInt8(ascii: "/") ? "it ends with a slash" : nil
    }
}
