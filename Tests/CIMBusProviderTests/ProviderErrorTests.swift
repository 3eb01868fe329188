import CIM
import CIMBusClient
import CIMBusProvider
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// What a provider throws is what its client gets.
    @Suite struct ProviderErrorTests {
        struct Odd: Error, CustomStringConvertible {
            let description = "the moon is in the wrong house"
        }

        static let own = CIMInstance(
            className: "__ExtendedStatus", ["Description": "the drawer is locked", "Operation": "Look", "ParameterInfo": "drawer 3"])

        /// Fails after so many objects.
        private func failing(after count: Int, _ error: any Error) -> ThingProvider {
            ThingProvider(
                enumerate: { _, _, sink in
                    for number in 0..<count { try await sink.indicate(thing(number)) }
                    throw error
                }, get: { _, _ in throw error }, put: { _, _ in throw error }, delete: { _, _ in throw error },
                invoke: { _, _, _, _ in throw error })
        }

        @Test("R78, R86: an error before any object, in every operation", arguments: Form.allCases)
        func early(form: Form) async throws {
            let stage = try await Stage.start(failing(after: 0, CIMError(.notFound, "the drawer is empty")))
            let session = stage.session
            let errors = [
                try await session.enumerate("Test_Thing", form).error,
                await #expect(throws: CIMError.self) { try await session.get(path("a"), form) },
                await #expect(throws: CIMError.self) { try await session.put(thing(1), form) },
                await #expect(throws: CIMError.self) { try await session.delete(path("a"), form) },
                await #expect(throws: CIMError.self) { try await session.call(path("a"), "Echo", ["sInArg": "x"], form) },
            ]
            for error in errors {
                #expect(error?.status == .notFound)
                #expect(error?.message.contains("the drawer is empty") == true, "\(String(describing: error))")
                #expect(error?.providerName == "Things")
            }
            try await stage.expectQuiet()
        }

        @Test("L1: the objects before an error are delivered, then the error", arguments: [3, 16, 40, 600])
        func late(count: Int) async throws {
            let stage = try await Stage.start(failing(after: count, CIMError(.accessDenied, "the drawer is locked")))
            for form in Form.allCases {
                let result = try await stage.session.enumerate("Test_Thing", form)
                #expect(result.numbers == Array(0..<count))
                #expect(result.error?.status == .accessDenied)
                #expect(result.error?.message.contains("the drawer is locked") == true)
            }
            try await stage.expectQuiet()
        }

        @Test("B.3.1: a provider's own __ExtendedStatus arrives, before and after objects", arguments: [0, 40])
        func extendedStatus(count: Int) async throws {
            let stage = try await Stage.start(failing(after: count, CIMError(.failed, "no", extendedStatus: Self.own)))
            for form in Form.allCases {
                let error = try #require(try await stage.session.enumerate("Test_Thing", form).error)
                #expect(error.status == .failed)
                #expect(error.message.contains("the drawer is locked"), "\(error)")
                #expect(error.extendedStatus?["Operation"] == "Look")
                #expect(error.extendedStatus?["ParameterInfo"] == "drawer 3")
                #expect(error.providerName == "Things")
            }
        }

        /// Of a class below it, without what the error says itself.
        private static let lock = CIMInstance(className: "Test_LockStatus", ["KeyHolder": "Ada", "Drawer": .uint32(3)])

        @Test(
            "B.3.1: a status object of a class of the provider's own keeps its properties, and gets number and words where it has none",
            arguments: [0, 40])
        func ownStatusClass(count: Int) async throws {
            let stage = try await Stage.start(
                failing(after: count, CIMError(.accessDenied, "the drawer is locked", extendedStatus: Self.lock)))
            for form in Form.allCases {
                let error = try #require(try await stage.session.enumerate("Test_Thing", form).error)
                #expect(error.status == .accessDenied)
                #expect(error.message.contains("the drawer is locked"), "\(error)")
                let object = try #require(error.extendedStatus)
                #expect(object.className == "Test_LockStatus")
                #expect(object["KeyHolder"] == "Ada" && object["Drawer"] == .uint32(3))
                #expect(object["StatusCode"] == .uint32(WBEMStatus.accessDenied.rawValue))
                #expect(object["Operation"]?.stringValue?.isEmpty == false && object["ProviderName"] == "Things")
            }
            try await stage.expectQuiet()
        }

        @Test("B.3.1: the framework's callbacks fail with objects in the same way, and so does a sink that was kept")
        func otherWays() async throws {
            struct Locked: FrameworkProvider {
                let error: CIMError

                func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws { throw error }

                func getObject(
                    _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
                ) async throws {
                    throw error
                }
            }
            let error = CIMError(.accessDenied, "the drawer is locked", extendedStatus: Self.lock)
            let kept = ThingProvider(enumerate: { _, _, sink in
                let reference = try sink.retain()
                Task { reference.fail(error) }
            })
            for provider in [Locked(error: error), kept] as [any Provider] {
                let bus = try await PrivateBus.start()
                let broker = try await BrokerProcess.start(on: bus)
                let service = try await RunningService.start(provider, on: bus)
                let session = try await Session.connect(to: .address(bus.address), logger: quiet)
                var errors = [try await session.enumerate("Test_Thing", .async).error]
                if provider is Locked { errors.append(await #expect(throws: CIMError.self) { try await session.get(path("a"), .sync) }) }
                for error in errors {
                    #expect(error?.status == .accessDenied && error?.message.contains("the drawer is locked") == true)
                    #expect(error?.extendedStatus?["KeyHolder"] == "Ada", "\(String(describing: error))")
                }
                withExtendedLifetime((broker, service)) {}
            }
        }

        @Test("B.3.1: an object or words that no status can carry stay behind; status and words arrive", arguments: [0, 40])
        func largeStatus(count: Int) async throws {
            let long = String(repeating: "x", count: 100_000)
            for error in [
                CIMError(
                    .accessDenied, "the drawer is locked",
                    extendedStatus: CIMInstance(className: "Test_LockStatus", ["Long": .string(long)])),
                CIMError(.accessDenied, "the drawer is locked " + long),
            ] {
                let stage = try await Stage.start(failing(after: count, error))
                for form in Form.allCases {
                    let seen = try await stage.session.enumerate("Test_Thing", form)
                    #expect(seen.instances.count == count)
                    #expect(seen.error?.status == .accessDenied)
                    #expect(seen.error?.message.contains("the drawer is locked") == true, "\(seen.error?.message.prefix(200) ?? "")")
                }
                try await stage.expectQuiet()
            }
        }

        @Test("B.3: a success with a reservation may have an object, too", arguments: [0, 40])
        func reservation(count: Int) async throws {
            let stage = try await Stage.start(
                failing(after: count, CIMError(.sPartialResults, "one drawer is locked", extendedStatus: Self.lock)))
            let client = try await RawClient.connect(to: stage.bus)
            let result = try await client.run(.enumerate("Test_Thing"), .async)
            #expect(result.status == .sPartialResults && result.objects.count == count)
            #expect(result.details["KeyHolder"]?.text == "Ada", "\(result.details)")
            try await stage.expectQuiet()
            await client.close()
        }

        @Test("an error that is no CIMError is Failed in its own words; a cancellation is CallCancelled", arguments: [0, 40])
        func foreign(count: Int) async throws {
            var stage = try await Stage.start(failing(after: count, Odd()))
            let error = try await stage.session.enumerate("Test_Thing", .sync).error
            #expect(error?.status == .failed)
            #expect(error?.message.contains("the moon is in the wrong house") == true)
            stage = try await Stage.start(failing(after: count, CancellationError()))
            #expect(try await stage.session.enumerate("Test_Thing", .sync).error?.status == .callCancelled)
        }

        @Test("a status without a name passes unchanged")
        func unknownStatus() async throws {
            let odd = WBEMStatus(rawValue: 0x8004_7ABC)
            let stage = try await Stage.start(failing(after: 40, CIMError(odd, "my own")))
            #expect(try await stage.session.enumerate("Test_Thing", .async).error?.status == odd)
            #expect(await #expect(throws: CIMError.self) { try await stage.session.get(path("a"), .sync) }?.status == odd)
        }

        @Test("what a provider does not implement is ProviderNotCapable", arguments: Form.allCases)
        func notCapable(form: Form) async throws {
            struct Nothing: InstanceProvider {}
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            let service = try await RunningService.start(Nothing(), on: bus)
            let session = try await Session.connect(to: .address(bus.address), logger: quiet)
            let errors = [
                try await session.enumerate("Test_Thing", form).error,
                await #expect(throws: CIMError.self) { try await session.get(path("a"), form) },
                await #expect(throws: CIMError.self) { try await session.put(thing(1), form) },
                await #expect(throws: CIMError.self) { try await session.delete(path("a"), form) },
            ]
            for error in errors { #expect(error?.status == .providerNotCapable, "\(String(describing: error))") }
            let noMethods = await #expect(throws: CIMError.self) { try await session.call(path("a"), "Echo", ["sInArg": "x"], form) }
            #expect(noMethods?.status == .methodNotImplemented)
            withExtendedLifetime((broker, service)) {}
        }

        @Test("an enumerator gives what came before the error, and then the error again and again")
        func enumerator() async throws {
            let stage = try await Stage.start(failing(after: 40, CIMError(.accessDenied, "locked")))
            let enumerator = try await stage.session.openEnumerator(of: "Test_Thing")
            #expect(try await soon { try await enumerator.next(100) }.instances.count == 40)
            for _ in 0..<2 {
                #expect(await #expect(throws: CIMError.self) { try await enumerator.next(100) }?.status == .accessDenied)
            }
        }
    }
}
