import CIM
import DBus

/// Objects of one class as packed rows (Protocol.md, "Packed objects"). It has been checked when it is made: what it says of lengths holds, its
/// texts are UTF-8, and its booleans are 0 or 1. No value is decoded before somebody asks for it.
///
/// `@unchecked Sendable`: the bytes are immutable, and ``memory`` keeps them.
public final class PackedBatch: @unchecked Sendable {
    public let columns: PackedColumns
    /// Keeps ``bytes``.
    private let memory: BodyReader
    let bytes: UnsafeRawBufferPointer
    /// Where each row starts, behind its length.
    let starts: [UInt32]
    /// How far each column's value reaches (``PackedColumns/reaches``).
    let reaches: [Int]
    /// The types of the columns of single values.
    let scalars: [CIMType?]

    /// Reads and checks a batch.
    /// - Parameters:
    ///   - reader: at an `ay`, of which it is the last value.
    ///   - known: columns that are likely the batch's, so that the head need not be read again.
    ///   - checksText: false where whoever sent it has looked at the texts; a text that is none is repaired when it is read.
    /// - Throws: ``PackedFault`` and ``DBusDecodingError``.
    public init(_ reader: BodyReader, known: PackedColumns? = nil, checkingText checksText: Bool = true) throws {
        var cursor = reader
        let bytes = try cursor.readByteArray()
        guard bytes.count >= 8, bytes.count <= Int(UInt32.max) else { throw PackedFault("a packed batch of \(bytes.count) bytes") }
        let head = Int(bytes.loadUnaligned(as: UInt32.self))
        guard head <= PackedColumns.largest, head <= bytes.count - 8 else {
            throw PackedFault("a packed batch of \(bytes.count) bytes says that its head has \(head)")
        }
        let headBytes = UnsafeRawBufferPointer(rebasing: bytes[4..<4 + head])
        if let known, known.bytes.count == head, known.bytes.withUnsafeBytes({ $0.elementsEqual(headBytes) }) {
            columns = known
        } else {
            columns = try PackedColumns(reading: headBytes)
        }
        reaches = columns.reaches
        scalars = columns.scalars
        memory = cursor
        self.bytes = bytes
        starts = try Self.check(bytes, from: 4 + head, columns, checksText)
    }

    public var count: Int { starts.count }

    /// The bytes of the batch, its head included.
    public var byteCount: Int { bytes.count }

    /// The bytes of a row, its length included.
    func size(ofRow row: Int) -> Int { end(ofRow: row) - Int(starts[row]) + 4 }

    func end(ofRow row: Int) -> Int { row + 1 < starts.count ? Int(starts[row + 1]) - 4 : bytes.count }

    /// The bytes of each row, as they count for a window.
    public var sizes: [UInt32] { (0..<count).map { UInt32(size(ofRow: $0)) } }

    // MARK: - The check

    private static func check(
        _ bytes: UnsafeRawBufferPointer, from start: Int, _ columns: PackedColumns, _ checksText: Bool
    ) throws(PackedFault) -> [UInt32] {
        let count = Int(bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        let smallest = 4 + columns.bitmapBytes
        guard count <= (bytes.count - start - 4) / smallest else {
            throw PackedFault("a packed batch of \(bytes.count) bytes says that it has \(count) rows")
        }
        var fault: PackedFault?
        let (extents, bitmapBytes) = (columns.extents, columns.bitmapBytes)
        let starts = [UInt32](unsafeUninitializedCapacity: count) { starts, filled in
            extents.withUnsafeBufferPointer { extents in
                var at = start + 4
                for row in 0..<count {
                    guard bytes.count - at >= smallest else {
                        fault = PackedFault("row \(row) of a packed batch runs past its end")
                        return
                    }
                    let length = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                    at += 4
                    guard length >= bitmapBytes, length <= bytes.count - at else {
                        fault = PackedFault("row \(row) of a packed batch says that it has \(length) bytes")
                        return
                    }
                    starts[row] = UInt32(truncatingIfNeeded: at)
                    filled = row + 1
                    let end = at + length
                    let whole = UnsafeRawBufferPointer(rebasing: bytes[at..<end])
                    if let wrong = PackedColumns.firstFault(in: whole, extents, bitmapBytes, checksText) {
                        fault = PackedFault("row \(row) of a packed batch: \(columns.words(wrong))")
                        return
                    }
                    at = end
                }
                if at != bytes.count { fault = PackedFault("\(bytes.count - at) bytes follow the rows of a packed batch") }
            }
        }
        if let fault { throw fault }
        return starts
    }
}

extension PackedColumns {
    /// What is wrong with a row.
    fileprivate enum RowFault {
        case value(column: Int)
        case bits
        case rest(Int)
    }

