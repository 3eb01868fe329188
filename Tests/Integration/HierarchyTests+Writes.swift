import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// What puts and deletes over several providers pass on: objects, keys, flags, contexts (Semantics C.1, C.2).
extension Integration.HierarchyTests {
    private static func object(_ className: String, _ name: String = "n") -> [(String, DBusValue)] {
        [("__CLASS", .string(className)), ("Name", .string(name))]
    }

    /// Answers with these objects, every other provider by `Indicate` and the others with the reply.
    private static func bring(_ method: String, _ providers: [RawProvider]) {
        for (index, provider) in providers.enumerated() {
            provider.on(method) { call in
                let object = object(call.provider.className)
                if index % 2 == 0 { return call.reply(.noError, [object]) }
                call.reply(references: 1)
                try await call.sink.indicate([object])
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
        }
    }

    /// The violations counted of all providers.
    private static func violations(_ family: Family) async throws -> UInt64 {
        var sum: UInt64 = 0
        for provider in family.all {
            let counters = try await family.scene.client.property(provider.registrationPath, Contract.registration, "Counters")
            sum += counters.stringDictionary?["Violations"]?.integer() ?? 0
        }
        return sum
    }

    // MARK: - Objects

    @Test(
        "R135: a delete over several providers may bring objects, with the reply or by Indicate; a sink gets them, other forms drop them",
        arguments: CallForm.allCases)
    func objectsOfDelete(form: CallForm) async throws {
        let family = try await Family.start()
        for providers in [family.all, family.all.reversed()] {
            Self.bring("DeleteInstanceAsync", providers)
            let result = try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form)
            #expect(result.status == .noError, "\(result.message)")
            let classes = result.objects.compactMap { $0["__CLASS"]?.text }.sorted()
            #expect(classes == (form == .async ? ["Test_A", "Test_B", "Test_C", "Test_D"] : []))
        }
        #expect(try await Self.violations(family) == 0)
        // They are the instance that is deleted, as where one provider is asked.
        family.a.on("DeleteInstanceAsync") { $0.reply(.noError, [Self.object("Test_A", "other")]) }
        let other = try await family.scene.client.run(.delete("Test_B.Name=\"n\""), form)
        #expect(other.status == .providerFailure)
        #expect(other.message.contains("answered with Name = \"other\""), "\(other.message)")
        try await expectQuiet(family.scene)
    }

    @Test(
        "R61: the objects of a put over several providers reach the client's sink, as with one provider; other forms drop them",
        arguments: CallForm.allCases)
    func objectsOfPut(form: CallForm) async throws {
        let family = try await Family.start()
        for providers in [family.all, family.all.reversed()] {
            Self.bring("PutInstanceAsync", providers)
            let result = try await family.scene.client.run(.put(Self.object("Test_C")), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.parameter == "Test_C.Name=\"n\"")
            let classes = result.objects.compactMap { $0["__CLASS"]?.text }
            #expect(classes == (form == .async ? ["Test_A", "Test_B", "Test_C"] : []))
        }
        #expect(try await Self.violations(family) == 0)
        try await expectQuiet(family.scene)
    }

    @Test("R61 R135: a client that takes no objects holds up the providers of its put or delete, and no longer than its own time")
    func objectsNotTaken() async throws {
        let family = try await Family.start(options: ["--credit", "0.3"])
        let client = family.scene.client
        for operation in [RawOperation.put(Self.object("Test_B")), .delete("Test_B.Name=\"n\"")] {
            let method = "\(operation.member)Async"
            for provider in [family.b, family.c, family.d] { provider.on(method) { $0.reply() } }
            family.a.on(method) { call in
                call.reply(references: 1)
                // Until it is refused.
                while await refusal({ try await call.sink.indicate([Self.object("Test_A")]) }) == nil {}
            }
            let open = try await client.start(operation, .async, sink: client.makeSink(acknowledges: false))
            #expect(try await open.result().status == .clientTooSlow)
            try await family.a.cancelled.wait("the hint") { $0.last == family.a.calls.all.last?.sink.path.text }
            try await expectQuiet(family.scene, [open.sink])
        }
        #expect(family.b.calls.all.isEmpty)
    }

