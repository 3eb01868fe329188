import CIM

/// The namespaces with their classes, qualifier types and provider definitions: a value, complete in memory.
///
/// Reading costs no I/O, and a copy is a snapshot that never changes. Every class is resolved, and what classes inherit unchanged is there
/// once. Names are found in any case. The system classes are in every namespace.
public struct Schema: Sendable {
    struct Namespace: Sendable {
        var classes: [CIMName: StoredClass] = [:]

        /// The direct subclasses of each class that has some; those without a superclass under "".
        var children: [CIMName: Set<CIMName>] = [:]
        var qualifierTypes: [CIMName: CIMQualifierType] = [:]
        var providers = ProviderDefinitions()
    }

    /// The most classes in a namespace, the system's included (QuotaViolation).
    public static let maximumClasses = 10_000

    /// The most namespaces (QuotaViolation).
    public static let maximumNamespaces = 1_000

    var namespaces: [CIMNamespaceName: Namespace] = [:]

    /// The name of this machine, as in `__SERVER`.
    public internal(set) var server = "."

    /// Grows with every change of what the snapshot holds; instances that define no provider change nothing of it.
    public internal(set) var revision = 0

    /// `root`, with the system classes.
    ///
    /// - Throws: CriticalError when the system's own MOF does not compile: a fault of CIMBus.
    public init() throws(CIMError) { namespaces[.root] = try SystemClasses.namespace(.root) }
}

extension Schema {
    /// All namespaces, in the order of their names: a namespace comes before those in it.
    public var namespaceNames: [CIMNamespaceName] { namespaces.keys.sorted { $0.text < $1.text } }

    public func hasNamespace(_ name: CIMNamespaceName) -> Bool { namespaces[name] != nil }

    /// The namespaces directly in one.
    public func children(of namespace: CIMNamespaceName) -> [CIMNamespaceName] { namespaceNames.filter { $0.parent == namespace } }

    /// The resolved class, in any case of its name; nil when it, or the namespace, is not there.
    public func `class`(_ name: String, in namespace: CIMNamespaceName) -> CIMClass? {
        namespaces[namespace]?.classes[CIMName(name)]?.resolved
    }

    /// Whether the class is CIMBus's own, so that nobody may change it.
    public func isSystemClass(_ name: String, in namespace: CIMNamespaceName) -> Bool {
        namespaces[namespace]?.classes[CIMName(name)]?.isSystem ?? false
    }

    /// The names of all classes, sorted.
    public func classNames(in namespace: CIMNamespaceName) -> [String] {
        namespaces[namespace].map { $0.classes.values.map { CIMName($0.name) }.sorted().map(\.text) } ?? []
    }

    /// The names of the direct subclasses, sorted; of "" the classes without a superclass.
    public func children(of superclass: String, in namespace: CIMNamespaceName) -> [String] {
        namespaces[namespace]?.sortedChildren(of: superclass).map(\.text) ?? []
    }

    /// The names of all classes below `superclass`, not its own; a class comes after its superclass. Of "" every class.
    public func descendants(of superclass: String, in namespace: CIMNamespaceName) -> [String] {
        namespaces[namespace]?.descendants(of: superclass).map(\.text) ?? []
    }

    /// The subclasses of `superclass`, direct ones or all, without itself (Semantics A.4 CreateClassEnum, L.17). "" stands above them all.
    ///
    /// - Throws: InvalidNamespace; InvalidClass when there is no such superclass.
    public func subclasses(of superclass: String, deep: Bool, in namespace: CIMNamespaceName) throws(CIMError) -> [CIMClass] {
        let place = try self.namespace(namespace)
        if !superclass.isEmpty { _ = try place.stored(superclass, in: namespace) }
        let names = deep ? place.descendants(of: superclass) : place.sortedChildren(of: superclass)
        return names.compactMap { place.classes[$0]?.resolved }
    }

