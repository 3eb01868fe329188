import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import Synchronization

/// An association query to be carried out: first whether the object is there whose associations are wanted, then all sources of them, then the
/// classes that were found, if those are the result.
struct AssociationSearch: Sendable {
    /// How many sources of associations are asked at once, and how many objects each of them then gets at once.
    static let openSources = 4
    static let openObjects = 4
    /// How many associations of several sources are told apart by their paths.
    static let mostAssociations = 100_000

    /// The associations of one source.
    struct Share: Sendable {
        let leg: AssociationPlan.Leg
        let source: InstanceSource

        /// In how many ways the source may be asked: who cannot query may be able to enumerate (Semantics I.7).
        var ways: Int { if case .query = leg.request, leg.source.supportsEnumeration { 2 } else { 1 } }
    }

    let plan: AssociationPlan
    let shares: [Share]
    fileprivate let found = AssociationsFound()

    /// As in WMI, there is no result without a source; one whose provider cannot say whether it is there counts as there.
    var join: FanOut {
        let classes = plan.query.form == .classDefinitionsOnly ? [FanOut.Part()] : []
        return FanOut([FanOut.Part([[.excusesIncapability, .isSilent]]), FanOut.Part()] + classes, width: 1)
    }

    var joinOfSources: FanOut { FanOut(shares.map { FanOut.Part(Array(repeating: [], count: $0.ways)) }, width: Self.openSources) }
}

/// The other ends of a batch of associations: the part that handed the batch out has room for another when they are dealt with.
struct LookUp: Sendable {
    let source: OperationID
    let endpoints: [CIMObjectPath]
}

/// ASSOCIATORS OF and REFERENCES OF (Semantics I.4).
extension Broker {
    func ask(_ search: AssociationSearch, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        switch index {
        case 0: try askForObject(at: search.plan.source, index, of: whole)
        case 1:
            try openPart(of: whole, index: index, .execQuery, .associationSources(search)) { part in part.filter = record.filter }
        default:
            let (_, classes) = schema.snapshot.surroundings(of: record.namespace)
            let found = resolver(for: record.caller).visible(
                search.found.classes.compactMap { classes($0.text) }, in: record.namespace)
            try openPages(.classes(found[...]), index, of: whole)
        }
    }

    func askSource(_ search: AssociationSearch, _ index: Int, of whole: OperationID) throws(CIMError) {
        let filter = records[whole]?.filter
        let way = way(of: index, of: whole)
        try openPart(of: whole, index: index, .execQuery, .associationSource(search, index, way: way)) { part in part.filter = filter }
    }

    func ask(_ share: AssociationSearch.Share, _ way: Int, _ index: Int, of whole: OperationID) throws(CIMError) {
        switch (share.source, share.leg.request) {
        case (.failure(let outcome, _), _): throw Self.failure(outcome)
        case (.provider, .notCapable): throw share.leg.source.isNotCapable
        case (.provider(let registration, let layout), .query(let query)) where way == 0:
            try openPart(of: whole, index: index, .execQuery, .provider(registration)) { part in
                part.path = query.description
                part.subject = query.description.clipped()
                part.expectation = .instances(of: layout)
            }
        default: try ask(share.source, index, of: whole)
        }
    }

    // MARK: - What comes

