import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// A slow reader slows its own provider down, and nobody else (L13; Design 3, flow control).
    @Suite struct FlowTests {
        /// Indicates batch after batch, each awaiting its reply, then succeeds.
        static func stream(_ batches: Int, of count: Int = 1, bytes: Int = 0) -> RawProvider.Script {
            { call in
                call.reply(references: 1)
                for index in 0..<batches { try await call.sink.indicate(batch(count, from: index * count, bytes: bytes)) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
        }

        @Test("Design 3: a window of 8 batches; Acknowledge opens it; the final status follows the last object")
        func windowOfBatches() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(30))
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
            try await sink.events.wait("8 batches") { $0.count == 8 }
            // The ninth was sent and is not answered: what the broker has in hand is behind one more round trip.
            _ = try await scene.client.brokerProperty("OpenOperations")
            #expect(sink.events.all.count == 8)
            scene.client.acknowledge(sink, 3)
            try await sink.events.wait("11 batches") { $0.count == 11 }
            _ = try await scene.client.brokerProperty("OpenOperations")
            #expect(sink.events.all.count == 11)
            // More than is owed counts as all that is owed.
            while sink.finals == 0 {
                let seen = sink.events.all.count
                scene.client.acknowledge(sink, .max)
                try await sink.events.wait("more") { $0.count > seen }
            }
            #expect(sink.objects.compactMap { $0["Number"] } == (0..<30).map { .uint32($0) })
            #expect(try await open.result().status == .noError)
            try await expectQuiet(scene, [sink])
        }

        @Test("Design 3: a window of 1 MiB, and always at least one batch")
        func windowOfBytes() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(20, bytes: 240_000))
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
            try await sink.events.wait("4 batches") { $0.count == 4 }
            _ = try await scene.client.brokerProperty("OpenOperations")
            #expect(sink.events.all.count == 4)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(sink.path)])
            #expect(try await open.result().status == .callCancelled)
            provider.on("CreateInstanceEnumAsync", Self.stream(2, bytes: 3_000_000))
            let large = scene.client.makeSink(acknowledges: false)
            let second = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: large)
            try await large.events.wait("one object") { $0.count == 1 }
            _ = try await scene.client.brokerProperty("OpenOperations")
            #expect(large.events.all.count == 1)
            scene.client.acknowledge(large, 1)
            try await large.events.wait("the second object") { $0.count == 2 || $0.count == 3 }
            #expect(try await second.result().status == .noError)
            try await expectQuiet(scene, [sink, large])
        }

        @Test("Design 3: credit overdue is ClientTooSlow, and the provider is told")
        func clientTooSlow() async throws {
            let scene = try await Scene.start("--credit", "0.3")
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(30))
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
            let result = try await open.result()
            #expect(result.status == .clientTooSlow)
            #expect(sink.events.all.count == 9)
            try await provider.cancelled.wait("the hint") { $0.count == 1 }
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [sink], next: .enumerate("Test_Thing"))
        }

        @Test("L8: a full enumerator that nobody pulls is ClientTooSlow")
        func notPulled() async throws {
            let scene = try await Scene.start("--pull", "0.3")
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(30))
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            try await provider.cancelled.wait("the hint") { $0.count == 1 }
            let result = try await open.result()
            #expect(result.status == .clientTooSlow)
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("L8: time in which the broker withholds its reply is no silence of the provider")
        func withheldIsNoSilence() async throws {
            let scene = try await Scene.start("--silence", "0.3", "--ping", "0.3")
            let provider = try await scene.provider()
            let clock = try await scene.provider("Clock", className: "Test_Clock")
            clock.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            provider.on("CreateInstanceEnumAsync", Self.stream(9))
            let sink = scene.client.makeSink(acknowledges: false)
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink)
            try await sink.events.wait("8 batches") { $0.count == 8 }
            // Twice the time of silence passes, as another provider's silence tells.
            for _ in 0..<2 { #expect(try await scene.client.run(.enumerate("Test_Clock"), .async).status == .providerTimedOut) }
            scene.client.acknowledge(sink, 8)
            #expect(try await open.result().status == .noError)
            #expect(sink.objects.count == 9)
            try await expectQuiet(scene, [sink])
        }

        @Test("Design 3: a synchronous reply holds at most 1 MiB; the other forms hold it all")
        func replyTooLarge() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(12, bytes: 100_000))
            let sync = try await scene.client.run(.enumerate("Test_Thing"), .sync)
            #expect(sync.status == .quotaViolation)
            #expect(sync.message.contains("semisync or async"))
            for form in [CallForm.semisync, .async] {
                let result = try await scene.client.run(.enumerate("Test_Thing"), form)
                #expect(result.status == .noError)
                #expect(result.objects.count == 12)
            }
            try await expectQuiet(scene)
        }

        @Test("Design 3: Next returns at least one object, and stops at 1 MiB")
        func nextIsBounded() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("CreateInstanceEnumAsync", Self.stream(8, bytes: 240_000))
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            var sizes: [Int] = []
            while true {
                let (status, objects) = try await open.next(timeout: 5_000, count: 100)
                sizes.append(objects.count)
                guard status == .sTimedOut || status == .noError else { break }
            }
            #expect(sizes.reduce(0, +) == 8)
            #expect(sizes.allSatisfy { $0 <= 4 })
            provider.on("CreateInstanceEnumAsync", Self.stream(2, bytes: 5_000_000))
            let large = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            #expect(try await large.next(timeout: 5_000, count: 100).1.count == 1)
            #expect(try await large.result().objects.count == 1)
            try await expectQuiet(scene)
        }

        @Test("R46 R47 R95 R122: PROGRESS reaches only those who asked")
        func progress() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { call in
                call.reply(references: 1)
                try await call.sink.progress(1, of: 3)
                try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 1)
                try await call.sink.setStatus(WBEMStatus(rawValue: 0), flags: 0x100, parameter: "for the log")
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            for operation in [
                RawOperation.put(provider.thing("a")), .delete(thing("a")), .enumerate("Test_Thing"), .invoke("Test_Thing", "Count"),
                .invoke(thing("a"), "Echo", [("sInArg", .string("x"))]),
            ] {
                let asked = try await scene.client.start(operation, .async, flags: 0x80)
                #expect(try await asked.result().status == .noError)
                #expect(asked.sink?.progress.map(\.0) == [1])
                #expect(asked.sink?.progress.map(\.1) == [3])
                #expect(asked.sink?.events.all.count == 2)
                let silent = try await scene.client.start(operation, .async)
                #expect(try await silent.result().status == .noError)
                #expect(silent.sink?.events.all.count == 1)
                for form in [CallForm.sync, .semisync] { #expect(try await scene.client.run(operation, form).status == .noError) }
                try await expectQuiet(scene, [asked.sink, silent.sink])
            }
            // One that reports none changes nothing for who asked.
            provider.onEverything { $0.reply() }
            let without = try await scene.client.start(.put(provider.thing("a")), .async, flags: 0x80)
            #expect(try await without.result().status == .noError)
            #expect(without.sink?.events.all.count == 1)
        }

        @Test("Design 3: of unread PROGRESS only the newest is kept")
        func newestProgress() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let (start, reported, go) = (Event<Void>("the start"), Event<Void>("the reports"), Event<Void>("the end"))
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await start.value()
                for index in 1...50 { try await call.sink.progress(UInt32(index), of: 50) }
                reported.send(())
                try await go.value()
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async, flags: 0x80)
            scene.client.stopReading()
            start.send(())
            try await reported.value()
            scene.client.resumeReading()
            let sink = try #require(open.sink)
            try await sink.events.wait("the newest") { events in
                if case .status(2, let hresult, _, _)? = events.last { hresult & 0xFFFF == 50 } else { false }
            }
            go.send(())
            #expect(try await open.result().status == .noError)
            #expect(sink.progress.map(\.0) == [1, 50])
            try await expectQuiet(scene, [sink])
        }
    }
}
