import CIM
import CIMAdoption
import CIMBusAdopter
import CIMBusClient
import CIMMOF
import DBus
import Logging
import Testing
import WireTestKit

@Suite("Adopted services", .timeLimit(.minutes(2))) struct AdopterTests {
    static let mof = """
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; list /org/example org.example.Manager.List() -> (Name, Parity, path); "
                "interface org.example.Unit; find /org/example/unit/{Name}; timeout 60")]
        class Test_Unit
        {
            [key, PropertyContext("column Name or .Id")] string Name;
            [PropertyContext("column Parity or .Parity")] string Parity;
            uint8 Number;
            [write] string Label;
            [Implemented, MethodContext(".Restart(s Mode) -> (Job, ReturnValue)")] uint32 Restart([in] string Mode, [out] string Job);
            [Implemented, MethodContext(".Refuse()")] uint32 Refuse();
        };
        [dynamic, provider("DBusServices"),
            ClassContext("like Test_Unit; timeout 1")]
        class Test_Impatient { [key, PropertyContext("column Name")] string Name; uint8 Number; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; tree /org/example/unit/*; interface org.example.Unit")]
        class Test_TreeUnit { [key, PropertyContext("path last")] string Name; uint8 Number; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; managed /org/example; interface org.example.Unit")]
        class Test_ManagedUnit { [key, PropertyContext("path last")] string Name; uint8 Number; };
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Nobody; managed /; interface org.example.Unit")]
        class Test_Missing { [key, PropertyContext("path last")] string Name; };
        """

    /// An adopter of the mappings above, and a fake service.
    struct Stage {
        let adopted: AdopterStage
        let service: FakeService

        var bus: PrivateBus { adopted.bus }
        var session: Session { adopted.session }

        init(_ behaviour: FakeService.Behaviour = .init()) async throws {
            adopted = try await AdopterStage(AdopterTests.mof)
            service = try await FakeService(on: adopted.bus, behaviour)
        }

        func query(_ text: String) async throws -> [CIMInstance] { try await adopted.query(text) }
    }

    @Test("Columns of the listing answer a query that needs no more, and only objects that pass its condition are asked") func columns()
        async throws
    {
        let stage = try await Stage(.init(units: 6))
        let rows = try await stage.query("SELECT Name FROM Test_Unit WHERE Parity = 'odd'")
        #expect(rows.compactMap { $0["Name"]?.stringValue }.sorted() == ["u1.x", "u3.x", "u5.x"])
        #expect(stage.service.calls.all == ["List"])
        let numbers = try await stage.query("SELECT Name, Number FROM Test_Unit WHERE Parity = 'odd'")
        #expect(numbers.compactMap { $0["Number"]?.int64Value }.sorted() == [1, 3, 5])
        #expect(stage.service.calls.all.filter { $0 != "List" }.sorted() == ["Get 1", "Get 3", "Get 5"])
    }

    @Test("A fixed key becomes one call, and what is not there is NotFound") func key() async throws {
        let stage = try await Stage()
        let unit = try await stage.session.getInstance(at: "Test_Unit.Name='u1.x'")
        #expect(unit["Number"] == .uint8(1))
        #expect(stage.service.calls.all == ["GetAll 1"])
        let error = await #expect(throws: CIMError.self) { try await stage.session.getInstance(at: "Test_Unit.Name='u9.x'") }
        #expect(error?.status == .notFound)
    }

    @Test("Objects are found by introspection and by an object manager as well") func sources() async throws {
        let stage = try await Stage(.init(units: 4))
        let walked = try await stage.query("SELECT * FROM Test_TreeUnit")
        #expect(walked.compactMap { $0["Name"]?.stringValue }.sorted() == ["u0.x", "u1.x", "u2.x", "u3.x"])
        #expect(Set(walked.compactMap { $0["Number"]?.int64Value }) == [0, 1, 2, 3])
        let before = stage.service.calls.all.count
        let managed = try await stage.query("SELECT * FROM Test_ManagedUnit")
        #expect(Set(managed.compactMap { $0["Number"]?.int64Value }) == [0, 1, 2, 3])
        #expect(Array(stage.service.calls.all.dropFirst(before)) == ["GetManagedObjects"])
    }

    @Test("A value that does not fit makes its property NULL, and nothing else") func misfits() async throws {
        let stage = try await Stage(.init(units: 300))
        let rows = try await stage.query("SELECT * FROM Test_Unit")
        #expect(rows.count == 300)
        #expect(rows.filter { $0["Number"]?.isNull ?? true }.count == 44)
    }

    @Test("A service that does not answer costs its own objects, with an error that names it, in the time that the mapping allows")
    func silence() async throws {
        let stage = try await Stage(.init(units: 3, silent: 1))
        let error = await #expect(throws: CIMError.self) { try await stage.query("SELECT * FROM Test_Impatient") }
        #expect(error?.status == .providerTimedOut)
        #expect(error?.message.contains("org.example.Units") ?? false)
        #expect(try await stage.query("SELECT Name FROM Test_Unit").count == 3)
    }

    @Test("A service that vanishes in the middle ends the operation, naming the service; the adopter's other classes go on") func vanishes()
        async throws
    {
        let stage = try await Stage(.init(units: 3, leaves: 1))
        let error = await #expect(throws: CIMError.self) { try await stage.query("SELECT * FROM Test_Unit") }
        #expect(error?.status == .providerFailure || error?.status == .providerLoadFailure)
        #expect(error?.message.contains("org.example.Units") ?? false)
        let missing = await #expect(throws: CIMError.self) { try await stage.query("SELECT * FROM Test_Missing") }
        #expect(missing?.status == .providerLoadFailure)
        let again = try await FakeService(on: stage.bus)
        #expect(try await stage.query("SELECT * FROM Test_Unit").count == 3)
        await again.close()
    }

    @Test("A service that answers with wrong types, or lists what its mapping does not describe, ends in an error or in NULL")
    func wrongTypes() async throws {
        let stage = try await Stage(.init(units: 3, answer: [.string("nonsense")]))
        #expect(try await stage.query("SELECT * FROM Test_Unit").allSatisfy { $0["Number"]?.isNull ?? true })
        let other = try await Stage(.init(hasWrongList: true))
        let error = await #expect(throws: CIMError.self) { try await other.query("SELECT * FROM Test_Unit") }
        #expect(error?.status == .providerFailure)
        #expect(error?.message.contains("List") ?? false)
    }

    @Test("A value of 10 MiB becomes NULL, and 100,000 objects come through") func bounds() async throws {
        let big = DBusValue.string(String(repeating: "x", count: 10 << 20))
        let stage = try await Stage(.init(units: 4, properties: [("Label", big)]))
        let rows = try await stage.query("SELECT * FROM Test_Unit")
        #expect(rows.count == 4)
        #expect(rows.allSatisfy { $0["Label"]?.isNull ?? true })
        let many = try await Stage(.init(units: 100_000))
        #expect(try await many.query("SELECT Name FROM Test_Unit").count == 100_000)
    }

    @Test("Methods and writes reach the object, and the service's own error has its D-Bus name and text") func changes() async throws {
        let stage = try await Stage(.init(properties: [("Label", .string("old"))]))
        let path = try CIMObjectPath(parsing: "Test_Unit.Name='u2.x'")
        let result = try await stage.session.invoke("Restart", at: path, parameters: ["Mode": "replace"])
        #expect(result.returnValue == .uint32(5))
        #expect(result["Job"] == .string("/org/example/job/7"))
        #expect(stage.service.calls.all == ["Restart 2 replace"])
        let error = await #expect(throws: CIMError.self) { try await stage.session.invoke("Refuse", at: path) }
        #expect(error?.extendedStatus?["ParameterInfo"]?.stringValue == "org.example.Error.NotToday: come back tomorrow")
        var unit = try await stage.session.getInstance(at: path)
        unit["Label"] = "new"
        try await stage.session.putInstance(unit)
        #expect(stage.service.calls.all.last == "Set 2 Label \(DBusValue.string("new"))")
    }
}
