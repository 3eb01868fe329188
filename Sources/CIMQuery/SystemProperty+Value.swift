import CIM

extension SystemProperty {
    /// The value for an instance: the value that the instance has under that name, else the value that follows from its class and path;
    /// NULL when there is neither.
    func value(of instance: CIMInstance, classes: ClassLookup) -> CIMValue {
        if self == .className { return .string(instance.className) }
        if let given = instance[rawValue] { return given }
        switch self {
        case .genus: return .sint32(2)
        case .relativePath: return instance.path.map { .string($0.relativePath) } ?? .null
        case .path: return instance.path.map { .string($0.path) } ?? .null
        case .server: return instance.path?.server.map { .string($0) } ?? .null
        case .namespace:
            guard let name = instance.path?.namespace else { return .null }
            return .string(CIMNamespaceName(name)?.wmiText ?? name)
        case .className, .superclass, .dynasty, .derivation, .propertyCount:
            return classes(instance.className).map { value(of: $0, in: CIMLocation()) } ?? .null
        }
    }
}
