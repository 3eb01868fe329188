import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Synchronization
import Testing
import WireTestKit

extension ProviderTests {
    /// Providers built on providers built on providers.
    @Suite struct FrameworkChainTests {
        /// A thing for each `Test_Middle`.
        private static let outer = ThingProvider(enumerate: { _, context, sink in
            try await context.glue.getAllInstancesAsynch(of: "Test_Middle", requester: 0, userData: sink) { _, middle, _, sink in
                try await sink.indicate(thing(number(of: middle.value), text: middle["Text"]?.stringValue))
            }
        })

        /// A middle for each instance of a class.
        private static func middle(of className: String) -> ThingProvider {
            ThingProvider(enumerate: { _, context, sink in
                try await context.glue.getAllInstancesAsynch(of: className, requester: 0, userData: sink) { _, inner, _, sink in
                    let text = inner["Text"] ?? .null
                    try await sink.indicate(
                        CIMInstance(
                            className: "Test_Middle",
                            ["Name": .string("m\(number(of: inner.value))"), "Number": inner["Number"] ?? .null, "Text": text]))
                }
            })
        }

        private func chain(_ innermost: ThingProvider) async throws -> (FrameworkStage, [RunningService]) {
            let stage = try await FrameworkStage.start(Self.outer)
            return (
                stage,
                [try await stage.start(innermost, .parts), try await stage.start(Self.middle(of: "Test_Part"), .middle)]
            )
        }

        @Test("R3: through three providers, the first instance arrives before the innermost has its second", arguments: Form.allCases)
        func firstBeforeLast(form: Form) async throws {
            let go = Event<Void>("the client's first instance")
            let (stage, services) = try await chain(
                ThingProvider(enumerate: { _, _, sink in
                    try await sink.indicate(part(0))
                    try await go.value()
                    for number in 1..<600 { try await sink.indicate(part(number)) }
                }))
            let sequence = stage.stage.session.enumerateInstances(of: "Test_Thing")
            let numbers = try await soon {
                var numbers: [Int] = []
                for try await instance in sequence {
                    numbers.append(number(of: instance))
                    go.send(())
                }
                return numbers
            }
            #expect(numbers == Array(0..<600))
            // The same in every form.
            #expect(try await stage.stage.session.enumerate("Test_Thing", form).numbers == Array(0..<600))
            try await stage.stage.expectQuiet()
            withExtendedLifetime(services) {}
        }

        @Test("L13: however many there are, few are on their way: a slow client slows the innermost provider down")
        func bounded() async throws {
            let produced = Counter()
            let total = 6000
            let text = String(repeating: "x", count: 4 << 10)
            let (stage, services) = try await chain(
                ThingProvider(enumerate: { _, _, sink in
                    for number in 0..<total {
                        try await sink.indicate(part(number, text: text))
                        produced.add(1)
                    }
                }))
            let session = stage.stage.session
            let (numbers, most) = try await withDeadline(.seconds(50), "every instance") {
                var numbers: [Int] = []
                var most = 0
                for try await instance in session.enumerateInstances(of: "Test_Thing") {
                    // Slower than the providers are.
                    if numbers.count % 50 == 0 { _ = try await session.broker.figures() }
                    most = max(most, produced.value - numbers.count)
                    numbers.append(number(of: instance))
                }
                return (numbers, most)
            }
            #expect(numbers == Array(0..<total))
            // At each provider 6 batches of 48 KiB and one reply of 1 MiB, at the broker 8 batches or 1 MiB for each, and for the client.
            #expect(most < 2000, "\(most) were on their way")
            try await stage.stage.expectQuiet()
            withExtendedLifetime(services) {}
        }

        @Test("L9, L12: cancelling the outer operation reaches the innermost provider")
        func cancel() async throws {
            let ended = Event<Bool>("the innermost provider's end")
            let (stage, services) = try await chain(
                ThingProvider(enumerate: { _, _, sink in
                    defer { ended.send(sink.isOver) }
                    for number in 0... { try await sink.indicate(part(number)) }
                }))
            let sequence = stage.stage.session.enumerateInstances(of: "Test_Thing")
            try await soon {
                for try await _ in sequence { break }
            }
            #expect(try await ended.value())
            try await stage.stage.expectQuiet()
            withExtendedLifetime(services) {}
        }

        @Test(
            "L6, P4: the innermost provider is killed: the outer client gets what came before, and one error that names it",
            arguments: Form.allCases)
        func killed(form: Form) async throws {
            let stage = try await FrameworkStage.start(Self.outer)
            let faulty = try await FaultyProcess.start(
                on: stage.stage.bus, ["--script", "reply 0 1; indicate 5; sync; waitfor nothing"])
            let middle = try await stage.start(Self.middle(of: "Faulty_Thing"), .middle)
            let session = stage.stage.session
            let result = Task { try await session.enumerate("Test_Thing", form) }
            try await faulty.wait(for: "step sync")
            try await faulty.process.killAndWait()
            let enumerated = try await result.value
            #expect(enumerated.instances.count == 5)
            let error = try #require(enumerated.error)
            #expect(error.status == .providerFailure)
            #expect(error.providerName == "Faulty")
            #expect(error.providerProcessID == UInt32(faulty.process.processID))
            #expect(error.message.contains("Faulty"))
            try await stage.stage.expectQuiet()
            withExtendedLifetime(middle) {}
        }
    }
}

/// A number that many tasks count up.
final class Counter: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .relaxed) }

    func add(_ amount: Int) { number.add(amount, ordering: .relaxed) }
}
