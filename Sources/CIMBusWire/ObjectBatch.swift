import CIM
import DBus

/// Objects ready to be sent: checked, of their class's types, complete with system properties. Their bytes are kept as the entries of one
/// `a{sv}` each, so that they go into any message without being decoded again.
public struct ObjectBatch: Sendable {
    var bytes: [UInt8] = []
    /// Where each object's entries lie in `bytes`; every start is a multiple of 8.
    var ranges: ArraySlice<Range<Int>> = []

    init(bytes: [UInt8], ranges: [Range<Int>]) {
        self.bytes = bytes
        self.ranges = ranges[...]
    }

    public init() {}

    /// Objects of a message body, as they are: `ranges` are from ``ObjectLayout/rangesIfVerbatim(_:)``.
    public init(verbatim reader: BodyReader, ranges: [Range<Int>]) {
        var reader = reader
        reader.skipToEnd()
        // A body starts at a multiple of 8, and so does each range in it.
        bytes = Array(reader.bytes(from: 0))
        self.ranges = ranges[...]
    }

    /// A class as the one object of a batch. Throws where it is too large for a message.
    public init(class declaration: CIMClass, namespace: CIMNamespaceName, server: String) throws(ObjectFault) {
        var writer = BodyWriter()
        writer.append(entriesOf: declaration, namespace: namespace, server: server)
        try self.init(class: declaration.name, writer)
    }

    /// What it takes to read a class's instances, as the one object of a batch. Throws where it is too large for a message.
    public init(shapeOf declaration: CIMClass) throws(ObjectFault) {
        var writer = BodyWriter()
        writer.append(shapeOf: declaration)
        try self.init(class: declaration.name, writer)
    }

    private init(class name: String, _ writer: consuming BodyWriter) throws(ObjectFault) {
        do { bytes = try writer.finish() } catch {
            throw ObjectFault("class \(name) cannot be sent: \(error)", kind: ObjectFault(error).kind)
        }
        guard bytes.count <= Contract.largestObject else {
            throw ObjectFault("class \(name) takes \(bytes.count) bytes, more than 8 MiB", kind: .tooLarge)
        }
        ranges = [0..<bytes.count]
    }

    public var count: Int { ranges.count }

    /// A reader of the objects' bytes, and where each object's entries lie in them.
    public var contents: (reader: BodyReader, ranges: [Range<Int>]) {
        (bytes.withUnsafeBytes { BodyReader(copying: $0) }, Array(ranges))
    }

    /// What each object takes on the wire, in bytes.
    public var sizes: [UInt32] { ranges.map { UInt32(clamping: $0.count + 8) } }

    /// What all of them take on the wire, in bytes.
    public var byteCount: Int { ranges.reduce(0) { $0 + $1.count + 8 } }

    /// The objects in order, as batches of at most `bytes`, or of one object.
    public func parts(ofAtMost limit: Int) -> [ObjectBatch] {
        if byteCount <= limit || count <= 1 { return [self] }
        var parts: [ObjectBatch] = []
        var rest = self
        while rest.count > 0 {
            var count = 0
            var used = 0
            for range in rest.ranges {
                if count > 0, used + range.count + 8 > limit { break }
                count += 1
                used += range.count + 8
            }
            parts.append(rest.removeFirst(count))
        }
        return parts
    }

    /// Adds the objects of another batch behind these.
    public mutating func append(_ other: ObjectBatch) {
        let padding = (8 - bytes.count % 8) % 8
        bytes.append(contentsOf: repeatElement(0, count: padding))
        let start = bytes.count
        bytes += other.bytes
        ranges += other.ranges.map { $0.lowerBound + start..<$0.upperBound + start }
    }

    /// Splits the first `count` objects off.
    public mutating func removeFirst(_ count: Int) -> ObjectBatch {
        var first = ObjectBatch()
        first.bytes = bytes
        first.ranges = ranges.prefix(count)
        ranges = ranges.dropFirst(count)
        return first
    }
}

extension BodyWriter {
    /// The elements of an open `aa{sv}`.
    public mutating func append(objects batch: ObjectBatch) {
        batch.bytes.withUnsafeBytes { bytes in
            for range in batch.ranges {
                let array = beginArray(elementAlignment: 8)
                append(block: UnsafeRawBufferPointer(rebasing: bytes[range]), phase: 0)
                endArray(array)
            }
        }
    }

    /// The first object as one `a{sv}`; an empty one if there is none.
    public mutating func append(object batch: ObjectBatch) {
        let array = beginArray(elementAlignment: 8)
        if let range = batch.ranges.first {
            batch.bytes.withUnsafeBytes { append(block: UnsafeRawBufferPointer(rebasing: $0[range]), phase: 0) }
        }
        endArray(array)
    }
}

extension ObjectBatch {
    /// The first of the names that no entry of the first object has, in the class's spelling; nil: it has all of them.
    public func firstMissing(of names: [String]) -> String? {
        if names.isEmpty { return nil }
        guard let range = ranges.first else { return names.first }
        var missing = names
        bytes.withUnsafeBytes { bytes in
            var reader = BodyReader(copying: UnsafeRawBufferPointer(rebasing: bytes[range]))
            do throws(DBusDecodingError) {
                while !reader.isAtEnd, !missing.isEmpty {
                    try reader.enterDictEntry()
                    let name = try reader.readStringBytes()
                    missing.removeAll { $0.utf8.elementsEqual(name) }
                    let types = try reader.readSignatureBytes()
                    try reader.skip(types: types)
                }
            } catch {}
        }
        return missing.first
    }
}
