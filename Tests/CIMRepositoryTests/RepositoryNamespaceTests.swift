import CIM
import CIMRepository
import Testing

/// Namespaces are made and removed as instances of `__NAMESPACE`, and system classes are in each (Semantics D, H.4).
@Suite struct RepositoryNamespaceTests {
    private func namespace(_ name: String) -> CIMInstance { CIMInstance(className: "__namespace", ["Name": .string(name)]) }

    @Test("The system's MOF compiles, and its classes are in every namespace, some in root alone")
    func systemClasses() async throws {
        let schema = try Schema()
        let everywhere = try await Repository.inMemory().schema
        for name in [
            "__SystemClass", "__NAMESPACE", "__Provider", "__Win32Provider", "MSFT_DecoupledProvider", "__ProviderRegistration",
            "__ObjectProviderRegistration", "__InstanceProviderRegistration", "__ClassProviderRegistration", "__MethodProviderRegistration",
            "__PropertyProviderRegistration", "__EventProviderRegistration", "__EventConsumerProviderRegistration", "__NotifyStatus",
            "__ExtendedStatus", "CIMBus_ExtendedStatus", "__PARAMETERS", "__InstanceModificationEvent", "__EventFilter",
        ] {
            #expect(schema.isSystemClass(name, in: .root) && everywhere.isSystemClass(name, in: .cimv2), "\(name)")
        }
        #expect(everywhere.class("__ObjectProviderCacheControl", in: .cimv2) == nil)
        #expect(schema.class("__ObjectProviderCacheControl", in: .root)?.isSingleton == true)
        let provider = try #require(schema.class("__Win32Provider", in: .root))
        #expect(provider.keyNames == ["Name"] && provider.property(named: "Pure")?.defaultValue == true)
        let status = try #require(schema.class("CIMBus_ExtendedStatus", in: .root))
        #expect(
            status.properties.map(\.name) == [
                "StatusCode", "Description", "Operation", "ParameterInfo", "ProviderName", "ProviderProcessID", "OperationID",
                "ObjectsDelivered",
            ])
    }

    @Test("Creating an instance of __NAMESPACE makes one; deleting it takes everything below along")
    func lifeCycle() async throws {
        let repository = try await Repository.inMemory()
        let one = try #require(CIMNamespaceName("root/one"))
        let two = try #require(CIMNamespaceName("root/one/two"))
        try await repository.commit([.putInstance(namespace("One"), in: .root), .putInstance(namespace("two"), in: one)])
        try await repository.compile("class A { [key] uint32 K; }; instance of A { K = 1; };", in: two)
        #expect(repository.schema.namespaceNames.map(\.text) == ["root", "root/cimv2", "root/one", "root/one/two"])
        #expect(try await repository.all("__NAMESPACE", in: .root).compactMap { $0["Name"] } == ["cimv2", "one"])
        #expect(try await repository.all("__SystemClass", in: one).map(\.className) == ["__NAMESPACE"])
        #expect(try await repository.instance(at: try path("__NAMESPACE.Name=\"ONE\""), in: .root)["Name"] == "one")
        try await repository.commit([.deleteInstance(try path("__NAMESPACE=\"one\""), in: .root)])
        #expect(!repository.schema.hasNamespace(one) && !repository.schema.hasNamespace(two))
        #expect(
            try await status { try await repository.commit([.deleteInstance(try path("__NAMESPACE=\"one\""), in: .root)]) } == .notFound)
        try await repository.commit([.createNamespace(one), .createNamespace(two)])
        #expect(repository.schema.class("A", in: two) == nil)
    }

    @Test("One unit may make a namespace, fill it, and refer to what it has put there")
    func inOneUnit() async throws {
        let repository = try await Repository.inMemory()
        try await repository.compile(
            """
            #pragma namespace("root")
            instance of __NAMESPACE { Name = "made"; };
            #pragma namespace("root/made")
            class A { [key] string Name; };
            class R { [key] A ref To; };
            instance of A as $A { Name = "x"; };
            instance of R { To = $A; };
            #pragma deleteclass("Nothing", nofail)
            """)
        let made = try #require(CIMNamespaceName("root/made"))
        let stored = try await repository.all("R", in: made)
        #expect(stored.first?["To"]?.referenceValue?.relativePath == "A.Name=\"x\"")
    }

    @Test("What is no namespace, and what has no parent, is refused")
    func refused() async throws {
        let repository = try await Repository.inMemory()
        for name in ["", "a/b", "a\\b", "a b", "ä?", String(repeating: "x", count: 256)] {
            #expect(
                try await status { try await repository.commit([.putInstance(namespace(name), in: .root)]) } == .invalidNamespace, "\(name)"
            )
        }
        let orphan = try #require(CIMNamespaceName("root/no/child"))
        #expect(try await status { try await repository.commit([.createNamespace(orphan)]) } == .invalidNamespace)
        #expect(try await status { try await repository.commit([.putInstance(namespace("x"), in: orphan)]) } == .invalidNamespace)
        #expect(try await status { try await repository.commit([.deleteNamespace(.root)]) } == .invalidOperation)
        #expect(
            try await status { try await repository.commit([.putInstance(namespace("cimv2"), in: .root, flags: .createOnly)]) }
                == .alreadyExists)
        #expect(try await status { try await repository.compile("class A {};", in: orphan) } == .invalidNamespace)
    }

    @Test("Qualifier types are put, replaced and deleted")
    func qualifierTypes() async throws {
        let repository = try await Repository.inMemory()
        try await repository.compile("Qualifier Nice : boolean = false, Scope(any), Flavor(EnableOverride);")
        #expect(repository.schema.qualifierType("nice", in: .cimv2)?.defaultValue == false)
        try await repository.commit([
            .putQualifierType(CIMQualifierType(name: "NICE", type: CIMTypeReference(.uint8), defaultValue: 3), in: .cimv2)
        ])
        #expect(repository.schema.qualifierTypes(in: .cimv2).map(\.defaultValue) == [.uint8(3)])
        let wrong = CIMQualifierType(name: "W", type: CIMTypeReference(.uint8), defaultValue: "x")
        #expect(try await status { try await repository.commit([.putQualifierType(wrong, in: .cimv2)]) } == .invalidQualifierType)
        try await repository.commit([.deleteQualifierType("nice", in: .cimv2)])
        #expect(try await status { try await repository.commit([.deleteQualifierType("nice", in: .cimv2)]) } == .notFound)
    }

    @Test("D.1, D.3: a provider's definition is its instance and its registrations")
    func providers() async throws {
        let repository = try await Repository.inMemory()
        try await repository.compile(
            """
            instance of __Win32Provider as $P
            {
                Name = "Disk"; HostingModel = "Decoupled:DBus"; BusName = "org.example.Disk"; SecurityDescriptor = "uid:1000 gid:50";
            };
            instance of __InstanceProviderRegistration
            {
                provider = $P; SupportsGet = TRUE; QuerySupportLevels = {"WQL:UnarySelect"};
            };
            instance of __MethodProviderRegistration { provider = $P; };
            """)
        let definition = try #require(repository.schema.provider("DISK", in: .cimv2))
        #expect(definition.isDecoupled && definition.isEnabled && definition.busName == "org.example.Disk" && definition.providesMethods)
        #expect(definition.allowedUserIDs == [1000] && definition.allowedGroupIDs == [50])
        let support = try #require(definition.instances)
        #expect(support.get && !support.put && support.enumeration && support.queries == ["WQL:UnarySelect"])
        #expect(repository.schema.providers(in: .cimv2).count == 1 && repository.schema.providers(in: .root).isEmpty)
        try await repository.commit([.deleteInstance(try path("__Win32Provider=\"Disk\""), in: .cimv2)])
        #expect(repository.schema.provider("Disk", in: .cimv2) == nil)
    }

    @Test("D.1, D.3: in whatever order a provider and its registrations come, change and go, the definition is what is there")
    func providersInAnyOrder() async throws {
        let repository = try await Repository.inMemory()
        let provider = "instance of __Win32Provider as $P { Name = \"Disk\"; HostingModel = \"Decoupled:DBus\"; };\n"
        let disk = try path("__Win32Provider=\"Disk\"")
        func definition() -> ProviderDefinition? { repository.schema.provider("Disk", in: .cimv2) }
        try await repository.compile(
            provider + "instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; SupportsPut = FALSE; };\n"
                + "instance of __MethodProviderRegistration { provider = $P; };\n"
                + "instance of __Win32Provider { Name = \"Other\"; HostingModel = \"Decoupled:DBus\"; };")
        let first = try #require(definition())
        #expect(first.instances?.get == true && first.instances?.put == false && first.providesMethods)
        // Registrations that outlive their provider count again when it is back.
        try await repository.commit([.deleteInstance(disk, in: .cimv2)])
        #expect(definition() == nil)
        try await repository.compile(provider)
        #expect(definition() == first)
        // One that changes takes the place of what it was; the other provider keeps its own.
        try await repository.compile(
            provider + "instance of __InstanceProviderRegistration { provider = $P; SupportsGet = TRUE; SupportsPut = TRUE; };")
        #expect(definition()?.instances?.put == true && definition()?.providesMethods == true)
        #expect(repository.schema.provider("Other", in: .cimv2)?.hasNoRegistrations == true)
        // What is not committed changes nothing.
        let before = definition()
        #expect(
            try await status {
                try await repository.commit([.deleteInstance(disk, in: .cimv2), .deleteInstance(disk, in: .cimv2)])
            } == .notFound)
        #expect(definition() == before)
    }
}
