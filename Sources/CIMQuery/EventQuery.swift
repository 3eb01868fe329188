import CIM

/// An event query that was checked against its event class (Semantics I.5, J.2). It is a value and holds no schema.
public struct EventQuery: Hashable, Sendable {
    /// The query as written, with its polling interval and grouping.
    public let query: SelectQuery
    public let declaration: CIMClass
    public let projection: Projection
    public let conditionProperties: [String]
    let condition: CheckedCondition?
    /// Where the values of BY are found in an event.
    let groupedBy: [TypedProperty]

    /// The shortest interval that WITHIN may have, in seconds.
    public static let shortestPoll = 0.1

    /// Checks a query against the resolved class that FROM names.
    ///
    /// - Throws: NotEventClass for a class that is no event class, or that is never raised by itself, such as `__AggregateEvent`;
    ///   AggregatingByObject for BY with an embedded object and no dot; InvalidQuery for an interval shorter than ``shortestPoll``; and what
    ///   a data query throws. Each error says where. (The parser has thrown MissingGroupWithin and MissingAggregationList before.)
    ///
    /// Whether the query needs WITHIN depends on who provides the events. ``checkPolling(of:)`` checks that.
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
        if let seconds = query.pollingSeconds, seconds < Self.shortestPoll {
            throw QueryError(
                .invalidQuery, "expected WITHIN \(Self.shortestPoll) or more, found \(seconds): nothing is polled more often",
                at: query.classPlace)
        }
        var checker = ConditionChecker(
            IndexedClass(declaration), classes: classes, location: location, allowsClassISA: true, comparesProperties: true)
        condition = try query.condition.map { condition throws(QueryError) in try checker.check(condition) }
        projection = try Projection(query.list, checkedBy: checker)
        conditionProperties = checker.properties
        var grouped: [TypedProperty] = []
        for property in query.grouping?.properties ?? [] {
            let typed = try checker.type(of: property)
            if typed.type?.isArray ?? false {
                throw QueryError(.invalidQuery, "\(property) is an array: events cannot be grouped by it", at: property.place)
            }
            if typed.type?.base == .object {
                throw QueryError(.aggregatingByObject, "expected a property of the object \(property) after BY", at: property.place)
            }
            grouped.append(typed)
        }
        groupedBy = grouped
        self.query = query
        self.declaration = declaration
    }

    /// Throws RegistrationTooPrecise when the events of the class can only be found by polling and the query does not say how often.
    public func checkPolling(of target: String?) throws(QueryError) {
        guard let target, query.pollingSeconds == nil else { return }
        throw QueryError(
            .registrationTooPrecise,
            "expected WITHIN seconds: class \(target) has no provider of \(declaration.name), so that its instances have to be polled",
            at: query.classPlace)
    }

    public func predicate(classes: @escaping ClassLookup) -> Predicate {
        Predicate(condition, properties: conditionProperties, classes: classes)
    }

    /// The classes one of which, or of whose subclasses, the object in `property` is in every event that fulfils the condition; nil: any.
    /// It says it of conditions such as `TargetInstance ISA "C"` and `TargetInstance.__CLASS = "C"`, joined by AND and OR.
    public func classBounds(of property: String = "TargetInstance") -> [CIMName]? {
        guard let condition, let place = conditionProperties.firstIndex(where: { CIMName.equal($0, property) }) else { return nil }
        return condition.classBounds(ofPropertyAt: place)
    }

    /// Where the values by which BY groups are found in an event; nil without GROUP.
    public func grouping(classes: @escaping ClassLookup) -> EventGrouping? {
        query.grouping == nil ? nil : EventGrouping(groupedBy, classes: classes)
    }

    /// Whether an event of a class can be one that the query is about.
    public func isAbout(_ event: CIMClass) -> Bool { event.isSameOrDerived(from: declaration.name) }
}

extension CheckedCondition {
    fileprivate func classBounds(ofPropertyAt place: Int) -> [CIMName]? {
        switch self {
        case .leaf(let leaf):
            guard leaf.property == place else { return nil }
            switch leaf.test {
            case .isa(let name, negated: false) where leaf.steps.isEmpty: return [CIMName(name)]
            case .compare(.equal, .text(let name)) where leaf.steps == [.system(.className)]:
                return [CIMName(String(decoding: name.bytes, as: UTF8.self))]
            default: return nil
            }
        case .all(let conditions):
            // Each is right; the shortest says most.
            return conditions.compactMap { $0.classBounds(ofPropertyAt: place) }.min { $0.count < $1.count }
        case .any(let conditions):
            var all: [CIMName] = []
            for condition in conditions {
                guard let bounds = condition.classBounds(ofPropertyAt: place) else { return nil }
                all += bounds
            }
            return all
        }
    }
}
