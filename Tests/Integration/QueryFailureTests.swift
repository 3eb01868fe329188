import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Queries whose provider, or client, fails them (L1, L6, L9, L13).
    @Suite struct QueryFailureTests {
        @Test("P4 L6: a provider killed in the middle of a filtered query is named", arguments: CallForm.allCases)
        func killed(form: CallForm) async throws {
            let scene = try await Scene.start()
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let script = "indicate 4; sync; indicate 4; crash"
            let open = try await scene.client.start(
                .query("SELECT * FROM Faulty_Thing WHERE __CLASS LIKE 'no%'"), form, context: [("FaultyScript", .string(script))])
            let result = try await open.result()
            #expect(result.status == .providerFailure && result.objects.isEmpty)
            #expect(result.message.contains("provider Faulty (process \(faulty.process.processID))"), "\(result.message)")
            #expect(result.details["ProviderProcessID"] == .uint32(UInt32(faulty.process.processID)))
            try await expectQuiet(scene, [open.sink])
        }

        @Test("P4 L6 C.4: one of several sources is killed: its failure ends the query, and the others", arguments: CallForm.allCases)
        func oneOfSeveral(form: CallForm) async throws {
            let (scene, provider) = try await QueryTests.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(QueryTests.things(3))
                await provider.close()
            }
            let result = try await scene.client.run(.query("SELECT * FROM Test_Base WHERE Number = 1"), form)
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("provider Raw"), "\(result.message)")
            try await scene.waitForOperations(0)
        }

        @Test("L9: cancel reaches the provider of a filtered query, and of a conducted one", arguments: ["Test_Dynamic", "Test_Base"])
        func cancel(className: String) async throws {
            let (scene, provider) = try await QueryTests.scene()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.query("SELECT * FROM \(className) WHERE Number = 999"), .async)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(open.sink).path)])
            #expect(try await open.result().status == .callCancelled)
            try await provider.cancelled.wait("the cancel") { $0 == [call.sink.path.text] }
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .query("SELECT * FROM \(className) WHERE Number = 1"))
        }

        @Test(
            "Design 3: what is filtered away costs the client no credit, and gives the provider its own",
            arguments: ["Test_Dynamic", "Test_Base"])
        func emptyBatches(className: String) async throws {
            let (scene, provider) = try await QueryTests.scene()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for index in 0..<100 { try await call.sink.indicate(QueryTests.things(2, from: index * 2)) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            // A client that never acknowledges has a window of 8 batches; only one of the hundred has anything for it.
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.query("SELECT * FROM \(className) WHERE Number = 150"), .async, sink: sink)
            #expect(try await open.result().status == .noError)
            #expect(sink.objects.compactMap { $0["Name"]?.text } == ["n150"])
            #expect(sink.events.all.count == 2)
            try await expectQuiet(scene, [sink])
        }

        @Test("L13: a client that pulls slowly holds its provider back", arguments: ["Test_Dynamic", "Test_Base"])
        func slowClient(className: String) async throws {
            let (scene, provider) = try await QueryTests.scene()
            let sent = Recorder<Int>()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for index in 0..<60 {
                    try await call.sink.indicate(QueryTests.things(2, from: index * 2, bytes: 100_000))
                    sent.record(index)
                }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.query("SELECT * FROM \(className) WHERE Number >= 2"), .semisync)
            try await sent.wait("the first batches") { $0.count >= 5 }
            _ = try await scene.client.brokerProperty("OpenOperations")
            // 1 MiB ahead of the client, and where the query is conducted, 8 batches of the part.
            #expect(sent.all.count <= 24)
            let result = try await open.result()
            #expect(result.status == .noError && result.objects.count { $0["__CLASS"]?.text == "Test_Dynamic" } == 118)
            try await expectQuiet(scene)
        }

        @Test("Design 3: a hostile object ends a filtered query with InvalidObject", arguments: CallForm.allCases)
        func misfit(form: CallForm) async throws {
            let (scene, provider) = try await QueryTests.scene()
            for object: [(String, DBusValue)] in [
                [("__CLASS", .string("Test_Static")), ("Name", .string("a"))], [("Name", .string("a"))],
                [("__CLASS", .string("Test_Dynamic")), ("Name", .string("a")), ("Nothing", .string("x"))],
                [("__CLASS", .string("Test_Dynamic")), ("Name", .string("a")), ("NAME", .string("a"))],
                [("__CLASS", .string("Test_Dynamic")), ("Name", .int32(1))],
            ] {
                provider.on("CreateInstanceEnumAsync") { call in
                    call.reply(references: 1)
                    try? await call.sink.indicate([object])
                }
                for className in ["Test_Dynamic", "Test_Base"] {
                    let result = try await scene.client.run(.query("SELECT * FROM \(className) WHERE Number = 77"), form)
                    #expect(result.status == .invalidObject, "\(result.message)")
                }
            }
            provider.on("GetObjectAsync") { $0.reply(.noError, QueryTests.things(2)) }
            let two = try await scene.client.run(.query("SELECT * FROM Test_Dynamic WHERE Name = '1'"), form)
            #expect(two.status == .providerFailure)
            try await expectQuiet(scene)
        }
    }
}
