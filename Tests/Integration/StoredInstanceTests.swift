import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Instances of static classes (Semantics A.4, C.1, C.1.2, H.4).
    @Suite struct StoredInstanceTests {
        static let mof = """
            class Test_Base { [key] string Name; uint32 Number = 7; string Text = "given"; };
            class Test_Derived : Test_Base { string More; };
            class Test_Other : Test_Base { };
            [abstract] class Test_Abstract { [key] string Name; };
            class Test_Concrete : Test_Abstract { };
            class Test_Numbered { [key] uint32 Number; string Name; };
            class Test_Keyless { string Name; };
            [singleton] class Test_Settings { string Mode; };
            """

        static func base(_ name: String, of className: String = "Test_Base", more: [(String, DBusValue)] = []) -> RawOperation {
            .put([("__CLASS", .string(className)), ("Name", .string(name))] + more)
        }

        @Test("C.1 C.2 A.4: put, get, update and delete in every form", arguments: CallForm.allCases)
        func everyOperation(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof)
            let path = "Test_Base.Name=\"x\""
            #expect(try await client.run(Self.base("x"), form, flags: 1).status == .notFound)
            let put = try await client.run(Self.base("x", more: [("number", .uint64(1))]), form, flags: 2)
            #expect(put.status == .noError && put.parameter == path, "\(put.message)")
            #expect(try await client.run(Self.base("x"), form, flags: 2).status == .alreadyExists)
            var object = try #require(try await client.run(.get("test_base=\"X\""), form).objects.first)
            #expect(object["Number"] == .uint32(1))
            // On the bus an absent property is NULL; it has not the class's default.
            #expect(object["Text"] == nil)
            #expect(object["__RELPATH"]?.text == path)
            #expect(object["__GENUS"] == .int32(2))
            let update = try await client.run(Self.base("X", more: [("Text", .string("new"))]), form, flags: 1)
            #expect(update.status == .noError)
            object = try #require(try await client.run(.get(path), form).objects.first)
            #expect(object["Text"]?.text == "new" && object["Number"] == nil)
            #expect(try await client.run(.enumerate("Test_Base"), form).objects.count == 1)
            #expect(try await client.run(.delete(path), form).status == .noError)
            #expect(try await client.run(.get(path), form).status == .notFound)
            #expect(try await client.run(.delete(path), form).status == .notFound)
            #expect(try await client.run(.enumerate("Test_Base"), form).objects.isEmpty)
            try await expectQuiet(scene, next: Self.base("y"))
        }

        @Test("C.1.1 C.3: a path of a class above finds the instance; one of another class does not; a hierarchy shares its keys")
        func hierarchy() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof)
            #expect(try await client.run(Self.base("x", of: "Test_Derived")).parameter == "Test_Derived.Name=\"x\"")
            let found = try await client.run(.get("Test_Base=\"x\"")).objects.first
            #expect(found?["__CLASS"]?.text == "Test_Derived")
            #expect(found?["__RELPATH"]?.text == "Test_Derived.Name=\"x\"")
            #expect(try await client.run(.get("Test_Other=\"x\"")).status == .notFound)
            #expect(try await client.run(Self.base("x", of: "Test_Other")).status == .alreadyExists)
            #expect(try await client.run(.delete("Test_Other=\"x\"")).status == .notFound)
            #expect(try await client.run(.delete("Test_Base=\"x\"")).status == .noError)
            #expect(try await client.run(Self.base("x", of: "Test_Other")).status == .noError)
            // An abstract class has a path, and no instance of its own.
            #expect(try await client.run(Self.base("c", of: "Test_Abstract")).status == .invalidOperation)
            #expect(try await client.run(Self.base("c", of: "Test_Concrete")).status == .noError)
            #expect(try await client.run(.get("Test_Abstract=\"c\"")).objects.first?["__CLASS"]?.text == "Test_Concrete")
            try await expectQuiet(scene)
        }

        @Test("C.1.2: a NULL key is the service's to choose; the path says what it chose", arguments: CallForm.allCases)
        func keys(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof)
            let first = try await client.run(.put([("__CLASS", .string("Test_Base")), ("Number", .uint32(1))]), form)
            #expect(first.status == .noError, "\(first.message)")
            #expect(first.parameter.hasPrefix("Test_Base.Name=\"{") && first.parameter.hasSuffix("}\""), "\(first.parameter)")
            #expect(try await client.run(.get(first.parameter), form).objects.first?["Number"] == .uint32(1))
            let second = try await client.run(.put([("__CLASS", .string("Test_Base"))]), form)
            #expect(second.parameter != first.parameter)
            // Of other types there is nothing to choose.
            #expect(try await client.run(.put([("__CLASS", .string("Test_Numbered"))]), form).status == .noKey)
            #expect(try await client.run(Self.base("x", of: "Test_Keyless"), form).status == .noKey)
            let numbered = try await client.run(.put([("__CLASS", .string("Test_Numbered")), ("Number", .byte(3))]), form)
            #expect(numbered.parameter == "Test_Numbered.Number=3")
            let settings = try await client.run(.put([("__CLASS", .string("Test_Settings")), ("Mode", .string("m"))]), form)
            #expect(settings.parameter == "Test_Settings=@")
            #expect(try await client.run(.get("Test_Settings=@"), form).objects.first?["Mode"]?.text == "m")
            for path in ["Test_Base.Nome=\"x\"", "Test_Base.Name=1", "Test_Numbered=\"x\"", "Test_Base=@", "Test_Base.Name=\"x\",Number=1"]
            {
                #expect(try await client.run(.get(path), form).status == .invalidObjectPath, "\(path)")
                #expect(try await client.run(.delete(path), form).status == .invalidObjectPath, "\(path)")
            }
            try await expectQuiet(scene)
        }

        @Test("Design 3, Objects: what does not fit its class is refused at once, in every form", arguments: CallForm.allCases)
        func misfits(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof)
            let misfits: [[(String, DBusValue)]] = [
                [("Number", .string("x"))], [("Number", .int32(-1))], [("Nothing", .byte(1))], [("name", .string("y"))],
                [("Text", .strings(["x"]))],
            ]
            for misfit in misfits {
                if form == .sync {
                    #expect(try await client.run(Self.base("x", more: misfit)).status == .invalidObject)
                } else {
                    #expect(try await client.refusal { _ = try await client.start(Self.base("x", more: misfit), form) } == .invalidObject)
                }
            }
            #expect(try await client.run(Self.base("x", of: "Test_None"), form).status == .invalidClass)
            #expect(try await client.run(.enumerate("Test_Base"), form).objects.isEmpty)
            try await expectQuiet(scene)
        }

        @Test("A.4: shallow is exactly this class, deep is it and all below", arguments: CallForm.allCases)
        func depth(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof + "class Test_Deepest : Test_Derived { };")
            for (name, className) in [
                ("a", "Test_Base"), ("b", "Test_Derived"), ("c", "Test_Other"), ("d", "Test_Deepest"), ("e", "Test_Base"),
            ] {
                _ = try await client.run(Self.base(name, of: className))
            }
            func names(_ className: String, flags: Int32 = 0) async throws -> [String] {
                try await client.run(.enumerate(className), form, flags: flags).names()
            }
            #expect(try await names("Test_Base") == ["a", "b", "c", "d", "e"])
            #expect(try await names("Test_Base", flags: 1) == ["a", "e"])
            #expect(try await names("test_derived") == ["b", "d"])
            #expect(try await names("Test_Derived", flags: 1) == ["b"])
            #expect(try await names("Test_Derived", flags: 0x200) == ["b"])
            #expect(try await names("Test_Abstract") == [])
            #expect(try await client.run(.enumerate("Test_None"), form).status == .invalidClass)
            try await expectQuiet(scene)
        }

        @Test("Design 3, L13: 5,000 instances: never more than the window for who does not read, all of them for who reads slowly")
        func many() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(Self.mof + Self.instances(5_000))
            #expect(try await client.run(.enumerate("Test_Base")).status == .quotaViolation)
            let sink = client.makeSink(acknowledges: false)
            let open = try await client.start(.enumerate("Test_Base"), .async, sink: sink)
            var taken = 0
            while sink.finals == 0 {
                let seen = taken
                let events = try await sink.events.wait("the next batch") { $0.count > seen }
                #expect(events.count - taken <= 8)
                #expect(sink.objects.count <= 5_000)
                // One at a time, long after it came.
                taken += 1
                _ = try await scene.operationStates()
                client.acknowledge(sink, 1)
            }
            #expect(Set(sink.objects.compactMap { $0["Name"]?.text }).count == 5_000)
            #expect(try await open.result().status == .noError)
            #expect(sink.events.all.count > 9)

            let pulled = try await client.start(.enumerate("Test_Base"), .semisync)
            var names: Set<String> = []
            while true {
                let (status, objects) = try await pulled.next(timeout: 5_000, count: 300)
                names.formUnion(objects.compactMap { $0["Name"]?.text })
                if status == .sFalse { break }
                #expect(status == .noError)
                if names.count == 300 {
                    // No more than 8 batches wait for who does not pull.
                    let path = try #require(pulled.path)
                    let delivered: UInt64? = try await client.property(path, Contract.operation, "ObjectsDelivered").integer()
                    #expect(delivered.map { $0 < 5_000 } == true)
                }
            }
            #expect(names.count == 5_000)
            try await expectQuiet(scene, [sink])
        }

        static func instances(_ count: Int) -> String {
            (0..<count).map { "instance of Test_Base { Name = \"\($0)\"; Number = \($0); };\n" }.joined()
        }
    }
}
