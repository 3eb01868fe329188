import CIM

extension SchemaQuery {
    /// Where to look for the classes: the smallest set that is sure to hold them all.
    public enum Scope: Hashable, Sendable {
        /// The class itself.
        case named(CIMName)

        /// The classes without a superclass.
        case topLevel
        case children(of: CIMName)

        /// The class and all below it.
        case subtree(of: CIMName)
        case all
    }

    /// Where to look; the condition is evaluated over what is found there.
    public var scope: Scope {
        var best = Scope.all
        for conjunct in condition?.conjuncts ?? [] {
            guard case .comparison(let comparison) = conjunct else { continue }
            let found = SchemaQuery.scope(of: comparison)
            if found.rank < best.rank { best = found }
        }
        return best
    }

    private static func scope(of comparison: WQLCondition.Comparison) -> Scope {
        switch comparison.test {
        case .isa(let name): return .subtree(of: name)
        case .isNull: return .topLevel
        case .compare(.equal, .string(let text)):
            let name = comparison.property.first
            return name == "__Class"
                ? .named(CIMName(text)) : name == "__Superclass" ? .children(of: CIMName(text)) : .subtree(of: CIMName(text))
        default: return .all
        }
    }

    /// The test of a class. `classes` has to know the ancestors of the classes tested.
    public func matcher(classes: @escaping ClassLookup) throws(QueryError) -> @Sendable (CIMClass) -> Bool {
        var checker = ConditionChecker(CIMClass(name: "meta_class"), classes: classes, location: QueryLocation(), allowsClassISA: true)
        let checked = try condition.map { condition throws(QueryError) in try checker.check(condition) }
        let predicate = Predicate(checked, properties: checker.properties, classes: classes)
        return { predicate.matches($0) }
    }
}

extension SchemaQuery.Scope: CustomStringConvertible {
    fileprivate var rank: Int {
        switch self {
        case .named: 0
        case .children: 1
        case .topLevel: 2
        case .subtree: 3
        case .all: 4
        }
    }

    public var description: String {
        switch self {
        case .named(let name): "class \(name)"
        case .topLevel: "the classes without a superclass"
        case .children(let name): "the direct subclasses of \(name)"
        case .subtree(let name): "class \(name) and all below it"
        case .all: "all classes"
        }
    }
}