    /// Association objects of one source: those of the query's own object are results, or lead to them.
    func takeAssociations(
        _ objects: CheckedObjects, _ search: AssociationSearch, _ leg: AssociationPlan.Leg, from part: OperationID, of whole: OperationID
    ) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        let (plan, found) = (search.plan, search.found)
        let names = Array(Set((leg.roles + leg.resultRoles).map { CIMName($0) }))
        var own: [Range<Int>] = []
        var endpoints: [CIMObjectPath] = []
        var isFull = false
        let references: CheckedObjects
        do throws(ObjectFault) {
            let layouts: ObjectChecker.Lookup = { [schema] in schema.layout($0, in: record.namespace) }
            let prepare = { (layout: ObjectLayout) in names.compactMap { name in layout.slot(named: name.text).map { (name.text, $0) } } }
            try objects.forEach(layouts, prepare: prepare) { row, range, slots in
                var association = CIMInstance(className: row.layout.className, reservingCapacity: slots.count)
                for (name, slot) in slots { association.append(name: name, value: row.value(ofSlot: slot)) }
                guard plan.includes(association, of: leg) else { return }
                if plan.merges {
                    guard found.count < AssociationSearch.mostAssociations else { return isFull = true }
                    var key = row.layout.className.utf8.map(CIMName.fold) + [0]
                    guard !row.appendKey(to: &key) || found.isNew(key) else { return }
                }
                own.append(range)
                if plan.query.kind == .associators {
                    endpoints += plan.endpoints(of: association, in: leg)
                } else if plan.query.form == .classDefinitionsOnly {
                    found.add(row.layout.className)
                }
            }
            references = try objects.keeping(own)
        } catch {
            throw CIMError(error.resultStatus, error.description)
        }
        if isFull {
            throw CIMError(
                .quotaViolation,
                "more than \(AssociationSearch.mostAssociations) associations of several providers; ask for one class of them at a time"
            )
        }
        switch (plan.query.kind, plan.query.form) {
        case (.associators, _):
            if endpoints.isEmpty { return tell { $0.consumed(part) } }
            records[whole]?.lookUps.append(LookUp(source: part, endpoints: endpoints))
            if records[whole]?.lookUps.count == 1 { try lookUp(of: whole) }
        case (.references, .classDefinitionsOnly): tell { $0.consumed(part) }
        case (.references, _): handOn(try filtered(references, record), to: whole, from: part)
        }
    }

    /// The objects at the other ends of one batch of associations are asked for; nothing where no batch waits.
    func lookUp(of whole: OperationID) throws(CIMError) {
        guard let record = records[whole], let next = record.lookUps.first, case .associationSource(let search, _, _)? = record.work else {
            return
        }
        try openPart(of: whole, index: nil, .execQuery, .endpoints(search, next.endpoints)) { part in part.filter = record.filter }
    }

    /// The objects at the other ends of a batch have been handed on: its source has room for another.
    func lookUpEnded(of whole: OperationID) {
        guard let done = records[whole]?.lookUps.first else { return }
        records[whole]?.lookUps.removeFirst()
        tell { $0.consumed(done.source) }
        do throws(CIMError) { try lookUp(of: whole) } catch { end(whole, error) }
    }

    /// The object at the other end of an association is asked for; NotFound where it is gone. One that is elsewhere is left out.
    func askForEndpoint(_ path: CIMObjectPath, _ search: AssociationSearch, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole] else { throw Self.isOver(whole) }
        let plan = search.plan
        let (location, classes) = schema.snapshot.surroundings(of: record.namespace)
        guard location.contains(path), let declaration = classes(path.className),
            resolver(for: record.caller).sees(declaration.name, in: record.namespace, for: .getObject),
            let canonical = try? schema.canonical(path, of: declaration, in: record.namespace)
        else { return succeeded(index, of: whole) }
        if plan.query.form == .objects { return try askForObject(at: canonical, index, of: whole) }
        if plan.accepts(endpointClass: declaration) {
            switch plan.query.form {
            case .keysOnly:
                if let layout = schema.layout(declaration.name, in: record.namespace) {
                    let keys = try encoded([CIMInstance(keysOf: canonical)], record, as: .instances(of: layout))
                    handOn(try filtered(keys, record), to: whole)
                }
            case .classDefinitionsOnly: search.found.add(declaration.name)
            case .objects, .schemaOnly: break
            }
        }
        succeeded(index, of: whole)
    }

    /// The object at the other end of an association, as far as the query wants it.
    func endpoint(_ object: CheckedObjects, _ search: AssociationSearch, _ record: OperationRecord) throws(CIMError)
        -> CheckedObjects?
    {
        let (_, classes) = schema.snapshot.surroundings(of: record.namespace)
        guard let actual = classes(object.firstClassName), search.plan.accepts(endpointClass: actual) else { return nil }
        return try filtered(object, record)
    }
}

/// What the sources of an association query have found so far; only the broker's loop touches it.
private final class AssociationsFound: Sendable {
    private let state = Mutex((keys: Set<[UInt8]>(), classes: [CIMName](), known: Set<CIMName>()))

    var count: Int { state.withLock { $0.keys.count } }

    /// In the order in which they were found.
    var classes: [CIMName] { state.withLock { $0.classes } }

    /// By class and key.
    func isNew(_ key: [UInt8]) -> Bool { state.withLock { $0.keys.insert(key).inserted } }

    func add(_ className: String) {
        state.withLock { if $0.known.insert(CIMName(className)).inserted { $0.classes.append(CIMName(className)) } }
    }
}

extension CIMInstance {
    /// Nothing but the keys that its path says.
    fileprivate init(keysOf path: CIMObjectPath) {
        self.init(className: path.className)
        guard case .keys(let keys) = path.keys else { return }
        for key in keys { append(name: key.name ?? "", value: key.value.value) }
    }
}
