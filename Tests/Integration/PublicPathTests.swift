import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Object paths as public scripts and other programs write them: one object, whatever the spelling (Semantics H.1).
    @Suite struct PublicPathTests {
        private static let mof = """
            class Test_Cell { [key] uint16 Row; [key] boolean On; string Text; };
            class Test_Pt { [key] string Id; string Text; };
            class Test_SubPt : Test_Pt { };
            [association] class Test_Ln { [key] Test_Pt ref A; [key] Test_Pt ref B; string Text; Test_Pt ref Third; };
            [association] class Test_Note { [key] Test_Ln ref Of; Test_Pt ref By; };
            """
        private static let cell = "Test_Cell.Row=7,On=TRUE"

        private static func scene() async throws -> (scene: Scene, server: String) {
            let scene = try await Scene.start()
            try await scene.compile(
                mof + """
                    instance of Test_Cell { Row = 7; On = TRUE; Text = "cell"; };
                    instance of Test_Pt { Id = "p"; }; instance of Test_Pt { Id = "q"; }; instance of Test_SubPt { Id = "r"; };
                    """)
            return (scene, try #require(try await scene.client.run(.get(cell)).objects.first?["__SERVER"]?.text))
        }

        private func line(_ a: String, _ b: String, _ more: [(String, DBusValue)] = []) -> RawOperation {
            .put([("__CLASS", .string("Test_Ln")), ("A", .string(a)), ("B", .string(b))] + more)
        }

        @Test("W15: A key is read in its type, wherever a path is read", arguments: CallForm.allCases)
        func typedKeys(form: CallForm) async throws {
            let (scene, server) = try await Self.scene()
            let client = scene.client
            for path in [
                #"Test_Cell.Row="7",On="TRUE""#, "Test_Cell.On=1,Row=7", "test_cell.row=07,on='true'", "Test_Cell.Row=111b,On='1'",
                "/root/cimv2:Test_Cell.Row=7,On=TRUE", "//localhost/root/CIMV2:Test_Cell.Row=7,On=1", #"\root\cimv2:Test_Cell.Row=7,On=1"#,
                "//127.0.0.1/root/cimv2:Test_Cell.Row=7,On=1", "//\(server)/root/cimv2:Test_Cell.Row=7,On=1", "/:Test_Cell.Row=7,On=1",
            ] {
                let got = try await client.run(.get(path), form)
                #expect(got.objects.first?["__RELPATH"]?.text == Self.cell, "\(path): \(got.message)")
            }
            for path in [#"Test_Cell.Row="x",On=1"#, "Test_Cell.Row=7,On=2", "Test_Cell.Row=7.5,On=1", "Test_Cell.Row=089,On=1"] {
                #expect(try await client.run(.get(path)).status == .invalidObjectPath, "\(path)")
            }
            #expect(try await client.run(.get("//elsewhere/root/cimv2:\(Self.cell)")).status == .invalidObjectPath)
            #expect(try await client.run(.delete(#"Test_Cell.Row="7",On=1"#), form).status == .noError)
            #expect(try await client.run(.get(Self.cell), form).status == .notFound)
            try await scene.compile("instance of Test_Cell { Row = 7; On = TRUE; };")
            try await scene.compile(##"#pragma deleteinstance("Test_Cell.Row=\"7\",On=\"true\"", FAIL)"##)
            #expect(try await client.run(.get(Self.cell), form).status == .notFound)
            try await expectQuiet(scene)
        }

        @Test("W17: A provider gets the canonical path, with canonical references in it, and in references as parameters")
        func providers() async throws {
            let (scene, server) = try await Self.scene()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            try await provider.register(
                mof: """
                    [dynamic, provider("Raw"), association] class Test_Wire {
                        [key] Test_Pt ref A; [key] Test_Cell ref B; Test_Pt ref Third;
                        [Implemented] uint32 Cut([in] Test_Pt ref At); };
                    """)
            scene.keep(provider)
            let canonical = #"Test_Wire.A="Test_Pt.Id=\"p\"",B="Test_Cell.Row=7,On=TRUE""#
            let absolute = #"\\"# + server + #"\root\cimv2:Test_Pt.Id="p""#
            let quoted = absolute.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            provider.on("GetObjectAsync") { call in
                call.reply(
                    .noError,
                    [
                        [
                            ("__CLASS", .string("Test_Wire")), ("A", .string(absolute)), ("B", .string("/:test_cell.on=1,row='7'")),
                            ("Third", .string("root/cimv2:test_pt='q'")),
                        ]
                    ])
            }
            provider.on("DeleteInstanceAsync") { $0.reply() }
            provider.on("ExecMethodAsync") { $0.reply(.noError, [[("ReturnValue", .uint32(0))]]) }
            for path in [
                canonical, #"test_wire.b="Test_Cell.On=1,Row='7'",a="TEST_PT='p'""#,
                "Test_Wire.A=\"\(quoted)\",B='Test_Cell.Row=07,On=TRUE'",
            ] {
                for operation in [RawOperation.get(path), .delete(path), .invoke(path, "Cut", [("At", .string(absolute))])] {
                    let result = try await scene.client.run(operation)
                    #expect(result.status == .noError, "\(result.message)")
                    #expect(provider.calls.all.last?.target == canonical)
                    guard case .get = operation else { continue }
                    let object = try #require(result.objects.first)
                    #expect(object["__RELPATH"]?.text == canonical && object["A"]?.text == #"Test_Pt.Id="p""#)
                    #expect(object["B"]?.text == Self.cell && object["Third"]?.text == #"Test_Pt.Id="q""#)
                }
                #expect(provider.calls.all.last?.input["At"]?.text == #"Test_Pt.Id="p""#)
            }
            try await expectQuiet(scene)
        }

        @Test("W17: Two spellings of one association are one: stored once, got, deleted and found by each", arguments: CallForm.allCases)
        func twoSpellings(form: CallForm) async throws {
            let (scene, server) = try await Self.scene()
            let client = scene.client
            let absolute = #"\\"# + server + #"\root\cimv2:Test_Pt.Id="p""#
            let path = #"Test_Ln.A="Test_Pt.Id=\"p\"",B="Test_Pt.Id=\"q\"""#
            let spellings = [#"Test_Pt.Id="p""#, absolute, "TEST_PT='p'", "//./ROOT/cimv2:Test_Pt.ID='p'", "/root/cimv2:test_pt='p'"]
            for spelling in spellings {
                let put = try await client.run(line(spelling, "test_pt='q'", [("Text", .string(spelling))]), form)
                #expect(put.status == .noError && put.parameter == path, "\(spelling): \(put.message)")
                let twice = try await client.run(line(spelling, "Test_Pt.Id='q'"), form, flags: 2)
                #expect(twice.status == .alreadyExists)
                let all = try await client.run(.enumerate("Test_Ln"), form)
                #expect(all.objects.count == 1 && all.objects.first?["A"]?.text == spellings[0])
                #expect(all.objects.first?["Text"]?.text == spelling && all.objects.first?["__RELPATH"]?.text == path)
            }
            for spelling in spellings {
                let inner = spelling.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                let got = try await client.run(.get(#"test_ln.b="Test_Pt='q'",a="\#(inner)""#), form)
                #expect(got.objects.first?["__RELPATH"]?.text == path, "\(spelling): \(got.message)")
                for query in [
                    "SELECT * FROM Test_Ln WHERE A = \"\(inner)\"", "SELECT * FROM Test_Ln WHERE \"\(inner)\" = A AND B = 'test_pt=\"q\"'",
                    "REFERENCES OF {\(spelling)}", "ASSOCIATORS OF {\(spelling)} WHERE ResultClass = Test_Pt",
                ] {
                    let found = try await client.run(.query(query), form)
                    #expect(found.objects.count == 1, "\(query): \(found.message)")
                }
            }
            // References in references: a note of the association.
            let noted = #"Test_Note.Of="Test_Ln.A=\"Test_Pt.Id=\\\"p\\\"\",B=\"Test_Pt.Id=\\\"q\\\"\"""#
            for of in [path, #"\\"# + server + #"\root\cimv2:test_ln.b='test_pt="q"',a='\\\\"# + server + #"\\root\\cimv2:Test_Pt="p"'"#] {
                let put = try await client.run(.put([("__CLASS", .string("Test_Note")), ("Of", .string(of))]), form)
                #expect(put.parameter == noted, "\(of): \(put.message)")
            }
            #expect(try await client.run(.enumerate("Test_Note"), form).objects.count == 1)
            #expect(try await client.run(.query("REFERENCES OF {\(path)}"), form).objects.count == 1)
            let inner = absolute.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            #expect(try await client.run(.delete(#"Test_Ln.A="\#(inner)",B="Test_Pt='q'""#), form).status == .noError)
            #expect(try await client.run(.enumerate("Test_Ln"), form).objects.isEmpty)
            try await expectQuiet(scene)
        }

        @Test(
            "W18: A stored reference to an instance of an unrelated class is refused, a key or not; of a class below or elsewhere it is not"
        )
        func unrelatedReferences() async throws {
            let (scene, _) = try await Self.scene()
            let client = scene.client
            let (p, q) = ("Test_Pt='p'", "Test_Pt='q'")
            for (wrong, what) in [
                (line(Self.cell, q), "Test_Ln.A"), (line(p, "Test_Pt"), "Test_Ln.B"), (line(p, "Test_None=1"), "Test_Ln.B"),
                (line(p, q, [("Third", .string(Self.cell))]), "Test_Ln.Third"), (line("root/cimv2:\(Self.cell)", q), "Test_Ln.A"),
            ] {
                let result = try await client.run(wrong)
                #expect(result.status == .typeMismatch && result.message.contains("\(what) takes the path"), "\(result.message)")
            }
            let compiled = try await client.compile("instance of Test_Ln { A = \"\(Self.cell)\"; B = \"\(q)\"; };")
            #expect(compiled.status == .typeMismatch)
            #expect(try await client.run(.enumerate("Test_Ln")).objects.isEmpty)
            for fine in [
                line(p, "Test_SubPt='r'"), line(p, "root/other:Elsewhere=1"), line(p, "//elsewhere/root/cimv2:Test_Cell.Row=1,On=1"),
            ] {
                #expect(try await client.run(fine).status == .noError)
            }
            #expect(try await client.run(.enumerate("Test_Ln")).objects.count == 3)
            try await expectQuiet(scene)
        }
    }
}
