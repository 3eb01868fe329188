import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository

/// Who makes the events of a query: the repository, providers, or nobody, so that instances have to be polled (Semantics J.3).
struct EventPlan {
    let query: EventQuery
    let kind: EventKind?
    /// The registrations that have such events, with the queries that say so.
    private(set) var providers: [(name: String, offers: [EventOffer])] = []
    /// Classes with instances of providers, and the events that those do not raise; in the order of the classes.
    private(set) var polled: [(name: String, events: [String])] = []
    /// The classes to look at, which have all of those below them.
    private(set) var polledClasses: [CIMName] = []
    /// Whether the repository has some of the instances.
    private(set) var isOfRepository = false
    private let classes: ClassLookup

    init(_ query: EventQuery, in namespace: CIMNamespaceName, over snapshot: SchemaSnapshot) {
        self.query = query
        kind = EventKind(query.declaration)
        classes = snapshot.surroundings(of: namespace).classes
        let offers = snapshot.eventOffers(in: namespace)
        for provider in offers.keys.sorted(by: { $0.text < $1.text }) {
            let concerned = offers[provider]?.offers.filter { $0.concerns(query, classes: classes) } ?? []
            if !concerned.isEmpty { providers.append((provider.text, concerned)) }
        }
        switch kind {
        case .class, .namespace, .timer, .system, .any: isOfRepository = true
        case .instance: findInstances(namespace, snapshot)
        case .extrinsic, nil: break
        }
    }

    private mutating func findInstances(_ namespace: CIMNamespaceName, _ snapshot: SchemaSnapshot) {
        guard let bounds = query.classBounds() else {
            isOfRepository = true
            return
        }
        for bound in bounds {
            let before = polled.count
            for name in [bound.text] + snapshot.schema.descendants(of: bound.text, in: namespace) {
                guard let declaration = classes(name), !polled.contains(where: { CIMName.equal($0.name, declaration.name) }) else {
                    continue
                }
                guard declaration.isServed else {
                    if !declaration.isAbstract, !declaration.isDynamic { isOfRepository = true }
                    continue
                }
                let missing = missingEvents(of: declaration)
                if !missing.isEmpty { polled.append((declaration.name, missing)) }
            }
            if polled.count > before { polledClasses.append(bound) }
        }
    }

    /// The events about the class's instances that the query is about, and that no provider raises.
    private func missingEvents(of target: CIMClass) -> [String] {
        let offers = providers.flatMap(\.offers).filter { offer in
            offer.kind == .instance && offer.targets.contains { target.isSameOrDerived(from: $0.text) }
        }
        return Self.concrete.filter { event in
            (CIMName.equal(query.declaration.name, event) || CIMName.equal(query.declaration.name, "__InstanceOperationEvent"))
                && !offers.contains {
                    CIMName.equal($0.declaration.name, event) || CIMName.equal($0.declaration.name, "__InstanceOperationEvent")
                        || CIMName.equal($0.declaration.name, "__Event")
                }
        }
    }

    private static let concrete = ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"]

    /// - Throws: RegistrationTooPrecise where something has to be polled and the query does not say how often; InvalidQuery where it does, and
    ///   says not what: to poll every class is too much.
    func checkPolling() throws(QueryError) {
        try query.checkPolling(of: polled.first?.name)
        if kind == .instance, query.query.pollingSeconds != nil, query.classBounds() == nil {
            throw QueryError(
                .invalidQuery,
                "expected WHERE TargetInstance ISA \"CLASS\" with WITHIN: without a class, all of the namespace would be polled",
                at: query.query.classPlace)
        }
    }

    /// What has to be polled for a subscription; nil: nothing.
    var polling: Polling? {
        guard let seconds = query.query.pollingSeconds, let first = polled.first, let properties = properties(first.name) else {
            return nil
        }
        let events = polled.map { (CIMName($0.name), Set($0.events.map { CIMName($0) })) }
        return Polling(
            classes: polledClasses, events: Dictionary(events) { one, _ in one }, properties: properties,
            interval: Microseconds(min(seconds, 1e9) * 1e6))
    }

    private func properties(_ name: String) -> PolledProperties? { classes(name).map { query.polledProperties(of: $0) } }

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
        let interval = query.query.pollingSeconds.map { "every \($0) s" } ?? "at the interval that WITHIN has to say"
        for (name, events) in polled {
            lines.append("class \(name) is polled \(interval), since no provider of it raises \(events.joined(separator: ", "))")
        }
        if let name = polled.first?.name, let properties = properties(name) {
            lines.append(
                "a change of \(properties.compared?.joined(separator: ", ") ?? "any property") is a modification; read are "
                    + (properties.read.map { "the keys, \($0.joined(separator: ", "))" } ?? "all properties"))
        }
        if lines.isEmpty { lines.append("nobody has such events now; a provider that registers may") }
        if let condition = query.query.condition { lines.append("filter here: \(condition)") }
        if let grouping = query.query.grouping { lines.append("report groups \(grouping.seconds) s after their first event") }
        return lines
    }
}
