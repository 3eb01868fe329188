import CIM

/// One query of a provider's EventQueryList: events that the provider may raise (Semantics J.3).
public struct EventOffer: Hashable, Sendable {
    /// The query as written.
    public let text: String
    /// The class of the events, resolved.
    public let declaration: CIMClass
    public let kind: EventKind
    /// Of events about instances: the classes whose instances they are about, and all below them.
    public let targets: [CIMName]

    /// - Throws: UnparsableQuery for a text that is no event query; InvalidClass and NotEventClass for what FROM names;
    ///   UninterpretableProviderQuery where the query says not of which class's instances it has events; RegistrationTooBroad for events that
    ///   the broker makes itself. Each says where.
    public init(_ text: String, location: CIMLocation = CIMLocation(), classes: @escaping ClassLookup) throws(QueryError) {
        let query: SelectQuery
        do throws(QueryError) {
            guard case .select(let select) = try WQLQuery(parsing: text) else {
                throw QueryError(.unparsableQuery, "expected SELECT * FROM an event class", at: QueryPlace(line: 1, column: 1))
            }
            query = select
        } catch {
            throw QueryError(.unparsableQuery, error.message, at: error.place)
        }
        guard let declaration = classes(query.className.text) else {
            throw QueryError(.invalidClass, "class \(query.className) does not exist", at: query.classPlace)
        }
        guard let kind = EventKind(declaration) else {
            throw QueryError(.notEventClass, "expected an event class, found \(declaration.name)", at: query.classPlace)
        }
        let checked = try EventQuery(query, checkedAgainst: declaration, location: location, classes: classes)
        var targets: [CIMName] = []
        switch kind {
        case .extrinsic: break
        case .instance:
            guard let bounds = checked.classBounds(), !bounds.isEmpty else {
                throw QueryError(
                    .uninterpretableProviderQuery, "expected WHERE TargetInstance ISA \"CLASS\": whose instances are the events about?",
                    at: query.classPlace)
            }
            for name in bounds {
                guard let target = classes(name.text) else {
                    throw QueryError(.uninterpretableProviderQuery, "class \(name) does not exist", at: query.classPlace)
                }
                if !target.isAbstract, !target.isDynamic {
                    throw QueryError(
                        .registrationTooBroad, "the repository has the instances of \(target.name), and tells of them itself",
                        at: query.classPlace)
                }
            }
            targets = bounds
        case .class, .namespace, .timer, .system, .any:
            throw QueryError(
                .registrationTooBroad, "events of \(declaration.name) are the broker's own to raise", at: query.classPlace)
        }
        self.text = text
        self.declaration = declaration
        self.kind = kind
        self.targets = targets
    }

    /// Whether the provider may raise an event of a class.
    /// - Parameter target: the class of its TargetInstance, where it has one.
    public func covers(_ event: CIMClass, about target: CIMClass?) -> Bool {
        guard event.isSameOrDerived(from: declaration.name) else { return false }
        guard kind == .instance else { return true }
        return target.map { target in targets.contains { target.isSameOrDerived(from: $0.text) } } ?? false
    }

    /// Whether the provider can have an event that the query is about.
    public func concerns(_ query: EventQuery, classes: ClassLookup) -> Bool {
        guard query.declaration.isSameOrDerived(from: declaration.name) || declaration.isSameOrDerived(from: query.declaration.name) else {
            return false
        }
        guard kind == .instance, let bounds = query.classBounds() else { return true }
        // With one superclass each, two classes have common subclasses only where one is below the other.
        return targets.contains { target in
            bounds.contains { bound in
                target == bound || classes(target.text)?.isDerived(from: bound.text) ?? false
                    || classes(bound.text)?.isDerived(from: target.text) ?? false
            }
        }
    }
}
