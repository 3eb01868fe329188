import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Rules of the checklist that no other suite is about (Semantics K.3 to K.5).
    @Suite struct RuleTests {
        private static let mof = """
            [dynamic, provider("Raw")] class Test_Thing
            {
                [key] string Name;
                uint32 Number;
                [Implemented, Static] uint32 Count();
                [Implemented, Static] uint32 Sum([in, ID(1)] uint32 B, [in, ID(0)] uint32 A, [out, ID(2)] string Words);
            };
            [dynamic, provider("Raw")] class Test_Other { [key] string Name; };
            """

        func start() async throws -> (Scene, RawProvider) {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            try await provider.register(mof: Self.mof)
            return (scene, provider)
        }

        @Test(
            "R39 R53 R55 R89 R107 R120 R125 R127 R133: what is confirmed, and what fails later, comes to the caller's sink, by one SetStatus"
        )
        func sinks() async throws {
            let (scene, provider) = try await start()
            for operation in [
                RawOperation.put(provider.thing("thing0")), .delete("Test_Thing.Name=\"thing0\""), .invoke("Test_Thing", "Count"),
            ] {
                for failure in [nil, WBEMStatus.accessDenied] {
                    provider.onEverything { call in
                        if let failure { call.fail(failure, "no") } else { call.reply() }
                    }
                    let sink = scene.client.makeSink()
                    let open = try await scene.client.start(operation, .async, sink: sink)
                    #expect(try await open.result().status == failure ?? .noError)
                    try await expectQuiet(scene, [sink])
                    #expect(sink.finals == 1)
                }
            }
        }

        @Test(
            "R56 R57 R128 R129: the broker holds the sink of what it accepted, until it has told the outcome, and of what it refused none")
        func heldSinks() async throws {
            let (scene, provider) = try await start()
            let client = scene.client
            let accepted = [RawOperation.put(provider.thing("thing0")), .delete("Test_Thing.Name=\"thing0\"")]
            for (operation, refused) in zip(accepted, [RawOperation.put([("Name", .string("x"))]), .delete("Test_Thing")]) {
                provider.onEverything { $0.reply(references: 1) }
                let sink = client.makeSink()
                #expect(try await client.refusal { _ = try await client.start(refused, .async, sink: sink) } != nil)
                // Nothing was kept: the same sink is taken.
                let open = try await client.start(operation, .async, sink: sink)
                let call = try await provider.calls.wait("the call") { !$0.isEmpty && $0.last?.method == "\(operation.member)Async" }.last
                // Held: it cannot be another's meanwhile. That this is refused changes nothing for it.
                let status = try await client.refusal { _ = try await client.start(.enumerate("Test_Thing"), .async, sink: sink) }
                #expect(status == .invalidParameter)
                #expect(sink.events.all.isEmpty)
                try await call?.sink.setStatus(.noError)
                try await call?.sink.release()
                #expect(try await open.result().status == .noError)
                // Told: it is free.
                provider.onEverything { $0.reply() }
                let again = client.makeSink(at: sink.path)
                #expect(try await client.start(.enumerate("Test_Thing"), .async, sink: again).result().status == .noError)
                try await expectQuiet(scene, [sink, again])
            }
        }

        @Test("A.4: with USE_AMENDED_QUALIFIERS PutClass stores no amended qualifier, without it all of them")
        func amended() async throws {
            let scene = try await Scene.start()
            func qualifier(_ name: String, _ flavor: UInt32) -> DBusValue {
                .dictionary([("Name", .string(name)), ("Value", .variant(.string("text"))), ("Flavor", .uint32(flavor))])
            }
            for (name, flags) in [("Test_Plain", Int32(0)), ("Test_Localized", 0x20000)] {
                let declaration: [(String, DBusValue)] = [
                    ("__CLASS", .string(name)), ("__GENUS", .int32(1)),
                    ("__QUALIFIERS", .array(element: .dictionary, [qualifier("Description", 0x80), qualifier("Other", 0)])),
                ]
                _ = try await scene.client.services("PutClass", [.dictionary(declaration), .int32(flags), .dictionary([])])
                let read = try await scene.client.run(.get(name)).objects.first
                let names = read?["__QUALIFIERS"]?.elements?.compactMap { $0.stringDictionary?["Name"]?.text } ?? []
                #expect(names == (flags == 0 ? ["Description", "Other"] : ["Other"]))
            }
        }

        @Test("R59 R132: an operation of a client whose connection is lost waits for nobody: its provider is told, nothing stays open")
        func remote() async throws {
            let (scene, provider) = try await start()
            provider.onEverything { $0.abandon() }
            for operation in [RawOperation.put(provider.thing("thing0")), .delete("Test_Thing.Name=\"thing0\"")] {
                let client = try await RawClient.connect(to: scene.bus)
                _ = try await client.start(operation, .async)
                let calls = provider.cancelled.all.count
                await client.close()
                try await provider.cancelled.wait("the cancellation") { $0.count > calls }
            }
            try await expectQuiet(scene)
        }

        @Test("R61 R135: a put's or a delete's provider may send objects before the status; the client's sink gets them")
        func objectsOfPut() async throws {
            let (scene, provider) = try await start()
            provider.on("PutInstanceAsync") { call in
                call.reply(.noError, references: 1, [])
                try await call.sink.indicate([call.provider.thing("thing0", 8)])
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let result = try await scene.client.run(.put(provider.thing("thing0")), .async)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.objects.first?["Number"] == .uint32(8))
        }

        @Test("R67: a stored instance with a NULL key gets a GUID that no other has, and its path says it", arguments: CallForm.allCases)
        func generatedKey(form: CallForm) async throws {
            let scene = try await Scene.start()
            _ = try await scene.client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [.string("class Test_Keyed { [key] string ID; };"), .string(""), .int32(0), .int32(0), .int32(0)])
            var paths: Set<String> = []
            for _ in 0..<3 {
                let result = try await scene.client.run(.put([("__CLASS", .string("Test_Keyed"))]), form)
                #expect(result.status == .noError, "\(result.message)")
                paths.insert(result.parameter)
                let read = try #require(try await scene.client.run(.get(result.parameter), form).objects.first)
                let key = try #require(read["ID"]?.text)
                #expect(result.parameter == "Test_Keyed.ID=\"\(key)\"")
                #expect(key.wholeMatch(of: /\{[0-9A-F]{8}-([0-9A-F]{4}-){3}[0-9A-F]{12}\}/) != nil, "\(key)")
            }
            #expect(paths.count == 3)
            #expect(try await scene.client.run(.enumerate("Test_Keyed")).objects.count == 3)
        }

        @Test("R79: the semisynchronous form, which the pages recommend, is there for every operation, with the same result")
        func semisynchronous() async throws {
            let (scene, provider) = try await start()
            for operation in [
                RawOperation.put(provider.thing("thing0")), .invoke("Test_Thing", "Count"), .delete("Test_Thing.Name=\"thing0\""),
            ] {
                #expect(try await scene.client.run(operation, .semisync).status == .noError)
            }
        }
    }
}
