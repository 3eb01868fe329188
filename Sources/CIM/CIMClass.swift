/// A class: the properties that its instances have, and the methods that can be called.
///
/// A class as written has local features only; `resolved(with:)` adds the inherited ones.
public struct CIMClass: Hashable, Sendable {
    public var name: String
    public var superclass: String?

    /// All ancestors, direct parent first. Empty until resolved.
    public var derivation: [String]
    public var qualifiers: [CIMQualifier]

    /// In declaration order, inherited ones first.
    public var properties: [CIMProperty]

    /// In declaration order, inherited ones first.
    public var methods: [CIMMethod]

    public init(
        name: String, superclass: String? = nil, derivation: [String] = [], qualifiers: [CIMQualifier] = [],
        properties: [CIMProperty] = [], methods: [CIMMethod] = []
    ) {
        self.name = name
        self.superclass = superclass
        self.derivation = derivation
        self.qualifiers = qualifiers
        self.properties = properties
        self.methods = methods
    }
}

extension CIMClass {
    /// The property of that name, in any case of the name; nil where the class has none.
    public func property(named name: String) -> CIMProperty? {
        // Copies no property that has another name.
        for place in properties.indices where CIMName.equal(properties[place].name, name) { return properties[place] }
        return nil
    }

    /// The method of that name, in any case of the name; nil where the class has none.
    public func method(named name: String) -> CIMMethod? {
        for place in methods.indices where CIMName.equal(methods[place].name, name) { return methods[place] }
        return nil
    }

    public func qualifier(named name: String) -> CIMQualifier? { qualifiers.named(name) }

    /// The key properties, in declaration order.
    public var keyProperties: [CIMProperty] { properties.filter(\.isKey) }

    /// The names of the key properties, in declaration order.
    public var keyNames: [String] { keyProperties.map(\.name) }

    /// Whether a property is part of a key. It looks at no property behind the first that is.
    public var hasKeys: Bool { properties.contains(where: \.isKey) }

    /// Whether it has no instances of its own.
    public var isAbstract: Bool { qualifiers.isTrue("abstract") || isAmendment }
    public var isTerminal: Bool { qualifiers.isTrue("terminal") }
    public var isSingleton: Bool { qualifiers.isTrue("singleton") }
    public var isAssociation: Bool { qualifiers.isTrue("association") }
    public var isIndication: Bool { qualifiers.isTrue("indication") }

    /// Whether its instances come from a provider.
    public var isDynamic: Bool { qualifiers.isTrue("dynamic") }

    /// What the `provider` qualifier names.
    public var providerName: String? { qualifiers.named("provider")?.value.stringValue }

    /// Whether a provider has its instances.
    public var isServed: Bool { isDynamic && providerName != nil }

    /// Whether the class could have instances, but nobody has them: it is dynamic and names no provider. The provider of its superclass
    /// does not count. Each class says `dynamic` and `provider` itself, or inherits them by the flavor ToSubclass.
    public var isUnserved: Bool { isDynamic && !isAbstract && providerName == nil }

    /// The topmost ancestor, or the class itself. Complete only once resolved.
    public var dynasty: String { derivation.last ?? superclass ?? name }

    /// Whether `ancestor` is a proper ancestor: a class is not derived from itself (Semantics E.1).
    public func isDerived(from ancestor: String) -> Bool {
        if let superclass, CIMName.equal(superclass, ancestor) { return true }
        return derivation.contains { CIMName.equal($0, ancestor) }
    }

    /// Whether the class is `other` or derived from it: WQL's ISA.
    public func isSameOrDerived(from other: String) -> Bool { CIMName.equal(name, other) || isDerived(from: other) }
}
