import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Namespaces as instances of `__NAMESPACE`, and as objects on the bus (Design 3).
    @Suite struct NamespaceTests {
        static let test = CIMNamespaceName("root/cimv2/test").map { Contract.path(of: $0) } ?? .root
        static let inner = CIMNamespaceName("root/cimv2/test/inner_1").map { Contract.path(of: $0) } ?? .root

        static func put(_ name: DBusValue?) -> RawOperation {
            .put([("__CLASS", .string("__NAMESPACE"))] + (name.map { [("Name", $0)] } ?? []))
        }

        @Test("Design 3: a put makes the namespace's object, a delete removes it with everything below", arguments: CallForm.allCases)
        func life(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            let added = Recorder<String>()
            let removed = Recorder<String>()
            let changes = Recorder<[String]>()
            func watch(_ interface: InterfaceName, _ member: String, _ note: @escaping @Sendable ([DBusValue]) -> Void) async throws {
                _ = try await client.connection.addMatch(
                    MatchRule(interface: interface, member: MemberName(verified: member), path: Contract.rootPath)
                ) { message in if let values = try? message.values() { note(values) } }
            }
            try await watch(.objectManager, "InterfacesAdded") { if let path = $0.first?.text { added.record(path) } }
            try await watch(.objectManager, "InterfacesRemoved") { if let path = $0.first?.text { removed.record(path) } }
            try await watch(.properties, "PropertiesChanged") { values in
                if let names = values[1].stringDictionary?["Namespaces"]?.elements?.compactMap(\.text) { changes.record(names) }
            }
            let put = try await client.run(Self.put(.string("Test")), form)
            #expect(put.status == .noError && put.parameter.lowercased() == "__namespace.name=\"test\"", "\(put.message)")
            // Whoever is answered finds it.
            #expect(try await client.run(Self.put(.string("inner_1")), form, namespace: Self.test).status == .noError)
            try await added.wait("the objects") { $0 == [Self.test.text, Self.inner.text] }
            let all = ["root", "root/cimv2", "root/cimv2/test", "root/cimv2/test/inner_1"]
            #expect(try await client.brokerNamespaces() == all)
            try await changes.wait("the property") { $0.last == all }
            let tree = try await scene.bus.busctl("tree", "--list", "org.cimbus1").split(separator: "\n").map(String.init)
            #expect(tree.contains(Self.test.text) && tree.contains(Self.inner.text))
            #expect(try await client.run(.enumerate("__NAMESPACE"), form, namespace: Self.test).names() == ["inner_1"])
            #expect(try await client.run(.get("__NAMESPACE=\"TEST\""), form).objects.first?["Name"]?.text == "test")

            // It is a namespace like any other, with classes of its own.
            try await client.mustCompile(
                "class Test_A { [key] string Name; }; instance of Test_A { Name = \"x\"; };", in: "root/cimv2/test")
            #expect(
                try await client.run(.get("Test_A=\"x\""), form, namespace: Self.test).objects.first?["__NAMESPACE"]?.text
                    == "root\\cimv2\\test")
            #expect(try await client.run(.get("Test_A=\"x\""), form).status == .invalidClass)
            #expect(try await client.run(.get("Test_A=\"x\""), form, namespace: Self.inner).status == .invalidClass)
            #expect(try await client.run(Self.put(.string("test")), form, flags: 2).status == .alreadyExists)
            #expect(try await client.run(Self.put(.string("test")), form).status == .noError)
            #expect(try await client.run(Self.put(.string("other")), form, flags: 1).status == .notFound)

            #expect(try await client.run(.delete("__NAMESPACE=\"test\""), form).status == .noError)
            try await removed.wait("the objects") { Set($0) == [Self.test.text, Self.inner.text] }
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2"])
            #expect(try await client.run(.get("__NAMESPACE=\"test\""), form).status == .notFound)
            #expect(try await client.run(.delete("__NAMESPACE=\"test\""), form).status == .notFound)
            await #expect { _ = try await client.start(.get("Test_A"), .async, namespace: Self.test) } throws: {
                ($0 as? DBusError)?.name == .unknownObject
            }
            // One of that name is another one.
            #expect(try await client.run(Self.put(.string("test")), form).status == .noError)
            #expect(try await client.run(.get("Test_A"), form, namespace: Self.test).status == .notFound)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2", "root/cimv2/test"])
            try await expectQuiet(scene)
        }

        @Test("C.1.2: names that no namespace can have", arguments: CallForm.allCases)
        func badNames(form: CallForm) async throws {
            let scene = try await Scene.start()
            let client = scene.client
            for name in ["", "a/b", "a\\b", "a b", "../x", "{x}", "a:b", String(repeating: "x", count: 256)] {
                #expect(try await client.run(Self.put(.string(name)), form).status == .invalidNamespace, "\(name)")
            }
            #expect(try await client.run(Self.put(nil), form).status == .noKey)
            #expect(try await client.run(Self.put(.string("a\tb")), form).status == .invalidObjectPath)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2"])
            // 255 bytes is a name.
            let long = String(repeating: "x", count: 255)
            #expect(try await client.run(Self.put(.string(long)), form).status == .noError)
            #expect(try await client.brokerNamespaces() == ["root", "root/cimv2", "root/cimv2/\(long)"])
            try await expectQuiet(scene)
        }

        @Test("L1: operations that are open when their namespace is deleted end once; its provider serves it again when it is back")
        func deletedUnderway() async throws {
            let scene = try await Scene.start()
            let client = scene.client
            _ = try await client.run(Self.put(.string("test")))
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            try await provider.register(scope: "root/cimv2/test")
            try await client.mustCompile(
                StoredInstanceTests.mof + StoredInstanceTests.instances(2_000), in: "root/cimv2/test")
            let go = Event<Void>("the provider to go on")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(2))
                try await go.value()
                _ = try? await call.sink.indicate(batch(2, from: 2))
                _ = try? await call.sink.setStatus(.noError)
                _ = try? await call.sink.release()
            }
            var open: [RawOpenOperation] = []
            for form in CallForm.allCases { open.append(try await client.start(.enumerate("Test_Thing"), form, namespace: Self.test)) }
            try await provider.calls.wait("the calls") { $0.count == 3 }
            let stored = try await client.start(.enumerate("Test_Base"), .semisync, namespace: Self.test)
            #expect(try await stored.next(timeout: 5_000, count: 10).1.count == 10)
            #expect(try await client.run(.delete("__NAMESPACE=\"test\"")).status == .noError)
            go.send(())
            for operation in open + [stored] { _ = try await operation.result() }
            #expect(open.compactMap(\.sink?.finals) == [1])
            try await provider.unregister(scope: "root/cimv2/test")
            #expect(try await client.refusal { try await provider.register(scope: "root/cimv2/test") } == .invalidNamespace)
            _ = try await client.run(Self.put(.string("test")))
            try await provider.register(scope: "root/cimv2/test")
            provider.on("CreateInstanceEnumAsync", nil)
            #expect(try await client.run(.enumerate("Test_Thing"), namespace: Self.test).objects.count == 3)
            try await expectQuiet(scene, open.map(\.sink))
        }
    }
}
