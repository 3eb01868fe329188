import CIM

/// Finds a class of the namespace, resolved; nil when there is none.
public typealias ClassLookup = @Sendable (String) -> CIMClass?

/// A condition checked against a class: constants have the types of their properties, and NOT has been carried down to the comparisons.
///
/// Carrying NOT down leaves Semantics I.2 exactly: a comparison whose property is NULL does not hold, negated or not, which is what
/// three-valued logic gives when "unknown" counts as false at the end.
indirect enum CheckedCondition: Hashable, Sendable {
    case all([CheckedCondition])
    case any([CheckedCondition])
    case leaf(Leaf)

    struct Leaf: Hashable, Sendable {
        /// The place of the property in `ConditionChecker.properties`.
        var property: Int

        /// The way from there into embedded objects.
        var steps: [Step]
        var test: Test
    }

    enum Step: Hashable, Sendable {
        case property(String)
        case system(SystemProperty)
    }

    indirect enum Test: Hashable, Sendable {
        case compare(RelationalOperator, Comparand)

        /// With another property of the row: its place in `ConditionChecker.properties`, and the way from there.
        case compareProperty(RelationalOperator, property: Int, steps: [Step], in: CIMLocation)
        case like(LikePattern, negated: Bool)
        case isa(String, negated: Bool)
        case isNull
        case isNotNull

        /// Of an array: whether the test holds for one of its elements, or for none.
        case anyElement(Test)
        case noElement(Test)
    }
}
