/// Checks the bytes of a body against its signature: of what arrives, in either byte order, and of what is sent, as strictly as whoever receives
/// it. The message bus hangs up on a sender whose message is malformed.
///
/// The rules are those of the D-Bus specification, "Marshaling (Wire Format)", as libdbus keeps them: a test compares the two.
struct BodyValidator {
    /// What is wrong, and where: an offset from the start of the body.
    struct Fault: Error {
        let reason: StaticString
        let position: Int
    }

    private let base: UnsafeRawPointer
    private let end: Int
    private let isSwapped: Bool
    private let descriptors: Int
    private var at = 0

    private init(_ base: UnsafeRawPointer, count: Int, isSwapped: Bool, descriptors: Int) {
        self.base = base
        self.isSwapped = isSwapped
        self.descriptors = descriptors
        end = count
    }

    /// - Parameters:
    ///   - body: starts at a multiple of 8 of the message.
    ///   - isSwapped: its numbers are of the other byte order than this machine's.
    ///   - descriptors: how many file descriptors there are for it. For what arrives any number will do, as for libdbus: whoever reads one that is
    ///     not there is told.
    static func check(
        _ body: UnsafeRawBufferPointer, against signature: UnsafeRawBufferPointer, isSwapped: Bool = false, descriptors: Int = 0
    ) throws(Fault) {
        var type = 0
        guard signature.count <= NameGrammar.maximumLength else { throw Fault(reason: "the signature is too long", position: 0) }
        while type < signature.count {
            guard let next = TypeScanner.end(ofTypeAt: type, in: signature) else {
                throw Fault(reason: "the signature is none", position: 0)
            }
            type = next
        }
        guard let base = body.baseAddress else {
            if !signature.isEmpty { throw Fault(reason: "it ends too early", position: 0) }
            return
        }
        var validator = BodyValidator(base, count: body.count, isSwapped: isSwapped, descriptors: descriptors)
        type = 0
        while type < signature.count { type = try validator.value(signature, type, depth: 0) }
        guard validator.at == validator.end else { throw validator.fault("there is more than the signature says") }
    }

    /// Checks the variant that starts at `start` of a message's header, in an array of structures.
    /// - Parameter header: from the start of the message to the end of its fields.
    /// - Returns: where the variant ends.
    static func end(ofVariantAt start: Int, in header: UnsafeRawBufferPointer, isSwapped: Bool) throws(Fault) -> Int {
        guard let base = header.baseAddress else { throw Fault(reason: "it ends too early", position: 0) }
        var validator = BodyValidator(base, count: header.count, isSwapped: isSwapped, descriptors: .max)
        validator.at = start
        try validator.variant(depth: 2)
        return validator.at
    }

    @inline(never)
    private func fault(_ reason: StaticString) -> Fault { Fault(reason: reason, position: at) }

    // MARK: - Values

    /// Goes past one value.
    /// - Parameter types: is well-formed.
    /// - Returns: where the next type starts.
    private mutating func value(_ types: UnsafeRawBufferPointer, _ type: Int, depth: Int) throws(Fault) -> Int {
        switch types[type] {
        case TypeCode.string: try text()
        case TypeCode.variant: try variant(depth: depth)
        case TypeCode.byte: try pass(1)
        case TypeCode.int16, TypeCode.uint16: try pass(2)
        case TypeCode.int32, TypeCode.uint32: try pass(4)
        case TypeCode.int64, TypeCode.uint64, TypeCode.double: try pass(8)
        case TypeCode.boolean: try boolean()
        case TypeCode.objectPath: try path()
        case TypeCode.signature: _ = try signature()
        case TypeCode.array: return try array(types, type, depth: depth)
        case TypeCode.structure, TypeCode.dictEntry: return try structure(types, type, depth: depth)
        case TypeCode.unixFD: try descriptor()
        default: throw fault("the signature is none")
        }
        return type + 1
    }

    private func deeper(_ depth: Int) throws(Fault) -> Int {
        guard depth < BodyReader.maximumDepth else { throw fault("it is more than 64 containers deep") }
        return depth + 1
    }

    /// Goes to the next multiple of `alignment`; what is passed must be zero.
    @inline(__always)
    private mutating func align(_ alignment: Int) throws(Fault) {
        if at & (alignment &- 1) != 0 { try pad(alignment) }
    }

