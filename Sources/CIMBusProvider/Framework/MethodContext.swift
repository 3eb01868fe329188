import CIM
import CIMBusWire
import CIMQuery
import DBus

/// The framework's name for the context of a call: IWbemContext and the sink of the call that is being served (Semantics E.4).
///
/// A provider asks other providers through this context, so it cannot leave the context out (R10). Each such request is nested in the call
/// (L12). It ends with the call, is charged to the client of the call, and is served even when it leads back to the provider itself. When
/// the call is over, every request through the context fails.
public typealias MethodContext = RequestContext

extension RequestContext {
    /// Which properties of an object the client wants (`__GET_EXTENSIONS` and its like, Semantics C.1.3; the list of a query). A provider
    /// may always give more.
    public enum RequestedProperties: Hashable, Sendable {
        case all
        case keys
        case named([String])

        /// Whether this property is wanted. Keys are always wanted: say with `isKey` whether it is one.
        public func contains(_ name: String, isKey: Bool = false) -> Bool {
            switch self {
            case .all: true
            case .keys: isKey
            case .named(let names): isKey || names.contains { CIMName.equal($0, name) }
            }
        }
    }

    /// The properties that the client asked for. All of them when the client said nothing. KEYS_ONLY wins over PROPERTIES. In a query: the
    /// properties that the query lists, and those of its condition.
    public var requestedProperties: RequestedProperties {
        if let query { return query.requested }
        guard self[ContextKey.getExtensions]?.bool ?? false else { return .all }
        if self[ContextKey.getKeysOnly]?.bool ?? false { return .keys }
        return self[ContextKey.getProperties]?.elements.map { .named($0.compactMap(\.text)) } ?? .all
    }
}

extension ProviderQuery {
    /// The properties to be given. What the client's context says of them the broker keeps to itself.
    var requested: MethodContext.RequestedProperties { neededProperties.map { $0.isEmpty ? .keys : .named($0) } ?? .all }
}

extension RequestContext {
    /// ``forwardedContext`` for objects that are read with their class: without the system properties that follow from it, and with the
    /// values of a partial read in place of those of the call itself.
    func readContext(_ requested: RequestedProperties = .all) -> DBusValue {
        var entries = values.filter { requested == .all || !CIMName.hasPrefix($0.key, ContextKey.getPrefix) }
        entries[ContextKey.derivedSystemProperties] = .boolean(false)
        if requested != .all {
            entries[ContextKey.getExtensions] = .boolean(true)
            entries[ContextKey.getClientRequest] = .boolean(true)
        }
        switch requested {
        case .all: break
        case .keys: entries[ContextKey.getKeysOnly] = .boolean(true)
        case .named(let names): entries[ContextKey.getProperties] = .strings(names)
        }
        return .dictionary(entries.map { ($0.key, $0.value) })
    }
}
