import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

extension SDKTests {
    /// Brokers that come and go at the wrong moment (L11).
    @Suite struct BrokerChangeTests {
        /// Lets a second broker take the first one's place while a task is held at `step`. What the bus says of it has arrived on `loop`.
        private func change(_ first: BrokerStandIn, on bus: PrivateBus, seenOn loop: EventLoop) async throws -> BrokerStandIn {
            try await first.connection.releaseName(Contract.busName)
            await first.connection.close()
            let second = try await BrokerStandIn(on: bus)
            let witness = try await Connection.connect(to: .address(bus.address), on: loop)
            // In one reading of the loop's, or in the next.
            for _ in 0..<2 { _ = try await witness.nameOwner(of: BusName(Contract.busName)) }
            await witness.close()
            return second
        }

        @Test("L11: a session finds the broker that is there, at whatever step of connecting it took the place of another")
        func client() async throws {
            var step = 0
            while true {
                let bus = try await PrivateBus.start()
                let loop = EventLoop()
                defer { loop.shutdown() }
                let first = try await BrokerStandIn(on: bus)
                let executor = SteppedExecutor(steps: step)
                let connecting = Task(executorPreference: executor) {
                    defer { executor.isHeld.send(false) }
                    return try await Session.connect(to: .address(bus.address), on: loop, logger: quiet)
                }
                guard try await executor.isHeld.value() else { break }
                let second = try await change(first, on: bus, seenOn: loop)
                executor.letGo()
                let session = try await soon("step \(step)") { try await connecting.value }
                // The stand-in has no namespaces; nobody would be there to say so.
                let error = await #expect(throws: CIMError.self) { try await session.getInstance(path("a")) }
                #expect(error?.status == .invalidNamespace, "step \(step): \(String(describing: error))")
                withExtendedLifetime(second) {}
                step += 1
            }
            #expect(step > 3)
        }

        @Test("L11: a provider registers with the broker that is there, at whatever step of starting it took the place of another")
        func provider() async throws {
            var step = 0
            while true {
                let bus = try await PrivateBus.start()
                let first = try await BrokerStandIn(on: bus)
                let executor = SteppedExecutor(steps: step)
                var options = ProviderService.Options()
                options.onRegistered = { executor.isHeld.send(false) }
                let service = ProviderService(
                    name: Things.registration, mof: Things.mof, classes: [:], bus: .address(bus.address), options: options, logger: quiet)
                let running = Task(executorPreference: executor) { try await service.run() }
                defer { running.cancel() }
                guard try await executor.isHeld.value() else { break }
                let second = try await change(first, on: bus, seenOn: .common)
                executor.letGo()
                try await second.providers.wait("a registration; step \(step)") { !$0.isEmpty }
                step += 1
            }
            #expect(step > 3)
        }

        @Test("L11: a registration that a stopping broker refuses is tried again")
        func stoppingBroker() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, refusals: [CIMError(.shuttingDown, "the broker is stopping")])
            let service = RunningService(ThingProvider(), on: bus)
            try await broker.providers.wait("the second registration") { !$0.isEmpty }
            #expect(service.end.current == nil)
        }

        @Test("D.7: a provider that ends because nobody needs it, and is called once more, can still be stopped")
        func stoppedWhileIdle() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, callsOnUnRegister: true)
            let started = Event<Void>("the call")
            let never = Event<Void>("nothing")
            var options = ProviderService.Options()
            options.idleExit = .after(.zero)
            options.shutdownGrace = .zero
            let provider = ThingProvider(enumerate: { _, _, _ in
                started.send(())
                try await never.value(within: .seconds(60))
            })
            let service = RunningService(provider, on: bus, options: options)
            try await started.value()
            await service.stopGracefully()
            #expect(try await service.end.value() == nil)
            withExtendedLifetime(broker) {}
        }

        @Test("a service that cannot start leaves no connection behind")
        func failedStart() async throws {
            let bus = try await PrivateBus.start()
            let observer = try await bus.connect()
            let vanished = Recorder<String>()
            _ = try await observer.onNameVanished { name, _ in vanished.record(name) }
            var options = ProviderService.Options()
            // The bus gives its own name to nobody.
            options.busName = try WellKnownName("org.freedesktop.DBus")
            let service = RunningService(ThingProvider(), on: bus, options: options)
            #expect(try await service.end.value() is CIMError)
            try await vanished.wait("the connection to end") { !$0.isEmpty }
        }
    }
}
