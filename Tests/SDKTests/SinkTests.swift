import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import Synchronization
import Testing

extension SDKTests {
    /// Sinks that are kept, given back, dropped and cancelled.
    @Suite struct SinkTests {
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

            let begun = session.beginGetInstance(path("a"))
            try await started.wait("the first call") { $0.count == 1 }
            begun.cancel()
            #expect(await #expect(throws: CIMError.self) { try await begun.value }?.status == .callCancelled)
            try await cancelled.wait("the first cancel") { $0.count == 1 }

            let waiting = Task { try await session.beginGetInstance(path("a")).value }
            try await started.wait("the second call") { $0.count == 2 }
            waiting.cancel()
            #expect(await #expect(throws: CIMError.self) { try await waiting.value }?.status == .callCancelled)
            try await cancelled.wait("the second cancel") { $0.count == 2 }

            let opened = try await session.openGetInstance(path("a"))
            try await started.wait("the third call") { $0.count == 3 }
            await opened.close()
            try await cancelled.wait("the third cancel") { $0.count == 3 }

            let listed = session.beginGetInstance(path("a"))
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

/// Waits until this task is cancelled.
func untilCancelled() async {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    for await _ in stream {}
    continuation.finish()
}

/// The rest of a sequence.
func collect(_ sequence: InstanceSequence) async throws -> Enumerated {
    try await soon("the end of a sequence") {
        var result = Enumerated()
        do throws(CIMError) {
            for try await instance in sequence { result.instances.append(instance) }
        } catch {
            result.error = error
        }
        return result
    }
}
