import CIM
import CIMAdoption
import CIMMOF
import DBus
import Testing

@testable import CIMBusAdopter

/// Which services are listened to because of a query: values.
@Suite struct EventDemandTests {
    private static let mapping = """
        [abstract, dynamic, provider("DBusServices"), ClassContext("service org.example.Units; managed /; interface org.example.Unit; events created, deleted, changed")]
        class Test_Unit { [key, PropertyContext("path last")] string Name; };
        [dynamic, provider("DBusServices"), ClassContext("like Test_Unit; where Name like 'a*'")] class Test_UnitA : Test_Unit { };
        [dynamic, provider("DBusServices"), ClassContext("like Test_Unit; where Name like 'b*'")] class Test_UnitB : Test_Unit { };
        [dynamic, singleton, provider("DBusServices"), ClassContext("service org.example.State; object /state; interface org.example.State; events changed")]
        class Test_State { string Mode; };
        [dynamic, provider("DBusServices"), ClassContext("service org.example.Quiet; managed /; interface org.example.Unit")]
        class Test_Quiet { [key, PropertyContext("path last")] string Name; };
        [EventContext("service org.example.Units; signal org.example.Unit.Failed(Why)")] class Test_Failed : __ExtrinsicEvent { string Why; };
        """
    private static let system = """
        [abstract] class __IndicationRelated { }; [abstract] class __Event : __IndicationRelated { uint64 TIME_CREATED; uint8 SECURITY_DESCRIPTOR[]; };
        class __ExtrinsicEvent : __Event { }; class __InstanceOperationEvent : __Event { object TargetInstance; };
        class __InstanceCreationEvent : __InstanceOperationEvent { }; class __InstanceDeletionEvent : __InstanceOperationEvent { };
        class __InstanceModificationEvent : __InstanceOperationEvent { object PreviousInstance; };
        """

    private static func known() throws -> [CIMName: CIMClass] {
        var known: [CIMName: CIMClass] = [:]
        for declared in try MOFParser.parse(system).classes {
            known[CIMName(declared.name)] = try declared.resolved(with: declared.superclass.flatMap { known[CIMName($0)] })
        }
        return known
    }

    private func demand(_ query: String) throws -> [String] {
        let known = try Self.known()
        let classes = AdoptedClasses(try MOFParser.parse(Self.mapping).classes) { known[CIMName($0)] }
        #expect(classes.faults == [])
        let demand = EventDemand(query, of: classes) { known[CIMName($0)] }
        return demand.services.values.flatMap { $0.instances.map(\.text) + $0.events.map(\.text) }.sorted()
    }

    @Test(
        "EV85: a query wakes the services that have such events, and no others",
        arguments: [
            ("SELECT * FROM Test_Failed", ["Test_Failed"]),
            ("SELECT * FROM __ExtrinsicEvent", ["Test_Failed"]),
            ("SELECT * FROM __Event", ["Test_Failed", "Test_State", "Test_UnitA", "Test_UnitB"]),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Unit'", ["Test_UnitA", "Test_UnitB"]),
            ("SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Test_UnitB'", ["Test_UnitB"]),
            ("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Test_State'", ["Test_State"]),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_State'", []),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Quiet'", []),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Somebody_Elses'", []),
            (
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Test_State' OR TargetInstance ISA 'Test_UnitA'",
                ["Test_State", "Test_UnitA"]
            ),
            // What is not understood wants all.
            ("SELECT * FROM Nobody_Knows", ["Test_Failed", "Test_State", "Test_UnitA", "Test_UnitB"]),
        ])
    func wanted(_ query: String, _ names: [String]) throws {
        #expect(try demand(query) == names)
    }

    @Test("EV79: the provider says which events it has: of a superclass once for all below it")
    func offered() throws {
        let known = try Self.known()
        let classes = AdoptedClasses(try MOFParser.parse(Self.mapping).classes) { known[CIMName($0)] }
        #expect(
            classes.eventQueries == [
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Test_State'",
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Unit'",
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Test_Unit'",
                "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Test_Unit'", "SELECT * FROM Test_Failed",
            ])
    }

    @Test("EV68: a service's signals wait, 4,096 of them or 8 MiB; past that all are lost and counted, and what is asked for is not")
    func queue() async throws {
        let queue = SignalQueue()
        func signal(_ bytes: Int = 1) throws -> Message {
            try .signal(
                path: .root, interface: InterfaceName(verified: "a.b"), member: MemberName(verified: "C"),
                values: [.string(String(repeating: "x", count: bytes))])
        }
        for _ in 0...SignalQueue.mostSignals { queue.take(try signal()) }
        queue.take(try signal())
        queue.want(ServiceDemand(events: ["Test_Failed"], instances: []))
        queue.owned(by: nil)
        guard case .demand(let demand) = await queue.next() else { return #expect(Bool(false), "no demand") }
        #expect(demand.events == ["Test_Failed"])
        guard case .owner(nil) = await queue.next() else { return #expect(Bool(false), "no owner") }
        guard case .lost(let count) = await queue.next() else { return #expect(Bool(false), "nothing is lost") }
        #expect(count == UInt64(SignalQueue.mostSignals + 1))
        guard case .signal = await queue.next() else { return #expect(Bool(false), "no signal") }
        for _ in 0..<9 { queue.take(try signal(1 << 20)) }
        guard case .lost(let large) = await queue.next() else { return #expect(Bool(false), "nothing is lost") }
        #expect(large == 8)
    }

    @Test("EV68: of a service 16 MiB of objects are followed, whatever its classes; what goes makes room")
    func room() {
        let room = FollowedRoom()
        #expect(room.take(FollowedRoom.mostBytes) && !room.take(1))
        #expect(room.take(-10) && room.take(10) && !room.take(1))
    }

    @Test("a signal is older than a reply by its number, also where the sender has begun to count anew")
    func numbers() {
        #expect(UInt32(7).isBefore(8) && !UInt32(8).isBefore(8) && !UInt32(9).isBefore(8))
        #expect(UInt32.max.isBefore(3) && !UInt32(3).isBefore(.max))
    }
}
