import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration.ClassTests {
    @Test("A.4: CreateClassEnum: of a class or of none, shallow and deep, without the class itself", arguments: CallForm.allCases)
    func enumerate(form: CallForm) async throws {
        let scene = try await Scene.start()
        let client = scene.client
        try await client.mustCompile(Self.family + "class Test_Alone { [key] string Name; }; class Test_Middle2 : Test_Top { };")
        func names(_ superclass: String, flags: Int32) async throws -> [String] {
            let result = try await client.run(.classes(superclass), form, flags: flags)
            #expect(result.status == .noError, "\(result.message)")
            #expect(result.objects.allSatisfy { $0["__GENUS"] == .int32(1) })
            return result.names("__CLASS")
        }
        #expect(try await names("test_top", flags: 0) == ["Test_Low", "Test_Middle", "Test_Middle2"])
        #expect(try await names("Test_Top", flags: 1) == ["Test_Middle", "Test_Middle2"])
        #expect(try await names("Test_Low", flags: 0) == [])
        #expect(try await names("Test_Low", flags: 1) == [])
        let all = try await names("", flags: 0)
        #expect(Set(all).isSuperset(of: ["Test_Top", "Test_Low", "Test_Alone", "__Win32Provider", "__NAMESPACE", "__Event"]))
        #expect(Set(all).count == all.count)
        let top = try await names("", flags: 1)
        #expect(Set(top).isSuperset(of: ["Test_Top", "Test_Alone", "__SystemClass", "__PARAMETERS"]))
        #expect(Set(top).isDisjoint(with: ["Test_Low", "Test_Middle", "__NAMESPACE"]))
        // What comes is what GetObject gives.
        let low = try await client.run(.classes("Test_Middle"), form).objects.map { try CIMClass(wire: $0) }
        #expect(low == [try await client.declaration("Test_Low")])
        try await expectQuiet(scene, next: .classes("Test_Top"))
    }

    @Test("Design 3: more classes than a synchronous reply holds come through a window, are cancelled, and are abandoned")
    func many() async throws {
        let scene = try await Scene.start()
        let client = scene.client
        let text = String(repeating: "x", count: 100_000)
        try await client.mustCompile(
            "class Test_Top { [key] string Name; };"
                + (0..<30).map { "[Description(\"\(text)\")] class Test_Low\($0) : Test_Top { };" }.joined())
        let sync = try await client.run(.classes("Test_Top"))
        #expect(sync.status == .quotaViolation)
        #expect(sync.message.contains("semisync"))
        for form in [CallForm.semisync, .async] {
            #expect(Set(try await client.run(.classes("Test_Top"), form).names("__CLASS")).count == 30)
        }
        let sink = client.makeSink(acknowledges: false)
        let open = try await client.start(.classes("Test_Top"), .async, sink: sink)
        try await sink.events.wait("the window") { !$0.isEmpty }
        _ = try await scene.operationStates()
        #expect(sink.objects.count < 30)
        _ = try await client.services("CancelAsyncCall", [.objectPath(sink.path)])
        #expect(try await open.result().status == .callCancelled)
        let other = try await RawClient.connect(to: scene.bus)
        let semisync = try await other.start(.classes("Test_Top"), .semisync)
        #expect(try await semisync.next(timeout: 5_000, count: 1).1.count == 1)
        _ = try await other.start(.classes("Test_Top"), .async, sink: other.makeSink(acknowledges: false))
        await other.close()
        try await scene.waitForOperations(0)
        try await expectQuiet(scene, [sink])
    }

    @Test(
        "A.5 D.9.1: who is neither root nor the broker's user changes nothing, and reads everything",
        .enabled(if: getuid() == 0))
    func strangers() async throws {
        let scene = try await Scene.start(bus: PrivateBus.start(allUsers: true))
        let (bus, client) = (scene.bus, scene.client)
        try await client.mustCompile("class Test_A { [key] string Name; }; instance of Test_A { Name = \"x\"; };")
        func services(_ arguments: String...) async throws -> String {
            try await bus.callAsStranger(RawClient.cimv2, Contract.services, arguments)
        }
        let putClass = try await services("PutClass", "a{sv}ia{sv}", "1", "__CLASS", "s", "Test_B", "0", "0")
        let putInstance = try await services(
            "PutInstance", "a{sv}ia{sv}", "2", "__CLASS", "s", "Test_A", "Name", "s", "y", "0", "0")
        let putNamespace = try await services(
            "PutInstance", "a{sv}ia{sv}", "2", "__CLASS", "s", "__NAMESPACE", "Name", "s", "y", "0", "0")
        let deleteClass = try await services("DeleteClass", "sia{sv}", "Test_A", "0", "0")
        let deleteInstance = try await services("DeleteInstance", "sia{sv}", "Test_A=\"x\"", "0", "0")
        func compile(_ options: String) async throws -> String {
            try await bus.callAsStranger(
                Contract.rootPath, Contract.mofCompiler,
                ["CompileBuffer", "ssiii", "class Test_B { [key] string Name; };", "", options, "0", "0"])
        }
        for answer in [putClass, putInstance, putNamespace, deleteClass, deleteInstance, try await compile("0")] {
            #expect(answer.contains("0x80041003") && answer.contains("uid 65534"), "\(answer)")
        }
        #expect(try await client.run(.get("Test_B")).status == .notFound)
        #expect(try await client.brokerNamespaces() == ["root", "root/cimv2"])
        // CHECK_ONLY changes nothing, and reading is free.
        #expect(try await compile("1").hasPrefix("iuiiis 0 0 0 0 0"))
        #expect(try await services("GetObject", "sia{sv}", "Test_A=\"x\"", "0", "0").hasPrefix("a{sv} "))
        #expect(try await services("CreateClassEnum", "sia{sv}", "__Provider", "0", "0").hasPrefix("aa{sv} 2 "))
        try await expectQuiet(scene, next: .get("Test_A=\"x\""))
    }
}

extension RawClient {
    /// `Broker.Namespaces`.
    func brokerNamespaces() async throws -> [String] {
        try await property(Contract.rootPath, Contract.broker, "Namespaces").elements?.compactMap(\.text) ?? []
    }
}
