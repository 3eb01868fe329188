import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Cancelled, abandoned, out of time, shut down (L1, L8, L9, L11; B.9).
    @Suite struct CancelTests {
        @Test("L9 B.9 R36: CancelAsyncCall ends it at once, whatever the provider does, and tells the provider")
        func cancel() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let answers = Recorder<WBEMStatus?>()
            let go = Event<Void>("the provider to go on")
            provider.onEverything { call in
                call.reply(references: 1)
                try await go.value()
                answers.record(await refusal { try await call.sink.indicate(batch(1)) })
                answers.record(await refusal { try await call.sink.setStatus(.noError) })
                answers.record(await refusal { try await call.sink.release() })
            }
            let operations: [RawOperation] = [
                .get(thing("a")), .put(provider.thing("a")), .delete(thing("a")), .enumerate("Test_Thing"),
                .invoke(thing("a"), "Echo", [("sInArg", .string(""))]),
            ]
            var sinks: [RawSink?] = []
            for operation in operations {
                let open = try await scene.client.start(operation, .async)
                let sink = try #require(open.sink)
                sinks.append(sink)
                let count = sinks.count
                try await provider.calls.wait("the call") { $0.count == count }
                _ = try await scene.client.services("CancelAsyncCall", [.objectPath(sink.path)])
                #expect(sink.events.all.count == 1)
                #expect(try await sink.result().status == .callCancelled)
                // Again: a silent no-op.
                _ = try await scene.client.services("CancelAsyncCall", [.objectPath(sink.path)])
            }
            let expected = provider.calls.all.map(\.sink.path.text)
            try await provider.cancelled.wait("the hints") { $0 == expected }
            go.send(())
            try await answers.wait("the provider's calls") { $0.count == 15 }
            #expect(answers.all.allSatisfy { $0 == .callCancelled })
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Cancelled"] == .uint64(5))
            #expect(counters?["Violations"] == .uint64(0))
            provider.onEverything { $0.reply() }
            try await expectQuiet(scene, sinks, next: .enumerate("Test_Thing"))
        }

        @Test("L9 B.9: cancel racing with the end: the first wins, and there is one final status")
        func race() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try call.sink.send(Contract.objectSink, "SetStatus", [.int32(0), .uint32(0), .string(""), .dictionary([])])
                try call.sink.send(Contract.sinkReference, "Release", [])
            }
            var results: [WBEMStatus: Int] = [:]
            var sinks: [RawSink?] = []
            for _ in 0..<100 {
                let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
                _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(open.sink).path)])
                results[try await open.result().status, default: 0] += 1
                sinks.append(open.sink)
            }
            #expect(Set(results.keys).isSubset(of: [.noError, .callCancelled]))
            print("of 100 cancels, \(results[.callCancelled] ?? 0) came before the end")
            try await scene.eventually("the provider to have been heard") {
                try await scene.client.property(provider.registrationPath, Contract.registration, "OpenOperations") == .uint32(0)
            }
            try await expectQuiet(scene, sinks, next: .enumerate("Test_Thing"))
        }

        @Test("L9: Operation.Cancel in every form; objects not yet taken are discarded", arguments: CallForm.allCases)
        func operationCancel(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form)
            try await provider.calls.wait("the call") { !$0.isEmpty }
            let listed = try await scene.client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements?.first
            guard case .objectPath(let path)? = listed?.elements?.first else { Issue.record("no operation is listed"); return }
            if form != .sync { #expect(path == open.path) }
            _ = try await scene.client.call(path, Contract.operation, "Cancel")
            #expect(try await open.result().status == .callCancelled)
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L9: a provider with an abandoned call gets no new one until it answers a ping")
        func abandonedCall() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            await provider.swallowPings(true)
            let abandoned = try await scene.client.start(.get(thing("a")), .async)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(abandoned.sink).path)])
            try await provider.cancelled.wait("the hint") { !$0.isEmpty }
            // Both queue; one of them is cancelled out of the queue, and the provider never hears of it.
            let queued = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let waiting = try await scene.client.start(.enumerate("Test_Thing"), .async)
            #expect(try await scene.operationStates() == ["queued", "queued"])
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(queued.sink).path)])
            #expect(try await queued.result().status == .callCancelled)
            await provider.swallowPings(false)
            #expect(try await waiting.result().status == .noError)
            #expect(provider.calls.all.map(\.method) == ["GetObjectAsync", "CreateInstanceEnumAsync"])
            provider.calls.all[0].reply()
            try await expectQuiet(scene, [queued.sink, waiting.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L9 L1: a client that is gone cancels its operations", arguments: CallForm.allCases)
        func clientGone(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let client = try await RawClient.connect(to: scene.bus)
            let open = try await client.start(.enumerate("Test_Thing"), form)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            await client.close()
            try await provider.cancelled.wait("the hint") { $0 == [call.sink.path.text] }
            #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
            _ = open
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("L8: the client's own deadline is TimedOut, and the provider knows it", arguments: CallForm.allCases)
        func deadline(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), form, context: [("__TIMEOUT_USEC", .uint64(200_000))])
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            #expect(call.context["__DEADLINE_USEC"] != nil)
            #expect(call.context["__TIMEOUT_USEC"] == nil)
            #expect(try await open.result().status == .timedOut)
            try await provider.cancelled.wait("the hint") { $0 == [call.sink.path.text] }
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("L8: Indicate and PROGRESS restart the silence clock")
        func activity() async throws {
            let scene = try await Scene.start("--silence", "0.4")
            let provider = try await scene.provider()
            let ticks = 6
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for tick in 0..<ticks {
                    try await Task.sleep(for: .milliseconds(150))  // The silence that is measured.
                    if tick % 2 == 0 { try await call.sink.indicate(batch(1, from: tick)) } else { try await call.sink.progress(1, of: 2) }
                }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let result = try await scene.client.run(.enumerate("Test_Thing"), .async)
            #expect(result.status == .noError)
            #expect(result.objects.count == ticks / 2)
            try await expectQuiet(scene)
        }

        @Test("L8: a provider's own SilenceSeconds")
        func ownSilence() async throws {
            let scene = try await Scene.start("--silence", "60")
            let provider = try await scene.provider(context: [("SilenceSeconds", .double(1))])
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let started = ContinuousClock.now
            #expect(try await scene.client.run(.enumerate("Test_Thing"), .async).status == .providerTimedOut)
            #expect(ContinuousClock.now - started < .seconds(5))
            try await expectQuiet(scene)
        }

        @Test("SIGTERM ends every operation with ShuttingDown (G.3), and the broker with 0")
        func shutdown() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let isHeld = Event<Void>("the last call")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                if call.provider.calls.all.count == 2 { isHeld.send(()) }
            }
            let asynchronous = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let synchronous = try await scene.client.start(.enumerate("Test_Thing"), .sync)
            try await isHeld.value()
            scene.broker.process.signal(SIGTERM)
            #expect(try await asynchronous.result().status == .shuttingDown)
            #expect(try await synchronous.result().status == .shuttingDown)
            #expect(try await scene.broker.process.waitForEnd() == .exited(0))
            #expect(asynchronous.sink?.finals == 1)
        }

        @Test("L11: a broker that was killed can be started again, and providers register again")
        func restart() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .sync)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            try await scene.broker.process.killAndWait()
            await #expect(throws: DBusError.self) { try await open.result() }
            provider.on("CreateInstanceEnumAsync", nil)
            let next = try await Scene.start(bus: scene.bus)
            // The old broker's sinks are nobody's now.
            let old = ProviderSink(connection: provider.connection, broker: BusName(Contract.busName), path: call.sink.path)
            await #expect { try await old.release() } throws: { ($0 as? DBusError)?.name == .unknownObject }
            #expect(try await next.client.run(.enumerate("Test_Thing")).status == .invalidClass)
            try await provider.register()
            try await expectQuiet(next, next: .enumerate("Test_Thing"))
        }

        @Test("one broker per bus: the second says so and ends")
        func secondBroker() async throws {
            let scene = try await Scene.start()
            await #expect { _ = try await BrokerProcess.start(on: scene.bus) } throws: { "\($0)".contains("another broker") }
            try await expectQuiet(scene)
        }
    }
}
