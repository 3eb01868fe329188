import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import CIMRepository

/// Queries, from their text to who is asked what (Semantics I).
extension Resolver {
    /// Reads and checks a query. What is wrong with its text is thrown, with the place; a class that is not there, or an object path that
    /// fits none, belongs in the sink (A.5).
    func query(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        if let prepared = snapshot.preparedQuery(arguments.query, in: arguments.namespace) {
            try check(.enable, prepared.checked.query.className.text, in: arguments.namespace, .execQuery)
            return answer(prepared, arguments)
        }
        let query: WQLQuery
        do throws(QueryError) { query = try WQLQuery(parsing: arguments.query) } catch { throw Self.failure(error) }
        let className: String? =
            switch query {
            case .select(let query): query.className.text
            case .schema: nil
            case .association(let query): query.source.className
            }
        try check(.enable, className, in: arguments.namespace, .execQuery)
        do throws(QueryError) {
            return switch query {
            case .select(let query): try dataQuery(query, arguments)
            case .schema(let query): try schemaQuery(query, arguments)
            case .association(let query): associationQuery(query, arguments)
            }
        } catch {
            throw Self.failure(error)
        }
    }

    private static func failure(_ error: QueryError) -> CIMError { CIMError(error.status, "ExecQuery: \(error.description)") }

    // MARK: - Instances

    private func dataQuery(_ query: SelectQuery, _ arguments: ServicesCall) throws(QueryError) -> Resolution {
        let namespace = arguments.namespace
        guard let named = namedClass(query.className.text, arguments) else { return noClass(query.className.text, arguments) }
        let (layout, declaration) = (named.layout, named.declaration)
        if declaration.isIndication || declaration.isSameOrDerived(from: "__Event") {
            throw QueryError(
                .invalidQuery, "expected a class that has instances, found the event class \(declaration.name)", at: query.classPlace)
        }
        let (location, classes) = snapshot.surroundings(of: namespace)
        let checked = try DataQuery(query, checkedAgainst: named.indexed, location: location, classes: classes)
        let prepared = PreparedQuery(checked, layout)
        snapshot.keep(prepared, of: arguments.query)
        return answer(prepared, arguments)
    }

    private func answer(_ prepared: PreparedQuery, _ arguments: ServicesCall) -> Resolution {
        let (layout, declaration, namespace) = (prepared.layout, prepared.checked.declaration, arguments.namespace)
        let isDirect = arguments.flags.contains(.directRead)
        let hierarchy = hierarchy(of: layout, in: namespace, for: .execQuery, above: !isDirect, below: !isDirect)
        let (plan, shares) = plan(prepared, hierarchy, namespace)
        var question = Question(expectation: .instances(of: layout))
        question.filter = RowFilter(plan, prepared.kept, arguments, classes: snapshot.surroundings(of: namespace).classes)
        if arguments.explains {
            let completion =
                hierarchy.needsMerge && !plan.merges ? ["complete each object with what providers of its superclasses say"] : []
            return explanation(hierarchy.nobody?.explanation.map { ["ask nobody: \($0.text)"] } ?? plan.lines + completion, namespace)
        }
        if arguments.flags.contains(.prototype) {
            question.filter?.isActive = false
            question.filter?.onlyClass = nil
            return .answered(Outcome(.noError), question, .instances([CIMInstance(className: declaration.name)]))
        }
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.needsMerge, !shares.isEmpty { return .conducted(merging(shares, layout, namespace), question) }
        return distributed(shares, question)
    }

    /// Objects that several providers complete: where each may be found by its path, or all of them.
    private func merging(_ shares: [QueryShare], _ layout: ObjectLayout, _ namespace: CIMNamespaceName) -> Work {
        // The most derived class first, and what is stored last.
        let ordered = shares.reversed().filter { $0.step.source.provider != nil } + shares.filter { $0.step.source.provider == nil }
        func paths(_ requests: [QueryPlan.Request]) -> [CIMObjectPath] {
            requests.compactMap { request in if case .get(let path) = request { path } else { nil } }
        }
        let lookups = paths(ordered.map(\.step.request))
        return .queryMerging(
            MergingQuery(
                hierarchy(of: layout, in: namespace, for: .createInstanceEnum), lookups: lookups.count == shares.count ? lookups : [],
                lastResort: paths(ordered.flatMap(\.step.fallbacks))))
    }

