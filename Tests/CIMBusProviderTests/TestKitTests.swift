import CIMBusTestKit
import SDKTestKit
import Testing
import WireTestKit

@testable import struct CIMBusTestKit.BrokerProgram

extension ProviderTests {
    /// What authors of providers test with.
    @Suite struct TestKitTests {
        private static func service(_ name: String = Things.registration) -> ProviderService {
            let provider = ThingProvider(get: { _, _ in thing(1) })
            return ProviderService(
                name: name, mof: Things.mof, classes: Dictionary(uniqueKeysWithValues: Things.classes.map { ($0, provider) }), logger: quiet
            )
        }

        @Test("test kit: a bus, a broker, a provider and a session; when the provider has stopped, nobody serves its classes")
        func serve() async throws {
            let broker = try await TestBroker.start()
            let provider = try await broker.serve(Self.service())
            let session = try await broker.session()
            #expect(try await session.getInstance(at: "Test_Thing.Name='n1'")["Number"] == .uint32(1))
            try await provider.stop()
            #expect(try await session.broker.registrations().allSatisfy { $0.processID == 0 || $0.state == "absent" })
            #expect(broker.log.contains { $0.contains("serving") })
        }

        @Test("D.7: the life of a process whose provider nobody needs ends well")
        func life() async throws {
            let broker = try await TestBroker.start()
            var service = Self.service()
            service.bus = .address(broker.address)
            service.options.idleExit = .after(.milliseconds(100))
            let whole = service
            // An error would end this process.
            try await withDeadline(.seconds(10), "main() to return") { await whole.main() }
            #expect(broker.log.contains { $0.contains("registered") || $0.contains("Things") })
        }

        @Test("test kit: a refused registration is the error of serve, with the broker's words")
        func refused() async throws {
            let broker = try await TestBroker.start()
            var service = Self.service()
            service.options.alreadyRegisteredGrace = .zero
            let first = try await broker.serve(Self.service())
            let error = await #expect(throws: CIMError.self) { try await broker.serve(service) }
            #expect(error?.status == .providerAlreadyRegistered)
            withExtendedLifetime(first) {}
        }

        @Test("test kit: a program that ends before it registers is an error that says what it printed")
        func programs() async throws {
            let broker = try await TestBroker.start()
            let error = await #expect(throws: TestKitError.self) {
                try await broker.run("/bin/sh", ["-c", "echo no luck $DBUS_SESSION_BUS_ADDRESS; exit 3"], registering: "Nobody")
            }
            #expect(error?.description.contains("ended (exit status 3)") == true, "\(String(describing: error))")
            #expect(error?.description.contains("no luck \(broker.address)") == true, "\(String(describing: error))")
            let late = await #expect(throws: TestKitError.self) {
                try await broker.run("/usr/bin/tail", ["-f", "/dev/null"], registering: "Nobody", within: .milliseconds(50))
            }
            #expect(late?.description.contains("did not register Nobody within") == true, "\(String(describing: late))")
        }

        @Test("test kit: cimbusd is what CIMBUSD names, else beside the tests, else in PATH; without one the error says what to do")
        func lookUp() throws {
            var program = BrokerProgram(
                environment: { ["CIMBUSD": "/own/cimbusd", "PATH": "/empty:/usr/bin"][$0] }, besideTests: "/build/cimbusd",
                isProgram: { ["/own/cimbusd", "/build/cimbusd", "/usr/bin/cimbusd"].contains($0) })
            #expect(try program.path() == "/own/cimbusd")
            program.isProgram = { $0 != "/own/cimbusd" }
            let named = #expect(throws: TestKitError.self) { try program.path() }
            #expect(named?.description.contains("CIMBUSD names /own/cimbusd") == true)
            program.environment = { ["PATH": "/empty:/usr/bin"][$0] }
            #expect(try program.path() == "/build/cimbusd")
            program.isProgram = { $0 == "/usr/bin/cimbusd" }
            #expect(try program.path() == "/usr/bin/cimbusd")
            program.isProgram = { _ in false }
            let none = #expect(throws: TestKitError.self) { try program.path() }
            #expect(none?.description.contains(#".product(name: "cimbusd", package: "cimbus")"#) == true)
        }
    }
}
