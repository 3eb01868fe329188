import CIM
import CIMBusProvider
import CIMBusWire
import DBus
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider sends for a method, message by message (Semantics C.5).
    @Suite struct MethodMessageTests {
        private static let thingClass = CIMClass(
            name: "Test_Thing",
            properties: [CIMProperty(name: "Name", type: CIMTypeReference(.string), qualifiers: [CIMQualifier(name: "key")])])

        private func start(
            _ provider: ThingProvider, _ classes: [CIMClass], _ options: ProviderService.Options = .patient
        ) async throws -> (PrivateBus, BrokerStandIn, RunningService) {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerStandIn(on: bus, classes: classes.map { .success($0) })
            return (bus, broker, try await RunningService.start(provider, on: bus, options: options))
        }

        private func echo(_ broker: BrokerStandIn, context: [(String, DBusValue)] = []) async throws -> BrokerStandIn.Reply {
            let arguments: [DBusValue] = [
                .string("Test_Thing.Name=\"a\""), .string("Echo"), .int32(0), .dictionary(BrokerStandIn.client + context), .dictionary([]),
            ]
            return try await broker.call("ExecMethodAsync", arguments)
        }

        @Test("R105 R114: a method that takes its time sends its out parameters, if it has some, then its status, then its reference back")
        func slowMethod() async throws {
            for status in [WBEMStatus.noError, .accessDenied] {
                let go = Event<Void>("the broker to have its reply")
                let provider = ThingProvider(invoke: { _, _, _, _ in
                    try await go.value()
                    guard status == .noError else { throw CIMError(status, "no") }
                    return MethodResult(returnValue: .uint32(1), ["sOutArg": "x"])
                })
                let (bus, broker, service) = try await start(provider, [Self.thingClass, Self.thingClass], .init())
                let reply = try await echo(broker)
                #expect(reply.status == .noError && reply.references == 1 && reply.objects.isEmpty)
                go.send(())
                try await broker.sent.wait("the reference to come back") { $0.last == .release }
                let final = BrokerStandIn.Sent.status(flags: 0, status, parameter: "")
                #expect(broker.sent.all == (status == .noError ? [.indicate(1)] : []) + [final, .release])
                withExtendedLifetime((bus, service)) {}
            }
        }

        @Test("R117: a class that a provider looks up during a method is asked for with the method's own context")
        func classLookup() async throws {
            var other = Self.thingClass
            other.name = "Test_Other"
            let provider = ThingProvider(invoke: { _, _, _, context in
                MethodResult(returnValue: .string(try await context.getClass("Test_Other").name))
            })
            // The method's own parameters are looked up twice, as the class has no such method.
            let (bus, broker, service) = try await start(provider, [Self.thingClass, Self.thingClass, other])
            let context: [(String, DBusValue)] = [("Depth", .uint32(7)), (ContextKey.operation, .uint64(12))]
            let reply = try await echo(broker, context: context)
            #expect(reply.objects.first?["ReturnValue"] == "Test_Other")
            #expect(broker.reads.all.last == "Test_Other")
            for seen in broker.readContexts.all { #expect(seen == Dictionary(uniqueKeysWithValues: BrokerStandIn.client + context)) }
            withExtendedLifetime((bus, service)) {}
        }
    }
}
