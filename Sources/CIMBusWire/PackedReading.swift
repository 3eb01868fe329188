import CIM

/// An integer of any type.
package enum PackedInteger {
    case signed(Int64)
    case unsigned(UInt64)
}

/// Values of rows as Swift's own types, without a ``CIMValue`` in between. Each is nil for NULL, and for a value of another kind.
extension PackedBatch {
    package func string(ofRow row: Int, _ column: Int) -> String? {
        guard let bytes = bytes(ofRow: row, column), let type = scalars[column], type.packedWidth == nil else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func bool(ofRow row: Int, _ column: Int) -> Bool? {
        guard let bytes = bytes(ofRow: row, column), scalars[column] == .boolean else { return nil }
        return bytes[0] != 0
    }

    /// An integer, or a char16.
    package func integer(ofRow row: Int, _ column: Int) -> PackedInteger? {
        guard let bytes = bytes(ofRow: row, column), let type = scalars[column] else { return nil }
        return switch type {
        case .uint8: .unsigned(UInt64(bytes[0]))
        case .sint8: .signed(Int64(bytes.loadUnaligned(as: Int8.self)))
        case .uint16, .char16: .unsigned(UInt64(bytes.loadUnaligned(as: UInt16.self)))
        case .sint16: .signed(Int64(bytes.loadUnaligned(as: Int16.self)))
        case .uint32: .unsigned(UInt64(bytes.loadUnaligned(as: UInt32.self)))
        case .sint32: .signed(Int64(bytes.loadUnaligned(as: Int32.self)))
        case .uint64: .unsigned(bytes.loadUnaligned(as: UInt64.self))
        case .sint64: .signed(bytes.loadUnaligned(as: Int64.self))
        default: nil
        }
    }
}

/// The texts of an array of texts, in order, as they lie in a row. Of use as long as the batch is there.
package struct PackedTexts: Sequence, IteratorProtocol {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    /// - Parameter bytes: those of the value, without their number.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package mutating func next() -> UnsafeRawBufferPointer? { bytes.packedText(&at) }
}
