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

/// Queries, from their text to who is asked what (SEMANTICS I).
extension Broker {
    /// Reads and checks a query. What is wrong with its text is thrown, with the place; a class that is not there, or an object path that
    /// fits none, belongs in the sink (A.5).
    func resolveQuery(_ arguments: ServicesCall, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
        do throws(QueryError) {
            switch try WQLQuery(parsing: arguments.query) {
            case .select(let query): return try resolve(query, arguments, &record)
            case .schema(let query): return try resolve(query, arguments, &record)
            case .association(let query): return resolve(query, arguments, &record)
            }
        } catch {
            throw CIMError(error.status, "ExecQuery: \(error.description)")
        }
    }

    /// Where the queries of a namespace run, and its classes as they are now.
    func surroundings(of namespace: CIMNamespaceName) -> (location: CIMLocation, classes: ClassLookup) {
        let snapshot = schema.schema
        return (CIMLocation(namespace: namespace, server: schema.server), { snapshot.class($0, in: namespace) })
    }

    // MARK: - Instances

    private func resolve(
        _ query: SelectQuery, _ arguments: ServicesCall, _ record: inout OperationRecord
    ) throws(QueryError) -> Request.Target {
        let namespace = arguments.namespace
        guard let layout = schema.layout(query.className.text, in: namespace), let declaration = layout.declaration else {
            return .broker(
                .stated(.invalidClass, "class \(query.className.text.clipped()) does not exist in \(namespace)"), answer: nil)
        }
        if declaration.isIndication || declaration.isSameOrDerived(from: "__Event") {
            throw QueryError(
                .invalidQuery, "expected a class that has instances, found the event class \(declaration.name)", at: query.classPlace)
        }
        let (location, classes) = surroundings(of: namespace)
        let checked = try DataQuery(query, checkedAgainst: declaration, location: location, classes: classes)
        let isDirect = arguments.flags.contains(.directRead)
        let hierarchy = hierarchy(of: layout, in: namespace, for: .execQuery, above: !isDirect, below: !isDirect)
        let (plan, shares) = plan(checked, hierarchy, namespace)
        record.expectation = .instances(of: layout)
        record.filter = RowFilter(plan, arguments, classes: classes)
        if arguments.explains {
            let completion =
                hierarchy.needsMerge && !plan.merges ? ["complete each object with what providers of its superclasses say"] : []
            return explain(hierarchy.nobody?.explanation.map { ["ask nobody: \($0.text)"] } ?? plan.lines + completion, record)
        }
        if arguments.flags.contains(.prototype) {
            record.filter?.isActive = false
            record.filter?.onlyClass = nil
            return answer(with: [CIMInstance(className: declaration.name)], record)
        }
        if let nobody = hierarchy.nobody { return .broker(nobody, answer: nil) }
        guard hierarchy.needsMerge, !shares.isEmpty else { return target(shares, &record) }
        // The most derived class first, and what is stored last.
        let ordered = shares.reversed().filter { $0.step.source.provider != nil } + shares.filter { $0.step.source.provider == nil }
        func paths(_ requests: [QueryPlan.Request]) -> [CIMObjectPath] {
            requests.compactMap { request in if case .get(let path) = request { path } else { nil } }
        }
        let lookups = paths(ordered.map(\.step.request))
        record.work = .queryMerging(
            self.hierarchy(of: layout, in: namespace, for: .createInstanceEnum), lookups: lookups.count == shares.count ? lookups : [],
            lastResort: paths(ordered.flatMap(\.step.fallbacks)))
        return .conducted
    }

    private func plan(
        _ query: DataQuery, _ hierarchy: ClassHierarchy, _ namespace: CIMNamespaceName
    ) -> (QueryPlan, [QueryShare]) {
        let onlyClass = QueryPlan(query, sources: []).onlyClass
        let sources = hierarchy.sources.compactMap { source -> (InstanceSource, QuerySource)? in
            guard case .stored(let classes) = source, let onlyClass else {
                var known = querySource(source, query.declaration, namespace)
                // A condition that one provider decides may hold of an object that another one completes.
                if hierarchy.needsMerge { known.supportsUnarySelect = false }
                return (source, known)
            }
            guard classes.contains(where: { CIMName.equal($0, onlyClass) }), let only = schema.declaration(onlyClass, in: namespace) else {
                return nil
            }
            return (.stored(classes: [only.name]), QuerySource(only))
        }
        let plan = QueryPlan(query, sources: sources.map(\.1))
        let shares = plan.steps.compactMap { step in
            sources.first { $0.1.provider == step.source.provider && $0.1.declaration.name == step.source.declaration.name }
                .map { QueryShare(source: $0.0, step: step) }
        }
        return (plan, shares)
    }

