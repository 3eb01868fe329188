import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Providers that the bus starts, and those that outlive the broker (L11; Semantics D.1 to D.8, G.3).
    @Suite struct ActivationTests {
        /// A bus that can start `Faulty` in several ways.
        func startBus(_ arguments: String...) async throws -> (PrivateBus, ServiceFolder) {
            let folder = try ServiceFolder()
            let command = [BuildFolder.path(of: "FaultyProvider"), "--starter", "--bus-name", "org.example.Faulty"] + arguments
            // A space at the end would be one more argument.
            try folder.write("org.example.Faulty", command.joined(separator: " "))
            return (try await PrivateBus.start(services: folder), folder)
        }

        static let mof = """
            [dynamic, provider("Faulty")] class Faulty_Thing
            {
                [key, read] string Scenario; [read] uint32 Number; [read, write] string Text; [read, EmbeddedObject] string Inner;
                [Implemented] uint32 Act([in, Optional] string Word, [out] string Result);
                [Implemented, Static] uint32 ActOnClass([in, Optional] string Word, [out] string Result);
            };
            instance of __Win32Provider as $P { Name = "Faulty"; HostingModel = "Decoupled:DBus"; BusName = "org.example.Faulty"; };
            instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; SupportsEnumeration = TRUE; };
            """

        func compile(_ mof: String, _ scene: Scene) async throws -> (status: WBEMStatus, message: String) {
            let reply = try await scene.client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [.string(mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
            return (WBEMStatus(rawValue: reply[1].integer() ?? 1), reply[5].text ?? "")
        }

        @Test("G.3, Design 3 BusName: the first calls start the provider, once, and get its answers", arguments: CallForm.allCases)
        func started(form: CallForm) async throws {
            let (bus, folder) = try await startBus()
            defer { withExtendedLifetime(folder) {} }
            let scene = try await Scene.start(options: [], bus: bus)
            #expect(try await compile(Self.mof, scene).status == .noError)
            let first = try await scene.client.start(.get("Faulty_Thing=\"healthy\""), form)
            let second = try await scene.client.start(.get("Faulty_Thing=\"healthy\""), form)
            #expect(try await first.result().status == .noError)
            #expect(try await second.result().status == .noError)
            try await scene.broker.log.wait("the start") { $0.contains { $0.contains("starting provider Faulty") } }
            #expect(try await scene.broker.count(of: "starting provider Faulty") == 1)
            try await expectQuiet(scene, [first.sink, second.sink], next: .get("Faulty_Thing=\"healthy\""))
        }

        @Test("J.3 EV97: a subscription starts a provider of its events, and starts it again when it is killed; nobody else's does")
        func listened() async throws {
            let (bus, folder) = try await startBus()
            let scene = try await Scene.start(options: ["--first-pause", "0.1"], bus: bus)
            let events = """
                class Faulty_Alarm : __ExtrinsicEvent { string Text; };
                instance of __EventProviderRegistration { provider = $P; EventQueryList = { "SELECT * FROM Faulty_Alarm" }; };
                """
            #expect(try await compile(Self.mof + events, scene).status == .noError)
            let other = try await scene.client.start(.events("SELECT * FROM __ClassCreationEvent"), .async)
            let registration = Contract.path(ofProvider: "Faulty", in: .cimv2)
            #expect(try await scene.client.property(registration, Contract.registration, "State").text == "absent")
            let open = try await scene.client.start(.events("SELECT * FROM Faulty_Alarm"), .async)
            try await scene.waitForState("running", of: registration)
            let pid = try await scene.client.property(registration, Contract.registration, "ProcessID").integer() as Int32?
            kill(try #require(pid), SIGKILL)
            try await scene.eventually("another process", within: .seconds(10)) {
                let state = try await scene.client.property(registration, Contract.registration, "State").text
                let next = try await scene.client.property(registration, Contract.registration, "ProcessID").integer() as Int32?
                return state == "running" && next != pid
            }
            withExtendedLifetime((folder, other, open)) {}
        }

        @Test(
            "G.3: a provider that ends before it registers, or cannot be executed, is ProviderLoadFailure that says why; then it backs off")
        func failed() async throws {
            let (bus, folder) = try await startBus("--no-register")
            let scene = try await Scene.start(options: ["--first-pause", "1000", "--longest-pause", "1000"], bus: bus)
            #expect(try await compile(Self.mof, scene).status == .noError)
            for _ in 0..<2 {
                let result = try await scene.client.run(.get("Faulty_Thing=\"healthy\""))
                #expect(result.status == .providerLoadFailure)
                #expect(result.message.contains("org.example.Faulty"), "\(result.message)")
            }
            try await scene.broker.log.wait("the start") { $0.contains { $0.contains("starting provider Faulty") } }
            #expect(try await scene.broker.count(of: "starting provider Faulty") == 1)
            // Another way to start it is tried at once.
            try folder.write("org.example.Nothing", "/nonexistent/program")
            let other = Self.mof.replacing("org.example.Faulty", with: "org.example.Unknown")
            #expect(try await compile(other, scene).status == .noError)
            let unknown = try await scene.client.run(.enumerate("Faulty_Thing"))
            #expect(unknown.status == .providerLoadFailure)
            #expect(unknown.message.contains("org.example.Unknown"), "\(unknown.message)")
            try await expectQuiet(scene)
        }

        @Test(
            "D.4 G.3: Register with InitializationFailure registers nothing, and ends what waits for the start; it may register later",
            arguments: CallForm.allCases)
        func initializationFailure(form: CallForm) async throws {
            let (bus, folder) = try await startBus()
            let scene = try await Scene.start(options: [], bus: bus)
            let provider = try await RawProvider.start(on: bus, registers: false)
            let definition = """
                instance of __Win32Provider as $P { Name = "Raw"; HostingModel = "Decoupled:DBus"; BusName = "org.example.Faulty"; };
                instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; };
                """
            #expect(try await compile(provider.mof + definition, scene).status == .noError)
            // The bus finds it running.
            _ = try await provider.connection.requestName(WellKnownName(verified: "org.example.Faulty"))
            let open = [
                try await scene.client.start(.get(thing("thing0")), form),
                try await scene.client.start(.enumerate("Test_Thing"), form),
            ]
            try await scene.eventually("two calls that wait for the start") { try await scene.operationStates() == ["queued", "queued"] }
            let failing: [(String, DBusValue)] = [(ContextKey.initializationFailure, .string("there is no disk"))]
            let answer = try await scene.client.refusal { _ = try await provider.registerWithoutMOF(context: failing) }
            #expect(answer == .initializationFailure)
            for one in open {
                let result = try await one.result()
                #expect(result.status == .initializationFailure)
                #expect(result.message.contains("there is no disk"), "\(result.message)")
                #expect(result.details.isEmpty || result.details["ProviderName"]?.text == "Raw", "\(result.details)")
            }
            #expect(try await scene.client.property(provider.registrationPath, Contract.registration, "State").text == "absent")
            #expect(provider.calls.all.isEmpty)
            _ = try await provider.registerWithoutMOF()
            #expect(try await scene.client.run(.get(thing("thing0")), form).status == .noError)
            try await expectQuiet(scene, open.map(\.sink))
            withExtendedLifetime((provider, folder)) {}
        }

        @Test(
            "G.3: a provider that registers and dies of its first call is started once, not once for every call",
            arguments: CallForm.allCases)
        func diesOfItsFirstCall(form: CallForm) async throws {
            let (bus, folder) = try await startBus("--script", "crash-after-reply")
            defer { withExtendedLifetime(folder) {} }
            let scene = try await Scene.start(options: ["--first-pause", "1000", "--longest-pause", "1000"], bus: bus)
            #expect(try await compile(Self.mof, scene).status == .noError)
            #expect(try await scene.client.run(.enumerate("Faulty_Thing"), form).status == .providerFailure)
            for _ in 0..<3 {
                let refused = try await scene.client.run(.enumerate("Faulty_Thing"), form)
                #expect(refused.status == .providerLoadFailure)
                #expect(refused.message.contains("before it answered a call"), "\(refused.message)")
            }
            try await scene.broker.log.wait("the start") { $0.contains { $0.contains("starting provider Faulty") } }
            #expect(try await scene.broker.count(of: "starting provider Faulty") == 1)
            try await expectQuiet(scene)
        }

        @Test(
            "D.4 G.3: a provider that nobody started, and that says it cannot initialize itself, is InitializationFailure with its reason",
            arguments: CallForm.allCases)
        func selfStartedInitializationFailure(form: CallForm) async throws {
            let scene = try await Scene.start(options: ["--first-pause", "1000", "--longest-pause", "1000"])
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let definition = "instance of __Win32Provider { Name = \"Raw\"; HostingModel = \"Decoupled:DBus\"; };"
            let support = """
                instance of __InstanceProviderRegistration { provider = "__Win32Provider.Name=\\"Raw\\""; SupportsGet = TRUE; };
                """
            #expect(try await compile(provider.mof + definition + support, scene).status == .noError)
            let failing: [(String, DBusValue)] = [(ContextKey.initializationFailure, .string("there is no disk"))]
            let answer = try await scene.client.refusal { _ = try await provider.registerWithoutMOF(context: failing) }
            #expect(answer == .initializationFailure)
            let told = try await scene.client.run(.get(thing("thing0")), form)
            #expect(told.status == .initializationFailure)
            #expect(told.message.contains("there is no disk"), "\(told.message)")
            _ = try await provider.registerWithoutMOF()
            #expect(try await scene.client.run(.get(thing("thing0")), form).status == .noError)
            try await expectQuiet(scene)
        }

        @Test("D.2 G.3: HostingModels and malformed definitions: what is not served says what to write; WmiCore is AccessDenied")
        func definitions() async throws {
            let scene = try await Scene.start()
            #expect(try await compile("[dynamic, provider(\"P\")] class Test_P { [key] string Name; };", scene).status == .noError)
            let cases: [(String, WBEMStatus, String)] = [
                ("HostingModel = \"LocalSystemHost:group\"", .providerLoadFailure, "Decoupled:DBus"),
                ("CLSID = \"{0}\"", .providerLoadFailure, "Decoupled:DBus"),
                ("HostingModel = \"Coupled\"", .invalidProviderRegistration, "Decoupled:DBus"),
                ("HostingModel = \"Decoupled:DBus\"; BusName = \"x\"", .invalidProviderRegistration, "BusName"),
                ("HostingModel = \"Decoupled:DBus\"; SecurityDescriptor = \"O:BAG:BA\"", .invalidProviderRegistration, "uid:"),
                ("HostingModel = \"Decoupled:Com:FoldIdentity(FALSE)\"", .providerLoadFailure, "start it"),
                ("HostingModel = \"Decoupled:NonCom\"", .providerLoadFailure, "start it"),
            ]
            let support = "instance of __InstanceProviderRegistration { provider = \"__Win32Provider.Name=\\\"P\\\"\"; "
            #expect(try await compile("instance of __Win32Provider { Name = \"P\"; }; \(support)};", scene).status == .noError)
            for (text, status, word) in cases {
                #expect(try await compile("instance of __Win32Provider { Name = \"P\"; \(text); };", scene).status == .noError)
                let result = try await scene.client.run(.enumerate("Test_P"))
                #expect(result.status == status && result.message.contains(word), "\(text): \(result.status) \(result.message)")
            }
            let core = try await compile("instance of __Win32Provider { Name = \"P\"; HostingModel = \"WmiCore\"; };", scene)
            #expect(core.status == .accessDenied)
            try await expectQuiet(scene)
        }

        @Test("D.3 D.5 G.3: a push provider, and a decoupled provider of classes or properties, are InvalidProviderRegistration")
        func unsupportedRegistrations() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let reference = "provider = \"__Win32Provider.Name=\\\"Raw\\\"\""
            let definition = "instance of __Win32Provider { Name = \"Raw\"; HostingModel = \"Decoupled:DBus\"; };\n"
            func support(_ type: String) -> String {
                "instance of __InstanceProviderRegistration { \(reference); InteractionType = \(type); };"
            }
            #expect(try await compile(provider.mof + definition + support("NULL"), scene).status == .noError)
            let cases = [
                (support("1"), "InteractionType"), (support("2"), "InteractionType"),
                ("instance of __ClassProviderRegistration { \(reference); };", "__ClassProviderRegistration"),
                ("instance of __PropertyProviderRegistration { \(reference); };", "__PropertyProviderRegistration"),
            ]
            for (text, word) in cases {
                #expect(try await compile(text, scene).status == .noError)
                let result = try await scene.client.run(.enumerate("Test_Thing"))
                #expect(result.status == .invalidProviderRegistration && result.message.contains(word), "\(text): \(result.message)")
                let refusal = try await scene.client.refusal { _ = try await provider.registerWithoutMOF() }
                #expect(refusal == .invalidProviderRegistration)
                #expect(try await compile(support("0"), scene).status == .noError)
                if word != "InteractionType" {
                    let path = "\(word).\(reference.replacing("provider = ", with: "provider="))"
                    #expect(try await scene.client.run(.delete(path)).status == .noError)
                }
            }
            try await provider.registerWithoutMOF()
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("D.1 D.4: a provider of each user: its definition decides, and a call goes to the caller's own")
        func perUser() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let definition = """
                instance of __Win32Provider as $P { Name = "Raw"; HostingModel = "Decoupled:DBus"; PerUserInitialization = TRUE; };
                instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; };
                """
            #expect(try await compile(provider.mof + definition, scene).status == .noError)
            func register(_ user: String, locale: String = "") async throws -> WBEMStatus? {
                try await scene.client.refusal {
                    _ = try await provider.registrar(
                        "Register",
                        [
                            .int32(0), .dictionary([]), .string(user), .string(locale), .string(""), .string("Raw"),
                            .objectPath(RawProvider.path),
                        ])
                }
            }
            #expect(try await register("") == .invalidParameter)
            #expect(try await register("nobody-has-this-name") == .invalidParameter)
            #expect(try await register("\(getuid())", locale: "MS_409") == .notSupported)
            #expect(try await register("\(getuid() + 1)") == nil)
            let missing = try await scene.client.run(.enumerate("Test_Thing"))
            #expect(missing.status == .providerLoadFailure && missing.message.contains("uid \(getuid())"), "\(missing.message)")
            #expect(try await register("\(getuid())") == nil)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("L11: after a restart calls wait for a provider whose process lives; when nobody comes back in time, they end")
        func comeback() async throws {
            let folder = try ServiceFolder()
            let bus = try await PrivateBus.start()
            var scene = try await Scene.start(options: ["--state", folder.path], bus: bus)
            let provider = try await scene.provider()
            // The broker records in order: what is committed later is on the disk later.
            #expect(try await compile("class Test_Later { [key] string Name; };", scene).status == .noError)
            try await scene.broker.process.killAndWait()
            scene = try await Scene.start(options: ["--state", folder.path, "--comeback", "1000"], bus: bus)
            let open = try await scene.client.start(.get(thing("thing0")), .async)
            #expect(try await scene.operationStates() == ["queued"])
            try await provider.register()
            #expect(try await open.result().status == .noError)
            try await scene.broker.process.killAndWait()
            scene = try await Scene.start(options: ["--state", folder.path, "--comeback", "0.2"], bus: bus)
            #expect(try await scene.client.run(.get(thing("thing0"))).status == .providerLoadFailure)
            // One that unregistered is not expected.
            try await provider.register()
            try await provider.unregister()
            #expect(try await compile("class Test_Last { [key] string Name; };", scene).status == .noError)
            try await scene.broker.process.killAndWait()
            scene = try await Scene.start(options: ["--state", folder.path, "--comeback", "1000"], bus: bus)
            #expect(try await scene.client.run(.get(thing("thing0"))).status == .providerLoadFailure)
            try await expectQuiet(scene)
        }

        @Test("D.8: MSFT_Providers has an instance for each registration, with its counters and its methods", arguments: CallForm.allCases)
        func monitor(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            _ = try await client.run(.enumerate("Test_Thing"))
            _ = try await client.run(.get(thing("thing0")))
            let all = try await client.run(.enumerate("MSFT_Providers"), form).objects
            #expect(all.count == 1)
            #expect(all.first?["Provider"]?.text == "Raw" && all.first?["Namespace"]?.text == "root/cimv2")
            #expect(all.first?["HostProcessIdentifier"] == .uint32(UInt32(getpid())))
            #expect(all.first?["ProviderOperation_GetObjectAsync"] == .uint64(1))
            #expect(all.first?["ProviderOperation_CreateInstanceEnumAsync"] == .uint64(1))
            let counters = all.first?.filter { $0.key.hasPrefix("ProviderOperation_") } ?? [:]
            #expect(counters.count == 24 && counters.values.count { $0 == .uint64(0) } == 22, "\(counters)")
            let path = "MSFT_Providers.Namespace=\"root/cimv2\",Provider=\"raw\",User=\"\",Locale=\"\""
            #expect(try await client.run(.get(path), form).objects.first?["Provider"]?.text == "Raw")
            #expect(try await client.run(.delete(path), form).status == .providerNotCapable)
            #expect(try await client.run(.invoke(path, "Suspend"), form).status == .noError)
            #expect(try await client.run(.get(thing("thing0")), form).status == .providerSuspended)
            #expect(try await client.run(.invoke(path, "Resume"), form).status == .noError)
            #expect(try await client.run(.invoke(path, "UnLoad"), form).status == .providerNotCapable)
            #expect(try await client.run(.invoke(path, "Load"), form).status == .noError)
            await provider.close()
            try await scene.waitForState("absent", of: provider.registrationPath)
            #expect(try await client.run(.invoke(path, "Load"), form).status == .providerLoadFailure)
            try await expectQuiet(scene)
        }
    }
}
