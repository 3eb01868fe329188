import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// Dynamic classes that name no provider of their own, below one that does, above one, or alone.
extension Integration.HierarchyTests {
    /// `Test_A` of provider A; below it `Test_B`, which is dynamic and names none; and, if wanted, below that one `Test_C` of provider C.
    private struct Line {
        let scene: Scene
        let a: RawProvider
        let c: RawProvider?

        static let a = """
            [dynamic, provider("ProviderA")] class Test_A
            {
                [key] string Name;
                string FromA;
                [Implemented] string Who();
                [Implemented, Static] string WhoStatic();
                [Implemented, Bypass_GetObject] string WhoBypassing();
            };
            """
        static let b = """
            [dynamic] class Test_B : Test_A
            {
                string FromB;
                [Implemented] string Mine();
                [Implemented, Static] string MineStatic();
            };
            """
        static let c = "[dynamic, provider(\"ProviderC\")] class Test_C : Test_B { string FromC; };"

        static func start(withC: Bool = false, b: String = Line.b) async throws -> Line {
            let scene = try await Scene.start()
            let a = try await provider("A", scene)
            try await a.register(mof: Self.a)
            try await scene.client.mustCompile(b)
            guard withC else { return Line(scene: scene, a: a, c: nil) }
            let c = try await provider("C", scene)
            try await c.register(mof: Self.c)
            return Line(scene: scene, a: a, c: c)
        }

