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
    /// Asks all sources at once.
    func query(_ shares: [QueryShare], for id: OperationID) async throws(CIMError) {
        try await each(of: shares, for: id) { broker, share throws(CIMError) in try await broker.query(share, for: id) }
    }

    /// Asks one source, in another way while it says that it cannot do this one (Semantics I.7).
    private func query(_ share: QueryShare, for id: OperationID) async throws(CIMError) {
        if case .failure(let outcome, _) = share.source { throw Self.failure(outcome) }
        var hasBegun = false
        var requests = [share.step.request] + share.step.fallbacks
        while true {
            do throws(CIMError) {
                return try await query(share, requests.removeFirst(), &hasBegun, for: id)
            } catch {
                if !error.isIncapability || hasBegun || requests.isEmpty { throw error }
            }
        }
    }

    private func query(
        _ share: QueryShare, _ request: QueryPlan.Request, _ hasBegun: inout Bool, for id: OperationID
    ) async throws(CIMError) {
        switch (share.source, request) {
        case (.failure, _): break
        case (_, .get(let path)):
            guard let objects = try await object(at: path, from: share.source, for: id) else { return }
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
            try await supply(part, to: id, &hasBegun)
        case (.provider(let registration, let layout), .enumerate):
            try await supply(try openEnumeration(of: id, registration, layout, filter: records[id]?.filter), to: id, &hasBegun)
        case (.provider, .notCapable):
            throw CIMError(
                .providerNotCapable,
                "provider \(share.step.source.provider ?? "") can neither enumerate nor query \(share.step.source.declaration.name), says its registration"
            )
        }
    }

    private func supply(_ part: OperationID, to id: OperationID, _ hasBegun: inout Bool) async throws(CIMError) {
        while let batch = try await next(of: part) {
            hasBegun = true
            try await supply(batch, to: id)
        }
    }

    /// Objects that several providers complete are filtered when they are complete. Who cannot do one thing may be able to do another:
    /// get, enumerate, or get after all where that is not sure to give everything.
    func queryMerging(
        _ hierarchy: ClassHierarchy, _ lookups: [CIMObjectPath], lastResort: [CIMObjectPath], for id: OperationID
    ) async throws(CIMError) {
        do throws(CIMError) {
            if !lookups.isEmpty { return try await look(at: lookups, for: id) }
        } catch {
            if !error.isIncapability { throw error }
        }
        do throws(CIMError) {
            try await enumerateMerging(hierarchy, for: id, onlyClass: nil)
        } catch {
            if !error.isIncapability || lastResort.isEmpty { throw error }
            try await look(at: lastResort, for: id)
        }
    }

    /// The first of these that is there.
    private func look(at paths: [CIMObjectPath], for id: OperationID) async throws(CIMError) {
        for path in paths {
            guard let object = try await object(at: path, for: id) else { continue }
            guard let record = records[id] else { throw Self.isOver(id) }
            return try await supply(try filtered(object, record), to: id)
        }
    }

    /// The object at a path, as GetObject would give it; nil when there is none. Nothing is filtered.
    func object(at path: CIMObjectPath, for id: OperationID) async throws(CIMError) -> CheckedObjects? {
        guard let record = records[id] else { throw Self.isOver(id) }
        guard let layout = schema.layout(path.className, in: record.namespace), let declaration = layout.declaration else { return nil }
        let hierarchy = resolver.hierarchy(of: layout, in: record.namespace, for: .getObject, below: !declaration.isServed)
        if let nobody = hierarchy.nobody { throw Self.failure(nobody) }
        do throws(CIMError) {
            return try await find(path, hierarchy, for: id)
        } catch {
            if error.status == .notFound { return nil }
            throw error
        }
    }

    /// The object at a path that one source has; nil when there is none. Nothing is filtered.
    private func object(at path: CIMObjectPath, from source: InstanceSource, for id: OperationID) async throws(CIMError) -> CheckedObjects?
    {
        guard let record = records[id] else { throw Self.isOver(id) }
        do throws(CIMError) {
            switch source {
            case .failure(let outcome, _): throw Self.failure(outcome)
            case .stored:
                return try encoded([try await storedInstance(at: path, in: record.namespace)], record)
            case .provider(let registration, let layout):
                let part = try openPart(of: id, .getObject, .provider(registration)) { part in
                    part.path = path.relativePath
                    part.target = path.relativePath.clipped()
                    part.expectation = .instances(of: layout)
                }
                var object: CheckedObjects?
                while let batch = try await next(of: part) { object = batch }
                return object
            }
        } catch {
            if error.status == .notFound { return nil }
            throw error
        }
    }
}

extension CIMError {
    /// Whether a provider says that it does not do this: another way may work (Semantics I.7).
    var isIncapability: Bool { status == .providerNotCapable || status == .notSupported }
}
