public import Glibc

/// Why a body could not be read as asked.
///
/// The fault is that of the peer that wrote the body. There are exceptions: `unexpectedSignature` is the reading code's fault, where it did
/// not look at the signature first, and `outOfMemory` is the machine's.
public struct DBusDecodingError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// A value runs past the end of the body, or an element past the end of its array.
        case truncated
        /// An array states more than 64 MiB.
        case arrayTooLong
        /// A string is not UTF-8, or its terminator is missing.
        case invalidString
        /// A boolean other than 0 and 1.
        case invalidBoolean
        /// A name, path or signature that its grammar refuses.
        case invalidName
        /// More than 64 containers deep.
        case tooDeep
        /// A file descriptor that did not come along.
        case unixFD
        /// The body's signature is not the one asked for.
        case unexpectedSignature
        /// The bytes are not there: memory for them could not be had. It says nothing about who sent them.
        case outOfMemory
    }

    public let code: Code
    /// Offset in bytes from the start of the body.
    public let position: Int

    @usableFromInline
    init(_ code: Code, at position: Int) {
        self.code = code
        self.position = position
    }

    public var description: String {
        code == .outOfMemory ? "no memory for a D-Bus body" : "malformed D-Bus body at byte \(position): \(code)"
    }
}

/// A cursor over the bytes of a body, which it reads in place.
///
/// Every read is bounds-checked and throws ``DBusDecodingError``; nothing a peer sends can make it trap. After an error the position is
/// unspecified. It does not check that what is read is what the signature says: compare the signature first (bodies of received
/// messages were validated against it when they came). Copies are independent cursors; each keeps the bytes alive.
///
/// `@unchecked Sendable`: the memory behind `base` is immutable and `owner` keeps it.
@frozen
public struct BodyReader: @unchecked Sendable {
    @usableFromInline let owner: AnyObject?
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let end: Int
    @usableFromInline let isSwapped: Bool
    /// Offset of the next byte from the start of the body.
    public var position: Int { cursor }
    @usableFromInline var cursor: Int

    /// The longest array the protocol allows.
    @usableFromInline static var maximumArrayLength: Int { 64 << 20 }
    /// The most containers around one value that ``readValue(_:)`` and ``skip(type:)`` accept.
    public static var maximumDepth: Int { 64 }

    init(owner: AnyObject?, base: UnsafeRawPointer, count: Int, isSwapped: Bool) {
        self.owner = owner
        self.base = base
        self.end = count
        self.isSwapped = isSwapped
        self.cursor = 0
    }

    /// A reader of a copy of these bytes, which start at an offset that is a multiple of 8.
    public init(copying bytes: UnsafeRawBufferPointer, bigEndian: Bool = false) {
        let storage = MarshalledBytes(copying: bytes)
        self.init(bytes: storage, from: 0, count: storage.count, bigEndian: bigEndian)
    }

    init(bytes: MarshalledBytes, from start: Int, count: Int, bigEndian: Bool) {
        guard let base = bytes.base else {
            self.init(owner: nil, base: bytes.isMissing ? Self.missing : Self.nowhere, count: 0, isSwapped: false)
            return
        }
        self.init(owner: bytes, base: UnsafeRawPointer(base) + start, count: count, isSwapped: bigEndian != Self.hostIsBigEndian)
    }

