import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import Synchronization

/// An association query to be carried out.
struct AssociationWork: Sendable {
    /// The associations of one source.
    struct Share: Sendable {
        let leg: AssociationPlan.Leg
        let source: InstanceSource

        /// In how many ways the source may be asked: who cannot query may be able to enumerate (Semantics I.7).
        var ways: Int { if case .query = leg.request, leg.source.supportsEnumeration { 2 } else { 1 } }
    }

    let plan: AssociationPlan
    let shares: [Share]
}

/// ASSOCIATORS OF and REFERENCES OF (Semantics I.4).
extension Broker {
    /// How many sources of associations are asked at once, and how many objects each of them then gets at once.
    private static let openSources = 4
    private static let openObjects = 4
    /// How many associations of several sources are told apart by their paths.
    private static let mostAssociations = 100_000

    /// - Throws: NotFound when the query's source is not there; the first failure of anybody who is asked.
    func associate(_ work: AssociationWork, for id: OperationID) async throws(CIMError) {
        let found = AssociationsFound()
        // As in WMI, there is no result without a source; one whose provider cannot say whether it is there counts as there.
        let join = FanOut([FanOut.Part(ways: [.incapability]), FanOut.Part()], width: 1)
        _ = try await inTurn(.fanOut(join), for: id) { broker, turn throws(CIMError) in
            if turn.part == 0 {
                try await broker.checkSource(of: work.plan, for: id)
            } else {
                try await broker.associate(work, found, for: id)
            }
            return ""
        }
        guard work.plan.query.form == .classDefinitionsOnly, let record = records[id] else { return }
        let (_, classes) = schema.snapshot.surroundings(of: record.namespace)
        try await supply(found.classes.compactMap { classes($0.text) }, to: id)
    }

    private func checkSource(of plan: AssociationPlan, for id: OperationID) async throws(CIMError) {
        do throws(CIMError) {
            _ = try await object(at: plan.source, for: id)
        } catch {
            throw error.status == .notFound ? CIMError(.notFound, "there is no \(plan.source.relativePath)") : error
        }
    }

    private func associate(_ work: AssociationWork, _ found: AssociationsFound, for id: OperationID) async throws(CIMError) {
        let parts = work.shares.map { FanOut.Part(ways: Array(repeating: [], count: $0.ways)) }
        try await atOnce(FanOut(parts, width: Self.openSources), for: id) { broker, turn throws(CIMError) in
            try await broker.associate(work.shares[turn.part], turn, work.plan, found, for: id)
        }
    }

    private func associate(
        _ share: AssociationWork.Share, _ turn: JoinTurn, _ plan: AssociationPlan, _ found: AssociationsFound, for id: OperationID
    ) async throws(CIMError) {
        let (leg, name) = (share.leg, share.leg.source.declaration.name)
        switch (share.source, leg.request) {
        case (.failure(let outcome, _), _): throw Self.failure(outcome)
        case (.stored(let classes), _):
            try await pages(of: classes, for: id) { broker, instances throws(CIMError) in
                guard let record = broker.records[id] else { throw Self.isOver(id) }
                if instances.isEmpty { return }
                try await broker.take(try broker.encoded(instances, record), leg, plan, found, for: id)
            }
        case (_, .notCapable):
            throw CIMError(
                .providerNotCapable,
                "provider \(leg.source.provider ?? "") can neither enumerate nor query \(name), says its registration")
        case (.provider(let registration, let layout), .query(let query)) where turn.way == 0:
            let part = try openPart(of: id, .execQuery, .provider(registration)) { part in
                part.path = query.description
                part.target = query.description.clipped()
                part.expectation = .instances(of: layout)
            }
            while let batch = try await next(of: part) {
                turn.hasBegun.set()
                try await take(batch, leg, plan, found, for: id)
            }
        case (.provider(let registration, let layout), _):
            try await enumerate(registration, layout, leg, plan, found, for: id)
        }
    }

    private func enumerate(
        _ registration: RegistrationID, _ layout: ObjectLayout, _ leg: AssociationPlan.Leg, _ plan: AssociationPlan,
        _ found: AssociationsFound, for id: OperationID
    ) async throws(CIMError) {
        let part = try openEnumeration(of: id, registration, layout)
        while let batch = try await next(of: part) { try await take(batch, leg, plan, found, for: id) }
    }

    // MARK: - What comes

    /// Association objects of one source: those of the query's own object are results, or lead to them.
    private func take(
        _ objects: CheckedObjects, _ leg: AssociationPlan.Leg, _ plan: AssociationPlan, _ found: AssociationsFound, for id: OperationID
    ) async throws(CIMError) {
        guard let record = records[id] else { throw Self.isOver(id) }
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
                    guard found.count < Self.mostAssociations else { return isFull = true }
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
                .quotaViolation, "more than \(Self.mostAssociations) associations of several providers; ask for one class of them at a time"
            )
        }
        if plan.query.form == .classDefinitionsOnly, plan.query.kind == .references { return }
        guard plan.query.kind == .associators else { return try await supply(try filtered(references, record), to: id) }
        // One that is gone is left out.
        let parts = endpoints.map { _ in FanOut.Part(ways: [.notFound]) }
        try await atOnce(FanOut(parts, width: Self.openObjects), for: id) { [endpoints] broker, turn throws(CIMError) in
            try await broker.take(endpoint: endpoints[turn.part], plan, found, for: id)
        }
    }

    /// The object at the other end of an association; NotFound where it is gone. One that is elsewhere is left out.
    private func take(
        endpoint path: CIMObjectPath, _ plan: AssociationPlan, _ found: AssociationsFound, for id: OperationID
    ) async throws(CIMError) {
        guard let record = records[id] else { throw Self.isOver(id) }
        let (location, classes) = schema.snapshot.surroundings(of: record.namespace)
        guard location.contains(path), let declaration = classes(path.className),
            let canonical = try? schema.canonical(path, of: declaration, in: record.namespace)
        else { return }
        switch plan.query.form {
        case .objects:
            let object = try await object(at: canonical, for: id)
            guard let actual = classes(object.firstClassName), plan.accepts(endpointClass: actual) else { return }
            try await supply(try filtered(object, record), to: id)
        case .keysOnly:
            guard plan.accepts(endpointClass: declaration), let layout = schema.layout(declaration.name, in: record.namespace) else {
                return
            }
            var record = record
            record.expectation = .instances(of: layout)
            try await supply(try filtered(try encoded([CIMInstance(keysOf: canonical)], record), record), to: id)
        case .classDefinitionsOnly: if plan.accepts(endpointClass: declaration) { found.add(declaration.name) }
        case .schemaOnly: break
        }
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
