import CIM

/// A data query that was checked against its class, ready to be planned and evaluated (Semantics I.2). It is a value and holds no schema.
public struct DataQuery: Hashable, Sendable {
    /// The query as written.
    public let query: SelectQuery

    /// The class, resolved.
    public let declaration: CIMClass
    public let location: CIMLocation
    public let projection: Projection

    /// The properties that the condition reads from each row, in the order of `Predicate.properties`.
    public let conditionProperties: [String]
    let condition: CheckedCondition?

    /// The condition as written, with its constants in the types of their properties.
    let typedCondition: WQLCondition?

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
        guard query.pollingSeconds == nil, query.grouping == nil else {
            throw QueryError(.invalidQuery, "expected no WITHIN and no GROUP: they belong to event queries", at: query.classPlace)
        }
        guard query.className == CIMName(declaration.name) else {
            throw QueryError(.invalidClass, "expected class \(declaration.name), found \(query.className)", at: query.classPlace)
        }
        var checker = ConditionChecker(declaration, classes: classes, location: location)
        condition = try query.condition.map { condition throws(QueryError) in try checker.check(condition) }
        typedCondition = try query.condition.map { condition throws(QueryError) in try checker.typed(condition) }
        projection = try Projection(query.list, checkedBy: checker)
        conditionProperties = checker.properties
        self.query = query
        self.declaration = declaration
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
        let needed = Set((kept + conditionProperties + declaration.keyNames).map { CIMName($0) })
        return declaration.properties.map(\.name).filter { needed.contains(CIMName($0)) }
    }
}
