import CIM
import CIMBusClient
import CIMBusProvider
import CIMBusTestKit
import Testing

extension SDKTests {
    /// What a provider does before its first call and after its last one (SEMANTICS D.4, D.7, G.3).
    @Suite struct ActivationTests {
        @Test("D.7: a provider that is idle unregisters and ends; with calls it stays")
        func idleExit() async throws {
            var options = ProviderService.Options()
            options.idleExit = .after(.milliseconds(200))
            let go = Event<Void>("the provider to go on")
            let provider = ThingProvider(get: { _, _ in
                try await go.value()
                return thing(1)
            })
            let stage = try await Stage.start(provider, options: options)
            let open = stage.session.beginGetInstance(path("a"))
            #expect(stage.service.end.current == nil)
            go.send(())
            _ = try? await open.value
            _ = try await stage.service.end.value()
            let registrations = try await stage.session.broker.registrations()
            #expect(registrations.map(\.state) == ["absent"])
            #expect(registrations.allSatisfy { $0.counters["Vanished"] == 0 })
            try await stage.expectQuiet()
        }

        @Test("D.4, G.3: initialize comes before the registration; one that throws ends the service with InitializationFailure")
        func initialize() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let seen = Recorder<String>()
            var options = ProviderService.Options()
            options.initialize = { seen.record("\($0.namespace), \($0.user ?? "NULL"), \($0.locale ?? "NULL")") }
            let service = try await RunningService.start(ThingProvider(), on: bus, options: options)
            #expect(seen.all == ["root/cimv2, NULL, NULL"])
            options.initialize = { _ in throw CIMError(.failed, "there is no disk") }
            let failing = RunningService(
                ThingProvider(), named: "Failing", mof: "[dynamic, provider(\"Failing\")] class Test_Failing { [key] string Name; };",
                classes: ["Test_Failing"], on: bus, options: options)
            let error = try await failing.end.value() as? CIMError
            #expect(error?.status == .initializationFailure && error?.message.contains("there is no disk") == true)
            #expect(failing.registrations.all.isEmpty)
            withExtendedLifetime((broker, service)) {}
        }
    }
}
