/// A number, which a value of a property has as it is.
///
/// The standard library's integers and reals of the widths that CIM has are such types, and no others.
public protocol TypedNumber: TypedValue, Comparable {}

extension UInt8: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.uint8) }

    public init?(cimValue: CIMValue) {
        guard case .uint8(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .uint8(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> UInt8? {
        guard let value = try reader.unsigned(column) else { return nil }
        guard let narrow = UInt8(exactly: value) else { throw reader.mismatch(column, .uint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Int8: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.sint8) }

    public init?(cimValue: CIMValue) {
        guard case .sint8(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .sint8(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Int8? {
        guard let value = try reader.signed(column) else { return nil }
        guard let narrow = Int8(exactly: value) else { throw reader.mismatch(column, .sint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension UInt16: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.uint16) }

    public init?(cimValue: CIMValue) {
        guard case .uint16(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .uint16(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> UInt16? {
        guard let value = try reader.unsigned(column) else { return nil }
        guard let narrow = UInt16(exactly: value) else { throw reader.mismatch(column, .uint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Int16: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.sint16) }

    public init?(cimValue: CIMValue) {
        guard case .sint16(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .sint16(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Int16? {
        guard let value = try reader.signed(column) else { return nil }
        guard let narrow = Int16(exactly: value) else { throw reader.mismatch(column, .sint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension UInt32: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.uint32) }

    public init?(cimValue: CIMValue) {
        guard case .uint32(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .uint32(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> UInt32? {
        guard let value = try reader.unsigned(column) else { return nil }
        guard let narrow = UInt32(exactly: value) else { throw reader.mismatch(column, .uint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Int32: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.sint32) }

    public init?(cimValue: CIMValue) {
        guard case .sint32(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .sint32(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Int32? {
        guard let value = try reader.signed(column) else { return nil }
        guard let narrow = Int32(exactly: value) else { throw reader.mismatch(column, .sint64(value)) }
        return narrow
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension UInt64: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.uint64) }

    public init?(cimValue: CIMValue) {
        guard case .uint64(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .uint64(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> UInt64? {
        guard let value = try reader.unsigned(column) else { return nil }
        return value
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Int64: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.sint64) }

    public init?(cimValue: CIMValue) {
        guard case .sint64(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .sint64(self) }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Int64? {
        guard let value = try reader.signed(column) else { return nil }
        return value
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Float: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.real32) }

    public init?(cimValue: CIMValue) {
        guard case .real32(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .real32(self) }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}

extension Double: TypedNumber {
    public static var cimType: CIMTypeReference { CIMTypeReference(.real64) }

    public init?(cimValue: CIMValue) {
        guard case .real64(let value) = cimValue else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .real64(self) }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(self) }
}
