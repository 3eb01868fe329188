import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// DeleteInstance: what is deleted, what is refused, and how the caller hears of it (Semantics K.5).
    @Suite struct DeleteTests {
        static let delete = RawOperation.delete(thing("thing0"))

        // MARK: - Deleted

        @Test("R119: a delete is accepted before its provider answers, and ends when it has", arguments: [CallForm.semisync, .async])
        func asynchronous(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the provider to answer")
            provider.on("DeleteInstanceAsync") { call in
                try await go.value()
                call.reply()
            }
            let client = scene.client
            let open = try await withDeadline(.seconds(5), "the delete to be accepted") { try await client.start(Self.delete, form) }
            try await provider.calls.wait("the call") { !$0.isEmpty }
            #expect(try await client.brokerProperty("OpenOperations") == 1)
            #expect(open.sink?.events.all.isEmpty != false)
            go.send(())
            #expect(try await open.result().status == .noError)
            try await expectQuiet(scene, [open.sink])
        }

        @Test(
            "R119: a provider is asked to delete the instance, by its path in the current namespace; then it is gone, and the others are there",
            arguments: CallForm.allCases)
        func gone(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            #expect(try await client.run(Self.delete, form).status == .noError)
            #expect(provider.calls.all.map(\.method) == ["DeleteInstanceAsync"])
            #expect(provider.calls.all.map(\.target) == [thing("thing0")])
            #expect(provider.calls.all.map(\.namespace) == ["root/cimv2"])
            #expect(try await client.run(.get(thing("thing0"))).status == .notFound)
            #expect(try await client.run(.enumerate("Test_Thing")).objects.map { $0["Name"]?.text } == ["thing1", "thing2"])
            // An instance of another namespace is none of this one's.
            for path in ["root/other:\(thing("thing1"))", "\\\\.\\root:\(thing("thing1"))"] {
                let status =
                    form == .sync
                    ? try await client.run(.delete(path)).status
                    : try await client.refusal { _ = try await client.start(.delete(path), form) }
                #expect(status == .invalidObjectPath, "\(path)")
            }
            let root = ObjectPath(verified: "/org/cimbus1/namespaces/root")
            #expect(try await client.run(.delete(thing("thing1")), form, namespace: root).status == .invalidClass)
            #expect(try await client.run(.get(thing("thing1"))).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("R119: a stored instance that is deleted is gone, and the others are there", arguments: CallForm.allCases)
        func storedGone(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile(
                """
                class Test_Stored { [key] string Name; };
                instance of Test_Stored { Name = "a"; };
                instance of Test_Stored { Name = "b"; };
                """)
            #expect(try await client.run(.delete("Test_Stored.Name=\"a\""), form).status == .noError)
            #expect(try await client.run(.get("Test_Stored.Name=\"a\"")).status == .notFound)
            #expect(try await client.run(.enumerate("Test_Stored")).objects.map { $0["Name"]?.text } == ["b"])
            #expect(try await client.run(.delete("Test_Stored.Name=\"a\""), form).status == .notFound)
            try await expectQuiet(scene)
        }

        // MARK: - Paths and flags

        @Test(
            "R121: a delete takes the valid path of an instance, in any spelling; no other path reaches the provider",
            arguments: CallForm.allCases)
        func paths(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            let refused: [(String, WBEMStatus)] = [
                ("", .invalidParameter), ("Test_Thing", .invalidParameter), ("Test_Thing.Na me=\"x\"", .invalidObjectPath),
                ("Test_Thing.Name=", .invalidObjectPath), ("Test_Thing.Name=\"x", .invalidObjectPath),
                ("\\\\elsewhere\\root\\cimv2:\(thing("thing0"))", .invalidObjectPath),
            ]
            for (path, expected) in refused {
                let status =
                    form == .sync
                    ? try await client.run(.delete(path)).status
                    : try await client.refusal { _ = try await client.start(.delete(path), form) }
                #expect(status == expected, "\(path)")
            }
            for path in ["Test_Thing.Other=\"thing0\"", "Test_Thing.Name=\"thing0\",Number=0", "Test_Thing=@"] {
                #expect(try await client.run(.delete(path), form).status == .invalidObjectPath, "\(path)")
            }
            #expect(provider.calls.all.isEmpty)
            provider.on("DeleteInstanceAsync") { $0.reply() }
            let spellings = ["test_thing.NAME='thing0'", "Test_Thing=\"thing0\"", "//./ROOT/cimv2:Test_Thing.Name=\"thing0\""]
            for path in spellings { #expect(try await client.run(.delete(path), form).status == .noError, "\(path)") }
            #expect(provider.calls.all.map(\.target) == Array(repeating: thing("thing0"), count: 3))
            try await expectQuiet(scene)
        }

        @Test("R123: a delete with USE_AMENDED_QUALIFIERS is refused, and nobody is asked", arguments: CallForm.allCases)
        func amended(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            let provider = try await family.scene.provider()
            let client = family.scene.client
            for operation in [Self.delete, .delete("Test_B.Name=\"n\"")] {
                let legal: Int32 = form == .async ? 0x80 : 0x10
                for flags in [0x20000, 0x20000 | legal] {
                    let status =
                        form == .sync
                        ? try await client.run(operation, flags: flags).status
                        : try await client.refusal { _ = try await client.start(operation, form, flags: flags) }
                    #expect(status == .invalidParameter)
                }
            }
            #expect((family.all + [provider]).map(\.calls.all.count) == [0, 0, 0, 0, 0])
            #expect(try await client.run(.get(thing("thing0"))).status == .noError)
            try await expectQuiet(family.scene)
        }

        @Test("R122: a delete's client that asked gets the progress that its provider reports, and nothing where it reports none")
        func progress() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for (reports, flags) in [(true, Int32(0x80)), (true, 0), (false, 0x80), (false, 0)] {
                let sink = scene.client.makeSink()
                provider.on("DeleteInstanceAsync") { call in
                    guard reports else { return call.reply() }
                    call.reply(references: 1)
                    for current in [UInt32(1), 2] {
                        try await call.sink.progress(current, of: 3)
                        // Of reports that are not read only the newest is kept.
                        if flags != 0 { try await sink.events.wait("the report") { $0.count == current } }
                    }
                    try await call.sink.setStatus(.noError)
                    try await call.sink.release()
                }
                let open = try await scene.client.start(Self.delete, .async, flags: flags, sink: sink)
                #expect(try await open.result().status == .noError)
                #expect(sink.progress.map(\.0) == (reports && flags != 0 ? [1, 2] : []))
                #expect(sink.progress.allSatisfy { $0.1 == 3 })
                #expect(provider.calls.all.last?.flags == flags)
                try await expectQuiet(scene, [sink])
            }
        }

        // MARK: - Contexts

        @Test("R124: a delete's context reaches the provider; a client that gives none adds nothing to it", arguments: CallForm.allCases)
        func context(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("DeleteInstanceAsync") { $0.reply() }
            #expect(try await scene.client.run(Self.delete, form).status == .noError)
            let brokers = Set(provider.calls.all.last?.context.keys.map { $0 } ?? [])
            #expect(brokers.allSatisfy { $0.hasPrefix("__") } && brokers.contains("__CLIENT_UID"))
            let given: [(String, DBusValue)] = [("Special", .uint32(7)), ("Words", .strings(["a", "b"])), ("__Vendor", .boolean(true))]
            #expect(try await scene.client.run(Self.delete, form, context: given).status == .noError)
            let context = provider.calls.all.last?.context ?? [:]
            for (name, value) in given { #expect(context[name] == value) }
            #expect(Set(context.keys) == brokers.union(given.map(\.0)))
            try await expectQuiet(scene)
        }

        @Test("R122 R124: each provider of a delete over several gets the client's context, and its wish for progress")
        func contextOfSeveral() async throws {
            let family = try await HierarchyTests.Family.start()
            for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
            let client = family.scene.client
            let delete = RawOperation.delete("Test_B.Name=\"n\"")
            let asked: [(Int32, [(String, DBusValue)])] = [(0x80, [("Special", .uint32(7))]), (0, [])]
            for (flags, context) in asked {
                #expect(try await client.run(delete, .async, flags: flags, context: context).status == .noError)
                for provider in family.all {
                    #expect(provider.calls.all.last?.flags == flags, "\(provider.name)")
                    #expect(provider.calls.all.last?.context["Special"] == context.first?.1, "\(provider.name)")
                    #expect(provider.calls.all.last?.context["__CLIENT_NAME"]?.text == client.connection.uniqueName.text)
                }
            }
            #expect(family.all.map(\.calls.all.count) == [2, 2, 2, 2])
            try await expectQuiet(family.scene)
        }
    }
}
