import CIM
import CIMBusWire
import CIMRepository
import Synchronization

/// The schema as the broker uses it: the repository's newest snapshot, with what was made of each class and provider that was asked for.
final class SchemaStore: Sendable {
    private struct State {
        var schema: Schema
        var layouts: [CIMNamespaceName: [CIMName: ObjectLayout]] = [:]
        var providers: [CIMNamespaceName: [CIMName: CheckedDefinition]] = [:]
        /// The classes in other languages, by where the amendments are.
        var localized: [CIMNamespaceName: [[CIMNamespaceName]: LocalizedClasses]] = [:]
        /// The classes of each provider.
        var served: [CIMNamespaceName: [CIMName: [String]]] = [:]
    }

    let server: String
    private let state: Mutex<State>

    init(_ schema: Schema) {
        server = schema.server
        state = Mutex(State(schema: schema))
    }

    /// The snapshot. Setting it forgets what was made from the last one.
    var schema: Schema {
        get { state.withLock { $0.schema } }
        set { state.withLock { $0 = State(schema: newValue) } }
    }

    var names: [CIMNamespaceName] { schema.namespaceNames }

    func has(_ namespace: CIMNamespaceName) -> Bool { schema.hasNamespace(namespace) }

    func declaration(_ name: String, in namespace: CIMNamespaceName) -> CIMClass? { schema.class(name, in: namespace) }

    /// The classes of a namespace in a language, or in what does for it; nil where nothing is said in any.
    func localized(in namespace: CIMNamespaceName, for locale: CIMLocale) -> LocalizedClasses? {
        state.withLock { state in
            let amendments = state.schema.amendments(of: namespace, for: locale)
            if amendments.isEmpty { return nil }
            if let known = state.localized[namespace]?[amendments] { return known }
            let classes = state.schema.localizedClasses(in: namespace, by: amendments)
            state.localized[namespace, default: [:]][amendments] = classes
            return classes
        }
    }

    /// The one form of a path of an instance of `declaration`, which is in `namespace`.
    /// - Parameter keys: its key properties, where they were looked up before.
    func canonical(
        _ path: CIMObjectPath, of declaration: CIMClass, keys: [CIMProperty]? = nil, in namespace: CIMNamespaceName
    ) throws(ObjectPathError) -> CIMObjectPath {
        let snapshot = schema
        return try path.canonicalized(
            for: declaration, keys: keys ?? declaration.keyProperties, in: CIMLocation(namespace: namespace, server: server),
            classes: { snapshot.class($0, in: $1) })
    }

    func layout(_ name: String, in namespace: CIMNamespaceName) -> ObjectLayout? {
        state.withLock { state in
            if let known = state.layouts[namespace]?[CIMName(name)] { return known }
            guard let declaration = state.schema.class(name, in: namespace) else { return nil }
            let layout = ObjectLayout(declaration, namespace: namespace, server: server)
            state.layouts[namespace, default: [:]][CIMName(name)] = layout
            return layout
        }
    }

    /// The definition of a provider; nil when it has none.
    func provider(_ name: String, in namespace: CIMNamespaceName) -> CheckedDefinition? {
        state.withLock { state in
            if let known = state.providers[namespace]?[CIMName(name)] { return known }
            guard let definition = state.schema.provider(name, in: namespace) else { return nil }
            let checked = CheckedDefinition(definition)
            state.providers[namespace, default: [:]][CIMName(name)] = checked
            return checked
        }
    }

    /// The classes whose `provider` qualifier names this provider, in the order of their names.
    func classes(of provider: String, in namespace: CIMNamespaceName) -> [String] {
        state.withLock { state in
            if let served = state.served[namespace] { return served[CIMName(provider)] ?? [] }
            var served: [CIMName: [String]] = [:]
            for name in state.schema.classNames(in: namespace) {
                if let provider = state.schema.class(name, in: namespace)?.providerName {
                    served[CIMName(provider), default: []].append(name)
                }
            }
            state.served[namespace] = served
            return served[CIMName(provider)] ?? []
        }
    }
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
