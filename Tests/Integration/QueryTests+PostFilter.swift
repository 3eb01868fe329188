import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

/// Providers that take queries and leave some of the choosing to the broker (SEMANTICS I.7, B.3).
extension Integration.QueryTests {
    @Test("I.7: START_POSTFILTER leaves the filtering to the broker, from there on")
    func postFilter() async throws {
        let (scene, provider) = try await Self.scene(Self.registration())
        provider.on("ExecQueryAsync") { call in
            call.reply(references: 1)
            try await call.sink.indicate(Self.things(2))
            try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 1)
            try await call.sink.indicate(Self.things(9))
            try await call.sink.setStatus(WBEMStatus(rawValue: 1), flags: 1)
            try await call.sink.indicate(Self.things(1, from: 3))
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let result = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number = 5"))
        #expect(result.objects.compactMap { $0["Number"] } == [0, 1, 5, 3].map { .uint32($0) })
        try await expectQuiet(scene)
    }

    @Test("I.7: of several providers of one query, START_POSTFILTER of one says nothing about the others", arguments: CallForm.allCases)
    func postFilterOfOne(form: CallForm) async throws {
        let (scene, first) = try await Self.scene(Self.registration())
        let second = try await RawProvider.start(on: scene.bus, name: "Other", className: "Test_Other", registers: false)
        try await second.register(
            mof: "[dynamic, provider(\"Other\")] class Test_Other : Test_Base { string Text; };" + Self.registration("Other"))
        scene.keep(second)
        first.on("ExecQueryAsync") { call in
            try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 1)
            call.reply(.noError, Self.things(9, from: 100) + Self.things(1, from: 5))
        }
        second.on("ExecQueryAsync") { call in
            call.reply(
                .noError, [[("__CLASS", .string("Test_Other")), ("Name", .string("exact")), ("Number", .uint32(77))]])
        }
        let query = "SELECT Name FROM Test_Base WHERE Number = 5"
        let result = try await scene.client.run(.query(query), form)
        #expect(result.status == .noError, "\(result.message)")
        // One that was stored, one that was filtered, and one that the provider answers for.
        #expect(result.names() == ["exact", "n5", "s5"])
        #expect(result.objects.allSatisfy { $0["Number"] == nil })
        #expect(first.calls.all.map(\.method) == ["ExecQueryAsync"] && second.calls.all.map(\.method) == ["ExecQueryAsync"])
        try await expectQuiet(scene)
    }
}