        /// A provider of one instance, "a" for A and so on, which says what was called.
        static func provider(_ letter: String, _ scene: Scene) async throws -> RawProvider {
            let provider = try await RawProvider.start(
                on: scene.bus, name: "Provider\(letter)", className: "Test_\(letter)", registers: false)
            scene.keep(provider)
            let own = letter.lowercased()
            // Both know the instance of the class below: a part of it is each one's.
            let names = letter == "A" ? ["a", "c"] : [own]
            @Sendable func object(_ name: String) -> [(String, DBusValue)] {
                [("__CLASS", .string("Test_\(letter)")), ("Name", .string(name)), ("From\(letter)", .string("\(letter) of \(name)"))]
                    + (letter == "C" ? [("FromB", .string("B of \(name)"))] : [])
            }
            provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, names.map(object)) }
            provider.on("GetObjectAsync") { call in
                guard let path = try? CIMObjectPath(parsing: call.target), let name = path[key: "Name"]?.value.stringValue,
                    names.contains(name)
                else { return call.fail(.notFound, "not mine") }
                call.reply(.noError, [object(name)])
            }
            provider.on("PutInstanceAsync") { $0.reply() }
            provider.on("DeleteInstanceAsync") { $0.reply() }
            provider.on("ExecMethodAsync") { call in
                call.reply(.noError, [[("ReturnValue", .string("\(letter) \(call.target) \(call.invoked)"))]])
            }
            return provider
        }

        /// Those that were made, as `letter method target`.
        func calls(since start: [Int] = [0, 0]) -> [String] {
            zip([a, c], start).flatMap { provider, start in
                (provider?.calls.all.dropFirst(start) ?? []).map {
                    "\($0.provider.className.suffix(1)) \($0.method.dropLast(5)) \($0.input["__CLASS"]?.text ?? $0.target)"
                }
            }
        }

        var count: [Int] { [a, c].map { $0?.calls.all.count ?? 0 } }
    }

    private static func merged(_ object: [String: DBusValue]) -> String {
        ["__CLASS", "Name", "FromA", "FromB", "FromC"].compactMap { object[$0]?.text }.joined(separator: ", ")
    }

    private static let put: [(String, DBusValue)] = [("__CLASS", .string("Test_B")), ("Name", .string("n")), ("FromB", .string("b"))]

    // MARK: - Nobody has instances

    @Test(
        "C.1 to C.5 R38 R41: a dynamic class without a provider of its own, below one that has one: whatever asks for its instances is ProviderNotFound, and the provider above is not asked",
        arguments: CallForm.allCases)
    func nobody(form: CallForm) async throws {
        let line = try await Line.start()
        let client = line.scene.client
        let path = "Test_B.Name=\"a\""
        let direct: Int32 = 0x200
        let asked: [(RawOperation, Int32)] = [
            (.put(Self.put), 0), (.put(Self.put), 1), (.put(Self.put), 2), (.get(path), 0), (.get(path), direct), (.delete(path), 0),
            (.enumerate("Test_B"), 0), (.enumerate("Test_B"), 1), (.enumerate("Test_B"), direct),
            (.query("SELECT * FROM Test_B"), 0), (.query("SELECT * FROM Test_B WHERE Name = '1'"), 0),
            (.query("SELECT * FROM Test_B"), direct), (.query("ASSOCIATORS OF {\(path)}"), 0), (.query("REFERENCES OF {\(path)}"), 0),
            (.invoke(path, "Who"), 0), (.invoke(path, "Mine"), 0), (.invoke("Test_B", "MineStatic"), 0),
        ]
        for (operation, flags) in asked {
            let result = try await client.run(operation, form, flags: flags)
            #expect(result.status == .providerNotFound, "\(operation) \(flags): \(result.status.hex) \(result.message)")
            #expect(result.message.contains("Test_B is dynamic and names no provider"), "\(operation): \(result.message)")
            #expect(result.objects.isEmpty && result.parameter.isEmpty)
        }
        #expect(line.calls() == [])
        let plan = try await client.run(.query("SELECT * FROM Test_B"), form, context: [("__EXPLAIN", .boolean(true))])
        #expect(plan.objects.first?["Lines"]?.elements?.compactMap(\.text).joined().contains("names no provider") == true, "\(plan)")
        try await expectQuiet(line.scene, next: .enumerate("Test_A"))
    }

    @Test("C.2 C.4: what is asked of the class above goes to its provider alone; the class without a provider costs it nothing")
    func above() async throws {
        let line = try await Line.start()
        let client = line.scene.client
        for (flags, form) in [(Int32(0), CallForm.async), (1, .semisync), (0x200, .sync)] {
            let all = try await client.run(.enumerate("Test_A"), form, flags: flags)
            #expect(all.status == .noError && all.objects.map(Self.merged).sorted() == ["Test_A, a, A of a", "Test_A, c, A of c"])
        }
        #expect(
            try await client.run(.query("SELECT * FROM Test_A WHERE FromA = 'A of a'")).objects.map(Self.merged) == ["Test_A, a, A of a"])
        #expect(try await client.run(.get("Test_A.Name=\"a\"")).objects.map(Self.merged) == ["Test_A, a, A of a"])
        #expect(try await client.run(.delete("Test_A.Name=\"a\"")).status == .noError)
        #expect(try await client.run(.put([("__CLASS", .string("Test_A")), ("Name", .string("a"))])).status == .noError)
        #expect(
            Set(line.calls()) == [
                "A CreateInstanceEnum Test_A", "A GetObject Test_A.Name=\"a\"", "A DeleteInstance Test_A.Name=\"a\"",
                "A PutInstance Test_A",
            ])
        try await expectQuiet(line.scene)
    }

    @Test("C.5: methods that need no instance are inherited with their implementation, also by a class without a provider")
    func methodsWithoutInstance() async throws {
        let line = try await Line.start()
        for (path, method, ran) in [
            ("Test_B", "WhoStatic", "Test_A"), ("Test_B.Name=\"x\"", "WhoStatic", "Test_A.Name=\"x\""),
            ("Test_B.Name=\"x\"", "WhoBypassing", "Test_A.Name=\"x\""),
        ] {
            let result = try await line.scene.client.run(.invoke(path, method))
            #expect(result.objects.first?["ReturnValue"]?.text == "A \(ran) \(method)", "\(path) \(method): \(result.message)")
        }
        try await expectQuiet(line.scene)
    }

    @Test(
        "C.4: an object of a class without a provider, which the provider of the class above sends, is InvalidObject; a path of it is none")
    func objects() async throws {
        let line = try await Line.start()
        let client = line.scene.client
        let object: [(String, DBusValue)] = [("__CLASS", .string("Test_B")), ("Name", .string("b")), ("FromB", .string("b"))]
        line.a.on("CreateInstanceEnumAsync") { $0.reply(.noError, [object]) }
        line.a.on("GetObjectAsync") { $0.reply(.noError, [object]) }
        for operation in [RawOperation.enumerate("Test_A"), .get("Test_A.Name=\"b\""), .query("SELECT * FROM Test_A")] {
            let result = try await client.run(operation, .async)
            #expect(result.status == .invalidObject && result.objects.isEmpty, "\(operation): \(result.status.hex)")
            #expect(result.message.contains("Test_B, which is dynamic and names no provider"), "\(result.message)")
        }
        line.a.on("PutInstanceAsync") { call in
            call.reply(references: 1)
            try await call.sink.setStatus(.noError, parameter: "Test_B.Name=\"b\"")
            try await call.sink.release()
        }
        let put = try await client.run(.put([("__CLASS", .string("Test_A")), ("Name", .string("b"))]), .async)
        #expect(put.status == .noError && put.parameter == "Test_A.Name=\"b\"", "\(put)")
        try await expectQuiet(line.scene)
    }

    // MARK: - Between two that are served

    @Test(
        "C.1 R38 R62: a class without a provider between two that have one is passed over: a put of the lowest asks those two",
        arguments: CallForm.allCases)
    func between(form: CallForm) async throws {
        let line = try await Line.start(withC: true)
        let client = line.scene.client
        let put = try await client.run(
            .put([("__CLASS", .string("Test_C")), ("Name", .string("c")), ("FromA", .string("a")), ("FromB", .string("b"))]), form)
        #expect(put.status == .noError && put.parameter == "Test_C.Name=\"c\"", "\(put.message)")
        #expect(line.calls() == ["A PutInstance Test_A", "C PutInstance Test_C"])
        #expect(line.c?.calls.all.first?.input["FromB"]?.text == "b")
        let before = line.count
        // What is not of the class below is nobody's.
        #expect(try await client.run(.put(Self.put), form).status == .providerNotFound)
        #expect(try await client.run(.enumerate("Test_B"), form, flags: 1).status == .providerNotFound)
        #expect(try await client.run(.get("Test_B.Name=\"c\""), form, flags: 0x200).status == .providerNotFound)
        #expect(line.calls(since: before) == [])

        let whole = "Test_C, c, A of c, B of c, C of c"
        for operation in [
            RawOperation.enumerate("Test_B"), .enumerate("Test_C"), .query("SELECT * FROM Test_B"),
            .query("SELECT * FROM Test_B WHERE Name = 'c'"),
            .get("Test_B.Name=\"c\""), .get("Test_C.Name=\"c\""),
        ] {
            let result = try await client.run(operation, form)
            #expect(result.status == .noError && result.objects.map(Self.merged) == [whole], "\(operation): \(result)")
        }
        let all = try await client.run(.enumerate("Test_A"), form)
        #expect(all.objects.map(Self.merged).sorted() == ["Test_A, a, A of a", whole], "\(all)")
        #expect(try await client.run(.get("Test_B.Name=\"a\""), form).status == .notFound)
        let read = line.count
        #expect(try await client.run(.delete("Test_B.Name=\"c\""), form).status == .noError)
        #expect(line.calls(since: read) == ["A DeleteInstance Test_A.Name=\"c\"", "C DeleteInstance Test_C.Name=\"c\""])
        try await expectQuiet(line.scene)
    }

    @Test(
        "C.5: a path of the class between two that are served is one of an instance below it; where none is, a method has nothing to run on"
    )
    func methodsBetween() async throws {
        let line = try await Line.start(withC: true)
        try await line.scene.client.mustCompile(
            "[dynamic, provider(\"ProviderC\")] class Test_D : Test_B { [Implemented] string Who(); [Implemented] string Mine(); };")
        let client = line.scene.client
        // The provider of both says which class an instance is of.
        line.c?.on("GetObjectAsync") { call in
            let className = call.target.hasPrefix("Test_D") ? "Test_D" : "Test_C"
            guard call.target.contains(className == "Test_D" ? "\"d\"" : "\"c\"") else { return call.fail(.notFound, "not mine") }
            call.reply(.noError, [[("__CLASS", .string(className)), ("Name", .string(className == "Test_D" ? "d" : "c"))]])
        }
        for (path, method, ran) in [
            ("Test_B.Name=\"d\"", "Who", "C Test_D.Name=\"d\" Who"), ("Test_B.Name=\"c\"", "Who", "A Test_A.Name=\"c\" Who"),
            ("Test_B.Name=\"d\"", "Mine", "C Test_D.Name=\"d\" Mine"), ("Test_B.Name=\"c\"", "Mine", "C Test_C.Name=\"c\" Mine"),
        ] {
            let result = try await client.run(.invoke(path, method))
            #expect(result.objects.first?["ReturnValue"]?.text == ran, "\(path) \(method): \(result.message)")
        }
        #expect(try await client.run(.invoke("Test_B.Name=\"x\"", "Who")).status == .notFound)
        try await expectQuiet(line.scene)
    }

    // MARK: - How it gets one

    @Test("R38: the flavor to subclass hands a provider down: such a class is served by the provider above, as one that names it")
    func handedDown() async throws {
        let scene = try await Scene.start()
        let a = try await Line.provider("A", scene)
        try await a.register(
            mof: """
                [dynamic : ToSubclass, provider("ProviderA") : ToSubclass] class Test_A { [key] string Name; string FromA; };
                class Test_B : Test_A { string FromB; };
                """)
        let put = try await scene.client.run(.put(Self.put), .async)
        #expect(put.status == .noError && put.parameter == "Test_B.Name=\"n\"", "\(put.message)")
        #expect(a.calls.all.map { $0.input["__CLASS"]?.text } == ["Test_B"])
        #expect(a.calls.all.first?.input["FromB"]?.text == "b")
        #expect(try await scene.client.compile(Line.b).message.isEmpty)
        try await expectQuiet(scene)
    }

    @Test("C.1 R41: a provider that the class is given afterwards serves it from then on, before and after it registers")
    func afterwards() async throws {
        let line = try await Line.start()
        let client = line.scene.client
        #expect(try await client.run(.put(Self.put)).status == .providerNotFound)
        try await client.mustCompile(Line.b.replacing("[dynamic]", with: "[dynamic, provider(\"ProviderB\")]"))
        // It is named and not there yet: that is what the put says, with the class.
        let early = try await client.run(.put(Self.put), .async)
        #expect(early.status == .providerNotFound && early.message.contains("ProviderB"), "\(early.message)")
        #expect(early.details["ParameterInfo"]?.text == "Test_B")
        let before = line.count
        let b = try await Line.provider("B", line.scene)
        try await b.register(mof: Line.b.replacing("[dynamic]", with: "[dynamic, provider(\"ProviderB\")]"))
        let put = try await client.run(.put(Self.put), .async)
        #expect(put.status == .noError && put.parameter == "Test_B.Name=\"n\"", "\(put.message)")
        #expect(line.calls(since: before) == ["A PutInstance Test_A"])
        #expect(b.calls.all.map { $0.input["FromB"]?.text } == ["b"])
        #expect(try await client.run(.enumerate("Test_B")).objects.map(Self.merged) == ["Test_B, b, B of b"])
        try await expectQuiet(line.scene)
    }

    // MARK: - Its definition

    @Test("A.2.5 R38: the definition of a dynamic class without a provider is stored, with a warning that names it and its place")
    func definition() async throws {
        let line = try await Line.start(b: "class Test_Static { [key] string Name; };")
        let client = line.scene.client
        for options in [Int32(1), 0] {
            let result = try await client.compile("\n" + Line.b, options: options)
            #expect(result.phase == 0, "\(result.message)")
            #expect(result.message.contains("<buffer>:2:1: warning: class Test_B is dynamic and names no provider"), "\(result.message)")
        }
        // An abstract one has no instances to provide.
        #expect(try await client.compile("[abstract, dynamic] class Test_E { [key] string Name; };").message.isEmpty)
        let late = try await Line.provider("C", line.scene)
        try await late.register(mof: Line.c + "[dynamic] class Test_F : Test_C { };")
        let warnings = try await client.property(late.registrationPath, Contract.registration, "Warnings")
        #expect(
            warnings.elements?.compactMap(\.text).contains { $0.contains("Test_F is dynamic and names no provider") } == true, "\(warnings)"
        )
        try await expectQuiet(line.scene)
    }

    @Test("I.4: an association class that is dynamic and names no provider has no associations; who asks for it alone is told so")
    func associations() async throws {
        let line = try await Line.start()
        let client = line.scene.client
        try await client.mustCompile(
            """
            [association, dynamic, provider("ProviderA")] class Test_Link { [key] Test_A REF One; [key] Test_A REF Other; };
            [association, dynamic] class Test_Sub : Test_Link { };
            """)
        line.a.on("CreateInstanceEnumAsync") { call in
            guard call.target == "Test_Link" else { return call.fail(.failed, "asked for \(call.target)") }
            call.reply(
                .noError,
                [
                    [
                        ("__CLASS", .string("Test_Link")), ("One", .string("Test_A.Name=\"a\"")), ("Other", .string("Test_A.Name=\"c\"")),
                    ]
                ])
        }
        let all = try await client.run(.query("ASSOCIATORS OF {Test_A.Name=\"a\"}"), .async)
        #expect(all.objects.map(Self.merged) == ["Test_A, c, A of c"], "\(all.message)")
        for text in [
            "ASSOCIATORS OF {Test_A.Name=\"a\"} WHERE AssocClass = Test_Sub",
            "REFERENCES OF {Test_A.Name=\"a\"} WHERE ResultClass = Test_Sub",
        ] {
            let one = try await client.run(.query(text), .async)
            #expect(one.status == .providerNotFound && one.message.contains("Test_Sub"), "\(text): \(one.status.hex) \(one.message)")
        }
        let schema = try await client.run(.query("REFERENCES OF {Test_A} WHERE SchemaOnly"), .async)
        #expect(schema.status == .noError && schema.objects.contains { $0["__CLASS"]?.text == "Test_Sub" }, "\(schema)")
        try await expectQuiet(line.scene)
    }
}
