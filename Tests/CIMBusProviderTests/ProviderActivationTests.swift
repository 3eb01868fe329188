import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider does before its first call and after its last one (Semantics D.4, D.7, G.3).
    @Suite struct ProviderActivationTests {
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
            let open = stage.session.beginGetInstance(at: path("a"))
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

        @Test("D.7: a provider that is idle as ClearAfter says ends; it is asked when it registers")
        func clearAfter() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let root = try await Session.connect(to: .address(bus.address), namespace: .root, logger: quiet)
            let control = CIMObjectPath(className: "__ObjectProviderCacheControl", keys: .singleton)
            #expect(
                try await soon { try await root.getInstance(at: control) }["ClearAfter"] == CIMDateTime(fiveMinutes).map { .datetime($0) })
            var options = ProviderService.Options()
            options.idleExit = .asConfigured
            let lasting = try await RunningService.start(ThingProvider.things(1), on: bus, options: options)
            let short = try #require(CIMDateTime("00000000000000.200000:000"))
            _ = try await soon {
                try await root.putInstance(CIMInstance(className: "__ObjectProviderCacheControl", ["ClearAfter": .datetime(short)]))
            }
            let brief = try await RunningService.start(
                ThingProvider.things(1), named: "Brief", mof: "[dynamic, provider(\"Brief\")] class Test_Brief { [key] string Name; };",
                classes: ["Test_Brief"], on: bus, options: options)
            _ = try await brief.end.value()
            // What had registered before knows five minutes.
            #expect(lasting.end.current == nil)
            let states = try await root.broker.registrations().map { "\($0.name) \($0.state)" }
            #expect(Set(states) == ["Things running", "Brief absent"], "\(states)")
            #expect(try await root.broker.registrations().allSatisfy { $0.counters["Vanished"] == 0 })
            let session = root.session(for: .cimv2)
            #expect(try await session.enumerate("Test_Thing", .sync).numbers == [0])
            #expect(try await session.enumerate("Test_Brief", .sync).error?.status == .providerLoadFailure)
            withExtendedLifetime(broker) {}
        }

        private let fiveMinutes = "00000000000500.000000:000"

        @Test("D.4, G.3: who waits for the start of a provider that cannot initialize itself gets its words", arguments: Form.allCases)
        func initializationFailure(form: Form) async throws {
            let folder = try ServiceFolder()
            // It is found running: nothing is executed.
            try folder.write("org.example.Things", "/nonexistent/program")
            let bus = try await PrivateBus.start(services: folder)
            let broker = try await BrokerProcess.start(on: bus)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            let definition = """
                instance of __Win32Provider as $P { Name = "Things"; HostingModel = "Decoupled:DBus"; BusName = "org.example.Things"; };
                instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; };
                """
            #expect(try await soon { try await session.compileMOF(Things.mof + definition) }.failure == nil)
            let initializing = Event<Void>("the provider to be initialized")
            let go = Event<Void>("a call that waits")
            var options = ProviderService.Options()
            options.busName = WellKnownName(verified: "org.example.Things")
            options.initialize = { _ in
                initializing.send(())
                try await go.value()
                throw CIMError(.failed, "there is no disk")
            }
            let service = RunningService(ThingProvider.things(1), on: bus, options: options)
            try await initializing.value()
            let waiting = Task { await #expect(throws: CIMError.self) { try await session.get(path("a"), form) } }
            try await withDeadline(.seconds(10), "a call that waits") {
                while try await session.broker.listOperations().map(\.state) != ["queued"] {}
            }
            go.send(())
            let error = await waiting.value
            #expect(error?.status == .initializationFailure)
            #expect(error?.message.contains("there is no disk") == true, "\(String(describing: error))")
            #expect((try await service.end.value() as? CIMError)?.status == .initializationFailure)
            withExtendedLifetime((broker, folder)) {}
        }
    }
}
