/// The values that a class names for a property or a parameter, by the qualifiers ValueMap and Values, or BitMap and BitValues.
///
/// Others stay as they are: what a provider says, and the class does not name, is a value, too, and survives.
public protocol TypedEnumeration: TypedValue, RawRepresentable where RawValue: TypedValue {
    init(rawValue: RawValue)

    /// What the class calls a value; nil where it does not name it.
    var valueName: String? { get }
}

extension TypedEnumeration {
    public static var cimType: CIMTypeReference { RawValue.cimType }

    public init?(cimValue: CIMValue) {
        guard let value = RawValue(cimValue: cimValue) else { return nil }
        self.init(rawValue: value)
    }

    public var cimValue: CIMValue { rawValue.cimValue }

    @inlinable @inline(__always)
    public static func read<Reader: PropertyReader>(_ column: Int, of reader: borrowing Reader) throws(CIMError) -> Self? {
        try RawValue.read(column, of: reader).map { Self(rawValue: $0) }
    }

    @inlinable @inline(__always)
    public func write<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer) { rawValue.write(to: &writer) }
}