    /// What an empty body points at; allocated once, never read, never freed.
    nonisolated(unsafe) static let nowhere = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8))

    /// The same for a body that there was no memory for.
    nonisolated(unsafe) private static let missing = UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8))

    /// Whether there was no memory for the bytes.
    var isMissing: Bool { base == Self.missing }

    /// Why there is nothing more to read.
    @usableFromInline
    func runsOut(at position: Int) -> DBusDecodingError {
        DBusDecodingError(isMissing ? .outOfMemory : .truncated, at: position)
    }

    static var hostIsBigEndian: Bool { 1.bigEndian == 1 }

    /// The bytes of the whole body.
    public var count: Int { end }
    /// Whether everything has been read.
    public var isAtEnd: Bool { cursor >= end }

    @inlinable @inline(__always)
    mutating func readFixed<T: FixedWidthInteger>(_ type: T.Type) throws(DBusDecodingError) -> T {
        let size = MemoryLayout<T>.size
        let start = (cursor &+ (size &- 1)) & ~(size &- 1)
        guard start <= end &- size else { throw runsOut(at: cursor) }
        let value = base.loadUnaligned(fromByteOffset: start, as: T.self)
        cursor = start &+ size
        return isSwapped ? value.byteSwapped : value
    }

    @inlinable public mutating func readByte() throws(DBusDecodingError) -> UInt8 { try readFixed(UInt8.self) }
    @inlinable public mutating func readInt16() throws(DBusDecodingError) -> Int16 { try readFixed(Int16.self) }
    @inlinable public mutating func readUInt16() throws(DBusDecodingError) -> UInt16 { try readFixed(UInt16.self) }
    @inlinable public mutating func readInt32() throws(DBusDecodingError) -> Int32 { try readFixed(Int32.self) }
    @inlinable public mutating func readUInt32() throws(DBusDecodingError) -> UInt32 { try readFixed(UInt32.self) }
    @inlinable public mutating func readInt64() throws(DBusDecodingError) -> Int64 { try readFixed(Int64.self) }
    @inlinable public mutating func readUInt64() throws(DBusDecodingError) -> UInt64 { try readFixed(UInt64.self) }
    @inlinable public mutating func readDouble() throws(DBusDecodingError) -> Double { Double(bitPattern: try readFixed(UInt64.self)) }

    @inlinable
    public mutating func readBoolean() throws(DBusDecodingError) -> Bool {
        switch try readFixed(UInt32.self) {
        case 0: return false
        case 1: return true
        default: throw DBusDecodingError(.invalidBoolean, at: cursor)
        }
    }

    /// The bytes of a string or object path, without terminator and unchecked as UTF-8. They live as long as the message or a copy of this reader.
    @inlinable
    public mutating func readStringBytes() throws(DBusDecodingError) -> UnsafeRawBufferPointer {
        let length = Int(try readFixed(UInt32.self))
        return try readTerminated(length)
    }

    /// The bytes of a signature, unchecked. They live as long as the message or a copy of this reader. This is also how a variant starts.
    @inlinable
    public mutating func readSignatureBytes() throws(DBusDecodingError) -> UnsafeRawBufferPointer {
        let length = Int(try readFixed(UInt8.self))
        return try readTerminated(length)
    }

    @inlinable @inline(__always)
    mutating func readTerminated(_ length: Int) throws(DBusDecodingError) -> UnsafeRawBufferPointer {
        let start = cursor
        guard length < end &- start else { throw runsOut(at: start) }
        guard base.load(fromByteOffset: start &+ length, as: UInt8.self) == 0 else { throw DBusDecodingError(.invalidString, at: start) }
        cursor = start &+ length &+ 1
        return UnsafeRawBufferPointer(start: base + start, count: length)
    }

    @inlinable
    public mutating func readString() throws(DBusDecodingError) -> String {
        let bytes = try readStringBytes()
        guard let string = Self.text(bytes) else { throw DBusDecodingError(.invalidString, at: cursor) }
        return string
    }

    @usableFromInline
    static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        // What has been looked at here is not looked at as `String(validating:)` does, which takes five times as long.
        WireText.isText(bytes) ? String(decoding: bytes, as: UTF8.self) : String(validating: bytes, as: UTF8.self)
    }

    public mutating func readObjectPath() throws(DBusDecodingError) -> ObjectPath {
        do { return try ObjectPath(try readString()) } catch { throw DBusDecodingError(.invalidName, at: cursor) }
    }

    public mutating func readSignature() throws(DBusDecodingError) -> Signature {
        let text = String(decoding: try readSignatureBytes(), as: UTF8.self)
        do { return try Signature(text) } catch { throw DBusDecodingError(.invalidName, at: cursor) }
    }

    /// The type of the variant that starts here; the value follows. Fails unless it is one complete type.
    public mutating func readVariantSignature() throws(DBusDecodingError) -> Signature {
        let signature = try readSignature()
        guard signature.isSingleType else { throw DBusDecodingError(.invalidName, at: cursor) }
        return signature
    }

    /// Goes to the first element of an array.
    /// - Parameter elementAlignment: 1, 2, 4 or 8, as the element type asks (8 for structures and dictionary entries).
    /// - Returns: the position where the array ends; read elements until ``isAtEnd(of:)``, then ``leaveArray(_:)``.
    @inlinable
    public mutating func enterArray(elementAlignment: Int) throws(DBusDecodingError) -> Int {
        let length = Int(try readFixed(UInt32.self))
        guard length <= Self.maximumArrayLength else { throw DBusDecodingError(.arrayTooLong, at: cursor) }
        let start = (cursor &+ (elementAlignment &- 1)) & ~(elementAlignment &- 1)
        guard start <= end, length <= end &- start else { throw runsOut(at: cursor) }
        cursor = start
        return start &+ length
    }

    /// Whether the elements of the array that ends at `arrayEnd` have all been read.
    @inlinable
    public func isAtEnd(of arrayEnd: Int) -> Bool { cursor >= arrayEnd }

    /// Fails unless the last element ended where the array ends.
    @inlinable
    public func leaveArray(_ arrayEnd: Int) throws(DBusDecodingError) {
        guard cursor == arrayEnd else { throw runsOut(at: cursor) }
    }

    /// Goes to the end of an array without reading its elements.
    @inlinable
    public mutating func skipArray(elementAlignment: Int) throws(DBusDecodingError) {
        cursor = try enterArray(elementAlignment: elementAlignment)
    }

    /// Goes to the first field of a structure.
    @inlinable
    public mutating func enterStruct() throws(DBusDecodingError) {
        let start = (cursor &+ 7) & ~7
        guard start <= end else { throw runsOut(at: cursor) }
        cursor = start
    }

    /// Goes to the key of a dictionary entry.
    @inlinable
    public mutating func enterDictEntry() throws(DBusDecodingError) { try enterStruct() }

    /// The elements of an `ay`, in place. They live as long as the message or a copy of this reader.
    @inlinable
    public mutating func readByteArray() throws(DBusDecodingError) -> UnsafeRawBufferPointer {
        let arrayEnd = try enterArray(elementAlignment: 1)
        let bytes = UnsafeRawBufferPointer(start: base + cursor, count: arrayEnd &- cursor)
        cursor = arrayEnd
        return bytes
    }

    /// The bytes of the body from `start` to the current position, in place, e.g. to copy a value without decoding it.
    public func bytes(from start: Int) -> UnsafeRawBufferPointer {
        let start = max(0, min(start, cursor))
        return UnsafeRawBufferPointer(start: base + start, count: cursor - start)
    }
}