    // MARK: - Keys

    @Test(
        "C.1.2 R66: a NULL key put over several providers is one key, the topmost's; who says that it wrote another fails, with its class",
        arguments: CallForm.allCases)
    func oneKey(form: CallForm) async throws {
        let family = try await Family.start()
        @Sendable func write(_ call: ProviderCall, as path: String) async throws {
            call.reply(references: 1)
            try await call.sink.setStatus(.noError, parameter: path)
            try await call.sink.release()
        }
        func put(_ instance: [(String, DBusValue)], a: String, b: String, c: String) async throws -> OperationResult {
            family.a.on("PutInstanceAsync") { try await write($0, as: a) }
            family.b.on("PutInstanceAsync") { try await write($0, as: b) }
            family.c.on("PutInstanceAsync") { try await write($0, as: c) }
            return try await family.scene.client.run(.put(instance), form)
        }
        let keyless: [(String, DBusValue)] = [("__CLASS", .string("Test_C"))]
        // It says the same in other words, or says nothing, or what is no path.
        for said in ["Test_C.Name=\"CHOSEN\"", "", "no path", "Test_B.Name=\"x\""] {
            let result = try await put(keyless, a: "Test_A.Name=\"chosen\"", b: "Test_B=\"chosen\"", c: said)
            #expect(result.status == .noError, "\(said): \(result.message)")
            #expect(result.parameter == "Test_C.Name=\"chosen\"")
            for provider in [family.b, family.c] { #expect(provider.calls.all.last?.input["Name"]?.text == "chosen") }
        }
        let before = family.c.calls.all.count
        let other = try await put(keyless, a: "Test_A.Name=\"chosen\"", b: "Test_B.Name=\"other\"", c: "")
        #expect(other.status == .providerFailure)
        #expect(other.details["ParameterInfo"]?.text == "Test_B")
        for words in ["Test_B.Name=\"chosen\"", "Test_B.Name=\"other\""] { #expect(other.message.contains(words), "\(other.message)") }
        #expect(family.c.calls.all.count == before)
        let last = try await put(keyless, a: "Test_A.Name=\"chosen\"", b: "", c: "Test_C.Name=\"other\"")
        #expect(last.status == .providerFailure)
        #expect(last.details["ParameterInfo"]?.text == "Test_C")
        // What the topmost one made of the client's own key counts alike, as with one provider.
        let renamed = try await put(Self.object("Test_C", "mine"), a: "Test_A.Name=\"theirs\"", b: "", c: "")
        #expect(renamed.parameter == "Test_C.Name=\"theirs\"", "\(renamed.message)")
        #expect(family.c.calls.all.last?.input["Name"]?.text == "theirs")
        try await expectQuiet(family.scene)
    }

    @Test("C.1.2 R66: of several keys the topmost provider chooses those that are NULL; one time in two zones is one key")
    func severalKeys() async throws {
        let scene = try await Scene.start()
        func provider(_ name: String, _ mof: String, says path: String) async throws -> RawProvider {
            let provider = try await RawProvider.start(on: scene.bus, name: name, className: "Test_\(name)", registers: false)
            try await provider.register(mof: "[dynamic, provider(\"\(name)\")] class Test_\(name) \(mof);")
            provider.on("PutInstanceAsync") { call in
                try await call.sink.setStatus(.noError, parameter: path)
                call.reply()
            }
            return provider
        }
        let top = try await provider(
            "Top", "{ [key] datetime At; [key] uint32 Index; string FromTop; }",
            says: "Test_Top.Index=7,At=\"20240101120000.000000+000\"")
        let low = try await provider(
            "Low", ": Test_Top { string FromLow; }", says: "Test_Low.At=\"20240101130000.000000+060\",Index=\"7\"")
        let result = try await scene.client.run(.put([("__CLASS", .string("Test_Low")), ("Index", .uint32(7))]))
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.parameter == "Test_Low.At=\"20240101120000.000000+000\",Index=7")
        #expect(top.calls.all.last?.input["At"] == nil)
        #expect(low.calls.all.last?.input["At"]?.text == "20240101120000.000000+000")
        #expect(low.calls.all.last?.input["Index"] == .uint32(7))
        try await expectQuiet(scene)
    }

    // MARK: - Flags and contexts

    @Test(
        "C.1.3 R45 R52 R71 R124: every provider of a put or a delete over several gets the client's flags and context; partial stays partial"
    )
    func flagsAndContext() async throws {
        let family = try await Family.start()
        for provider in family.all { provider.onEverything { $0.reply() } }
        let partial: [(String, DBusValue)] = [
            ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["FromA", "FromC"])), ("Special", .uint32(7)),
        ]
        for (operation, flags, providers) in [
            (RawOperation.put(Self.object("Test_C")), Int32(0x81), [family.a, family.b, family.c]),
            (.put(Self.object("Test_C")), 0x2, [family.a, family.b, family.c]),
            (.delete("Test_B.Name=\"n\""), 0x80, family.all),
        ] {
            let result = try await family.scene.client.run(operation, .async, flags: flags, context: partial)
            #expect(result.status == .noError, "\(operation): \(result.message)")
            for provider in providers {
                let call = try #require(provider.calls.all.last)
                #expect(call.method == "\(operation.member)Async")
                #expect(call.flags == flags, "\(operation) of \(provider.className)")
                #expect(call.context["__PUT_EXTENSIONS"] == .boolean(true))
                #expect(call.context["__PUT_EXT_PROPERTIES"]?.elements?.compactMap(\.text) == ["FromA", "FromC"])
                #expect(call.context["Special"] == .uint32(7))
            }
        }
        try await expectQuiet(family.scene)
    }

    // MARK: - Progress

    @Test("B.3 R122: the progress of a delete over several providers is the whole's; who did not ask gets none")
    func progressOfDelete() async throws {
        let family = try await Family.start()
        for flags in [Int32(0x80), 0] {
            let sink = family.scene.client.makeSink()
            let reported = Recorder<Void>()
            for provider in family.all {
                provider.on("DeleteInstanceAsync") { call in
                    call.reply(references: 1)
                    try await call.sink.progress(2, of: 2)
                    reported.record(())
                    // Of reports that are not read only the newest is kept.
                    let count = reported.all.count
                    if flags != 0 { try await sink.events.wait("the report") { $0.count == count } }
                    try await call.sink.setStatus(.noError)
                    try await call.sink.release()
                }
            }
            let open = try await family.scene.client.start(.delete("Test_B.Name=\"n\""), .async, flags: flags, sink: sink)
            #expect(try await open.result().status == .noError)
            #expect(sink.progress.map(\.0) == (flags == 0 ? [] : [2, 4, 6, 8]))
            #expect(sink.progress.allSatisfy { $0.1 == 8 })
            #expect(reported.all.count == 4)
            try await expectQuiet(family.scene, [sink])
        }
    }

    @Test("C.5 R46 R95: the progress of a method that an override runs reaches who asked, and nobody else")
    func progressOfMethod() async throws {
        let family = try await Family.start()
        family.have(["B": ["n"], "C": ["n"]])
        family.c.on("ExecMethodAsync") { call in
            call.reply(references: 1)
            try await call.sink.progress(1, of: 3)
            try await call.sink.indicate([[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .string("done"))]])
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        for flags in [Int32(0x80), 0] {
            let open = try await family.scene.client.start(.invoke("Test_B.Name=\"n\"", "Who"), .async, flags: flags)
            let result = try await open.result()
            #expect(result.status == .noError && result.objects.first?["ReturnValue"]?.text == "done", "\(result.message)")
            #expect(open.sink?.progress.map(\.0) == (flags == 0 ? [] : [1]))
            #expect(open.sink?.progress.map(\.1) == (flags == 0 ? [] : [3]))
            try await expectQuiet(family.scene, [open.sink])
        }
    }
}
