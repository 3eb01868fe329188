import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import Logging
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Providers whose MOF builds on classes of others, in whatever order they start (L11).
    @Suite struct StartOrderTests {
        /// What a text may need of another: its superclass, what its reference points to, the class of an instance, and a namespace.
        private static let builders: [(name: String, mof: String, namespace: CIMNamespaceName, words: String)] = [
            (
                "Derived", #"[dynamic, provider("Derived")] class Test_Derived : Test_Thing { [read] string More; };"#, .cimv2,
                "InvalidSuperclass"
            ),
            (
                "Linked", #"[dynamic, provider("Linked")] class Test_Link { [key, read] Test_Thing ref Thing; [key, read] string Name; };"#,
                .cimv2, "InvalidClass"
            ),
        ]

        private func start(
            _ builder: (name: String, mof: String, namespace: CIMNamespaceName, words: String), on bus: PrivateBus, _ log: LogRecorder
        )
            -> RunningService
        {
            RunningService(
                ThingProvider(enumerate: { _, _, _ in }), named: builder.name, mof: builder.mof,
                classes: [builder.name == "Derived" ? "Test_Derived" : "Test_Link"], in: builder.namespace, on: bus, logger: log.logger)
        }

        @Test("W8 L11: a provider whose MOF builds on another's classes waits for them, says so once, and is there when they are")
        func wrongOrder() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let log = LogRecorder()
            let early = Self.builders.map { start($0, on: bus, log) }
            for builder in Self.builders {
                try await log.lines.wait("what \(builder.name) waits for") { lines in
                    lines.contains { $0.contains("provider \(builder.name) cannot register yet") && $0.contains(builder.words) }
                }
            }
            // They are refused some more times before the classes come.
            try await broker.log.wait("several refusals") { lines in lines.count { $0.contains("refused") } >= 6 }
            #expect(early.allSatisfy { $0.registrations.all.isEmpty && $0.end.current == nil })
            let things = try await RunningService.start(ThingProvider.things(1), on: bus)
            for service in early { try await service.waitForRegistration(1) }
            for builder in Self.builders {
                #expect(log.lines.all.count { $0.contains("provider \(builder.name) cannot register yet") } == 1, "\(log.lines.all)")
            }
            withExtendedLifetime((broker, things)) {}
        }

        @Test("W8 L11: after a restart of a broker that keeps nothing they all register again, in whatever order")
        func restart() async throws {
            let bus = try await PrivateBus.start()
            let first = try await BrokerProcess.start(on: bus)
            let log = LogRecorder()
            let things = try await RunningService.start(ThingProvider.things(1), on: bus)
            let others = Self.builders.map { start($0, on: bus, log) }
            for service in others { try await service.waitForRegistration(1) }
            first.process.signal(SIGKILL)
            _ = try await first.process.waitForEnd()
            let second = try await BrokerProcess.start(on: bus)
            for service in others + [things] { try await service.waitForRegistration(2) }
            withExtendedLifetime(second) {}
        }

        @Test("W8: a missing class is waited for as long as the options say, then run() throws with the broker's words")
        func grace() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            var options = ProviderService.Options()
            options.missingClassGrace = .milliseconds(100)
            let log = LogRecorder()
            let service = RunningService(
                ThingProvider(), named: "Derived", mof: Self.builders[0].mof, classes: ["Test_Derived"], on: bus, options: options,
                logger: log.logger)
            let error = try #require(try await service.end.value() as? CIMError)
            #expect(error.status == .invalidSuperclass)
            #expect(log.lines.all.contains { $0.hasPrefix("error: the broker refuses to register provider Derived") }, "\(log.lines.all)")
            withExtendedLifetime(broker) {}
        }

        @Test("W8 L11: a namespace that is not there yet is waited for, too")
        func namespace() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let namespace = try #require(CIMNamespaceName("root/later"))
            let service = RunningService(ThingProvider.things(1), in: namespace, on: bus)
            try await broker.log.wait("a refusal") { lines in lines.contains { $0.contains("root/later") && $0.contains("refused") } }
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            _ = try await session.compileMOF(#"instance of __Namespace { Name = "later"; };"#, namespace: .root)
            try await service.waitForRegistration(1)
        }
    }
}
