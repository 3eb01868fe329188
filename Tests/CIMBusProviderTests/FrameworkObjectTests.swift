import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Providers that ask others for single objects and classes: Semantics E.1.
    @Suite struct FrameworkObjectTests {
        @Test("E.1: keys and named properties are asked for as a partial read of the caller's own")
        func partialReads() async throws {
            let contexts = Recorder<RequestContext>()
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(get: { _, context in
                    contexts.record(context)
                    var whole = part(1)
                    whole["Colour"] = "green"
                    return whole
                }), .parts)
            let outer = OperationOptions(context: [
                "__GET_EXTENSIONS": .boolean(true), "__GET_EXT_PROPERTIES": .strings(["Number"]),
                "__GET_EXT_CLIENT_REQUEST": .boolean(true),
            ])
            let (whole, keys, some) = try await stage.serving(options: outer) { context in
                (
                    try await context.glue.getInstanceByPath(partPath(1)), try await context.glue.getInstanceKeysByPath(partPath(1)),
                    try await context.glue.getInstancePropertiesByPath(partPath(1), ["colour"])
                )
            }
            #expect(whole.properties.map(\.name) == ["Name", "Number", "Colour"])
            #expect(keys.properties.map(\.name) == ["Name"])
            #expect(some.properties.map(\.name) == ["Name", "Colour"])
            let seen = contexts.all
            #expect(seen.count == 3)
            #expect(seen.dropFirst().map(\.requestedProperties) == [.keys, .named(["colour"])])
            withExtendedLifetime(parts) {}
        }

        @Test(
            "E.1: a provider without partial reads is asked for the whole instance",
            arguments: [WBEMStatus.providerNotCapable, .unsupportedParameter, .notSupported])
        func withoutPartialReads(status: WBEMStatus) async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(
                ThingProvider(get: { _, context in
                    guard context.requestedProperties == .all else { throw CIMError(status, "all or nothing") }
                    return part(1)
                }), .parts)
            let keys = try await stage.serving { try await $0.glue.getInstanceKeysByPath(partPath(1)) }
            #expect(keys.properties.map(\.name) == ["Name"])
            withExtendedLifetime(parts) {}
        }

        @Test("E.1: an instance that is not there is NotFound, by its keys too")
        func notFound() async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(ThingProvider(get: { path, _ in throw CIMError(.notFound, "no \(path)") }), .parts)
            try await stage.serving { context in
                #expect(await #expect(throws: CIMError.self) { try await context.glue.getInstanceByPath(partPath(1)) }?.status == .notFound)
                #expect(
                    await #expect(throws: CIMError.self) { try await context.glue.getInstanceKeysByPath(partPath(1)) }?.status == .notFound)
            }
            withExtendedLifetime(parts) {}
        }

        @Test("E.1: a class is derived from those above it, and not from itself")
        func derivation() async throws {
            let stage = try await FrameworkStage.start()
            let answers = try await stage.serving { context in
                [
                    try await context.glue.isDerivedFrom(base: "test_thing", derived: "Test_SpecialThing"),
                    try await context.glue.isDerivedFrom(base: "Test_SpecialThing", derived: "Test_Thing"),
                    try await context.glue.isDerivedFrom(base: "Test_Thing", derived: "Test_Thing"),
                    try await context.glue.isDerivedFrom(base: "Test_Ticket", derived: "Test_SpecialThing"),
                ]
            }
            #expect(answers == [true, false, false, false])
        }

        @Test("E.1: an empty instance has every property of its class, with the defaults")
        func emptyInstance() async throws {
            let stage = try await FrameworkStage.start()
            let parts = try await stage.start(ThingProvider(), .parts)
            let instance = try await stage.serving { context in
                let empty = try await context.glue.getEmptyInstance(of: "test_specialpart")
                #expect(empty.methodContext.operationID == context.operationID)
                return empty.value
            }
            #expect(instance.className == "Test_SpecialPart")
            #expect(instance.properties.map(\.name) == ["Name", "Number", "Small", "Since", "Colour", "Text", "Level"])
            #expect(instance["Colour"] == "red")
            #expect(instance["Number"] == .null)
            withExtendedLifetime(parts) {}
        }
    }
}
