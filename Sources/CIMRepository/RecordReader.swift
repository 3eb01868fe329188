import CIM

/// Reads what ``RecordWriter`` wrote. Any bytes give a value or an error, never a trap, in time and memory linear in their number.
struct RecordReader {
    private let bytes: [UInt8]
    private var position = 0

    /// Texts seen before: names return in thousands of records, and one copy of each is enough.
    private var known: Set<String>

    private let version: UInt8

    /// - Parameter newest: the newest version that there is of what the record holds.
    private init(_ bytes: [UInt8], known: Set<String>, newest: UInt8) throws(RecordError) {
        guard let version = bytes.first else { throw .wrongLength }
        guard (RecordWriter.version...newest).contains(version) else { throw .unknownVersion(version) }
        self.bytes = bytes
        self.known = known
        self.version = version
        position = 1
    }

    private static func read<Content>(
        _ bytes: [UInt8], known: inout Set<String>, newest: UInt8 = RecordWriter.version,
        _ content: (inout RecordReader) throws(RecordError) -> Content
    ) throws(RecordError) -> Content {
        var reader = try RecordReader(bytes, known: known, newest: newest)
        known = []
        defer { known = reader.known }
        let result = try content(&reader)
        guard reader.position == bytes.count else { throw .wrongLength }
        return result
    }

    /// - Parameter known: names that are shared with what was read before; grows.
    static func readClass(_ bytes: [UInt8], known: inout Set<String>) throws(RecordError) -> CIMClass {
        try read(bytes, known: &known) { reader throws(RecordError) in try reader.readClass() }
    }

    static func readQualifierType(_ bytes: [UInt8]) throws(RecordError) -> CIMQualifierType {
        var known: Set<String> = []
        return try read(bytes, known: &known) { reader throws(RecordError) in
            CIMQualifierType(
                name: try reader.readText(), type: try reader.readType(), defaultValue: try reader.readValue(depth: 0),
                scope: CIMQualifierScope(rawValue: UInt16(truncatingIfNeeded: try reader.readNumber())),
                flavor: CIMFlavor(rawValue: UInt32(truncatingIfNeeded: try reader.readNumber())))
        }
    }

    static func readInstance(_ bytes: [UInt8]) throws(RecordError) -> CIMInstance {
        var known: Set<String> = []
        return try read(bytes, known: &known, newest: RecordWriter.versionWithQualifiers) { reader throws(RecordError) in
            var instance = try reader.readInstance(depth: 0)
            guard reader.version >= RecordWriter.versionWithQualifiers else { return instance }
            instance.qualifiers = try reader.readQualifiers()
            for _ in 0..<(try reader.readCount()) {
                instance.propertyQualifiers.append(.init(name: try reader.readName(), qualifiers: try reader.readQualifiers()))
            }
            return instance
        }
    }

    // MARK: - Plain parts

