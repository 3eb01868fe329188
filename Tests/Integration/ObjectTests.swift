import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// The broker's objects: what they say about themselves, and to whom (Design 3).
    @Suite struct ObjectTests {
        /// The interfaces of `dbus/interfaces`, by name.
        static func documented() throws -> [InterfaceName: InterfaceDescription] {
            var folder = #filePath.split(separator: "/").map(String.init)
            folder.removeLast(3)
            let path = "/" + folder.joined(separator: "/") + "/dbus/interfaces/"
            var found: [InterfaceName: InterfaceDescription] = [:]
            for name in Interfaces.all.map(\.name) {
                let xml = try text(of: path + name.text + ".xml")
                for interface in try ObjectDescription(xml: xml).interfaces { found[interface.name] = interface }
            }
            return found
        }

        static func text(of path: String) throws -> String {
            guard let file = fopen(path, "r") else { throw ProcessError(description: "cannot read \(path)") }
            defer { fclose(file) }
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = fread(&buffer, 1, buffer.count, file)
                if count == 0 { return String(decoding: bytes, as: UTF8.self) }
                bytes += buffer[..<count]
            }
        }

        @Test("Design 3: what every object answers to Introspect is what dbus/interfaces says")
        func introspection() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.onEverything { $0.reply(references: 1) }
            let asynchronous = try await scene.client.start(.get(thing("a")), .async)
            let enumeration = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            let result = try await scene.client.start(.get(thing("a")), .semisync)
            let sink = try await provider.calls.wait("the calls") { $0.count == 3 }[0].sink.path
            let documented = try Self.documented()
            #expect(documented.count == Interfaces.all.count)
            var seen: Set<InterfaceName> = []
            func check(_ path: ObjectPath?, _ expected: [InterfaceName], by connection: Connection? = nil) async throws {
                let path = try #require(path)
                let message = try Message.methodCall(
                    destination: BusName(Contract.busName), path: path, interface: .introspectable,
                    member: MemberName(verified: "Introspect"))
                let reply = try await (connection ?? scene.client.connection).call(message)
                let description = try ObjectDescription(xml: reply.values().first?.text ?? "")
                let own = description.interfaces.filter { $0.name.text.hasPrefix("org.cimbus1.") }
                #expect(Set(own.map(\.name)) == Set(expected), "\(path)")
                for interface in own {
                    #expect(interface == documented[interface.name], "\(path) \(interface.name)")
                    seen.insert(interface.name)
                }
                let standard = Set(description.interfaces.map(\.name)).subtracting(own.map(\.name))
                #expect(standard.isSuperset(of: [.introspectable, .properties, .peer]))
            }
            try await check(Contract.rootPath, [Contract.broker, Contract.registrar, Contract.basicEventProvider, Contract.mofCompiler])
            try await check(RawClient.cimv2, [Contract.services])
            try await check(provider.registrationPath, [Contract.registration])
            try await check(asynchronous.path, [Contract.operation])
            try await check(enumeration.path, [Contract.operation, Contract.enumerator])
            try await check(result.path, [Contract.operation, Contract.callResult])
            try await check(sink, [Contract.objectSink, Contract.sinkReference], by: provider.connection)
            let source = try await EventSource.start(on: scene.bus)
            try await check(source.sink, [Contract.eventSink], by: source.connection)
            // Those that providers implement.
            #expect(documented[Contract.provider] == Interfaces.provider)
            #expect(documented[Contract.eventProvider] == Interfaces.eventProvider)
            #expect(documented[Contract.consumerProvider] == Interfaces.consumerProvider)
            #expect(
                seen
                    == Set(Interfaces.all.map(\.name)).subtracting([Contract.provider, Contract.eventProvider, Contract.consumerProvider]))
            await provider.close()
            try await scene.waitForOperations(0)
        }

        @Test("Design 3: busctl tree, introspect and call are useful")
        func busctl() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.get(thing("a")), .async)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            let tree = try await scene.bus.busctl("tree", "--list", "org.cimbus1")
            for path in [
                "/org/cimbus1", RawClient.cimv2.text, provider.registrationPath.text, open.path?.text ?? "?", "/org/cimbus1/sinks",
            ] {
                #expect(tree.split(separator: "\n").contains(Substring(path)), "\(path)")
            }
            let called = try await scene.bus.busctl(
                "call", "org.cimbus1", RawClient.cimv2.text, Contract.services.text, "CreateInstanceEnum", "sia{sv}", "Test_Thing", "0", "0"
            )
            #expect(called.hasPrefix("aa{sv} 3 "))
            let owners = try await scene.bus.busctl(
                "get-property", "org.cimbus1", call.sink.path.text, Contract.sinkReference.text, "Owners")
            #expect(owners.contains("\"\(provider.connection.uniqueName.text)\" 1"))
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(open.sink).path)])
            try await expectQuiet(scene, [open.sink])
        }

        @Test("Design 3: an operation's properties")
        func operationProperties() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let isDelivered = Event<Void>("the objects")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 2)
                try await call.sink.indicate(batch(2))
                isDelivered.send(())
            }
            let open = try await scene.client.start(.enumerate("test_thing"), .async)
            try await isDelivered.value()
            let path = try #require(open.path)
            let reply = try await scene.client.call(path, .properties, "GetAll", [.string(Contract.operation.text)])
            let all = try #require(reply.first?.stringDictionary)
            #expect(all["Kind"]?.text == "CreateInstanceEnum")
            #expect(all["Namespace"]?.text == "root/cimv2")
            #expect(all["Target"]?.text == "test_thing")
            #expect(all["Client"]?.text == scene.client.connection.uniqueName.text)
            #expect(all["ClientUID"] == .uint32(getuid()))
            #expect(all["State"]?.text == "running")
            #expect(all["ObjectsDelivered"] == .uint64(2))
            #expect(all["Parent"]?.text == "/")
            let reference = all["References"]?.elements?.first?.elements
            #expect(reference?[1].text == provider.connection.uniqueName.text)
            #expect(reference?[2] == .uint32(2))
            await provider.close()
            #expect(try await open.result().status == .providerFailure)
            await #expect { _ = try await scene.client.property(path, Contract.operation, "State") } throws: {
                ($0 as? DBusError)?.name == .unknownObject
            }
            try await expectQuiet(scene, [open.sink])
        }

        @Test("Design 3: the object manager lists namespaces and registrations, and tells of new ones")
        func objectManager() async throws {
            let scene = try await Scene.start()
            let added = Recorder<String>()
            _ = try await scene.client.connection.addMatch(
                MatchRule(interface: .objectManager, member: MemberName(verified: "InterfacesAdded"), path: Contract.rootPath)
            ) { message in
                if let path = (try? message.values())?.first?.text { added.record(path) }
            }
            let provider = try await scene.provider()
            try await added.wait("the registration to be announced") { $0 == [provider.registrationPath.text] }
            let reply = try await scene.client.call(Contract.rootPath, .objectManager, "GetManagedObjects")
            let paths = reply.first?.elements?.compactMap { entry -> String? in
                if case .dictEntry(let path, _) = entry { path.text } else { nil }
            }
            #expect(
                Set(paths ?? []) == ["/org/cimbus1/namespaces/root", RawClient.cimv2.text, provider.registrationPath.text])
        }

        @Test("Design 3: semisynchronous results belong to the connection that asked")
        func ownership() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let open = try await scene.client.start(.enumerate("Test_Thing"), .semisync)
            let other = try await RawClient.connect(to: scene.bus)
            let path = try #require(open.path)
            let status = try await other.refusal {
                _ = try await other.call(path, Contract.enumerator, "Next", [.int32(0), .uint32(1)])
            }
            #expect(status == .accessDenied)
            #expect(try await open.result().objects.count == 3)
            try await expectQuiet(scene)
        }
    }
}
