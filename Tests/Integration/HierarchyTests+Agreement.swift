import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// What the providers of a hierarchy must agree on, and what becomes of what each of them says (Semantics C.1 to C.4).
extension Integration.HierarchyTests {
    private static func object(_ className: String, _ values: KeyValuePairs<String, String>) -> [(String, DBusValue)] {
        [("__CLASS", .string(className))] + values.map { ($0.key, .string($0.value)) }
    }

    @Test("C.3: providers that answer with different instances are told so; two of them never become one", arguments: CallForm.allCases)
    func disagreement(form: CallForm) async throws {
        let family = try await Family.start()
        family.have(["A": ["x", "other"], "B": ["x"]])
        family.a.on("GetObjectAsync") { $0.reply(.noError, [Self.object("Test_A", ["Name": "other", "FromA": "of another"])]) }
        let result = try await family.scene.client.run(.get("Test_B.Name=\"x\""), form)
        #expect(result.status == .providerFailure)
        let words = "asked for Test_A.Name=\"x\" and answered with Name = \"other\""
        #expect(result.message.contains(words), "\(result.message)")
        try await expectQuiet(family.scene)
    }

    @Test("C.3: the key of a merged object is as its path says it, whatever its ancestor's case")
    func keyCase() async throws {
        let family = try await Family.start()
        family.have(["B": ["x"]])
        family.a.on("GetObjectAsync") { $0.reply(.noError, [Self.object("Test_A", ["Name": "X", "FromA": "a"])]) }
        let result = try await family.scene.client.run(.get("Test_B.Name=\"x\""))
        #expect(result.objects.first?["Name"]?.text == "x")
        #expect(result.objects.first?["__RELPATH"]?.text == "Test_B.Name=\"x\"")
        #expect(result.objects.first?["FromA"]?.text == "a")
    }

