import CDBus

/// Reads and writes bodies that carry file descriptors, the one thing marshalled bytes cannot hold, through libdbus's iterators.
enum IteratorCodec {
    static func containsUnixFD(_ value: DBusValue) -> Bool {
        switch value {
        case .unixFD: true
        case .array(_, let values), .structure(let values): values.contains(where: containsUnixFD)
        case .dictEntry(let key, let value): containsUnixFD(key) || containsUnixFD(value)
        case .variant(let value): containsUnixFD(value)
        default: false
        }
    }

    /// What the iterators would abort the process for: they check with assertions.
    private static func fault(_ value: DBusValue, depth: Int) -> DBusEncodingError.Code? {
        if depth > TypeScanner.maximumDepth { return .tooDeep }
        switch value {
        case .string(let text): return text.utf8.contains(0) ? .stringWithNUL : nil
        case .array(let element, let values):
            for value in values {
                if value.signature != element { return .typeMismatch }
                if let fault = fault(value, depth: depth + 1) { return fault }
            }
            return nil
        case .structure(let values):
            if values.isEmpty { return .typeMismatch }
            for value in values { if let fault = fault(value, depth: depth + 1) { return fault } }
            return nil
        case .dictEntry(let key, let value): return fault(key, depth: depth + 1) ?? fault(value, depth: depth + 1)
        case .variant(.dictEntry): return .typeMismatch
        case .variant(let value):
            do { _ = try Signature(value.signature.text) } catch { return .typeMismatch }
            return fault(value, depth: depth + 1)
        default: return nil
        }
    }

    /// A message of libdbus's with these values in its body.
    static func message(_ header: MessageHeader, _ values: [DBusValue]) throws(DBusError) -> Message {
        for value in values {
            if let fault = fault(value, depth: 0) {
                throw DBusError(code: .malformed, DBusEncodingError(code: fault, position: 0).description)
            }
        }
        let pointer = try header.libraryMessage()
        var iterator = DBusMessageIter()
        dbus_message_iter_init_append(pointer, &iterator)
        for value in values {
            guard append(value, to: &iterator) else {
                dbus_message_unref(pointer)
                throw DBusError(code: .outOfMemory, "appending to a message, or duplicating a descriptor")
            }
        }
        return Message(adopting: pointer)
    }

    private static func basic<T>(_ code: UInt8, _ value: T, _ iterator: inout DBusMessageIter) -> Bool {
        withUnsafePointer(to: value) { dbus_message_iter_append_basic(&iterator, Int32(code), $0) != 0 }
    }

    private static func text(_ code: UInt8, _ text: String, _ iterator: inout DBusMessageIter) -> Bool {
        text.withCString { basic(code, $0, &iterator) }
    }

    private static func container(
        _ code: UInt8, _ signature: String?, _ values: [DBusValue], _ iterator: inout DBusMessageIter
    ) -> Bool {
        var inner = DBusMessageIter()
        guard dbus_message_iter_open_container(&iterator, Int32(code), signature, &inner) != 0 else { return false }
        for value in values where !append(value, to: &inner) {
            dbus_message_iter_abandon_container(&iterator, &inner)
            return false
        }
        return dbus_message_iter_close_container(&iterator, &inner) != 0
    }

    private static func append(_ value: DBusValue, to iterator: inout DBusMessageIter) -> Bool {
        switch value {
        case .byte(let value): basic(TypeCode.byte, value, &iterator)
        case .boolean(let value): basic(TypeCode.boolean, dbus_bool_t(value ? 1 : 0), &iterator)
        case .int16(let value): basic(TypeCode.int16, value, &iterator)
        case .uint16(let value): basic(TypeCode.uint16, value, &iterator)
        case .int32(let value): basic(TypeCode.int32, value, &iterator)
        case .uint32(let value): basic(TypeCode.uint32, value, &iterator)
        case .int64(let value): basic(TypeCode.int64, value, &iterator)
        case .uint64(let value): basic(TypeCode.uint64, value, &iterator)
        case .double(let value): basic(TypeCode.double, value, &iterator)
        case .string(let value): text(TypeCode.string, value, &iterator)
        case .objectPath(let value): text(TypeCode.objectPath, value.text, &iterator)
        case .signature(let value): text(TypeCode.signature, value.text, &iterator)
        case .unixFD(let box): basic(TypeCode.unixFD, box.rawValue, &iterator)
        case .bytes(let bytes): container(TypeCode.array, "y", bytes.map { .byte($0) }, &iterator)
        case .array(let element, let values): container(TypeCode.array, element.text, values, &iterator)
        case .structure(let values): container(UInt8(ascii: "r"), nil, values, &iterator)
        case .dictEntry(let key, let value): container(UInt8(ascii: "e"), nil, [key, value], &iterator)
        case .variant(let value): container(TypeCode.variant, value.signature.text, [value], &iterator)
        }
    }

