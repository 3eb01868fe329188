/// Why a text is not the D-Bus name it was meant to be. D-Bus specification, "Valid Names".
///
/// The fault is that of whoever wrote the text. A literal of the program that is no name is a fault of the program, and traps
/// (``DBusName/init(staticString:)``).
public struct DBusNameError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was wanted, in words: "interface name".
    public let kind: String
    /// The text that was refused.
    public let text: String
    /// What is wrong with it.
    public let reason: String

    public var description: String { "not a D-Bus \(kind): \(reason): \"\(text.prefix(300))\"" }
}

/// A validated D-Bus name: its only public constructors check the grammar, so a value of the type needs no second look.
public protocol DBusName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The name as it is written on the wire.
    var text: String { get }
    /// Throws ``DBusNameError`` when `text` breaks the grammar of this kind of name.
    init(_ text: String) throws(DBusNameError)
    /// For text already known to be valid: it was checked when it came, or is a constant of this module.
    init(verified text: String)
}

extension DBusName {
    /// A constant of the program. Only a literal can be a `StaticString`, so what a peer sends never comes here; a misspelt literal traps.
    public init(staticString literal: StaticString) {
        do throws(DBusNameError) {
            self = try Self(literal.description)
        } catch {
            preconditionFailure(error.description)
        }
    }

    public var description: String { text }

    public static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

/// The grammars, over UTF-8. Each answers nil for a valid text, else what is wrong.
enum NameGrammar {
    static let maximumLength = 255

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: false
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    /// Two or more elements between dots.
    static func dotted(_ utf8: some Collection<UInt8>, hyphen: Bool, leadingDigit: Bool) -> String? {
        if utf8.isEmpty { return "it is empty" }
        if utf8.count > maximumLength { return "it is longer than 255 bytes" }
        var elementLength = 0
        var dots = 0
        for byte in utf8 {
            if byte == UInt8(ascii: ".") {
                if elementLength == 0 { return "an element is empty" }
                dots += 1
                elementLength = 0
                continue
            }
            guard isAlphanumeric(byte) || byte == UInt8(ascii: "_") || (hyphen && byte == UInt8(ascii: "-")) else {
                return "it has a character that is not allowed"
            }
            if elementLength == 0, !leadingDigit, isDigit(byte) { return "an element starts with a digit" }
            elementLength += 1
        }
        if elementLength == 0 { return "an element is empty" }
        return dots == 0 ? "it has only one element" : nil
    }

    static func member(_ text: String) -> String? { member(text.utf8) }

    static func member(_ utf8: some Collection<UInt8>) -> String? {
        guard let first = utf8.first else { return "it is empty" }
        if utf8.count > maximumLength { return "it is longer than 255 bytes" }
        if isDigit(first) { return "it starts with a digit" }
        return utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") } ? nil : "it has a character that is not allowed"
    }

    static func unique(_ text: String) -> String? {
        guard text.utf8.first == UInt8(ascii: ":") else { return "it does not start with a colon" }
        if text.utf8.count > maximumLength { return "it is longer than 255 bytes" }
        return dotted(text.utf8.dropFirst(), hyphen: true, leadingDigit: true)
    }

    /// The name of a connection, unique or well-known.
    static func bus(_ utf8: UnsafeRawBufferPointer) -> String? {
        guard utf8.first == UInt8(ascii: ":") else { return dotted(utf8, hyphen: true, leadingDigit: false) }
        if utf8.count > maximumLength { return "it is longer than 255 bytes" }
        return dotted(UnsafeRawBufferPointer(rebasing: utf8.dropFirst()), hyphen: true, leadingDigit: true)
    }

    static func wellKnown(_ text: String) -> String? { dotted(text.utf8, hyphen: true, leadingDigit: false) }

    static func interface(_ text: String) -> String? { dotted(text.utf8, hyphen: false, leadingDigit: false) }
}
