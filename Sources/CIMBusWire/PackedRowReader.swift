import CIM

/// Reads packed rows of any columns in the order of a shape, one after the other. The row is passed over once, and nothing is allocated for it.
package struct PackedRowReader: PropertyReader {
    package let shape: InstanceShape
    private let batch: PackedBatch
    /// Which column of the batch has the property; -1: none.
    private let sources: [Int]
    /// Where the values of this row lie, by the columns of the batch; nil where they are NULL.
    private var extents: [UnsafeRawBufferPointer?]

    package init(_ batch: PackedBatch, _ shape: InstanceShape) {
        self.batch = batch
        self.shape = shape
        let names = batch.columns.columns
        sources = shape.columns.enumerated().map { position, column in
            if names.indices.contains(position), names[position].name == column.name { return position }
            return names.firstIndex { CIMName.equal($0.name, column.name) } ?? -1
        }
        extents = Array(repeating: nil, count: names.count)
    }

    /// Goes to a row of the batch.
    package mutating func move(to row: Int) {
        let batch = batch
        extents.withUnsafeMutableBufferPointer { batch.locate(row, in: $0) }
    }

    private func bytes(_ column: Int) -> (bytes: UnsafeRawBufferPointer, source: Int)? {
        guard sources.indices.contains(column), sources[column] >= 0, let bytes = extents[sources[column]] else { return nil }
        return (bytes, sources[column])
    }

    package func value(_ column: Int) throws(CIMError) -> CIMValue {
        guard let (bytes, source) = bytes(column), let type = batch.columns.columns[source].type else { return .null }
        let value = type.unpacked(bytes)
        guard let fitted = value.read(as: shape.columns[column].type) else { throw mismatch(column, value) }
        return fitted
    }

    package func string(_ column: Int) throws(CIMError) -> String? {
        guard let (bytes, source) = bytes(column) else { return nil }
        guard batch.scalars[source] == .string else { return try value(column).stringValue }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func bool(_ column: Int) throws(CIMError) -> Bool? {
        guard let (bytes, source) = bytes(column) else { return nil }
        guard batch.scalars[source] == .boolean else { return try value(column).boolValue }
        return bytes[0] != 0
    }

    package func signed(_ column: Int) throws(CIMError) -> Int64? {
        guard let (bytes, source) = bytes(column) else { return nil }
        return switch batch.scalars[source] {
        case .sint8: Int64(bytes.loadUnaligned(as: Int8.self))
        case .sint16: Int64(bytes.loadUnaligned(as: Int16.self))
        case .sint32: Int64(bytes.loadUnaligned(as: Int32.self))
        case .sint64: bytes.loadUnaligned(as: Int64.self)
        default: try value(column).int64Value
        }
    }

    package func unsigned(_ column: Int) throws(CIMError) -> UInt64? {
        guard let (bytes, source) = bytes(column) else { return nil }
        return switch batch.scalars[source] {
        case .uint8: UInt64(bytes[0])
        case .uint16: UInt64(bytes.loadUnaligned(as: UInt16.self))
        case .uint32: UInt64(bytes.loadUnaligned(as: UInt32.self))
        case .uint64: bytes.loadUnaligned(as: UInt64.self)
        default: try value(column).uint64Value
        }
    }
}
