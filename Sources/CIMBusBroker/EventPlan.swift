import CIM
import CIMBusWire
import CIMQuery
import CIMRepository

/// Who makes the events of a query: the repository, providers, or nobody, so that instances have to be polled (Semantics J.3).
struct EventPlan {
    let query: EventQuery
    let kind: EventKind?
    /// The registrations that have such events, with the queries that say so.
    private(set) var providers: [(name: String, offers: [EventOffer])] = []
    /// Classes with instances of providers that tell of no changes.
    private(set) var polled: [String] = []
    /// Whether the repository has some of the instances.
    private(set) var isOfRepository = false

    init(_ query: EventQuery, in namespace: CIMNamespaceName, over snapshot: SchemaSnapshot) {
        self.query = query
        kind = EventKind(query.declaration)
        let (_, classes) = snapshot.surroundings(of: namespace)
        let offers = snapshot.eventOffers(in: namespace)
        for provider in offers.keys.sorted(by: { $0.text < $1.text }) {
            let concerned = offers[provider]?.offers.filter { $0.concerns(query, classes: classes) } ?? []
            if !concerned.isEmpty { providers.append((provider.text, concerned)) }
        }
        switch kind {
        case .class, .namespace, .timer, .system, .any: isOfRepository = true
        case .instance: findInstances(namespace, snapshot, classes)
        case .extrinsic, nil: break
        }
    }

    private mutating func findInstances(_ namespace: CIMNamespaceName, _ snapshot: SchemaSnapshot, _ classes: ClassLookup) {
        guard let bounds = query.classBounds() else {
            isOfRepository = true
            return
        }
        for bound in bounds {
            for name in [bound.text] + snapshot.schema.descendants(of: bound.text, in: namespace) {
                guard let declaration = classes(name) else { continue }
                guard declaration.isServed else {
                    if !declaration.isAbstract, !declaration.isDynamic { isOfRepository = true }
                    continue
                }
                if !isCovered(declaration), !polled.contains(where: { CIMName.equal($0, declaration.name) }) {
                    polled.append(declaration.name)
                }
            }
        }
    }

    /// Whether providers tell of every change of the class's instances that the query is about.
    private func isCovered(_ target: CIMClass) -> Bool {
        let offers = providers.flatMap(\.offers).filter { offer in
            offer.kind == .instance && offer.targets.contains { target.isSameOrDerived(from: $0.text) }
        }
        func covers(_ event: String) -> Bool {
            offers.contains {
                CIMName.equal($0.declaration.name, event) || CIMName.equal($0.declaration.name, "__InstanceOperationEvent")
                    || CIMName.equal($0.declaration.name, "__Event")
            }
        }
        let wanted = Self.concrete.filter { event in
            CIMName.equal(query.declaration.name, event) || CIMName.equal(query.declaration.name, "__InstanceOperationEvent")
        }
        return wanted.isEmpty || wanted.allSatisfy(covers)
    }

    private static let concrete = ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"]

    /// - Throws: RegistrationTooPrecise where something has to be polled and the query does not say how often; NotSupported where it does.
    func checkPolling() throws(QueryError) {
        try query.checkPolling(of: polled.first)
        if let name = polled.first {
            throw QueryError(
                .notSupported,
                "class \(name) has no provider of \(query.declaration.name), and this version does not poll; leave classes without one out",
                at: query.query.classPlace)
        }
    }

    /// In words, for ``ContextKey/explain``.
    var lines: [String] {
        var lines: [String] = []
        for (name, offers) in providers {
            lines += offers.map { "provider \(name) raises: \($0.text)" }
        }
        switch kind {
        case .class: lines.append("the repository raises them when classes change")
        case .namespace: lines.append("the repository raises them when namespaces change")
        case .system: lines.append("the broker raises them, for root alone")
        case .instance where isOfRepository: lines.append("the repository raises them when instances that it keeps change")
        default: break
        }
        for name in polled {
            let interval = query.query.pollingSeconds.map { "every \($0) s" } ?? "at the interval that WITHIN has to say"
            lines.append("class \(name) has no provider of such events: it would be polled \(interval)")
        }
        if lines.isEmpty { lines.append("nobody has such events now; a provider that registers may") }
        if let condition = query.query.condition { lines.append("filter here: \(condition)") }
        if let grouping = query.query.grouping { lines.append("report groups \(grouping.seconds) s after their first event") }
        return lines
    }
}
