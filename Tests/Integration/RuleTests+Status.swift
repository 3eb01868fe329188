import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

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

    // MARK: - The error of a method's call

    /// The error that a call of `ExecMethod` in this form returns; nil when it returns none.
    private static func error(_ client: RawClient, _ member: String, _ values: [DBusValue]) async throws -> DBusError? {
        do {
            _ = try await client.services(member, values)
            return nil
        } catch let error as DBusError {
            return error
        }
    }

    @Test("R106: a call of ExecMethod that returns an error says which HRESULT, by name and number, and more; nobody else hears of it")
    func errorOfMethodCall() async throws {
        let (scene, provider) = try await start()
        let refused: [(RawOperation, Int32, WBEMStatus, String)] = [
            (.invoke("Test_Thing", "Sum", [("A", .uint32(1))]), 0, .invalidMethodParameters, "in parameter B is missing"),
            (.invoke("Test_Thing", "Sum", [("A", .string("x")), ("B", .uint32(1))]), 0, .invalidMethodParameters, "string \"x\""),
            (.invoke("Test_Thing", "Count", [("Whole", .boolean(true))]), 0, .invalidMethodParameters, "Whole"),
            (.invoke("Test_Thing", "Count"), 0x20000, .invalidParameter, "0x20000"),
            (.invoke("Test_Thing", ""), 0, .invalidParameter, "name is empty"),
            (.invoke("Test_Thing.", "Count"), 0, .invalidObjectPath, "byte 11: expected a key name"),
            (.invoke("root/other:Test_Thing", "Count"), 0, .invalidObjectPath, "root/other"),
        ]
        for (operation, flags, status, words) in refused {
            for suffix in ["", "Semisync", "Async"] {
                let sink = scene.client.makeSink()
                let values = operation.arguments(flags: flags) + (suffix == "Async" ? [.objectPath(sink.path)] : [])
                let error = try #require(try await Self.error(scene.client, "ExecMethod" + suffix, values), "\(operation)\(suffix)")
                #expect(error.name.text == "org.cimbus1.Error.\(try #require(status.errorName))", "\(operation)\(suffix): \(error)")
                #expect(error.message.hasPrefix(status.hex + " ") && error.message.contains(words), "\(operation)\(suffix): \(error)")
                // R107: what the call itself returns is not told to the sink, too.
                try await expectQuiet(scene)
                #expect(sink.events.all.isEmpty)
            }
        }
        #expect(provider.calls.all.isEmpty)
    }

    @Test("R106: where the call of ExecMethod waits for the method, its error is the method's HRESULT, and the error object tells more")
    func errorOfMethod() async throws {
        let (scene, provider) = try await start()
        let operation = RawOperation.invoke("Test_Thing", "Count")
        let own: [(String, DBusValue)] = [
            ("__CLASS", .string("Test_Status")), ("Description", .string("not without the key")), ("Extra", .int32(7)),
        ]
        let scripts: [(RawProvider.Script, WBEMStatus, String, [String: DBusValue])] = [
            ({ $0.fail(.privilegeNotHeld, "not today") }, .privilegeNotHeld, "not today", ["__CLASS": .string("__ExtendedStatus")]),
            ({ $0.reply(WBEMStatus(rawValue: 0x8007_0005)) }, WBEMStatus(rawValue: 0x8007_0005), "provider Raw", [:]),
            (
                { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(.accessDenied, object: own)
                    try await call.sink.release()
                }, .accessDenied, "not without the key", ["__CLASS": .string("Test_Status"), "Extra": .int32(7)]
            ),
        ]
        for (script, status, words, more) in scripts {
            provider.on("ExecMethodAsync", script)
            let error = try #require(try await Self.error(scene.client, "ExecMethod", operation.arguments()))
            // A status that has no name is the error's number all the same.
            #expect(error.name.text == "org.cimbus1.Error.\(status.errorName ?? "Failed")", "\(error)")
            #expect(error.message.hasPrefix(status.hex + " ExecMethod Test_Thing:Count: ") && error.message.contains(words), "\(error)")
            let details = try #require(error.details.first?.stringDictionary, "\(error)")
            #expect(details["StatusCode"] == .uint32(status.rawValue) && details["Operation"]?.text == "ExecMethod", "\(details)")
            #expect(details["ProviderName"]?.text == "Raw" && details["ParameterInfo"]?.text == "Test_Thing:Count", "\(details)")
            #expect(details["Description"]?.text?.contains(words) == true, "\(details)")
            for (name, value) in more { #expect(details[name] == value, "\(details)") }
            // The forms that do not wait return no error: it comes later, as the same (R107).
            for form in [CallForm.semisync, .async] {
                let later = try await scene.client.run(operation, form)
                #expect(later.status == status && later.details["Description"] == details["Description"], "\(form): \(later)")
            }
        }
        try await expectQuiet(scene)
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
