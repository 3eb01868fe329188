import CIM
import CIMBusClient
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// A session whose broker dies, whose bus ends, or that is closed (L8, L11).
    @Suite struct ConnectionLossTests {
        @Test(
            "L11 R60 R108 R134: killed with everything open: every operation ends with TransportFailure, sinks are dropped, and both come back"
        )
        func brokerKilled() async throws {
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(.hanging(started, cancelled, after: 40))
            let session = stage.session
            let sequence = session.enumerateInstances(of: "Test_Thing")
            let begun = session.beginGetInstance(at: path("a"))
            let sync = Task { try await session.getInstance(at: path("a")) }
            let callbacks = Event<WBEMStatus?>("the completion")
            session.enumerateInstances(of: "Test_Thing", onInstance: { _ in }) { result in
                if case .failure(let error) = result { callbacks.send(error.status) } else { callbacks.send(nil) }
            }
            let enumerator = try await session.openEnumerator(of: "Test_Thing")
            let pulling = Task { try await enumerator.next(100) }
            let opened = try await session.openGetInstance(at: path("a"))
            let waiting = Task { try await opened.value(timeout: nil) }
            try await started.wait("six calls") { $0.count == 6 }
            try await stage.broker.process.killAndWait()

            let result = try await collect(sequence)
            #expect(result.numbers == Array(0..<40).prefix(result.numbers.count).map(\.self))
            #expect(result.error?.status == .transportFailure)
            let errors = [
                await failure("begin") { try await begun.value }, await failure("sync") { try await sync.value },
                await failure("pull") { try await pulling.value }, await failure("result") { try await waiting.value },
            ]
            #expect(errors == Array(repeating: .transportFailure, count: 4))
            #expect(try await callbacks.value() == .transportFailure)
            try await cancelled.wait("the provider's sinks to be dropped") { $0.count == 6 }
            #expect(cancelled.all.allSatisfy { $0 == "over" })
            #expect(await failure("a call without a broker") { try await session.getInstance(at: path("a")) } == .transportFailure)

            let second = try await BrokerProcess.start(on: stage.bus)
            try await stage.service.waitForRegistration(2)
            let begunAgain = session.beginGetInstance(at: path("a"))
            try await started.wait("a call of the second broker") { $0.count == 7 }
            begunAgain.cancel()
            try await cancelled.wait("its cancel") { $0.count == 7 }
            try await stage.expectQuiet()
            withExtendedLifetime(second) {}
        }

        @Test(
            "R108: a method whose connection is lost ends with a transport error: TransportFailure without the broker, FatalTransportError without the bus",
            arguments: Form.allCases)
        func methodLosesConnection(form: Form) async throws {
            for isBus in [false, true] {
                let started = Event<Void>("the method")
                let stage = try await Stage.start(
                    ThingProvider(invoke: { _, _, _, _ in
                        started.send(())
                        await untilCancelled()
                        throw CancellationError()
                    }))
                let session = stage.session
                let pending = Task { try await session.call(path("a"), "Echo", ["sInArg": "x"], form) }
                try await started.value()
                if isBus { stage.bus.daemon.signal(SIGKILL) } else { try await stage.broker.process.killAndWait() }
                #expect(
                    await failure("the method") { try await pending.value } == (isBus ? .fatalTransportError : .transportFailure))
            }
        }

        @Test("the loss of the bus ends a service with TransportFailure, and a session's operations with FatalTransportError")
        func busGone() async throws {
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(.hanging(started, cancelled))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await started.wait("the call") { !$0.isEmpty }
            stage.bus.daemon.signal(SIGKILL)
            #expect(try await collect(sequence).error?.status == .fatalTransportError)
            #expect((try await stage.service.end.value() as? CIMError)?.status == .transportFailure)
            try await cancelled.wait("the provider's cancellation") { $0 == ["over"] }
            #expect(await failure("a call") { try await stage.session.getInstance(at: path("a")) } == .fatalTransportError)
        }

        @Test("R60: a put under way ends with a transport error when its broker is lost, or its own connection", arguments: Form.allCases)
        func putLost(form: Form) async throws {
            for losesBus in [false, true] {
                let started = Event<Void>("the put")
                let stage = try await Stage.start(
                    ThingProvider(put: { _, _ in
                        started.send(())
                        await untilCancelled()
                        return nil
                    }))
                let put = Task { try await stage.session.put(thing(1), form) }
                try await started.value()
                if losesBus { stage.bus.daemon.signal(SIGKILL) } else { try await stage.broker.process.killAndWait() }
                let status = await failure("the end of the put") { try await put.value }
                #expect(status == (losesBus ? .fatalTransportError : .transportFailure))
            }
        }

        @Test("closing a session cancels what it has open, and refuses what comes later")
        func close() async throws {
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(.hanging(started, cancelled))
            let session = try await Session.connect(to: .address(stage.bus.address), logger: quiet)
            let sequence = session.enumerateInstances(of: "Test_Thing")
            try await started.wait("the call") { !$0.isEmpty }
            await session.close()
            #expect(try await collect(sequence).error?.status == .callCancelled)
            try await cancelled.wait("the provider's cancellation") { $0 == ["over"] }
            #expect(try await session.enumerate("Test_Thing", .sync).error?.status == .invalidOperation)
            try await stage.expectQuiet()
        }
    }
}
