/// An identifier of CIM: compared without regard to case (ASCII letters), spelled as given.
///
/// Comparing and hashing allocate nothing. Bytes above 0x7F are compared as they are.
public struct CIMName: Hashable, Sendable {
    /// The spelling.
    public let text: String

    /// Keeps `text` as it is; use `isValidIdentifier(_:)` where the text comes from outside.
    public init(_ text: String) { self.text = text }

    public static func == (left: CIMName, right: CIMName) -> Bool { equal(left.text, right.text) }

    public func hash(into hasher: inout Hasher) { CIMName.hash(text, into: &hasher) }
}

extension CIMName {
    /// Whether two names differ at most in the case of ASCII letters.
    @inlinable
    public static func equal(_ left: String, _ right: String) -> Bool {
        let left = left.utf8
        let right = right.utf8
        guard left.count == right.count else { return false }
        let fast = left.withContiguousStorageIfAvailable { leftBytes in
            right.withContiguousStorageIfAvailable { rightBytes in
                for (one, other) in zip(leftBytes, rightBytes) where one != other {
                    guard fold(one) == fold(other) else { return false }
                }
                return true
            }
        }
        if case .some(.some(let isEqual)) = fast { return isEqual }
        return zip(left, right).allSatisfy { fold($0) == fold($1) }
    }

    /// The same for a name that lies in memory as UTF-8.
    @inlinable
    public static func equal(_ left: UnsafeRawBufferPointer, _ right: String) -> Bool {
        left.count == right.utf8.count && zip(left, right.utf8).allSatisfy { fold($0) == fold($1) }
    }

    /// Whether two texts are the same, byte by byte. For `String` two that differ may be equal: "é" in one letter, and in a letter and an accent.
    package static func isSpelled(_ text: String, as other: String) -> Bool {
        text.utf8.count == other.utf8.count && text.utf8.elementsEqual(other.utf8)
    }

    /// Whether a name starts with these letters, in any case.
    public static func hasPrefix(_ name: String, _ prefix: String) -> Bool {
        name.utf8.count >= prefix.utf8.count && zip(name.utf8, prefix.utf8).allSatisfy { fold($0) == fold($1) }
    }

    /// The lower-case form of an ASCII letter, every other byte unchanged.
    @inlinable
    public static func fold(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// The same for eight bytes at once.
    private static func fold(_ bytes: UInt64) -> UInt64 {
        let everyByte: UInt64 = 0x0101_0101_0101_0101
        let low = bytes & (0x7F * everyByte)
        // In each byte's highest bit: whether it is from A on; whether it is behind Z.
        let fromA = low &+ (0x80 - 0x41) * everyByte
        let behindZ = low &+ (0x80 - 0x5B) * everyByte
        return bytes | (fromA & ~behindZ & ~bytes & (0x80 * everyByte)) >> 2
    }

    /// Feeds the folded bytes to the hasher, eight at a time.
    static func hash(_ text: String, into hasher: inout Hasher) {
        let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0), into: &hasher) }
        if isDone == nil { Array(text.utf8).withUnsafeBytes { hash($0, into: &hasher) } }
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer, into hasher: inout Hasher) {
        var next = 0
        while next + 8 <= bytes.count {
            hasher.combine(fold(bytes.loadUnaligned(fromByteOffset: next, as: UInt64.self)))
            next += 8
        }
        var word: UInt64 = 0
        for byte in bytes[next...] { word = word << 8 | UInt64(fold(byte)) }
        hasher.combine(word)
        hasher.combine(UInt8(truncatingIfNeeded: bytes.count - next))
    }

    /// The lower-case spelling (ASCII).
    package static func folded(_ text: String) -> String { String(decoding: text.utf8.map(fold), as: UTF8.self) }

    /// Whether `text` is an identifier: a letter, `_` or a character from U+0080 on, then also digits; at most 255 bytes.
    ///
    /// Names that start with `__` are identifiers, but only the system may define them: see `isSystemName(_:)`.
    public static func isValidIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, isIdentifierStart(first), text.utf8.count <= 255 else { return false }
        return text.utf8.allSatisfy(isIdentifierByte)
    }

    /// Whether `text` starts with `__`, as no class or property of a user may (Semantics H.4).
    public static func isSystemName(_ text: String) -> Bool { text.utf8.starts(with: [0x5F, 0x5F]) }

    package static func isIdentifierStart(_ byte: UInt8) -> Bool { fold(byte) &- 0x61 < 26 || byte == 0x5F || byte >= 0x80 }

    package static func isIdentifierByte(_ byte: UInt8) -> Bool { isIdentifierStart(byte) || byte &- 0x30 < 10 }
}

extension CIMName: Comparable {
    /// Orders by the folded bytes.
    public static func < (left: CIMName, right: CIMName) -> Bool {
        left.text.utf8.lexicographicallyPrecedes(right.text.utf8) { fold($0) < fold($1) }
    }
}

extension CIMName: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) { self.init(value) }

    public var description: String { text }
}
