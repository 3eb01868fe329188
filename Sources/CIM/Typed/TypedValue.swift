/// A Swift type for the values of a property, of a parameter or of a return value.
///
/// The standard library's numbers, `Bool` and `String` are such types, ``CIMDateTime``, ``Char16``, ``Reference``, ``CIMObjectPath`` and
/// ``CIMInstance`` are, arrays of them are, and so are the types that are generated from MOF. NULL is nil.
public protocol TypedValue: Hashable, Sendable {
    /// The type that the class says.
    static var cimType: CIMTypeReference { get }

    /// The value of exactly this type; nil for any other.
    init?(cimValue: CIMValue)

    var cimValue: CIMValue { get }

    /// The value of a column; nil for NULL. Throws TypeMismatch for a value of another type.
    static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Self?

    /// Writes it as the value of the next column.
    func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer)
}

extension TypedValue {
    /// By way of a ``CIMValue``.
    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Self? {
        let value = try reader.value(column)
        if value.isNull { return nil }
        guard let result = Self(cimValue: value) else { throw reader.mismatch(column, value) }
        return result
    }

    /// By way of a ``CIMValue``.
    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { writer.append(cimValue) }

    /// What somebody has written for such a value (``CIMValue/read(as:)``); nil for a misfit, and for NULL.
    public init?(reading value: CIMValue) {
        guard let fitted = value.read(as: Self.cimType) else { return nil }
        self.init(cimValue: fitted)
    }
}

/// Where a typed instance reads the values of its properties from: the columns of its ``InstanceShape``, by their numbers.
public protocol PropertyReader {
    var shape: InstanceShape { get }

    /// The value in the column's type; NULL where there is none. Throws TypeMismatch for a value that does not fit.
    func value(_ column: Int) throws(CIMError) -> CIMValue
    /// The same for columns of text, without a ``CIMValue`` in between.
    func string(_ column: Int) throws(CIMError) -> String?
    /// The same for columns of integers that are not uint64.
    func signed(_ column: Int) throws(CIMError) -> Int64?
    func unsigned(_ column: Int) throws(CIMError) -> UInt64?
    func bool(_ column: Int) throws(CIMError) -> Bool?
}

extension PropertyReader {
    /// A property that may be NULL.
    @inlinable @inline(__always)
    public func optional<Value: TypedValue>(_ column: Int) throws(CIMError) -> Value? { try Value.read(column, of: self) }

    /// A key. Throws IllegalNull where it is NULL.
    @inlinable @inline(__always)
    public func required<Value: TypedValue>(_ column: Int) throws(CIMError) -> Value {
        if let value = try Value.read(column, of: self) { return value }
        throw nullKey(column)
    }

    /// The error for a key that is NULL.
    @usableFromInline
    func nullKey(_ column: Int) -> CIMError { CIMError(.illegalNull, "\(shape.place(of: column)) is NULL, and it is a key") }

    /// The error for a value that is not of the column's type.
    public func mismatch(_ column: Int, _ value: CIMValue) -> CIMError {
        CIMError(
            .typeMismatch,
            "\(shape.place(of: column)) is \(value.briefDescription), and the type that was generated for it is another: was the class changed since?"
        )
    }
}

/// Where a typed instance writes the values of its properties, in the order of its ``InstanceShape``.
public protocol PropertyWriter: ~Copyable {
    mutating func appendNull()
    mutating func append(_ value: String)
    mutating func append(_ value: Bool)
    mutating func append(_ value: UInt8)
    mutating func append(_ value: Int8)
    mutating func append(_ value: UInt16)
    mutating func append(_ value: Int16)
    mutating func append(_ value: UInt32)
    mutating func append(_ value: Int32)
    mutating func append(_ value: UInt64)
    mutating func append(_ value: Int64)
    mutating func append(_ value: Float)
    mutating func append(_ value: Double)
    mutating func append(_ value: CIMValue)
}

extension PropertyWriter where Self: ~Copyable {
    /// The value of the next column; nil is NULL.
    @inlinable @inline(__always)
    public mutating func write<Value: TypedValue>(_ value: Value?) {
        if let value { value.write(to: &self) } else { appendNull() }
    }
}
