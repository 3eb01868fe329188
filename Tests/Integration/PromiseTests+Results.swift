import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

/// Which of what a provider says is the result, and that it stays (SEMANTICS K.6; P5 to P7).
extension Integration.PromiseTests {
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

    @Test("P6: a death after the final status and the last release changes no result, pulled or not, sent or not; the counters tell of it")
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
                #expect(await refusal { try await call.sink.setStatus(next) } == .callCancelled)
            }
            for operation in Self.operations {
                let open = try await scene.client.start(operation, form)
                let result = try await open.result()
                #expect(result.status == first, "\(operation): \(result.message)")
                violations += 2
                try await expectQuiet(scene, [open.sink])
            }
        }
        let counters = try await scene.client.property(provider.registrationPath, Contract.registration, "Counters").stringDictionary
        #expect(counters?["Violations"] == .uint64(UInt64(violations)))
    }
}
