import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// ASSOCIATORS OF and REFERENCES OF over stored and provided objects (Semantics I.4).
    @Suite struct AssociationQueryTests {
        private static let associations = """
            [association] class Test_Link { [key] Test_Base ref Left; [key] Test_Base ref Right; string Kind; };
            [association] class Test_CloseLink : Test_Link {};
            [association, dynamic, provider("Raw")] class Test_Owns { [key] Test_Static ref Owner; [key] Test_Dynamic ref Owned; };
            """
        private static let links = """
            instance of Test_Link { Left = "Test_Static.Name=\\"s1\\""; Right = "Test_Static.Name=\\"s2\\""; Kind = "ss"; };
            instance of Test_Link { Left = "Test_Static.Name=\\"s1\\""; Right = "Test_Dynamic.Name=\\"thing1\\""; Kind = "sd"; };
            instance of Test_Link { Left = "Test_Static.Name=\\"s1\\""; Right = "Test_Dynamic.Name=\\"gone\\""; Kind = "gone"; };
            instance of Test_CloseLink { Left = "Test_Static.Name=\\"s2\\""; Right = "Test_Static.Name=\\"s1\\""; Kind = "back"; };
            instance of Test_Link { Left = "Test_Static.Name=\\"s3\\""; Right = "Test_Static.Name=\\"s4\\""; Kind = "other"; };
            """

        /// s1 is linked with s2 twice, with thing1, and with what is gone; it owns thing0 and thing2, as the provider says.
        private static func scene(_ extra: String = "") async throws -> (Scene, RawProvider) {
            let (scene, provider) = try await QueryTests.scene(associations + extra)
            try await scene.compile(links)
            provider.on("CreateInstanceEnumAsync") { call in
                guard call.target == "Test_Owns" else { return call.fail(.failed, "not asked for \(call.target)") }
                call.reply(.noError, owned)
            }
            return (scene, provider)
        }

        private static let owned: [[(String, DBusValue)]] = [("s1", "thing0"), ("s5", "thing1"), ("S1", "thing2")].map { owner, owned in
            [
                ("__CLASS", .string("Test_Owns")), ("Owner", .string("Test_Static.Name=\"\(owner)\"")),
                ("Owned", .string("Test_Dynamic.Name=\"\(owned)\"")),
            ]
        }

        private func names(_ result: OperationResult) -> [String] { result.objects.compactMap { $0["Name"]?.text }.sorted() }

        @Test("I.4: associators, stored and provided, once for each association; what is gone is left out", arguments: CallForm.allCases)
        func associators(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            let all = try await scene.client.run(.query("ASSOCIATORS OF {Test_Static.Name='s1'}"), form)
            #expect(all.status == .noError, "\(all.message)")
            #expect(names(all) == ["s2", "s2", "thing0", "thing1", "thing2"])
            #expect(all.objects.allSatisfy { $0["__PATH"] != nil && $0["Number"] != nil })
            #expect(provider.calls.all.filter { $0.method == "GetObjectAsync" }.count == 4)
            let other = try await scene.client.run(.query("ASSOCIATORS OF {Test_Dynamic='thing1'}"), form)
            #expect(names(other) == ["s1", "s5"])
            try await expectQuiet(scene)
        }

        @Test(
            "I.4: every clause",
            arguments: [
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = Test_Link", ["s2", "s2", "thing1"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = test_closelink", ["s2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE ResultClass = Test_Dynamic", ["thing0", "thing1", "thing2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE Role = Right", ["s2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE ResultRole = Owned", ["thing0", "thing2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE RequiredQualifier = dynamic", ["thing0", "thing1", "thing2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE RequiredAssocQualifier = dynamic", ["thing0", "thing2"]),
                ("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = Test_Link KeysOnly", ["gone", "s2", "s2", "thing1"]),
                ("ASSOCIATORS OF {Test_Static='s9'}", []),
            ])
        func clauses(query: String, expected: [String]) async throws {
            let (scene, _) = try await Self.scene()
            let result = try await scene.client.run(.query(query))
            #expect(result.status == .noError && names(result) == expected, "\(query): \(names(result)) \(result.message)")
            if query.hasSuffix("KeysOnly") { #expect(result.objects.allSatisfy { $0["Number"] == nil && $0["__PATH"] != nil }) }
            try await expectQuiet(scene)
        }

        @Test("I.4 C.1.3: a client that wants keys only gets those of the right objects, whatever providers leave out")
        func keysOnlyRead() async throws {
            let (scene, provider) = try await Self.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                let isCut = call.context["__GET_EXT_KEYS_ONLY"] != nil
                call.reply(.noError, isCut ? [] : Self.owned)
            }
            let context: [(String, DBusValue)] = [("__GET_EXTENSIONS", .boolean(true)), ("__GET_EXT_KEYS_ONLY", .boolean(true))]
            let result = try await scene.client.run(
                .query("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = Test_Owns"), context: context)
            #expect(names(result) == ["thing0", "thing2"], "\(result.message)")
            #expect(result.objects.allSatisfy { $0["Number"] == nil && $0["__PATH"] != nil })
            let references = try await scene.client.run(
                .query("REFERENCES OF {Test_Static='s1'} WHERE ResultClass = Test_Owns"), context: context)
            #expect(references.objects.count == 2)
            try await expectQuiet(scene)
        }

        @Test("I.4: references are the association objects", arguments: CallForm.allCases)
        func references(form: CallForm) async throws {
            let (scene, _) = try await Self.scene()
            func classes(_ query: String) async throws -> [String] {
                let result = try await scene.client.run(.query(query), form)
                #expect(result.status == .noError, "\(result.message)")
                return result.objects.compactMap { $0["__CLASS"]?.text }.sorted()
            }
            #expect(
                try await classes("REFERENCES OF {Test_Static='s1'}")
                    == ["Test_CloseLink", "Test_Link", "Test_Link", "Test_Link", "Test_Owns", "Test_Owns"])
            #expect(try await classes("REFERENCES OF {Test_Static='s1'} WHERE ResultClass = Test_CloseLink") == ["Test_CloseLink"])
            #expect(try await classes("REFERENCES OF {Test_Static='s1'} WHERE Role = Owner") == ["Test_Owns", "Test_Owns"])
            let keys = try await scene.client.run(.query("REFERENCES OF {Test_Static='s1'} WHERE ResultClass = Test_Link KeysOnly"), form)
            #expect(keys.objects.count == 4 && keys.objects.allSatisfy { $0["Kind"] == nil && $0["Left"] != nil && $0["__RELPATH"] != nil })
            #expect(
                try await classes("REFERENCES OF {Test_Static='s1'} WHERE ClassDefsOnly") == ["Test_CloseLink", "Test_Link", "Test_Owns"])
            #expect(try await classes("ASSOCIATORS OF {Test_Static='s1'} WHERE ClassDefsOnly") == ["Test_Dynamic", "Test_Static"])
            #expect(try await classes("REFERENCES OF {Test_Static} WHERE SchemaOnly") == ["Test_CloseLink", "Test_Link", "Test_Owns"])
            #expect(try await classes("ASSOCIATORS OF {Test_Static} WHERE SchemaOnly") == ["Test_Base", "Test_Dynamic"])
            try await expectQuiet(scene)
        }

        @Test("I.4 C.4: no source, no result; a failure that is not NotFound ends the query", arguments: CallForm.allCases)
        func failures(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            #expect(try await scene.client.run(.query("ASSOCIATORS OF {Test_Static='nobody'}"), form).status == .notFound)
            #expect(try await scene.client.run(.query("ASSOCIATORS OF {No_Such='x'}"), form).status == .invalidClass)
            #expect(try await scene.client.run(.query("ASSOCIATORS OF {Test_Static.Number=1}"), form).status == .invalidObjectPath)
            provider.on("GetObjectAsync") { $0.fail(.accessDenied, "not this one") }
            let refused = try await scene.client.run(.query("ASSOCIATORS OF {Test_Static='s1'}"), form)
            #expect(refused.status == .accessDenied && refused.message.contains("not this one"))
            await provider.close()
            #expect(try await scene.client.run(.query("REFERENCES OF {Test_Static='s1'}"), form).status == .providerLoadFailure)
            try await expectQuiet(scene)
        }

        @Test("I.7: a provider of associations that takes queries is sent one, and asked for all when it cannot")
        func pushed() async throws {
            let (scene, provider) = try await Self.scene(QueryTests.registration())
            provider.on("ExecQueryAsync") { call in
                if call.target.contains("s1") { call.reply(.noError, [Self.owned[0]]) } else { call.fail(.providerNotCapable, "no") }
            }
            let result = try await scene.client.run(.query("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = Test_Owns"))
            #expect(names(result) == ["thing0"])
            #expect(provider.calls.all[0].target == #"SELECT * FROM Test_Owns WHERE Owner = "Test_Static.Name=\"s1\"""#)
            let fallen = try await scene.client.run(.query("ASSOCIATORS OF {Test_Static='s5'} WHERE AssocClass = Test_Owns"))
            #expect(names(fallen) == ["thing1"])
            let lines = try await scene.client.run(
                .query("ASSOCIATORS OF {Test_Static='s5'} WHERE AssocClass = Test_Owns"), context: [(ContextKey.explain, .boolean(true))])
            #expect(lines.objects.first?["Lines"]?.elements?.last?.text == "get each result")
            try await expectQuiet(scene)
        }

        @Test(
            "I.4: of many results, in one batch or in several, few are asked for at once; the broker's own steps are no operations",
            arguments: [1, 5])
        func bounded(batches: Int) async throws {
            let (scene, provider) = try await Self.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for batch in 0..<batches {
                    try await call.sink.indicate(
                        (0..<200 / batches).map { index in
                            [
                                ("__CLASS", .string("Test_Owns")), ("Owner", .string("Test_Static.Name=\"s1\"")),
                                ("Owned", .string("Test_Dynamic.Name=\"n\(batch * 200 / batches + index)\"")),
                            ]
                        })
                }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let most = Recorder<Int>()
            provider.on("GetObjectAsync") { call in
                most.record(Int(try await scene.client.brokerProperty("OpenOperations")))
                most.record(try await scene.operationStates().count)
                guard case .string(let name)? = try CIMObjectPath(parsing: call.target)[key: "Name"] else { return }
                call.reply(.noError, [[("__CLASS", .string("Test_Dynamic")), ("Name", .string(name))]])
            }
            let result = try await scene.client.run(.query("ASSOCIATORS OF {Test_Static='s1'} WHERE AssocClass = Test_Owns"), .async)
            #expect(result.objects.count == 200)
            // The query, the enumeration, and four objects.
            #expect(most.all.max() ?? 0 <= 6)
            try await expectQuiet(scene)
        }
    }
}
