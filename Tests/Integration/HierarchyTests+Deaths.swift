import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

/// Providers that die in a put or a delete over several (Semantics C.1, C.2; P8).
extension Integration.HierarchyTests {
    private static let put = RawOperation.put([("__CLASS", .string("Test_C")), ("Name", .string("n"))])
    private static let delete = RawOperation.delete("Test_B.Name=\"n\"")

    /// Leaves the bus with the call unanswered, or with a reference and no status.
    private static let deaths: [RawProvider.Script] = [
        { call in
            call.abandon()
            await call.provider.close()
        },
        { call in
            call.reply(references: 1)
            try await call.sink.addRef()
            await call.provider.close()
        },
    ]

    private static func expectFailure(
        _ result: OperationResult, of provider: RawProvider, location: SourceLocation = #_sourceLocation
    ) {
        #expect(result.status == .providerFailure, "\(result.message)", sourceLocation: location)
        #expect(result.details["ProviderName"]?.text == provider.name, "\(result.message)", sourceLocation: location)
        #expect(result.message.contains("left the bus"), "\(result.message)", sourceLocation: location)
    }

    @Test(
        "P8 C.1: a provider that dies in a put over several fails it, as that class's; those below are not asked",
        arguments: CallForm.allCases)
    func putDeath(form: CallForm) async throws {
        for (index, death) in [(0, 0), (1, 1), (1, 0), (2, 0)] {
            let family = try await Family.start()
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            family.all[index].on("PutInstanceAsync", Self.deaths[death])
            let open = try await family.scene.client.start(Self.put, form)
            let result = try await open.result()
            Self.expectFailure(result, of: family.all[index])
            #expect(result.details["ParameterInfo"]?.text == family.all[index].className)
            #expect(family.all.map(\.calls.all.count) == (0..<4).map { $0 <= index ? 1 : 0 })
            try await expectQuiet(family.scene, [open.sink])
        }
    }

    @Test(
        "P8 C.2: the death of the provider that decides a delete fails it, and any other's does not; all of them are asked",
        arguments: CallForm.allCases)
    func deleteDeath(form: CallForm) async throws {
        for (index, death) in [(0, 0), (0, 1), (1, 0), (3, 1)] {
            let family = try await Family.start()
            for provider in family.all { provider.on("DeleteInstanceAsync") { $0.reply() } }
            family.all[index].on("DeleteInstanceAsync", Self.deaths[death])
            let open = try await family.scene.client.start(Self.delete, form)
            let result = try await open.result()
            if index == 0 {
                Self.expectFailure(result, of: family.a)
            } else {
                #expect(result.status == .noError, "\(family.all[index].name): \(result.message)")
            }
            #expect(family.all.map(\.calls.all.count) == [1, 1, 1, 1])
            try await expectQuiet(family.scene, [open.sink])
        }
    }

    @Test(
        "P8 C.2: where several decide a delete, one that dies has failed: a success of another is enough, and without one it is the result")
    func deciderDeath() async throws {
        for status in [WBEMStatus.noError, .notFound] {
            let family = try await Family.start(abstract: "AB")
            family.c.on("DeleteInstanceAsync", Self.deaths[0])
            family.d.on("DeleteInstanceAsync") { $0.reply(status) }
            let open = try await family.scene.client.start(Self.delete, .async)
            let result = try await open.result()
            if status == .noError {
                #expect(result.status == .noError, "\(result.message)")
            } else {
                Self.expectFailure(result, of: family.c)
            }
            #expect(family.all.map(\.calls.all.count) == [0, 0, 1, 1])
            try await expectQuiet(family.scene, [open.sink])
        }
    }

    @Test(
        "P8 L6: one of several that dies after it has set its status has said it: the put and the delete go on with that",
        arguments: CallForm.allCases)
    func deathAfterStatus(form: CallForm) async throws {
        for (operation, status, calls) in [
            (Self.put, WBEMStatus.noError, [1, 1, 1, 0]), (Self.put, .accessDenied, [1, 0, 0, 0]), (Self.delete, .noError, [1, 1, 1, 1]),
            (Self.delete, .accessDenied, [1, 1, 1, 1]),
        ] {
            let family = try await Family.start()
            for provider in family.all { provider.onEverything { $0.reply() } }
            family.a.onEverything { call in
                call.reply(references: 1)
                try await call.sink.setStatus(status)
                await call.provider.close()
            }
            let open = try await family.scene.client.start(operation, form)
            let result = try await open.result()
            #expect(result.status == status, "\(operation.member): \(result.message)")
            #expect(family.all.map(\.calls.all.count) == calls, "\(operation.member)")
            try await expectQuiet(family.scene, [open.sink])
        }
    }
}
