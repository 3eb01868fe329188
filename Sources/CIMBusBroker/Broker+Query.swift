import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository

/// What one source is asked for a data query.
struct QueryShare: Sendable {
    let source: InstanceSource
    let step: QueryPlan.Step
}

/// Queries whose sources the broker asks itself (Semantics I).
extension Broker {
    /// Asks all sources at once, and one in another way while it says that it cannot do this one (Semantics I.7).
    func query(_ shares: [QueryShare], for id: OperationID) async throws(CIMError) {
        let parts = shares.map { share in FanOut.Part(ways: share.requests.map(\.excuses)) }
        try await atOnce(FanOut(parts), for: id) { broker, turn throws(CIMError) in
            let share = shares[turn.part]
            try await broker.query(share, share.requests[turn.way], turn.hasBegun, for: id)
        }
    }

    private func query(
        _ share: QueryShare, _ request: QueryPlan.Request, _ hasBegun: JoinTurn.Flag, for id: OperationID
    ) async throws(CIMError) {
        switch (share.source, request) {
        case (.failure(let outcome, _), _): throw Self.failure(outcome)
        case (_, .get(let path)):
            let objects = try await object(at: path, from: share.source, for: id)
            guard let record = records[id] else { throw Self.isOver(id) }
            try await supply(try filtered(objects, record), to: id)
        case (.stored(let classes), _):
            try await pages(of: classes, for: id) { broker, instances throws(CIMError) in try await broker.supply(instances, to: id) }
        case (.provider(let registration, let layout), .query(let query)):
            let filter = records[id]?.filter
            let part = try openPart(of: id, .execQuery, .provider(registration)) { part in
                part.path = query.description
                part.target = query.description.clipped()
                part.expectation = .instances(of: layout)
                part.filter = filter
                part.filter?.isExact = share.step.isExact
                part.filter?.isActive = !share.step.isExact
            }
            try await supply(part, to: id, hasBegun)
        case (.provider(let registration, let layout), .enumerate):
            try await supply(try openEnumeration(of: id, registration, layout, filter: records[id]?.filter), to: id, hasBegun)
        case (.provider, .notCapable):
            throw CIMError(
                .providerNotCapable,
                "provider \(share.step.source.provider ?? "") can neither enumerate nor query \(share.step.source.declaration.name), says its registration"
            )
        }
    }

    private func supply(_ part: OperationID, to id: OperationID, _ hasBegun: JoinTurn.Flag) async throws(CIMError) {
        while let batch = try await next(of: part) {
            hasBegun.set()
            try await supply(batch, to: id)
        }
    }

    /// Objects that several providers complete are filtered when they are complete. Who cannot do one thing may be able to do another:
    /// get, enumerate, or get after all where that is not sure to give everything.
    func queryMerging(
        _ hierarchy: ClassHierarchy, _ lookups: [CIMObjectPath], lastResort: [CIMObjectPath], for id: OperationID
    ) async throws(CIMError) {
        enum Way: Sendable { case lookUp([CIMObjectPath]), enumerate }
        var ways: [Way] = lookups.isEmpty ? [.enumerate] : [.lookUp(lookups), .enumerate]
        if !lastResort.isEmpty { ways.append(.lookUp(lastResort)) }
        let join = FanOut([FanOut.Part(ways: ways.map { _ in [] })])
        _ = try await inTurn(.fanOut(join), for: id) { broker, turn throws(CIMError) in
            switch ways[turn.way] {
            case .lookUp(let paths): try await broker.look(at: paths, for: id)
            case .enumerate: try await broker.enumerateMerging(hierarchy, for: id, onlyClass: nil, hasBegun: turn.hasBegun)
            }
            return ""
        }
    }

    /// The first of these that is there.
    private func look(at paths: [CIMObjectPath], for id: OperationID) async throws(CIMError) {
        let join = GetJoin(lines: paths.map { _ in 1 }, search: .untilFound, speaks: false, otherwise: Outcome(.noError))
        _ = try await inTurn(.get(join), for: id) { broker, turn throws(CIMError) in
            let object = try await broker.object(at: paths[turn.part], for: id)
            guard let record = broker.records[id] else { throw Self.isOver(id) }
            try await broker.supply(try broker.filtered(object, record), to: id)
            return ""
        }
    }

    /// The object at a path, as GetObject would give it; NotFound where there is none. Nothing is filtered.
    func object(at path: CIMObjectPath, for id: OperationID) async throws(CIMError) -> CheckedObjects {
        guard let record = records[id] else { throw Self.isOver(id) }
        guard let layout = schema.layout(path.className, in: record.namespace), let declaration = layout.declaration else {
            throw CIMError(.notFound, "there is no class \(path.className.clipped())")
        }
        let hierarchy = resolver.hierarchy(of: layout, in: record.namespace, for: .getObject, below: !declaration.isServed)
        if let nobody = hierarchy.nobody { throw Self.failure(nobody) }
        return try await find(path, hierarchy, for: id)
    }

    /// The object at a path that one source has; NotFound where there is none. Nothing is filtered.
    private func object(at path: CIMObjectPath, from source: InstanceSource, for id: OperationID) async throws(CIMError) -> CheckedObjects {
        guard let record = records[id] else { throw Self.isOver(id) }
        switch source {
        case .failure(let outcome, _): throw Self.failure(outcome)
        case .stored: return try encoded([try await storedInstance(at: path, in: record.namespace)], record)
        case .provider(let registration, let layout):
            let part = try openPart(of: id, .getObject, .provider(registration)) { part in
                part.path = path.relativePath
                part.target = path.relativePath.clipped()
                part.expectation = .instances(of: layout)
            }
            var object: CheckedObjects?
            while let batch = try await next(of: part) { object = batch }
            guard let object else { throw CIMError(.notFound, "there is no \(path.relativePath.clipped())") }
            return object
        }
    }
}

extension QueryShare {
    /// In which ways the source may be asked, the best first.
    fileprivate var requests: [QueryPlan.Request] { [step.request] + step.fallbacks }
}

extension QueryPlan.Request {
    /// An object that is not there is no failure of a query.
    fileprivate var excuses: FanOut.Excuses { if case .get = self { .notFound } else { [] } }
}
