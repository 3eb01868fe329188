import DBus

/// A message written by hand, in either byte order, with none of the library's code: it may be as wrong as a test wants.
struct RawMessage {
    /// A field of the header.
    struct Field {
        var code: UInt8
        var value: DBusValue
    }

    var isBig = false
    var type: UInt8 = 1
    var flags: UInt8 = 0
    var version: UInt8 = 1
    var serial: UInt32 = 1
    var fields: [Field] = []
    var values: [DBusValue] = []

    /// A call with what a call needs.
    static func call(_ values: [DBusValue] = [], isBig: Bool = false) -> RawMessage {
        var message = RawMessage(isBig: isBig, values: values)
        message.fields = [Field(code: 1, value: path("/x")), Field(code: 3, value: .string("M"))]
        return message
    }

    static func path(_ text: String) -> DBusValue { .objectPath(ObjectPath(verified: text)) }

    /// Header and body. The body's signature is added to the fields, unless there is one.
    var bytes: [UInt8] {
        var body = RawWriter(isBig: isBig)
        for value in values { body.append(value) }
        var header = RawWriter(isBig: isBig)
        header.bytes = [UInt8(ascii: isBig ? "B" : "l"), type, flags, version]
        header.append(number: UInt32(body.bytes.count))
        header.append(number: serial)
        header.append(number: UInt32(0))
        var all = fields
        if !values.isEmpty, !fields.contains(where: { $0.code == 8 }) {
            let types = Signature(verified: values.map(\.signature.text).joined())
            all.append(Field(code: 8, value: .signature(types)))
        }
        for field in all {
            header.align(8)
            header.bytes.append(field.code)
            header.append(.variant(field.value))
        }
        header.set(number: UInt32(header.bytes.count - 16), at: 12)
        header.align(8)
        return header.bytes + body.bytes
    }
}

/// Writes values as the specification says, byte by byte.
struct RawWriter {
    let isBig: Bool
    var bytes: [UInt8] = []

    init(isBig: Bool) { self.isBig = isBig }

    mutating func align(_ alignment: Int) { while bytes.count % alignment != 0 { bytes.append(0) } }

    mutating func append(number: some FixedWidthInteger) {
        align(number.bitWidth / 8)
        withUnsafeBytes(of: isBig ? number.bigEndian : number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func set(number: UInt32, at offset: Int) {
        withUnsafeBytes(of: isBig ? number.bigEndian : number.littleEndian) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
    }

    private mutating func append(text: String) {
        append(number: UInt32(text.utf8.count))
        bytes += Array(text.utf8) + [0]
    }

    private mutating func append(types: String) { bytes += [UInt8(truncatingIfNeeded: types.utf8.count)] + Array(types.utf8) + [0] }

    mutating func append(_ value: DBusValue) {
        switch value {
        case .byte(let value): append(number: value)
        case .boolean(let value): append(number: UInt32(value ? 1 : 0))
        case .int16(let value): append(number: value)
        case .uint16(let value): append(number: value)
        case .int32(let value): append(number: value)
        case .uint32(let value): append(number: value)
        case .int64(let value): append(number: value)
        case .uint64(let value): append(number: value)
        case .double(let value): append(number: value.bitPattern)
        case .string(let text): append(text: text)
        case .objectPath(let path): append(text: path.text)
        case .signature(let signature): append(types: signature.text)
        // Whatever it is, its index is 0.
        case .unixFD: append(number: UInt32(0))
        case .bytes(let array): append(array: 1, array.map { .byte($0) })
        case .array(let element, let values): append(array: element.alignment, values)
        case .structure(let values):
            align(8)
            for value in values { append(value) }
        case .dictEntry(let key, let value):
            align(8)
            append(key)
            append(value)
        case .variant(let value):
            append(types: value.signature.text)
            append(value)
        }
    }

    private mutating func append(array alignment: Int, _ values: [DBusValue]) {
        append(number: UInt32(0))
        let lengthAt = bytes.count - 4
        align(alignment)
        let start = bytes.count
        for value in values { append(value) }
        set(number: UInt32(bytes.count - start), at: lengthAt)
    }
}
