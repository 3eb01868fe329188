import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// What each provider of a put over several is given, and when the client is told (Semantics C.1, C.1.3).
extension Integration.PutTests {
    private typealias Family = Integration.HierarchyTests.Family

    @Test("C.1 R43 R44: every provider of a put over several is given UPDATE_ONLY or CREATE_ONLY", arguments: CallForm.allCases)
    func flagsOfSeveral(form: CallForm) async throws {
        let family = try await Family.start()
        for (flags, status) in [(Int32(1), WBEMStatus.notFound), (2, .alreadyExists)] {
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            // Whoever finds that it is otherwise; without the flag nobody does.
            for (index, provider) in [family.a, family.b, family.c].enumerated().reversed() {
                provider.on("PutInstanceAsync") { if $0.flags == flags { $0.fail(status, "it is otherwise") } else { $0.reply() } }
                let result = try await family.scene.client.run(.put(Self.object("Test_C")), form, flags: flags)
                #expect(result.status == status && result.details["ParameterInfo"]?.text == provider.className, "\(result.message)")
                let asked = family.all.prefix(index + 1)
                #expect(asked.allSatisfy { $0.calls.all.last?.flags == flags })
                #expect(try await family.scene.client.run(.put(Self.object("Test_C")), form).status == .noError)
            }
        }
        try await expectQuiet(family.scene)
    }

    @Test(
        "C.1.3 R50: without a context every provider of a put over several writes every property of its class", arguments: CallForm.allCases
    )
    func everyProperty(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        let object = Self.object("Test_C", "n", ["FromA": "a", "FromB": "b", "FromC": "c"])
        #expect(try await family.scene.client.run(.put(object), form).status == .noError)
        for (provider, values) in [
            (family.a, ["Name": "n", "FromA": "a"]), (family.b, ["Name": "n", "FromA": "a", "FromB": "b"]),
            (family.c, ["Name": "n", "FromA": "a", "FromB": "b", "FromC": "c"]),
        ] {
            let call = try #require(provider.calls.all.last)
            #expect(call.input.filter { !$0.key.hasPrefix("__") }.compactMapValues { $0.text } == values)
            #expect(call.context.keys.allSatisfy { !$0.hasPrefix("__PUT") })
        }
        try await expectQuiet(family.scene)
    }

    @Test(
        "C.1.3 R51 R52: a partial put over several stays one for each of them, and each gets what the client says in its context",
        arguments: CallForm.allCases)
    func contextOfSeveral(form: CallForm) async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        let context: [(String, DBusValue)] = [
            ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["FromB"])), ("Required", .uint32(7)),
        ]
        let result = try await family.scene.client.run(.put(Self.object("Test_C", "n", ["FromB": "b"])), form, context: context)
        #expect(result.status == .noError, "\(result.message)")
        for provider in [family.a, family.b, family.c] {
            let call = try #require(provider.calls.all.last)
            #expect(call.context["__PUT_EXTENSIONS"] == .boolean(true), "\(provider.className)")
            #expect(call.context["__PUT_EXT_PROPERTIES"]?.elements?.compactMap(\.text) == ["FromB"], "\(provider.className)")
            #expect(call.context["Required"] == .uint32(7), "\(provider.className)")
        }
        // One that does not write in part refuses, and so does the whole.
        family.b.on("PutInstanceAsync") { call in
            if call.context["__PUT_EXTENSIONS"] == .boolean(true) { call.fail(.providerNotCapable, "whole") } else { call.reply() }
        }
        let refused = try await family.scene.client.run(.put(Self.object("Test_C")), form, context: context)
        #expect(refused.status == .providerNotCapable && refused.details["ParameterInfo"]?.text == "Test_B", "\(refused.message)")
        try await expectQuiet(family.scene)
    }

    @Test("C.1 R64: a put over several is a success when the last provider has said so, and not before", arguments: CallForm.allCases)
    func successComesLast(form: CallForm) async throws {
        let family = try await Family.start()
        let client = family.scene.client
        for last in [family.a, family.b, family.c] {
            for status in [WBEMStatus.noError, .accessDenied] {
                for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
                let (isAsked, go) = (Event<Void>("its call"), Event<Void>("its answer"))
                last.on("PutInstanceAsync") { call in
                    isAsked.send(())
                    try await go.value()
                    if status.isSuccess { call.reply() } else { call.fail(status, "no") }
                }
                let open = try await client.start(.put(Self.object("Test_C")), form)
                try await isAsked.value()
                // The whole, and the part that is waited for.
                #expect(try await family.scene.operationStates().count == 2)
                #expect(open.sink?.events.all.isEmpty != false)
                if form == .semisync, let path = open.path {
                    let told = try await client.call(path, Contract.callResult, "GetCallStatus", [.int32(0)])
                    #expect(told.first == .uint32(WBEMStatus.sTimedOut.rawValue))
                }
                go.send(())
                let result = try await open.result()
                #expect(result.status == status, "\(last.className): \(result.message)")
                try await expectQuiet(family.scene, [open.sink])
            }
        }
    }
}
