import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// The promises: whatever a provider does or does not do, each operation ends once, and nothing of it is held (Semantics K.6; P1 to P7).
    @Suite struct PromiseTests {
        /// One operation of each kind, of the thing that `scene.provider()` serves.
        static let operations: [RawOperation] = [
            .get(thing("n0")), .put(RawProvider.thing("Test_Thing", "n0")), .delete(thing("n0")), .enumerate("Test_Thing"),
            .invoke(thing("n0"), "Echo", [("sInArg", .string("x"))]),
        ]

        /// The objects that a success of a call needs.
        static func objects(_ call: ProviderCall) -> [[(String, DBusValue)]] {
            switch call.method {
            case "GetObjectAsync", "CreateInstanceEnumAsync": batch(1)
            default: []
            }
        }

        // MARK: - P1

        @Test(
            "P1 R131: whoever is asked and never answers, or says no more, times out: one PROVIDER_TIMED_OUT, after the silence, nothing held",
            arguments: CallForm.allCases)
        func silence(form: CallForm) async throws {
            let scene = try await Scene.start("--silence", "0.3")
            let provider = try await scene.provider()
            for answers in [false, true] {
                provider.onEverything { if answers { $0.reply(references: 2) } else { $0.abandon() } }
                for operation in Self.operations {
                    let started = ContinuousClock.now
                    let open = try await scene.client.start(operation, form)
                    let result = try await open.result(within: .seconds(5))
                    #expect(result.status == .providerTimedOut, "\(operation): \(result.message)")
                    #expect(result.details["ProviderName"]?.text == "Raw")
                    #expect(ContinuousClock.now - started >= .milliseconds(300))
                    let call = try #require(provider.calls.all.last)
                    try await provider.cancelled.wait("the hint") { $0.last == call.sink.path.text }
                    #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
                    try await expectQuiet(scene, [open.sink])
                    // A call that stays unanswered keeps its slot.
                    if !answers { call.reply() }
                }
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters")
            #expect(counters.stringDictionary?["Failures"] == .uint64(10))
            provider.onEverything { $0.reply(.noError, Self.objects($0)) }
            try await expectQuiet(scene, next: Self.operations[0])
        }

        // MARK: - P2

        @Test(
            "P2 L7: references kept past the final status end with it after the grace, whatever was asked; the status that was set is the result",
            arguments: CallForm.allCases)
        func leaks(form: CallForm) async throws {
            let scene = try await Scene.start("--leak-grace", "0.2")
            let provider = try await scene.provider()
            for status in [WBEMStatus.noError, .accessDenied] {
                provider.onEverything { call in
                    call.reply(references: 2)
                    let objects = Self.objects(call)
                    if !objects.isEmpty { try await call.sink.indicate(objects) }
                    try await call.sink.setStatus(status)
                }
                for operation in Self.operations {
                    let started = ContinuousClock.now
                    let open = try await scene.client.start(operation, form)
                    let result = try await open.result(within: .seconds(5))
                    #expect(result.status == status, "\(operation): \(result.message)")
                    #expect(ContinuousClock.now - started >= .milliseconds(200))
                    let call = try #require(provider.calls.all.last)
                    #expect(await refusal { try await call.sink.release() } == .callCancelled)
                    try await expectQuiet(scene, [open.sink])
                }
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Leaks"] == .uint64(10))
        }

        @Test("P2 L7 C.2: who leaks its sink in a delete over several holds it up for the grace, and the others are asked then")
        func leaksInDelete() async throws {
            let family = try await HierarchyTests.Family.start(options: ["--leak-grace", "0.2"])
            let delete = RawOperation.delete("Test_B.Name=\"n\"")
            for (leaking, status) in [(family.a, WBEMStatus.vetoDelete), (family.c, .noError)] {
                for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
                leaking.on("DeleteInstanceAsync") { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(.vetoDelete)
                }
                let before = family.all.map(\.calls.all.count)
                let open = try await family.scene.client.start(delete, .async)
                let result = try await open.result(within: .seconds(5))
                #expect(result.status == status, "\(leaking.name): \(result.message)")
                #expect(family.all.map(\.calls.all.count) == before.map { $0 + 1 })
                let counters = try await family.scene.client.property(leaking.registrationPath, Contract.registration, "Counters")
                #expect(counters.stringDictionary?["Leaks"] == .uint64(1))
                try await expectQuiet(family.scene, [open.sink])
            }
        }

        // MARK: - P3

        @Test("P3: what a provider holds is released at once when its name vanishes, however it got it; what others hold is not")
        func references() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let other = try await scene.provider("Other", className: "Test_Other")
            let second = try await scene.bus.connect()
            let held = Recorder<Void>()
            provider.onEverything { call in
                call.reply(references: 2)
                try await call.sink.addRef()
                if call.method == "DeleteInstanceAsync" { try await call.sink.setStatus(.accessDenied) }
                held.record(())
            }
            other.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 2)
                try await call.sink.transfer(to: second.uniqueName.text)
                held.record(())
            }
            var open: [RawOpenOperation] = []
            for operation in Self.operations { open.append(try await scene.client.start(operation, .async)) }
            let elsewhere = try await scene.client.start(.enumerate("Test_Other"), .async)
            try await held.wait("the references") { $0.count == 6 }
            #expect(try await scene.client.brokerProperty("SinkReferences") == 17)
            await provider.close()
            try await scene.waitForState("absent", of: provider.registrationPath)
            #expect(try await scene.client.brokerProperty("SinkReferences") == 2)
            for operation in open {
                let status = try await operation.result().status
                #expect(status == (operation.sink?.path == open[2].sink?.path ? .accessDenied : .providerFailure))
            }
            // Who was handed a reference holds it as the one that was called does, and no longer.
            await second.close()
            try await scene.eventually("its reference to be released") { try await scene.client.brokerProperty("SinkReferences") == 1 }
            #expect(try await scene.operationStates() == ["running"])
            await other.close()
            #expect(try await elsewhere.result().status == .providerFailure)
            try await expectQuiet(scene, open.map(\.sink) + [elsewhere.sink])
        }

        // MARK: - P4

        @Test(
            "P4: SIGKILL ends every operation of any kind, held, called and queued, with one PROVIDER_FAILURE within a second; no other notices",
            arguments: CallForm.allCases)
        func killed(form: CallForm) async throws {
            let scene = try await Scene.start()
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let process = UInt32(faulty.process.processID)
            let other = try await scene.provider()
            other.onEverything { $0.reply(references: 1) }
            var others: [RawOpenOperation] = []
            for operation in Self.operations { others.append(try await scene.client.start(operation, form)) }
            let calls = try await other.calls.wait("the calls of the other provider") { $0.count == 5 }

            let key = "Faulty_Thing.Scenario=\"healthy\""
            let operations: [RawOperation] = [
                .get(key), .put([("__CLASS", .string("Faulty_Thing")), ("Scenario", .string("healthy"))]), .delete(key),
                .enumerate("Faulty_Thing"), .invoke(key, "Act"),
            ]
            var open: [RawOpenOperation] = []
            for operation in operations {
                open.append(try await scene.client.start(operation, form, context: [("FaultyScript", .string("silent"))]))
            }
            try await faulty.wait(for: "finished", count: 5)
            // 4 take the slots for calls, and 6 wait for one.
            for operation in operations + operations {
                open.append(try await scene.client.start(operation, form, context: [("FaultyScript", .string("never"))]))
            }
            try await faulty.wait(for: "silent", count: 4)
            #expect(try await scene.waitForOperations(20).count { $0 == "queued" } == 6)
            // Who pulls waits before it happens, as a client would.
            let waiting = open.map { operation in Task { (try await operation.result(), ContinuousClock.now) } }
            let killed = ContinuousClock.now
            faulty.process.signal(SIGKILL)
            for task in waiting {
                let (result, ended) = try await task.value
                #expect(result.status == .providerFailure, "\(result.message)")
                #expect(result.details["ProviderProcessID"] == .uint32(process))
                #expect(ended - killed < .seconds(1))
            }
            #expect(try await scene.client.brokerProperty("OpenOperations") == 5)
            for call in calls {
                let objects = Self.objects(call)
                if !objects.isEmpty { try await call.sink.indicate(objects) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            for operation in others { #expect(try await operation.result().status == .noError) }
            try await expectQuiet(scene, (open + others).map(\.sink))
        }

        // MARK: - Which of what a provider says is the result, and that it stays (Semantics K.6; P5 to P7)

        @Test(
            "P5: the return code as the only report is the result, with nothing held, whatever was asked: at once, success and failure",
            arguments: CallForm.allCases)
        func returnCodes(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for status in [WBEMStatus.noError, .accessDenied, WBEMStatus(rawValue: 0x8007_0005)] {
                provider.onEverything { $0.reply(status, status.isSuccess ? Self.objects($0) : []) }
                for operation in Self.operations {
                    let open = try await scene.client.start(operation, form)
                    let result = try await open.result(within: .seconds(5))
                    #expect(result.status == status, "\(operation): \(result.message)")
                    try await expectQuiet(scene, [open.sink])
                }
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Violations"] == .uint64(0) && counters?["Leaks"] == .uint64(0))
        }

        @Test(
            "P6: a death after the final status and the last release changes no result, pulled or not, sent or not; the counters tell of it"
        )
        func deathAfterTheEnd() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { call in
                call.reply(references: 1)
                let objects = Self.objects(call)
                if !objects.isEmpty { try await call.sink.indicate(objects) }
                try await call.sink.setStatus(call.method == "ExecMethodAsync" ? .accessDenied : .noError)
                try await call.sink.release()
            }
            var open: [RawOpenOperation] = []
            for operation in Self.operations {
                for form in [CallForm.semisync, .async] { open.append(try await scene.client.start(operation, form)) }
            }
            try await provider.calls.wait("the calls") { $0.count == 10 }
            try await scene.eventually("all of them to end") { try await scene.client.brokerProperty("OpenOperations") == 0 }
            // One whose client takes no objects: of 9 batches it has been sent 8, its provider is done, and the status waits behind them.
            let slow = scene.client.makeSink(acknowledges: false)
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for number in 0..<9 { try call.sink.sendIndicate(batch(1, from: number), wantsReply: true) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let held = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: slow)
            try await slow.events.wait("the window") { $0.count == 8 }
            try await scene.eventually("its provider to be done with it") { try await scene.client.brokerProperty("SinkReferences") == 0 }
            #expect(try await scene.operationStates() == ["status-seen"])

            await provider.close()
            try await scene.waitForState("absent", of: provider.registrationPath)
            for (operation, open) in zip(Self.operations.flatMap { [$0, $0] }, open) {
                let result = try await open.result()
                #expect(result.status == (operation.member == "ExecMethod" ? .accessDenied : .noError), "\(operation): \(result.message)")
                if case .get = operation { #expect(result.objects.count == 1) }
                if case .enumerate = operation { #expect(result.objects.count == 1) }
                if case .put = operation { #expect(result.parameter == thing("n0")) }
            }
            #expect(slow.events.all.count == 8)
            scene.client.acknowledge(slow, 8)
            #expect(try await held.result().status == .noError)
            #expect(slow.objects.count == 9)
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Vanished"] == .uint64(1))
            // The two methods, which the provider failed itself.
            #expect(counters?["Failures"] == .uint64(2))
            try await expectQuiet(scene, open.map(\.sink) + [slow])
        }

        @Test(
            "P7: of several final statuses the first is the result; the others are refused and dropped, whoever sends them and whatever was asked",
            arguments: CallForm.allCases)
        func duplicates(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let second = try await scene.bus.connect()
            // What the last word of each call was answered with: the operation has ended by then, and the test may go on.
            let last = Recorder<WBEMStatus?>()
            var violations = 0
            for (first, next) in [(WBEMStatus.noError, WBEMStatus.failed), (.accessDenied, .noError), (.accessDenied, .failed)] {
                provider.onEverything { call in
                    call.reply(references: 2)
                    try await call.sink.transfer(to: second.uniqueName.text)
                    let objects = Self.objects(call)
                    if !objects.isEmpty { try await call.sink.indicate(objects) }
                    try await call.sink.setStatus(first)
                    let other = call.sink.seen(by: second)
                    for sink in [call.sink, other] { #expect(await refusal { try await sink.setStatus(next) } == .unexpected) }
                    for sink in [call.sink, other] { try await sink.release() }
                    last.record(await refusal { try await call.sink.setStatus(next) })
                }
                for operation in Self.operations {
                    let open = try await scene.client.start(operation, form)
                    let result = try await open.result()
                    let calls = violations / 2 + 1
                    #expect(try await last.wait("the last word") { $0.count == calls }.last == .callCancelled)
                    #expect(result.status == first, "\(operation): \(result.message)")
                    violations += 2
                    try await expectQuiet(scene, [open.sink])
                }
            }
            let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
            #expect(counters?["Violations"] == .uint64(UInt64(violations)))
        }
    }
}
