import CIM

/// A source of instances of a class: a provider, or the repository.
public struct QuerySource: Hashable, Sendable {
    /// The class whose instances it has, resolved.
    public var declaration: CIMClass

    /// The class's key properties, where they were looked up before.
    package var keys: [CIMProperty]?

    /// The name of the registration; nil for the repository.
    public var provider: String?
    public var supportsGet: Bool
    public var supportsEnumeration: Bool

    /// Whether it declares `WQL:UnarySelect` (Semantics I.7).
    public var supportsUnarySelect: Bool

    public init(
        _ declaration: CIMClass, provider: String? = nil, supportsGet: Bool = true, supportsEnumeration: Bool = true,
        supportsUnarySelect: Bool = false
    ) {
        self.declaration = declaration
        self.provider = provider
        self.supportsGet = supportsGet
        self.supportsEnumeration = supportsEnumeration
        self.supportsUnarySelect = supportsUnarySelect
    }

    /// "provider NAME" or "the repository".
    var who: String { provider.map { "provider \($0)" } ?? "the repository" }
}

extension [QuerySource] {
    /// Whether a provider has instances of an ancestor of another's class: the two may have parts of one object. What the repository has is
    /// whole, and nobody else's.
    var overlap: Bool {
        let providers = filter { $0.provider != nil }
        let names = Set(providers.map { CIMName($0.declaration.name) })
        return providers.contains { $0.declaration.derivation.contains { names.contains(CIMName($0)) } }
    }
}