    /// What one provider answers goes straight through its filter; anything else is conducted.
    private func distributed(_ shares: [QueryShare], _ question: Question) -> Resolution {
        for share in shares {
            if case .failure(let outcome, _) = share.source { return .answered(outcome, question) }
        }
        guard let first = shares.first else { return .answered(Outcome(.noError), question) }
        guard shares.count == 1, case .provider(let registration, let layout) = first.source, first.step.fallbacks.isEmpty else {
            return .conducted(.query(shares), question)
        }
        var question = question
        switch first.step.request {
        case .get, .notCapable: return .conducted(.query(shares), question)
        case .enumerate:
            question.providerKind = .createInstanceEnum
            question.path = layout.className
        case .query(let query):
            question.path = query.description
            question.filter?.isExact = first.step.isExact
            question.filter?.isActive = !first.step.isExact
        }
        question.expectation = .instances(of: layout)
        return .ask(registration, question)
    }

    private func plan(
        _ prepared: PreparedQuery, _ hierarchy: ClassHierarchy, _ namespace: CIMNamespaceName
    ) -> (QueryPlan, [QueryShare]) {
        let query = prepared.checked
        let sources = hierarchy.sources.compactMap { source -> (InstanceSource, QuerySource)? in
            guard case .stored(let classes) = source, let onlyClass = query.onlyClass else {
                var known = querySource(source, query.declaration, namespace)
                // A condition that one provider decides may hold of an object that another one completes.
                if hierarchy.needsMerge { known.supportsUnarySelect = false }
                return (source, known)
            }
            guard classes.contains(where: { CIMName.equal($0, onlyClass) }), let only = snapshot.declaration(onlyClass, in: namespace)
            else {
                return nil
            }
            return (.stored(classes: [only.name]), QuerySource(only))
        }
        let plan = prepared.plan(over: sources.map(\.1))
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
            let name = registry.find(registration)?.name ?? ""
            let support = schema.provider(name, in: namespace)?.instances
            var known = QuerySource(
                layout.declaration ?? top, provider: name, supportsGet: support?.get ?? true,
                supportsEnumeration: support?.enumeration ?? true,
                supportsUnarySelect: support?.queries.contains { CIMName.equal($0, "WQL:UnarySelect") } ?? false)
            known.keys = layout.keyProperties
            return known
        case .stored: return QuerySource(top)
        case .failure(_, let layout):
            let declaration = layout.declaration ?? top
            return QuerySource(declaration, provider: declaration.providerName ?? "")
        }
    }

    // MARK: - Classes

    private func schemaQuery(_ query: SchemaQuery, _ arguments: ServicesCall) throws(QueryError) -> Resolution {
        let namespace = arguments.namespace
        let (location, classes) = snapshot.surroundings(of: namespace)
        let matches = try query.matcher(in: location, classes: classes)
        if arguments.explains {
            let filter = query.condition.map { ["filter here: \($0)"] } ?? []
            return explanation(["\(query.scope) from the schema"] + filter, namespace)
        }
        if arguments.flags.contains(.prototype) { return .answered(Outcome(.noError), Question()) }
        let names =
            switch query.scope {
            case .named(let name): [name.text]
            case .topLevel: schema.children(of: "", in: namespace)
            case .children(let name): name.text.isEmpty ? [] : schema.children(of: name.text, in: namespace)
            case .subtree(let name): name.text.isEmpty ? [] : [name.text] + schema.descendants(of: name.text, in: namespace)
            case .all: schema.descendants(of: "", in: namespace)
            }
        let found = visible(names.compactMap { schema.class($0, in: namespace) }.filter(matches), in: namespace)
        return .conducted(.pages(.classes(found[...])), Question())
    }

    /// What would be done, as an object of `CIMBus_QueryPlan`.
    func explanation(_ lines: [String], _ namespace: CIMNamespaceName) -> Resolution {
        guard let layout = snapshot.layout("CIMBus_QueryPlan", in: namespace) else { return .answered(Outcome(.noError), Question()) }
        let plan = CIMInstance(className: layout.className, ["Lines": .strings(lines)])
        return .answered(Outcome(.noError), Question(expectation: .instances(of: layout)), .instances([plan]))
    }
}
