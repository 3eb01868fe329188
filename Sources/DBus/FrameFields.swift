import Glibc

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
            for index in end..<next where bytes[index] != 0 { throw FrameFault("what fills up the \(field) is not 0") }
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

    /// The bytes that they take.
    /// - Throws: `.tooLarge`: a text is longer than a field can be.
    func length() throws(DBusError) -> Int {
        try Self.length(.path, path) + Self.length(.interface, interface) + Self.length(.member, member)
            + Self.length(.errorName, errorName) + Self.length(.signature, signature)
    }

    private static func length(_ field: Code, _ text: String?) throws(DBusError) -> Int {
        guard let count = text?.utf8.count else { return 0 }
        guard count <= UInt16.max else {
            throw DBusError(code: .tooLarge, "the \(field) of a message has \(count) bytes; a private connection carries 65535")
        }
        return (4 + count + 7) & ~7
    }

    /// Writes the fields, where there is room for ``length()``.
    func write(to place: UnsafeMutableRawPointer) {
        var at = place
        Self.write(.path, path, to: &at)
        Self.write(.interface, interface, to: &at)
        Self.write(.member, member, to: &at)
        Self.write(.errorName, errorName, to: &at)
        Self.write(.signature, signature, to: &at)
    }

    private static func write(_ field: Code, _ text: String?, to place: inout UnsafeMutableRawPointer) {
        guard var text else { return }
        text.withUTF8 { place += store(field, UnsafeRawBufferPointer($0), to: place) }
    }

    private static func store(_ field: Code, _ text: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer) -> Int {
        let end = (4 + text.count + 7) & ~7
        // What fills the last eight bytes up.
        (place + (end - 8)).storeBytes(of: 0, as: UInt64.self)
        place.storeBytes(of: field.rawValue, as: UInt8.self)
        place.storeBytes(of: 0, toByteOffset: 1, as: UInt8.self)
        place.storeBytes(of: UInt16(truncatingIfNeeded: text.count), toByteOffset: 2, as: UInt16.self)
        if let source = text.baseAddress { memcpy(place + 4, source, text.count) }
        return end
    }

    /// Writes a signature of at most 255 bytes as the only field; nothing where it is empty.
    /// - Returns: how many bytes the field takes.
    static func store(signature: UnsafeRawBufferPointer, to room: UnsafeMutableRawBufferPointer) -> Int {
        if signature.isEmpty { return 0 }
        guard let base = room.baseAddress, (4 + signature.count + 7) & ~7 <= room.count else { return 0 }
        return store(.signature, signature, to: base)
    }
}

/// The fields that came last: most frames that follow each other have the same, which need not be read and looked at anew.
struct FieldsMemory {
    private var bytes: [UInt8] = []
    private var fields = FrameFields()

    /// Longer ones are not remembered.
    private static let most = 512

    mutating func read(_ new: UnsafeRawBufferPointer) throws(FrameFault) -> FrameFields {
        let isKnown = bytes.withUnsafeBytes { known in
            guard known.count == new.count, let one = known.baseAddress, let other = new.baseAddress else { return false }
            return memcmp(one, other, known.count) == 0
        }
        if isKnown { return fields }
        let read = try FrameFields(reading: new)
        if new.count <= Self.most {
            bytes = Array(new)
            fields = read
        }
        return read
    }
}
