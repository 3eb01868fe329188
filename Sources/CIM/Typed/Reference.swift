/// The path of an instance that is known to be of a class, or of one below it.
///
/// Nothing checks the class: whoever makes a reference from a path says that the path leads to such an instance.
public struct Reference<Object: TypedInstance>: Hashable, Sendable {
    public var path: CIMObjectPath

    /// A path that leads to such an instance: nothing checks that.
    public init(_ path: CIMObjectPath) { self.path = path }
}

extension Reference where Object: AddressableInstance {
    /// The path that these keys make, without a namespace.
    public init(_ keys: Object.Keys) { path = keys.path }

    /// The values of the keys. Throws InvalidObjectPath where the path does not have them.
    public func keys() throws(CIMError) -> Object.Keys { try Object.Keys(path) }
}

extension Reference where Object: TypedSubclass {
    /// The same path, of which no more is known than that it leads to an instance of the superclass or of a class below it.
    public var superclass: Reference<Object.Superclass> { Reference<Object.Superclass>(path) }
}

extension Reference: TypedValue {
    public static var cimType: CIMTypeReference { CIMTypeReference(.reference, className: Object.shape.className) }

    public init?(cimValue: CIMValue) {
        guard let path = cimValue.referenceValue else { return nil }
        self.init(path)
    }

    public var cimValue: CIMValue { .reference(path) }
}

extension Reference: CustomStringConvertible {
    public var description: String { path.path }
}
