import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Data and schema queries over the bus (Semantics I, A.4 ExecQuery).
    @Suite struct QueryTests {
        /// Static and dynamic classes under one; the dynamic ones are whoever calls it "Raw".
        static let classes = """
            class Test_Base { [key] string Name; uint32 Number; datetime Made; };
            class Test_Static : Test_Base { string Text; };
            """
        static let dynamicClass = """
            [dynamic, provider("Raw")] class Test_Dynamic : Test_Base { string Text; sint8 Small; [EmbeddedObject] string Inner; };
            """

        /// Definitions with which a provider can be sent queries.
        static func registration(_ provider: String = "Raw", get: Bool = true, enumeration: Bool = true, queries: Bool = true) -> String {
            """
            instance of MSFT_DecoupledProvider as $P { Name = "\(provider)"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration {
                provider = $P; SupportsGet = \(get); SupportsEnumeration = \(enumeration);
                QuerySupportLevels = \(queries ? "{ \"WQL:UnarySelect\" }" : "NULL");
            };
            """
        }

        /// A scene with static instances s0 to s9, and a provider of Test_Dynamic.
        static func scene(_ extra: String = "", things: Int = 3) async throws -> (Scene, RawProvider) {
            let scene = try await Scene.start()
            let instances = (0..<10).map {
                #"instance of Test_Static { Name = "s\#($0)"; Number = \#($0); Made = "2024011\#($0)000000.000000+000"; Text = "text \#($0)"; };"#
            }
            try await scene.compile(classes + instances.joined())
            let provider = try await RawProvider.start(on: scene.bus, className: "Test_Dynamic", things: things, registers: false)
            try await provider.register(mof: dynamicClass + extra)
            scene.keep(provider)
            return (scene, provider)
        }

        private func names(_ result: OperationResult) -> [String] { result.objects.compactMap { $0["Name"]?.text }.sorted() }

        @Test("I.2 C.4: one deep query over stored and provided classes, in every form", arguments: CallForm.allCases)
        func deep(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            let result = try await scene.client.run(.query("SELECT * FROM test_base WHERE Number < 2 OR Name = 'S9'"), form)
            #expect(result.status == .noError, "\(result.message)")
            #expect(names(result) == ["s0", "s1", "s9", "thing0", "thing1"])
            #expect(result.objects.first { $0["Name"]?.text == "s9" }?["__CLASS"]?.text == "Test_Static")
            #expect(result.objects.allSatisfy { $0["__PATH"] != nil })
            #expect(provider.calls.all.map(\.method) == ["CreateInstanceEnumAsync"])
            let own = try await scene.client.run(
                .query("SELECT * FROM Test_Base WHERE __CLASS = 'Test_Static' AND Made >= '20240118000000.000000+000'"), form)
            #expect(names(own) == ["s8", "s9"])
            #expect(provider.calls.all.count == 1)
            try await expectQuiet(scene)
        }

        @Test("I.2: one provider's enumeration is filtered as it passes, and keeps what is listed", arguments: CallForm.allCases)
        func filtered(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for index in 0..<20 { try await call.sink.indicate(Self.things(5, from: index * 5)) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let query = "SELECT Number, Name FROM Test_Dynamic WHERE Number >= 37 AND Number < 63 AND NOT Text LIKE '%3'"
            let result = try await scene.client.run(.query(query), form)
            #expect(result.status == .noError, "\(result.message)")
            let expected = (37..<63).filter { $0 % 10 != 3 }.map { DBusValue.uint32(UInt32($0)) }
            #expect(result.objects.compactMap { $0["Number"] } == expected)
            #expect(result.objects.allSatisfy { $0["Text"] == nil && $0["__PATH"] != nil && $0["__GENUS"] != nil })
            let nothing = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number > 1000"), form)
            #expect(nothing.status == .noError && nothing.objects.isEmpty)
            try await expectQuiet(scene)
        }

        static func things(_ count: Int, from first: Int = 0, bytes: Int = 0) -> [[(String, DBusValue)]] {
            (first..<first + count).map { index in
                [
                    ("__CLASS", .string("Test_Dynamic")), ("Name", .string("n\(index)")), ("Number", .uint32(UInt32(index))),
                    ("Text", .string(String(repeating: "x", count: bytes) + "\(index)")),
                ]
            }
        }

        @Test("I.2: embedded objects, dates, small integers and system properties in WHERE")
        func kinds() async throws {
            let (scene, provider) = try await Self.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                let inner: [(String, DBusValue)] = [
                    ("__CLASS", .string("Test_Static")), ("Name", .string("in")), ("Made", .string("20200101000000.000000+000")),
                ]
                call.reply(
                    .noError,
                    [
                        [
                            ("Name", .string("a")), ("Small", .int32(-3)), ("__CLASS", .string("test_dynamic")),
                            ("Inner", .dictionary(inner)),
                        ],
                        [("__CLASS", .string("Test_Dynamic")), ("Name", .string("b")), ("Made", .string("20240101120000.000000+060"))],
                    ])
            }
            for (condition, expected) in [
                ("Small = -3", ["a"]), ("Small IS NULL", ["b"]), ("Inner.Name = 'IN'", ["a"]), ("Inner ISA 'Test_Base'", ["a"]),
                ("Inner.Made < '20210101000000.000000+000'", ["a"]), ("Made = '20240101110000.000000+000'", ["b"]),
                ("__RELPATH = 'Test_Dynamic.Name=\"b\"'", ["b"]), ("__PATH LIKE '%\"a\"'", ["a"]),
                ("__SUPERCLASS = 'Test_Base'", ["a", "b"]),
                ("__NAMESPACE = 'root\\\\cimv2' AND __PROPERTY_COUNT = 6", ["a", "b"]), ("Inner.Nothing = 1", []),
            ] {
                for derived in [true, false] {
                    let result = try await scene.client.run(
                        .query("SELECT * FROM Test_Dynamic WHERE " + condition),
                        context: [(ContextKey.derivedSystemProperties, .boolean(derived))])
                    #expect(names(result) == expected, "\(condition): \(result.message)")
                    #expect(result.objects.allSatisfy { ($0["__RELPATH"] != nil) == derived && $0["__CLASS"]?.text == "Test_Dynamic" })
                }
            }
            try await expectQuiet(scene)
        }

        @Test("I.7: a provider that takes queries gets what it can decide, and its answer is the result", arguments: CallForm.allCases)
        func pushed(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene(Self.registration())
            provider.on("ExecQueryAsync") { $0.reply(.noError, Self.things(1, from: 4)) }
            let exact = try await scene.client.run(.query("SELECT Number FROM Test_Dynamic WHERE number = 5 AND Text LIKE '5%'"), form)
            #expect(exact.status == .noError, "\(exact.message)")
            // What the provider says is exact is not looked at again; only what is listed is kept.
            #expect(exact.objects.compactMap { $0["Number"] } == [.uint32(4)] && exact.objects[0]["Text"] == nil)
            let call = try #require(provider.calls.all.first)
            #expect(call.target == "SELECT Name, Number, Text FROM Test_Dynamic WHERE number = 5 AND Text LIKE \"5%\"")
            // A system property is the broker's to decide.
            let rest = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number = 5 AND __RELPATH LIKE '%7%'"), form)
            #expect(rest.status == .noError && rest.objects.isEmpty)
            #expect(provider.calls.all.last?.target == "SELECT * FROM Test_Dynamic WHERE Number = 5")
            try await expectQuiet(scene)
        }

        @Test(
            "I.7: ProviderNotCapable and NotSupported fall back to enumeration and a filter",
            arguments: [WBEMStatus.providerNotCapable, .notSupported])
        func fallback(status: WBEMStatus) async throws {
            let (scene, provider) = try await Self.scene(Self.registration())
            provider.on("ExecQueryAsync") { $0.fail(status, "too hard") }
            let result = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number = 1"), .async)
            #expect(result.status == .noError && names(result) == ["thing1"])
            #expect(provider.calls.all.map(\.method) == ["ExecQueryAsync", "CreateInstanceEnumAsync"])
            provider.on("ExecQueryAsync") { $0.fail(.accessDenied, "not you") }
            let refused = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number = 1"))
            #expect(refused.status == .accessDenied && refused.message.contains("not you"))
            #expect(provider.calls.all.count == 3)
            try await expectQuiet(scene)
        }

        @Test("I.7: where nothing that the registration says would do, ProviderNotCapable")
        func notCapable() async throws {
            let (scene, provider) = try await Self.scene(Self.registration(get: false, enumeration: false, queries: false))
            let result = try await scene.client.run(.query("SELECT * FROM Test_Dynamic"), .async)
            #expect(result.status == .providerNotCapable)
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("I.7: a key lookup is a GetObject; the rest of the condition is looked at here", arguments: CallForm.allCases)
        func keyLookup(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            let path = "Test_Dynamic.Name=\"2\""
            provider.on("GetObjectAsync") { call in
                call.target == path ? call.reply(.noError, [call.provider.thing("2", 2)]) : call.fail(.notFound, "no \(call.target)")
            }
            let one = try await scene.client.run(.query("SELECT Number FROM Test_Dynamic WHERE Name = '2'"), form)
            #expect(one.objects.compactMap { $0["Number"] } == [.uint32(2)])
            let not = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Name = 2 AND Number = 3"), form)
            #expect(not.status == .noError && not.objects.isEmpty)
            let gone = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Name = '3'"), form)
            #expect(gone.status == .noError && gone.objects.isEmpty, "\(gone.message)")
            #expect(provider.calls.all.map(\.method) == ["GetObjectAsync", "GetObjectAsync", "GetObjectAsync"])
            #expect(provider.calls.all[0].target == path)
            let stored = try await scene.client.run(.query("SELECT * FROM Test_Static WHERE Name = 's4' AND Number = 4"), form)
            #expect(names(stored) == ["s4"])
            provider.on("GetObjectAsync") { $0.fail(.failed, "broken") }
            #expect(try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Name = '2'"), form).status == .failed)
            provider.on("GetObjectAsync") { $0.fail(.providerNotCapable, "no") }
            provider.on("CreateInstanceEnumAsync") { $0.reply(.noError, [$0.provider.thing("1"), $0.provider.thing("2")]) }
            #expect(try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Name = '2'"), form).objects.count == 1)
            try await expectQuiet(scene)
        }

        @Test("A.5: what is wrong with the text is the error reply, with its place", arguments: CallForm.allCases)
        func badText(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene()
            for (text, status, place) in [
                ("SELECT * FROM", WBEMStatus.invalidQuery, "line 1, column 14"), ("SELECT * FORM Test_Base", .invalidQuery, "column 10"),
                ("SELECT * FROM Test_Base WHERE Number = ", .invalidQuery, "line 1"),
                ("SELECT Nothing FROM Test_Base", .invalidQuery, "column 8"),
                ("SELECT * FROM Test_Base WHERE Bogus = 1", .invalidQuery, "column 31"),
                ("SELECT * FROM Test_Base WHERE Number = 'x'", .typeMismatch, "line 1"),
                ("SELECT * FROM Test_Base WITHIN 5", .invalidQuery, ""),
                ("SELECT * FROM __InstanceCreationEvent", .invalidQuery, "column 15"),
                ("SELECT * FROM Test_Base WHERE " + (0..<2000).map { "Number = \($0)" }.joined(separator: " OR "), .quotaViolation, ""),
            ] {
                do {
                    let open = try await scene.client.start(.query(text), form)
                    let result = try await open.result()
                    #expect(form == .sync && result.status == status, "\(text): \(result.status)")
                    #expect(result.message.contains(place), "\(result.message)")
                } catch let error as DBusError {
                    #expect(form != .sync && CIMError(error).status == status, "\(text): \(error.message)")
                    #expect(error.message.contains(place), "\(error.message)")
                }
            }
            let missing = try await scene.client.run(.query("SELECT * FROM No_Such"), form)
            #expect(missing.status == .invalidClass)
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("A.2.3 A.3: PROTOTYPE runs nothing; ENSURE_LOCATABLE gives the location in spite of everything")
        func flags() async throws {
            let (scene, provider) = try await Self.scene()
            let sample = try await scene.client.run(.query("SELECT Number FROM Test_Dynamic WHERE Number = 77"), .async, flags: 2)
            #expect(sample.objects.count == 1 && sample.objects[0]["__CLASS"]?.text == "Test_Dynamic")
            #expect(provider.calls.all.isEmpty)
            for query in ["SELECT Number FROM Test_Dynamic WHERE Number = 1", "SELECT Number FROM Test_Static WHERE Number = 1"] {
                let plain = try await scene.client.run(.query(query), context: [(ContextKey.derivedSystemProperties, .boolean(false))])
                #expect(plain.objects.map { Set($0.keys) } == [["__CLASS", "Number"]])
                let located = try await scene.client.run(
                    .query(query), flags: 0x100, context: [(ContextKey.derivedSystemProperties, .boolean(false))])
                #expect(
                    located.objects.map { Set($0.keys) }
                        == [["__CLASS", "__SERVER", "__NAMESPACE", "Number", "__RELPATH", "__PATH"]])
            }
            #expect(provider.calls.all.allSatisfy { $0.flags == 0 })
            try await expectQuiet(scene)
        }

        @Test("I.6: queries for classes are answered from the schema", arguments: CallForm.allCases)
        func schema(form: CallForm) async throws {
            let (scene, _) = try await Self.scene()
            for (condition, expected) in [
                ("WHERE __this ISA 'test_base'", ["Test_Base", "Test_Dynamic", "Test_Static"]),
                ("WHERE __Class = 'Test_Base'", ["Test_Base"]),
                ("WHERE __Superclass = 'Test_Base'", ["Test_Dynamic", "Test_Static"]), ("WHERE __Class = 'No_Such'", []),
                ("WHERE __Dynasty = 'Test_Base' AND NOT __Class = 'Test_Base'", ["Test_Dynamic", "Test_Static"]),
            ] {
                let result = try await scene.client.run(.query("SELECT * FROM meta_class " + condition), form)
                #expect(result.status == .noError)
                #expect(result.objects.compactMap { $0["__CLASS"]?.text }.sorted() == expected, "\(condition)")
                #expect(result.objects.allSatisfy { $0["__GENUS"] == .int32(1) && $0["__PROPERTIES"] != nil })
            }
            let top = try await scene.client.run(.query("SELECT * FROM meta_class WHERE __Superclass IS NULL"), form)
            #expect(top.objects.contains { $0["__CLASS"]?.text == "Test_Base" } && top.objects.allSatisfy { $0["__SUPERCLASS"] == nil })
            try await expectQuiet(scene)
        }

        @Test("__EXPLAIN says who would be asked what, and nobody is", arguments: CallForm.allCases)
        func explained(form: CallForm) async throws {
            let (scene, provider) = try await Self.scene(Self.registration())
            func lines(_ query: String) async throws -> [String] {
                let result = try await scene.client.run(.query(query), form, context: [("__Explain", .boolean(true))])
                #expect(result.objects.count == 1 && result.objects.first?["__CLASS"]?.text == "CIMBus_QueryPlan", "\(result.message)")
                return result.objects.first?["Lines"]?.elements?.compactMap(\.text) ?? []
            }
            let pushed = try await lines("SELECT * FROM Test_Base WHERE Number = 1 AND __RELPATH LIKE '%x'")
            #expect(pushed.first == "send to provider Raw: SELECT * FROM Test_Dynamic WHERE Number = 1")
            #expect(pushed.contains("enumerate Test_Base from the repository"))
            #expect(pushed.last == "filter here: Number = 1 AND __RELPATH LIKE \"%x\"")
            #expect(
                try await lines("SELECT * FROM Test_Dynamic WHERE Name = '1'") == [
                    "get Test_Dynamic.Name=\"1\" from provider Raw", "  if it is not capable: enumerate Test_Dynamic, filter here",
                ])
            #expect(try await lines("SELECT * FROM meta_class WHERE __Class = 'X'").first == "class X from the schema")
            #expect(provider.calls.all.isEmpty)
            let wrong = try await scene.client.run(.query("SELECT * FROM Test_Base"), context: [("__EXPLAIN", .string("yes"))])
            #expect(wrong.status == .invalidContext)
            try await expectQuiet(scene)
        }

        // MARK: - Providers that take queries and leave some of the choosing to the broker (Semantics I.7, B.3)

        @Test("I.7: START_POSTFILTER leaves the filtering to the broker, from there on")
        func postFilter() async throws {
            let (scene, provider) = try await Self.scene(Self.registration())
            provider.on("ExecQueryAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(Self.things(2))
                try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 1)
                try await call.sink.indicate(Self.things(9))
                try await call.sink.setStatus(WBEMStatus(rawValue: 1), flags: 1)
                try await call.sink.indicate(Self.things(1, from: 3))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let result = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Number = 5"))
            #expect(result.objects.compactMap { $0["Number"] } == [0, 1, 5, 3].map { .uint32($0) })
            try await expectQuiet(scene)
        }

        @Test("I.7: of several providers of one query, START_POSTFILTER of one says nothing about the others", arguments: CallForm.allCases)
        func postFilterOfOne(form: CallForm) async throws {
            let (scene, first) = try await Self.scene(Self.registration())
            let second = try await RawProvider.start(on: scene.bus, name: "Other", className: "Test_Other", registers: false)
            try await second.register(
                mof: "[dynamic, provider(\"Other\")] class Test_Other : Test_Base { string Text; };" + Self.registration("Other"))
            scene.keep(second)
            first.on("ExecQueryAsync") { call in
                try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 1)
                call.reply(.noError, Self.things(9, from: 100) + Self.things(1, from: 5))
            }
            second.on("ExecQueryAsync") { call in
                call.reply(
                    .noError, [[("__CLASS", .string("Test_Other")), ("Name", .string("exact")), ("Number", .uint32(77))]])
            }
            let query = "SELECT Name FROM Test_Base WHERE Number = 5"
            let result = try await scene.client.run(.query(query), form)
            #expect(result.status == .noError, "\(result.message)")
            // One that was stored, one that was filtered, and one that the provider answers for.
            #expect(result.names() == ["exact", "n5", "s5"])
            #expect(result.objects.allSatisfy { $0["Number"] == nil })
            #expect(first.calls.all.map(\.method) == ["ExecQueryAsync"] && second.calls.all.map(\.method) == ["ExecQueryAsync"])
            try await expectQuiet(scene)
        }
    }
}

extension Scene {
    /// Compiles MOF as an administrator does.
    func compile(_ mof: String) async throws {
        let reply = try await client.call(
            Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
            [.string(mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
        guard reply.first == .int32(0) else { throw ProcessError(description: "CompileBuffer: \(reply)") }
    }
}
