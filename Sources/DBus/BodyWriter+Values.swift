extension BodyWriter {
    /// A value of the type its ``DBusValue/signature`` says. Fails for elements of another type than their array's, for more than 64
    /// containers around a value, and for file descriptors: only a message of values has some.
    public mutating func append(_ value: DBusValue) {
        doubt()
        append(value, depth: 0)
    }

    private mutating func append(_ value: DBusValue, depth: Int) {
        switch value {
        case .byte(let value): append(byte: value)
        case .boolean(let value): append(boolean: value)
        case .int16(let value): append(int16: value)
        case .uint16(let value): append(uint16: value)
        case .int32(let value): append(int32: value)
        case .uint32(let value): append(uint32: value)
        case .int64(let value): append(int64: value)
        case .uint64(let value): append(uint64: value)
        case .double(let value): append(double: value)
        case .string(let value): append(string: value)
        case .objectPath(let value): append(objectPath: value)
        case .signature(let value): append(signature: value)
        case .unixFD: appendDescriptor()
        case .bytes(let bytes): bytes.withUnsafeBytes { append(byteArray: $0) }
        case .array, .structure, .dictEntry, .variant: append(container: value, depth: depth)
        }
    }

    private mutating func append(container value: DBusValue, depth: Int) {
        guard depth < BodyReader.maximumDepth else { return fail(.tooDeep) }
        switch value {
        case .array(let element, let elements):
            let token = beginArray(elementAlignment: element.alignment)
            for value in elements {
                guard value.signature == element else { return fail(.typeMismatch) }
                append(value, depth: depth + 1)
                if failure != nil { return }
            }
            endArray(token)
        case .structure(let fields):
            if fields.isEmpty { fail(.typeMismatch) }
            beginStruct()
            for field in fields { append(field, depth: depth + 1) }
        case .dictEntry(let key, let value):
            beginDictEntry()
            append(key, depth: depth + 1)
            append(value, depth: depth + 1)
        case .variant(let inner):
            // Only a complete type may be inside; a lone dictionary entry is none.
            if case .dictEntry = inner { return fail(.typeMismatch) }
            append(signature: inner.signature)
            append(inner, depth: depth + 1)
        default: break
        }
    }
}

extension DBusValue {
    /// The file descriptors in it, in the order in which they are written.
    func collectDescriptors(_ found: inout [FileDescriptorBox]) {
        switch self {
        case .unixFD(let box): found.append(box)
        case .array(_, let values), .structure(let values): for value in values { value.collectDescriptors(&found) }
        case .dictEntry(let key, let value):
            key.collectDescriptors(&found)
            value.collectDescriptors(&found)
        case .variant(let value): value.collectDescriptors(&found)
        default: break
        }
    }
}
