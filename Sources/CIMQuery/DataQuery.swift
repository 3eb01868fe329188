import CIM

/// A data query checked against its class, ready to be planned and evaluated (Semantics I.2). A value: it holds no schema.
public struct DataQuery: Hashable, Sendable {
    /// The query as written.
    public let query: SelectQuery

    /// The class, resolved.
    public let declaration: CIMClass
    public let location: CIMLocation
    public let projection: Projection

    /// What the condition asks of each row, in the order of `Predicate.properties`.
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
    /// A property inside an embedded object that its class does not have is no error: it reads as NULL.
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

    /// The condition, ready to be evaluated. `classes` answers ISA and the system properties that a class knows.
    public func predicate(classes: @escaping ClassLookup) -> Predicate {
        Predicate(condition, properties: conditionProperties, classes: classes)
    }

    /// The properties a source has to deliver, system properties apart: those kept, those the condition asks, and the keys, which the path is
    /// made of. Nil for all.
    public var neededProperties: [String]? {
        guard let kept = projection.kept else { return nil }
        let needed = Set((kept + conditionProperties + declaration.keyNames).map { CIMName($0) })
        return declaration.properties.map(\.name).filter { needed.contains(CIMName($0)) }
    }
}