    /// The names of the classes above, the direct parent first.
    public func ancestors(of name: String, in namespace: CIMNamespaceName) -> [String] { self.class(name, in: namespace)?.derivation ?? [] }

    /// The classes whose `provider` qualifiers name each provider, sorted by name.
    public func classesByProvider(in namespace: CIMNamespaceName) -> [CIMName: [String]] {
        var names: [CIMName: [CIMName]] = [:]
        for stored in (namespaces[namespace]?.classes ?? [:]).values where !stored.isSystem {
            if let owner = stored.providerName { names[CIMName(owner), default: []].append(CIMName(stored.name)) }
        }
        return names.mapValues { $0.sorted().map(\.text) }
    }

    /// The association classes with a reference that may point to an instance of the class, sorted by name: the reference names the class,
    /// one above it, or none (Semantics I.4). Abstract ones are included.
    public func associations(to name: String, in namespace: CIMNamespaceName) -> [String] {
        guard let place = namespaces[namespace], let endpoint = place.classes[CIMName(name)]?.resolved else { return [] }
        var names: [CIMName] = []
        for stored in place.classes.values where stored.isAssociation {
            let points = stored.resolved.properties.contains { property in
                property.type.base == .reference && (property.type.className.map { endpoint.isSameOrDerived(from: $0) } ?? true)
            }
            if points { names.append(CIMName(stored.name)) }
        }
        return names.sorted().map(\.text)
    }

    public func qualifierType(_ name: String, in namespace: CIMNamespaceName) -> CIMQualifierType? {
        namespaces[namespace]?.qualifierTypes[CIMName(name)]
    }

    /// All qualifier types, sorted by name.
    public func qualifierTypes(in namespace: CIMNamespaceName) -> [CIMQualifierType] {
        namespaces[namespace].map { $0.qualifierTypes.sorted { $0.key < $1.key }.map(\.value) } ?? []
    }

    /// The definition of a provider, in any case of its name: what its instance of `__Win32Provider` and its registrations say (Semantics D).
    public func provider(_ name: String, in namespace: CIMNamespaceName) -> ProviderDefinition? {
        namespaces[namespace]?.providers.byName[CIMName(name)]
    }

    /// All provider definitions of a namespace, in no order.
    public func providers(in namespace: CIMNamespaceName) -> some Collection<ProviderDefinition> {
        (namespaces[namespace]?.providers.byName ?? [:]).values
    }

    func namespace(_ name: CIMNamespaceName) throws(CIMError) -> Namespace {
        guard let place = namespaces[name] else {
            throw CIMError(.invalidNamespace, "there is no namespace \(name): create it with an instance of __NAMESPACE in its parent")
        }
        return place
    }
}

extension Schema.Namespace {
    func stored(_ name: String, in namespace: CIMNamespaceName) throws(CIMError) -> StoredClass {
        guard let stored = classes[CIMName(name)] else { throw CIMError(.invalidClass, "there is no class \(name) in \(namespace)") }
        return stored
    }

    func sortedChildren(of superclass: String) -> [CIMName] { children[CIMName(superclass)]?.sorted() ?? [] }

    /// Parents before their children.
    func descendants(of superclass: String) -> [CIMName] {
        var names = sortedChildren(of: superclass)
        var position = 0
        while position < names.count {
            names += sortedChildren(of: names[position].text)
            position += 1
        }
        return names
    }

    /// Adds a class or puts it in the place of the one with that name.
    mutating func insert(_ stored: StoredClass) {
        let name = CIMName(stored.name)
        if let old = classes.updateValue(stored, forKey: name) { children[old.parentName]?.remove(name) }
        children[stored.parentName, default: []].insert(name)
    }

    /// Removes the class only; its subclasses are the caller's business.
    mutating func remove(_ name: CIMName) {
        guard let old = classes.removeValue(forKey: name) else { return }
        children[old.parentName]?.remove(name)
        children[name] = nil
    }
}

extension StoredClass {
    fileprivate var parentName: CIMName { CIMName(superclass ?? "") }
}
