import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// IWbemContext: what reaches a provider, and what a nested call loses (Semantics C.1.3; Design L12).
    @Suite struct ContextTests {
        private static let partial: [(String, DBusValue)] = [
            ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["Text"])), ("__PUT_EXT_STRICT_NULLS", .boolean(true)),
            ("__PUT_EXT_ATOMIC", .boolean(true)), ("__PUT_EXT_CLIENT_REQUEST", .boolean(true)), ("Special", .uint32(7)),
        ]

        @Test(
            "R52 R68 R69 R70 R71 R72 R73 R97 R124: a context reaches the provider as it is, but for CLIENT_REQUEST and the broker's own keys"
        )
        func passedOn() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let thing = provider.thing("thing0", 5)
            let context = Self.partial + [("__CLIENT_UID", .uint32(4711)), ("__client_name", .string("somebody else"))]
            for operation in [
                RawOperation.put(thing), .delete("Test_Thing.Name=\"thing0\""),
                .invoke("Test_Thing.Name=\"thing1\"", "Echo", [("sInArg", .string("x"))]),
                .get("Test_Thing.Name=\"thing1\""), .enumerate("Test_Thing"),
            ] {
                #expect(try await scene.client.run(operation, context: context).status == .noError)
                let seen = try #require(provider.calls.all.last?.context)
                #expect(seen["__PUT_EXTENSIONS"] == .boolean(true), "\(operation)")
                #expect(seen["__PUT_EXT_PROPERTIES"]?.elements?.compactMap(\.text) == ["Text"])
                #expect(seen["__PUT_EXT_STRICT_NULLS"] == .boolean(true))
                #expect(seen["__PUT_EXT_ATOMIC"] == .boolean(true))
                #expect(seen["Special"] == .uint32(7))
                #expect(seen["__PUT_EXT_CLIENT_REQUEST"] == nil)
                #expect(seen["__CLIENT_UID"] != .uint32(4711))
                #expect(seen["__client_name"] == nil)
            }
            try await expectQuiet(scene)
        }

        @Test("C.1.3: a nested call loses the put's and the read's extensions, unless it says that they are its own")
        func nested() async throws {
            let scene = try await Scene.start()
            let outer = try await scene.provider()
            let inner = try await RawProvider.start(on: scene.bus, name: "Inner", className: "Test_Inner")
            for claims in [false, true] {
                outer.on("GetObjectAsync") { call in
                    var context = call.context.map { ($0.key, $0.value) }
                    if claims {
                        context.append(("__PUT_EXT_CLIENT_REQUEST", .boolean(true)))
                        context.append(("__GET_EXT_CLIENT_REQUEST", .boolean(true)))
                    }
                    let message = try Message.methodCall(
                        destination: BusName(Contract.busName), path: RawClient.cimv2, interface: Contract.services,
                        member: MemberName(verified: "GetObject"),
                        values: [.string("Test_Inner.Name=\"thing0\""), .int32(0), .dictionary(context)])
                    _ = try await call.provider.connection.call(message)
                    call.reply(.noError, [call.provider.thing("thing0")])
                }
                let context: [(String, DBusValue)] = [
                    ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["Text"])), ("Special", .uint32(7)),
                    ("__GET_EXT_KEYS_ONLY", .boolean(true)),
                ]
                #expect(try await scene.client.run(.get("Test_Thing.Name=\"thing0\""), context: context).status == .noError)
                let seen = try #require(inner.calls.all.last?.context)
                #expect(seen["Special"] == .uint32(7))
                #expect((seen["__PUT_EXTENSIONS"] != nil) == claims)
                #expect((seen["__PUT_EXT_PROPERTIES"] != nil) == claims)
                #expect((seen["__GET_EXT_KEYS_ONLY"] != nil) == claims)
                #expect(seen["__PUT_EXT_CLIENT_REQUEST"] == nil)
            }
            try await expectQuiet(scene)
        }

        @Test(
            "R45 R75 R76: a provider's refusal of a flag, a property or a partial put is the client's result, as it is",
            arguments: CallForm.allCases)
        func refusals(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for status in [WBEMStatus.providerNotCapable, .unsupportedParameter, .unsupportedPutExtension, .accessDenied] {
                provider.on("PutInstanceAsync") { $0.fail(status, "refused in so many words") }
                let result = try await scene.client.run(.put(provider.thing("thing0")), form, flags: 2, context: Self.partial)
                #expect(result.status == status)
                #expect(provider.calls.all.last?.flags == 2)
                #expect(result.message.contains("refused in so many words"))
            }
            try await expectQuiet(scene)
        }

        @Test(
            "C.1.3: a read of keys only, or of some properties, has no more than those, whatever the provider gives",
            arguments: CallForm.allCases)
        func partialReads(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            func names(_ operation: RawOperation, _ context: [(String, DBusValue)]) async throws -> Set<String> {
                let result = try await scene.client.run(operation, form, context: [("__GET_EXTENSIONS", .boolean(true))] + context)
                #expect(result.status == .noError, "\(result.message)")
                return Set(result.objects.flatMap { $0.keys.filter { !$0.hasPrefix("__") } })
            }
            for operation in [RawOperation.get("Test_Thing.Name=\"thing1\""), .enumerate("Test_Thing")] {
                #expect(try await names(operation, [("__GET_EXT_KEYS_ONLY", .boolean(true))]) == ["Name"])
                #expect(try await names(operation, [("__GET_EXT_PROPERTIES", .strings(["number", "Text"]))]) == ["Name", "Number"])
                #expect(
                    try await names(
                        operation, [("__GET_EXT_PROPERTIES", .strings(["Number"])), ("__GET_EXT_KEYS_ONLY", .boolean(true))]) == ["Name"])
                #expect(try await names(operation, []) == ["Name", "Number"])
            }
            // The provider is told, and may do less.
            #expect(provider.calls.all.contains { $0.context["__GET_EXT_KEYS_ONLY"] == .boolean(true) })
            try await expectQuiet(scene)
        }

        @Test(
            "C.1.3: what asks for a partial put or read and cannot be read as its type is InvalidContext, which names it; nobody is asked")
        func wrongTypes() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let flags = [
                "__PUT_EXTENSIONS", "__PUT_EXT_STRICT_NULLS", "__PUT_EXT_ATOMIC", "__PUT_EXT_CLIENT_REQUEST", "__GET_EXTENSIONS",
                "__GET_EXT_KEYS_ONLY", "__GET_EXT_CLIENT_REQUEST", "__get_ext_keys_only", "__DERIVED_SYSTEM_PROPERTIES",
                "__CLASS_SHAPE",
            ]
            let mixed = DBusValue.array(element: Signature(verified: "v"), [.variant(.string("Text")), .variant(.int32(1))])
            let wrong: [(String, DBusValue, String)] =
                flags.flatMap { [($0, .uint32(2), "TRUE or FALSE"), ($0, .string("maybe"), "TRUE or FALSE")] }
                + ["__PUT_EXT_PROPERTIES", "__GET_EXT_PROPERTIES"].flatMap {
                    [($0, .string("Text"), "array of strings"), ($0, mixed, "array of strings"), ($0, .boolean(true), "array of strings")]
                } + [("__GET_EXT_PROPERTIES", .strings(["Name", "*"]), "\"*\"")]
            for (name, value, words) in wrong {
                for operation in [RawOperation.put(provider.thing("thing0")), .get(thing("thing0")), .enumerate("Test_Thing")] {
                    let error = await #expect(throws: DBusError.self) {
                        _ = try await scene.client.start(operation, .async, context: [(name, value)])
                    }
                    let failure = error.map { CIMError($0) }
                    #expect(failure?.status == .invalidContext, "\(name) \(value)")
                    #expect(
                        failure?.message.contains(name) == true && failure?.message.contains(words) == true, "\(failure?.message ?? "")")
                }
            }
            #expect(provider.calls.all.isEmpty)
            // An empty list is a list.
            let empty: [(String, DBusValue)] = [("__GET_EXTENSIONS", .boolean(true)), ("__GET_EXT_PROPERTIES", .strings([]))]
            #expect(try await scene.client.run(.get(thing("thing0")), context: empty).status == .noError)
            try await expectQuiet(scene)
        }

        @Test(
            "C.1.3: what a client wants less than everything takes nothing from a condition, a merge or an association",
            arguments: CallForm.allCases)
        func partialReadsOfMany(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            let scene = family.scene
            family.have(["A": ["x"], "B": ["x"]])
            for provider in [family.a, family.b] {
                let letter = String(provider.className.suffix(1))
                // It gives what is asked for, and nothing else, keys included.
                provider.on("CreateInstanceEnumAsync") { call in
                    let all: [(String, DBusValue)] = [("Name", .string("x")), ("From\(letter)", .string(letter))]
                    var wanted: Set<String>?
                    if call.context["__GET_EXTENSIONS"] == .boolean(true) {
                        wanted = Set((call.context["__GET_EXT_PROPERTIES"]?.elements ?? []).compactMap(\.text))
                        if call.context["__GET_EXT_KEYS_ONLY"] == .boolean(true) { wanted = ["Name"] }
                    }
                    call.reply(.noError, [[("__CLASS", .string(call.target))] + all.filter { wanted?.contains($0.0) ?? true }])
                }
            }
            func read(_ operation: RawOperation, _ context: [(String, DBusValue)]) async throws -> [[String: DBusValue]] {
                let result = try await scene.client.run(operation, form, context: [("__GET_EXTENSIONS", .boolean(true))] + context)
                #expect(result.status == .noError, "\(result.message)")
                return result.objects.map { $0.filter { !$0.key.hasPrefix("__") } }
            }
            let keysOnly: [(String, DBusValue)] = [("__GET_EXT_KEYS_ONLY", .boolean(true))]
            let fromA: [(String, DBusValue)] = [("__GET_EXT_PROPERTIES", .strings(["FromA"]))]
            for query in ["SELECT * FROM Test_A WHERE FromA = 'A' AND __CLASS = 'Test_B'", "SELECT * FROM Test_B WHERE FromB = 'B'"] {
                #expect(try await read(.query(query), keysOnly) == [["Name": .string("x")]])
                #expect(try await read(.query(query), fromA) == [["Name": .string("x"), "FromA": .string("A")]])
            }
            #expect(try await read(.enumerate("Test_A"), fromA) == [["Name": .string("x"), "FromA": .string("A")]])
            #expect(try await read(.enumerate("Test_A"), keysOnly) == [["Name": .string("x")]])
            try await expectQuiet(scene)
        }

        @Test("R50 R51 R70 R71: a put of a stored instance writes every property; a partial one only those it names")
        func stored() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let compiler = try await client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [
                    .string("class Test_Stored { [key] string Name; string A = \"default\"; string B; };"), .string(""), .int32(0),
                    .int32(0), .int32(0),
                ])
            #expect(compiler.first == .int32(0), "\(compiler)")
            func put(_ values: [(String, DBusValue)], _ context: [(String, DBusValue)] = []) async throws -> [String?] {
                let written = try await client.run(
                    .put([("__CLASS", .string("Test_Stored")), ("Name", .string("n"))] + values), context: context)
                #expect(written.status == .noError, "\(written.message)")
                let read = try await client.run(.get("Test_Stored.Name=\"n\"")).objects.first
                return [read?["A"]?.text, read?["B"]?.text]
            }
            #expect(try await put([("A", .string("a")), ("B", .string("b"))]) == ["a", "b"])
            #expect(
                try await put(
                    [("A", .string("x")), ("B", .string("y"))],
                    [("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["b"]))]) == ["a", "y"])
            // What a partial put lists and does not have becomes NULL.
            let nulls: [(String, DBusValue)] = [
                ("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(["B"])), ("__PUT_EXT_STRICT_NULLS", .boolean(true)),
            ]
            #expect(try await put([("A", .string("x"))], nulls) == ["a", nil])
            // Absent is NULL.
            #expect(try await put([("B", .string("z"))]) == [nil, "z"])
            try await expectQuiet(scene)
        }

        @Test("R71: a partial put that creates writes what its list names and nothing else, and refuses what the class has not")
        func creating() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile("class Test_Stored { [key] string Name; string A; string B; string C = \"default\"; };")
            func put(_ name: String, _ listed: [String]) async throws -> OperationResult {
                try await client.run(
                    .put(
                        [("__CLASS", .string("Test_Stored"))]
                            + ["Name": name, "A": "a", "B": "b", "C": "c"].map { ($0.key, .string($0.value)) }),
                    context: [("__PUT_EXTENSIONS", .boolean(true)), ("__PUT_EXT_PROPERTIES", .strings(listed))])
            }
            #expect(try await put("x", ["a"]).status == .noError)
            let read = try #require(try await client.run(.get("Test_Stored.Name=\"x\"")).objects.first)
            // What was not written is what a new instance of the class has.
            #expect(read["A"]?.text == "a" && read["B"] == nil && read["C"]?.text == "default", "\(read)")
            for name in ["x", "y"] {
                let refused = try await put(name, ["A", "Nothing"])
                #expect(refused.status == .invalidProperty && refused.message.contains("Nothing"), "\(refused.message)")
            }
            #expect(try await client.run(.enumerate("Test_Stored")).objects.count == 1)
            #expect(try await put("y", []).status == .noError)
            #expect(try await client.run(.get("Test_Stored.Name=\"y\"")).objects.first?["A"] == nil)
            try await expectQuiet(scene)
        }
    }
}
