import CIM

/// A data query that was checked against its class, ready to be planned and evaluated (Semantics I.2). It is a value and holds no schema.
public struct DataQuery: Hashable, Sendable {
    /// The query as written.
    public let query: SelectQuery

    /// The class, resolved.
    public var declaration: CIMClass { indexed.declaration }
    let indexed: IndexedClass
    public let location: CIMLocation
    public let projection: Projection

    /// The properties that the condition reads from each row, in the order of `Predicate.properties`.
    public let conditionProperties: [String]
    let condition: CheckedCondition?

    /// The condition as written, with its constants in the types of their properties.
    let typedCondition: WQLCondition?

    /// The class in `__CLASS = "C"` where that has to hold: there are no other objects among the results than its own, without those of
    /// subclasses. Nil where the condition does not say it.
    package let onlyClass: String?

    /// Checks a query against the resolved class that FROM names.
    ///
    /// - Throws: InvalidQuery for WITHIN and GROUP, an unknown property, an array, a text that is no date and time; PropertyNotAnObject for a
    ///   dot behind something that is no object; TypeMismatch for a constant that does not fit; InvalidOperator for an operator
    ///   that the type does not have; QuotaViolation for too long a pattern. Each says where.
    ///
    /// A property inside an embedded object may be one that the object's class does not have. That is no error: it reads as NULL.
    public init(
        _ query: SelectQuery, checkedAgainst declaration: CIMClass, location: CIMLocation = CIMLocation(),
        classes: @escaping ClassLookup
    ) throws(QueryError) {
        try self.init(query, checkedAgainst: IndexedClass(declaration), location: location, classes: classes)
    }

    /// The same for a class whose properties were looked up before.
    package init(
        _ query: SelectQuery, checkedAgainst indexed: IndexedClass, location: CIMLocation, classes: @escaping ClassLookup
    ) throws(QueryError) {
        let declaration = indexed.declaration
        guard query.pollingSeconds == nil, query.grouping == nil else {
            throw QueryError(.invalidQuery, "expected no WITHIN and no GROUP: they belong to event queries", at: query.classPlace)
        }
        guard query.className == CIMName(declaration.name) else {
            throw QueryError(.invalidClass, "expected class \(declaration.name), found \(query.className)", at: query.classPlace)
        }
        var checker = ConditionChecker(indexed, classes: classes, location: location)
        condition = try query.condition.map { condition throws(QueryError) in try checker.check(condition) }
        typedCondition = try query.condition.map { condition throws(QueryError) in try checker.typed(condition) }
        projection = try Projection(query.list, checkedBy: checker)
        conditionProperties = checker.properties
        onlyClass = typedCondition?.requiredClass
        self.query = query
        self.indexed = indexed
        self.location = location
    }

    /// The condition, ready to be evaluated. It asks `classes` for ISA, and for the system properties that follow from a class.
    public func predicate(classes: @escaping ClassLookup) -> Predicate {
        Predicate(condition, properties: conditionProperties, classes: classes)
    }

    /// The properties that a source has to deliver, without system properties: those that the results keep, those that the condition reads,
    /// and the keys, from which the path is made. Nil means all.
    public var neededProperties: [String]? {
        guard let kept = projection.kept else { return nil }
        return indexed.properties(among: (kept + conditionProperties + indexed.keyProperties.map(\.name)).map { CIMName($0) })
    }
}

extension WQLCondition {
    /// The class in `__CLASS = "C"`, of which every object is that fulfils the condition.
    fileprivate var requiredClass: String? {
        for case .comparison(let comparison) in conjuncts where comparison.property == "__CLASS" {
            if case .compare(.equal, .string(let name)) = comparison.test { return name }
        }
        return nil
    }
}
