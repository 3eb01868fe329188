import CIM
import CIMBusClient
import SDKTestKit
import Testing
import WireTestKit

@testable import CIMBusProvider

extension ProviderTests {
    /// What the library does about properties that a class declares as only read, and about what a class declares and nobody serves.
    @Suite struct ReadOnlyTests {
        private static let since = CIMDateTime("20260203040506.000007+060")

        private static func special(_ since: CIMDateTime?, text: String = "t") -> CIMInstance {
            var instance = thing(1, text: text, class: "Test_SpecialThing")
            if let since { instance["Since"] = .datetime(since) }
            return instance
        }

        /// A stage whose provider has one special thing, and what was put.
        private func start(
            options: ProviderService.Options = .init(), get: (@Sendable () throws -> CIMInstance)? = { special(since) }
        ) async throws -> (Stage, Recorder<CIMInstance>) {
            let put = Recorder<CIMInstance>()
            var provider = ThingProvider(put: { instance, _ in
                put.record(instance)
                return nil
            })
            if let get { provider.get = { _, _ in try get() } }
            provider.supportsPartialPut = true
            return (try await Stage.start(provider, options: options), put)
        }

        private static let other = special(CIMDateTime("20270203040506.000007+060"))

        @Test(
            "R75: a put that changes what is only read is ReadOnly, names the property, and never reaches the provider",
            arguments: Form.allCases)
        func refused(form: Form) async throws {
            let (stage, put) = try await start()
            let error = await #expect(throws: CIMError.self) { try await stage.session.put(Self.other, form) }
            #expect(error?.status == .readOnly)
            #expect(error?.message.contains("Since of Test_SpecialThing.Name=\"n1\"") == true, "\(String(describing: error))")
            let named = await #expect(throws: CIMError.self) {
                try await stage.session.put(Self.other, form, options: OperationOptions().updatingOnly(["Since", "Text"]))
            }
            #expect(named?.status == .readOnly)
            #expect(put.all.isEmpty)
        }

        @Test("R75: what is put back as it was, what is NULL, and what a partial put does not name is no change")
        func unchanged() async throws {
            let (stage, put) = try await start()
            try await stage.session.putInstance(Self.special(Self.since, text: "new"))
            try await stage.session.putInstance(Self.special(nil, text: "newer"))
            try await stage.session.putInstance(Self.other, options: OperationOptions().updatingOnly(["Text"]))
            #expect(put.all.count == 3)
        }

        @Test("R75: an instance that is created has what it is given; a provider that does not get instances, or says so, decides itself")
        func left() async throws {
            let (creating, created) = try await start { throw CIMError(.notFound, "not yet") }
            try await creating.session.putInstance(Self.other)
            try await creating.session.putInstance(Self.other, options: OperationOptions(flags: .createOnly))
            #expect(created.all.count == 2)
            let (blind, taken) = try await start(get: nil)
            try await blind.session.putInstance(Self.other)
            #expect(taken.all.count == 1)
            var options = ProviderService.Options()
            options.readOnlyProperties = .leftToProvider
            let (own, passed) = try await start(options: options)
            try await own.session.putInstance(Self.other)
            #expect(passed.all.count == 1)
        }

        @Test("A declaration without read and write, or with write, is no read-only one; keys are not either")
        func declarations() {
            func property(_ qualifiers: [String: Bool]) -> CIMProperty {
                CIMProperty(
                    name: "P", type: .init(.string), qualifiers: qualifiers.map { CIMQualifier(name: $0.key, value: .boolean($0.value)) })
            }
            #expect(property(["read": true]).isReadOnly && property(["write": false]).isReadOnly)
            #expect(!property([:]).isReadOnly && !property(["read": true, "Write": true]).isReadOnly)
            #expect(!property(["read": true, "key": true]).isReadOnly && !property(["read": false]).isReadOnly)
        }

        private struct OnlyInstances: InstanceProvider {}

        private struct OnlyMethods: MethodProvider {
            func invoke(
                _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
            ) async throws -> MethodResult { MethodResult() }
        }

        @Test("A class whose methods, or whose properties with write, nobody serves is told of in the log when the provider starts")
        func unserved() async throws {
            let log = LogRecorder()
            let stage = try await Stage.start()
            let service = try await RunningService.start(
                OnlyInstances(), named: "Lonely",
                mof: """
                    [dynamic, provider("Lonely")] class Test_Lonely {
                        [key] string Name; [read, write] string Text; [Implemented] uint32 Turn(); [Implemented] uint32 Stop(); uint32 Later();
                    };
                    """, classes: ["Test_Lonely"], on: stage.bus, logger: log.logger)
            try await log.lines.wait("the warning") { $0.contains { $0.hasPrefix("warning") } }
            let warnings = log.lines.all.filter { $0.hasPrefix("warning") }
            #expect(
                warnings == [
                    "warning: class Test_Lonely has the methods Turn, Stop, but its provider here is no MethodProvider: calls fail with MethodNotImplemented"
                ])
            withExtendedLifetime(service) {}
            let declaration = CIMClass(
                name: "C", properties: [CIMProperty(name: "P", type: .init(.string), qualifiers: [CIMQualifier(name: "write")])],
                methods: [CIMMethod(name: "M", returnType: nil, qualifiers: [CIMQualifier(name: "implemented")])])
            #expect(ProviderSession.unserved(declaration, by: OnlyMethods()).count == 1)
            #expect(ProviderSession.unserved(declaration, by: OnlyMethods()).first?.contains("the property P that can be written") == true)
            #expect(ProviderSession.unserved(declaration, by: ThingProvider()).isEmpty)
        }
    }
}
