import CIM
import CIMBusWire
import CIMQuery
import CIMRepository
import Synchronization

/// A snapshot of the schema, with what was made of each class and provider that was asked for. The snapshot never changes: what is made of it
/// once is the same for all who ask.
final class SchemaSnapshot: Sendable {
    private struct Made {
        var layouts: [CIMNamespaceName: [CIMName: ObjectLayout]] = [:]
        var providers: [CIMNamespaceName: [CIMName: CheckedDefinition]] = [:]
        /// What was asked for last, as it was spelled: the next request is mostly about the same.
        var lastLayout: (name: String, namespace: CIMNamespaceName, layout: ObjectLayout)?
        var methods: [ObjectIdentifier: [CIMName: MethodPlan]] = [:]
        var lastMethod: (name: String, layout: ObjectLayout, plan: MethodPlan)?
        var lastProvider: (name: String, namespace: CIMNamespaceName, definition: CheckedDefinition?)?
        var queries = RecentTexts<PreparedQuery>()
        /// How the packed rows that came last fit the class that was asked about.
        var fits: [ObjectIdentifier: PackedFit] = [:]
        /// The classes in other languages, by where the amendments are.
        var localized: [CIMNamespaceName: [[CIMNamespaceName]: LocalizedClasses]] = [:]
        /// The classes of each provider.
        var served: [CIMNamespaceName: [CIMName: [String]]] = [:]
        /// The events of each provider.
        var offers: [CIMNamespaceName: [CIMName: EventOffers]] = [:]
    }

    let schema: Schema
    private let made = Mutex(Made())

    init(_ schema: Schema) { self.schema = schema }

    var server: String { schema.server }

    func declaration(_ name: String, in namespace: CIMNamespaceName) -> CIMClass? { schema.class(name, in: namespace) }

    /// Where the queries of a namespace run, and the namespace's classes.
    func surroundings(of namespace: CIMNamespaceName) -> (location: CIMLocation, classes: ClassLookup) {
        (CIMLocation(namespace: namespace, server: server), { [schema] in schema.class($0, in: namespace) })
    }

    /// The classes of a namespace in a language, or in what does for it; nil where nothing is said in any.
    func localized(in namespace: CIMNamespaceName, for locale: CIMLocale) -> LocalizedClasses? {
        made.withLock { made in
            let amendments = schema.amendments(of: namespace, for: locale)
            if amendments.isEmpty { return nil }
            if let known = made.localized[namespace]?[amendments] { return known }
            let classes = schema.localizedClasses(in: namespace, by: amendments)
            made.localized[namespace, default: [:]][amendments] = classes
            return classes
        }
    }

    /// The one form of a path of an instance of `declaration`, which is in `namespace`.
    /// - Parameter keys: its key properties, where they were looked up before.
    func canonical(
        _ path: CIMObjectPath, of declaration: CIMClass, keys: [CIMProperty]? = nil, in namespace: CIMNamespaceName
    ) throws(ObjectPathError) -> CIMObjectPath {
        try path.canonicalized(
            for: declaration, keys: keys ?? declaration.keyProperties, in: CIMLocation(namespace: namespace, server: server),
            classes: { [schema] in schema.class($0, in: $1) })
    }

    func layout(_ name: String, in namespace: CIMNamespaceName) -> ObjectLayout? {
        made.withLock { made in
            if let last = made.lastLayout, CIMName.isSpelled(last.name, as: name), last.namespace == namespace { return last.layout }
            guard let layout = layout(name, in: namespace, &made) else { return nil }
            made.lastLayout = (name, namespace, layout)
            return layout
        }
    }

    private func layout(_ name: String, in namespace: CIMNamespaceName, _ made: inout Made) -> ObjectLayout? {
        if let known = made.layouts[namespace]?[CIMName(name)] { return known }
        guard let declaration = schema.class(name, in: namespace) else { return nil }
        let layout = ObjectLayout(declaration, namespace: namespace, server: server)
        made.layouts[namespace, default: [:]][CIMName(name)] = layout
        return layout
    }

    /// A method of a class of this snapshot; nil where the class has none of that name.
    /// - Parameter layout: the class's, as ``layout(_:in:)`` gave it.
    func method(_ name: String, of layout: ObjectLayout, _ indexed: IndexedClass) -> MethodPlan? {
        made.withLock { made in
            if let last = made.lastMethod, CIMName.isSpelled(last.name, as: name), last.layout === layout { return last.plan }
            let key = ObjectIdentifier(layout)
            guard
                let plan = made.methods[key]?[CIMName(name)]
                    ?? indexed.declaration.method(named: name).map({ method in
                        MethodPlan(method, of: indexed.declaration, in: layout.namespace, schema)
                    })
            else { return nil }
            made.methods[key, default: [:]][CIMName(name)] = plan
            made.lastMethod = (name, layout, plan)
            return plan
        }
    }

