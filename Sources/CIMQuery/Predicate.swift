import CIM

/// An object over which a predicate is evaluated. It hands out the properties that the predicate asks for, and decodes no others.
public protocol QueryRow {
    /// The value of the property at `index` of `Predicate.properties`, system properties included; `.null` when it is NULL or absent.
    func value(at index: Int) -> CIMValue
}

/// A condition made ready to be evaluated many times. It is a flat program: each step tests one property and says which step is next.
///
/// The evaluation reads only the properties on which the outcome depends. It neither recurses nor fails.
public struct Predicate: Sendable {
    /// The properties that rows have to hand out, in this order: names as declared, system properties with `__`.
    public let properties: [String]
    private let classes: ClassLookup
    private let systemProperties: [SystemProperty?]
    private var steps: [Step] = []
    private var start = Step.accept

    private struct Step: Sendable {
        static let accept = -1
        static let reject = -2
        var leaf: CheckedCondition.Leaf
        var whenTrue: Int
        var whenFalse: Int
    }

    /// `condition` of nil accepts every row.
    init(_ condition: CheckedCondition?, properties: [String], classes: @escaping ClassLookup) {
        self.properties = properties
        self.classes = classes
        systemProperties = properties.map { SystemProperty(CIMName($0)) }
        if let condition { start = append(condition, whenTrue: Step.accept, whenFalse: Step.reject) }
    }

    /// Appends what decides `condition`, last step first, and says where to start.
    private mutating func append(_ condition: CheckedCondition, whenTrue: Int, whenFalse: Int) -> Int {
        switch condition {
        case .leaf(let leaf):
            steps.append(Step(leaf: leaf, whenTrue: whenTrue, whenFalse: whenFalse))
            return steps.count - 1
        case .all(let conditions):
            return conditions.reversed().reduce(whenTrue) { append($1, whenTrue: $0, whenFalse: whenFalse) }
        case .any(let conditions):
            return conditions.reversed().reduce(whenFalse) { append($1, whenTrue: whenTrue, whenFalse: $0) }
        }
    }

    /// Whether every row is accepted unseen.
    public var acceptsEverything: Bool { start == Step.accept }

    public func matches(_ row: borrowing some QueryRow) -> Bool {
        var next = start
        while next >= 0 {
            let step = steps[next]
            let isTrue: Bool
            if case .compareProperty(let operation, let other, let steps, let location) = step.leaf.test {
                let value = reach(step.leaf.steps, from: row.value(at: step.leaf.property))
                let comparand = Comparand(reach(steps, from: row.value(at: other)), in: location)
                isTrue = comparand?.order(of: value).map { operation.holds($0) } ?? false
            } else {
                isTrue = holds(step.leaf.test, reach(step.leaf.steps, from: row.value(at: step.leaf.property)))
            }
            next = isTrue ? step.whenTrue : step.whenFalse
        }
        return next == Step.accept
    }

    /// Evaluates over values in the order of `properties`; a missing one is NULL.
    public func matches(_ values: [CIMValue]) -> Bool { matches(ValuesRow(values: values)) }

    /// Evaluates over an instance. Its system properties come from itself, its path and its class.
    public func matches(_ instance: CIMInstance) -> Bool {
        matches(InstanceRow(instance: instance, properties: properties, systemProperties: systemProperties, classes: classes))
    }

    /// Evaluates over a class, for a query of meta_class.
    func matches(_ declaration: CIMClass, in location: CIMLocation) -> Bool {
        matches(systemProperties.map { $0?.value(of: declaration, in: location) ?? .null })
    }

    /// What is found inside an embedded object; NULL where there is none.
    func reach(_ steps: [CheckedCondition.Step], from top: CIMValue) -> CIMValue {
        var value = top
        for step in steps {
            guard case .object(let object) = value else { return .null }
            switch step {
            case .property(let name): value = object[name] ?? .null
            case .system(let property): value = property.value(of: object, classes: classes)
            }
        }
        return value
    }

    private func holds(_ test: CheckedCondition.Test, _ value: CIMValue) -> Bool {
        switch test {
        case .compare(let operation, let comparand):
            return comparand.order(of: value).map { operation.holds($0) } ?? false
        // It needs the row (``matches(_:)``).
        case .compareProperty: return false
        case .like(let pattern, let negated):
            guard case .string(let text) = value else { return false }
            return pattern.matches(text) != negated
        case .isa(let ancestor, let negated):
            let name: String
            switch value {
            case .object(let object): name = object.className
            case .string(let text): name = text
            default: return false
            }
            let isa = CIMName.equal(name, ancestor) || (classes(name)?.isDerived(from: ancestor) ?? false)
            return isa != negated
        case .isNull: return value.isNull
        case .isNotNull: return !value.isNull
        case .anyElement(let test): return value.arrayValue?.contains { holds(test, $0) } ?? false
        case .noElement(let test): return value.arrayValue.map { elements in !elements.contains { holds(test, $0) } } ?? false
        }
    }
}

private struct ValuesRow: QueryRow {
    let values: [CIMValue]

    func value(at index: Int) -> CIMValue { index < values.count ? values[index] : .null }
}

private struct InstanceRow: QueryRow {
    let instance: CIMInstance
    let properties: [String]
    let systemProperties: [SystemProperty?]
    let classes: ClassLookup

    func value(at index: Int) -> CIMValue {
        if let system = systemProperties[index] { return system.value(of: instance, classes: classes) }
        return instance[properties[index]] ?? .null
    }
}