    private mutating func pad(_ alignment: Int) throws(Fault) {
        let start = (at &+ (alignment &- 1)) & ~(alignment &- 1)
        guard start <= end else { throw fault("it ends too early") }
        while at < start {
            guard base.load(fromByteOffset: at, as: UInt8.self) == 0 else { throw fault("padding is not zero") }
            at &+= 1
        }
    }

    /// Goes past a number of so many bytes.
    @inline(__always)
    private mutating func pass(_ size: Int) throws(Fault) {
        try align(size)
        guard size <= end &- at else { throw fault("it ends too early") }
        at &+= size
    }

    @inline(__always)
    private mutating func length() throws(Fault) -> Int {
        try pass(4)
        let length = base.loadUnaligned(fromByteOffset: at &- 4, as: UInt32.self)
        return Int(isSwapped ? length.byteSwapped : length)
    }

    private mutating func descriptor() throws(Fault) {
        guard descriptors > 0 else { throw fault("a file descriptor can only be sent as a DBusValue") }
        guard try length() < descriptors else { throw fault("a file descriptor does not come along") }
    }

    @inline(__always)
    private mutating func boolean() throws(Fault) {
        guard try length() <= 1 else { throw fault("a boolean is neither 0 nor 1") }
    }

    /// The bytes before a terminator, of which there are so many.
    @inline(__always)
    private mutating func terminated(_ length: Int) throws(Fault) -> UnsafeRawBufferPointer {
        guard length < end &- at else { throw fault("a text is longer than the body") }
        let bytes = UnsafeRawBufferPointer(start: base + at, count: length)
        at &+= length
        guard base.load(fromByteOffset: at, as: UInt8.self) == 0 else { throw fault("a text has no terminator") }
        at &+= 1
        return bytes
    }

    private mutating func text() throws(Fault) {
        let length = try length()
        guard WireText.isText(try terminated(length)) else { throw fault("a text is not UTF-8, or has a NUL in it") }
    }

    private mutating func path() throws(Fault) {
        let length = try length()
        guard WireText.isPath(try terminated(length)) else { throw fault("an object path is none") }
    }

    private mutating func signature() throws(Fault) -> UnsafeRawBufferPointer {
        try pass(1)
        let types = try terminated(Int(base.load(fromByteOffset: at &- 1, as: UInt8.self)))
        // Nearly all are the type of one plain value.
        if types.count == 1, TypeCode.isBasic(types[0]) || types[0] == TypeCode.variant { return types }
        var type = 0
        while type < types.count {
            guard let next = TypeScanner.end(ofTypeAt: type, in: types) else { throw fault("a signature is none") }
            type = next
        }
        return types
    }

    // MARK: - Containers

    private mutating func variant(depth: Int) throws(Fault) {
        let depth = try deeper(depth)
        let types = try signature()
        guard !types.isEmpty, try value(types, 0, depth: depth) == types.count else {
            throw fault("a variant's signature is not one type")
        }
    }

    private mutating func structure(_ types: UnsafeRawBufferPointer, _ type: Int, depth: Int) throws(Fault) -> Int {
        let depth = try deeper(depth)
        try align(8)
        let close = types[type] == TypeCode.structure ? TypeCode.structureEnd : TypeCode.dictEntryEnd
        var next = type + 1
        while types[next] != close { next = try value(types, next, depth: depth) }
        return next + 1
    }

    private mutating func array(_ types: UnsafeRawBufferPointer, _ type: Int, depth: Int) throws(Fault) -> Int {
        let length = try length()
        let element = types[type + 1]
        let alignment = TypeCode.alignment(element)
        try align(alignment)
        guard length <= 64 << 20 else { throw fault("an array is longer than 64 MiB") }
        guard length <= end &- at else { throw fault("an array is longer than the body") }
        let arrayEnd = at &+ length
        if TypeCode.isNumber(element) {
            guard length & (alignment &- 1) == 0 else { throw fault("an array ends within an element") }
            at = arrayEnd
            return type + 2
        }
        guard at < arrayEnd else { return TypeScanner.end(ofTypeAt: type, in: types) ?? types.count }
        let depth = try deeper(depth)
        var next = type + 2
        let hasProperties = isDictionaryOfVariants(types, type + 1) && !isSwapped && depth + 2 <= BodyReader.maximumDepth
        if hasProperties { next = type + Self.dictionaryLength }
        while at < arrayEnd {
            if hasProperties, plainEntry() { continue }
            next = try value(types, type + 1, depth: depth)
        }
        guard at == arrayEnd else { throw fault("an array ends within an element") }
        return next
    }
}

// MARK: - Properties

