import CIM
import CIMBusClient
import Testing
import WireTestKit

@Suite("A mapping that is tried", .timeLimit(.minutes(2))) struct AdoptTrialTests {
    private static func start(on bus: PrivateBus) throws -> ChildProcess {
        try ChildProcess(
            "/bin/sh",
            [
                "-c", "exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimctl"), "adopt", FakeService.name.text, "--path",
                "/org/example/unit",
                "--try",
                "--address", bus.address,
            ])
    }

    private static func text(of process: ChildProcess) async throws -> String {
        let lines = process.lines
        return try await withDeadline(.seconds(60), "cimctl adopt --try to end") {
            var text = ""
            for await line in lines { text += line + "\n" }
            return text
        }
    }

    @Test("cimctl adopt --try: the broker serves the mapping for the time of the command, and nothing of it is left behind") func served()
        async throws
    {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let session = try await Session.connect(to: .address(bus.address))
        let service = try await FakeService(on: bus)
        let before = Set(try await session.namespaces())
        let text = try await Self.text(of: Self.start(on: bus))
        #expect(text.contains("// Registered in root/cimv2/try_"), "\(text)")
        #expect(text.contains("instance of Site_ExampleUnit"), "\(text)")
        #expect(text.contains("// Site_ExampleUnit: 3 objects"), "\(text)")
        #expect(service.calls.all.contains("Get 2") || service.calls.all.contains("GetAll 2"))
        #expect(Set(try await session.namespaces()) == before)
        withExtendedLifetime(broker) {}
    }

    @Test("cimctl adopt --try, killed in the middle: nothing of the mapping is left behind") func killed() async throws {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let session = try await Session.connect(to: .address(bus.address))
        let service = try await FakeService(on: bus, .init(silent: 1))
        let before = Set(try await session.namespaces())
        let process = try Self.start(on: bus)
        try await service.calls.wait("the silent unit to be asked for") { $0.contains("Get 1") || $0.contains("GetAll 1") }
        #expect(Set(try await session.namespaces()) != before)
        try await process.killAndWait()
        try await withDeadline(.seconds(20), "the namespace to go") {
            while Set(try await session.namespaces()) != before {}
        }
        withExtendedLifetime(broker) {}
    }

    @Test("cimctl adopt --try without a broker that serves it says why, and shows what the service says") func refused() async throws {
        let bus = try await PrivateBus.start()
        let service = try await FakeService(on: bus)
        let text = try await Self.text(of: Self.start(on: bus))
        #expect(text.contains("// Not registered with a broker: no broker owns org.cimbus1"), "\(text)")
        #expect(text.contains("// Site_ExampleUnit: 3 objects"), "\(text)")
        await service.close()
    }
}
