import CIM
import CIMBusWire
import DBus
import Glibc
import Synchronization
import Testing
import WireTestKit

/// What stands for polkit on a private bus: it says what a test has it say.
private final class Polkit: Sendable {
    struct Question: Hashable {
        var subject: String
        var action: String
        var details: [String: String]
        var isInteractive: Bool
        var cancellation: String
    }

    let questions = Recorder<Question>()
    let cancelled = Recorder<String>()
    private let connection: Connection

    /// - Parameter answer: whether it is authorized, and whether somebody would have to be asked; nil: no answer.
    static func start(on bus: PrivateBus, _ answer: @escaping @Sendable (Question) -> (Bool, Bool)?) async throws -> Polkit {
        let polkit = Polkit(try await bus.connect(on: EventLoop(name: "polkit")))
        let connection = polkit.connection
        await connection.setInbound { [weak polkit] message in polkit?.receive(message, answer) ?? false }
        _ = try await connection.requestName(WellKnownName(verified: "org.freedesktop.PolicyKit1"))
        return polkit
    }

    private init(_ connection: Connection) { self.connection = connection }

    private func receive(_ message: Message, _ answer: (Question) -> (Bool, Bool)?) -> Bool {
        guard message.interface == "org.freedesktop.PolicyKit1.Authority", let values = try? message.values() else { return false }
        if message.member == "CancelCheckAuthorization" {
            cancelled.record(values.first?.text ?? "")
            return true
        }
        guard case .structure(let subject)? = values.first, values.count == 5, case .array(_, let details) = values[2] else { return false }
        let pairs = details.compactMap { entry -> (String, String)? in
            if case .dictEntry(let key, let value) = entry { (key.text ?? "", value.text ?? "") } else { nil }
        }
        let question = Question(
            subject: subject[1].stringDictionary?["name"]?.text ?? "", action: values[1].text ?? "",
            details: Dictionary(pairs, uniquingKeysWith: { $1 }), isInteractive: values[3] == .uint32(1), cancellation: values[4].text ?? ""
        )
        questions.record(question)
        if let (isAuthorized, needsPerson) = answer(question) {
            let none = DBusValue.dictionary(key: Signature(verified: "s"), value: Signature(verified: "s"), [])
            connection.methodCall(message).reply([.structure([.boolean(isAuthorized), .boolean(needsPerson), none])])
        }
        return true
    }
}

extension Integration {
    /// Rules that leave the decision to polkit (`auth`). The other user is a process with uid 65534.
    @Suite(.enabled(if: getuid() == 0), .timeLimit(.minutes(1)))
    struct AuthorizationTests {
        private static let denied = "0x80041003"
        private static let path = "Test_Thing.Name=\"thing0\""
        private static let rule = "auth user:65534 MethodExecute root/cimv2 class Test_Thing method Echo\n"

        private static func start(_ rules: String = rule, _ options: [String] = []) async throws -> (Scene, RawProvider, RightsFolder) {
            let folder = try RightsFolder(rules)
            let scene = try await Scene.start(
                options: ["--rights", folder.path] + options, bus: try await PrivateBus.start(allUsers: true))
            return (scene, try await scene.provider(), folder)
        }

        private static func echo(_ scene: Scene) async throws -> String {
            try await scene.bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services,
                ["ExecMethod", "ssia{sv}a{sv}", path, "Echo", "0", "0", "1", "sInArg", "s", "x"])
        }

