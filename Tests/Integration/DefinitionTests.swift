import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// What is stored about providers, and what follows from it (Semantics D.1 to D.5, G.3; L11; Design 3, Registration).
    @Suite struct DefinitionTests {
        @Test(
            "L11 G.3: after a restart classes, instances and definitions are there; the absent provider is ProviderLoadFailure until it is back"
        )
        func restart() async throws {
            let state = try StateFolder()
            var scene = try await Scene.start("--state", state.path)
            let provider = try await scene.provider()
            let path = provider.registrationPath
            try await scene.client.mustCompile(StoredInstanceTests.mof + StoredInstanceTests.instances(3))
            _ = try await scene.client.run(NamespaceTests.put(.string("test")))
            #expect(try await scene.client.run(.enumerate("__InstanceProviderRegistration")).objects.count == 1)
            let before = try await scene.client.declaration("Test_Thing")
            await provider.close()

            scene = try await scene.restarted(on: state)
            let client = scene.client
            #expect(try await client.declaration("Test_Thing") == before)
            #expect(try await client.run(.enumerate("Test_Base")).names() == ["0", "1", "2"])
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2", "root/cimv2/test"])
            let definition = try await client.run(.get("__Win32Provider=\"raw\"")).objects.first
            #expect(definition?["HostingModel"]?.text == "Decoupled:DBus")
            let support = try await client.run(.enumerate("__InstanceProviderRegistration")).objects.first
            for name in ["SupportsGet", "SupportsPut", "SupportsDelete", "SupportsEnumeration"] {
                #expect(support?[name] == .boolean(true))
            }
            #expect(try await client.property(path, Contract.registration, "State").text == "absent")
            #expect(try await client.property(path, Contract.registration, "Classes") == .strings(["Test_Thing"]))
            for form in CallForm.allCases {
                for operation in [
                    RawOperation.get(thing("a")), .enumerate("Test_Thing"), .delete(thing("a")), .invoke("Test_Thing", "Count"),
                ] {
                    let result = try await client.run(operation, form)
                    #expect(result.status == .providerLoadFailure)
                    #expect(result.details["ProviderName"]?.text == "Raw", "\(result.details)")
                }
            }
            // Without MOF: the broker knows its classes.
            let again = try await RawProvider.start(on: scene.bus, registers: false)
            #expect(try await again.registerWithoutMOF() == path)
            #expect(try await client.run(.enumerate("Test_Thing")).objects.count == 3)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("D.3: what Supports* says is FALSE is ProviderNotCapable, and the provider is not asked", arguments: CallForm.allCases)
        func supports(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let provider = try await scene.provider()
            func support(get: Bool = true, put: Bool = true, delete: Bool = true, enumeration: Bool = true) async throws {
                try await client.mustCompile(
                    """
                    instance of __InstanceProviderRegistration
                    {
                        provider = "__Win32Provider.Name=\\"Raw\\"";
                        SupportsGet = \(get); SupportsPut = \(put); SupportsDelete = \(delete); SupportsEnumeration = \(enumeration);
                    };
                    """)
            }
            let new = RawOperation.put([("__CLASS", .string("Test_Thing")), ("Name", .string("new"))])
            func statuses() async throws -> [WBEMStatus] {
                var statuses: [WBEMStatus] = []
                for operation in [.get(thing("thing0")), new, .enumerate("Test_Thing"), .delete(thing("new"))] {
                    statuses.append(try await client.run(operation, form).status)
                }
                return statuses
            }
            try await support(get: false)
            #expect(try await statuses() == [.providerNotCapable, .noError, .noError, .noError])
            try await support(put: false)
            #expect(try await statuses() == [.noError, .providerNotCapable, .noError, .notFound])
            try await support(enumeration: false)
            #expect(try await statuses() == [.noError, .noError, .providerNotCapable, .noError])
            try await support(delete: false)
            #expect(try await statuses() == [.noError, .noError, .noError, .providerNotCapable])
            #expect(provider.calls.all.count == 12)
            let refused = try await client.run(.delete(thing("new")), form)
            #expect(refused.message.contains("Raw") && refused.message.contains("DeleteInstance"), "\(refused.message)")
            // Without a method registration there are no methods.
            let invoked = RawOperation.invoke("Test_Thing", "Count")
            #expect(try await client.run(invoked, form).status == .noError)
            #expect(
                try await client.run(.delete("__MethodProviderRegistration.provider=\"__Win32Provider.Name=\\\"Raw\\\"\"")).status
                    == .noError)
            #expect(try await client.run(invoked, form).status == .providerNotCapable)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test(
            "D.3: what no registration says is ProviderNotCapable: no instances with a method registration alone, nothing without any",
            arguments: CallForm.allCases)
        func registrations(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let definition = "instance of __Win32Provider as $P { Name = \"Raw\"; HostingModel = \"Decoupled:DBus\"; };\n"
            try await client.mustCompile(provider.mof + definition)
            try await provider.registerWithoutMOF()
            let new = RawOperation.put([("__CLASS", .string("Test_Thing")), ("Name", .string("new"))])
            func statuses() async throws -> [WBEMStatus] {
                var statuses: [WBEMStatus] = []
                for operation in [
                    .get(thing("thing0")), new, .enumerate("Test_Thing"), .delete(thing("new")), .invoke("Test_Thing", "Count"),
                ] {
                    statuses.append(try await client.run(operation, form).status)
                }
                return statuses
            }
            let none = Array(repeating: WBEMStatus.providerNotCapable, count: 4)
            #expect(try await statuses() == none + [.providerNotCapable])
            #expect(provider.calls.all.isEmpty)
            try await client.mustCompile(definition + "instance of __MethodProviderRegistration { provider = $P; };")
            #expect(try await statuses() == none + [.noError])
            #expect(provider.calls.all.map(\.method) == ["ExecMethodAsync"])
            try await expectQuiet(scene)
        }

        @Test(
            "Design 3: a MOF in Register without registration instances implies them, also beside a definition; one that has some does not")
        func implied() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let definition = "instance of __Win32Provider { Name = \"Raw\"; HostingModel = \"Decoupled:DBus\"; };\n"
            let support = """
                instance of __InstanceProviderRegistration
                {
                    provider = "__Win32Provider.Name=\\"Raw\\""; SupportsGet = TRUE; SupportsEnumeration = FALSE;
                };
                """
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            for (stored, brought, isCapable) in [
                ("", "", true), ("", definition, true), (definition, "", true), ("", support, false), (definition + support, "", false),
            ] {
                if !stored.isEmpty { try await client.mustCompile(stored) }
                try await provider.register(mof: provider.mof + brought)
                #expect(try await client.run(.get(thing("thing0"))).status == .noError)
                let capable: WBEMStatus = isCapable ? .noError : .providerNotCapable
                for operation in [RawOperation.enumerate("Test_Thing"), .invoke("Test_Thing", "Count")] {
                    #expect(try await client.run(operation).status == capable, "\(stored) and \(brought): \(operation)")
                }
                try await provider.unregister()
                for name in ["__InstanceProviderRegistration", "__MethodProviderRegistration"] {
                    _ = try await client.run(.delete("\(name).provider=\"__Win32Provider.Name=\\\"Raw\\\"\""))
                }
                #expect(try await client.run(.delete("__Win32Provider=\"Raw\"")).status == .noError)
            }
            try await expectQuiet(scene)
        }

        @Test("D.1 G.3: Enabled FALSE is ProviderDisabled for everything; enabled again it is served", arguments: CallForm.allCases)
        func disabled(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let provider = try await scene.provider()
            let definition = "instance of __Win32Provider { Name = \"Raw\"; HostingModel = \"Decoupled:DBus\"; Enabled = "
            try await client.mustCompile(definition + "FALSE; };")
            for operation in [
                RawOperation.get(thing("thing0")), .enumerate("Test_Thing"), .delete(thing("a")), .invoke("Test_Thing", "Count"),
            ] {
                let result = try await client.run(operation, form)
                #expect(result.status == .providerDisabled && result.message.contains("Raw"), "\(result.message)")
            }
            #expect(provider.calls.all.isEmpty)
            try await client.mustCompile(definition + "TRUE; };")
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test(
            "G.3: a class whose provider is nowhere is ProviderNotFound; defined, ProviderLoadFailure; its definition gone, ProviderNotFound"
        )
        func undefined() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            try await client.mustCompile("[dynamic, provider(\"Nobody\")] class Test_Orphan { [key] string Name; };")
            for form in CallForm.allCases {
                for operation in [RawOperation.get("Test_Orphan=\"x\""), .enumerate("Test_Orphan")] {
                    let result = try await client.run(operation, form)
                    #expect(result.status == .providerNotFound && result.message.contains("Nobody"), "\(result.message)")
                }
            }
            let path = Contract.path(ofProvider: "Nobody", in: .cimv2)
            try await client.mustCompile(
                """
                instance of MSFT_DecoupledProvider as $P { Name = "Nobody"; };
                instance of __InstanceProviderRegistration { provider = $P; };
                """)
            #expect(try await client.run(.enumerate("Test_Orphan")).status == .providerLoadFailure)
            #expect(try await client.property(path, Contract.registration, "State").text == "absent")
            // One that is no decoupled provider is nobody's to serve.
            try await client.mustCompile(
                "instance of __Win32Provider { Name = \"InProcess\"; CLSID = \"{0}\"; };\n"
                    + "[dynamic, provider(\"InProcess\")] class Test_InProcess { [key] string Name; };")
            #expect(try await client.run(.enumerate("Test_InProcess")).status == .providerLoadFailure)
            #expect(try await client.run(.delete("__Win32Provider=\"Nobody\"")).status == .noError)
            #expect(try await client.run(.enumerate("Test_Orphan")).status == .providerNotFound)
            await #expect { _ = try await client.property(path, Contract.registration, "State") } throws: {
                ($0 as? DBusError)?.name == .unknownObject
            }
            try await expectQuiet(scene)
        }
    }
}

extension RawProvider {
    /// Registers a provider whose classes the broker has.
    @discardableResult
    func registerWithoutMOF(context: [(String, DBusValue)] = []) async throws -> ObjectPath {
        let reply = try await registrar(
            "Register",
            [
                .int32(0), .dictionary(context), .string(""), .string(""), .string("root/cimv2"), .string(name),
                .objectPath(RawProvider.path),
            ])
        return ObjectPath(verified: reply.first?.text ?? "/")
    }
}
