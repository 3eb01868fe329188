import CIM
import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Testing
import WireTestKit

@testable import CIMBusClient

/// Both libraries, which open a private connection by themselves.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct PrivateConnectionTests {
    private func attachments(_ stage: Stage) async throws -> (registration: DBusValue, connections: UInt32) {
        // On the bus itself, where everybody may look.
        let client = try await RawClient.connect(to: stage.bus, transport: .bus)
        let path = Contract.path(ofProvider: Things.registration, in: .cimv2)
        let attachment = try await client.property(path, Contract.registration, "Attachment")
        let count = try await client.brokerProperty("PrivateConnections")
        await client.close()
        return (attachment, count)
    }

    @Test(
        "a broker that does not answer OpenPrivateConnection keeps nobody waiting for longer than a second: the bus is used",
        .enabled(if: PrivateAccess.isWanted))
    func isLate() async throws {
        let bus = try await PrivateBus.start()
        let client = try await bus.connect()
        let silent = try await bus.connect()
        await silent.setInbound { _ in true }
        let start = ContinuousClock.now
        let outcome = try await withDeadline(.seconds(10), "the end of the wait") {
            await PrivateAccess.open(on: client, with: silent.uniqueName) { _ in }
        }
        if case .late = outcome {} else { Issue.record("it is \(outcome)") }
        #expect(ContinuousClock.now - start >= .seconds(1))
        await client.close()
        await silent.close()
    }

    @Test("session and provider have private connections by themselves, and everything works by them")
    func byDefault() async throws {
        let stage = try await Stage.start(.things(3))
        let (registration, connections) = try await attachments(stage)
        #expect(registration == .string(PrivateAccess.isWanted ? "private" : "bus"))
        #expect(connections == (PrivateAccess.isWanted ? 2 : 0))
        var count = 0
        for try await _ in stage.session.enumerateInstances(of: "Test_Thing") { count += 1 }
        #expect(count == 3)
        try await stage.expectQuiet()
    }

    @Test("--no-private-connections: session and provider use the bus, and nobody is told")
    func refused() async throws {
        let stage = try await Stage.start(.things(3), broker: "--no-private-connections")
        let (registration, connections) = try await attachments(stage)
        #expect(registration == .string("bus"))
        #expect(connections == 0)
        var count = 0
        for try await _ in stage.session.enumerateInstances(of: "Test_Thing") { count += 1 }
        #expect(count == 3)
        try await stage.expectQuiet()
    }

    @Test("L6: a session whose private connection ends early ends what is open with TransportFailure, and goes on by the bus")
    func lost() async throws {
        let (started, cancelled) = (Recorder<String>(), Recorder<String>())
        let stage = try await Stage.start(.hanging(started, cancelled))
        let sequence = stage.session.enumerateInstances(of: "Test_Thing")
        let consumer = Task {
            do throws(CIMError) {
                for try await _ in sequence {}
                return WBEMStatus?.none
            } catch {
                return error.status
            }
        }
        try await started.wait("the provider to be called") { !$0.isEmpty }
        // A second one ends the first.
        let second = try await PrivateSocket.open(on: stage.session.link.connection)
        #expect(try await withDeadline(.seconds(10), "the end") { await consumer.value } == .transportFailure)
        try await cancelled.wait("the provider to be told") { !$0.isEmpty }
        #expect(try await stage.session.getClass("Test_Thing").name == "Test_Thing")
        withExtendedLifetime(second) {}
    }

    @Test("L11: session and provider have private connections again with the broker that comes back")
    func comesBack() async throws {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let service = try await RunningService.start(ThingProvider.things(2), on: bus)
        let session = try await Session.connect(to: .address(bus.address), logger: quiet)
        try await broker.process.killAndWait()
        let next = try await BrokerProcess.start(on: bus)
        try await service.registrations.wait("to be registered again") { $0.count == 2 }
        let client = try await RawClient.connect(to: bus, transport: .bus)
        let deadline = ContinuousClock.now + .seconds(10)
        while try await client.brokerProperty("PrivateConnections") != 2 { #expect(ContinuousClock.now < deadline) }
        var count = 0
        for try await _ in session.enumerateInstances(of: "Test_Thing") { count += 1 }
        #expect(count == 2)
        withExtendedLifetime(next) {}
    }
}
