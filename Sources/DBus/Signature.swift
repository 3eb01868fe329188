/// The types of a body or of one value, as D-Bus writes them: `sa{sv}`. At most 255 bytes, 32 arrays and 32 structures deep.
public struct Signature: DBusName {
    public let text: String

    public init(_ text: String) throws(DBusNameError) {
        if let reason = Self.fault(of: text) { throw DBusNameError(kind: "signature", text: text, reason: reason) }
        self.text = text
    }

    public init(verified text: String) { self.text = text }

    /// No values.
    public static let empty = Signature(verified: "")
    /// `a{sv}`.
    public static let dictionary = Signature(verified: "a{sv}")

    public var isEmpty: Bool { text.isEmpty }

    /// The complete types it is made of, in order.
    public var types: [Signature] {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var types: [Signature] = []
            var start = 0
            while start < bytes.count, let end = TypeScanner.end(ofTypeAt: start, in: bytes) {
                types.append(Signature(verified: String(decoding: bytes[start..<end], as: UTF8.self)))
                start = end
            }
            return types
        }
    }

    /// Whether it is exactly one complete type, which is what a variant or an array element needs.
    public var isSingleType: Bool {
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            return !bytes.isEmpty && TypeScanner.end(ofTypeAt: 0, in: bytes) == bytes.count
        }
    }

    /// The number of bytes to which the first type is aligned; 1 when empty.
    public var alignment: Int { text.utf8.first.map(TypeCode.alignment) ?? 1 }

    private static func fault(of text: String) -> String? {
        if text.utf8.count > NameGrammar.maximumLength { return "it is longer than 255 bytes" }
        var text = text
        return text.withUTF8 { utf8 in
            let bytes = UnsafeRawBufferPointer(utf8)
            var start = 0
            while start < bytes.count {
                guard let end = TypeScanner.end(ofTypeAt: start, in: bytes) else { return "no complete type at byte \(start)" }
                start = end
            }
            return nil
        }
    }
}

/// The bytes that stand for types, and what the wire format says of them.
enum TypeCode {
    static let byte = UInt8(ascii: "y")
    static let boolean = UInt8(ascii: "b")
    static let int16 = UInt8(ascii: "n")
    static let uint16 = UInt8(ascii: "q")
    static let int32 = UInt8(ascii: "i")
    static let uint32 = UInt8(ascii: "u")
    static let int64 = UInt8(ascii: "x")
    static let uint64 = UInt8(ascii: "t")
    static let double = UInt8(ascii: "d")
    static let string = UInt8(ascii: "s")
    static let objectPath = UInt8(ascii: "o")
    static let signature = UInt8(ascii: "g")
    static let unixFD = UInt8(ascii: "h")
    static let variant = UInt8(ascii: "v")
    static let array = UInt8(ascii: "a")
    static let structure = UInt8(ascii: "(")
    static let structureEnd = UInt8(ascii: ")")
    static let dictEntry = UInt8(ascii: "{")
    static let dictEntryEnd = UInt8(ascii: "}")

    static func isBasic(_ code: UInt8) -> Bool {
        switch code {
        case byte, boolean, int16, uint16, int32, uint32, int64, uint64, double, string, objectPath, signature, unixFD: true
        default: false
        }
    }

    /// Whether it is always of the same size, and any bytes are one.
    static func isNumber(_ code: UInt8) -> Bool {
        switch code {
        case byte, int16, uint16, int32, uint32, int64, uint64, double: true
        default: false
        }
    }

    static func alignment(_ code: UInt8) -> Int {
        switch code {
        case int16, uint16: 2
        case boolean, int32, uint32, string, objectPath, unixFD, array: 4
        case int64, uint64, double, structure, dictEntry: 8
        default: 1
        }
    }
}

/// Finds where one complete type ends. Never reads past the buffer.
enum TypeScanner {
    static let maximumDepth = 32

    static func end(ofTypeAt start: Int, in bytes: UnsafeRawBufferPointer) -> Int? {
        end(ofTypeAt: start, in: bytes, arrays: 0, structures: 0)
    }

    private static func end(ofTypeAt start: Int, in bytes: UnsafeRawBufferPointer, arrays: Int, structures: Int) -> Int? {
        guard start < bytes.count, arrays <= maximumDepth, structures <= maximumDepth else { return nil }
        let code = bytes[start]
        if TypeCode.isBasic(code) || code == TypeCode.variant { return start + 1 }
        switch code {
        case TypeCode.array:
            guard start + 1 < bytes.count else { return nil }
            if bytes[start + 1] == TypeCode.dictEntry {
                guard start + 2 < bytes.count, TypeCode.isBasic(bytes[start + 2]), arrays < maximumDepth,
                    let end = end(ofTypeAt: start + 3, in: bytes, arrays: arrays + 1, structures: structures + 1),
                    end < bytes.count, bytes[end] == TypeCode.dictEntryEnd
                else { return nil }
                return end + 1
            }
            return end(ofTypeAt: start + 1, in: bytes, arrays: arrays + 1, structures: structures)
        case TypeCode.structure:
            var next = start + 1
            while next < bytes.count, bytes[next] != TypeCode.structureEnd {
                guard let end = end(ofTypeAt: next, in: bytes, arrays: arrays, structures: structures + 1) else { return nil }
                next = end
            }
            return next < bytes.count && next > start + 1 ? next + 1 : nil
        default:
            return nil
        }
    }
}
