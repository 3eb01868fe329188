import CIM
import CIMBusClient
import CIMBusProvider
import Logging
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider's own log says of calls that went wrong.
    @Suite struct ProviderLogTests {
        private struct DiskOnFire: Error {}

        private struct DiskInTwo: Error, CustomStringConvertible {
            var description: String { "the disk is in\ntwo" }
        }

        @Test(
            "W8: what a provider's method throws is in its log, with the operation, the path and the error; an outcome only at level debug")
        func thrown() async throws {
            var log = LogRecorder()
            log.logLevel = .debug
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, _ in throw DiskOnFire() },
                    get: { path, _ in
                        if path.keyText == "missing" { throw CIMError(.notFound, "no such thing") }
                        throw DiskOnFire()
                    }), logger: log.logger)
            for name in ["burns", "missing"] {
                await #expect(throws: CIMError.self) { try await stage.session.get(path(name), .sync) }
            }
            _ = try await stage.session.enumerate("Test_Thing", .sync)
            let errors = log.lines.all.filter { $0.hasPrefix("error:") }
            #expect(errors.count == 2, "\(log.lines.all)")
            #expect(errors.first?.contains(#"GetObjectAsync Test_Thing.Name="burns" in root/cimv2"#) == true, "\(errors)")
            #expect(errors.allSatisfy { $0.contains("DiskOnFire") }, "\(errors)")
            #expect(errors.last?.contains("CreateInstanceEnumAsync Test_Thing") == true, "\(errors)")
            let outcomes = log.lines.all.filter { $0.hasPrefix("debug:") && $0.contains("no such thing") }
            #expect(outcomes.count == 1 && outcomes.first?.contains("missing") == true, "\(log.lines.all)")
        }

        @Test("W8: a failure that comes again and again is one line, and one line it stays")
        func limited() async throws {
            let log = LogRecorder()
            let stage = try await Stage.start(ThingProvider(get: { _, _ in throw DiskInTwo() }), logger: log.logger)
            for number in 0..<50 {
                await #expect(throws: CIMError.self) { try await stage.session.get(path("n\(number)"), .sync) }
            }
            let lines = log.lines.all.filter { $0.contains("DiskInTwo") }
            #expect(lines.count == 1, "\(lines)")
            #expect(lines.first?.contains("\n") == false)
        }

        @Test("W8: objects that the broker refuses, and those that cannot be sent, are in the provider's log")
        func refused() async throws {
            let log = LogRecorder()
            let stage = try await Stage.start(
                ThingProvider(
                    enumerate: { _, _, sink in
                        for number in 0..<100 { try await sink.indicate(thing(number)) }
                        // The broker's: the class has no such property.
                        try await sink.indicate(CIMInstance(className: "Test_Thing", ["Name": "n", "Wheels": .uint32(4)]))
                        for number in 0..<1000 { try await sink.indicate(thing(number)) }
                    },
                    get: { _, _ in
                        // The library's: no array of numbers.
                        CIMInstance(className: "Test_Thing", ["Name": "n", "Words": CIMValue.array(of: .string, [.uint32(1)])])
                    }), logger: log.logger)
            #expect(try await stage.session.enumerate("Test_Thing", .sync).error != nil)
            await #expect(throws: CIMError.self) { try await stage.session.get(path("n"), .sync) }
            let lines = try await log.lines.wait("two complaints") { lines in lines.count { $0.hasPrefix("error:") } >= 2 }
            #expect(
                lines.contains {
                    $0.contains("CreateInstanceEnumAsync Test_Thing in root/cimv2: the broker refuses objects") && $0.contains("Wheels")
                }, "\(lines)")
            #expect(
                lines.contains { $0.contains("GetObjectAsync") && $0.contains("an object is not sent") && $0.contains("Words") }, "\(lines)"
            )
        }

        @Test("W7: a class that is served and whose provider qualifier names somebody else is in the provider's log")
        func qualifier() async throws {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let log = LogRecorder()
            let service = try await RunningService.start(
                ThingProvider.things(1),
                mof: Things.mof.replacing(#"provider("Things"), Description("Its"#, with: #"provider("Thing"), Description("Its"#), on: bus,
                logger: log.logger)
            let lines = try await log.lines.wait("the warning") { lines in lines.contains { $0.hasPrefix("warning:") } }
            #expect(lines.count { $0.hasPrefix("warning:") && $0.contains("Test_Ticket") && $0.contains("Things") } == 1, "\(lines)")
            try await broker.log.wait("the broker's warning") { lines in
                lines.contains { $0.contains("Test_Ticket") && $0.contains("warning") && $0.contains("Thing") }
            }
            withExtendedLifetime(service) {}
        }
    }
}

extension CIMObjectPath {
    fileprivate var keyText: String? { if case .string(let text)? = self[key: "Name"] { text } else { nil } }
}
