import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import Glibc
import Testing

extension SDKTests {
    /// Brokers that die, services that stop, registrations that are refused (L8, L11).
    @Suite struct LifeTests {
        /// One that waits until it is cancelled, after so many objects.
        private func hanging(_ started: Recorder<String>, _ cancelled: Recorder<String>, after count: Int = 0) -> ThingProvider {
            ThingProvider(
                enumerate: { _, _, sink in
                    for number in 0..<count { try await sink.indicate(thing(number)) }
                    started.record("enumerate")
                    await untilCancelled()
                    cancelled.record(sink.isOver ? "over" : "open")
                    try await sink.indicate(thing(count))
                },
                get: { _, context in
                    started.record("get")
                    await untilCancelled()
                    cancelled.record(context.isOver ? "over" : "open")
                    throw CancellationError()
                })
        }

        @Test(
            "L11 R60 R108 R134: killed with everything open: every operation ends with TransportFailure, sinks are dropped, and both come back"
        )
        func brokerKilled() async throws {
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(hanging(started, cancelled, after: 40))
            let session = stage.session
            let sequence = session.enumerateInstances(of: "Test_Thing")
            let begun = session.beginGetInstance(path("a"))
            let sync = Task { try await session.getInstance(path("a")) }
            let callbacks = Event<WBEMStatus?>("the completion")
            session.enumerateInstances(of: "Test_Thing", onInstance: { _ in }) { result in
                if case .failure(let error) = result { callbacks.send(error.status) } else { callbacks.send(nil) }
            }
            let enumerator = try await session.openEnumerator(of: "Test_Thing")
            let pulling = Task { try await enumerator.next(100) }
            let opened = try await session.openGetInstance(path("a"))
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
            #expect(await failure("a call without a broker") { try await session.getInstance(path("a")) } == .transportFailure)

            let second = try await BrokerProcess.start(on: stage.bus)
            try await stage.service.waitForRegistration(2)
            let begunAgain = session.beginGetInstance(path("a"))
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

        private func failure<Value: Sendable>(_ what: String, _ body: @escaping @Sendable () async throws -> Value) async -> WBEMStatus? {
            do {
                _ = try await soon(what, body)
                return nil
            } catch {
                return (error as? CIMError)?.status
            }
        }

        @Test("a service that starts first waits for its broker")
        func brokerLater() async throws {
            let bus = try await PrivateBus.start()
            let service = RunningService(ThingProvider.things(3), on: bus)
            let broker = try await BrokerProcess.start(on: bus)
            try await service.waitForRegistration(1)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            #expect(try await session.enumerate("Test_Thing", .sync).numbers == [0, 1, 2])
            withExtendedLifetime(broker) {}
        }

        @Test("stopping unregisters, lets what is open go on, and returns", arguments: [false, true])
        func graceful(byCancelling: Bool) async throws {
            let started = Event<Void>("the call")
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(get: { _, _ in
                    started.send(())
                    try await go.value()
                    return thing(1)
                }))
            let session = stage.session
            let pending = session.beginGetInstance(path("n1"))
            try await started.value()
            if byCancelling { stage.service.cancel() } else { await stage.service.stopGracefully() }
            try await soon("the registration to be absent") {
                while try await session.broker.registrations().first?.state != "absent" {}
            }
            #expect(await failure("a call after it") { try await session.getInstance(path("n1")) } != nil)
            go.send(())
            #expect(try await soon { try await pending.value }["Number"] == .uint32(1))
            #expect(try await stage.service.end.value() == nil)
        }

        @Test("what is still open when the grace is over ends with ShuttingDown, before and after its reply", arguments: [0, 40])
        func impatient(count: Int) async throws {
            var options = ProviderService.Options()
            options.shutdownGrace = .zero
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(hanging(started, cancelled, after: count), options: options)
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await started.wait("the call") { !$0.isEmpty }
            await stage.service.stopGracefully()
            let error = try await collect(sequence).error
            #expect(error?.status == .shuttingDown, "\(String(describing: error))")
            #expect(try await stage.service.end.value() == nil)
            try await cancelled.wait("the provider's cancellation") { $0 == ["over"] }
        }

