import CIM

/// Who is asked what for a data query, and what is filtered in the broker (Semantics I.7). A value that the broker carries out.
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

        /// Whether the rows fulfil the condition as they come. Rows of `fallbacks` never do by themselves.
        public var isExact: Bool

        /// What to ask instead, one after the other, while the source answers ProviderNotCapable or NotSupported before any row.
        public var fallbacks: [Request] = []
    }

    /// In the order of the sources. Empty: there is no row, and nobody is asked.
    public let steps: [Step]

    /// Whether some rows have to be filtered even when no step falls back.
    public var filters: Bool { query.condition != nil && !steps.allSatisfy(\.isExact) }

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
        let conjuncts = query.typedCondition?.conjuncts ?? []
        let named = isShallow ? query.declaration.name : QueryPlan.requiredClass(conjuncts)
        onlyClass = named
        var contributing = sources.filter { $0.declaration.isSameOrDerived(from: query.declaration.name) }
        if let named, let exact = sources.first(where: { CIMName.equal($0.declaration.name, named) }) {
            // A source of an ancestor has a share in the object. Where the class has no source of its own, any may have it.
            contributing = contributing.filter { exact.declaration.isSameOrDerived(from: $0.declaration.name) }
        }
        if query.condition?.isNeverTrue ?? false { contributing = [] }
        merges = contributing.overlap
        let key = KeyLookup(query)
        steps = contributing.map { [merges] in QueryPlan.step(query, conjuncts, source: $0, key: key, merges: merges) }
    }

    private static func step(
        _ query: DataQuery, _ conjuncts: [WQLCondition], source: QuerySource, key: KeyLookup?, merges: Bool
    ) -> Step {
        let path = source.supportsGet ? key?.path(in: source.declaration) : nil
        let fallbacks: [Request] = source.supportsEnumeration ? [.enumerate] : []
        // The repository compares the text of keys as WQL does, and has no two that differ in case alone.
        if let key, let path, !key.hasCases || source.provider == nil {
            return Step(
                source: source, request: .get(path), isExact: key.isWholeCondition, fallbacks: source.provider == nil ? [] : fallbacks)
        }
        // Who can do nothing else is asked for the key as it is written.
        let last: [Request] = path.map { [.get($0)] } ?? []
        if source.supportsUnarySelect, !merges || fallbacks.isEmpty {
            let pushed = merges ? [] : conjuncts.filter(\.isForProviders)
            let needed = query.neededProperties ?? []
            let list = needed.isEmpty ? SelectQuery.List.all : .properties(needed.map { PropertyPath(CIMName($0)) })
            let select = SelectQuery(list, from: CIMName(source.declaration.name), where: .all(pushed))
            if fallbacks.isEmpty && last.isEmpty || (select.isReadable && (!pushed.isEmpty || !needed.isEmpty)) {
                return Step(
                    source: source, request: .query(select), isExact: pushed.count == conjuncts.count, fallbacks: fallbacks + last)
            }
        }
        let requests = fallbacks + last
        return Step(
            source: source, request: requests.first ?? .notCapable, isExact: conjuncts.isEmpty, fallbacks: Array(requests.dropFirst()))
    }

    /// The class in `__CLASS = "C"` where that has to hold.
    private static func requiredClass(_ conjuncts: [WQLCondition]) -> String? {
        for case .comparison(let comparison) in conjuncts where comparison.property == "__CLASS" {
            if case .compare(.equal, .string(let name)) = comparison.test { return name }
        }
        return nil
    }
}

extension SelectQuery {
    /// Whether the text of the query reads back: not when a property or class has the name of a keyword, or the text is too long.
    var isReadable: Bool { (try? WQLQuery(parsing: description)) == .select(self) }
}

extension WQLCondition {
    /// Whether a provider can be asked it: no system property, no property of an embedded object, no ISA (Semantics I.7).
    var isForProviders: Bool {
        comparisons.allSatisfy { comparison in
            guard !comparison.property.isSystem, !comparison.property.isDotted else { return false }
            if case .isa = comparison.test { return false }
            return true
        }
    }
}
