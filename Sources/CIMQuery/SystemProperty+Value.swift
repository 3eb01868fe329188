import CIM

/// The system properties of an object, as a query sees them (SEMANTICS H.4).
enum SystemProperty: String, CaseIterable, Hashable, Sendable {
    case genus = "__GENUS"
    case className = "__CLASS"
    case superclass = "__SUPERCLASS"
    case dynasty = "__DYNASTY"
    case relativePath = "__RELPATH"
    case propertyCount = "__PROPERTY_COUNT"
    case derivation = "__DERIVATION"
    case server = "__SERVER"
    case namespace = "__NAMESPACE"
    case path = "__PATH"

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { (CIMName($0.rawValue), $0) })

    init?(_ name: CIMName) {
        guard let property = SystemProperty.byName[name] else { return nil }
        self = property
    }

    var type: CIMTypeReference {
        switch self {
        case .genus, .propertyCount: CIMTypeReference(.sint32)
        case .derivation: .array(of: .string)
        default: CIMTypeReference(.string)
        }
    }

    /// The value for an instance: what the instance holds under that name, else what its class and path say; NULL when neither does.
    func value(of instance: CIMInstance, classes: ClassLookup) -> CIMValue {
        if self == .className { return .string(instance.className) }
        if let given = instance[rawValue] { return given }
        switch self {
        case .genus: return .sint32(2)
        case .className: return .string(instance.className)
        case .superclass: return classes(instance.className)?.superclass.map { .string($0) } ?? .null
        case .dynasty: return classes(instance.className).map { .string($0.dynasty) } ?? .null
        case .derivation: return classes(instance.className).map { .strings($0.derivation) } ?? .null
        case .propertyCount:
            guard let declaration = classes(instance.className) else { return .null }
            return .sint32(Int32(clamping: declaration.properties.count))
        case .relativePath: return instance.path.map { .string($0.relativePath) } ?? .null
        case .path: return instance.path.map { .string($0.path) } ?? .null
        case .server: return instance.path?.server.map { .string($0) } ?? .null
        case .namespace:
            guard let name = instance.path?.namespace else { return .null }
            return .string(CIMNamespaceName(name)?.wmiText ?? name)
        }
    }

    /// The value for a class.
    func value(of declaration: CIMClass, in location: CIMLocation) -> CIMValue {
        switch self {
        case .genus: .sint32(1)
        case .className, .relativePath: .string(declaration.name)
        case .superclass: declaration.superclass.map { .string($0) } ?? .null
        case .dynasty: .string(declaration.dynasty)
        case .derivation: .strings(declaration.derivation)
        case .propertyCount: .sint32(Int32(clamping: declaration.properties.count))
        case .server: .string(location.server)
        case .namespace: .string(location.namespace.wmiText)
        case .path: .string("\\\\\(location.server)\\\(location.namespace.wmiText):\(declaration.name)")
        }
    }
}
