import CIM
import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Testing
import WireTestKit

@testable import CIMBusClient

/// The bus drops the broker, and both libraries go on by their private connections.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct LibrarySurvivalTests {
    private struct Act {
        let bus: PrivateBus
        let relay: BusRelay
        let broker: BrokerProcess
        let service: RunningService
        let session: Session
        let started = Recorder<Int>()
        let go = Event<Void>("the provider to go on")

        /// A provider that hands two objects out, waits, and hands out two more.
        init(_ options: String...) async throws {
            bus = try await PrivateBus.start()
            relay = try BusRelay.start(to: bus)
            broker = try await BrokerProcess.start(on: bus, options, by: relay)
            let provider = ThingProvider(enumerate: { [started, go] _, _, sink in
                for number in 0..<2 { try await sink.indicate(thing(number)) }
                started.record(1)
                try await go.value(within: .seconds(30))
                for number in 2..<4 { try await sink.indicate(thing(number)) }
            })
            service = try await RunningService.start(provider, on: bus)
            session = try await Session.connect(to: .address(bus.address), logger: quiet)
        }

        func enumeration() -> Task<Result<Int, CIMError>, Never> {
            let sequence = session.enumerateInstances(of: "Test_Thing")
            return Task {
                do throws(CIMError) {
                    var count = 0
                    for try await _ in sequence { count += 1 }
                    return .success(count)
                } catch {
                    return .failure(error)
                }
            }
        }

        /// The bus drops the broker, which comes back.
        func drop(times: Int = 1) async throws {
            try relay.lead(to: bus)
            _ = try await broker.count(of: "back on the message bus", atLeast: times)
        }
    }

    @Test(
        "L1 L11: the bus drops the broker, which comes back: an open enumeration goes on, the provider stays registered, and new calls work",
        .enabled(if: PrivateAccess.isWanted))
    func goesOn() async throws {
        let act = try await Act()
        let enumeration = act.enumeration()
        try await act.started.wait("the provider to be called") { $0.count == 1 }
        try await act.drop()
        // What the libraries hear of it on the bus, they have heard by now.
        #expect(try await act.session.getClass("Test_Thing").name == "Test_Thing")
        act.go.send(())
        #expect(try await withDeadline(.seconds(10), "the end") { await enumeration.value.map { $0 } }.get() == 4)
        #expect(try await act.enumeration().value.get() == 4)
        #expect(act.service.registrations.all.count == 1)
        #expect(act.service.end.current == nil)
        // The broker's end is an end still, and the next one is found.
        try await act.broker.process.killAndWait()
        let next = try await BrokerProcess.start(on: act.bus)
        try await act.service.waitForRegistration(2)
        #expect(try await act.enumeration().value.get() == 4)
        withExtendedLifetime(next) {}
    }

    @Test(
        "L11: a broker that was dropped and dies before it is back has ended: TransportFailure, and the next one is found",
        .enabled(if: PrivateAccess.isWanted))
    func diesWhileAway() async throws {
        let act = try await Act()
        let enumeration = act.enumeration()
        try await act.started.wait("the provider to be called") { $0.count == 1 }
        act.relay.cut()
        _ = try await act.broker.count(of: "the message bus dropped the broker")
        try await act.broker.process.killAndWait()
        let ended = try await withDeadline(.seconds(10), "the end") { await enumeration.value }
        #expect(throws: CIMError.self) { try ended.get() }
        if case .failure(let error) = ended { #expect(error.status == .transportFailure) }
        let next = try await BrokerProcess.start(on: act.bus)
        try await act.service.waitForRegistration(2)
        act.go.send(())
        #expect(try await act.enumeration().value.get() == 4)
        withExtendedLifetime(next) {}
    }

    @Test(
        "L11: a broker that the bus dropped and that is stopped keeps nobody waiting: TransportFailure when it has not answered for 10 s",
        .enabled(if: PrivateAccess.isWanted))
    func isStoppedWhileAway() async throws {
        let act = try await Act()
        let enumeration = act.enumeration()
        try await act.started.wait("the provider to be called") { $0.count == 1 }
        act.broker.process.stop()
        act.relay.cut()
        let ended = try await withDeadline(.seconds(20), "the end") { await enumeration.value }
        if case .failure(let error) = ended { #expect(error.status == .transportFailure) } else { Issue.record("it went on: \(ended)") }
        try await act.broker.process.killAndWait()
        act.go.send(())
    }

    @Test("L11: without private connections the bus's drop is the broker's end: TransportFailure; the provider registers again by itself")
    func withoutPrivateConnections() async throws {
        let act = try await Act("--no-private-connections")
        let enumeration = act.enumeration()
        try await act.started.wait("the provider to be called") { $0.count == 1 }
        try await act.drop()
        let ended = try await withDeadline(.seconds(10), "the end") { await enumeration.value }
        if case .failure(let error) = ended { #expect(error.status == .transportFailure) } else { Issue.record("it went on: \(ended)") }
        try await act.service.waitForRegistration(2)
        act.go.send(())
        #expect(try await act.enumeration().value.get() == 4)
    }
}
