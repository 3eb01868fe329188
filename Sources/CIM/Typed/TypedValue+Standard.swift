/// One UTF-16 code unit: a value of CIM's char16, which is no number.
public struct Char16: Hashable, Sendable {
    public var codeUnit: UInt16

    public init(_ codeUnit: UInt16) { self.codeUnit = codeUnit }
}

extension Char16: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.char16) }

    public init?(cimValue: CIMValue) {
        guard case .char16(let value) = cimValue else { return nil }
        self.init(value)
    }

    public var cimValue: CIMValue { .char16(codeUnit) }
}

extension String: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.string) }

    public init?(cimValue: CIMValue) {
        guard let value = cimValue.stringValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .string(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> String? {
        try reader.string(column)
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Bool: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.boolean) }

    public init?(cimValue: CIMValue) {
        guard let value = cimValue.boolValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .boolean(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Bool? {
        try reader.bool(column)
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension CIMDateTime: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.datetime) }

    public init?(cimValue: CIMValue) {
        guard let value = cimValue.dateTimeValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .datetime(self) }
}

extension CIMObjectPath: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.reference) }

    public init?(cimValue: CIMValue) {
        guard let value = cimValue.referenceValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .reference(self) }
}

extension CIMInstance: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.object) }

    public init?(cimValue: CIMValue) {
        guard let value = cimValue.objectValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .object(self) }
}

extension Array: TypedValue where Element: TypedValue {
    public static var cimType: CIMTypeReference {
        CIMTypeReference(Element.cimType.base, isArray: true, className: Element.cimType.className)
    }

    /// Nil where one of the elements is of another type.
    public init?(cimValue: CIMValue) {
        guard let elements = cimValue.arrayValue else { return nil }
        self.init()
        reserveCapacity(elements.count)
        for element in elements {
            guard let value = Element(cimValue: element) else { return nil }
            append(value)
        }
    }

    public var cimValue: CIMValue { .array(of: Element.cimType.base, map(\.cimValue)) }
}
