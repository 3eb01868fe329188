import CIM

/// Who is asked for the associations of an object, and which ends of the associations are results (Semantics I.4). The plan is a value; the
/// broker carries it out.
///
/// The broker never sends ASSOCIATORS OF or REFERENCES OF to a provider. Each leg is an ordinary query over an association class. Its
/// condition compares the properties that can refer to the source with the source's path (I.7, E.2).
public struct AssociationPlan: Hashable, Sendable {
    public struct Leg: Hashable, Sendable {
        public var source: QuerySource

        /// The properties that may refer to the query's source, spelled as declared.
        public var roles: [String]

        /// The properties that may refer to a result; empty in REFERENCES.
        public var resultRoles: [String]
        public var request: QueryPlan.Request
    }

    public let query: AssociationQuery

    /// The source, in the canonical form of its class, without server and namespace.
    public let source: CIMObjectPath
    public let legs: [Leg]

    /// Whether several sources may report the same association. Then associations with the same path count once.
    public let merges: Bool

    /// With SchemaOnly: the classes that are the results, each class once.
    public let classes: [String]
    private let comparand: ReferenceComparand

    /// Plans a query.
    ///
    /// - Throws: InvalidClass when the source's class, AssocClass or ResultClass is not there; InvalidObjectPath when the path does not fit its
    ///   class, or is in another namespace or on another machine.
    public init(_ query: AssociationQuery, schema: some AssociationSchema, location: CIMLocation = CIMLocation()) throws(QueryError) {
        func find(_ name: String) throws(QueryError) -> CIMClass {
            guard let declaration = schema.resolvedClass(named: name) else {
                throw QueryError(.invalidClass, "there is no class \(name)", at: query.place)
            }
            return declaration
        }
        guard location.isHere(query.source.server), query.source.namespace.map({ CIMNamespaceName($0) == location.namespace }) ?? true
        else {
            throw QueryError(
                .invalidObjectPath, "expected an object of namespace \(location.namespace), found \(query.source)", at: query.place)
        }
        let sourceClass = try find(query.source.className)
        for name in [query.associationClass, query.resultClass] {
            if let name { _ = try find(name.text) }
        }
        let source: CIMObjectPath
        do throws(ObjectPathError) {
            source = try query.source.canonicalized(for: sourceClass, in: location) { name, namespace in
                namespace == location.namespace ? schema.resolvedClass(named: name) : nil
            }
        } catch {
            throw QueryError(.invalidObjectPath, error.message, at: query.place)
        }
        self.query = query
        self.source = source
        comparand = ReferenceComparand(source, in: location)
        let ends = AssociationEnds(query, sourceClass: sourceClass, schema: schema)
        guard query.form != .schemaOnly else {
            legs = []
            merges = false
            classes = ends.resultClasses
            return
        }
        classes = []
        let path = source.relativePath
        legs = schema.associationSources.compactMap { source in
            guard let (roles, resultRoles) = ends.roles(in: source.declaration) else { return nil }
            return Leg(
                source: source, roles: roles, resultRoles: resultRoles,
                request: AssociationPlan.request(source, roles: roles, path: path))
        }
        merges = legs.map(\.source).overlap
    }

    private static func request(_ source: QuerySource, roles: [String], path: String) -> QueryPlan.Request {
        let conditions = roles.map { role in
            WQLCondition.comparison(WQLCondition.Comparison(PropertyPath(CIMName(role)), .compare(.equal, .string(path))))
        }
        let condition = conditions.count > 1 ? WQLCondition.or(conditions) : conditions.first
        if source.supportsUnarySelect {
            let written = WrittenQuery(SelectQuery(from: CIMName(source.declaration.name), where: condition))
            if written.isReadable { return .query(written) }
        }
        return source.supportsEnumeration ? .enumerate : .notCapable
    }

    /// Whether an association object refers to the source. The broker must ask this for every row of a leg that enumerates.
    public func includes(_ association: CIMInstance, of leg: Leg) -> Bool {
        leg.roles.contains { refersToSource(association[$0]) }
    }

    private func refersToSource(_ value: CIMValue?) -> Bool {
        if case .reference(let path) = value { comparand.refers(to: path) } else { false }
    }

    /// The other ends of an association object, in declaration order, each once. There are none when the object does not refer to the
    /// source. An endpoint is a result once for each association that leads to it. So the broker does not look whether it was a result
    /// before.
    public func endpoints(of association: CIMInstance, in leg: Leg) -> [CIMObjectPath] {
        var endpoints: [CIMObjectPath] = []
        for resultRole in leg.resultRoles {
            guard case .reference(let path) = association[resultRole],
                leg.roles.contains(where: { !CIMName.equal($0, resultRole) && refersToSource(association[$0]) }),
                !endpoints.contains(path)
            else { continue }
            endpoints.append(path)
        }
        return endpoints
    }

    /// Whether an endpoint of that class is a result. The class must be ResultClass or derived from it, and must have RequiredQualifier.
    public func accepts(endpointClass declaration: CIMClass) -> Bool {
        guard query.kind == .associators else { return true }
        return query.resultClass.map { declaration.isSameOrDerived(from: $0.text) } ?? true
            && query.requiredQualifier.map { declaration.qualifier(named: $0.text) != nil } ?? true
    }
}

extension AssociationPlan: CustomStringConvertible {
    /// The plan in words, one line each: who is asked for what, and what is filtered where.
    public var lines: [String] {
        var lines: [String] = []
        if query.form == .schemaOnly { return classes.isEmpty ? ["no class"] : classes.map { "class \($0) from the schema" } }
        for leg in legs {
            let name = leg.source.declaration.name
            switch leg.request {
            case .query(let query):
                lines.append("send to \(leg.source.who): \(query)")
                if leg.source.supportsEnumeration { lines.append("  if it is not capable: enumerate \(name), filter here") }
            case .notCapable: lines.append("\(leg.source.who) can neither enumerate nor query \(name): ProviderNotCapable")
            case .get, .enumerate:
                let roles = leg.roles.joined(separator: " or ")
                lines.append("enumerate \(name) from \(leg.source.who), filter here: \(roles) refers to \(source.relativePath)")
            }
            if query.kind == .associators { lines.append("  results: what \(leg.resultRoles.joined(separator: " or ")) refers to") }
        }
        if lines.isEmpty { return ["nothing is asked: no association fits"] }
        if merges { lines.append("count each association once, by its path") }
        if query.kind == .associators {
            if let name = query.resultClass { lines.append("keep results of class \(name) or derived from it") }
            if let name = query.requiredQualifier { lines.append("keep results whose class has the qualifier \(name)") }
            if query.form == .objects { lines.append("get each result") }
        }
        if query.form == .keysOnly { lines.append("keep the keys only") }
        if query.form == .classDefinitionsOnly { lines.append("return the classes of the results") }
        return lines
    }

    public var description: String { lines.joined(separator: "\n") }
}

/// What the plan of an association query needs to know of a namespace.
public protocol AssociationSchema: Sendable {
    /// The class, resolved; nil when there is none.
    func resolvedClass(named name: String) -> CIMClass?

    /// Every association class, resolved, abstract ones included.
    var associationClasses: [CIMClass] { get }

    /// Every provider that has instances of an association class, and the repository if it has some.
    var associationSources: [QuerySource] { get }
}
