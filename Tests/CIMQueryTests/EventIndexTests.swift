import CIM
import SeededRandom
import Testing

@testable import CIMQuery

@Suite("Which subscriptions an event may concern")
struct EventIndexTests {
    private static let conditions = [
        "Count = 1", "Count = 2 AND Place = 'roof'", "Place = 'ROOF'", "Place LIKE 'r%'", "Count > 1", "Count = 1 OR Place = 'hall'",
        "NOT Count = 1", "Count <> 2", "Place IS NULL", "Count = 1.0", "Place = 'hall' AND Count < 3", "__CLASS = 'Site_Alarm'",
        "Count = '2'", "Tags IS NULL AND Place = 'roof'",
    ]

    private static func candidates(_ index: EventIndex<Int>, _ event: CIMInstance) -> Set<Int> {
        Set(index.candidates { event[$0] ?? .null })
    }

    @Test("EV21: the index leaves out no subscription that an event fulfils, whatever the condition", arguments: 0..<40)
    func complete(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var index = EventIndex<Int>()
        let queries = try Self.conditions.map { try EventClasses.query("SELECT * FROM Site_Alarm WHERE \($0)") }
        for (number, query) in queries.enumerated() { index.insert(number, query) }
        for _ in 0..<20 {
            let event = CIMInstance(
                className: "Site_Alarm",
                [
                    "Count": random.pick([.null, .uint32(1), .uint32(2), .uint64(3), .real64(1), .sint8(2)]),
                    "Place": random.pick([.null, .string("roof"), .string("Hall"), .string("cellar")]),
                ])
            let found = Self.candidates(index, event)
            for (number, query) in queries.enumerated() where query.predicate(classes: EventClasses.lookup).matches(event) {
                #expect(found.contains(number), "\(Self.conditions[number]) of \(event)")
            }
        }
    }

    @Test("EV21: of a thousand subscriptions with constants of their own an event finds one, also by a property of the object in it")
    func few() throws {
        var index = EventIndex<Int>()
        for number in 0..<1_000 {
            index.insert(number, try EventClasses.query("SELECT * FROM Site_Alarm WHERE Place = 'place \(number)' AND Count > 1"))
            let inner = "TargetInstance ISA 'Disk' AND TargetInstance.Id = 'disk \(number)'"
            index.insert(1_000 + number, try EventClasses.query("SELECT * FROM __InstanceCreationEvent WHERE \(inner)"))
        }
        let alarm = CIMInstance(className: "Site_Alarm", ["Place": .string("Place 7")])
        #expect(Self.candidates(index, alarm) == [7])
        let disk = CIMInstance(
            className: "__InstanceCreationEvent",
            ["TargetInstance": .object(CIMInstance(className: "Disk", ["Id": .string("disk 8")]))])
        #expect(Self.candidates(index, disk) == [1_008])
    }
}
