import CIM
import CIMBusClient
import DBus
import Testing
import WireTestKit

@Suite("Cached objects of adopted services", .timeLimit(.minutes(2))) struct CacheTests {
    static let mof = """
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Lamps; managed /org/example/lamps; interface org.example.Lamp; find /org/example/lamps/{Number:raw}; cache")]
        class Test_Lamp
        {
            [key, PropertyContext("path last raw")] string Number;
            uint32 Level;
            string Scene;
            string Model;
            uint32 Power;
        };
        [dynamic, provider("DBusServices"),
            ClassContext("like Test_Lamp; list /org/example/lamps org.example.Lamps.List() -> (path); "
                "cache at /org/example/lamps org.example.Lamps.Subscribe()")]
        class Test_ListedLamp : Test_Lamp { };
        [dynamic, provider("DBusServices"),
            ClassContext("like Test_ListedLamp; cache at /org/example/lamps org.example.Lamps.Refuse()")]
        class Test_RefusedLamp { [key, PropertyContext("path last raw")] string Number; uint32 Level; string Scene; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Lamps; managed /org/example/lamps; interface org.example.Lamp")]
        class Test_UncachedLamp { [key, PropertyContext("path last raw")] string Number; uint32 Level; };
        """

    private struct Stage {
        let adopted: AdopterStage
        let service: LampService

        init() async throws {
            adopted = try await AdopterStage(CacheTests.mof)
            service = try await LampService(on: adopted.bus)
        }

        /// The rows of a query, and the calls that it cost.
        func ask(_ query: String) async throws -> (rows: [CIMInstance], calls: [String]) {
            let before = service.calls.all.count
            let rows = try await adopted.query(query)
            return (rows, Array(service.calls.all.dropFirst(before)))
        }

        /// Asks until the signals have come.
        func ask(_ query: String, until isDone: ([CIMInstance]) -> Bool) async throws -> (rows: [CIMInstance], calls: [String]) {
            let end = ContinuousClock.now + .seconds(20)
            while true {
                let answer = try await ask(query)
                if isDone(answer.rows) { return answer }
                guard ContinuousClock.now < end else { throw ProcessError(description: "no signal came through: \(answer.rows)") }
            }
        }
    }

    @Test("Objects that a service manages are listed once; PropertiesChanged, InterfacesAdded and InterfacesRemoved keep them true")
    func managed() async throws {
        let stage = try await Stage()
        let query = "SELECT Number, Level, Model FROM Test_Lamp"
        #expect(try await stage.ask(query).calls.contains("GetManagedObjects"))
        let second = try await stage.ask(query)
        #expect(second.rows.map { $0["Level"] } == [.uint32(10), .uint32(10), .uint32(10)])
        #expect(second.calls == [])
        try await stage.service.change(1, level: 70, scene: "night")
        let changed = try await stage.ask(query) { $0.contains { $0["Level"] == .uint32(70) } }
        #expect(changed.rows.filter { $0["Level"] == .uint32(70) }.map { $0["Number"] } == [.string("1")])
        #expect(changed.calls == [])
        try await stage.service.add(7)
        #expect(try await stage.ask(query) { $0.count == 4 }.calls == [])
        try await stage.service.remove(0)
        let removed = try await stage.ask(query) { $0.count == 3 }
        #expect(removed.rows.map { $0["Number"] } == [.string("1"), .string("2"), .string("7")])
        #expect(removed.calls == [])
        let error = await #expect(throws: CIMError.self) { try await stage.adopted.session.getInstance(at: "Test_Lamp.Number='0'") }
        #expect(error?.status == .notFound)
    }

    @Test("EmitsChangedSignal decides: what is invalidated is asked once, what never signals each time, and a constant never again")
    func annotations() async throws {
        let stage = try await Stage()
        _ = try await stage.ask("SELECT * FROM Test_ListedLamp")
        #expect(try await stage.ask("SELECT Level, Scene, Model FROM Test_ListedLamp").calls == ["List"])
        // Power is `false`.
        #expect(
            try await stage.ask("SELECT Power, Level FROM Test_ListedLamp").calls.sorted() == [
                "Get 0 Power", "Get 1 Power", "Get 2 Power", "List",
            ])
        try await stage.service.change(2, level: 5, scene: "night")
        let query = "SELECT Number, Level, Scene, Model FROM Test_ListedLamp"
        let changed = try await stage.ask(query) { $0.contains { $0["Level"] == .uint32(5) } }
        #expect(changed.rows.filter { $0["Scene"] == .string("night") }.map { $0["Number"] } == [.string("2")])
        // Scene is `invalidates`.
        #expect(changed.calls == ["List", "Get 2 Scene"])
        #expect(try await stage.ask(query).calls == ["List"])
        #expect(stage.service.calls.all.filter { $0 == "Subscribe" }.count == 1)
    }

    @Test("Nothing is kept of a service whose name another process owns now") func ownerChanges() async throws {
        let stage = try await Stage()
        let query = "SELECT Number, Scene FROM Test_ListedLamp"
        _ = try await stage.ask(query)
        #expect(try await stage.ask(query).calls == ["List"])
        await stage.service.connection.close()
        let other = try await LampService(on: stage.adopted.bus, scene: "evening")
        let rows = try await stage.adopted.query(query)
        #expect(rows.map { $0["Scene"] } == [.string("evening"), .string("evening"), .string("evening")])
        #expect(other.calls.all.filter { $0.hasPrefix("GetAll") }.count == 3)
        _ = try await stage.adopted.query(query)
        let before = other.calls.all.count
        _ = try await stage.adopted.query(query)
        #expect(Array(other.calls.all.dropFirst(before)) == ["List"])
    }

    @Test("A service that refuses what prepares its signals is asked each time, and refuses once") func refusal() async throws {
        let stage = try await Stage()
        let query = "SELECT Number, Level, Scene FROM Test_RefusedLamp"
        #expect(try await stage.ask(query).calls.sorted() == ["GetAll 0", "GetAll 1", "GetAll 2", "List", "Refuse"])
        #expect(try await stage.ask(query).calls.sorted() == ["GetAll 0", "GetAll 1", "GetAll 2", "List"])
    }

    @Test("Without the clause nothing is kept, and an object of which nobody says when it goes is asked whether it is there")
    func withoutCache()
        async throws
    {
        let stage = try await Stage()
        for _ in 0..<2 { #expect(try await stage.ask("SELECT * FROM Test_UncachedLamp").calls == ["GetManagedObjects"]) }
        _ = try await stage.ask("SELECT * FROM Test_ListedLamp")
        let before = stage.service.calls.all.count
        _ = try await stage.adopted.session.getInstance(at: "Test_ListedLamp.Number='1'")
        #expect(Array(stage.service.calls.all.dropFirst(before)) == ["GetAll 1"])
    }
}
