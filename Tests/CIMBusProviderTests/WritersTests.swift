import CIM
import CIMBusProvider
import CIMBusWire
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Whose puts, deletes and methods reach the provider's code. The other user is a process with uid 65534.
    @Suite(.enabled(if: getuid() == 0))
    struct WritersTests {
        private static let provider = ThingProvider(
            get: { _, _ in thing(1) }, put: { _, _ in nil }, delete: { _, _ in },
            invoke: { method, path, parameters, _ in try ThingProvider.echo(method, path, parameters) })

        /// A put, a delete and a method of the other user's.
        private static func changes(_ stage: Stage) async throws -> [String] {
            func call(_ arguments: String...) async throws -> String {
                try await stage.bus.callAsStranger(Contract.path(of: .cimv2), Contract.services, arguments)
            }
            let path = "Test_Thing.Name=\"n1\""
            return [
                try await call("PutInstance", "a{sv}ia{sv}", "2", "__CLASS", "s", "Test_Thing", "Name", "s", "n1", "0", "0"),
                try await call("DeleteInstance", "sia{sv}", path, "0", "0"),
                try await call("ExecMethod", "ssia{sv}a{sv}", path, "Echo", "0", "0", "1", "sInArg", "s", "x"),
            ]
        }

        @Test("puts, deletes and methods of other users than root and the provider's own are AccessDenied, and say which rule lets them")
        func others() async throws {
            let stage = try await Stage.start(Self.provider, allUsers: true)
            for answer in try await Self.changes(stage) {
                #expect(answer.contains("0x80041003") && answer.contains("lets root and its own user, uid 0, change anything"), "\(answer)")
                #expect(answer.contains("allow user:65534 "), "\(answer)")
            }
            // They may read, and root may everything.
            let read = try await stage.bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services, ["GetObject", "sia{sv}", "Test_Thing.Name=\"n1\"", "0", "0"])
            #expect(read.hasPrefix("a{sv}"), "\(read)")
            try await stage.session.deleteInstance(at: path("n1"))
            try await stage.expectQuiet()
        }

        @Test("a provider that decides itself gets them all")
        func everybody() async throws {
            var options = ProviderService.Options()
            options.writers = .everybody
            let stage = try await Stage.start(Self.provider, options: options, allUsers: true)
            for answer in try await Self.changes(stage) { #expect(!answer.contains("0x8"), "\(answer)") }
        }

        @Test("what a rule grants, the provider does not refuse: puts and deletes by WriteProvider, methods by MethodExecute")
        func granted() async throws {
            let folder = try RightsFolder("allow user:65534 WriteProvider root/cimv2 class Test_Thing\n")
            let stage = try await Stage.start(Self.provider, allUsers: true, broker: "--rights", folder.path)
            var answers = try await Self.changes(stage)
            #expect(!answers[0].contains("0x8") && !answers[1].contains("0x8") && answers[2].contains("0x80041003"), "\(answers)")
            try folder.write("allow group:65534 MethodExecute root/cimv2 class Test_Thing method Ec*\n")
            try await stage.session.broker.reload()
            answers = try await Self.changes(stage)
            #expect(answers[0].contains("0x80041003") && answers[1].contains("0x80041003") && !answers[2].contains("0x8"), "\(answers)")
            #expect(try await stage.session.broker.rightsRules().map(\.text).count == 1)
            #expect(try await stage.session.broker.rights(of: "everyone", className: "Test_Thing").rawValue == 0x53)
        }
    }
}
