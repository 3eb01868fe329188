import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider's service sends, message by message, and when it waits (L2, L13; Design 3, flow control).
    @Suite struct ProviderFlowTests {
        @Test("L2: a small result is the reply alone: no Indicate, no status, no reference", arguments: [0, 1, 15])
        func oneReply(count: Int) async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let service = try await RunningService.start(ThingProvider.things(count), on: bus, options: .patient)
            let reply = try await broker.enumerate("Test_Thing")
            #expect(reply.status == .noError)
            #expect(reply.references == 0)
            #expect(reply.objects.count == count)
            try await broker.ping()
            #expect(broker.sent.all.isEmpty)
            withExtendedLifetime(service) {}
        }

        @Test("L2: a larger one keeps one reference, without AddRef, and gives it back after its status", arguments: [16, 17, 1000])
        func detached(count: Int) async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let service = try await RunningService.start(ThingProvider.things(count), on: bus)
            let reply = try await broker.enumerate("Test_Thing")
            #expect(reply.references == 1)
            #expect(reply.objects.count <= 16)
            let sent = try await broker.sent.wait("the end") { $0.last == .release }
            #expect(sent.suffix(2) == [.status(flags: 0, .noError, parameter: ""), .release])
            let batches = sent.dropLast(2).map { if case .indicate(let count) = $0 { count } else { -1 } }
            #expect(batches.allSatisfy { (1...256).contains($0) })
            #expect(batches.reduce(reply.objects.count, +) == count)
            try await broker.ping()
            #expect(broker.sent.all.count == sent.count)
            withExtendedLifetime(service) {}
        }

        @Test("an error is the reply alone, when there was nothing before")
        func errorReply() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let provider = ThingProvider(enumerate: { _, _, _ in throw CIMError(.accessDenied, "locked") })
            let service = try await RunningService.start(provider, on: bus, options: .patient)
            let error = await #expect(throws: DBusError.self) { try await broker.enumerate("Test_Thing") }
            #expect(error?.name.text == "org.cimbus1.Error.AccessDenied")
            try await broker.ping()
            #expect(broker.sent.all.isEmpty)
            withExtendedLifetime(service) {}
        }

        @Test("L10: nobody but the broker can call a provider, or cancel its calls")
        func stranger() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus)
            let service = try await RunningService.start(ThingProvider.things(1), on: bus)
            let stranger = try await bus.connect()
            let error = await #expect(throws: DBusError.self) {
                try await broker.send("CreateInstanceEnumAsync", [.string("Test_Thing"), .int32(0), .dictionary([])], from: stranger)
            }
            #expect(error?.name == .accessDenied)
            withExtendedLifetime(service) {}
        }

        @Test("L13: without credit a provider waits in indicate, with at most 8 batches unanswered")
        func withoutCredit() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, withholdsCredit: true)
            let produced = Mutex(0)
            let provider = ThingProvider(enumerate: { _, _, sink in
                for number in 0..<20_000 {
                    try await sink.indicate(thing(number))
                    produced.withLock { $0 = number + 1 }
                }
            })
            let service = try await RunningService.start(provider, on: bus)
            let first = try await broker.enumerate("Test_Thing").objects.count
            var received = first
            var indicates = 0
            while received < 20_000 {
                let seen = indicates
                let sent = try await broker.sent.wait("another batch") { $0.count > seen }
                for case .indicate(let count) in sent.dropFirst(seen) { received += count }
                indicates = sent.count
                // In the batches that wait here, the one that is full, and the one that fills.
                #expect(produced.withLock { $0 } <= received + 10 * 256)
                #expect(broker.giveCredit())
            }
            #expect(broker.mostUnanswered <= 8)
            #expect(produced.withLock { $0 } == 20_000)
            try await broker.sent.wait("the end") { $0.last == .release }
            withExtendedLifetime(service) {}
        }

        @Test("L13: one batch behind the reply goes alone; each answer lets one more be under way, up to four")
        func firstAlone() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, withholdsCredit: true)
            let service = try await RunningService.start(ThingProvider.things(20_000), on: bus)
            _ = try await broker.enumerate("Test_Thing")
            // Unanswered are 1, 2, 3, 4 and 4.
            for sent in [1, 3, 5, 7, 8] {
                try await broker.sent.wait("\(sent) batches") { $0.count >= sent }
                try await broker.ping()
                #expect(broker.sent.all.count == sent)
                #expect(broker.giveCredit())
            }
            #expect(broker.mostUnanswered == 4)
            withExtendedLifetime(service) {}
        }

        @Test("L13: a client that takes slowly slows its provider down", arguments: [false, true])
        func slowClient(pulls: Bool) async throws {
            let produced = Mutex(0)
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, sink in
                        for number in 0..<50_000 {
                            try await sink.indicate(thing(number))
                            produced.withLock { $0 = number + 1 }
                        }
                    }, get: { _, _ in thing(0) }))
            let session = stage.session
            // 8 batches here, as many at the broker and with the provider, each of 1,024 rows, and one that fills.
            let most = 30 * 1024
            let ahead = try await withDeadline(.seconds(30), "50,000 objects") {
                var taken = 0
                var ahead = 0
                func took(_ count: Int) async throws {
                    taken += count
                    // Time for the provider to go on, if it could.
                    if taken % 1000 == 0 { _ = try await session.getInstance(at: path("n0")) }
                    ahead = max(ahead, produced.withLock { $0 } - taken)
                }
                if pulls {
                    let enumerator = try await session.openEnumerator(of: "Test_Thing")
                    while true {
                        let pulled = try await enumerator.next(500)
                        try await took(pulled.instances.count)
                        if pulled.isAtEnd { break }
                    }
                    await enumerator.close()
                } else {
                    for try await _ in session.enumerateInstances(of: "Test_Thing") { try await took(1) }
                }
                #expect(taken == 50_000)
                return ahead
            }
            #expect(ahead <= most)
            try await stage.expectQuiet()
        }
    }
}
