extension BodyReader {
    /// Goes past values of these types.
    /// - Parameter types: complete types, as a variant states them.
    public mutating func skip(types: UnsafeRawBufferPointer) throws(DBusDecodingError) {
        try skip(types: types, depth: 0)
    }

    /// Goes past values of these types.
    public mutating func skip(_ signature: Signature) throws(DBusDecodingError) {
        var text = signature.text
        // The two-step result keeps the typed error through a closure that may not throw it.
        let result = text.withUTF8 { utf8 -> Result<Int, DBusDecodingError> in
            var copy = self
            do throws(DBusDecodingError) {
                try copy.skip(types: UnsafeRawBufferPointer(utf8), depth: 0)
                return .success(copy.cursor)
            } catch {
                return .failure(error)
            }
        }
        cursor = try result.get()
    }

    private mutating func skip(types: UnsafeRawBufferPointer, depth: Int) throws(DBusDecodingError) {
        var at = 0
        while at < types.count { at = try skipType(types, at: at, depth: depth) }
    }

    private mutating func skipType(_ types: UnsafeRawBufferPointer, at start: Int, depth: Int) throws(DBusDecodingError) -> Int {
        guard depth <= Self.maximumDepth else { throw DBusDecodingError(.tooDeep, at: cursor) }
        let code = types[start]
        switch code {
        case TypeCode.byte: _ = try readByte()
        case TypeCode.int16, TypeCode.uint16: _ = try readUInt16()
        case TypeCode.boolean, TypeCode.int32, TypeCode.uint32, TypeCode.unixFD: _ = try readUInt32()
        case TypeCode.int64, TypeCode.uint64, TypeCode.double: _ = try readUInt64()
        case TypeCode.string, TypeCode.objectPath: _ = try readStringBytes()
        case TypeCode.signature: _ = try readSignatureBytes()
        case TypeCode.variant: try skip(types: try readSignatureBytes(), depth: depth + 1)
        case TypeCode.array:
            guard let end = TypeScanner.end(ofTypeAt: start, in: types), start + 1 < types.count else {
                throw DBusDecodingError(.invalidName, at: cursor)
            }
            try skipArray(elementAlignment: TypeCode.alignment(types[start + 1]))
            return end
        case TypeCode.structure:
            try enterStruct()
            var at = start + 1
            while at < types.count, types[at] != TypeCode.structureEnd { at = try skipType(types, at: at, depth: depth + 1) }
            guard at < types.count else { throw DBusDecodingError(.invalidName, at: cursor) }
            return at + 1
        default: throw DBusDecodingError(.invalidName, at: cursor)
        }
        return start + 1
    }

    /// A file descriptor: the same one at each use.
    private mutating func readDescriptor() throws(DBusDecodingError) -> FileDescriptorBox {
        let index = Int(try readUInt32())
        guard let message = owner as? MarshalledBytes, index < message.descriptors.count else {
            throw DBusDecodingError(.unixFD, at: cursor)
        }
        return message.descriptors[index]
    }

    /// One value of the type `signature`, as a tree. Fails for more than 64 containers around a value, and for file descriptors that the message
    /// does not have.
    public mutating func readValue(_ signature: Signature) throws(DBusDecodingError) -> DBusValue {
        let values = try readValues(signature)
        guard values.count == 1, let value = values.first else { throw DBusDecodingError(.unexpectedSignature, at: cursor) }
        return value
    }

    /// The values of a body, as trees. Fails as ``readValue(_:)`` does.
    public mutating func readValues(_ signature: Signature) throws(DBusDecodingError) -> [DBusValue] {
        var text = signature.text
        let start = self
        let result = text.withUTF8 { utf8 -> Result<([DBusValue], Int), DBusDecodingError> in
            var reader = start
            do throws(DBusDecodingError) {
                let types = UnsafeRawBufferPointer(utf8)
                var values: [DBusValue] = []
                var at = 0
                while at < types.count { values.append(try reader.readType(types, at: &at, depth: 0)) }
                return .success((values, reader.cursor))
            } catch {
                return .failure(error)
            }
        }
        let (values, position) = try result.get()
        cursor = position
        return values
    }

    private mutating func readType(_ types: UnsafeRawBufferPointer, at: inout Int, depth: Int) throws(DBusDecodingError) -> DBusValue {
        guard at < types.count else { throw DBusDecodingError(.invalidName, at: cursor) }
        let start = at
        at += 1
        switch types[start] {
        case TypeCode.byte: return .byte(try readByte())
        case TypeCode.boolean: return .boolean(try readBoolean())
        case TypeCode.int16: return .int16(try readInt16())
        case TypeCode.uint16: return .uint16(try readUInt16())
        case TypeCode.int32: return .int32(try readInt32())
        case TypeCode.uint32: return .uint32(try readUInt32())
        case TypeCode.int64: return .int64(try readInt64())
        case TypeCode.uint64: return .uint64(try readUInt64())
        case TypeCode.double: return .double(try readDouble())
        case TypeCode.string: return .string(try readString())
        case TypeCode.objectPath: return .objectPath(try readObjectPath())
        case TypeCode.signature: return .signature(try readSignature())
        case TypeCode.unixFD: return .unixFD(try readDescriptor())
        default: break
        }
        guard depth < Self.maximumDepth else { throw DBusDecodingError(.tooDeep, at: cursor) }
        switch types[start] {
        case TypeCode.variant:
            let inner = try readSignatureBytes()
            guard !inner.isEmpty, TypeScanner.end(ofTypeAt: 0, in: inner) == inner.count else {
                throw DBusDecodingError(.invalidName, at: cursor)
            }
            var innerAt = 0
            return .variant(try readType(inner, at: &innerAt, depth: depth + 1))
        case TypeCode.array:
            guard let end = TypeScanner.end(ofTypeAt: start, in: types) else { throw DBusDecodingError(.invalidName, at: cursor) }
            at = end
            return try readArray(UnsafeRawBufferPointer(rebasing: types[(start + 1)..<end]), depth: depth + 1)
        case TypeCode.structure:
            try enterStruct()
            var fields: [DBusValue] = []
            while at < types.count, types[at] != TypeCode.structureEnd { fields.append(try readType(types, at: &at, depth: depth + 1)) }
            at += 1
            return .structure(fields)
        default: throw DBusDecodingError(.invalidName, at: cursor)
        }
    }

    /// - Parameter element: the element type: one complete type, or a dictionary entry.
    private mutating func readArray(_ element: UnsafeRawBufferPointer, depth: Int) throws(DBusDecodingError) -> DBusValue {
        guard let code = element.first else { throw DBusDecodingError(.invalidName, at: cursor) }
        if code == TypeCode.byte { return .bytes(Array(try readByteArray())) }
        let end = try enterArray(elementAlignment: TypeCode.alignment(code))
        var elements: [DBusValue] = []
        while !isAtEnd(of: end) {
            var at = 0
            if code == TypeCode.dictEntry {
                guard depth < Self.maximumDepth else { throw DBusDecodingError(.tooDeep, at: cursor) }
                try enterDictEntry()
                at = 1
                let key = try readType(element, at: &at, depth: depth + 1)
                elements.append(.dictEntry(key, try readType(element, at: &at, depth: depth + 1)))
            } else {
                elements.append(try readType(element, at: &at, depth: depth))
            }
        }
        try leaveArray(end)
        return .array(element: Signature(verified: String(decoding: element, as: UTF8.self)), elements)
    }
}
