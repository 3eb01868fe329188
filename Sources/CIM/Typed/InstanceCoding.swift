/// Reads an instance that has been decoded, in the types of a shape.
public struct InstanceReader: PropertyReader {
    public let shape: InstanceShape
    private let instance: CIMInstance

    public init(_ instance: CIMInstance, _ shape: InstanceShape) {
        self.instance = instance
        self.shape = shape
    }

    /// Where properties stand in the order of the shape, as a rule they do, nothing is looked for.
    public func value(_ column: Int) throws(CIMError) -> CIMValue {
        guard shape.columns.indices.contains(column) else { return .null }
        let wanted = shape.columns[column]
        let properties = instance.properties
        let isInOrder = properties.indices.contains(column) && properties[column].name == wanted.name
        guard let found = isInOrder ? column : instance.index(of: wanted.name) else { return .null }
        let value = properties[found].value
        guard let fitted = value.read(as: wanted.type) else { throw mismatch(column, value) }
        return fitted
    }

    public func string(_ column: Int) throws(CIMError) -> String? { try value(column).stringValue }
    public func signed(_ column: Int) throws(CIMError) -> Int64? { try value(column).int64Value }
    public func unsigned(_ column: Int) throws(CIMError) -> UInt64? { try value(column).uint64Value }
    public func bool(_ column: Int) throws(CIMError) -> Bool? { try value(column).boolValue }
}

/// Makes an instance of what a typed instance writes. A property that is NULL is absent.
struct InstanceWriter: PropertyWriter {
    private(set) var instance: CIMInstance
    private let shape: InstanceShape
    private var column = 0

    init(_ shape: InstanceShape) {
        self.shape = shape
        instance = CIMInstance(className: shape.className, reservingCapacity: shape.columns.count)
    }

    mutating func appendNull() { column += 1 }

    mutating func append(_ value: CIMValue) {
        if shape.columns.indices.contains(column), !value.isNull { instance.append(name: shape.columns[column].name, value: value) }
        column += 1
    }

    mutating func append(_ value: String) { append(.string(value)) }
    mutating func append(_ value: Bool) { append(.boolean(value)) }
    mutating func append(_ value: UInt8) { append(.uint8(value)) }
    mutating func append(_ value: Int8) { append(.sint8(value)) }
    mutating func append(_ value: UInt16) { append(.uint16(value)) }
    mutating func append(_ value: Int16) { append(.sint16(value)) }
    mutating func append(_ value: UInt32) { append(.uint32(value)) }
    mutating func append(_ value: Int32) { append(.sint32(value)) }
    mutating func append(_ value: UInt64) { append(.uint64(value)) }
    mutating func append(_ value: Int64) { append(.sint64(value)) }
    mutating func append(_ value: Float) { append(.real32(value)) }
    mutating func append(_ value: Double) { append(.real64(value)) }
}
