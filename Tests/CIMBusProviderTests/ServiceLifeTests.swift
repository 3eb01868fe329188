import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Brokers that die, services that stop, registrations that are refused (L8, L11).
    @Suite struct ServiceLifeTests {
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
            let pending = session.beginGetInstance(at: path("n1"))
            try await started.value()
            if byCancelling { stage.service.cancel() } else { await stage.service.stopGracefully() }
            try await soon("the registration to be absent") {
                while try await session.broker.registrations().first?.state != "absent" {}
            }
            #expect(await failure("a call after it") { try await session.getInstance(at: path("n1")) } != nil)
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
            let stage = try await Stage.start(.hanging(started, cancelled, after: count), options: options)
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
    }
}