extension BodyValidator {
    /// The bytes of `a{sv}`.
    private static var dictionaryLength: Int { 5 }

    private func isDictionaryOfVariants(_ types: UnsafeRawBufferPointer, _ entry: Int) -> Bool {
        types[entry] == TypeCode.dictEntry && types[entry + 1] == TypeCode.string && types[entry + 2] == TypeCode.variant
    }

    /// Goes past an entry of an `a{sv}` whose value is a text or a number, as most are. In this machine's byte order.
    /// - Returns: false for any other entry, and for one with a fault; nothing was gone past then.
    private mutating func plainEntry() -> Bool {
        let start = at
        if passPlainEntry() { return true }
        at = start
        return false
    }

    @inline(__always)
    private mutating func passPlainEntry() -> Bool {
        guard skip(toMultipleOf: 8), let name = plainText(), WireText.isText(name), end &- at >= 3 else { return false }
        let type = base.load(fromByteOffset: at &+ 1, as: UInt8.self)
        guard base.load(fromByteOffset: at, as: UInt8.self) == 1, base.load(fromByteOffset: at &+ 2, as: UInt8.self) == 0 else {
            return false
        }
        at &+= 3
        switch type {
        case TypeCode.string:
            guard let text = plainText() else { return false }
            return WireText.isText(text)
        case TypeCode.int32, TypeCode.uint32: return skip(number: 4)
        case TypeCode.int64, TypeCode.uint64, TypeCode.double: return skip(number: 8)
        case TypeCode.int16, TypeCode.uint16: return skip(number: 2)
        case TypeCode.byte: return skip(number: 1)
        case TypeCode.boolean: return skip(number: 4) && base.loadUnaligned(fromByteOffset: at &- 4, as: UInt32.self) <= 1
        default: return false
        }
    }

    /// - Returns: false where something other than zero is gone past, or the end.
    @inline(__always)
    private mutating func skip(toMultipleOf alignment: Int) -> Bool {
        let next = (at &+ (alignment &- 1)) & ~(alignment &- 1)
        guard next <= end else { return false }
        while at < next {
            guard base.load(fromByteOffset: at, as: UInt8.self) == 0 else { return false }
            at &+= 1
        }
        return true
    }

    @inline(__always)
    private mutating func skip(number size: Int) -> Bool {
        guard skip(toMultipleOf: size), size <= end &- at else { return false }
        at &+= size
        return true
    }

    /// A text with its terminator.
    @inline(__always)
    private mutating func plainText() -> UnsafeRawBufferPointer? {
        guard skip(number: 4) else { return nil }
        let length = Int(base.loadUnaligned(fromByteOffset: at &- 4, as: UInt32.self))
        guard length < end &- at, base.load(fromByteOffset: at &+ length, as: UInt8.self) == 0 else { return nil }
        defer { at = at &+ length &+ 1 }
        return UnsafeRawBufferPointer(start: base + at, count: length)
    }
}

/// What text may be on the wire.
enum WireText {
    /// Whether it is UTF-8 without a NUL.
    static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let high: UInt64 = 0x8080_8080_8080_8080
        let low: UInt64 = 0x0101_0101_0101_0101
        var at = 0
        while at &+ 8 <= bytes.count {
            let word = base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            // A bit is left where a byte is above 0x7F, or, if there is none, where one is zero.
            guard (word | (word &- low)) & high == 0 else { return isLongText(bytes, from: at) }
            at &+= 8
        }
        if at < bytes.count, bytes.count >= 8 {
            // The last eight, some of which have been looked at.
            let word = base.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
            return (word | (word &- low)) & high == 0 || isLongText(bytes, from: at)
        }
        while at < bytes.count {
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            guard byte != 0, byte < 0x80 else { return isLongText(bytes, from: at) }
            at &+= 1
        }
        return true
    }

    /// The same for what is not all ASCII.
    /// - Parameter start: ASCII without a NUL stands before it.
    private static func isLongText(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Bool {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
        if rest.contains(0) { return false }
        return rest.withMemoryRebound(to: UInt8.self) { (try? UTF8Span(validating: Span(_unsafeElements: $0))) != nil }
    }

    static func isPath(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.first == UInt8(ascii: "/") else { return false }
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == UInt8(ascii: "/") {
                if previous == byte { return false }
            } else if !NameGrammar.isAlphanumeric(byte), byte != UInt8(ascii: "_") {
                return false
            }
            previous = byte
        }
        return bytes.count == 1 || previous != UInt8(ascii: "/")
    }
}
