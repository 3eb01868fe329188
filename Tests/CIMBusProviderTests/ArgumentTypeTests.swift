import CIM
import CIMBusProvider
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What clients send comes to a provider with the types of its class.
    @Suite struct ArgumentTypeTests {
        private static let time = "20260101000000.000000+000"
        private static let key = CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")])

        /// `Test_Thing`, with these properties as datetimes, and a method with them as its parameters.
        private func declaration(_ datetimes: String...) -> CIMClass {
            CIMClass(
                name: "Test_Thing", properties: [Self.key] + datetimes.map { CIMProperty(name: $0, type: CIMTypeReference(.datetime)) },
                methods: [
                    CIMMethod(
                        name: "Wait", returnType: nil,
                        parameters: datetimes.map {
                            CIMParameter(name: $0, type: CIMTypeReference(.datetime), qualifiers: [CIMQualifier(name: "in")])
                        })
                ])
        }

        /// A provider that tells what it is given, and a broker that answers with these classes.
        private func stage(
            _ classes: [Result<CIMClass, CIMError>]
        ) async throws -> (bus: PrivateBus, broker: BrokerStandIn, service: RunningService, seen: Recorder<CIMInstance>) {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, classes: classes)
            let seen = Recorder<CIMInstance>()
            let provider = ThingProvider(
                put: { instance, _ in
                    seen.record(instance)
                    return nil
                },
                invoke: { _, _, parameters, _ in
                    seen.record(parameters)
                    return MethodResult()
                })
            return (bus, broker, try await RunningService.start(provider, on: bus, options: .patient), seen)
        }

        private func values(_ names: [String]) -> DBusValue {
            .dictionary([("__CLASS", .string("Test_Thing"))] + names.map { ($0, .string(Self.time)) })
        }

        private func put(_ names: String..., to broker: BrokerStandIn) async throws {
            _ = try await broker.send("PutInstanceAsync", [values(names), .int32(0), .dictionary(BrokerStandIn.client)])
        }

        private func invoke(_ names: String..., at broker: BrokerStandIn) async throws {
            let parameters: DBusValue = .dictionary(names.map { ($0, .string(Self.time)) })
            _ = try await broker.send(
                "ExecMethodAsync", [.string("Test_Thing"), .string("Wait"), .int32(0), .dictionary(BrokerStandIn.client), parameters])
        }

        @Test("C.1: a class that cannot be had fails the call that needs it, and is asked for again by the next")
        func unreadable() async throws {
            let (bus, broker, service, seen) = try await stage([
                .failure(CIMError(.serverTooBusy, "later")), .failure(CIMError(.accessDenied, "never")), .success(declaration("Since")),
            ])
            for status in [WBEMStatus.serverTooBusy, .accessDenied] {
                let error = await #expect(throws: DBusError.self) { try await put("Since", to: broker) }
                #expect(error.map { CIMError($0).status } == status)
            }
            #expect(seen.all.isEmpty)
            try await put("Since", to: broker)
            try await invoke("Since", at: broker)
            #expect(seen.all.map { $0["Since"] } == Array(repeating: CIMDateTime(Self.time).map { .datetime($0) }, count: 2))
            withExtendedLifetime((bus, service)) {}
        }

        @Test(
            "C.1: of a class that the broker does not know, the types are those of the wire",
            arguments: [WBEMStatus.notFound, .invalidClass])
        func unknown(status: WBEMStatus) async throws {
            let (bus, broker, service, seen) = try await stage([.failure(CIMError(status, "gone"))])
            try await put("Since", to: broker)
            #expect(seen.all.first?["Since"] == .string(Self.time))
            withExtendedLifetime((bus, service)) {}
        }

        @Test(
            "C.1, C.5: what does not fit the class as it was is read with the class as it is; each is asked for once",
            arguments: [false, true])
        func changed(byMethod: Bool) async throws {
            let (bus, broker, service, seen) = try await stage([.success(declaration("Since")), .success(declaration("Since", "Until"))])
            for _ in 0..<2 {
                if byMethod { try await invoke("Since", at: broker) } else { try await put("Since", to: broker) }
            }
            #expect(broker.reads.all == ["Test_Thing"])
            for _ in 0..<2 {
                if byMethod { try await invoke("Until", at: broker) } else { try await put("Until", to: broker) }
            }
            #expect(broker.reads.all == ["Test_Thing", "Test_Thing"])
            #expect(seen.all.map { ($0["Since"] ?? $0["Until"])?.scalarType } == Array(repeating: .datetime, count: 4))
            withExtendedLifetime((bus, service)) {}
        }
    }
}
