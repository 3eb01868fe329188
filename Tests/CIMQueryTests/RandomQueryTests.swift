import CIM
import SeededRandom
import Testing

@testable import CIMQuery

@Suite("Random queries")
struct RandomQueryTests {
    @Test("I.2: 100,000 random conditions and objects agree with an obvious evaluator, and so does every text of them")
    func evaluator() throws {
        var generator = ConditionGenerator(random: SeededGenerator(seed: 1))
        var instances: [CIMInstance] = []
        for _ in 0..<500 { instances.append(generator.instance()) }
        var counts = [true: 0, false: 0]
        var unknown = 0
        for _ in 0..<10_000 {
            let query = SelectQuery(from: "Disk", where: generator.condition())
            let text = query.description
            let parsed = try WQLQuery(parsing: text)
            if parsed != .select(query) { Issue.record("written and read back differently: \(text)") }
            guard case .select(let again) = parsed, let condition = query.condition else { continue }
            let predicate = try DataQuery(again, checkedAgainst: Disks.disk, classes: Disks.lookup).predicate(classes: Disks.lookup)
            for _ in 0..<10 {
                let instance = generator.random.pick(instances)
                let expected = ReferenceEvaluator(instance: instance).holds(condition)
                let actual = predicate.matches(instance)
                if actual != (expected ?? false) {
                    Issue.record("\(text)\nover \(instance)\nexpected \(expected.map { "\($0)" } ?? "unknown"), got \(actual)")
                    return
                }
                counts[actual, default: 0] += 1
                if expected == nil { unknown += 1 }
            }
        }
        #expect(counts[true, default: 0] > 10_000 && counts[false, default: 0] > 10_000 && unknown > 5_000)
    }

    @Test("A condition seen to be never true holds for no object")
    func contradictions() throws {
        var generator = ConditionGenerator(random: SeededGenerator(seed: 2))
        let instances = (0..<50).map { _ in generator.instance() }
        var found = 0
        for _ in 0..<3_000 {
            let condition = WQLCondition.and([generator.condition(depth: 0), generator.condition(depth: 0), generator.condition(depth: 1)])
            let query = try DataQuery(SelectQuery(from: "Disk", where: condition), checkedAgainst: Disks.disk, classes: Disks.lookup)
            guard QueryPlan(query, sources: [QuerySource(Disks.disk)]).steps.isEmpty else { continue }
            found += 1
            let predicate = query.predicate(classes: Disks.lookup)
            for instance in instances where predicate.matches(instance) { Issue.record("\(condition)\nholds for \(instance)") }
        }
        #expect(found > 100)
    }

    /// Carries out one step over rows as a source would.
    private func answer(_ step: QueryPlan.Step, _ rows: [CIMInstance]) throws -> [CIMInstance] {
        switch step.request {
        case .get(let path):
            let id = try #require(path[key: "Id"])
            return rows.filter { $0["Id"].flatMap { CIMObjectPath.KeyValue($0) } == id }
        case .query(let select):
            let query = try Disks.query(select.description)
            let predicate = query.predicate(classes: Disks.lookup)
            return rows.filter { predicate.matches($0) }.map { query.projection.applied(to: $0) }
        case .enumerate: return rows
        case .notCapable: return []
        }
    }

    @Test("I.7: 2,000 random queries give the same rows by every plan as by filtering everything")
    func plans() throws {
        var generator = ConditionGenerator(random: SeededGenerator(seed: 4))
        let rows = ["", "a", "ab", "b", "ä", "Ä", "a_", "[a]"].map { id in
            var row = generator.instance()
            row.className = generator.random.pick(["Disk", "FastDisk"])
            row["Id"] = .string(id)
            return row
        }
        let sources = [
            QuerySource(Disks.disk, provider: "P"), QuerySource(Disks.disk, provider: "Q", supportsUnarySelect: true),
            QuerySource(Disks.disk, provider: "R", supportsGet: false, supportsEnumeration: false, supportsUnarySelect: true),
        ]
        var requests: Set<String> = []
        var found = 0
        for _ in 0..<2_000 {
            var conditions = [generator.condition(depth: 2)]
            if generator.random.below(3) == 0 {
                let id = WQLLiteral.string(generator.random.pick(ConditionGenerator.strings))
                conditions.append(.comparison(WQLCondition.Comparison("id", .compare(.equal, id))))
            }
            if generator.random.below(6) == 0 {
                conditions.append(.comparison(WQLCondition.Comparison("__CLASS", .compare(.equal, .string("disk")))))
            }
            let list: SelectQuery.List = generator.random.below(2) == 0 ? .all : .properties(["Level", "Inner.Maker"])
            let query = try DataQuery(
                SelectQuery(list, from: "Disk", where: .all(conditions)), checkedAgainst: Disks.disk, classes: Disks.lookup)
            let predicate = query.predicate(classes: Disks.lookup)
            let expected = rows.filter { predicate.matches($0) }.map { query.projection.applied(to: $0) }
            found += expected.count
            for source in sources {
                let plan = QueryPlan(query, sources: [source])
                var actual: [CIMInstance] = []
                for step in plan.steps {
                    requests.insert(String(step.source.who.prefix(10) + " " + String(describing: step.request).prefix(4)))
                    actual += try answer(step, rows).filter { step.isExact || predicate.matches($0) }
                }
                if let only = plan.onlyClass { actual.removeAll { !CIMName.equal($0.className, only) } }
                if actual.map({ query.projection.applied(to: $0) }) != expected {
                    Issue.record("\(query.query)\n\(plan)\nexpected \(expected)\ngot \(actual)")
                }
            }
        }
        #expect(requests.count >= 5 && found > 1_000, "\(requests) \(found)")
    }
}
