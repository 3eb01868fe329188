import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// Sinks that are kept, given back, dropped and cancelled.
    @Suite struct ProviderSinkTests {
        /// A provider that keeps its sink and returns.
        private func keeping(_ kept: Event<RetainedSink>) -> ThingProvider {
            ThingProvider(enumerate: { _, _, sink in
                try await sink.indicate(thing(0))
                kept.send(try sink.retain())
            })
        }

        @Test("L4 R80: an operation ends when its method has returned and every reference is given back")
        func retain() async throws {
            let kept = Event<[RetainedSink]>("the sinks")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(thing(0))
                    kept.send([try sink.retain(), try sink.retain()])
                }))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            let sinks = try await kept.value()
            let rest = Task { try await collect(sequence) }
            try await sinks[0].indicate(thing(1))
            sinks[0].release()
            sinks[0].release()
            try await sinks[1].indicate(thing(2))
            #expect(try await stage.session.broker.figures().openOperations == 1)
            sinks[1].release()
            let result = try await soon { try await rest.value }
            #expect(result.numbers == [0, 1, 2])
            #expect(result.error == nil)
            try await stage.expectQuiet()
            let late = await #expect(throws: CIMError.self) { try await sinks[1].indicate(thing(3)) }
            #expect(late?.status == .invalidOperation)
        }

        @Test("a reference that fails ends the operation with its error")
        func fail() async throws {
            let kept = Event<RetainedSink>("the sink")
            let stage = try await Stage.start(keeping(kept))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await kept.value().fail(CIMError(.accessDenied, "on second thoughts"))
            let result = try await collect(sequence)
            #expect(result.numbers == [0])
            #expect(result.error?.status == .accessDenied)
            #expect(result.error?.message.contains("on second thoughts") == true)
            try await stage.expectQuiet()
        }

        @Test("L5: a reference that is merely dropped is ProviderFailure")
        func drop() async throws {
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(thing(0))
                    _ = try sink.retain()
                }))
            let result = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(result.numbers == [0])
            #expect(result.error?.status == .providerFailure)
            try await stage.expectQuiet()
        }

        @Test("a sink takes nothing once its method has returned")
        func late() async throws {
            let kept = Event<ObjectSink>("the sink")
            let stage = try await Stage.start(ThingProvider(enumerate: { _, _, sink in kept.send(sink) }))
            #expect(try await stage.session.enumerate("Test_Thing", .sync).error == nil)
            let sink = try await kept.value()
            #expect(sink.isOver)
            #expect(await #expect(throws: CIMError.self) { try await sink.indicate(thing(1)) }?.status == .invalidOperation)
            #expect(throws: CIMError.self) { try sink.retain() }
        }

        @Test(
            "R87: a method that returns, and keeps nothing, is a success: nobody says a status, and no reference is left",
            arguments: Form.allCases)
        func returned(form: Form) async throws {
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, _ in }, put: { _, _ in nil }, delete: { _, _ in }, invoke: { _, _, _, _ in MethodResult() }))
            let session = stage.session
            #expect(try await session.put(thing(1), form).relativePath == "Test_Thing.Name=\"n1\"")
            try await stage.expectQuiet()
            try await session.delete(path("n1"), form)
            try await stage.expectQuiet()
            #expect(try await session.call(path("n1"), "Echo", ["sInArg": "x"], form).returnValue == nil)
            try await stage.expectQuiet()
            let none = try await session.enumerate("Test_Thing", form)
            #expect(none.error == nil && none.instances.isEmpty)
            try await stage.expectQuiet()
        }
    }
}