        /// The process of a stranger's call that waits.
        private static func waiting(_ scene: Scene) throws -> ChildProcess {
            try ChildProcess(
                "setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(scene.bus.address)", "--timeout=60",
                    "call", "org.cimbus1", Contract.path(of: .cimv2).text, Contract.services.text, "ExecMethod", "ssia{sv}a{sv}", path,
                    "Echo", "0", "0", "1", "sInArg", "s", "x",
                ])
        }

        @Test(
            "an auth rule: polkit is asked about the caller's connection, with what it wants, and the provider is called when it says yes")
        func yes() async throws {
            let (scene, provider, _) = try await Self.start()
            let polkit = try await Polkit.start(on: scene.bus) { _ in (true, false) }
            #expect(try await Self.echo(scene).hasPrefix("a{sv}"))
            let question = try #require(polkit.questions.all.first)
            #expect(question.action == "org.cimbus1.method-execute" && question.isInteractive && question.subject.hasPrefix(":"))
            #expect(question.details == ["namespace": "root/cimv2", "class": "Test_Thing", "method": "Echo"])
            #expect(provider.calls.all.count { $0.invoked == "Echo" } == 1)
            // One yes is for one call.
            #expect(try await Self.echo(scene).hasPrefix("a{sv}"))
            #expect(polkit.questions.all.count == 2)
            // What the rule does not speak of is not asked about, and root never.
            let other = ["GetObject", "sia{sv}", Self.path, "0", "0"]
            #expect(try await scene.bus.callAsStranger(Contract.path(of: .cimv2), Contract.services, other).hasPrefix("a{sv}"))
            #expect(try await scene.client.run(.invoke(Self.path, "Echo", [("sInArg", .string("x"))])).status == .noError)
            #expect(polkit.questions.all.count == 2)
        }

        @Test(
            "an auth rule: where polkit does not say yes the call is AccessDenied, says why, and the provider hears of nothing",
            arguments: [
                (false, false, "polkit does not authorize it for org.cimbus1.method-execute"),
                (false, true, "the caller's session has no polkit agent"),
            ])
        func no(isAuthorized: Bool, needsPerson: Bool, words: String) async throws {
            let (scene, provider, folder) = try await Self.start()
            let polkit = try await Polkit.start(on: scene.bus) { _ in (isAuthorized, needsPerson) }
            let answer = try await Self.echo(scene)
            #expect(answer.contains(Self.denied) && answer.contains(words) && answer.contains("\(folder.file):1 says"), "\(answer)")
            #expect(provider.calls.all.isEmpty && polkit.questions.all.count == 1)
        }

        @Test("an auth rule: without polkit on the bus the call is AccessDenied, and says so")
        func absent() async throws {
            let (scene, provider, _) = try await Self.start()
            let answer = try await Self.echo(scene)
            #expect(answer.contains(Self.denied) && answer.contains("polkit cannot be asked"), "\(answer)")
            #expect(provider.calls.all.isEmpty)
        }

        @Test(
            "an auth rule: a person is asked only where the call allows it, by the bus and by a private connection",
            arguments: [true, false])
        func interaction(isAllowed: Bool) async throws {
            let (scene, _, _) = try await Self.start()
            let polkit = try await Polkit.start(on: scene.bus) { ($0.isInteractive, true) }
            let cimctl = [
                "-c", "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\" 2>&1", "sh", BuildFolder.path(of: "cimctl"), "invoke",
                Self.path, "Echo", "sInArg=x", "--address", scene.bus.address,
            ]
            let (text, end) = try await ChildProcess.output("/bin/sh", cimctl + (isAllowed ? [] : ["--no-ask-password"]))
            #expect((end == .exited(0)) == isAllowed, "\(text)")
            #expect(isAllowed || text.contains("would have to be asked"), "\(text)")
            #expect(polkit.questions.all.map(\.isInteractive) == [isAllowed])
            let busctl = [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(scene.bus.address)",
                "--allow-interactive-authorization=\(isAllowed)", "call", "org.cimbus1", Contract.path(of: .cimv2).text,
                Contract.services.text, "ExecMethod", "ssia{sv}a{sv}", Self.path, "Echo", "0", "0", "0",
            ]
            _ = try await ChildProcess.output("setpriv", busctl)
            #expect(polkit.questions.all.map(\.isInteractive) == [isAllowed, isAllowed])
        }

        @Test("an auth rule: whose client leaves while a person is asked, that question is cancelled; other calls are served meanwhile")
        func cancels() async throws {
            let (scene, provider, _) = try await Self.start()
            let polkit = try await Polkit.start(on: scene.bus) { _ in nil }
            let client = try Self.waiting(scene)
            let question = try #require(try await polkit.questions.wait("a question") { !$0.isEmpty }.first)
            #expect(try await scene.client.run(.get(Self.path)).status == .noError)
            client.signal(SIGKILL)
            let cancelled = try await polkit.cancelled.wait("a cancellation") { !$0.isEmpty }.first
            #expect(cancelled == question.cancellation)
            #expect(!provider.calls.all.contains { $0.invoked == "Echo" })
        }

        @Test("L13, an auth rule: a user whose eight calls wait for polkit is told to wait, and no other user")
        func bounded() async throws {
            let (scene, _, _) = try await Self.start()
            let polkit = try await Polkit.start(on: scene.bus) { _ in nil }
            let clients = try (0..<8).map { _ in try Self.waiting(scene) }
            _ = try await polkit.questions.wait("eight questions") { $0.count == 8 }
            #expect(try await Self.echo(scene).contains("0x80041045"))
            // Whose client is gone, that place is free again.
            for client in clients { client.signal(SIGKILL) }
            _ = try await polkit.cancelled.wait("eight cancellations") { $0.count == 8 }
            let again = try Self.waiting(scene)
            _ = try await polkit.questions.wait("a ninth question") { $0.count == 9 }
            withExtendedLifetime(again) {}
        }

        @Test("an auth rule about FullWrite is for each class of a text that is compiled, and a no changes nothing")
        func compiles() async throws {
            let (scene, _, _) = try await Self.start("auth everyone FullWrite root/cimv2 class Test_New* action org.example.write\n")
            let polkit = try await Polkit.start(on: scene.bus) { ($0.details["class"] != "Test_NewC", false) }
            func compile(_ mof: String) async throws -> String {
                try await scene.bus.callAsStranger(
                    Contract.rootPath, Contract.mofCompiler, ["CompileBuffer", "ssiii", mof, "root/cimv2", "0", "0", "0"])
            }
            let two = try await compile("class Test_NewA { [key] string Name; }; class Test_NewB { [key] string Name; };")
            #expect(two.hasPrefix("iuiiis 0 0 "), "\(two)")
            #expect(polkit.questions.all.map(\.action) == ["org.example.write", "org.example.write"])
            let refused = try await compile("class Test_NewD { [key] string Name; }; class Test_NewC { [key] string Name; };")
            #expect(refused.contains("polkit does not authorize it for org.example.write"), "\(refused)")
            #expect(try await scene.client.run(.get("Test_NewD")).status == .notFound)
            #expect(try await scene.client.run(.get("Test_NewB")).status == .noError)
        }

        // MARK: - The audit

        @Test(
            "the audit: a refusal, a write, a method and a registration are one line each, with who, what, right, rule and outcome; a read is none"
        )
        func audit() async throws {
            let state = try StateFolder()
            let file = state.path + "/audit.jsonl"
            defer { unlink(file) }
            let (scene, _, folder) = try await Self.start("deny user:65534 MethodExecute ** class Test_Thing\n", ["--audit", file])
            _ = try await Self.echo(scene)
            _ = try await scene.client.run(.get(Self.path))
            _ = try await scene.client.run(.invoke(Self.path, "Echo", [("sInArg", .string("x"))]))
            _ = try await scene.client.run(.delete(Self.path))
            _ = try await scene.client.call(Contract.rootPath, Contract.broker, "Reload")
            _ = try await scene.broker.count(of: "Reload by uid 0")
            let lines = scene.broker.log.all
            let refusal = try #require(lines.first { $0.contains("CIMBUS_OUTCOME=refused") })
            for words in [
                "CIMBUS_ACTION=ExecMethod", "CIMBUS_CLIENT_UID=65534", "CIMBUS_CLASS=Test_Thing", "CIMBUS_METHOD=Echo",
                "CIMBUS_NAMESPACE=root/cimv2", "CIMBUS_RIGHT=MethodExecute", "CIMBUS_RULE=\(folder.file):1", "CIMBUS_STATUS=AccessDenied",
            ] { #expect(refusal.contains(words), "\(words): \(refusal)") }
            let (text, _) = try await ChildProcess.output("cat", [file])
            let entries = text.split(separator: "\n").map(String.init)
            func entry(_ words: String...) -> Bool { entries.contains { line in words.allSatisfy { line.contains($0) } } }
            #expect(entry("\"action\":\"ExecMethod\"", "\"outcome\":\"refused\"", "\"client_uid\":\"65534\"", "\"time\":\"20"), "\(text)")
            #expect(entry("\"action\":\"ExecMethod\"", "\"outcome\":\"done\"", "\"client_uid\":\"0\"", "\"operation\":\""), "\(text)")
            #expect(entry("\"action\":\"DeleteInstance\"", "\"outcome\":\"done\"", "\"right\":\"WriteProvider\""), "\(text)")
            #expect(entry("\"action\":\"Register\"", "\"provider\":\"Raw\"", "\"outcome\":\"done\""), "\(text)")
            #expect(entry("\"action\":\"Reload\"", "\"outcome\":\"done\""), "\(text)")
            #expect(!text.contains("GetObject"), "\(text)")
            var information = stat()
            #expect(stat(file, &information) == 0 && information.st_mode & 0o777 == 0o600)
        }

        @Test("the audit: a method's name that a client made up to look like fields of the line stands in quotes")
        func auditOfForgery() async throws {
            let (scene, _, _) = try await Self.start("deny user:65534 MethodExecute **\n")
            _ = try await scene.bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services,
                ["ExecMethod", "ssia{sv}a{sv}", Self.path, "x\" CIMBUS_CLIENT_UID=0 CIMBUS_OUTCOME=done", "0", "0", "0"])
            _ = try await scene.broker.count(of: "CIMBUS_OUTCOME=refused")
            let line = try #require(scene.broker.log.all.first { $0.contains("CIMBUS_OUTCOME=refused") })
            #expect(line.contains("CIMBUS_METHOD=\"x\\\" CIMBUS_CLIENT_UID=0 CIMBUS_OUTCOME=done\""), "\(line)")
        }

        @Test("the audit: of what one user does many times a second one line is written, and how many more there were")
        func auditOfMany() async throws {
            let (scene, _, _) = try await Self.start("")
            for _ in 0..<50 { _ = try await scene.client.run(.invoke(Self.path, "Echo", [("sInArg", .string("x"))])) }
            _ = try await scene.broker.count(of: "more method calls of uid 0 within a second")
            #expect(scene.broker.log.all.count { $0.contains("CIMBUS_ACTION=ExecMethod") } < 50)
        }

        @Test("the audit: a write whose client leaves before its end is written as abandoned")
        func auditOfAbandoned() async throws {
            let (scene, provider, _) = try await Self.start("")
            provider.on("ExecMethodAsync") { $0.abandon() }
            let client = try Self.waiting(scene)
            try await scene.waitForOperations(1)
            client.signal(SIGKILL)
            _ = try await scene.broker.count(of: "CIMBUS_OUTCOME=abandoned")
        }
    }
}
