/// The declaration of a property in a class.
public struct CIMProperty: Hashable, Sendable {
    public var name: String
    public var type: CIMTypeReference

    /// The value an instance starts with; `.null` when the declaration gives none.
    public var defaultValue: CIMValue
    public var qualifiers: [CIMQualifier]

    /// The most derived class that declares it. Empty in a declaration that was not resolved yet means "this class".
    public var origin: String

    public init(
        name: String, type: CIMTypeReference, defaultValue: CIMValue = .null, qualifiers: [CIMQualifier] = [], origin: String = ""
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.qualifiers = qualifiers
        self.origin = origin
    }

    public func qualifier(named name: String) -> CIMQualifier? { qualifiers.named(name) }

    /// Whether the property is part of the key.
    public var isKey: Bool { qualifiers.isTrue("key") }
}
