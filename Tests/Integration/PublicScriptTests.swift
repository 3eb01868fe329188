import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// What queries in public scripts say, and other readers of WQL and of object paths understand (Semantics I, H.1).
    @Suite struct PublicScriptTests {
        private static let mof = """
            class Test_Part { [key] sint32 Id; string V; boolean B; uint16 N; string Tags[]; string Handle; };
            class Test_PartA : Test_Part { };
            class Test_PartAb : Test_PartA { };
            instance of Test_Part { Id = 1; V = "v"; B = TRUE; N = 7; Tags = { "t" }; Handle = "4"; };
            instance of Test_PartAb { Id = 2; B = FALSE; Tags = { }; Handle = "TRUE"; };
            instance of Test_Part { Id = 3; };
            """

        private static func scene() async throws -> Scene {
            let scene = try await Scene.start()
            try await scene.compile(mof)
            return scene
        }

        private func ids(_ result: OperationResult) -> [Int] { result.objects.compactMap { $0["Id"]?.integer() }.sorted() }

        @Test(
            "W9: V = NULL and V <> NULL are IS NULL and IS NOT NULL, on both sides, under NOT, and of arrays",
            arguments: [
                ("V = NULL", [2, 3]), ("V <> NULL", [1]), ("NULL = V", [2, 3]), ("NULL != V", [1]), ("NOT V = NULL", [1]),
                ("NOT (V <> NULL)", [2, 3]), ("V = NULL AND NOT B = NULL", [2]), ("Tags = NULL", [3]), ("Tags IS NOT NULL", [1, 2]),
                ("NOT NULL <> Tags", [3]),
            ])
        func nulls(condition: String, expected: [Int]) async throws {
            let scene = try await Self.scene()
            let result = try await scene.client.run(.query("SELECT * FROM Test_Part WHERE \(condition)"))
            #expect(ids(result) == expected, "\(result.message)")
        }

        @Test("W10: A constant of another type is read as the property's, and its provider gets it so; what cannot be read is refused")
        func conversions() async throws {
            let scene = try await Self.scene()
            for (condition, expected) in [
                ("B = 'TRUE'", [1]), ("'True' = B", [1]), ("B <> 'FALSE'", [1]), ("B = 0", [2]), ("N = '7'", [1]), ("N = '0x7'", [1]),
                ("Id > '1'", [2, 3]), ("Handle = 4", [1]), ("Handle = TRUE", [2]), ("Id = '2'", [2]), ("Id = 2.0", [2]),
            ] {
                let result = try await scene.client.run(.query("SELECT * FROM Test_Part WHERE \(condition)"))
                #expect(ids(result) == expected, "\(condition): \(result.message)")
            }
            for (condition, status) in [("B = 'yes'", WBEMStatus.typeMismatch), ("N = 'x'", .typeMismatch), ("Handle > 4", .typeMismatch)] {
                #expect(try await scene.client.run(.query("SELECT * FROM Test_Part WHERE \(condition)")).status == status)
            }
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            try await provider.register(mof: provider.mof + QueryTests.registration())
            scene.keep(provider)
            provider.on("ExecQueryAsync") { $0.reply() }
            let sent = try await scene.client.run(
                .query("SELECT * FROM Test_Thing WHERE Number = '7' AND Text = 5 AND Small <> NULL AND NOT Text = NULL"))
            #expect(sent.status == .noError)
            #expect(
                provider.calls.all.last?.target
                    == #"SELECT * FROM Test_Thing WHERE Number = 7 AND Text = "5" AND Small IS NOT NULL AND NOT Text IS NULL"#)
        }

        @Test("W11: A query of meta_class has the whole language of conditions")
        func classes() async throws {
            let scene = try await Self.scene()
            for (condition, expected) in [
                ("__CLASS LIKE 'Test_PartA%'", ["Test_PartA", "Test_PartAb"]),
                ("__CLASS LIKE 'Test_P%' AND NOT __CLASS LIKE '%b'", ["Test_Part", "Test_PartA"]),
                ("__this ISA Test_PartA", ["Test_PartA", "Test_PartAb"]), ("__SUPERCLASS = 'Test_PartA'", ["Test_PartAb"]),
                ("__SUPERCLASS = NULL AND __CLASS LIKE 'Test[_]%'", ["Test_Part"]), ("__DERIVATION = 'test_parta'", ["Test_PartAb"]),
                ("__DYNASTY = 'Test_Part' AND __CLASS > 'Test_Part'", ["Test_PartA", "Test_PartAb"]),
                ("__CLASS = 'Test_Part' OR __CLASS = 'Test_PartAb'", ["Test_Part", "Test_PartAb"]),
                ("__NAMESPACE = 'root\\\\cimv2' AND __PATH LIKE '%:Test_Part_'", ["Test_PartA"]),
            ] {
                let result = try await scene.client.run(.query("SELECT * FROM meta_class WHERE \(condition)"))
                #expect(result.objects.compactMap { $0["__CLASS"]?.text }.sorted() == expected, "\(condition): \(result.message)")
            }
            #expect(try await scene.client.run(.query("SELECT * FROM meta_class WHERE Name = 'x'")).status == .invalidQuery)
        }

        @Test("W12: System properties that a query names are given, whatever the context says of the others", arguments: CallForm.allCases)
        func namedSystemProperties(form: CallForm) async throws {
            let (scene, _) = try await QueryTests.scene()
            let context: [(String, DBusValue)] = [(ContextKey.derivedSystemProperties, .boolean(false))]
            func names(_ list: String) async throws -> [Set<String>] {
                let result = try await scene.client.run(
                    .query("SELECT \(list) FROM Test_Base WHERE Number = 1"), form, context: context)
                #expect(result.objects.count == 2, "\(list): \(result.message)")
                return result.objects.map { Set($0.keys) }
            }
            let all = [
                "__GENUS", "__SUPERCLASS", "__DYNASTY", "__PROPERTY_COUNT", "__DERIVATION", "__SERVER", "__NAMESPACE", "__RELPATH",
                "__PATH",
            ]
            for name in all {
                for keys in try await names("\(name.lowercased()), Number") { #expect(keys == ["__CLASS", name, "Number"]) }
            }
            for keys in try await names(all.joined(separator: ",")) { #expect(keys == Set(all + ["__CLASS"])) }
            for keys in try await names("Number") { #expect(keys == ["__CLASS", "Number"]) }
            let one = try await scene.client.run(
                .query("SELECT __PATH, __SERVER, __DERIVATION, Number FROM Test_Static WHERE Name = 's1'"), form, context: context)
            let server = try #require(one.objects.first?["__SERVER"]?.text)
            #expect(one.objects.first?["__PATH"]?.text == #"\\\#(server)\root\cimv2:Test_Static.Name="s1""#)
            #expect(one.objects.first?["__DERIVATION"] == .strings(["Test_Base"]))
            try await expectQuiet(scene)
        }

        @Test("W13: One query, one answer: keys that differ in case alone are found by one, by two conditions, and by a query that is sent")
        func keysThatDifferInCase() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(.noError, ["lo", "LO", "eth0"].map { call.provider.thing($0) })
            }
            func names(_ condition: String) async throws -> [String] {
                let result = try await scene.client.run(.query("SELECT * FROM Test_Thing WHERE \(condition)"))
                #expect(result.status == .noError, "\(result.message)")
                return result.objects.compactMap { $0["Name"]?.text }
            }
            for condition in ["Name = 'lo'", "Name = 'Lo'", "Name = 'LO' OR Name = 'zz'", "Name LIKE 'lo'"] {
                #expect(try await names(condition) == ["lo", "LO"], "\(condition)")
            }
            #expect(try await names("Name = 'ETH0'") == ["eth0"])
            #expect(try await names("Name = 'x'").isEmpty)
            #expect(!provider.calls.all.contains { $0.method == "GetObjectAsync" })
            // Without letters there is one such key: a look is enough.
            provider.on("GetObjectAsync") { $0.reply(.noError, [$0.provider.thing("17")]) }
            #expect(try await names("Name = '17'") == ["17"])
            #expect(provider.calls.all.last?.method == "GetObjectAsync")
            let explained = try await scene.client.run(
                .query("SELECT * FROM Test_Thing WHERE Name = 'lo'"), context: [(ContextKey.explain, .boolean(true))])
            let lines = explained.objects.first?["Lines"]?.elements?.compactMap(\.text) ?? []
            #expect(
                lines == [
                    "enumerate Test_Thing from provider Raw", #"  if it is not capable: get Test_Thing.Name="lo", filter here"#,
                    "    (not at once: other keys may differ from that one in case alone)", #"filter here: Name = "lo""#,
                ])
            // Who can only get is asked for the key as it is written.
            provider.on("CreateInstanceEnumAsync") { $0.fail(.providerNotCapable, "too many") }
            provider.on("GetObjectAsync") { call in
                call.target == thing("lo") ? call.reply(.noError, [call.provider.thing("lo")]) : call.fail(.notFound, "no \(call.target)")
            }
            #expect(try await names("Name = 'lo'") == ["lo"])
            #expect(try await names("Name = 'LO'").isEmpty)
            try await expectQuiet(scene)
        }

        @Test("W13: The repository has one key for both cases: one look finds it")
        func storedKeysInAnyCase() async throws {
            let (scene, _) = try await QueryTests.scene()
            let result = try await scene.client.run(.query("SELECT * FROM Test_Static WHERE Name = 'S3'"))
            #expect(result.objects.compactMap { $0["Name"]?.text } == ["s3"])
            let explained = try await scene.client.run(
                .query("SELECT * FROM Test_Static WHERE Name = 'S3'"), context: [(ContextKey.explain, .boolean(true))])
            let lines = explained.objects.first?["Lines"]?.elements?.compactMap(\.text) ?? []
            #expect(lines.first == #"get Test_Static.Name="S3" from the repository"#)
        }

        @Test("W14: Blanks and line breaks in the braces of ASSOCIATORS OF and REFERENCES OF")
        func blanksInBraces() async throws {
            let scene = try await Self.scene()
            try await scene.compile(
                """
                [association] class Test_Pair { [key] Test_Part ref A; [key] Test_Part ref B; };
                instance of Test_Pair { A = "Test_Part=1"; B = "Test_Part=3"; };
                """)
            for braces in [
                "{ Test_Part.Id = 1 }", "{\n\tTest_Part . Id\n= 1\n}", "{ Test_Part = '1' }", "{ \\\\.\\root\\cimv2:Test_Part=1 }",
            ] {
                let ends = try await scene.client.run(.query("ASSOCIATORS OF \(braces)"))
                #expect(ids(ends) == [3], "\(ends.message)")
                #expect(try await scene.client.run(.query("REFERENCES OF \(braces) WHERE ResultClass = Test_Pair")).objects.count == 1)
            }
        }
    }
}
