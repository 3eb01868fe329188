import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Operations that their client cancels, or leaves.
    @Suite struct SessionCancelTests {
        @Test("L9: the client's cancel reaches the provider's task, its sink and its references", arguments: [false, true])
        func cancel(isStreaming: Bool) async throws {
            let started = Event<RequestContext>("the provider's call")
            let cancelled = Event<Bool>("the provider's cancellation")
            let refused = Event<WBEMStatus?>("the refusal")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, context, sink in
                    if isStreaming { for number in 0..<40 { try await sink.indicate(thing(number)) } }
                    started.send(context)
                    await untilCancelled()
                    cancelled.send(sink.isOver)
                    do {
                        try await sink.indicate(thing(1))
                    } catch {
                        refused.send((error as? CIMError)?.status)
                        throw error
                    }
                }))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            let context = try await started.value()
            #expect(!context.isOver)
            sequence.operation.cancel()
            sequence.operation.cancel()
            #expect(try await cancelled.value())
            #expect(try await refused.value() == .callCancelled)
            #expect(context.isOver)
            let result = try await collect(sequence)
            #expect(result.error?.status == .callCancelled)
            #expect(sequence.operation.isCancelled)
            try await stage.expectQuiet()
        }

        @Test("L9: cancelling begin…, its task and a semisync operation reach the provider, too")
        func cancelOthers() async throws {
            let started = Recorder<Int>()
            let cancelled = Recorder<Int>()
            let stage = try await Stage.start(
                ThingProvider(get: { _, _ in
                    started.record(1)
                    await untilCancelled()
                    cancelled.record(1)
                    throw CancellationError()
                }))
            let session = stage.session

            let begun = session.beginGetInstance(at: path("a"))
            try await started.wait("the first call") { $0.count == 1 }
            begun.cancel()
            #expect(await #expect(throws: CIMError.self) { try await begun.value }?.status == .callCancelled)
            try await cancelled.wait("the first cancel") { $0.count == 1 }

            let waiting = Task { try await session.beginGetInstance(at: path("a")).value }
            try await started.wait("the second call") { $0.count == 2 }
            waiting.cancel()
            #expect(await #expect(throws: CIMError.self) { try await waiting.value }?.status == .callCancelled)
            try await cancelled.wait("the second cancel") { $0.count == 2 }

            let opened = try await session.openGetInstance(at: path("a"))
            try await started.wait("the third call") { $0.count == 3 }
            await opened.close()
            try await cancelled.wait("the third cancel") { $0.count == 3 }

            let listed = session.beginGetInstance(at: path("a"))
            try await started.wait("the fourth call") { $0.count == 4 }
            let operation = try #require(try await session.broker.listOperations().first)
            #expect(operation.kind == "GetObject")
            try await session.broker.cancelOperation(operation.id)
            #expect(await #expect(throws: CIMError.self) { try await listed.value }?.status == .callCancelled)
            try await cancelled.wait("the fourth cancel") { $0.count == 4 }
            try await stage.expectQuiet()
        }

        @Test("leaving the loop, and cancelling its task, cancel the operation")
        func leave() async throws {
            let ended = Recorder<Int>()
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    defer { ended.record(1) }
                    for number in 0... { try await sink.indicate(thing(number)) }
                }))
            for try await _ in stage.session.enumerateInstances(of: "Test_Thing") { break }
            try await ended.wait("the provider's end") { $0.count == 1 }
            let first = Event<Void>("the first instance")
            let task = Task {
                for try await _ in stage.session.enumerateInstances(of: "Test_Thing") { first.send(()) }
            }
            try await first.value()
            task.cancel()
            #expect(await #expect(throws: CIMError.self) { try await task.value }?.status == .callCancelled)
            try await ended.wait("the provider's second end") { $0.count == 2 }
            try await stage.expectQuiet()
        }

        @Test("R37: cancelling from within a callback: nothing after it but the end")
        func cancelInCallback() async throws {
            let stage = try await Stage.start(.things(100_000))
            let operation = Event<CIMBusClient.Operation>("the operation")
            let cancelled = Event<Void>("the cancellation")
            let late = Recorder<Int64?>()
            let end = Event<WBEMStatus?>("the completion")
            let started = stage.session.enumerateInstances(
                of: "Test_Thing",
                onInstance: { instance in
                    if cancelled.current != nil { late.record(instance["Number"]?.int64Value) }
                    guard let operation = operation.current else { return }
                    operation.cancel()
                    cancelled.send(())
                },
                completion: { result in
                    if case .failure(let error) = result { end.send(error.status) } else { end.send(nil) }
                })
            operation.send(started)
            #expect(try await end.value() == .callCancelled)
            #expect(cancelled.current != nil)
            #expect(late.all.isEmpty)
            try await stage.expectQuiet()
            #expect(late.all.isEmpty)
        }
    }
}
