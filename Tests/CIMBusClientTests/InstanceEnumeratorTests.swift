import CIM
import CIMBusClient
import DBus
import Testing
import WireTestKit

/// Pulls that take several calls on the bus (Semantics A.6).
@Suite struct InstanceEnumeratorTests {
    private typealias Pull = ScriptedBroker.Pull

    private func open(
        _ pulls: [Result<ScriptedBroker.Pull, CIMError>]
    ) async throws -> (bus: PrivateBus, broker: ScriptedBroker, enumerator: InstanceEnumerator) {
        let bus = try await PrivateBus.start()
        let broker = try await ScriptedBroker(on: bus)
        broker.pulls.withLock { $0 = pulls }
        let session = try await Session.connect(to: .address(bus.address))
        return (bus, broker, try await session.openEnumerator(of: "T_Thing"))
    }

    private func things(_ numbers: UInt32...) -> [CIMInstance] { numbers.map(ScriptedBroker.thing) }

    @Test("A.6: what came before a failed call, or an object that cannot be read, is given; the failure is thrown by the next pull")
    func failures() async throws {
        var unreadable = ScriptedBroker.thing(4)
        unreadable["Number"] = .string("four")
        let (bus, broker, enumerator) = try await open([
            .success(Pull(status: .sTimedOut, instances: things(1))), .success(Pull(status: .sTimedOut, instances: things(2))),
            .failure(CIMError(.serverTooBusy, "later")),
            .success(Pull(status: .sTimedOut, instances: things(3))), .success(Pull(status: .sTimedOut, instances: [unreadable])),
            .success(Pull(status: .sFalse, instances: things(5))),
        ])
        for (numbers, failure) in [([1, 2], WBEMStatus.serverTooBusy), ([3], .invalidObject)] {
            let pulled = try await enumerator.next(10)
            #expect(pulled.instances.map { $0["Number"]?.uint64Value } == numbers.map { UInt64($0) })
            #expect(!pulled.isAtEnd && !pulled.isTimedOut)
            #expect(await #expect(throws: CIMError.self) { try await enumerator.next(10) }?.status == failure)
        }
        let last = try await enumerator.next(10)
        #expect(last.instances.map { $0["Number"] } == [.uint32(5)])
        #expect(last.isAtEnd)
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("A.6: without a timeout skip waits on as next does, and drops as many as it says")
    func skip() async throws {
        let (bus, broker, enumerator) = try await open([
            .success(Pull(status: .sTimedOut, instances: things(1))), .success(Pull(status: .sTimedOut, instances: [])),
            .success(Pull(status: .noError, instances: things(2, 3))), .success(Pull(status: .noError, instances: things(4))),
            .success(Pull(status: .sTimedOut, instances: things(5))), .success(Pull(status: .sFalse, instances: things(6))),
        ])
        #expect(try await enumerator.skip(3))
        #expect(try await enumerator.next(1).instances.map { $0["Number"] } == [.uint32(4)])
        #expect(try await enumerator.skip(2, timeout: .zero) == false)
        #expect(try await enumerator.skip(2) == false)
        #expect(try await enumerator.next(1).isAtEnd)
        withExtendedLifetime((bus, broker)) {}
    }
}