    @Test("C.4: a singleton of two providers is one object", arguments: CallForm.allCases)
    func singleton(form: CallForm) async throws {
        let scene = try await Scene.start()
        var providers: [RawProvider] = []
        for (name, declaration, property) in [
            ("Top", "Test_Top", "FromTop"), ("Low", "Test_Low : Test_Top", "FromLow"),
        ] {
            let className = "Test_\(name)"
            let provider = try await RawProvider.start(on: scene.bus, name: name, className: className, registers: false)
            try await provider.register(mof: "[dynamic, singleton, provider(\"\(name)\")] class \(declaration) { string \(property); };")
            provider.on("CreateInstanceEnumAsync") {
                $0.reply(.noError, [[("__CLASS", .string(className)), (property, .string("of \(name)"))]])
            }
            providers.append(provider)
        }
        let result = try await scene.client.run(.enumerate("Test_Top"), form)
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.objects.count == 1)
        #expect(result.objects.first?["FromTop"]?.text == "of Top")
        #expect(result.objects.first?["FromLow"]?.text == "of Low")
        #expect(providers.allSatisfy { $0.calls.all.count == 1 })
        try await expectQuiet(scene)
    }

    @Test("C.1.2: a topmost provider that chooses a key and keeps it to itself ends the put; those below would choose others")
    func silentKey() async throws {
        let family = try await Family.start()
        for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
        let result = try await family.scene.client.run(.put([("__CLASS", .string("Test_C"))]), .async)
        #expect(result.status == .providerFailure)
        #expect(result.details["ParameterInfo"]?.text == "Test_A")
        #expect(result.message.contains("Name"), "\(result.message)")
        #expect(family.calls() == ["A PutInstance Test_A"])
        try await expectQuiet(family.scene)
    }

    @Test(
        "C.4: a part's success of its own, such as PARTIAL_RESULTS, is the whole's, with its object",
        arguments: [CallForm.semisync, .async])
    func remark(form: CallForm) async throws {
        let family = try await Family.start()
        family.have(["A": ["x"], "B": ["x"], "C": ["x"]])
        let partial = WBEMStatus(rawValue: 0x40010)
        @Sendable func end(_ call: ProviderCall, _ objects: [[(String, DBusValue)]]) async throws {
            call.reply(references: 1)
            if !objects.isEmpty { try await call.sink.indicate(objects) }
            try await call.sink.setStatus(partial, object: Self.object("__ExtendedStatus", ["Description": "some are missing"]))
            try await call.sink.release()
        }
        family.b.on("CreateInstanceEnumAsync") { try await end($0, [Self.object("Test_B", ["Name": "x", "FromB": "b"])]) }
        family.b.on("PutInstanceAsync") { try await end($0, []) }
        family.a.on("PutInstanceAsync") { $0.reply() }
        family.a.on("DeleteInstanceAsync") { try await end($0, []) }
        family.b.on("DeleteInstanceAsync") { $0.reply() }
        for provider in [family.c, family.d] { provider.on("DeleteInstanceAsync") { try await end($0, []) } }
        // An enumerator says how it ended by its last Next alone.
        let streams = form == .async ? [RawOperation.enumerate("Test_A"), .query("SELECT * FROM Test_A")] : []
        for operation in [.put(Self.object("Test_B", ["Name": "x"])), .delete("Test_B.Name=\"x\"")] + streams {
            let result = try await family.scene.client.run(operation, form)
            #expect(result.status == partial, "\(operation): \(result.message)")
            if form == .async { #expect(result.details["Description"]?.text == "some are missing") }
        }
        // Who decides nothing about a delete says nothing about it either.
        family.a.on("DeleteInstanceAsync") { $0.reply() }
        #expect(try await family.scene.client.run(.delete("Test_B.Name=\"x\""), form).status == .noError)
        try await expectQuiet(family.scene)
    }

    @Test("B.3 R46: the progress of providers that follow each other is the whole's, and never runs backwards")
    func progress() async throws {
        let family = try await Family.start()
        for (provider, total) in [(family.a, UInt32(4)), (family.b, 60_000), (family.c, 2)] {
            provider.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                for current in [total / 2, total] { try await call.sink.progress(current, of: total) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
        }
        let asked = try await family.scene.client.start(.put(Self.object("Test_C", ["Name": "x"])), .async, flags: 0x80)
        #expect(try await asked.result().status == .noError)
        let reports = asked.sink?.progress ?? []
        // Of unread reports only the newest is kept.
        #expect(reports.first?.0 == 2 && reports.first?.1 == 12)
        #expect(reports.contains { $0 == 43_690 && $1 == 65_535 })
        #expect(reports.last?.0 == 6 && reports.last?.1 == 6)
        let shares = reports.map { Double($0.0) / Double($0.1) }
        #expect(zip(shares, shares.dropFirst()).allSatisfy { $0 <= $1 + 0.001 }, "\(shares)")
    }

    @Test("C.2: a provider of a concrete class and an abstract one below it is given a path of the concrete one")
    func abstractBelow() async throws {
        let scene = try await Scene.start()
        let upper = try await RawProvider.start(on: scene.bus, name: "Upper", className: "Test_Root", registers: false)
        try await upper.register(
            mof: """
                [dynamic, provider("Upper")] class Test_Root { [key] string Name; };
                [abstract, dynamic, provider("Upper")] class Test_Middle : Test_Root { string FromMiddle; };
                """)
        let lower = try await RawProvider.start(on: scene.bus, name: "Lower", className: "Test_Leaf", registers: false)
        try await lower.register(mof: "[dynamic, provider(\"Lower\")] class Test_Leaf : Test_Middle { string FromLeaf; };")
        lower.on("DeleteInstanceAsync") { $0.reply() }
        // What it brings is of that class, too (R135).
        upper.on("DeleteInstanceAsync") { $0.reply(.noError, references: 0, [Self.object("Test_Root", ["Name": "x"])]) }
        let result = try await scene.client.run(.delete("Test_Leaf.Name=\"x\""), .async)
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.objects.compactMap { $0["__CLASS"]?.text } == ["Test_Root"])
        #expect(upper.calls.all.map(\.target) == ["Test_Root.Name=\"x\""])
        #expect(lower.calls.all.map(\.target) == ["Test_Leaf.Name=\"x\""])
        try await expectQuiet(scene)
    }

    @Test("L6 P8: a failure in a hierarchy says once what was asked, and of which class and provider it is")
    func words() async throws {
        let family = try await Family.start()
        family.have([:])
        family.b.on("CreateInstanceEnumAsync") { call in
            call.abandon()
            await call.provider.close()
        }
        let result = try await family.scene.client.run(.enumerate("Test_A"), .async)
        #expect(result.status == .providerFailure)
        #expect(result.message.hasPrefix("CreateInstanceEnum Test_A: Test_B: provider ProviderB"), "\(result.message)")
    }

    @Test("C.4: classes that change while their objects are being merged change nothing of the merge")
    func changingSchema() async throws {
        let family = try await Family.start()
        family.have(["A": (0..<20).map { "x\($0)" }])
        // B's provider has objects of a class of its own below B, in two batches; between them the schema changes.
        try await family.scene.compile("[dynamic, provider(\"ProviderB\")] class Test_Deep : Test_B { string FromDeep; };")
        let client = family.scene.client
        family.b.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            for round in 0..<4 {
                try await call.sink.indicate(
                    (0..<5).map { Self.object("Test_Deep", ["Name": "x\(round * 5 + $0)", "FromB": "b", "FromDeep": "deep"]) })
                let reply = try await client.call(
                    Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                    [
                        .string("class Test_Other\(round) { [key] string Name; \((0..<50).map { "string P\($0);" }.joined()) };"),
                        .string("root/cimv2"), .int32(0), .int32(0), .int32(0),
                    ])
                #expect(reply[1] == .uint32(0))
            }
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let result = try await client.run(.enumerate("Test_A"), .async)
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.objects.count == 20)
        #expect(
            result.objects.allSatisfy { object in
                object["FromDeep"]?.text == "deep" && object["FromA"]?.text == "A of \(object["Name"]?.text ?? "")"
            })
        try await expectQuiet(family.scene)
    }
}
