import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// `org.cimbus1.MofCompiler` (Design 3; Semantics A.2.5, A.2.2).
    @Suite struct CompileTests {
        private static let checkOnly: Int32 = 1

        private static let good = "class Test_A { [key] string Name; };\ninstance of Test_A { Name = \"x\"; };\n"

        @Test("A.2.5: success says what has no effect; the same text again is a no-op")
        func success() async throws {
            let scene = try await Scene.start()
            let result = try await scene.client.compile("#pragma unheard(\"of\")\n" + Self.good)
            #expect(result.phase == 0 && result.status == .noError && result.object == 0 && result.lines == 0...0)
            #expect(result.message.contains("<buffer>:1:") && result.message.contains("unheard"), "\(result.message)")
            #expect(try await scene.client.run(.get("Test_A=\"x\"")).status == .noError)
            #expect(try await scene.client.compile(Self.good).phase == 0)
            #expect(try await scene.client.compile("").phase == 0)
            try await expectQuiet(scene)
        }

        @Test("A.2.5: a text that is no MOF is phase 2, with every error's place, and changes nothing")
        func syntax() async throws {
            let scene = try await Scene.start()
            let result = try await scene.client.compile(Self.good + "class Test_B {\n  string;\n};\nclass Test_C { string = 5; };")
            #expect(result.phase == 2 && !result.status.isSuccess)
            #expect(result.lines == 4...4)
            #expect(result.message.contains("<buffer>:4:") && result.message.contains("<buffer>:6:"), "\(result.message)")
            #expect(try await scene.client.run(.get("Test_A")).status == .notFound)
            try await expectQuiet(scene)
        }

        @Test("Design 3: what cannot be stored is phase 3, with the declaration and its lines; of one text, all or nothing")
        func store() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile("class Test_Old { [key] string Name; }; instance of Test_Old { Name = \"x\"; };")
            let before = "#pragma deleteclass(\"Test_Old\", FAIL)\ninstance of __NAMESPACE { Name = \"test\"; };\n" + Self.good
            let failures: [(String, WBEMStatus, ClosedRange<Int32>)] = [
                ("class Test_B :\n Test_None { };", .invalidSuperclass, 5...6),
                ("instance of Test_None {\n};", .invalidClass, 5...6),
                ("instance of Test_A { Nome = \"x\"; };", .invalidProperty, 5...5),
                ("class Test_N { [key] uint32 Id; };\ninstance of Test_N { };", .noKey, 6...6),
                ("instance of Test_A { Name = 1; };", .typeMismatch, 5...5),
                ("class __Test { };", .accessDenied, 5...5),
                ("class Test_B { Test_None ref Other; };", .invalidClass, 5...5),
                ("class Test_B { [key] string Name; string NAME; };", .mofDuplicateProperty, 5...5),
            ]
            for (last, status, lines) in failures {
                let result = try await client.compile(before + last)
                #expect(result.status == status, "\(last): \(result.message)")
                // What the parser itself can see wrong is its own phase.
                if result.phase == 3 {
                    #expect(result.object == Int32(status == .noKey ? 6 : 5) && result.lines == lines, "\(last): \(result)")
                } else {
                    #expect(result.phase == 2 && result.lines.lowerBound == lines.lowerBound, "\(last): \(result)")
                }
                #expect(result.message.contains("\(lines.lowerBound)"), "\(result.message)")
            }
            #expect(try await client.run(.get("Test_A")).status == .notFound)
            #expect(try await client.run(.get("Test_Old=\"x\"")).status == .noError)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2"])
            #expect(try await client.compile(before).phase == 0)
            #expect(try await client.run(.get("Test_Old")).status == .notFound)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2", "root/cimv2/test"])
            try await expectQuiet(scene)
        }

        @Test("W21: a misspelt type is phase 3, with line and column and what was meant; so is an alias that nothing has")
        func places() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let type = try await client.compile(Self.good + "class Test_T {\n  [key] string Id; int32 N;\n};")
            #expect(type.phase == 3 && type.status == .mofUnrecognizedType && type.object == 3 && type.lines == 4...4, "\(type)")
            #expect(type.message.hasPrefix("<buffer>:4:20: 0x") && type.message.hasSuffix("did you mean sint32?"), "\(type.message)")
            let embedded = try await client.compile("class Test_T { [EmbeddedInstance(\"Nope\")] string S; };")
            #expect(embedded.phase == 3 && embedded.status == .invalidClass && embedded.message.hasPrefix("<buffer>:1:17: "))
            let alias = try await client.compile(
                "class Test_T { [key] string Id; Test_T ref R; };\ninstance of Test_T { Id = \"x\"; R = $none; };")
            #expect(alias.phase == 3 && alias.object == 2 && alias.message.hasPrefix("<buffer>:2:"), "\(alias.message)")
            let reserved = try await client.compile("class __Test { };")
            #expect(reserved.status == .accessDenied && reserved.message.contains("reserved for system classes"), "\(reserved.message)")
            #expect(try await client.run(.get("Test_A")).status == .notFound)
            try await expectQuiet(scene)
        }

        @Test("W20 W23 R67: embedded instances of a text are objects on the bus; a key that is left open is a GUID that its alias names")
        func embedded() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(
                #"""
                class Test_E { string Id; };
                class Test_H {
                    [key] string Id; [EmbeddedInstance("Test_E")] string One; [EmbeddedObject] string Any;
                    [EmbeddedInstance("Test_E")] string Many[];
                };
                class Test_L { [key] string Id; Test_H ref Held; };
                instance of Test_H as $h {
                    One = "instance of Test_E { Id = \"text\"; };"; Any = $e; Many = {$e, "instance of Test_E {};"};
                };
                instance of Test_E as $e { Id = "alias"; };
                instance of Test_L { Id = "l"; Held = $h; };
                """#)
            let held = try #require(try await client.run(.get("Test_L=\"l\"")).objects.first?["Held"]?.text)
            #expect(held.contains("Test_H.Id=\"{"), "\(held)")
            let object = try #require(try await client.run(.get(held)).objects.first)
            func id(_ value: DBusValue?) -> String? { value?.stringDictionary?["Id"]?.text }
            #expect(id(object["One"]) == "text" && id(object["Any"]) == "alias")
            #expect(object["Many"]?.elements?.map(id) == ["alias", nil])
            #expect(object["One"]?.stringDictionary?["__CLASS"]?.text == "Test_E")
            #expect(try await client.run(.enumerate("Test_E")).objects.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("A.2.5: CHECK_ONLY finds what compiling would, and changes nothing")
        func check() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            #expect(
                try await client.compile(Self.good + "instance of __NAMESPACE { Name = \"test\"; };", options: Self.checkOnly).phase == 0)
            let syntax = try await client.compile("class {", options: Self.checkOnly)
            #expect(syntax.phase == 2)
            let store = try await client.compile(Self.good + "class Test_B : Test_None { };", options: Self.checkOnly)
            #expect(store.phase == 3 && store.status == .invalidSuperclass && store.object == 3 && store.lines == 3...3)
            #expect(try await client.run(.get("Test_A")).status == .notFound)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2"])
            try await expectQuiet(scene)
        }

        @Test("A.2.2: the flags of classes and of instances; a pragma's come before them; others are refused")
        func flags() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            #expect(try await client.compile(Self.good, classFlags: 1).status == .notFound)
            #expect(try await client.compile(Self.good, classFlags: 2, instanceFlags: 2).phase == 0)
            #expect(try await client.compile(Self.good, classFlags: 2).status == .alreadyExists)
            let again = try await client.compile(Self.good, instanceFlags: 2)
            #expect(again.status == .alreadyExists && again.phase == 3 && again.object == 2 && again.lines == 2...2)
            #expect(try await client.compile("#pragma instanceflags(\"updateonly\")\n" + Self.good, instanceFlags: 2).phase == 0)
            try await client.mustCompile("class Test_B : Test_A { };")
            let changed = "class Test_A { [key] string Name; string More; };"
            #expect(try await client.compile(changed).status == .classHasChildren)
            #expect(try await client.compile(changed, classFlags: 0x20).status == .classHasInstances)
            #expect(try await client.compile("instance of Test_A { Name = \"y\"; };", classFlags: 0x60).phase == 0)
            #expect(try await client.compile("class Test_C { };", classFlags: 0x60).status == .invalidParameter)
            for (options, classFlags, instanceFlags): (Int32, Int32, Int32) in [(0x40, 0, 0), (-1, 0, 0), (0, 4, 0), (0, 0, 0x20)] {
                let status = try await client.refusal {
                    _ = try await client.compile(Self.good, options: options, classFlags: classFlags, instanceFlags: instanceFlags)
                }
                #expect(status == .invalidParameter)
            }
            try await expectQuiet(scene)
        }

        @Test("Design 3: namespaces: the argument's, a pragma's; those that are not there, and those that are none")
        func namespaces() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.good, in: "ROOT\\CIMV2")
            #expect(try await client.run(.get("Test_A=\"x\"")).status == .noError)
            let other = try await client.compile(Self.good, in: "root/none")
            #expect(other.phase == 3 && other.status == .invalidNamespace && other.message.contains("root/none"))
            #expect(try await client.refusal { _ = try await client.compile(Self.good, in: "a b") } == .invalidNamespace)
            // One text may make a namespace and fill it.
            try await client.mustCompile(
                "instance of __NAMESPACE { Name = \"test\"; };\n#pragma namespace(\"\\\\\\\\.\\\\root\\\\cimv2\\\\test\")\n" + Self.good)
            #expect(try await client.run(.get("Test_A=\"x\""), namespace: NamespaceTests.test).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("Design 3: includes are the caller's to put in: refused with their place and what to do")
        func includes() async throws {
            let scene = try await Scene.start()
            let result = try await scene.client.compile(Self.good + "#pragma include(\"more.mof\")\n")
            #expect(result.phase == 2 && result.status == .mofErrorInvalidIncludeFile && result.lines == 3...3)
            #expect(result.message.contains("more.mof") && result.message.contains("includes"), "\(result.message)")
            #expect(try await scene.client.run(.get("Test_A")).status == .notFound)
            try await expectQuiet(scene)
        }

        @Test("Design 3: a text of 16 MiB is read, one byte more is QuotaViolation and changes nothing")
        func large() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let size = 16 << 20
            let padding = "//" + String(repeating: "x", count: size - Self.good.utf8.count - 3) + "\n"
            try await client.mustCompile(padding + Self.good)
            #expect(try await client.run(.get("Test_A=\"x\"")).status == .noError)
            #expect(try await client.refusal { _ = try await client.compile(padding + Self.good + " ") } == .quotaViolation)
            try await expectQuiet(scene)
        }

        @Test("Design 3: four clients compile at once; a fifth, or one that is not answered yet, is told to wait")
        func concurrent() async throws {
            let scene = try await Scene.start()
            let text = (0..<400).map { "class Test_N_X\($0) { [key] string Name; uint32 P\($0); };\n" }.joined()
            let outcomes = try await withThrowingTaskGroup(of: [WBEMStatus].self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let client = try await RawClient.connect(to: scene.bus)
                        var outcomes: [WBEMStatus] = []
                        let own = text.split(separator: "_N_").joined(separator: "_\(number)_")
                        while outcomes.last != .noError {
                            async let first = Self.outcome(client, own)
                            async let second = Self.outcome(client, own)
                            let both = try await [first, second].sorted { $0.rawValue > $1.rawValue }
                            outcomes += both
                            if outcomes.count > 2_000 { break }
                        }
                        return outcomes
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(Set(outcomes) == [.noError, .serverTooBusy])
            // The log says who is at a bound, once a second, and where to look.
            #expect(try await scene.broker.count(of: "uid \(getuid()) is at a bound: CompileBuffer: other texts are being compiled") >= 1)
            for number in 0..<6 {
                #expect(try await scene.client.declaration("Test_\(number)_X399").properties.count == 2)
            }
            // Changes that meet: each is all or nothing, and none is lost.
            try await expectQuiet(scene)
        }

        private static func outcome(_ client: RawClient, _ text: String) async throws -> WBEMStatus {
            let compiled = Event<WBEMStatus>("the answer")
            let refused = try await client.refusal { compiled.send(try await client.compile(text).status) }
            return refused ?? compiled.current ?? .failed
        }

        @Test("L9: who asked for a compilation and left: it is carried out or not, and the next one is not held up")
        func vanishing() async throws {
            let scene = try await Scene.start()
            let text = (0..<200).map { "class Test_X\($0) { [key] string Name; };\n" }.joined()
            for _ in 0..<6 {
                let other = try await RawClient.connect(to: scene.bus)
                let answer = Task { try await other.compile(text) }
                // It has been sent when this is answered.
                _ = try await other.brokerProperty("OpenOperations")
                await other.close()
                _ = await answer.result
            }
            try await scene.eventually("room for another") {
                try await scene.client.refusal { _ = try await scene.client.compile(Self.good) } == nil
            }
            let present = try await scene.client.run(.classes(""), .async).names("__CLASS").count { $0.hasPrefix("Test_X") }
            #expect(present == 0 || present == 200)
            try await expectQuiet(scene, next: .get("Test_A=\"x\""))
        }
    }
}
