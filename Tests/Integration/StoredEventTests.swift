import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Events of what the broker itself keeps and knows: instances, classes, namespaces, registrations (Semantics J.1).
    @Suite struct StoredEventTests {
        private static let room = "class Test_Room { [key] string Name; uint32 Beds; }; class Test_Hall : Test_Room { };"

        private func compile(_ mof: String, _ scene: Scene) async throws {
            let result = try await scene.client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [.string(mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
            #expect(result[1] == .uint32(0), "\(result)")
        }

        private func put(_ name: String, beds: UInt32, className: String = "Test_Room", _ scene: Scene) async throws {
            let result = try await scene.client.run(
                .put([("__CLASS", .string(className)), ("Name", .string(name)), ("Beds", .uint32(beds))]))
            #expect(result.status == .noError)
        }

        private func events(_ open: RawOpenOperation, _ count: Int) async throws -> [[String: DBusValue]] {
            let sink = try #require(open.sink)
            try await sink.events.wait("\(count) events") { events in
                events.reduce(0) { sum, event in if case .indicate(let objects) = event { sum + objects.count } else { sum } } >= count
            }
            return sink.objects
        }

        private func object(_ event: [String: DBusValue], _ name: String) -> [String: DBusValue]? {
            event[name]?.unwrapped.stringDictionary
        }

        @Test(
            "EV2, EV12, EV13, EV14, EV115: creation, modification and deletion of stored instances, each with the object before and after, and its path"
        )
        func instances() async throws {
            let scene = try await Scene.start()
            try await compile(Self.room, scene)
            try await put("old", beds: 1, scene)
            let open = try await scene.client.start(
                .events("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Test_Room'"), .async)
            try await put("attic", beds: 2, className: "Test_Hall", scene)
            try await put("attic", beds: 3, className: "Test_Hall", scene)
            try await put("attic", beds: 3, className: "Test_Hall", scene)
            #expect(try await scene.client.run(.delete("Test_Room.Name=\"old\"")).status == .noError)
            let events = try await events(open, 3)
            #expect(
                events.map { $0["__CLASS"]?.text } == ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"])
            #expect(object(events[0], "TargetInstance")?["Beds"] == .uint32(2))
            #expect(object(events[0], "TargetInstance")?["__PATH"]?.text?.hasSuffix("Test_Hall.Name=\"attic\"") == true)
            #expect(object(events[1], "TargetInstance")?["Beds"] == .uint32(3))
            #expect(object(events[1], "PreviousInstance")?["Beds"] == .uint32(2))
            #expect(object(events[2], "TargetInstance")?["Name"]?.text == "old")
            #expect(events.allSatisfy { $0["__PATH"] == nil && $0["TIME_CREATED"] != nil })
        }

        @Test("EV19, EV28: conditions about the state before and after; what was there before the subscription is not told")
        func conditions() async throws {
            let scene = try await Scene.start()
            try await compile(Self.room, scene)
            try await put("here", beds: 1, scene)
            let open = try await scene.client.start(
                .events(
                    "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Test_Room' AND "
                        + "TargetInstance.Beds > PreviousInstance.Beds AND TargetInstance.Beds > 3"), .async)
            for beds in [2, 4, 3, 9] as [UInt32] { try await put("here", beds: beds, scene) }
            let events = try await events(open, 2)
            #expect(events.map { object($0, "TargetInstance")?["Beds"] } == [.uint32(4), .uint32(9)])
        }

        @Test("EV1, EV15: classes that are made, changed and deleted, and namespaces")
        func classesAndNamespaces() async throws {
            let scene = try await Scene.start()
            let classes = try await scene.client.start(.events("SELECT * FROM __ClassOperationEvent"), .async)
            let namespaces = try await scene.client.start(.events("SELECT * FROM __NamespaceOperationEvent"), .async)
            try await compile("class Test_New { [key] string Name; };", scene)
            try await compile("class Test_New { [key] string Name; string More; };", scene)
            #expect(try await scene.client.run(.deleteClass("Test_New")).status == .noError)
            let changes = try await events(classes, 3)
            #expect(changes.map { $0["__CLASS"]?.text } == ["__ClassCreationEvent", "__ClassModificationEvent", "__ClassDeletionEvent"])
            #expect(changes.allSatisfy { object($0, "TargetClass")?["__CLASS"]?.text == "Test_New" })
            #expect(object(changes[1], "PreviousClass")?["__CLASS"]?.text == "Test_New")
            let name: [(String, DBusValue)] = [("__CLASS", .string("__NAMESPACE")), ("Name", .string("below"))]
            #expect(try await scene.client.run(.put(name)).status == .noError)
            #expect(try await scene.client.run(.delete("__NAMESPACE.Name=\"below\"")).status == .noError)
            let places = try await events(namespaces, 2)
            #expect(places.map { $0["__CLASS"]?.text } == ["__NamespaceCreationEvent", "__NamespaceDeletionEvent"])
            #expect(object(places[0], "TargetNamespace")?["Name"]?.text == "below")
        }

        @Test("EV97: a provider's process that comes and goes is told, and providers cannot raise such events")
        func registrations() async throws {
            let scene = try await Scene.start()
            let open = try await scene.client.start(.events("SELECT * FROM CIMBus_ProviderEvent"), .async)
            let provider = try await scene.provider()
            await provider.close()
            let events = try await events(open, 2)
            #expect(events.map { $0["__CLASS"]?.text } == ["CIMBus_ProviderRegisteredEvent", "CIMBus_ProviderVanishedEvent"])
            #expect(events.allSatisfy { $0["Provider"]?.text == "Raw" && $0["UserID"] == .uint32(0) })
            let source = try await EventSource.start(on: scene.bus)
            await #expect(throws: DBusError.self) { try await source.raise([[("__CLASS", .string("CIMBus_ProviderVanishedEvent"))]]) }
        }

        @Test("EV20, EV22: what would be polled is refused, in words; explain says who would raise the events")
        func explained() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let source = try await EventSource.start(on: scene.bus)
            func lines(_ query: String) async throws -> [String] {
                let result = try await scene.client.run(.events(query), .async, context: [(ContextKey.explain, .boolean(true))])
                return result.objects.first?["Lines"]?.unwrapped.elements?.compactMap(\.text) ?? []
            }
            #expect(try await lines("SELECT * FROM Test_LoudAlarm").contains { $0.contains("provider \(source.name) raises") })
            let polled = try await lines("SELECT * FROM __InstanceCreationEvent WITHIN 5 WHERE TargetInstance ISA 'Test_Thing'")
            #expect(polled.contains { $0.contains("Test_Thing") && $0.contains("5.0 s") })
            #expect(try await lines("SELECT * FROM __ClassCreationEvent").contains { $0.contains("repository") })
        }

        @Test("EV33, EV34, EV36, EV113: a group is reported when its window ends, and only if HAVING accepts the number then")
        func groups() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(
                .events("SELECT * FROM Test_Alarm GROUP WITHIN 1 BY Place HAVING NumberOfEvents > 1"), .async)
            try await source.raise([
                // Its window ends first: what comes first is what HAVING accepts.
                EventSource.alarm("cellar", level: 3), EventSource.alarm("roof", level: 1), EventSource.alarm("ROOF", level: 2),
                EventSource.alarm("roof", level: 4),
            ])
            let events = try await events(open, 1)
            #expect(events.count == 1 && events[0]["__CLASS"]?.text == "__AggregateEvent")
            #expect(events[0]["NumberOfEvents"] == .uint32(3))
            #expect(object(events[0], "Representative")?["Level"] == .uint32(1))
        }
    }
}
