import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// The promise itself: SIGKILL, and every client hears of it, once, at once (P4, L6).
    @Suite struct KillTests {
        @Test("P3 P4 L6 L8 R83 R85: SIGKILL with 100 operations open, in every form, some of them queued")
        func hundred() async throws {
            let scene = try await Scene.start()
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let other = try await scene.provider()
            let go = Event<Void>("the other provider to go on")
            other.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await go.value()
                try await call.sink.indicate(batch(3))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            var others: [RawOpenOperation] = []
            for index in 0..<12 { others.append(try await scene.client.start(.enumerate("Test_Thing"), CallForm.allCases[index % 3])) }

            var open: [RawOpenOperation] = []
            // 60 that were answered and are held; 40 whose calls are never answered: 4 take the slots, 36 wait for one.
            for index in 0..<100 {
                let script = index < 60 ? "silent" : "never"
                open.append(
                    try await scene.client.start(
                        .enumerate("Faulty_Thing"), CallForm.allCases[index % 3], context: [("FaultyScript", .string(script))]))
                if index == 59 { try await faulty.wait(for: "finished", count: 60) }
            }
            try await faulty.wait(for: "silent", count: 4)
            let states = try await scene.waitForOperations(112)
            #expect(states.count { $0 == "queued" } == 36)
            let held = try await scene.client.property(faulty.registrationPath, Contract.registration, "SinkReferences")
            #expect(held.integer() ?? 0 >= 64)
            // Who pulls waits before it happens, as a client would.
            let started = open.map { operation in Task { (try await operation.result(), ContinuousClock.now) } }
            _ = try await scene.waitForOperations(112)

            let killed = ContinuousClock.now
            faulty.process.signal(SIGKILL)
            var last = killed
            for task in started {
                let (result, ended) = try await task.value
                #expect(result.status == .providerFailure, "\(result.message)")
                #expect(result.details["ProviderProcessID"] == .uint32(UInt32(faulty.process.processID)))
                last = max(last, ended)
            }
            #expect(last - killed < .seconds(1))
            print("100 operations open: SIGKILL to the last of 100 final statuses \(last - killed)")

            let left = try await scene.client.property(faulty.registrationPath, Contract.registration, "SinkReferences")
            #expect(left.integer() == 0)

            // Operations elsewhere are untouched.
            #expect(try await scene.client.brokerProperty("OpenOperations") == 12)
            go.send(())
            for operation in others {
                let result = try await operation.result()
                #expect(result.status == .noError)
                #expect(result.objects.count == 3)
            }
            let again = try await FaultyProcess.start(on: scene.bus)
            try await expectQuiet(scene, (open + others).map(\.sink), next: .enumerate("Faulty_Thing"))
            let counters = try await scene.client.property(again.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Failures"] == .uint64(100))
            #expect(counters?["Vanished"] == .uint64(1))
        }

        @Test("P4 L6: the time from SIGKILL to the final status of one operation")
        func one() async throws {
            let scene = try await Scene.start()
            var times: [Duration] = []
            for _ in 0..<15 {
                let faulty = try await FaultyProcess.start(on: scene.bus)
                let open = try await scene.client.start(
                    .enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("reply 0 1"))])
                try await faulty.wait(for: "finished")
                let killed = ContinuousClock.now
                faulty.process.signal(SIGKILL)
                #expect(try await open.result().status == .providerFailure)
                times.append(ContinuousClock.now - killed)
                try await expectQuiet(scene, [open.sink])
                _ = try await faulty.process.waitForEnd()
            }
            let median = times.sorted()[times.count / 2]
            #expect(median < .seconds(1))
            print("one operation open: SIGKILL to its final status, median of \(times.count): \(median)")
        }

        @Test("L6: what a provider sent before it was killed arrives before the failure")
        func flushedFirst() async throws {
            let scene = try await Scene.start()
            for _ in 0..<5 {
                let faulty = try await FaultyProcess.start(on: scene.bus)
                let open = try await scene.client.start(
                    .enumerate("Faulty_Thing"), .async,
                    context: [("FaultyScript", .string("reply 0 1; indicate 10 batches 5; indicate 1 batches 3 nowait; sync; crash"))])
                let result = try await open.result()
                #expect(result.status == .providerFailure)
                #expect(result.objects.count == 53)
                try await expectQuiet(scene, [open.sink])
                _ = try await faulty.process.waitForEnd()
                try await scene.waitForState("absent", of: faulty.registrationPath)
            }
        }
    }
}
