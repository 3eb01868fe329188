import CIM
import CIMAdoption
import CIMQuery
import DBus

/// Which objects alone a query can want, by the constants with which it compares keys and references.
struct RowBounds {
    enum Rows {
        /// Those with these keys.
        case keys([[CIMObjectPath.Key]])
        /// Those at these paths, and those that these objects know from the other side.
        case objects([ObjectPath], [Opposite])
    }

    /// An object that is the element of others' properties, and knows of which.
    struct Opposite: Hashable {
        var path: ObjectPath
        /// As those properties name it.
        var element: String
        /// The class of the others, and the key that its own properties name them by.
        var className: String
        var key: String
    }

    /// So many single looks are worth more than a listing.
    static let mostRows = 32

    let rows: Rows

    init?(_ query: ProviderQuery, _ adopted: AdoptedClass, _ classes: AdoptedClasses) {
        let keys = adopted.keys
        if keys.count == 1, let key = keys.first, adopted.context.each.isEmpty, key.type.base != .reference,
            let literals = query.values(of: key.name), literals.count <= Self.mostRows
        {
            var all: [[CIMObjectPath.Key]] = []
            for literal in literals {
                guard let value = literal.value.read(as: key.type).flatMap({ CIMObjectPath.KeyValue($0) }) else { return nil }
                if !all.contains(where: { $0[0].value == value }) { all.append([.init(name: key.name, value: value)]) }
            }
            rows = .keys(all)
            return
        }
        guard let condition = query.condition, let objects = Self.objects(condition, adopted, classes),
            objects.paths.count + objects.opposites.count <= Self.mostRows
        else { return nil }
        rows = .objects(objects.paths, objects.opposites)
    }

    private struct Objects {
        var paths: [ObjectPath] = []
        var opposites: [Opposite] = []
        var count: Int { paths.count + opposites.count }
    }

    /// The objects of which one fulfils the condition; nil where any may.
    private static func objects(_ condition: WQLCondition, _ adopted: AdoptedClass, _ classes: AdoptedClasses) -> Objects? {
        switch condition {
        case .comparison(let comparison):
            guard case .compare(.equal, let literal) = comparison.test, case .string(let text) = literal,
                let property = adopted.declaration.property(named: comparison.property.first.text), property.type.base == .reference,
                let way = adopted.way(property.name).first, way.steps.isEmpty,
                case .reference(_, let key)? = way.conversions.first, let path = try? CIMObjectPath(parsing: text),
                let target = classes[path.className], case .keys(let keys) = path.keys, let found = objectPath(target, keys)
            else { return nil }
            if way.origin == .path { return Objects(paths: [found]) }
            guard way.origin == .element, let key, adopted.context.each.allSatisfy({ $0.inverse != nil }),
                keys.count == 1, case .string(let element) = keys[0].value
            else { return nil }
            return Objects(opposites: [Opposite(path: found, element: element, className: target.name, key: key)])
        case .not: return nil
        case .and(let conditions): return conditions.compactMap { objects($0, adopted, classes) }.min { $0.count < $1.count }
        case .or(let conditions):
            var all = Objects()
            for condition in conditions {
                guard let some = objects(condition, adopted, classes) else { return nil }
                all.paths += some.paths.filter { !all.paths.contains($0) }
                all.opposites += some.opposites.filter { !all.opposites.contains($0) }
            }
            return all
        }
    }

    /// The D-Bus object of a CIM object, where that follows from the keys.
    static func objectPath(_ target: AdoptedClass, _ keys: [CIMObjectPath.Key]) -> ObjectPath? {
        guard case .path(let template)? = target.context.finding else { return nil }
        return template.path { name in
            let key = keys.count == 1 && keys[0].name == nil ? keys[0] : keys.first { $0.name.map { CIMName.equal($0, name) } ?? false }
            return key.flatMap { if case .string(let text) = $0.value { text } else { $0.value.value.int64Value.map { String($0) } } }
        }
    }

    /// Lets references to an object that the query names by a class above its own name it so, too.
    static func adjust(_ instance: inout CIMInstance, to query: ProviderQuery, _ classes: AdoptedClasses) {
        guard let condition = query.condition else { return }
        for comparison in condition.comparisons {
            guard case .compare(.equal, .string(let text)) = comparison.test,
                case .reference(var path)? = instance[comparison.property.first.text],
                let named = try? CIMObjectPath(parsing: text), !CIMName.equal(named.className, path.className), named.keys == path.keys,
                classes[path.className]?.declaration.isDerived(from: named.className) ?? false
            else { continue }
            path.className = named.className
            instance[comparison.property.first.text] = .reference(path)
        }
    }
}

/// The part of a query's condition that can be told before an object is asked.
struct RowFilter {
    private let plan: ReadPlan
    private let predicate: Predicate?

    init(_ query: ProviderQuery?, _ plan: ReadPlan) {
        self.plan = plan
        let declaration = plan.adopted.declaration
        let conjuncts = (query?.condition?.conjuncts ?? []).filter { conjunct in
            conjunct.comparisons.allSatisfy { comparison in
                guard plan.early.contains(comparison.property.first) else { return false }
                return declaration.property(named: comparison.property.first.text)?.type.base != .reference
            }
        }
        let select = WQLCondition.all(conjuncts).map { SelectQuery(from: CIMName(declaration.name), where: $0) }
        predicate = select.flatMap { try? DataQuery($0, checkedAgainst: declaration) { _ in nil } }?.predicate { _ in nil }
    }

    func accepts(_ row: ObjectRow, _ builder: InstanceBuilder, _ conditions: [ClassContext.Condition]) -> Bool {
        if predicate == nil, conditions.isEmpty { return true }
        let early = builder.earlyInstance(row, plan)
        return RowConditions.hold(conditions, early) && predicate?.matches(early) ?? true
    }
}
