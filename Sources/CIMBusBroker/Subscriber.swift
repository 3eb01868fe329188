import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery

/// What one subscription wants: which events, and what of them.
struct Subscriber: Sendable {
    let namespace: CIMNamespaceName
    let caller: Caller
    /// Whether the client wants no system property that follows from the class.
    let isBare: Bool
    /// The query as the client wrote it.
    let text: String
    private(set) var query: EventQuery
    /// Whose events it takes (`EventAccess` of a filter); nil: everybody's.
    var publishers: EventAudience?
    /// What is polled for it; nil: nothing.
    fileprivate(set) var polling: Polling?
    private(set) var predicate: Predicate
    private var grouping: EventGrouping?
    /// What is known of each event class: where its values are, and what stays of it.
    private var shapes: [ObjectIdentifier: Shape] = [:]

    private struct Shape {
        /// What it is about, which has this identity as long as it is kept.
        let layout: ObjectLayout
        let columns: [FilterShape.Column]
        let grouped: [FilterShape.Column]
        let kept: [Bool]?
    }

    init(_ query: EventQuery, _ arguments: ServicesCall, _ caller: Caller, _ snapshot: SchemaSnapshot) {
        namespace = arguments.namespace
        self.caller = caller
        isBare = !arguments.derivedSystemProperties
        text = arguments.query
        self.query = query
        let (_, classes) = snapshot.surroundings(of: namespace)
        predicate = query.predicate(classes: classes)
        grouping = query.grouping(classes: classes)
    }

    /// Another schema is stored: the query is checked against it. ISA is about the classes that there are now (Semantics J.2).
    ///
    /// - Throws: why the query does not fit the schema any more.
    mutating func adopt(_ snapshot: SchemaSnapshot) throws(QueryError) {
        let (location, classes) = snapshot.surroundings(of: namespace)
        guard let declaration = classes(query.declaration.name) else {
            throw QueryError(.invalidClass, "class \(query.declaration.name) is not there any more", at: .none)
        }
        query = try EventQuery(query.query, checkedAgainst: declaration, location: location, classes: classes)
        predicate = query.predicate(classes: classes)
        grouping = query.grouping(classes: classes)
        shapes = [:]
    }

    /// The event as the subscriber gets it, and its group; nil for one that it does not want.
    mutating func take(_ event: inout RaisedEvent) throws(ObjectFault) -> (batch: ObjectBatch, group: String)? {
        let shape = shape(of: event.layout)
        guard predicate.acceptsEverything || predicate.matches(EventRow(&event, shape.columns)) else { return nil }
        let group = grouping?.group(of: EventRow(&event, shape.grouped)) ?? ""
        return (try event.batch(isBare: isBare, keeping: shape.kept), group)
    }

    private mutating func shape(of layout: ObjectLayout) -> Shape {
        if let known = shapes[ObjectIdentifier(layout)] { return known }
        let none = [Bool](repeating: false, count: layout.isKey.count)
        let shape = Shape(
            layout: layout, columns: FilterShape.columns(predicate.properties, layout),
            grouped: FilterShape.columns(grouping?.properties ?? [], layout),
            kept: query.projection.kept.map { FilterShape.slots($0, none, layout) })
        shapes[ObjectIdentifier(layout)] = shape
        return shape
    }
}

/// All subscriptions, and which of them are about which class.
struct Subscribers {
    private(set) var all: [OperationID: Subscriber] = [:]
    /// For each event class. Made when it is asked for, and forgotten when anything changes.
    private var known: [CIMNamespaceName: [CIMName: EventIndex<OperationID>]] = [:]

    subscript(id: OperationID) -> Subscriber? { all[id] }

    mutating func add(_ subscriber: Subscriber, _ id: OperationID) {
        all[id] = subscriber
        known[subscriber.namespace] = nil
    }

    mutating func remove(_ id: OperationID) {
        guard let subscriber = all.removeValue(forKey: id) else { return }
        known[subscriber.namespace] = nil
    }

    /// Another schema is stored.
    /// - Returns: the subscriptions that do not fit it, and why.
    mutating func adopt(_ snapshot: SchemaSnapshot) -> [(OperationID, QueryError)] {
        known = [:]
        var misfits: [(OperationID, QueryError)] = []
        for id in all.keys.sorted() {
            do throws(QueryError) { try all[id]?.adopt(snapshot) } catch { misfits.append((id, error)) }
        }
        return misfits
    }

    /// This is polled for the subscription from now on.
    mutating func poll(_ polling: Polling?, for id: OperationID) { all[id]?.polling = polling }

    func isEmpty(in namespace: CIMNamespaceName) -> Bool { !all.contains { $0.value.namespace == namespace } }

    /// Those who may want events of the class.
    mutating func about(_ event: CIMClass, in namespace: CIMNamespaceName) -> EventIndex<OperationID> {
        let name = CIMName(event.name)
        if let known = known[namespace]?[name] { return known }
        var index = EventIndex<OperationID>()
        for id in all.keys.sorted() {
            guard let subscriber = all[id], subscriber.namespace == namespace, subscriber.query.isAbout(event) else { continue }
            index.insert(id, subscriber.query)
        }
        known[namespace, default: [:]][name] = index
        return index
    }

    mutating func take(_ event: inout RaisedEvent, for id: OperationID) throws(ObjectFault) -> (batch: ObjectBatch, group: String)? {
        try all[id]?.take(&event)
    }
}