    /// The definition of a provider; nil when it has none.
    func provider(_ name: String, in namespace: CIMNamespaceName) -> CheckedDefinition? {
        made.withLock { made in
            if let last = made.lastProvider, CIMName.isSpelled(last.name, as: name), last.namespace == namespace { return last.definition }
            let definition = provider(name, in: namespace, &made)
            made.lastProvider = (name, namespace, definition)
            return definition
        }
    }

    private func provider(_ name: String, in namespace: CIMNamespaceName, _ made: inout Made) -> CheckedDefinition? {
        if let known = made.providers[namespace]?[CIMName(name)] { return known }
        guard let definition = schema.provider(name, in: namespace) else { return nil }
        let checked = CheckedDefinition(definition)
        made.providers[namespace, default: [:]][CIMName(name)] = checked
        return checked
    }

    /// A data query that was read and checked before, as it was spelled.
    func preparedQuery(_ text: String, in namespace: CIMNamespaceName) -> PreparedQuery? {
        made.withLock { $0.queries.value(of: text) { $0.layout.namespace == namespace } }
    }

    func keep(_ query: PreparedQuery, of text: String) { made.withLock { $0.queries.keep(query, of: text) } }

    /// How the packed rows fitted that came last where instances of a class were asked for: those that come next mostly have the same head.
    /// - Parameter layout: the class's.
    func lastFit(for layout: ObjectLayout) -> PackedFit? { made.withLock { $0.fits[ObjectIdentifier(layout)] } }

    func keep(_ fit: PackedFit, for layout: ObjectLayout) { made.withLock { $0.fits[ObjectIdentifier(layout)] = fit } }

    func knownOffers(in namespace: CIMNamespaceName) -> [CIMName: EventOffers]? { made.withLock { $0.offers[namespace] } }

    func keep(_ offers: [CIMName: EventOffers], in namespace: CIMNamespaceName) { made.withLock { $0.offers[namespace] = offers } }

    /// The classes whose `provider` qualifier names this provider, in the order of their names.
    func classes(of provider: String, in namespace: CIMNamespaceName) -> [String] {
        made.withLock { made in
            let served = made.served[namespace] ?? schema.classesByProvider(in: namespace)
            made.served[namespace] = served
            return served[CIMName(provider)] ?? []
        }
    }
}

/// The schema as the broker uses it: always the repository's newest snapshot.
final class SchemaStore: Sendable {
    private let newest: Mutex<SchemaSnapshot>

    init(_ schema: Schema) { newest = Mutex(SchemaSnapshot(schema)) }

    /// Who decides looks at one snapshot, and not at the store.
    var snapshot: SchemaSnapshot { newest.withLock { $0 } }

    /// What is stored. Setting it forgets what was made from the last snapshot.
    var schema: Schema {
        get { snapshot.schema }
        set { newest.withLock { $0 = SchemaSnapshot(newValue) } }
    }

    var server: String { snapshot.server }

    var names: [CIMNamespaceName] { schema.namespaceNames }

    func has(_ namespace: CIMNamespaceName) -> Bool { schema.hasNamespace(namespace) }

    func declaration(_ name: String, in namespace: CIMNamespaceName) -> CIMClass? { snapshot.declaration(name, in: namespace) }

    func canonical(
        _ path: CIMObjectPath, of declaration: CIMClass, in namespace: CIMNamespaceName
    ) throws(ObjectPathError) -> CIMObjectPath {
        try snapshot.canonical(path, of: declaration, in: namespace)
    }

    func layout(_ name: String, in namespace: CIMNamespaceName) -> ObjectLayout? { snapshot.layout(name, in: namespace) }

    func classes(of provider: String, in namespace: CIMNamespaceName) -> [String] { snapshot.classes(of: provider, in: namespace) }
}

/// A provider's definition, and why it is not served; each looked at once.
final class CheckedDefinition: Sendable {
    let definition: ProviderDefinition
    let fault: CIMError?

    init(_ definition: ProviderDefinition) {
        self.definition = definition
        fault = definition.fault
    }
}
