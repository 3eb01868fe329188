/// What a qualifier may be attached to (DSP0004, 5.6.1.5).
public struct CIMQualifierScope: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let `class` = CIMQualifierScope(rawValue: 0x1)
    public static let association = CIMQualifierScope(rawValue: 0x2)
    public static let indication = CIMQualifierScope(rawValue: 0x4)
    public static let property = CIMQualifierScope(rawValue: 0x8)
    public static let reference = CIMQualifierScope(rawValue: 0x10)
    public static let method = CIMQualifierScope(rawValue: 0x20)
    public static let parameter = CIMQualifierScope(rawValue: 0x40)
    public static let any = CIMQualifierScope(rawValue: 0x7f)
}

/// The declaration of a qualifier: which type its values have, where it may stand, and which flavor a use has that names none (DSP0004,
/// 5.6.1). WMI has no such declarations: there every use has its own flavor.
public struct CIMQualifierType: Hashable, Sendable {
    public var name: String
    public var type: CIMTypeReference

    /// The value of a use that gives none; `.null` when the declaration gives none either.
    public var defaultValue: CIMValue
    public var scope: CIMQualifierScope

    /// The flavor of a use that names none.
    public var flavor: CIMFlavor

    public init(
        name: String, type: CIMTypeReference, defaultValue: CIMValue = .null, scope: CIMQualifierScope = .any,
        flavor: CIMFlavor = .toSubclass
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.scope = scope
        self.flavor = flavor
    }
}
