import CIM

extension SchemaQuery {
    /// Where to look for the classes: the smallest set that certainly has all of them.
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

    /// Where to look. The condition is then evaluated over the classes there.
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
        guard !comparison.property.isDotted else { return .all }
        let name = comparison.property.first
        switch comparison.test {
        case .isa(let ancestor): return .subtree(of: ancestor)
        case .isNull: return name == "__SUPERCLASS" ? .topLevel : .all
        case .compare(.equal, .string(let text)):
            switch name {
            case "__CLASS": return .named(CIMName(text))
            case "__SUPERCLASS": return .children(of: CIMName(text))
            case "__DYNASTY", "__DERIVATION": return .subtree(of: CIMName(text))
            default: return .all
            }
        default: return .all
        }
    }

    /// The test of a class in `location`. `classes` has to know the ancestors of the classes tested.
    ///
    /// - Throws: InvalidQuery for anything but the system properties of a class and `__this ISA`; what a data query throws besides.
    public func matcher(
        in location: CIMLocation = CIMLocation(), classes: @escaping ClassLookup
    ) throws(QueryError) -> @Sendable (CIMClass) -> Bool {
        var checker = ConditionChecker(
            IndexedClass(CIMClass(name: "meta_class")), classes: classes, location: location, allowsClassISA: true)
        let checked = try condition.map { condition throws(QueryError) in try checker.check(condition) }
        let predicate = Predicate(checked, properties: checker.properties, classes: classes)
        return { predicate.matches($0, in: location) }
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
