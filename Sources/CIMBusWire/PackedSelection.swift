import CIM
import DBus

extension PackedBatch {
    /// Some of the rows, whole or with some of their columns, as a batch of its own; values are copied as they are.
    /// - Parameters:
    ///   - rows: which, in order.
    ///   - kept: which columns stay; nil: all.
    /// - Throws: ``ObjectFault``: there is no memory.
    public func selecting(_ rows: [Int], keeping kept: [Bool]? = nil) throws(ObjectFault) -> PackedBatch {
        do {
            var writer = BodyWriter()
            let columns = try kept.map { try self.columns.keeping($0) } ?? self.columns
            writer.reserve(bytes.count)
            let array = writer.beginArray(elementAlignment: 1)
            writer.append(packedNumber: columns.bytes.count)
            columns.bytes.withUnsafeBytes { writer.append(packedBytes: $0) }
            writer.append(packedNumber: rows.count)
            for row in rows {
                let whole = UnsafeRawBufferPointer(rebasing: bytes[Int(starts[row])..<end(ofRow: row)])
                if let kept {
                    let (bits, values) = self.columns.cut(whole, kept, columns)
                    writer.append(packedNumber: bits.count + values.reduce(0) { $0 + $1.count })
                    bits.withUnsafeBytes { writer.append(packedBytes: $0) }
                    for value in values { writer.append(packedBytes: value) }
                } else {
                    writer.append(packedNumber: whole.count)
                    writer.append(packedBytes: whole)
                }
            }
            writer.endArray(array)
            let reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0, bigEndian: 1.bigEndian == 1) }
            return try PackedBatch(reader, known: columns, checkingText: false)
        } catch {
            throw ObjectFault(error)
        }
    }
}

extension PackedColumns {
    /// Some of the columns.
    fileprivate func keeping(_ kept: [Bool]) throws -> PackedColumns {
        let rest = zip(columns, kept).filter(\.1).map { (name: $0.0.name, type: $0.0.type?.packed ?? 0) }
        guard let head = Self.write(className, rest) else { throw PackedFault("the head of a packed batch is too large") }
        return try head.withUnsafeBytes { try PackedColumns(reading: $0) }
    }

    /// The bits and the values, with their lengths, of the columns of a checked row that stay.
    fileprivate func cut(
        _ row: UnsafeRawBufferPointer, _ kept: [Bool], _ rest: PackedColumns
    ) -> (bits: [UInt8], values: [UnsafeRawBufferPointer]) {
        var bits = [UInt8](repeating: 0, count: rest.bitmapBytes)
        var values: [UnsafeRawBufferPointer] = []
        var at = bitmapBytes
        var place = 0
        for column in extents.indices {
            if row.has(column) {
                let start = at
                _ = row.packedValue(reaches[column], &at)
                if kept[column] {
                    values.append(UnsafeRawBufferPointer(rebasing: row[start..<at]))
                    bits[place >> 3] |= 1 << UInt8(truncatingIfNeeded: place & 7)
                }
            }
            if kept[column] { place += 1 }
        }
        return (bits, values)
    }
}
