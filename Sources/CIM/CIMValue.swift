/// A CIM value with its type. Only large contents are boxed, so that a number or a string costs no allocation of its own.
public enum CIMValue: Sendable {
    /// NULL, which every type has.
    case null
    case boolean(Bool)
    case uint8(UInt8)
    case sint8(Int8)
    case uint16(UInt16)
    case sint16(Int16)
    case uint32(UInt32)
    case sint32(Int32)
    case uint64(UInt64)
    case sint64(Int64)
    case real32(Float)
    case real64(Double)

    /// One UTF-16 code unit.
    case char16(UInt16)
    case string(String)
    case datetime(CIMDateTime)
    indirect case reference(CIMObjectPath)
    indirect case object(CIMInstance)

    /// Elements of one type, never NULL, never arrays.
    case array(of: CIMType, [CIMValue])
}

extension CIMValue {
    /// The type; nil for NULL.
    public var type: CIMTypeReference? {
        if case .array(let base, _) = self { return CIMTypeReference(base, isArray: true) }
        return scalarType.map { CIMTypeReference($0) }
    }

    /// The type of a value that is no array; nil for NULL and arrays.
    public var scalarType: CIMType? {
        switch self {
        case .null, .array: nil
        case .boolean: .boolean
        case .uint8: .uint8
        case .sint8: .sint8
        case .uint16: .uint16
        case .sint16: .sint16
        case .uint32: .uint32
        case .sint32: .sint32
        case .uint64: .uint64
        case .sint64: .sint64
        case .real32: .real32
        case .real64: .real64
        case .char16: .char16
        case .string: .string
        case .datetime: .datetime
        case .reference: .reference
        case .object: .object
        }
    }

    public var isNull: Bool { if case .null = self { true } else { false } }

    public var boolValue: Bool? { if case .boolean(let value) = self { value } else { nil } }

    /// Any integer (or char16) that fits.
    public var int64Value: Int64? {
        switch self {
        case .uint8(let value): Int64(value)
        case .sint8(let value): Int64(value)
        case .uint16(let value), .char16(let value): Int64(value)
        case .sint16(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .sint32(let value): Int64(value)
        case .uint64(let value): Int64(exactly: value)
        case .sint64(let value): value
        default: nil
        }
    }

    /// Any integer (or char16) that fits.
    public var uint64Value: UInt64? {
        if case .uint64(let value) = self { return value }
        return int64Value.flatMap { UInt64(exactly: $0) }
    }

    /// A real, or any integer, rounded to the nearest double.
    public var doubleValue: Double? {
        switch self {
        case .real32(let value): Double(value)
        case .real64(let value): value
        case .uint64(let value): Double(value)
        case .char16: nil
        default: int64Value.map { Double($0) }
        }
    }

    /// The text of a string; nil for every other type, datetime and reference too.
    public var stringValue: String? { if case .string(let value) = self { value } else { nil } }

    public var dateTimeValue: CIMDateTime? { if case .datetime(let value) = self { value } else { nil } }

    public var referenceValue: CIMObjectPath? { if case .reference(let value) = self { value } else { nil } }

    public var objectValue: CIMInstance? { if case .object(let value) = self { value } else { nil } }

    public var arrayValue: [CIMValue]? { if case .array(_, let elements) = self { elements } else { nil } }

    /// The texts of an array of strings; nil for anything else.
    public var stringArrayValue: [String]? {
        guard case .array(.string, let elements) = self else { return nil }
        return elements.compactMap(\.stringValue)
    }

    public static func strings(_ elements: some Sequence<String>) -> CIMValue { .array(of: .string, elements.map { .string($0) }) }
}

extension CIMValue: Hashable {
    /// Whether both have the same type and the same value. Texts are equal byte by byte: "é" in one letter is another text than "é" in a letter
    /// and an accent, which `String` counts as equal.
    public static func == (left: CIMValue, right: CIMValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.boolean(let one), .boolean(let other)): one == other
        case (.uint8(let one), .uint8(let other)): one == other
        case (.sint8(let one), .sint8(let other)): one == other
        case (.uint16(let one), .uint16(let other)): one == other
        case (.sint16(let one), .sint16(let other)): one == other
        case (.uint32(let one), .uint32(let other)): one == other
        case (.sint32(let one), .sint32(let other)): one == other
        case (.uint64(let one), .uint64(let other)): one == other
        case (.sint64(let one), .sint64(let other)): one == other
        case (.real32(let one), .real32(let other)): one == other
        case (.real64(let one), .real64(let other)): one == other
        case (.char16(let one), .char16(let other)): one == other
        case (.string(let one), .string(let other)): CIMName.isSpelled(one, as: other)
        case (.datetime(let one), .datetime(let other)): one == other
        case (.reference(let one), .reference(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        case (.array(let oneType, let one), .array(let otherType, let other)): oneType == otherType && one == other
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        switch self {
        case .null: break
        case .boolean(let value): hasher.combine(value)
        case .uint8(let value): hasher.combine(value)
        case .sint8(let value): hasher.combine(value)
        case .uint16(let value), .char16(let value): hasher.combine(value)
        case .sint16(let value): hasher.combine(value)
        case .uint32(let value): hasher.combine(value)
        case .sint32(let value): hasher.combine(value)
        case .uint64(let value): hasher.combine(value)
        case .sint64(let value): hasher.combine(value)
        case .real32(let value): hasher.combine(value)
        case .real64(let value): hasher.combine(value)
        case .string(let text): hasher.combine(text)
        case .datetime(let value): hasher.combine(value)
        case .reference(let path): hasher.combine(path)
        case .object(let instance): hasher.combine(instance)
        case .array(_, let elements): hasher.combine(elements)
        }
    }
}

extension CIMValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .boolean(value) }
    public init(floatLiteral value: Double) { self = .real64(value) }
    public init(nilLiteral: ()) { self = .null }

    /// sint32 when it fits, else sint64, else uint64, else real64.
    public init(integerLiteral value: Int128) { self.init(integer: value) }

    /// The narrowest of sint32, sint64 and uint64 that holds the number, else real64.
    public init(integer value: Int128) {
        if let narrow = Int32(exactly: value) {
            self = .sint32(narrow)
        } else if let wide = Int64(exactly: value) {
            self = .sint64(wide)
        } else if let unsigned = UInt64(exactly: value) {
            self = .uint64(unsigned)
        } else {
            self = .real64(Double(value))
        }
    }
}
