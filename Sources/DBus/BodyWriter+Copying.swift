extension BodyWriter {
    /// A value of a body, as it is there, without being decoded: of one complete type, or of an array's element type.
    ///
    /// Throws where the body ends before the value does, and for file descriptors, which no body alone can carry on.
    public mutating func append(_ signature: Signature, from reader: inout BodyReader) throws(DBusDecodingError) {
        var text = signature.text
        // The two-step result keeps the typed error through a closure that may not throw it.
        let result = text.withUTF8 { utf8 -> Result<BodyReader, DBusDecodingError> in
            var copy = reader
            do throws(DBusDecodingError) {
                var at = 0
                try append(UnsafeRawBufferPointer(utf8), at: &at, from: &copy, depth: 0)
                return .success(copy)
            } catch {
                return .failure(error)
            }
        }
        reader = try result.get()
    }

    private mutating func append(
        _ types: UnsafeRawBufferPointer, at: inout Int, from reader: inout BodyReader, depth: Int
    ) throws(DBusDecodingError) {
        guard at < types.count else { throw DBusDecodingError(.invalidName, at: reader.position) }
        guard depth <= BodyReader.maximumDepth else { throw DBusDecodingError(.tooDeep, at: reader.position) }
        let start = at
        at += 1
        switch types[start] {
        case TypeCode.byte: append(byte: try reader.readByte())
        case TypeCode.int16, TypeCode.uint16: append(uint16: try reader.readUInt16())
        case TypeCode.boolean, TypeCode.int32, TypeCode.uint32: append(uint32: try reader.readUInt32())
        case TypeCode.int64, TypeCode.uint64, TypeCode.double: append(uint64: try reader.readUInt64())
        case TypeCode.string, TypeCode.objectPath: append(stringBytes: try reader.readStringBytes())
        case TypeCode.signature: append(signatureBytes: try reader.readSignatureBytes())
        case TypeCode.unixFD where carriesDescriptors: append(uint32: try reader.readUInt32())
        case TypeCode.unixFD: throw DBusDecodingError(.unixFD, at: reader.position)
        case TypeCode.variant:
            let inner = try reader.readSignatureBytes()
            guard TypeScanner.end(ofTypeAt: 0, in: inner) == inner.count else { throw DBusDecodingError(.invalidName, at: reader.position) }
            append(signatureBytes: inner)
            var innerAt = 0
            try append(inner, at: &innerAt, from: &reader, depth: depth + 1)
        case TypeCode.array:
            guard let end = TypeScanner.end(ofTypeAt: start, in: types), end > start + 1 else {
                throw DBusDecodingError(.invalidName, at: reader.position)
            }
            let alignment = TypeCode.alignment(types[start + 1])
            let arrayEnd = try reader.enterArray(elementAlignment: alignment)
            let array = beginArray(elementAlignment: alignment)
            while !reader.isAtEnd(of: arrayEnd) {
                var element = start + 1
                try append(types, at: &element, from: &reader, depth: depth + 1)
            }
            try reader.leaveArray(arrayEnd)
            endArray(array)
            at = end
        case TypeCode.structure, TypeCode.dictEntry:
            try reader.enterStruct()
            beginStruct()
            while at < types.count, types[at] != TypeCode.structureEnd, types[at] != TypeCode.dictEntryEnd {
                try append(types, at: &at, from: &reader, depth: depth + 1)
            }
            at += 1
        default: throw DBusDecodingError(.invalidName, at: reader.position)
        }
    }
}
