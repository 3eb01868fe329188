import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// A class hierarchy that several providers serve (Semantics C.1 to C.5).
    @Suite struct HierarchyTests {
        /// `Test_A`, below it `Test_B`, below it `Test_C` and `Test_D`: each of a provider of its own.
        struct Family {
            let scene: Scene
            let a: RawProvider
            let b: RawProvider
            let c: RawProvider
            let d: RawProvider
            var all: [RawProvider] { [a, b, c, d] }

            /// - Parameter options: the broker's.
            static func start(abstract: String = "", options: [String] = []) async throws -> Family {
                let scene = try await Scene.start(options: options)
                func provider(_ letter: String, _ parent: String) async throws -> RawProvider {
                    let provider = try await RawProvider.start(
                        on: scene.bus, name: "Provider\(letter)", className: "Test_\(letter)", registers: false)
                    let isAbstract = abstract.contains(letter) ? "Abstract, " : ""
                    let key = parent.isEmpty ? "[key] string Name;" : ""
                    try await provider.register(
                        mof: """
                            [\(isAbstract)dynamic, provider("Provider\(letter)")]
                            class Test_\(letter)\(parent.isEmpty ? "" : " : Test_\(parent)")
                            {
                                \(key)
                                string From\(letter);
                                [Implemented] string Who();
                            };
                            """)
                    return provider
                }
                let a = try await provider("A", "")
                let b = try await provider("B", "A")
                return Family(scene: scene, a: a, b: b, c: try await provider("C", "B"), d: try await provider("D", "B"))
            }

            /// Every provider has the instances of its class with these names, and says who it is.
            func have(_ names: [String: [String]]) {
                for provider in all {
                    let letter = String(provider.className.suffix(1))
                    let mine = names[letter] ?? []
                    @Sendable func object(_ name: String) -> [(String, DBusValue)] {
                        [
                            ("__CLASS", .string(provider.className)), ("Name", .string(name)),
                            ("From\(letter)", .string("\(letter) of \(name)")),
                        ]
                    }
                    provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, mine.map(object)) }
                    provider.on("GetObjectAsync") { call in
                        guard let path = try? CIMObjectPath(parsing: call.target), let name = path[key: "Name"]?.value.stringValue,
                            mine.contains(name)
                        else { return call.fail(.notFound, "not mine") }
                        call.reply(.noError, [object(name)])
                    }
                }
            }

            /// Calls that were made, as `letter method target`.
            func calls() -> [String] {
                all.flatMap { provider in
                    provider.calls.all.map {
                        "\(provider.className.suffix(1)) \($0.method.dropLast(5)) \($0.input["__CLASS"]?.text ?? $0.target)"
                    }
                }
            }
        }

        private func merged(_ object: [String: DBusValue]) -> String {
            ["__CLASS", "Name", "FromA", "FromB", "FromC", "FromD"].compactMap { object[$0]?.text }.joined(separator: ", ")
        }

        // MARK: - Keys

        @Test("W22: below a concrete class without keys a class brings some: what the class above has are no parts of its instances")
        func keysBelow() async throws {
            let scene = try await Scene.start()
            func provider(_ letter: String, _ mof: String) async throws -> RawProvider {
                let provider = try await RawProvider.start(
                    on: scene.bus, name: "Provider\(letter)", className: "Test_\(letter)", registers: false)
                try await provider.register(mof: "[dynamic, provider(\"Provider\(letter)\")] class Test_\(letter) \(mof);")
                provider.on("PutInstanceAsync") { $0.reply() }
                provider.on("DeleteInstanceAsync") { $0.reply() }
                return provider
            }
            let a = try await provider("A", "{ string FromA; }")
            let b = try await provider("B", ": Test_A { [key] string Name; }")
            let object: [(String, DBusValue)] = [("__CLASS", .string("Test_B")), ("Name", .string("n")), ("FromA", .string("b"))]
            a.on("CreateInstanceEnumAsync") { $0.reply(.noError, [[("__CLASS", .string("Test_A")), ("FromA", .string("a"))]]) }
            b.on("CreateInstanceEnumAsync") { $0.reply(.noError, [object]) }
            b.on("GetObjectAsync") { $0.reply(.noError, [object]) }
            let client = scene.client
            let all = try await client.run(.enumerate("Test_A"), .async)
            #expect(all.status == .noError && Set(all.objects.compactMap { $0["FromA"]?.text }) == ["a", "b"], "\(all.message)")
            #expect(try await client.run(.enumerate("Test_B")).objects.map { $0["FromA"]?.text } == ["b"])
            let path = "Test_B.Name=\"n\""
            #expect(try await client.run(.get(path)).objects.first?["FromA"]?.text == "b")
            #expect(try await client.run(.put(object), .async).parameter == path)
            #expect(try await client.run(.delete(path)).status == .noError)
            #expect(a.calls.all.map(\.method) == ["CreateInstanceEnumAsync"])
            try await expectQuiet(scene, next: .enumerate("Test_A"))
        }

        // MARK: - Put

        @Test(
            "C.1 R38 R62 R63: a put goes to every ancestor's provider as its own class, and succeeds when all did",
            arguments: CallForm.allCases)
        func put(form: CallForm) async throws {
            let family = try await Family.start()
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            let result = try await family.scene.client.run(
                .put([("__CLASS", .string("Test_C")), ("Name", .string("n")), ("FromA", .string("a")), ("FromC", .string("c"))]), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.parameter == "Test_C.Name=\"n\"")
            #expect(family.calls() == ["A PutInstance Test_A", "B PutInstance Test_B", "C PutInstance Test_C"])
            #expect(family.a.calls.all.first?.input["FromA"]?.text == "a")
            #expect(family.a.calls.all.first?.input["FromC"] == nil)
            #expect(family.c.calls.all.first?.input["FromA"]?.text == "a")
            try await expectQuiet(family.scene)
        }

        @Test("C.1 R64 R65: the first failure stops a put, is the client's result, and names its class")
        func putFails() async throws {
            let family = try await Family.start()
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            family.b.on("PutInstanceAsync") { $0.fail(.accessDenied, "not today") }
            let result = try await family.scene.client.run(.put([("__CLASS", .string("Test_C")), ("Name", .string("n"))]), .async)
            #expect(result.status == .accessDenied)
            #expect(result.details["ParameterInfo"]?.text == "Test_B")
            #expect(result.message.contains("not today"))
            #expect(family.calls() == ["A PutInstance Test_A", "B PutInstance Test_B"])
            try await expectQuiet(family.scene)
        }

        @Test("R66: a key that the topmost provider chose is the whole instance's")
        func putKey() async throws {
            let family = try await Family.start()
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            family.a.on("PutInstanceAsync") { call in
                call.reply(.noError, references: 1, [])
                try await call.sink.setStatus(.noError, parameter: "Test_A.Name=\"chosen\"")
                try await call.sink.release()
            }
            let result = try await family.scene.client.run(.put([("__CLASS", .string("Test_B"))]), .async)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.parameter == "Test_B.Name=\"chosen\"")
            // Nobody else chooses one before.
            #expect(family.a.calls.all.map { $0.input["Name"] } == [nil])
            #expect(family.b.calls.all.first?.input["Name"]?.text == "chosen")
        }

        // MARK: - Delete

        @Test("C.2 R136: a delete goes to every concrete class with the path as its own, and the topmost one decides")
        func delete() async throws {
            let family = try await Family.start()
            for provider in [family.b, family.c, family.d] { provider.on("DeleteInstanceAsync") { $0.fail(.notFound, "not mine") } }
            family.a.on("DeleteInstanceAsync") { $0.reply() }
            let result = try await family.scene.client.run(.delete("Test_B.Name=\"n\""))
            #expect(result.status == .noError, "\(result.message)")
            #expect(
                Set(family.calls())
                    == ["A", "B", "C", "D"].reduce(into: Set<String>()) { $0.insert("\($1) DeleteInstance Test_\($1).Name=\"n\"") })
            family.a.on("DeleteInstanceAsync") { $0.fail(.vetoDelete, "stays") }
            for provider in [family.b, family.c, family.d] { provider.on("DeleteInstanceAsync") { $0.reply() } }
            let refused = try await family.scene.client.run(.delete("Test_B.Name=\"n\""))
            #expect(refused.status == .vetoDelete)
            #expect(refused.message.contains("stays"))
            try await expectQuiet(family.scene)
        }

        @Test(
            "C.2 R136: below abstract classes, which nobody is asked for, several decide about a delete: one success is enough, else what says more than NotFound",
            arguments: CallForm.allCases)
        func deleteBelowAbstract(form: CallForm) async throws {
            let family = try await Family.start(abstract: "AB")
            let delete = RawOperation.delete("Test_B.Name=\"n\"")
            for (c, d, status) in [
                (WBEMStatus.noError, WBEMStatus.notFound, WBEMStatus.noError), (.notFound, .noError, .noError),
                (.noError, .noError, .noError), (.notFound, .accessDenied, .accessDenied), (.accessDenied, .notFound, .accessDenied),
                (.providerNotCapable, .vetoDelete, .vetoDelete), (.notFound, .notFound, .notFound),
            ] {
                family.c.on("DeleteInstanceAsync") { $0.reply(c) }
                family.d.on("DeleteInstanceAsync") { $0.reply(d) }
                let result = try await family.scene.client.run(delete, form)
                #expect(result.status == status, "\(c) and \(d): \(result.message)")
            }
            #expect(family.all.map(\.calls.all.count) == [0, 0, 7, 7])
            try await expectQuiet(family.scene)
        }

        // MARK: - Get

        @Test("C.3: a get is put together from the providers of the class and its ancestors", arguments: CallForm.allCases)
        func get(form: CallForm) async throws {
            let family = try await Family.start()
            family.have(["A": ["n"], "B": ["n"], "C": ["n"]])
            let result = try await family.scene.client.run(.get("Test_C.Name=\"n\""), form)
            #expect(result.objects.map(merged) == ["Test_C, n, A of n, B of n, C of n"], "\(result.message)")
            #expect(result.objects.first?["__PATH"]?.text?.hasSuffix("Test_C.Name=\"n\"") == true)
            try await expectQuiet(family.scene)
        }

        @Test(
            "C.3: unknown to the most derived is NotFound; a parent that cannot leaves NULL; any other parent's error fails; DIRECT_READ asks one"
        )
        func getRules() async throws {
            let family = try await Family.start()
            let client = family.scene.client
            family.have(["A": ["n", "m"], "B": ["n", "m"], "C": ["n"]])
            #expect(try await client.run(.get("Test_C.Name=\"m\"")).status == .notFound)
            let direct = try await client.run(.get("Test_C.Name=\"n\""), flags: 0x200)
            #expect(direct.objects.map(merged) == ["Test_C, n, C of n"])
            family.a.on("GetObjectAsync") { $0.fail(.providerNotCapable, "no gets") }
            #expect(try await client.run(.get("Test_C.Name=\"n\"")).objects.map(merged) == ["Test_C, n, B of n, C of n"])
            family.a.on("GetObjectAsync") { $0.fail(.accessDenied, "secret") }
            #expect(try await client.run(.get("Test_C.Name=\"n\"")).status == .accessDenied)
            try await expectQuiet(family.scene)
        }

        // MARK: - Enumerate

        @Test("C.4: a deep enumeration has each instance once, as its most derived class, complete", arguments: CallForm.allCases)
        func deep(form: CallForm) async throws {
            let family = try await Family.start()
            family.have(["A": ["a", "b", "c", "d"], "B": ["b", "c", "d"], "C": ["c"], "D": ["d"]])
            let result = try await family.scene.client.run(.enumerate("Test_A"), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(
                Set(result.objects.map(merged)) == [
                    "Test_A, a, A of a", "Test_B, b, A of b, B of b", "Test_C, c, A of c, B of c, C of c",
                    "Test_D, d, A of d, B of d, D of d",
                ])
            #expect(result.objects.count == 4)
            let below = try await family.scene.client.run(.enumerate("Test_C"), form)
            #expect(below.objects.map(merged) == ["Test_C, c, A of c, B of c, C of c"])
            try await expectQuiet(family.scene)
        }

        @Test("C.4 R1: SHALLOW has only objects of exactly this class; DIRECT_READ only this provider's")
        func shallow() async throws {
            let family = try await Family.start()
            // B's provider knows neither the class of c nor its own of d.
            family.have(["A": ["a", "b"], "C": ["c"]])
            let client = family.scene.client
            family.b.on("CreateInstanceEnumAsync") { call in
                call.reply(
                    .noError,
                    [("b", "Test_B"), ("c", "Test_B"), ("d", "Test_D")].map { [("__CLASS", .string($1)), ("Name", .string($0))] })
            }
            for operation in [RawOperation.enumerate("Test_B"), .query("SELECT * FROM Test_B WHERE __CLASS = 'Test_B'")] {
                let shallow = try await client.run(operation, flags: operation.member == "ExecQuery" ? 0 : 1)
                #expect(shallow.objects.map(merged) == ["Test_B, b, A of b"], "\(operation)")
            }
            let before = family.calls().count
            let direct = try await client.run(.enumerate("Test_A"), flags: 0x200)
            #expect(direct.objects.count == 2)
            #expect(family.calls().count == before + 1)
            try await expectQuiet(family.scene)
        }

        @Test("C.4: an ancestor's provider that cannot enumerate leaves NULL; any other error ends the enumeration with it")
        func enumerationErrors() async throws {
            let family = try await Family.start()
            family.have(["B": ["b"]])
            family.a.on("CreateInstanceEnumAsync") { $0.fail(.providerNotCapable, "no") }
            #expect(try await family.scene.client.run(.enumerate("Test_B")).objects.map(merged) == ["Test_B, b, B of b"])
            family.c.on("CreateInstanceEnumAsync") { call in
                call.abandon()
                await call.provider.close()
            }
            let dead = try await family.scene.client.run(.enumerate("Test_B"), .async)
            #expect(dead.status == .providerFailure)
            #expect(dead.details["ProviderName"]?.text == "ProviderC")
            try await expectQuiet(family.scene)
        }

        // MARK: - Methods

        @Test(
            "C.5: a method of a parent class's path runs the override of the instance's class; an inherited one runs where it is implemented"
        )
        func methods() async throws {
            let family = try await Family.start()
            family.have(["B": ["n"], "C": ["n"]])
            for provider in family.all {
                let letter = String(provider.className.suffix(1))
                provider.on("ExecMethodAsync") { call in
                    call.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .string("\(letter) \(call.target)"))]])
                }
            }
            let result = try await family.scene.client.run(.invoke("Test_B.Name=\"n\"", "Who"))
            #expect(result.objects.first?["ReturnValue"]?.text == "C Test_C.Name=\"n\"", "\(result.message)")
            let leaf = try await family.scene.client.run(.invoke("Test_D.Name=\"n\"", "Who"))
            #expect(leaf.objects.first?["ReturnValue"]?.text == "D Test_D.Name=\"n\"")
            try await expectQuiet(family.scene)
        }

        @Test(
            "C.5: an override without Implemented, or Disabled, does not run, whether the path names its class or one above",
            arguments: CallForm.allCases)
        func refusedOverrides(form: CallForm) async throws {
            let family = try await Family.start()
            for (qualifiers, status) in [("", WBEMStatus.methodNotImplemented), ("[Implemented, Disabled]", .methodDisabled)] {
                try await family.d.unregister()
                try await family.d.register(
                    mof: """
                        [dynamic, provider("ProviderD")] class Test_D : Test_B { string FromD; \(qualifiers) string Who(); };
                        """)
                family.have(["B": ["n"], "D": ["n"]])
                for path in ["Test_B", "Test_D"] {
                    let result = try await family.scene.client.run(.invoke("\(path).Name=\"n\"", "Who"), form)
                    #expect(result.status == status, "\(path): \(result.message)")
                    #expect(result.message.contains("Test_D.Who"), "\(result.message)")
                }
            }
            for provider in family.all { #expect(!provider.calls.all.contains { $0.method == "ExecMethodAsync" }) }
            try await expectQuiet(family.scene)
        }
    }
}
