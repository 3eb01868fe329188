/// A Swift type that was generated from a class: a value has the properties of an instance, typed and by name.
///
/// It says nothing of a subclass's properties: what is read as its superclass has the superclass's properties alone.
public protocol TypedInstance: TypedValue {
    static var shape: InstanceShape { get }

    /// Throws IllegalNull where a key is NULL, and TypeMismatch where a value is of another type than the class had when the type was
    /// generated.
    init<Reader: PropertyReader>(reading reader: Reader) throws(CIMError)

    /// Writes every property, in the order of the shape.
    func writeProperties<Writer: PropertyWriter & ~Copyable>(to writer: inout Writer)
}

extension TypedInstance {
    /// The name of the class.
    public static var className: String { shape.className }

    public static var cimType: CIMTypeReference { CIMTypeReference(.object, className: shape.className) }

    /// Reads an instance of the class, or of one below it. Throws as ``init(reading:)`` does.
    public init(_ instance: CIMInstance) throws(CIMError) { try self.init(reading: InstanceReader(instance, Self.shape)) }

    /// An embedded object; nil where a key of it is NULL, or a value is of another type.
    public init?(cimValue: CIMValue) {
        guard let instance = cimValue.objectValue, let value = try? Self(instance) else { return nil }
        self = value
    }

    public var cimValue: CIMValue { .object(instance) }

    /// The same without types. A property that is NULL is absent.
    public var instance: CIMInstance {
        var writer = InstanceWriter(Self.shape)
        writeProperties(to: &writer)
        return writer.instance
    }
}

/// A typed instance that has a path: its class has keys, or one instance alone.
public protocol AddressableInstance: TypedInstance {
    associatedtype Keys: TypedKeys

    /// The keys' values.
    var keys: Keys { get }
}

extension AddressableInstance {
    /// Its path, made of its keys.
    public var reference: Reference<Self> { Reference(keys) }
}

/// The keys of a class, typed and by name.
public protocol TypedKeys: Hashable, Sendable {
    /// Throws InvalidObjectPath where the path does not have the keys.
    init(_ path: CIMObjectPath) throws(CIMError)

    /// The path, without a namespace.
    var path: CIMObjectPath { get }
}

/// A typed instance whose class has a superclass.
public protocol TypedSubclass: TypedInstance {
    associatedtype Superclass: TypedInstance

    /// What the superclass says of it.
    var superclass: Superclass { get }
}

extension CIMObjectPath {
    /// The value of a key, as a path that somebody wrote has it. A path with one key may leave its name out. Throws InvalidObjectPath where
    /// the key is not there, or not of this type.
    public func key<Value: TypedValue>(_ name: String, as type: Value.Type = Value.self) throws(CIMError) -> Value {
        var written = self[key: name]
        if written == nil, case .keys(let keys) = keys, keys.count == 1, let only = keys.first, only.name == nil { written = only.value }
        guard let written, let value = Value(reading: written.value) else {
            throw CIMError(
                .invalidObjectPath, "'\(self)' has no key \(name) of type \(Value.cimType): it is no path of an instance of \(className)")
        }
        return value
    }

    /// A path made of the values of keys.
    public init(_ className: String, keys: KeyValuePairs<String, CIMValue>) {
        self.init(
            className: className,
            keys: .keys(keys.compactMap { name, value in KeyValue(value).map { Key(name: name, value: $0) } }))
    }
}
