import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

/// The two ways to report, and what comes before: the status that is set, the return code, objects (R61, R135, R137 to R139).
extension Integration.RuleTests {
    @Test(
        "R135: the objects of one provider's delete, with the reply or by Indicate, reach the client's sink", arguments: CallForm.allCases)
    func objectsOfDelete(form: CallForm) async throws {
        let (scene, provider) = try await start()
        let scripts: [RawProvider.Script] = [
            { $0.reply(.noError, [$0.provider.thing("thing0", 8)]) },
            { call in
                call.reply(references: 1)
                try await call.sink.indicate([call.provider.thing("thing0", 8)])
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            },
        ]
        for script in scripts {
            provider.on("DeleteInstanceAsync", script)
            let result = try await scene.client.run(.delete("Test_Thing.Name=\"thing0\""), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.objects.map { $0["Number"] } == (form == .async ? [.uint32(8)] : []))
        }
        let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
        #expect(counters?["Violations"] == .uint64(0))
        try await expectQuiet(scene)
    }

    @Test(
        "R137 R138 R139: a put, a delete and a method are reported by the return code or by SetStatus; of both SetStatus wins",
        arguments: CallForm.allCases)
    func reports(form: CallForm) async throws {
        let (scene, provider) = try await start()
        let scripts: [(String, WBEMStatus, RawProvider.Script)] = [
            ("the return code", .noError, { $0.reply() }),
            ("an error as the return code", .accessDenied, { $0.reply(.accessDenied) }),
            (
                "SetStatus", .accessDenied,
                { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(.accessDenied)
                    try await call.sink.release()
                }
            ),
            (
                "a failure that was set, and a success", .accessDenied,
                { call in
                    try await call.sink.setStatus(.accessDenied)
                    call.reply()
                }
            ),
            (
                "a success that was set, and a failure", .noError,
                { call in
                    try await call.sink.setStatus(.noError)
                    call.reply(.failed)
                }
            ),
            (
                "a success that was set, and an error", .noError,
                { call in
                    try await call.sink.setStatus(.noError)
                    call.fail(.failed, "too late")
                }
            ),
            (
                "two failures", .accessDenied,
                { call in
                    try await call.sink.setStatus(.accessDenied)
                    call.fail(.failed, "too late")
                }
            ),
        ]
        for operation in [RawOperation.put(provider.thing("thing0")), .delete(thing("thing0")), .invoke("Test_Thing", "Count")] {
            for (words, status, script) in scripts {
                provider.onEverything(script)
                let open = try await scene.client.start(operation, form)
                let result = try await open.result()
                #expect(result.status == status, "\(operation.member), \(words): \(result.message)")
                try await expectQuiet(scene, [open.sink])
            }
        }
    }
}
