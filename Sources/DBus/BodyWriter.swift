import Glibc

/// Why a body cannot be sent.
///
/// The fault is that of the code that writes, or that of the code that gave it the values: it has to bound and check what it passes on
/// (`stringWithNUL`, `arrayTooLong`, `tooLarge`, `tooDeep`). `outOfMemory` is the machine's.
public struct DBusEncodingError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: Hashable, Sendable {
        /// A string with a NUL in it, which D-Bus cannot carry.
        case stringWithNUL
        /// An array of more than 64 MiB.
        case arrayTooLong
        /// More than 128 MiB in all.
        case tooLarge
        case outOfMemory
        /// An array element, or a dictionary key, of another type than stated; an empty structure.
        case typeMismatch
        /// More than 64 containers deep.
        case tooDeep
        /// File descriptors travel only in messages made of ``DBusValue``s.
        case unixFD
        /// A block made for another alignment; see ``BodyWriter/append(block:phase:)``.
        case misalignedBlock
    }

    public let code: Code
    /// Offset in bytes from the start of the body.
    public let position: Int

    public var description: String { "cannot encode a D-Bus body at byte \(position): \(code)" }
}

/// Writes the bytes of a body.
///
/// The caller states the signature elsewhere and writes exactly what it says; ``BodyValidator`` checks the two against each other before
/// anything is sent. Errors do not interrupt: the first is kept in ``failure``, the message is then not made, and its builder throws.
public struct BodyWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer?
    @usableFromInline var size: Int
    @usableFromInline var capacity: Int
    let storage: MarshalledBytes
    var bodyStart: Int
    /// How many of the message's file descriptors have been written.
    private var writtenDescriptors = 0
    /// The first thing that went wrong, nil while all is well.
    public internal(set) var failure: DBusEncodingError?

    /// Whether something was written of which the writer does not know that it is what its type says.
    private(set) var isDoubtful = false

    /// The largest message the protocol allows, header included.
    static let maximumMessageLength = 128 << 20

    /// A writer of a body by itself, e.g. of a part to be appended to several messages.
    /// - Parameter phase: what the part's offset will be, modulo 8.
    public init(phase: Int = 0) {
        self.init(header: phase & 7)
        if phase & 7 != 0 { append(zeros: phase & 7) }
    }

    /// A writer of a body that lies in one block behind `zeros` bytes and `start`, which together are a multiple of 8.
    init(behind zeros: Int, _ start: UnsafeRawBufferPointer) {
        self.init(header: 0)
        reserve(zeros + start.count + 256)
        append(zeros: zeros)
        append(raw: start)
        bodyStart = size
    }

    private init(header: Int) {
        base = nil
        size = 0
        capacity = 0
        storage = MarshalledBytes()
        bodyStart = header
        failure = nil
    }

    /// The bytes written so far.
    public var count: Int { size - bodyStart }
    /// The offset of the next byte, modulo 8.
    public var phase: Int { size & 7 }

    @usableFromInline
    mutating func fail(_ code: DBusEncodingError.Code) {
        if failure == nil { failure = DBusEncodingError(code: code, position: size - bodyStart) }
    }

    /// What is written next may not be what its type says, or lie too deep. The body is then checked before it is sent, wherever it goes.
    public mutating func doubt() { isDoubtful = true }

    /// Room for at least this many bytes more, to avoid growing in steps.
    public mutating func reserve(_ bytes: Int) {
        if bytes > capacity - size { _ = grow(by: bytes) }
    }

    @usableFromInline
    mutating func grow(by bytes: Int) -> Bool {
        guard bytes <= Self.maximumMessageLength - size else {
            fail(.tooLarge)
            return false
        }
        let wanted = max(size + bytes, capacity * 2, 256)
        guard let memory = realloc(base, wanted) else {
            fail(.outOfMemory)
            return false
        }
        base = memory
        storage.base = memory
        capacity = wanted
        return true
    }

    /// Aligns, makes room for `bytes` and answers where they go; nil when there is no room.
    @inlinable @inline(__always)
    mutating func claim(_ bytes: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        let start = (size &+ (alignment &- 1)) & ~(alignment &- 1)
        let needed = (start &- size) &+ bytes
        if needed > capacity &- size, !grow(by: needed) { return nil }
        guard let base else { return nil }
        var at = size
        while at < start {
            base.storeBytes(of: 0, toByteOffset: at, as: UInt8.self)
            at &+= 1
        }
        size = start &+ bytes
        return base + start
    }

    mutating func append(zeros count: Int) {
        if let place = claim(count, alignment: 1) { memset(place, 0, count) }
    }

    @inlinable @inline(__always)
    mutating func appendFixed<T: FixedWidthInteger>(_ value: T) {
        claim(MemoryLayout<T>.size, alignment: MemoryLayout<T>.size)?.storeBytes(of: value, as: T.self)
    }

    @inlinable public mutating func append(byte value: UInt8) { appendFixed(value) }
    @inlinable public mutating func append(boolean value: Bool) { appendFixed(UInt32(value ? 1 : 0)) }
    @inlinable public mutating func append(int16 value: Int16) { appendFixed(value) }
    @inlinable public mutating func append(uint16 value: UInt16) { appendFixed(value) }
    @inlinable public mutating func append(int32 value: Int32) { appendFixed(value) }
    @inlinable public mutating func append(uint32 value: UInt32) { appendFixed(value) }
    @inlinable public mutating func append(int64 value: Int64) { appendFixed(value) }
    @inlinable public mutating func append(uint64 value: UInt64) { appendFixed(value) }
    @inlinable public mutating func append(double value: Double) { appendFixed(value.bitPattern) }

    /// A string. One with a NUL in it fails.
    @inlinable
    public mutating func append(string value: String) {
        if value.utf8.withContiguousStorageIfAvailable({ appendString(UnsafeRawBufferPointer($0)) }) == nil {
            var copy = value
            copy.withUTF8 { appendString(UnsafeRawBufferPointer($0)) }
        }
    }

    /// A string, given as UTF-8. Bytes that are not UTF-8 make the message invalid, which its builder reports.
    public mutating func append(stringBytes bytes: UnsafeRawBufferPointer) {
        isDoubtful = true
        appendString(bytes)
    }

    @usableFromInline
    mutating func appendString(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count < Self.maximumMessageLength else { return fail(.tooLarge) }
        guard let place = claim(4 + bytes.count + 1, alignment: 4) else { return }
        place.storeBytes(of: UInt32(truncatingIfNeeded: bytes.count), as: UInt32.self)
        if let source = bytes.baseAddress, !bytes.isEmpty {
            memcpy(place + 4, source, bytes.count)
            if memchr(source, 0, bytes.count) != nil { fail(.stringWithNUL) }
        }
        place.storeBytes(of: 0, toByteOffset: 4 + bytes.count, as: UInt8.self)
    }

    public mutating func append(objectPath value: ObjectPath) {
        var text = value.text
        text.withUTF8 { bytes in
            // A look at the path takes less than one at the whole body.
            if !WireText.isPath(UnsafeRawBufferPointer(bytes)) { isDoubtful = true }
            appendString(UnsafeRawBufferPointer(bytes))
        }
    }

    public mutating func append(signature value: Signature) {
        isDoubtful = true
        var text = value.text
        text.withUTF8 { append(signatureBytes: UnsafeRawBufferPointer($0)) }
    }

    mutating func append(signatureBytes bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= 255 else { return fail(.typeMismatch) }
        guard let place = claim(bytes.count + 2, alignment: 1) else { return }
        place.storeBytes(of: UInt8(truncatingIfNeeded: bytes.count), as: UInt8.self)
        if let source = bytes.baseAddress { memcpy(place + 1, source, bytes.count) }
        place.storeBytes(of: 0, toByteOffset: bytes.count + 1, as: UInt8.self)
    }

    /// An array that has been begun; give it back to ``endArray(_:)``.
    public struct ArrayToken: Sendable {
        @usableFromInline let lengthAt: Int
        @usableFromInline let start: Int

        @usableFromInline
        init(lengthAt: Int, start: Int) {
            self.lengthAt = lengthAt
            self.start = start
        }
    }

    /// Starts an array; append its elements, then end it. Arrays end in the opposite order of their beginnings.
    /// - Parameter elementAlignment: 1, 2, 4 or 8, as the element type asks (8 for structures and dictionary entries).
    @inlinable
    public mutating func beginArray(elementAlignment: Int) -> ArrayToken {
        appendFixed(UInt32(0))
        let lengthAt = size &- 4
        _ = claim(0, alignment: elementAlignment)
        return ArrayToken(lengthAt: lengthAt, start: size)
    }

    @inlinable
    public mutating func endArray(_ token: ArrayToken) {
        let length = size &- token.start
        guard failure == nil, let base, token.lengthAt >= 0, length >= 0 else { return }
        guard length <= 64 << 20 else { return fail(.arrayTooLong) }
        base.storeBytes(of: UInt32(truncatingIfNeeded: length), toByteOffset: token.lengthAt, as: UInt32.self)
    }

    /// Append the fields after it; nothing marks the end.
    @inlinable public mutating func beginStruct() { _ = claim(0, alignment: 8) }

    /// Append the key and the value after it; nothing marks the end.
    @inlinable public mutating func beginDictEntry() { _ = claim(0, alignment: 8) }

    /// Append one value of the type after it.
    public mutating func beginVariant(_ signature: Signature) { append(signature: signature) }

    /// Append one value of the type after it.
    /// - Parameter type: the literal of one complete type, `"s"` or `"a{sv}"`.
    @inlinable
    public mutating func beginVariant(_ type: StaticString) {
        guard type.hasPointerRepresentation, type.utf8CodeUnitCount == 1 else { return beginLongVariant(type) }
        guard let place = claim(3, alignment: 1) else { return }
        place.storeBytes(of: 1, as: UInt8.self)
        place.storeBytes(of: type.utf8Start.pointee, toByteOffset: 1, as: UInt8.self)
        place.storeBytes(of: 0, toByteOffset: 2, as: UInt8.self)
    }

    @usableFromInline
    mutating func beginLongVariant(_ type: StaticString) {
        type.withUTF8Buffer { append(signatureBytes: UnsafeRawBufferPointer($0)) }
    }

    /// An `ay`.
    public mutating func append(byteArray bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= 64 << 20 else { return fail(.arrayTooLong) }
        append(uint32: UInt32(truncatingIfNeeded: bytes.count))
        append(raw: bytes)
    }

    mutating func append(raw bytes: UnsafeRawBufferPointer) {
        guard let place = claim(bytes.count, alignment: 1), let source = bytes.baseAddress else { return }
        memcpy(place, source, bytes.count)
    }

    /// Bytes that another writer of the same host made.
    /// - Parameter phase: the phase that writer was made for; it fails unless it is this writer's ``phase`` now.
    public mutating func append(block bytes: UnsafeRawBufferPointer, phase: Int) {
        guard phase & 7 == self.phase else { return fail(.misalignedBlock) }
        isDoubtful = true
        append(raw: bytes)
    }

    /// The bytes written, for use as a block or with ``BodyReader/init(copying:bigEndian:)``. Throws the first failure.
    public consuming func finish() throws(DBusEncodingError) -> [UInt8] {
        if let failure { throw failure }
        return Array(
            UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0) + bodyStart }, count: base == nil ? 0 : size - bodyStart))
    }

    /// The message has these file descriptors: in this order they may be written.
    mutating func carry(_ descriptors: [FileDescriptorBox]) { storage.descriptors = descriptors }

    /// Whether the body may have file descriptors.
    var carriesDescriptors: Bool { !storage.descriptors.isEmpty }

    /// The next file descriptor of the message. Fails where it has no other.
    mutating func appendDescriptor() {
        guard writtenDescriptors < storage.descriptors.count else { return fail(.unixFD) }
        append(uint32: UInt32(truncatingIfNeeded: writtenDescriptors))
        writtenDescriptors += 1
    }

    /// Header and body as one block; to be used once, after which this writer must not write.
    mutating func finishMessage() throws(DBusEncodingError) -> MarshalledBytes {
        if let failure { throw failure }
        storage.count = size
        return storage
    }
}
