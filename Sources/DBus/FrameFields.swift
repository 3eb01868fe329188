/// What a frame says beside its fixed start and its body: texts, each at most once, in the order of their codes.
struct FrameFields: Hashable, Sendable {
    /// The codes of fields.
    private enum Code: UInt8 {
        case path = 1
        case interface = 2
        case member = 3
        case errorName = 4
        case signature = 5
    }

    var path: String?
    var interface: String?
    var member: String?
    var errorName: String?
    /// The types of the body.
    var signature: String?

    init() {}

    /// Reads the fields. Each text is what its field wants: none is checked again.
    init(reading bytes: UnsafeRawBufferPointer) throws(FrameFault) {
        var at = 0
        var last: UInt8 = 0
        while at < bytes.count {
            guard bytes.count - at >= 4 else { throw FrameFault("a field runs past the fields") }
            let code = bytes[at]
            let length = Int(bytes.loadUnaligned(fromByteOffset: at + 2, as: UInt16.self))
            guard let field = Code(rawValue: code) else { throw FrameFault("fields of code \(code) are not known") }
            guard bytes[at + 1] == 0 else { throw FrameFault("byte 1 of the \(field) is not 0") }
            guard code > last else { throw FrameFault("the \(field) comes twice, or out of order") }
            last = code
            let end = at + 4 + length
            let next = (end + 7) & ~7
            guard next <= bytes.count else { throw FrameFault("the \(field) runs past the fields") }
            guard bytes[end..<next].allSatisfy({ $0 == 0 }) else { throw FrameFault("what fills up the \(field) is not 0") }
            try set(field, UnsafeRawBufferPointer(rebasing: bytes[at + 4..<end]))
            at = next
        }
    }

    private mutating func set(_ field: Code, _ bytes: UnsafeRawBufferPointer) throws(FrameFault) {
        if let reason = Self.fault(of: bytes, field) { throw FrameFault("the \(field) of a frame: \(reason)") }
        let text = String(decoding: bytes, as: UTF8.self)
        switch field {
        case .path: path = text
        case .interface: interface = text
        case .member: member = text
        case .errorName: errorName = text
        case .signature: signature = text
        }
    }

    private static func fault(of bytes: UnsafeRawBufferPointer, _ field: Code) -> String? {
        switch field {
        case .path: WireText.isPath(bytes) ? nil : "it is no object path"
        case .interface, .errorName: NameGrammar.dotted(bytes, hyphen: false, leadingDigit: false)
        case .member: NameGrammar.member(bytes)
        // Its types are checked with the body.
        case .signature: bytes.count <= NameGrammar.maximumLength && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? nil : "it is none"
        }
    }

    /// Appends the fields.
    /// - Throws: `.tooLarge`: a text is longer than a field can be.
    func write(to bytes: inout [UInt8]) throws(DBusError) {
        try Self.write(.path, path, to: &bytes)
        try Self.write(.interface, interface, to: &bytes)
        try Self.write(.member, member, to: &bytes)
        try Self.write(.errorName, errorName, to: &bytes)
        try Self.write(.signature, signature, to: &bytes)
    }

    private static func write(_ field: Code, _ text: String?, to bytes: inout [UInt8]) throws(DBusError) {
        guard let text else { return }
        guard let length = UInt16(exactly: text.utf8.count) else {
            throw DBusError(code: .tooLarge, "the \(field) of a message has \(text.utf8.count) bytes; a private connection carries 65535")
        }
        bytes.append(field.rawValue)
        bytes.append(0)
        withUnsafeBytes(of: length) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: text.utf8)
        bytes.append(contentsOf: repeatElement(0, count: -(4 + text.utf8.count) & 7))
    }
}
