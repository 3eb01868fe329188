import CIM

extension PackedBatch {
    /// The bytes of a row's value in a column, without their number; nil where it is NULL. It costs what lies before it in the row: lengths
    /// that are passed over.
    @inline(__always)
    package func bytes(ofRow index: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        guard index >= 0, index < starts.count, column >= 0, column < reaches.count else { return nil }
        let row = UnsafeRawBufferPointer(rebasing: bytes[Int(starts[index])..<end(ofRow: index)])
        guard row.has(column) else { return nil }
        var at = columns.bitmapBytes
        return reaches.withUnsafeBufferPointer { reaches in
            for earlier in 0..<column where row.has(earlier) { row.skip(reaches[earlier], &at) }
            return row.packedValue(reaches[column], &at)
        }
    }

    /// The bytes of all values of a row, as ``bytes(ofRow:_:)`` has them: the row is passed over once.
    /// - Parameter extents: one for each column.
    func locate(_ index: Int, in extents: UnsafeMutableBufferPointer<UnsafeRawBufferPointer?>) {
        for column in extents.indices { extents[column] = nil }
        guard index >= 0, index < starts.count, extents.count == reaches.count else { return }
        let row = UnsafeRawBufferPointer(rebasing: bytes[Int(starts[index])..<end(ofRow: index)])
        var at = columns.bitmapBytes
        reaches.withUnsafeBufferPointer { reaches in
            for column in extents.indices where row.has(column) { extents[column] = row.packedValue(reaches[column], &at) }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether a row has a value in a column.
    @inline(__always)
    func has(_ column: Int) -> Bool { self[column >> 3] & (1 << UInt8(truncatingIfNeeded: column & 7)) != 0 }

    /// Goes past a value of a checked row.
    @inline(__always)
    fileprivate func skip(_ reach: Int, _ at: inout Int) {
        at &+= reach >= 0 ? reach : 4 &+ Int(loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }

    /// Goes past a value of a checked row: its bytes, without their number.
    /// - Parameter reach: of ``PackedColumns/reaches``.
    @inline(__always)
    func packedValue(_ reach: Int, _ at: inout Int) -> UnsafeRawBufferPointer? {
        guard reach >= 0 else { return packedText(&at) }
        guard reach <= count &- at else { return nil }
        defer { at &+= reach }
        return UnsafeRawBufferPointer(start: baseAddress.map { $0 + at }, count: reach)
    }
}

extension CIMTypeReference {
    /// The value that these bytes are.
    func unpacked(_ bytes: UnsafeRawBufferPointer) -> CIMValue {
        guard isArray else { return base.unpacked(bytes) }
        var elements: [CIMValue] = []
        var at = 0
        if let width = base.packedWidth {
            elements.reserveCapacity(bytes.count / width)
            while at < bytes.count {
                elements.append(base.unpacked(UnsafeRawBufferPointer(rebasing: bytes[at..<at + width])))
                at += width
            }
        } else {
            while let text = bytes.packedText(&at) { elements.append(base.unpacked(text)) }
        }
        return .array(of: base, elements)
    }
}

extension CIMType {
    /// The scalar that these bytes are; NULL for a text that is none of the type.
    fileprivate func unpacked(_ bytes: UnsafeRawBufferPointer) -> CIMValue {
        func number<Number>(_ type: Number.Type) -> Number { bytes.loadUnaligned(as: type) }
        switch self {
        case .boolean: return .boolean(bytes[0] != 0)
        case .uint8: return .uint8(bytes[0])
        case .sint8: return .sint8(number(Int8.self))
        case .uint16: return .uint16(number(UInt16.self))
        case .sint16: return .sint16(number(Int16.self))
        case .char16: return .char16(number(UInt16.self))
        case .uint32: return .uint32(number(UInt32.self))
        case .sint32: return .sint32(number(Int32.self))
        case .uint64: return .uint64(number(UInt64.self))
        case .sint64: return .sint64(number(Int64.self))
        case .real32: return .real32(number(Float.self))
        case .real64: return .real64(number(Double.self))
        case .string: return .string(String(decoding: bytes, as: UTF8.self))
        case .datetime, .reference:
            return CIMValue.string(String(decoding: bytes, as: UTF8.self)).converted(toScalar: self) ?? .null
        case .object: return .null
        }
    }
}