    private mutating func readByte() throws(RecordError) -> UInt8 {
        guard position < bytes.count else { throw .wrongLength }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func readNumber() throws(RecordError) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try readByte()
            guard shift < 63 || byte < 2 else { break }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
        }
        throw .malformed("a number of more than 64 bits")
    }

    /// A number of things that follow, each of at least one byte.
    private mutating func readCount() throws(RecordError) -> Int {
        let number = try readNumber()
        guard number <= UInt64(bytes.count - position) else { throw .wrongLength }
        return Int(number)
    }

    private mutating func readFixed<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(RecordError) -> Number {
        let size = Number.bitWidth / 8
        guard bytes.count - position >= size else { throw .wrongLength }
        var number: Number = 0
        for offset in (0..<size).reversed() { number = (number &<< 8) | Number(truncatingIfNeeded: bytes[position + offset]) }
        position += size
        return number
    }

    private mutating func readText() throws(RecordError) -> String {
        let count = try readCount()
        guard let text = String(validating: bytes[position..<position + count], as: UTF8.self) else {
            throw .malformed("a text that is not UTF-8")
        }
        position += count
        return text
    }

    /// A text that is likely to occur again. Short ones need no memory of their own.
    private mutating func readName() throws(RecordError) -> String {
        let text = try readText()
        guard text.utf8.count > 15 else { return text }
        let shared = known.insert(text).memberAfterInsert
        return CIMName.isSpelled(shared, as: text) ? shared : text
    }

    private mutating func readOptionalName() throws(RecordError) -> String? {
        switch try readByte() {
        case 0: return nil
        case 1: return try readName()
        case let other: throw .unknownTag(other)
        }
    }

    // MARK: - Classes

    private mutating func readType() throws(RecordError) -> CIMTypeReference {
        let number = try readNumber()
        guard let base = UInt16(exactly: number).flatMap({ CIMType(rawValue: $0) }) else { throw .malformed("type \(number)") }
        let form = try readByte()
        guard form < 4 else { throw .unknownTag(form) }
        let size = form & 2 == 0 ? nil : Int(truncatingIfNeeded: try readFixed(Int64.self))
        return CIMTypeReference(base, isArray: form & 1 == 1, arraySize: size, className: try readOptionalName())
    }

    private mutating func readQualifiers() throws(RecordError) -> [CIMQualifier] {
        let count = try readCount()
        var qualifiers: [CIMQualifier] = []
        for _ in 0..<count {
            let name = try readName()
            let flavor = CIMFlavor(rawValue: UInt32(truncatingIfNeeded: try readNumber()))
            qualifiers.append(CIMQualifier(name: name, value: try readValue(depth: 0), flavor: flavor))
        }
        return qualifiers
    }

    private mutating func readClass() throws(RecordError) -> CIMClass {
        var declared = CIMClass(name: try readName(), superclass: try readOptionalName())
        for _ in 0..<(try readCount()) { declared.derivation.append(try readName()) }
        declared.qualifiers = try readQualifiers()
        for _ in 0..<(try readCount()) {
            declared.properties.append(
                CIMProperty(
                    name: try readName(), type: try readType(), defaultValue: try readValue(depth: 0), qualifiers: try readQualifiers(),
                    origin: try readName()))
        }
        for _ in 0..<(try readCount()) { declared.methods.append(try readMethod()) }
        return declared
    }

    private mutating func readMethod() throws(RecordError) -> CIMMethod {
        let name = try readName()
        var method = CIMMethod(name: name, returnType: try readByte() == 0 ? nil : try readType())
        for _ in 0..<(try readCount()) {
            method.parameters.append(CIMParameter(name: try readName(), type: try readType(), qualifiers: try readQualifiers()))
        }
        method.qualifiers = try readQualifiers()
        method.origin = try readName()
        return method
    }

    // MARK: - Values

    private mutating func readInstance(depth: Int) throws(RecordError) -> CIMInstance {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        var instance = CIMInstance(className: try readName())
        if try readByte() == 1 { instance.path = try readPath(depth: depth + 1) }
        for _ in 0..<(try readCount()) { instance.append(name: try readName(), value: try readValue(depth: depth + 1)) }
        return instance
    }

    private mutating func readPath(depth: Int) throws(RecordError) -> CIMObjectPath {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        var path = CIMObjectPath(server: try readOptionalName(), namespace: try readOptionalName(), className: try readName())
        switch try readByte() {
        case 0: break
        case 1: path.keys = .singleton
        case 2:
            var keys: [CIMObjectPath.Key] = []
            for _ in 0..<(try readCount()) {
                let name = try readOptionalName()
                let value = try readValue(depth: depth + 1)
                guard let key = CIMObjectPath.KeyValue(value) else { throw .malformed("a key that is \(value.briefDescription)") }
                keys.append(CIMObjectPath.Key(name: name, value: key))
            }
            path.keys = .keys(keys)
        case let other: throw .unknownTag(other)
        }
        return path
    }

    private mutating func readValue(depth: Int) throws(RecordError) -> CIMValue {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        let tag = try readByte()
        if tag == RecordTag.null { return .null }
        if tag == RecordTag.array {
            let element = try readByte()
            guard let base = CIMType(rawValue: UInt16(element)) else { throw .unknownTag(element) }
            var elements: [CIMValue] = []
            for _ in 0..<(try readCount()) { elements.append(try readValue(depth: depth + 1)) }
            return .array(of: base, elements)
        }
        guard let type = CIMType(rawValue: UInt16(tag)) else { throw .unknownTag(tag) }
        switch type {
        case .boolean: return .boolean(try readByte() != 0)
        case .uint8: return .uint8(try readFixed())
        case .sint8: return .sint8(try readFixed())
        case .uint16: return .uint16(try readFixed())
        case .sint16: return .sint16(try readFixed())
        case .uint32: return .uint32(try readFixed())
        case .sint32: return .sint32(try readFixed())
        case .uint64: return .uint64(try readFixed())
        case .sint64: return .sint64(try readFixed())
        case .char16: return .char16(try readFixed())
        case .real32: return .real32(Float(bitPattern: try readFixed()))
        case .real64: return .real64(Double(bitPattern: try readFixed()))
        case .string: return .string(try readText())
        case .datetime:
            let text = try readText()
            guard let time = CIMDateTime(text) else { throw .malformed("datetime '\(text)'") }
            return .datetime(time)
        case .reference: return .reference(try readPath(depth: depth + 1))
        case .object: return .object(try readInstance(depth: depth + 1))
        }
    }
}

/// Why bytes are not a record, or a value cannot become one.
///
/// On reading it is nobody's fault who could mend it: the disk's, or that of whoever changed the file; ours only where the checksum of the row
/// was right. The operation is CriticalError. On writing, ``tooDeep`` is theirs: the fault of who put the value, QuotaViolation.
enum RecordError: Error, Hashable, Sendable {
    /// The bytes end in the middle of something, or go on behind the end.
    case wrongLength
    case unknownVersion(UInt8)
    case unknownTag(UInt8)

    /// Text that is not UTF-8, a date that is none, a number too large.
    case malformed(String)

    /// Values nested deeper than ``maximumDepth``.
    case tooDeep

    /// How deep values may nest: embedded objects 16 (Design 3), each in an array, and their paths in one another.
    static let maximumDepth = 64
}
