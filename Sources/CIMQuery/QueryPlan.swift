import CIM

/// Who is asked for what in a data query, and what the broker filters (Semantics I.7). The plan is a value; the broker carries it out.
public struct QueryPlan: Hashable, Sendable {
    /// What the broker asks of one source.
    public enum Request: Hashable, Sendable {
        /// One object. NotFound means that there is no row.
        case get(CIMObjectPath)

        /// A query that the source answers itself. When the source answers ProviderNotCapable or NotSupported, the broker enumerates
        /// instead, and filters.
        case query(WrittenQuery)
        case enumerate

        /// Nothing: the source supports no request that would do. It counts as ProviderNotCapable (I.7, 3).
        case notCapable
    }

    public struct Step: Hashable, Sendable {
        public var source: QuerySource
        public var request: Request

        /// Whether the rows satisfy the condition as they come. Rows of `fallbacks` must always be filtered.
        public var isExact: Bool

        /// What the broker asks instead, one after the other, as long as the source answers ProviderNotCapable or NotSupported before any
        /// row.
        public var fallbacks: [Request] = []
    }

    /// In the order of the sources. When empty, there is no row, and nobody is asked.
    public let steps: [Step]

    /// Whether some rows have to be filtered even when no step falls back.
    public var filters: Bool { query.condition != nil && !steps.allSatisfy(\.isExact) }

    /// Whether rows of several sources make up one object. Then the broker merges rows by key before it filters (C.4).
    public let merges: Bool

    /// The class of which only the own instances are asked for, without those of subclasses (`__CLASS = "C"`). Nil means all.
    public let onlyClass: String?
    public let query: DataQuery

    /// Plans a checked query over `sources`: everyone whose class is the query's or derived from it.
    ///
    /// `isShallow` is WBEM_FLAG_SHALLOW. Where there are sources of a class and of its subclass, these make up one object together. Then
    /// the broker asks them by key at most, and evaluates the condition over the merged objects.
    public init(_ query: DataQuery, sources: [QuerySource], isShallow: Bool = false) {
        self.query = query
        let conjuncts = query.typedCondition?.conjuncts ?? []
        let named = isShallow ? query.declaration.name : query.onlyClass
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
        let path = source.supportsGet ? key?.path(in: source) : nil
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
            let written = WrittenQuery(SelectQuery(list, from: CIMName(source.declaration.name), where: .all(pushed)))
            if fallbacks.isEmpty && last.isEmpty || ((!pushed.isEmpty || !needed.isEmpty) && written.isReadable) {
                return Step(
                    source: source, request: .query(written), isExact: pushed.count == conjuncts.count, fallbacks: fallbacks + last)
            }
        }
        let requests = fallbacks + last
        return Step(
            source: source, request: requests.first ?? .notCapable, isExact: conjuncts.isEmpty, fallbacks: Array(requests.dropFirst()))
    }
}

/// A query with its text, as a provider gets it.
public struct WrittenQuery: Hashable, Sendable, CustomStringConvertible {
    public let query: SelectQuery

    /// The text.
    public let description: String

    init(_ query: SelectQuery) {
        self.query = query
        description = query.description
    }

    /// Whether the text reads back: not when a property or class has the name of a keyword, or the text is too long.
    var isReadable: Bool { (try? WQLQuery(parsing: description)) == .select(query) }
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