    fileprivate func words(_ fault: RowFault) -> String {
        switch fault {
        case .value(let column): "the value of \(columns[column].name) is none"
        case .bits: "it has bits of columns that there are not"
        case .rest(let count): "\(count) bytes follow its values"
        }
    }

    /// What is wrong with a row; nil: nothing.
    @inline(__always)
    fileprivate static func firstFault(
        in row: UnsafeRawBufferPointer, _ extents: UnsafeBufferPointer<Extent>, _ bitmapBytes: Int, _ checksText: Bool
    ) -> RowFault? {
        var at = bitmapBytes
        for index in 0..<extents.count {
            if row[index >> 3] & (1 << UInt8(truncatingIfNeeded: index & 7)) == 0 { continue }
            switch extents[index] {
            case .nothing: return .value(column: index)
            case .boolean:
                guard at < row.count, row[at] < 2 else { return .value(column: index) }
                at &+= 1
            case .fixed(let width):
                at &+= width
                if at > row.count { return .value(column: index) }
            case .text:
                guard let text = row.packedText(&at), !checksText || text.isCleanText else { return .value(column: index) }
            case .fixedArray(let width):
                guard let elements = row.packedText(&at), elements.count % width == 0 else { return .value(column: index) }
            case .booleanArray:
                guard let elements = row.packedText(&at), elements.allSatisfy({ $0 < 2 }) else { return .value(column: index) }
            case .textArray:
                guard let elements = row.packedText(&at) else { return .value(column: index) }
                var inner = 0
                while inner < elements.count {
                    guard let text = elements.packedText(&inner), !checksText || text.isCleanText else { return .value(column: index) }
                }
            }
        }
        for index in extents.count..<bitmapBytes * 8 where row[index >> 3] & (1 << UInt8(index & 7)) != 0 { return .bits }
        return at == row.count ? nil : .rest(row.count - at)
    }
}

extension UnsafeRawBufferPointer {
    /// Goes past a length and as many bytes, which it returns; nil where they run past the end.
    @inline(__always)
    func packedText(_ at: inout Int) -> UnsafeRawBufferPointer? {
        guard count &- at >= 4 else { return nil }
        let length = Int(loadUnaligned(fromByteOffset: at, as: UInt32.self))
        let start = at &+ 4
        guard length <= count &- start else { return nil }
        at = start &+ length
        return UnsafeRawBufferPointer(start: baseAddress.map { $0 + start }, count: length)
    }

    /// Whether it is UTF-8 without a NUL, which no text on the bus has.
    var isCleanText: Bool {
        var at = 0
        // Eight bytes of ASCII at a time: none has its high bit, and none becomes a borrow of 1.
        while count &- at >= 8 {
            let word = loadUnaligned(fromByteOffset: at, as: UInt64.self)
            if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 != 0 { break }
            at &+= 8
        }
        while at < count, self[at] > 0, self[at] < 0x80 { at &+= 1 }
        if at == count { return true }
        let rest = UnsafeRawBufferPointer(rebasing: self[at...])
        return !rest.contains(0) && String(validating: rest, as: UTF8.self) != nil
    }
}

extension BodyWriter {
    /// The batch as it is, an `ay`.
    public mutating func append(packed batch: PackedBatch) { append(byteArray: batch.bytes) }
}
