import CIM

/// Who is asked what for a data query, and what is filtered in the broker (SEMANTICS I.7). A value that the broker carries out.
public struct QueryPlan: Hashable, Sendable {
    /// What one source is asked.
    public enum Request: Hashable, Sendable {
        /// One object; NotFound means no row.
        case get(CIMObjectPath)

        /// A query for the source itself to answer. ProviderNotCapable and NotSupported mean: enumerate instead, and filter.
        case query(SelectQuery)
        case enumerate

        /// Nothing it supports would do: ProviderNotCapable (I.7, 3).
        case notCapable
    }

    public struct Step: Hashable, Sendable {
        public var source: QuerySource
        public var request: Request
    }

    /// In the order of the sources. Empty: there is no row, and nobody is asked.
    public let steps: [Step]

    /// Whether the condition has to be evaluated over the rows. False when every step's query says all of it; rows of a step that fell back to
    /// enumeration need it nevertheless.
    public let filters: Bool

    /// Whether rows of several sources are one object, to be merged by key before they are filtered (C.4).
    public let merges: Bool

    /// The class whose own instances alone are asked for, subclasses apart (`__CLASS = "C"`); nil for all.
    public let onlyClass: String?
    public let query: DataQuery

    /// Plans a checked query over `sources`: everyone whose class is the query's or derived from it.
    ///
    /// `isShallow` is WBEM_FLAG_SHALLOW. Sources of a class and of its descendant make up one object together: then nothing but a key goes to
    /// them, and the condition is evaluated over what was merged.
    public init(_ query: DataQuery, sources: [QuerySource], isShallow: Bool = false) {
        self.query = query
        let conjuncts = query.query.condition?.conjuncts ?? []
        let named = isShallow ? query.declaration.name : QueryPlan.requiredClass(conjuncts)
        onlyClass = named
        var asked = sources.filter { $0.declaration.isSameOrDerived(from: query.declaration.name) }
        if let named {
            // A source of an ancestor has a share in the object, or has the object itself.
            asked = asked.filter { source in
                CIMName.equal(source.declaration.name, named)
                    || sources.contains {
                        CIMName.equal($0.declaration.name, named) && $0.declaration.isDerived(from: source.declaration.name)
                    }
                    || !sources.contains { CIMName.equal($0.declaration.name, named) }
            }
        }
        if query.condition?.isNeverTrue ?? false { asked = [] }
        merges = asked.contains { one in asked.contains { $0.declaration.isDerived(from: one.declaration.name) } }
        let key = KeyLookup(query)
        var steps: [Step] = []
        var filters = false
        for source in asked {
            let step = QueryPlan.step(query, conjuncts, source: source, key: key, merges: merges, hasClassTest: named != nil)
            steps.append(Step(source: source, request: step.request))
            filters = filters || !step.isComplete
        }
        self.steps = steps
        self.filters = filters && query.condition != nil
    }

    private static func step(
        _ query: DataQuery, _ conjuncts: [WQLCondition], source: QuerySource, key: KeyLookup?, merges: Bool, hasClassTest: Bool
    ) -> (request: Request, isComplete: Bool) {
        if let key, source.supportsGet, let path = key.path(in: source.declaration) {
            return (.get(path), key.isWholeCondition)
        }
        if source.supportsUnarySelect, !merges || !source.supportsEnumeration {
            let pushed = merges ? [] : conjuncts.filter(\.isForProviders)
            let needed = query.neededProperties.map { names in
                SelectQuery.List.properties(names.map { PropertyPath(CIMName($0)) })
            }
            let list = needed.map { $0 == .properties([]) ? .all : $0 } ?? .all
            let pushedQuery = SelectQuery(list, from: CIMName(source.declaration.name), where: .all(pushed))
            if !pushed.isEmpty || needed != nil || !source.supportsEnumeration {
                return (.query(pushedQuery), pushed.count == conjuncts.count)
            }
        }
        return (source.supportsEnumeration ? .enumerate : .notCapable, conjuncts.isEmpty)
    }

    /// The class in `__CLASS = "C"` where that has to hold.
    private static func requiredClass(_ conjuncts: [WQLCondition]) -> String? {
        for case .comparison(let comparison) in conjuncts where comparison.property == "__CLASS" {
            if case .compare(.equal, .string(let name)) = comparison.test { return name }
        }
        return nil
    }
}

extension WQLCondition {
    /// Whether a provider can be asked it: no system property, no property of an embedded object, no ISA (SEMANTICS I.7).
    var isForProviders: Bool {
        comparisons.allSatisfy { comparison in
            guard !comparison.property.isSystem, !comparison.property.isDotted else { return false }
            if case .isa = comparison.test { return false }
            return true
        }
    }
}
