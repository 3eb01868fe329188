import CIM

/// The condition behind WHERE, as written.
public indirect enum WQLCondition: Hashable, Sendable {
    case comparison(Comparison)
    case not(WQLCondition)

    /// Two or more.
    case and([WQLCondition])

    /// Two or more.
    case or([WQLCondition])

    /// A property and the test of its value. A literal on the left side was moved to the right.
    public struct Comparison: Hashable, Sendable {
        public var property: PropertyPath
        public var test: Test

        /// Where the literal, pattern or class stands.
        public var operandPlace: QueryPlace

        public init(_ property: PropertyPath, _ test: Test, operandPlace: QueryPlace = .none) {
            self.property = property
            self.test = test
            self.operandPlace = operandPlace
        }
    }

    public enum Test: Hashable, Sendable {
        case compare(RelationalOperator, WQLLiteral)

        /// With a property of another embedded object of the same event: `TargetInstance.State <> PreviousInstance.State`. WMI has no such test.
        case compareProperty(RelationalOperator, PropertyPath)
        case like(String)
        case isa(CIMName)
        case isNull
        case isNotNull
    }

    /// All of `conditions`; nil for none.
    public static func all(_ conditions: [WQLCondition]) -> WQLCondition? {
        conditions.count > 1 ? .and(conditions) : conditions.first
    }

    /// The conditions that must all hold: those of nested ANDs, or the condition itself.
    public var conjuncts: [WQLCondition] {
        guard case .and(let conditions) = self else { return [self] }
        return conditions.flatMap(\.conjuncts)
    }

    /// The same with other comparisons.
    func mapComparisons(_ transform: (Comparison) throws(QueryError) -> Comparison) throws(QueryError) -> WQLCondition {
        func map(_ conditions: [WQLCondition]) throws(QueryError) -> [WQLCondition] {
            try conditions.map { condition throws(QueryError) in try condition.mapComparisons(transform) }
        }
        switch self {
        case .comparison(let comparison): return .comparison(try transform(comparison))
        case .not(let condition): return .not(try condition.mapComparisons(transform))
        case .and(let conditions): return .and(try map(conditions))
        case .or(let conditions): return .or(try map(conditions))
        }
    }

    /// Every comparison, left to right.
    public var comparisons: [Comparison] {
        switch self {
        case .comparison(let comparison): [comparison]
        case .not(let condition): condition.comparisons
        case .and(let conditions), .or(let conditions): conditions.flatMap(\.comparisons)
        }
    }
}

/// A property, or one inside embedded objects: `TargetInstance.Name`. Names compare but for case.
public struct PropertyPath: Hashable, Sendable, CustomStringConvertible {
    /// One or more.
    public var names: [CIMName]
    public var place: QueryPlace

    public init(_ names: [CIMName], place: QueryPlace = .none) {
        self.names = names
        self.place = place
    }

    public init(_ name: CIMName) { self.init([name]) }

    public var first: CIMName { names.first ?? "" }
    public var isDotted: Bool { names.count > 1 }
    public var isSystem: Bool { CIMName.isSystemName(first.text) }

    public var description: String { names.map(\.text).joined(separator: ".") }
}

extension PropertyPath: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self.init(value.split(separator: ".", omittingEmptySubsequences: false).map { CIMName(String($0)) })
    }
}

/// A constant as written. NULL is no constant: a comparison with NULL becomes IS NULL or IS NOT NULL.
public enum WQLLiteral: Hashable, Sendable {
    case string(String)

    /// From `Int64.min` to `UInt64.max`.
    case integer(Int128)

    /// Finite.
    case real(Double)
    case boolean(Bool)

    /// The value, before it gets the type of the property with which it is compared.
    public var value: CIMValue {
        switch self {
        case .string(let text): .string(text)
        case .integer(let number): CIMValue(integer: number)
        case .real(let number): .real64(number)
        case .boolean(let flag): .boolean(flag)
        }
    }
}

/// How a value stands to another.
enum Order: Sendable {
    case less
    case equal
    case greater

    /// Neither equal nor in any order: a timestamp with wildcards and one without, an interval and a timestamp, NaN and a number.
    case unordered
}

/// = != < <= > >=.
public enum RelationalOperator: String, Hashable, Sendable, CaseIterable {
    case equal = "="
    case notEqual = "<>"
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    /// Whether it is one of order, not of equality.
    public var isOrder: Bool { self != .equal && self != .notEqual }

    /// The operator with its sides exchanged.
    var mirrored: RelationalOperator {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        case .equal, .notEqual: self
        }
    }

    /// The operator that holds where this one does not.
    var negated: RelationalOperator {
        switch self {
        case .equal: .notEqual
        case .notEqual: .equal
        case .less: .greaterOrEqual
        case .lessOrEqual: .greater
        case .greater: .lessOrEqual
        case .greaterOrEqual: .less
        }
    }

    @inline(__always)
    func holds(_ order: Order) -> Bool {
        switch self {
        case .equal: order == .equal
        case .notEqual: order != .equal
        case .less: order == .less
        case .lessOrEqual: order == .less || order == .equal
        case .greater: order == .greater
        case .greaterOrEqual: order == .greater || order == .equal
        }
    }
}