    static func values(of message: OpaquePointer) throws(DBusDecodingError) -> [DBusValue] {
        var iterator = DBusMessageIter()
        guard dbus_message_iter_init(message, &iterator) != 0 else { return [] }
        return try values(&iterator, depth: 0)
    }

    private static func values(_ iterator: inout DBusMessageIter, depth: Int) throws(DBusDecodingError) -> [DBusValue] {
        guard depth <= BodyReader.maximumDepth else { throw DBusDecodingError(.tooDeep, at: 0) }
        var values: [DBusValue] = []
        while true {
            let type = dbus_message_iter_get_arg_type(&iterator)
            guard type != 0, let code = UInt8(exactly: type) else { return values }
            values.append(try value(code, &iterator, depth: depth))
            dbus_message_iter_next(&iterator)
        }
    }

    private static func value(_ code: UInt8, _ iterator: inout DBusMessageIter, depth: Int) throws(DBusDecodingError) -> DBusValue {
        func get<T: BitwiseCopyable>(_ start: T) -> T {
            var value = start
            withUnsafeMutablePointer(to: &value) { dbus_message_iter_get_basic(&iterator, $0) }
            return value
        }
        func text() -> String { get(UnsafePointer<CChar>?.none).map(String.init(cString:)) ?? "" }
        func inner() throws(DBusDecodingError) -> [DBusValue] {
            var inner = DBusMessageIter()
            dbus_message_iter_recurse(&iterator, &inner)
            return try values(&inner, depth: depth + 1)
        }
        switch code {
        case TypeCode.byte: return .byte(get(0))
        case TypeCode.boolean: return .boolean(get(dbus_bool_t(0)) != 0)
        case TypeCode.int16: return .int16(get(0))
        case TypeCode.uint16: return .uint16(get(0))
        case TypeCode.int32: return .int32(get(0))
        case TypeCode.uint32: return .uint32(get(0))
        case TypeCode.int64: return .int64(get(0))
        case TypeCode.uint64: return .uint64(get(0))
        case TypeCode.double: return .double(get(0))
        case TypeCode.string: return .string(text())
        case TypeCode.objectPath: return .objectPath(ObjectPath(verified: text()))
        case TypeCode.signature: return .signature(Signature(verified: text()))
        case TypeCode.unixFD:
            let descriptor = get(Int32(-1))
            guard descriptor >= 0 else { throw DBusDecodingError(.unixFD, at: 0) }
            return .unixFD(FileDescriptorBox(owning: descriptor))
        case TypeCode.variant:
            guard let value = try inner().first else { throw DBusDecodingError(.truncated, at: 0) }
            return .variant(value)
        case UInt8(ascii: "r"): return .structure(try inner())
        case UInt8(ascii: "e"):
            let pair = try inner()
            guard pair.count == 2 else { throw DBusDecodingError(.truncated, at: 0) }
            return .dictEntry(pair[0], pair[1])
        case TypeCode.array:
            var element = DBusMessageIter()
            dbus_message_iter_recurse(&iterator, &element)
            let raw = dbus_message_iter_get_signature(&element)
            defer { dbus_free(raw) }
            let signature = Signature(verified: raw.map { String(cString: $0) } ?? "")
            let values = try values(&element, depth: depth + 1)
            if signature.text == "y" { return .bytes(values.compactMap { $0.integer() }) }
            return .array(element: signature, values)
        default: throw DBusDecodingError(.invalidName, at: 0)
        }
    }
}
