import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration.DefinitionTests {
    @Test(
        "D.5 D.9.1: what a user other than root may bring in Register's MOF: its own classes and registrations", .enabled(if: getuid() == 0)
    )
    func rights() async throws {
        let bus = try await PrivateBus.start(allUsers: true)
        let scene = try await Scene.start(options: ["--allow-register", "Mine=65534", "--allow-register", "Other=65534"], bus: bus)
        let client = scene.client
        try await scene.provider()
        try await client.mustCompile("class Test_Theirs { [key] string Name; };")
        func register(_ mof: String) async throws -> String {
            try await bus.callAsStranger(
                Contract.rootPath, Contract.registrar, ["Register", "ia{sv}sssso", "0", "1", "MOF", "s", mof, "", "", "", "Mine", "/x"])
        }
        let own = "[dynamic, provider(\"Mine\")] class Test_Mine { [key] string Name; };\n"
        let refused = [
            // Another's class, and one that nobody registered.
            "[dynamic, provider(\"Mine\")] class Test_Thing { [key] string Name; };",
            "[dynamic, provider(\"Mine\")] class Test_Theirs { [key] string Name; };",
            "[dynamic, provider(\"Raw\")] class Test_New { [key] string Name; };",
            // Another's definition, registration, and what is no registration.
            "instance of __Win32Provider { Name = \"Raw\"; Enabled = FALSE; };",
            "instance of __InstanceProviderRegistration { provider = \"__Win32Provider.Name=\\\"Raw\\\"\"; SupportsGet = FALSE; };",
            "instance of __NAMESPACE { Name = \"mine\"; };",
            "instance of Test_Theirs { Name = \"x\"; };",
            "instance of __EventFilter { Name = \"x\"; };",
            // The same through classes of one's own.
            "class Test_Definition : __Win32Provider { }; instance of Test_Definition { Name = \"Raw\"; Enabled = FALSE; };",
            "class Test_Own { [key] string Name; }; instance of Test_Own { Name = \"x\"; };",
            "#pragma namespace(\"\\\\\\\\.\\\\root\")\ninstance of __Win32Provider { Name = \"Raw\"; };",
            // And what deletes or declares for everybody.
            "#pragma deleteclass(\"Test_Theirs\", NOFAIL)",
            "#pragma deleteinstance(\"__Win32Provider.Name=\\\"Raw\\\"\", NOFAIL)",
            "Qualifier Mine : boolean = true, Scope(any);",
            "class __Test_Mine { [key] string Name; };",
        ]
        for mof in refused {
            let answer = try await register(own + mof)
            #expect(answer.contains("0x80041003"), "\(mof): \(answer)")
            #expect(try await client.run(.get("Test_Mine")).status == .notFound, "\(mof)")
        }
        #expect(try await client.run(.get(thing("thing0"))).status == .noError)
        let registrations = """
            instance of MSFT_DecoupledProvider as $P { Name = "Mine"; };
            instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; };
            """
        let accepted = try await register(
            own + "[dynamic, provider(\"Other\")] class Test_Other { [key] string Name; }; class Test_Part { string Text; };"
                + registrations)
        #expect(accepted.hasPrefix("o \"/org/cimbus1/providers/root/cimv2/Mine\""), "\(accepted)")
        let support = try await client.run(.enumerate("__InstanceProviderRegistration")).objects.map { $0["SupportsPut"] }
        #expect(Set(support) == [.boolean(true), .boolean(false)])
        #expect(try await client.run(.get("Test_Part")).status == .noError)
        #expect(try await client.run(.enumerate("Test_Mine")).status == .providerLoadFailure)
        // Its own it may change, nothing else.
        let changed = try await register("[dynamic, provider(\"Mine\")] class Test_Mine { [key] string Name; string More; };")
        #expect(changed.hasPrefix("o "), "\(changed)")
        #expect(try await register("class Test_Part { string Other; };").contains("0x80041003"))
        try await expectQuiet(scene, next: .get(thing("thing0")))
    }

    @Test(
        "D.5: whom SecurityDescriptor names may register, as a user, by the primary group or by another; nobody else",
        .enabled(if: getuid() == 0),
        arguments: [
            ("uid:65534", "", true), ("uid:65533", "", false), ("gid:65534", "", true), ("gid:4242", "4242", true),
            ("uid:1 gid:7 gid:4242", "100,4242", true), ("gid:4242", "4243", false), ("gid:4242", "", false), ("uid:4242", "4242", false),
        ])
    func securityDescriptor(descriptor: String, groups: String, mayRegister: Bool) async throws {
        let bus = try await PrivateBus.start(allUsers: true)
        let scene = try await Scene.start(options: [], bus: bus)
        let client = scene.client
        try await client.mustCompile(
            """
            [dynamic, provider("Mine")] class Test_Mine { [key] string Name; uint32 Number; };
            instance of __Win32Provider as $P {
                Name = "Mine"; HostingModel = "Decoupled:DBus"; SecurityDescriptor = "\(descriptor)";
            };
            instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; };
            """)
        func register(_ name: String = "Mine") async throws -> String {
            try await bus.callAsStranger(
                Contract.rootPath, Contract.registrar, ["Register", "ia{sv}sssso", "0", "0", "", "", "", name, "/x"], groups: groups)
        }
        let answer = try await register()
        if mayRegister {
            #expect(answer.hasPrefix("o \"/org/cimbus1/providers/root/cimv2/Mine\""), "\(answer)")
        } else {
            #expect(answer.contains("0x80041003") && answer.contains("SecurityDescriptor"), "\(answer)")
        }
        // It speaks of this provider alone.
        #expect(try await register("Other").contains("0x80041003"))
        // It is looked at anew each time.
        try await client.mustCompile(
            "instance of __Win32Provider { Name = \"Mine\"; HostingModel = \"Decoupled:DBus\"; SecurityDescriptor = \"uid:1\"; };")
        #expect(try await register().contains("0x80041003"))
        // The administrator may in any case.
        let provider = try await RawProvider.start(on: bus, name: "Mine", className: "Test_Mine", registers: false)
        #expect(try await provider.registerWithoutMOF() == provider.registrationPath)
        try await expectQuiet(scene, next: .get("Test_Mine.Name=\"thing0\""))
        withExtendedLifetime(provider) {}
    }
}