    /// A source, with what its registration says it can do. Instances in the repository count as those of `top`.
    func querySource(_ source: InstanceSource, _ top: CIMClass, _ namespace: CIMNamespaceName) -> QuerySource {
        switch source {
        case .provider(let registration, let layout):
            let name = core.registry.find(registration)?.name ?? ""
            let support = schema.schema.provider(name, in: namespace)?.instances
            return QuerySource(
                layout.declaration ?? top, provider: name, supportsGet: support?.get ?? true,
                supportsEnumeration: support?.enumeration ?? true,
                supportsUnarySelect: support?.queries.contains { CIMName.equal($0, "WQL:UnarySelect") } ?? false)
        case .stored: return QuerySource(top)
        case .failure(_, let layout):
            let declaration = layout.declaration ?? top
            return QuerySource(declaration, provider: declaration.providerName ?? "")
        }
    }

    /// What one provider answers goes straight through its filter; anything else is conducted.
    private func target(_ shares: [QueryShare], _ record: inout OperationRecord) -> Request.Target {
        for share in shares {
            if case .failure(let outcome, _) = share.source { return .broker(outcome, answer: nil) }
        }
        guard let first = shares.first else { return .broker(Outcome(.noError), answer: nil) }
        if shares.count == 1, case .provider(let registration, let layout) = first.source {
            switch first.step.request {
            case .enumerate where first.step.fallbacks.isEmpty:
                record.asked = .createInstanceEnum
                record.path = layout.className
                record.expectation = .instances(of: layout)
                return .provider(registration)
            case .query(let query) where first.step.fallbacks.isEmpty:
                record.path = query.description
                record.expectation = .instances(of: layout)
                record.filter?.isExact = first.step.isExact
                record.filter?.isActive = !first.step.isExact
                return .provider(registration)
            case .get, .query, .enumerate, .notCapable: break
            }
        }
        record.work = .query(shares)
        return .conducted
    }

    // MARK: - Classes

    private func resolve(
        _ query: SchemaQuery, _ arguments: ServicesCall, _ record: inout OperationRecord
    ) throws(QueryError) -> Request.Target {
        let namespace = arguments.namespace
        let snapshot = schema.schema
        let (location, classes) = surroundings(of: namespace)
        let matches = try query.matcher(in: location, classes: classes)
        if arguments.explains {
            let filter = query.condition.map { ["filter here: \($0)"] } ?? []
            return explain(["\(query.scope) from the schema"] + filter, record)
        }
        if arguments.flags.contains(.prototype) { return .broker(Outcome(.noError), answer: nil) }
        let names =
            switch query.scope {
            case .named(let name): [name.text]
            case .topLevel: snapshot.children(of: "", in: namespace)
            case .children(let name): name.text.isEmpty ? [] : snapshot.children(of: name.text, in: namespace)
            case .subtree(let name): name.text.isEmpty ? [] : [name.text] + snapshot.descendants(of: name.text, in: namespace)
            case .all: snapshot.descendants(of: "", in: namespace)
            }
        record.work = .classes(names.compactMap { snapshot.class($0, in: namespace) }.filter(matches))
        return .conducted
    }

    // MARK: - What is answered at once

    /// What would be done, as an object of `CIMBus_QueryPlan`.
    func explain(_ lines: [String], _ record: OperationRecord) -> Request.Target {
        guard let layout = schema.layout("CIMBus_QueryPlan", in: record.namespace) else { return .broker(Outcome(.noError), answer: nil) }
        var record = record
        record.expectation = .instances(of: layout)
        record.filter = nil
        return answer(with: [CIMInstance(className: layout.className, ["Lines": .strings(lines)])], record)
    }

    /// The broker's own objects.
    func answer(with instances: [CIMInstance], _ record: OperationRecord) -> Request.Target {
        let record = Entry(record)
        do throws(CIMError) {
            return .broker(Outcome(.noError), answer: payloads.keep(try filtered(try encoded(instances, record), record)))
        } catch {
            return .broker(.stated(error.status, error.message), answer: nil)
        }
    }

    // MARK: - Running it

    /// Asks all sources at once.
    func query(_ shares: [QueryShare], for id: OperationID) async throws(CIMError) {
        try await each(of: shares, for: id) { broker, share throws(CIMError) in try await broker.query(share, for: id) }
    }

    /// Asks one source, in another way while it says that it cannot do this one (SEMANTICS I.7).
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
        let hierarchy = hierarchy(of: layout, in: record.namespace, for: .getObject, below: !declaration.isServed)
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
    /// Whether a provider says that it does not do this: another way may work (SEMANTICS I.7).
    var isIncapability: Bool { status == .providerNotCapable || status == .notSupported }
}
