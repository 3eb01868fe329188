/// WMI's system properties (Semantics H.4). An object has them beside the properties that its class declares. They say what its class is,
/// and where it is.
public enum SystemProperty: String, CaseIterable, Hashable, Sendable {
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

    /// The system property with this name, in any case; nil when there is none.
    public init?(_ name: CIMName) {
        guard let property = SystemProperty.byName[name] else { return nil }
        self = property
    }

    public var type: CIMTypeReference {
        switch self {
        case .genus, .propertyCount: CIMTypeReference(.sint32)
        case .derivation: .array(of: .string)
        default: CIMTypeReference(.string)
        }
    }

    /// The value for a class in `location`. `__SUPERCLASS` is NULL for a class without a superclass.
    public func value(of declaration: CIMClass, in location: CIMLocation) -> CIMValue {
        switch self {
        case .genus: .sint32(1)
        case .className, .relativePath: .string(declaration.name)
        case .superclass: declaration.superclass.map { .string($0) } ?? .null
        case .dynasty: .string(declaration.dynasty)
        case .derivation: .strings(declaration.derivation)
        case .propertyCount: .sint32(Int32(clamping: declaration.properties.count))
        case .server: .string(location.server)
        case .namespace: .string(location.namespace.wmiText)
        case .path: .string(location.pathPrefix + declaration.name)
        }
    }

    /// The value that all instances of a class in `location` share. Nil for the paths, since each instance makes its path from its keys.
    public func value(ofInstancesOf declaration: CIMClass, in location: CIMLocation) -> CIMValue? {
        switch self {
        case .genus: .sint32(2)
        case .relativePath, .path: nil
        default: value(of: declaration, in: location)
        }
    }
}
