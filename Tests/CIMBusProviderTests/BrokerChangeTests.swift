import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Brokers that come and go at the wrong moment (L11).
    @Suite struct BrokerChangeTests {
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
                let second = try await first.replaced(on: bus, seenOn: .common)
                executor.letGo()
                try await second.providers.wait("a registration; step \(step)") { !$0.isEmpty }
                step += 1
            }
            // How many there are differs: a task does not wait for an answer that is already there.
            #expect(step > 0)
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
