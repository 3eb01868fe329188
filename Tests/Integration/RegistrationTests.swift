import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// How providers come and go (Design 3, Registration; Semantics D.5, G.3).
    @Suite struct RegistrationTests {
        @Test("D.5: a second Register is AlreadyRegistered, whoever asks, in whatever case")
        func second() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let second = try await RawProvider.start(on: scene.bus, registers: false)
            #expect(try await scene.client.refusal { try await second.register() } == .providerAlreadyRegistered)
            #expect(try await scene.client.refusal { try await second.register(name: "RAW") } == .providerAlreadyRegistered)
            #expect(try await scene.client.refusal { try await provider.register() } == .providerAlreadyRegistered)
            #expect(
                try await scene.client.property(provider.registrationPath, Contract.registration, "Owner").text
                    == provider.connection.uniqueName.text)
            // The other namespace is another name.
            #expect(try await scene.client.refusal { try await second.register(scope: "root") } == nil)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("D.5: bad arguments of Register, and nothing changed")
        func badArguments() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let client = scene.client
            func register(
                flags: Int32 = 0, context: [(String, DBusValue)] = [], user: String = "", scope: String = "", name: String = "Raw"
            ) async throws -> WBEMStatus? {
                try await client.refusal {
                    _ = try await provider.registrar(
                        "Register",
                        [
                            .int32(flags), .dictionary(context), .string(user), .string(""), .string(scope), .string(name),
                            .objectPath(RawProvider.path),
                        ])
                }
            }
            #expect(try await register(flags: 1) == .invalidParameter)
            #expect(try await register(name: "") == .invalidParameter)
            #expect(try await register(name: "a\nb") == .invalidParameter)
            #expect(try await register(name: String(repeating: "x", count: 121)) == .invalidParameter)
            #expect(try await register(scope: "root/none") == .invalidNamespace)
            #expect(try await register(scope: "//") == .invalidNamespace)
            #expect(try await register(user: "somebody") == .notSupported)
            #expect(try await register(context: [("MOF", .int32(1))]) == .invalidContext)
            #expect(try await register(context: [("PingSeconds", .int32(-1))]) == .invalidContext)
            #expect(try await client.brokerProperty("Registrations") == 0)
            // An empty scope is root/cimv2.
            #expect(try await register() == nil)
            #expect(try await client.property(provider.registrationPath, Contract.registration, "Namespace").text == "root/cimv2")
        }

        @Test("Design 3: MOF errors say where; nothing is stored; another's class is AccessDenied; the same MOF is a no-op")
        func mof() async throws {
            let scene = try await Scene.start()
            let first = try await scene.provider()
            let client = scene.client
            let second = try await RawProvider.start(on: scene.bus, name: "Second", className: "Test_Second", registers: false)
            await #expect {
                try await second.register(mof: "class Test_Good { [key] string A; };\nclass Test_Bad {\n  string;\n};")
            } throws: { error in (error as? DBusError)?.message.contains("Second:3:") == true }
            #expect(try await client.run(.get("Test_Good")).status == .notFound)
            #expect(
                try await client.refusal { try await second.register(mof: "[provider(\"Second\")] class Test_Thing { [key] string X; };") }
                    == .accessDenied)
            #expect(try await client.refusal { try await second.register(mof: "class __Mine { [key] string X; };") } == .accessDenied)
            #expect(try await client.refusal { try await second.register(mof: "class Test_Child : Test_Nobody { };") } != nil)
            #expect(try await client.brokerProperty("Registrations") == 1)
            try await second.register()
            #expect(try await client.run(.enumerate("Test_Second")).objects.count == 3)
            // Unchanged, and changed.
            try await first.unregister()
            try await first.register()
            #expect(try await client.run(.get(thing("thing0"))).status == .noError)
            try await first.unregister()
            try await first.register(
                mof: "[dynamic, provider(\"Raw\")] class Test_Thing { [key] string Name; uint32 Number; string Text; string More; };")
            let declaration = try await client.run(.get("Test_Thing")).objects.first
            #expect(declaration?["__PROPERTIES"]?.elements?.count == 4)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("L8: UnRegister stops new calls; open ones run on; queued ones fail; twice is NotRegistered")
        func unregister() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the provider to go on")
            provider.on("GetObjectAsync") { call in
                try await go.value()
                call.reply(.noError, references: 0, [call.provider.thing("a")])
            }
            var open: [RawOpenOperation] = []
            for _ in 0..<6 { open.append(try await scene.client.start(.get(thing("a")), .async)) }
            #expect(try await scene.operationStates().count { $0 == "queued" } == 2)
            try await provider.unregister()
            for operation in open.suffix(2) { #expect(try await operation.result().status == .providerFailure) }
            #expect(try await scene.client.run(.get(thing("a"))).status == .providerLoadFailure)
            go.send(())
            for operation in open.prefix(4) { #expect(try await operation.result().status == .noError) }
            #expect(try await scene.client.refusal { try await provider.unregister() } == .providerNotRegistered)
            #expect(try await scene.client.refusal { try await provider.unregister(scope: "root/none") } != nil)
            try await provider.register()
            try await expectQuiet(scene, open.map(\.sink), next: .get(thing("a")))
        }

        @Test("D.8 G.3: Suspend and Resume; open operations run on", arguments: CallForm.allCases)
        func suspend(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let go = Event<Void>("the provider to go on")
            provider.on("GetObjectAsync") { call in
                try await go.value()
                call.reply(.noError, references: 0, [call.provider.thing("a")])
            }
            let open = try await scene.client.start(.get(thing("a")), form)
            try await provider.calls.wait("the call") { !$0.isEmpty }
            let states = Recorder<String>()
            _ = try await scene.client.connection.addMatch(
                MatchRule(interface: .properties, member: MemberName(verified: "PropertiesChanged"), path: provider.registrationPath)
            ) { message in
                let values = try? message.values()
                if let state = values?[1].stringDictionary?["State"]?.text { states.record(state) }
            }
            _ = try await scene.client.call(provider.registrationPath, Contract.registration, "Suspend")
            let refused = try await scene.client.run(.get(thing("a")), form)
            #expect(refused.status == .providerSuspended)
            #expect(refused.message.contains("resume"))
            try await states.wait("the suspension to be announced") { $0 == ["suspended"] }
            go.send(())
            #expect(try await open.result().status == .noError)
            _ = try await scene.client.call(provider.registrationPath, Contract.registration, "Resume")
            try await expectQuiet(scene, [open.sink], next: .get(thing("a")))
            try await states.wait("the resumption to be announced") { $0 == ["suspended", "running"] }
        }

        @Test("Design 3: the properties of a registration, its Ping, and its counters")
        func properties() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            let path = provider.registrationPath
            #expect(path.text == "/org/cimbus1/providers/root/cimv2/Raw")
            _ = try await client.run(.enumerate("Test_Thing"))
            _ = try await client.run(.get(thing("nothing")))
            provider.on("GetObjectAsync") { $0.reply(references: 2) }
            let open = try await client.start(.get(thing("a")), .async)
            let reply = try await client.call(path, .properties, "GetAll", [.string(Contract.registration.text)])
            let all = try #require(reply.first?.stringDictionary)
            #expect(all["Name"]?.text == "Raw")
            #expect(all["Namespace"]?.text == "root/cimv2")
            #expect(all["Owner"]?.text == provider.connection.uniqueName.text)
            #expect(all["ProcessID"] == .uint32(UInt32(getpid())))
            #expect(all["UserID"] == .uint32(getuid()))
            #expect(all["Classes"] == .strings(["Test_Thing"]))
            #expect(all["State"]?.text == "running")
            #expect(all["OpenOperations"] == .uint32(1))
            try await scene.eventually("the reply") {
                try await client.property(path, Contract.registration, "SinkReferences") == .uint32(2)
            }
            let counters = all["Counters"]?.stringDictionary
            #expect(counters?["Operations"] == .uint64(3))
            #expect(counters?["Objects"] == .uint64(3))
            #expect(counters?["Failures"] == .uint64(1))
            let roundTrip: UInt64? = try await client.call(path, Contract.registration, "Ping").first?.integer()
            #expect(roundTrip.map { $0 > 0 && $0 < 1_000_000 } == true)
            await provider.close()
            #expect(try await open.result().status == .providerFailure)
            let failure = try await client.property(path, Contract.registration, "LastFailure").text
            #expect(
                failure
                    == "0x80041004 GetObject: the provider left the bus before it reported a status; start it again and retry")
            #expect(try await client.refusal { _ = try await client.call(path, Contract.registration, "Ping") } == .notAvailable)
            try await expectQuiet(scene, [open.sink])
        }

        @Test("A.4 G.3: a class whose provider never registered is ProviderNotFound", arguments: CallForm.allCases)
        func neverRegistered(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let classes = provider.mof + "[dynamic, provider(\"Nobody\")] class Test_Orphan { [key] string Name; };"
            try await provider.register(mof: classes)
            let result = try await scene.client.run(.get("Test_Orphan=\"x\""), form)
            #expect(result.status == .providerNotFound)
            #expect(result.message.contains("Nobody"))
            try await expectQuiet(scene)
        }

        @Test("Design 3: a registration that no definition and no class knows goes with its process, and frees its place")
        func registrationOfNothing() async throws {
            let scene = try await Scene.start()
            func register(_ name: String, _ client: RawClient) async throws {
                await client.connection.export(
                    ExportedObject([ExportedInterface(Interfaces.provider, methods: [:])]), at: ObjectPath(verified: "/p"))
                _ = try await client.call(
                    Contract.rootPath, Contract.registrar, "Register",
                    [.int32(0), .dictionary([]), .string(""), .string(""), .string(""), .string(name), .objectPath(ObjectPath("/p"))])
            }
            for index in 0..<300 {
                try await register("N\(index)", scene.client)
                _ = try await scene.client.call(
                    Contract.rootPath, Contract.registrar, "UnRegister", [.string(""), .string("N\(index)")])
            }
            #expect(try await scene.client.brokerProperty("Registrations") == 0)
            let another = try await RawClient.connect(to: scene.bus)
            try await register("Another", another)
            #expect(try await scene.client.brokerProperty("Registrations") == 1)
            await another.close()
            try await scene.eventually("its end") { try await scene.client.brokerProperty("Registrations") == 0 }
            // One that a class names stays for its calls to be told that it is not running, as long as the class is there.
            let known = try await scene.client.compile("[dynamic, provider(\"Known\")] class Test_Known { [key] string Name; };")
            #expect(known.status == .noError)
            try await register("Known", scene.client)
            _ = try await scene.client.call(Contract.rootPath, Contract.registrar, "UnRegister", [.string(""), .string("Known")])
            #expect(try await scene.client.run(.get("Test_Known.Name=\"x\"")).status == .providerLoadFailure)
            #expect(try await scene.client.brokerProperty("Registrations") == 1)
            #expect(try await scene.client.run(.deleteClass("Test_Known")).status == .noError)
            #expect(try await scene.client.brokerProperty("Registrations") == 0)
            try await expectQuiet(scene)
        }

        @Test(
            "Design 3, D.2: what a refused Register brought is not stored, and the name is free",
            arguments: [
                "BusName = \"///\"", "HostingModel = \"Foo\"", "SecurityDescriptor = \"O:SYG:SY\"", "PerLocaleInitialization = TRUE",
                "PerUserInitialization = TRUE",
            ])
        func refusedWithMOF(fault: String) async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, name: "Fresh", className: "Test_Fresh", registers: false)
            let hosting = fault.hasPrefix("HostingModel") ? "" : "HostingModel = \"Decoupled:DBus\"; "
            let bad = "instance of __Win32Provider { Name = \"Fresh\"; \(hosting)\(fault); };\n"
            let refused = try await scene.client.refusal { _ = try await provider.register(mof: bad + provider.mof) }
            #expect(refused == .invalidProviderRegistration || refused == .notSupported || refused == .invalidParameter)
            #expect(try await scene.client.run(.get("Test_Fresh")).status == .notFound)
            _ = try await provider.register()
            #expect(try await scene.client.run(.get("Test_Fresh")).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("L3: Transfer stays within one uid; the reference stays where it was", .enabled(if: getuid() == 0))
        func transferToAnotherUser() async throws {
            let bus = try await PrivateBus.start(allUsers: true)
            let scene = try await Scene.start(options: ["--allow-register", "Foreign=65534"], bus: bus)
            let provider = try await scene.provider()
            let foreign = try await FaultyProcess.start(on: bus, name: "Foreign", className: "Test_Foreign", userID: 65_534)
            #expect(try await scene.client.property(foreign.registrationPath, Contract.registration, "UserID") == .uint32(65_534))
            let name = try #require(foreign.lines.all.first { $0.hasPrefix("registered") }?.split(separator: " ").last.map(String.init))
            provider.on("GetObjectAsync") { call in
                call.reply(references: 1)
                #expect(await refusal { try await call.sink.transfer(to: name) } == .accessDenied)
                try await call.sink.indicate([call.provider.thing("a")])
                try await call.sink.setStatus(.noError)
                #expect(try await call.sink.release() == 0)
            }
            let open = try await scene.client.start(.get(thing("a")), .async)
            #expect(try await open.result().status == .noError)
            try await expectQuiet(scene, [open.sink])
        }

        @Test(
            "Design 3: who may register: root, the broker's user, and --allow-register; others are AccessDenied",
            .enabled(if: getuid() == 0))
        func rights() async throws {
            let bus = try await PrivateBus.start(allUsers: true)
            let scene = try await Scene.start(options: ["--allow-register", "Allowed=65534"], bus: bus)
            func register(_ name: String) async throws -> String {
                try await ChildProcess.output(
                    "/bin/sh",
                    [
                        "-c",
                        "exec setpriv --reuid 65534 --regid 65534 --clear-groups busctl --address='\(bus.address)' call org.cimbus1 /org/cimbus1"
                            + " org.cimbus1.DecoupledRegistrar Register 'ia{sv}sssso' 0 0 '' '' '' \(name) /x 2>&1",
                    ]
                ).text
            }
            let refused = try await register("Mine")
            #expect(refused.contains("0x80041003"), "\(refused)")
            #expect(refused.contains("--allow-register Mine=65534"), "\(refused)")
            let allowed = try await register("Allowed")
            #expect(allowed.contains("o \"/org/cimbus1/providers/root/cimv2/Allowed\""), "\(allowed)")
            // Anyone may call; nobody but root sees another user's operations.
            let read = try await ChildProcess.output(
                "setpriv",
                [
                    "--reuid", "65534", "--regid", "65534", "--clear-groups", "busctl", "--address=\(bus.address)", "call", "org.cimbus1",
                    "/org/cimbus1", "org.cimbus1.Broker", "ListOperations",
                ])
            #expect(read.text.hasPrefix("a(oa{sv}) 0"), "\(read.text)")
            try await expectQuiet(scene)
        }
    }
}
