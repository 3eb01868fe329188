import CIM

/// Checks a condition against a class, and collects the properties it needs.
struct ConditionChecker {
    let indexed: IndexedClass
    let classes: ClassLookup
    let location: CIMLocation

    /// Whether `__this` and `__CLASS` may be asked ISA: in schema queries and event queries.
    let allowsClassISA: Bool

    /// Whether properties of two embedded objects may be compared: in event queries.
    let comparesProperties: Bool

    /// The properties asked, system properties included, each once, spelled as declared.
    private(set) var properties: [String] = []
    private var positions: [CIMName: Int] = [:]

    init(
        _ indexed: IndexedClass, classes: @escaping ClassLookup, location: CIMLocation, allowsClassISA: Bool = false,
        comparesProperties: Bool = false
    ) {
        self.indexed = indexed
        self.classes = classes
        self.location = location
        self.allowsClassISA = allowsClassISA
        self.comparesProperties = comparesProperties
    }

    var declaration: CIMClass { indexed.declaration }

    mutating func check(_ condition: WQLCondition, negated: Bool = false) throws(QueryError) -> CheckedCondition {
        switch condition {
        case .comparison(let comparison):
            return .leaf(try leaf(comparison, negated: negated))
        case .not(let inner):
            return try check(inner, negated: !negated)
        case .and(let conditions), .or(let conditions):
            var checked: [CheckedCondition] = []
            for condition in conditions { checked.append(try check(condition, negated: negated)) }
            if case .and = condition { return negated ? .any(checked) : .all(checked) }
            return negated ? .all(checked) : .any(checked)
        }
    }

    private mutating func leaf(_ comparison: WQLCondition.Comparison, negated: Bool) throws(QueryError) -> CheckedCondition.Leaf {
        let typed = try type(of: comparison.property)
        if comparison.property.first == "__this", !comparison.property.isDotted {
            guard case .isa = comparison.test else {
                throw QueryError(
                    .invalidQuery, "expected ISA after __this: __CLASS is the name of the class", at: comparison.property.place)
            }
        }
        let test: CheckedCondition.Test
        if case .compareProperty(let operation, let other) = comparison.test {
            test = try self.comparison(
                of: comparison.property, negated ? operation.negated : operation, with: other, at: comparison.operandPlace)
        } else if typed.type?.isArray ?? false {
            test = try arrayTest(comparison, typed, negated: negated)
        } else {
            test = try self.test(comparison, typed, negated: negated)
        }
        return CheckedCondition.Leaf(property: place(of: typed), steps: typed.steps, test: test)
    }

    private mutating func place(of typed: TypedProperty) -> Int {
        let name = CIMName(typed.name)
        let position = positions[name] ?? properties.count
        if position == properties.count {
            positions[name] = position
            properties.append(typed.name)
        }
        return position
    }

    /// `TargetInstance.State <> PreviousInstance.State`.
    private mutating func comparison(
        of property: PropertyPath, _ operation: RelationalOperator, with other: PropertyPath, at place: QueryPlace
    ) throws(QueryError) -> CheckedCondition.Test {
        guard comparesProperties else {
            throw QueryError(.invalidQuery, "expected a constant, found '\(other)': only event queries compare two properties", at: place)
        }
        guard property.isDotted else {
            throw QueryError(
                .invalidQuery, "expected a property of an embedded object, as \(other) is, found '\(property)'", at: property.place)
        }
        let (mine, theirs) = (try type(of: property), try type(of: other))
        for (type, path) in [(mine.type, property), (theirs.type, other)] where type?.isArray ?? false || type?.base == .object {
            throw QueryError(.invalidQuery, "\(path) is \(type?.description ?? ""), which is compared with nothing", at: path.place)
        }
        return .compareProperty(operation, property: self.place(of: theirs), steps: theirs.steps, in: location)
    }

    /// An array can be NULL or not. Of `__DERIVATION`, the ancestors of a class, each one can be asked.
    private func arrayTest(
        _ comparison: WQLCondition.Comparison, _ typed: TypedProperty, negated: Bool
    ) throws(QueryError) -> CheckedCondition.Test {
        let property = comparison.property
        switch comparison.test {
        case .isNull, .isNotNull: return try test(comparison, typed, negated: negated)
        case .isa, .compareProperty: break
        case .compare(let operation, _):
            guard typed.isDerivation else { break }
            guard !operation.isOrder else {
                throw QueryError(
                    .invalidOperator, "expected =, <> or LIKE for \(property), which is \(type(typed)), found \(operation.rawValue)",
                    at: property.place)
            }
            var equality = comparison
            if case .compare(_, let literal) = comparison.test { equality.test = .compare(.equal, literal) }
            let isEqual = try test(equality, typed.element, negated: false)
            return (operation == .notEqual) != negated ? .noElement(isEqual) : .anyElement(isEqual)
        case .like:
            guard typed.isDerivation else { break }
            let isLike = try test(comparison, typed.element, negated: false)
            return negated ? .noElement(isLike) : .anyElement(isLike)
        }
        throw QueryError(
            .invalidQuery, "\(property) is an array: of arrays only IS NULL and IS NOT NULL can be asked", at: property.place)
    }

    private func type(_ typed: TypedProperty) -> String { typed.type?.description ?? "a class" }

    private func test(
        _ comparison: WQLCondition.Comparison, _ typed: TypedProperty, negated: Bool
    ) throws(QueryError) -> CheckedCondition.Test {
        let property = comparison.property
        func misfit(_ what: String) -> QueryError {
            QueryError(.invalidOperator, "\(what), but \(property) is \(type(typed))", at: property.place)
        }
        switch comparison.test {
        case .isNull: return negated ? .isNotNull : .isNull
        case .isNotNull: return negated ? .isNull : .isNotNull
        case .like(let pattern):
            guard typed.type.map({ $0.base == .string }) ?? true else { throw misfit("expected a string before LIKE") }
            return .like(try LikePattern(pattern, at: comparison.operandPlace), negated: negated)
        case .isa(let name):
            guard typed.isClass ? allowsClassISA : typed.type.map({ $0.base == .object }) ?? true else {
                throw misfit("expected an embedded object before ISA")
            }
            return .isa(name.text, negated: negated)
        case .compareProperty:
            // It was read before.
            throw misfit("expected a constant")
        case .compare(let operation, let literal):
            let comparand = try fitting(comparison, operation, typed).fitted(literal).comparand
            return .compare(negated ? operation.negated : operation, comparand)
        }
    }

    private func fitting(
        _ comparison: WQLCondition.Comparison, _ operation: RelationalOperator, _ typed: TypedProperty
    ) -> LiteralFitting {
        LiteralFitting(comparison: comparison, operation: operation, typed: typed, classes: classes, location: location)
    }

    /// The condition, checked before, with its constants in the types of their properties: as those are asked who look at nothing else.
    func typed(_ condition: WQLCondition) throws(QueryError) -> WQLCondition {
        try condition.mapComparisons { comparison throws(QueryError) in
            guard case .compare(let operation, let literal) = comparison.test else { return comparison }
            let typed = try type(of: comparison.property)
            var result = comparison
            result.test = .compare(operation, try fitting(comparison, operation, typed.element).fitted(literal).literal)
            return result
        }
    }
}
