import CIM

/// An event query that was checked against its event class (Semantics I.5). It is a value and holds no schema.
public struct EventQuery: Hashable, Sendable {
    /// The query as written, with its polling interval and grouping.
    public let query: SelectQuery
    public let declaration: CIMClass
    public let projection: Projection
    public let conditionProperties: [String]
    let condition: CheckedCondition?

    /// Checks a query against the resolved class that FROM names.
    ///
    /// - Throws: NotEventClass for a class that is no event class; AggregatingByObject for BY with an embedded object and no dot; and what
    ///   a data query throws. Each error says where. (The parser has thrown MissingGroupWithin and MissingAggregationList before.)
    ///
    /// Whether the query needs WITHIN depends on who provides the events. ``checkPolling(isNeeded:)`` checks that.
    public init(
        _ query: SelectQuery, checkedAgainst declaration: CIMClass, location: CIMLocation = CIMLocation(),
        classes: @escaping ClassLookup
    ) throws(QueryError) {
        guard query.className == CIMName(declaration.name) else {
            throw QueryError(.invalidClass, "expected class \(declaration.name), found \(query.className)", at: query.classPlace)
        }
        guard declaration.isIndication || declaration.isSameOrDerived(from: "__Event") else {
            throw QueryError(.notEventClass, "expected an event class, found \(declaration.name)", at: query.classPlace)
        }
        var checker = ConditionChecker(declaration, classes: classes, location: location, allowsClassISA: true)
        condition = try query.condition.map { condition throws(QueryError) in try checker.check(condition) }
        projection = try Projection(query.list, checkedBy: checker)
        conditionProperties = checker.properties
        for property in query.grouping?.properties ?? [] {
            let type = try checker.type(of: property).type
            if type?.isArray ?? false {
                throw QueryError(.invalidQuery, "\(property) is an array: events cannot be grouped by it", at: property.place)
            }
            if type?.base == .object {
                throw QueryError(.aggregatingByObject, "expected a property of the object \(property) after BY", at: property.place)
            }
        }
        self.query = query
        self.declaration = declaration
    }

    /// Throws RegistrationTooPrecise when the events can only be found by polling and the query does not say how often.
    public func checkPolling(isNeeded: Bool) throws(QueryError) {
        guard !isNeeded || query.pollingSeconds != nil else {
            throw QueryError(
                .registrationTooPrecise, "expected WITHIN seconds: nobody provides \(declaration.name), so it has to be polled for",
                at: query.classPlace)
        }
    }

    public func predicate(classes: @escaping ClassLookup) -> Predicate {
        Predicate(condition, properties: conditionProperties, classes: classes)
    }
}
