import CIM

/// Checks a condition against a class, and collects the properties it needs.
struct ConditionChecker {
    let declaration: CIMClass
    let classes: ClassLookup
    let location: QueryLocation

    /// Whether `__this` and `__CLASS` may be asked ISA: in schema queries and event queries.
    let allowsClassISA: Bool

    /// The properties asked, system properties included, each once, spelled as declared.
    private(set) var properties: [String] = []
    private var positions: [CIMName: Int] = [:]
    private let declared: [CIMName: CIMProperty]

    init(_ declaration: CIMClass, classes: @escaping ClassLookup, location: QueryLocation, allowsClassISA: Bool = false) {
        self.declaration = declaration
        self.classes = classes
        self.location = location
        self.allowsClassISA = allowsClassISA
        declared = Dictionary(declaration.properties.map { (CIMName($0.name), $0) }) { first, _ in first }
    }

    func declaredProperty(named name: CIMName) -> CIMProperty? { declared[name] }

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
        let property = comparison.property
        let typed = try type(of: property)
        if typed.type?.isArray ?? false {
            throw QueryError(.invalidQuery, "\(property) is an array: arrays cannot be queried", at: property.place)
        }
        let test = try test(comparison, typed, negated: negated)
        let name = CIMName(typed.name)
        let position = positions[name] ?? properties.count
        if position == properties.count {
            positions[name] = position
            properties.append(typed.name)
        }
        return CheckedCondition.Leaf(property: position, steps: typed.steps, test: test)
    }

    private func test(
        _ comparison: WQLCondition.Comparison, _ typed: TypedProperty, negated: Bool
    ) throws(QueryError) -> CheckedCondition.Test {
        let property = comparison.property
        func misfit(_ what: String) -> QueryError {
            QueryError(.invalidOperator, "\(what), but \(property) is \(typed.type?.description ?? "a class")", at: property.place)
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
        case .compare(let operation, let literal):
            if literal == .null { return .never }
            let comparand = try LiteralFitting(
                comparison: comparison, operation: operation, typed: typed, classes: classes, location: location
            ).comparand(literal)
            return .compare(negated ? operation.negated : operation, comparand)
        }
    }
}