extension BodyReader {
    /// Whether numbers in the body are in this machine's byte order, so that its bytes may be compared and copied as they are.
    public var hasHostByteOrder: Bool { !isSwapped }

    /// Goes past `bytes` if they come next, as they are; else stays. For what is known in advance, like a name with its variant's type.
    @inlinable
    public mutating func skip(ifNext bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= end &- cursor, let expected = bytes.baseAddress, memcmp(base + cursor, expected, bytes.count) == 0 else {
            return false
        }
        cursor &+= bytes.count
        return true
    }

    /// Goes past everything.
    public mutating func skipToEnd() { cursor = end }

    /// Goes to a position it has been at before; past the end, to the end.
    @inlinable
    public mutating func move(to position: Int) { cursor = max(0, min(position, end)) }

    /// These bytes of the body, as far as it has them, in place. They live as long as the message or a copy of this reader.
    public func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
        let range = range.clamped(to: 0..<end)
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Goes past a number of `size` bytes: 1, 2, 4 or 8.
    @inlinable
    public mutating func skipFixed(_ size: Int) throws(DBusDecodingError) {
        let start = (cursor &+ (size &- 1)) & ~(size &- 1)
        guard start <= end &- size else { throw runsOut(at: cursor) }
        cursor = start &+ size
    }
}
