import CIM
import CIMBusCore
import CIMBusWire
import CIMMOF
import CIMRepository
import DBus
import Testing

@testable import CIMBusBroker

/// Queries that are asked again: what is kept of them, and what is looked at each time.
struct PreparedQueryTests {
    @Test("I.7: a query that is asked again is not read again; who may ask, who has the class now and how is asked is looked at each time")
    func queriesAskedAgain() async throws {
        var ground = try await Ground()
        let text = "SELECT * FROM Test_B WHERE Name LIKE 'x%'"
        func ask(flags: OperationFlags = [], context: [(String, DBusValue)] = [], rule: String = "deny user:7 All **") throws -> Resolution
        {
            try ground.resolve(.execQuery, "WQL", text, flags: flags, context: context, rules: rule)
        }
        guard case .queryMerging? = try ask().work else { throw CIMError(.failed, "the first is not merged") }
        let prepared = try #require(ground.snapshot.preparedQuery(text, in: .cimv2))
        #expect(ground.snapshot.preparedQuery(text, in: .root) == nil)
        #expect(ground.snapshot.preparedQuery(text.uppercased(), in: .cimv2) == nil)
        guard case .queryMerging? = try ask().work else { throw CIMError(.failed, "the second is not merged") }
        #expect(ground.snapshot.preparedQuery(text, in: .cimv2) === prepared)
        // Who may ask.
        #expect(try ask(rule: "deny everyone Enable root/cimv2 class Test_B").refused?.status == .accessDenied)
        // In which way.
        let direct = try #require(try ask(flags: .directRead).asked)
        #expect(direct.registration == (try ground.id("B")))
        #expect(try ask(flags: .prototype).instances?.map(\.className) == ["Test_B"])
        #expect(try ask(context: [(ContextKey.explain, .boolean(true))]).instances?.map(\.className) == ["CIMBus_QueryPlan"])
        // Who has the class.
        try ground.undefine("B")
        #expect(try ask(flags: .directRead).answered?.status == .providerNotFound)
        #expect(ground.snapshot.preparedQuery(text, in: .cimv2) === prepared)
    }

    @Test("I.7: a query that is wrong, or of a class that is not there, is not kept")
    func wrongQueries() async throws {
        let ground = try await Ground()
        for wrong in ["SELECT * FROM Test_No", "SELECT No FROM Test_Alone", "SELECT", "SELECT * FROM __InstanceCreationEvent"] {
            _ = try ground.resolve(.execQuery, "WQL", wrong)
            #expect(ground.snapshot.preparedQuery(wrong, in: .cimv2) == nil)
        }
    }

    @Test(
        "of classes whose names Unicode counts as the same, and that are different bytes, each is its own, whichever was asked for before")
    func spelling() async throws {
        let repository = try await Repository.inMemory(server: "here")
        let names = ["Test_\u{E9}", "Test_e\u{301}"]
        let unit = try MOFParser.parse(
            names.map { "[dynamic, provider(\"\($0)\")] class \($0) { [key] string Name; void Run(); };" }.joined())
        let snapshot = SchemaSnapshot(try await repository.commit(try unit.changes(in: .cimv2, schema: repository.schema)))
        for name in names + names.reversed() {
            let layout = try #require(snapshot.layout(name, in: .cimv2))
            #expect(layout.className.utf8.elementsEqual(name.utf8))
            #expect(snapshot.classes(of: name, in: .cimv2).map { Array($0.utf8) } == [Array(name.utf8)])
        }
    }
}
