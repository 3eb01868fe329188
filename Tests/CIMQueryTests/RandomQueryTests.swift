import CIM
import CIMQuery
import Testing

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
}
