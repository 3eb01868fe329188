import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Rights between users, by rules of the administrator's (Semantics D.9.1). The other user is a process with uid 65534.
    @Suite(.enabled(if: getuid() == 0), .timeLimit(.minutes(1)))
    struct RightsTests {
        private static let denied = "0x80041003"

        private static func start(_ rules: String) async throws -> (Scene, RightsFolder, RawProvider) {
            let folder = try RightsFolder(rules)
            let scene = try await Scene.start(
                options: ["--rights", folder.path], bus: try await PrivateBus.start(allUsers: true))
            return (scene, folder, try await scene.provider())
        }

        private static func stranger(_ scene: Scene, _ member: String, _ arguments: String...) async throws -> String {
            try await scene.bus.callAsStranger(Contract.path(of: .cimv2), Contract.services, [member] + arguments)
        }

        @Test("what a rule denies is AccessDenied before the provider hears of it, and says who, which right, which class, where and why")
        func denies() async throws {
            let (scene, folder, provider) = try await Self.start("deny user:65534 All root/cimv2 class Test_Thing\n")
            let instance = ["3", "__CLASS", "s", "Test_Thing", "Name", "s", "thing0", "Number", "u", "1"]
            let path = "Test_Thing.Name=\"thing0\""
            let answers = [
                try await Self.stranger(scene, "GetObject", "sia{sv}", path, "0", "0"),
                try await Self.stranger(scene, "CreateInstanceEnum", "sia{sv}", "Test_Thing", "0", "0"),
                try await Self.stranger(scene, "ExecQuery", "ssia{sv}", "WQL", "SELECT * FROM Test_Thing", "0", "0"),
                try await scene.bus.callAsStranger(
                    Contract.path(of: .cimv2), Contract.services, ["PutInstance", "a{sv}ia{sv}"] + instance + ["0", "0"]),
                try await Self.stranger(scene, "DeleteInstance", "sia{sv}", path, "0", "0"),
                try await Self.stranger(scene, "ExecMethod", "ssia{sv}a{sv}", path, "Echo", "0", "0", "1", "sInArg", "s", "x"),
            ]
            for answer in answers {
                #expect(answer.contains(Self.denied) && answer.contains("uid 65534 has not the right"), "\(answer)")
                #expect(answer.contains("class Test_Thing in root/cimv2: \(folder.file):1 says"), "\(answer)")
            }
            #expect(provider.calls.all.isEmpty)
            // Root is asked no rule, and what is not denied goes on.
            #expect(try await scene.client.run(.get(path)).status == .noError)
            #expect(try await Self.stranger(scene, "GetObject", "sia{sv}", "__Win32Provider", "0", "0").hasPrefix("a{sv}"))
        }

        @Test("a rule grants writing what is stored, classes by FullWrite and instances by PartialWrite, in its namespace alone")
        func grants() async throws {
            let (scene, folder, _) = try await Self.start("allow user:65534 PartialWrite root/cimv2\n")
            try await scene.client.mustCompile("class Test_Stored { [key] string Name; };")
            func compile(_ mof: String, _ namespace: String = "root/cimv2") async throws -> String {
                try await scene.bus.callAsStranger(
                    Contract.rootPath, Contract.mofCompiler, ["CompileBuffer", "ssiii", mof, namespace, "0", "0", "0"])
            }
            func isStored(_ answer: String) -> Bool { answer.hasPrefix("iuiiis 0 0 ") }
            #expect(isStored(try await compile("instance of Test_Stored { Name = \"a\"; };")))
            #expect(try await compile("class Test_New { [key] string Name; };").contains("has not the right FullWrite"))
            #expect(try await compile("instance of __Win32Provider { Name = \"Mine\"; };").contains("has not the right FullWrite"))
            #expect(try await compile("instance of __NAMESPACE { Name = \"x\"; };", "root").contains("has not the right FullWrite"))
            try folder.write("allow user:65534 FullWrite root/cimv2/**\n")
            #expect(try await scene.client.call(Contract.rootPath, Contract.broker, "Reload").isEmpty)
            #expect(isStored(try await compile("class Test_New { [key] string Name; };")))
            #expect(try await compile("class Test_New { [key] string Name; };", "root/default").contains("has not the right FullWrite"))
        }

        @Test(
            "a class below that the caller may not look at has no part in what he gets, also where its instances come from another's provider"
        )
        func hides() async throws {
            let (scene, _, provider) = try await Self.start("deny user:65534 Enable ** class Test_Secret\n")
            try await scene.client.mustCompile("[dynamic, provider(\"Raw\")] class Test_Secret : Test_Thing { };")
            // Its provider gives one of each class as the class's.
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(.noError, [RawProvider.thing("Test_Thing", "open"), RawProvider.thing("Test_Secret", "secret")])
            }
            let seen = try await Self.stranger(scene, "CreateInstanceEnum", "sia{sv}", "Test_Thing", "0", "0")
            #expect(seen.contains("\"open\"") && !seen.contains("\"secret\""), "\(seen)")
            let classes = try await Self.stranger(scene, "CreateClassEnum", "sia{sv}", "Test_Thing", "0", "0")
            #expect(!classes.contains("Test_Secret"), "\(classes)")
            #expect(try await scene.client.run(.enumerate("Test_Thing")).objects.count == 2)
        }

        @Test(
            "neither has it where its instances come as packed rows, whatever the order of their columns, and whoever takes them as they are"
        )
        func hidesPacked() async throws {
            let bus = try await PrivateBus.start(allUsers: true)
            let rules = try RightsFolder("deny user:65534 Enable ** class Test_Secret\n")
            let scene = try await Scene.start(options: ["--rights", rules.path], bus: bus, client: .private)
            let provider = try await scene.provider(transport: .private)
            try await scene.client.mustCompile("[dynamic, provider(\"Raw\")] class Test_Secret : Test_Thing { };")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for (name, key) in [("Test_Thing", "open"), ("Test_Secret", "secret")] {
                    let rows = [CIMInstance(className: name, ["Number": .uint32(1), "Name": .string(key)])]
                    _ = try? await call.sink.indicate(packed: try PrivateTests.packed(rows))
                }
                _ = try? await call.sink.setStatus(.noError)
                _ = try? await call.sink.release()
            }
            let seen = try await Self.stranger(scene, "CreateInstanceEnum", "sia{sv}", "Test_Thing", "0", "0")
            #expect(seen.contains("\"open\"") && !seen.contains("\"secret\""), "\(seen)")
            let (printed, _) = try await ChildProcess.output(
                "/bin/sh",
                [
                    "-c", "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\" 2>&1", "sh", BuildFolder.path(of: "cimctl"),
                    "enumerate",
                    "Test_Thing", "--address", bus.address,
                ])
            #expect(printed.contains("open") && !printed.contains("secret") && !printed.contains("cimctl:"), "\(printed)")
            #expect(try await scene.client.run(.enumerate("Test_Thing"), .async).objects.count == 2)
        }

        @Test("the override of a class that the caller may not execute does not run by the path of a class above it")
        func overrides() async throws {
            let (scene, _, base) = try await Self.start("deny user:65534 MethodExecute ** class Test_Special\n")
            let special = try await RawProvider.start(on: scene.bus, name: "Special", className: "Test_Special", registers: false)
            scene.keep(special)
            try await special.register(
                mof: """
                    [dynamic, provider("Special")] class Test_Special : Test_Thing {
                        [Implemented, Override("Echo")] uint32 Echo([in] string sInArg, [out] string sOutArg);
                    };
                    """)
            let path = "Test_Thing.Name=\"thing0\""
            let arguments = ["ssia{sv}a{sv}", path, "Echo", "0", "0", "1", "sInArg", "s", "x"]
            let answer = try await scene.bus.callAsStranger(Contract.path(of: .cimv2), Contract.services, ["ExecMethod"] + arguments)
            #expect(answer.contains(Self.denied) && answer.contains("method Echo of class Test_Special"), "\(answer)")
            #expect(!(special.calls.all + base.calls.all).contains { $0.invoked == "Echo" })
            // It is what runs for whom no rule denies it.
            _ = try await scene.client.run(.invoke(path, "Echo", [("sInArg", .string("x"))]))
            #expect(special.calls.all.contains { $0.invoked == "Echo" })
        }

        @Test("D.5: a rule lets the members of a group register one provider in one namespace, and no other")
        func registersByGroup() async throws {
            let (scene, _, _) = try await Self.start("allow group:4242 Register root/cimv2 provider Mi*\n")
            func register(_ name: String, _ scope: String = "root/cimv2", groups: String) async throws -> String {
                try await scene.bus.callAsStranger(
                    Contract.rootPath, Contract.registrar, ["Register", "ia{sv}sssso", "0", "0", "", "", scope, name, "/x"], groups: groups)
            }
            #expect(try await register("Mine", groups: "100,4242").hasPrefix("o "))
            for refused in [
                try await register("Mine", groups: "100"), try await register("Yours", groups: "4242"),
                try await register("Mine", "root", groups: "4242"),
            ] { #expect(refused.contains(Self.denied) && refused.contains("has not the right Register"), "\(refused)") }
        }

        @Test("L13: a user's calls that hang leave a provider's fourth call to others, however many of that user wait")
        func leavesACall() async throws {
            let (scene, _, provider) = try await Self.start("")
            provider.on("GetObjectAsync") { call in
                if call.target.contains("thing0") { call.abandon() } else { call.provider.serveFromMemory(call) }
            }
            let call = [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(scene.bus.address)", "--timeout=60",
                "call",
                "org.cimbus1", Contract.path(of: .cimv2).text, Contract.services.text, "GetObject", "sia{sv}", "Test_Thing.Name=\"thing0\"",
                "0", "0",
            ]
            let hanging = try (0..<6).map { _ in try ChildProcess("setpriv", call) }
            try await scene.waitForOperations(6)
            #expect(provider.calls.all.count == 3)
            #expect(try await scene.client.run(.get("Test_Thing.Name=\"thing1\"")).status == .noError)
            #expect(provider.calls.all.count == 4)
            withExtendedLifetime(hanging) {}
        }

        @Test("Reload and SIGHUP read the rules again; a file with a fault keeps the old ones, and says file, line and why")
        func reloads() async throws {
            let (scene, folder, _) = try await Self.start("deny everyone Enable root/cimv2 class Test_Thing\n")
            func get() async throws -> String {
                try await Self.stranger(scene, "GetObject", "sia{sv}", "Test_Thing.Name=\"thing0\"", "0", "0")
            }
            #expect(try await get().contains(Self.denied))
            try folder.write("\nallow nobody Enable **\n")
            let error = await #expect(throws: DBusError.self) {
                try await scene.client.call(Contract.rootPath, Contract.broker, "Reload")
            }
            #expect(error?.message.contains("\(folder.file):2: \"nobody\" is nobody") == true)
            #expect(try await get().contains(Self.denied))
            #expect(try await scene.broker.count(of: "the rules of rights stay as they were") == 1)
            // Not for everybody.
            let refused = try await scene.bus.callAsStranger(Contract.rootPath, Contract.broker, ["Reload"])
            #expect(refused.contains(Self.denied), "\(refused)")
            try folder.write("")
            #expect(try await scene.client.call(Contract.rootPath, Contract.broker, "Reload").isEmpty)
            #expect(try await get().hasPrefix("a{sv}"))
            try folder.write("deny everyone Enable root/cimv2 class Test_Thing\n")
            scene.broker.process.signal(SIGHUP)
            #expect(try await scene.broker.count(of: "rules of rights are in force", atLeast: 2) == 2)
            #expect(try await get().contains(Self.denied))
        }

        @Test("a broker whose rules have a fault does not start: it would let everybody what they deny")
        func startsNot() async throws {
            let folder = try RightsFolder("deny everyone Everything **\n")
            let error = await #expect(throws: ProcessError.self) { try await Scene.start(options: ["--rights", folder.path]) }
            #expect(error?.description.contains("\(folder.file):1: \"Everything\" is no right") == true, "\(error?.description ?? "")")
        }

        @Test(
            "CheckRights and ListRights: about himself everybody may ask, about others who has ReadSecurity; each right says by which rule")
        func checks() async throws {
            let (scene, folder, _) = try await Self.start(
                "deny user:65534 MethodExecute root/cimv2 class Test_* method St*\nallow user:65534 Publish **\n")
            func check(_ principal: String, _ method: String) async throws -> String {
                try await scene.bus.callAsStranger(
                    Contract.rootPath, Contract.broker, ["CheckRights", "ssss", principal, "", "Test_Thing", method])
            }
            #expect(try await check("", "Echo").hasPrefix("us \(0x53 | 0x80) "))
            #expect(try await check("user:65534", "Stop").hasPrefix("us \((0x53 | 0x80) & ~0x2) "))
            #expect(try await check("", "Stop").contains("MethodExecute: no, \(folder.file):1: deny user:65534"))
            #expect(try await check("user:0", "").contains("has not the right ReadSecurity"))
            #expect(try await scene.bus.callAsStranger(Contract.rootPath, Contract.broker, ["ListRights"]).contains(Self.denied))
            let values = try await scene.client.call(
                Contract.rootPath, Contract.broker, "CheckRights", [.string("everyone"), .string("root"), .string(""), .string("")])
            #expect(values.first == .uint32(0x53))
            let rules = try await scene.client.call(Contract.rootPath, Contract.broker, "ListRights").first?.elements
            #expect(rules?.count == 2)
            for wrong in ["somebody", "user:no-such-user-here"] {
                await #expect(throws: DBusError.self) {
                    try await scene.client.call(
                        Contract.rootPath, Contract.broker, "CheckRights", [.string(wrong), .string("root"), .string(""), .string("")])
                }
            }
        }

        @Test("a user whose registrations are refused by the hundred fills no log: one line a second, and how many were not written")
        func logFlood() async throws {
            let (scene, _, _) = try await Self.start("")
            let script = """
                i=0; while [ $i -lt 60 ]; do busctl --address=\(scene.bus.address) call org.cimbus1 /org/cimbus1 \
                org.cimbus1.DecoupledRegistrar Register 'ia{sv}sssso' 0 0 '' '' '' Mine /x >/dev/null 2>&1 & i=$((i+1)); done; wait
                """
            _ = try await ChildProcess.output(
                "setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/bin/sh", "-c", script])
            // What is not written is counted a second after the first.
            #expect(try await scene.broker.count(of: "more refused registrations of uid 65534 within a second are not written here") >= 1)
            let lines = scene.broker.log.all.count { $0.contains("a registration of") && $0.contains("is refused") }
            #expect(lines >= 1 && lines < 60)
        }

        @Test(
            "a provider is told its client's rights for the class and the method, and which of them a rule grants; no client can say so itself"
        )
        func tellsProviders() async throws {
            let (scene, _, provider) = try await Self.start("allow user:65534 MethodExecute root/cimv2 class Test_Thing method Echo\n")
            let path = "Test_Thing.Name=\"thing0\""
            _ = try await Self.stranger(
                scene, "ExecMethod", "ssia{sv}a{sv}", path, "Echo", "0", "1", "__CLIENT_RIGHTS", "u", "4294967295", "1", "sInArg", "s", "x")
            _ = try await Self.stranger(scene, "GetObject", "sia{sv}", path, "0", "1", "__client_grants", "u", "255")
            let calls = try await provider.calls.wait("both calls") { $0.count == 2 }
            #expect(calls[0].context["__CLIENT_RIGHTS"] == .uint32(0x53) && calls[0].context["__CLIENT_GRANTS"] == .uint32(0x2))
            #expect(calls[1].context["__CLIENT_RIGHTS"] == .uint32(0x53) && calls[1].context["__CLIENT_GRANTS"] == nil)
            #expect(calls[1].context["__client_grants"] == nil)
        }
    }
}
