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
        for operation in [RawOperation.put(provider.thing("thing0")), .delete(thing("thing0")), .invoke("Test_Thing", "Count")] {
            for report in WriteReport.all {
                provider.onEverything(report.script)
                let open = try await scene.client.start(operation, form)
                let result = try await open.result()
                #expect(result.status == report.status, "\(operation.member), \(report): \(result.message)")
                try await expectQuiet(scene, [open.sink])
            }
        }
    }
}

/// A way to report how an operation without objects ended, and what it ends with (R137 to R139).
struct WriteReport: Sendable, CustomStringConvertible {
    let description: String
    let status: WBEMStatus
    let script: RawProvider.Script

    private init(_ description: String, _ status: WBEMStatus, _ script: @escaping RawProvider.Script) {
        self.description = description
        self.status = status
        self.script = script
    }

    /// SetStatus, then the return code.
    private static func set(_ first: WBEMStatus, then answer: @escaping @Sendable (ProviderCall) -> Void) -> RawProvider.Script {
        { call in
            try await call.sink.setStatus(first)
            answer(call)
        }
    }

    /// The return code, a success that keeps a reference, then SetStatus.
    private static func reply(thenSet status: WBEMStatus) -> RawProvider.Script {
        { call in
            call.reply(references: 1)
            try await call.sink.setStatus(status)
            try await call.sink.release()
        }
    }

    static let all = [
        WriteReport("the return code", .noError) { $0.reply() },
        WriteReport("an error as the return code", .accessDenied) { $0.reply(.accessDenied) },
        WriteReport("an error as the reply", .accessDenied) { $0.fail(.accessDenied, "no") },
        WriteReport("SetStatus, after a success was returned", .noError, reply(thenSet: .noError)),
        WriteReport("SetStatus of a failure, after a success was returned", .accessDenied, reply(thenSet: .accessDenied)),
        WriteReport("a failure that was set, then a success", .accessDenied, set(.accessDenied) { $0.reply() }),
        WriteReport("a success that was set, then a failure", .noError, set(.noError) { $0.reply(.failed) }),
        WriteReport("a success that was set, then an error", .noError, set(.noError) { $0.fail(.failed, "too late") }),
        WriteReport("a failure that was set, then another", .accessDenied, set(.accessDenied) { $0.reply(.failed) }),
        WriteReport("a failure that was set, then an error", .accessDenied, set(.accessDenied) { $0.fail(.failed, "too late") }),
        // An error returned is the end (L2): there is no sink left to set another status on.
        WriteReport("an error as the return code, and a success that comes too late", .accessDenied) { call in
            call.reply(.accessDenied)
            #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
        },
    ]
}