        @Test("one of the same name waits until the first is gone")
        func successor() async throws {
            let stage = try await Stage.start(.things(1))
            let second = RunningService(ThingProvider.things(2), on: stage.bus)
            _ = try await stage.session.enumerate("Test_Thing", .sync)
            #expect(second.registrations.all.isEmpty)
            await stage.service.stopGracefully()
            try await second.waitForRegistration(1)
            #expect(try await stage.session.enumerate("Test_Thing", .sync).numbers == [0, 1])
        }

        @Test("a registration that is refused ends run() with the broker's words")
        func refused() async throws {
            let stage = try await Stage.start()
            var options = ProviderService.Options()
            options.alreadyRegisteredGrace = .zero
            let second = RunningService(ThingProvider(), on: stage.bus, options: options)
            #expect((try await second.end.value() as? CIMError)?.status == .providerAlreadyRegistered)

            let broken = RunningService(ThingProvider(), named: "Broken", mof: "class {", on: stage.bus)
            let error = try #require(try await broken.end.value() as? CIMError)
            #expect(error.message.contains("Broken:1:"), "\(error)")

            let foreign = RunningService(
                ThingProvider(), named: "Foreign", mof: Things.mof.replacing("uint32 Number", with: "uint64 Number"), on: stage.bus)
            #expect((try await foreign.end.value() as? CIMError)?.status == .accessDenied)
            #expect(stage.service.end.current == nil)
        }

        @Test("the loss of the bus ends a service with TransportFailure, and a session's operations with FatalTransportError")
        func busGone() async throws {
            let started = Recorder<String>()
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(hanging(started, cancelled))
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await started.wait("the call") { !$0.isEmpty }
            stage.bus.daemon.signal(SIGKILL)
            #expect(try await collect(sequence).error?.status == .fatalTransportError)
            #expect((try await stage.service.end.value() as? CIMError)?.status == .transportFailure)
            try await cancelled.wait("the provider's cancellation") { $0 == ["over"] }
            #expect(await failure("a call") { try await stage.session.getInstance(path("a")) } == .fatalTransportError)
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
            let stage = try await Stage.start(hanging(started, cancelled))
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

    /// The broker as its administrator sees it.
    @Suite struct AdministrationTests {
        @Test("figures, registrations and operations are what they are")
        func reads() async throws {
            let started = Event<Void>("the call")
            let go = Event<Void>("the test to go on")
            let stage = try await Stage.start(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<20 { try await sink.indicate(thing(number)) }
                    started.send(())
                    try await go.value()
                }))
            let administration = stage.session.broker
            let sequence = stage.session.enumerateInstances(of: "Test_Thing")
            try await started.value()
            var iterator = sequence.makeAsyncIterator()
            for _ in 0..<20 { _ = try await iterator.next() }

            let figures = try await administration.figures()
            #expect(!figures.version.isEmpty)
            #expect(figures.namespaces.contains("root/cimv2"))
            #expect(figures.registrations == 1)
            #expect(figures.openOperations == 1)
            #expect(figures.sinkReferences == 1)

            let registration = try #require(try await administration.registrations().first)
            #expect(registration.name == "Things")
            #expect(registration.namespace == "root/cimv2")
            #expect(registration.processID == UInt32(getpid()))
            #expect(registration.userID == getuid())
            #expect(registration.state == "running")
            #expect(registration.classes.sorted() == Things.classes.sorted())
            #expect(registration.openOperations == 1)
            #expect(registration.sinkReferences == 1)
            #expect(registration.owner.hasPrefix(":"))

            let operations = try await administration.listOperations()
            let operation = try #require(operations.first)
            #expect(operations.count == 1)
            #expect(operation.id == sequence.operation.id)
            #expect(operation.kind == "CreateInstanceEnum")
            #expect(operation.namespace == "root/cimv2")
            #expect(operation.target == "Test_Thing")
            #expect(operation.state == "running")
            #expect(operation.clientUserID == getuid())
            #expect(operation.objectsDelivered == 20)

            go.send(())
            #expect(try await iterator.next() == nil)
            try await stage.expectQuiet()
            let counters = try await administration.registrations().first?.counters
            #expect(counters?["Operations"] == 1)
            #expect(counters?["Objects"] == 20)
            #expect(await #expect(throws: CIMError.self) { try await administration.cancelOperation(999_999) }?.status == .notFound)
        }
    }
}
