import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// What is refused at once, with the sink untouched and nothing changed (Semantics A.3, A.5; L1; R54, R57, R126, R129).
    @Suite struct AdmissionTests {
        struct Case: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var operation: RawOperation
            var flags: Int32 = 0
            var status: WBEMStatus
            var forms = CallForm.allCases
        }

        static let put: [(String, DBusValue)] = [("__CLASS", .string("Test_Thing")), ("Name", .string("x"))]

        static let cases: [Case] = [
            Case(testDescription: "NULL path", operation: .get(""), status: .invalidParameter),
            Case(testDescription: "NULL path to delete", operation: .delete(""), status: .invalidParameter),
            Case(testDescription: "malformed path", operation: .get("Test_Thing.Name="), status: .invalidObjectPath),
            Case(
                testDescription: "R121 malformed path to delete", operation: .delete("Test_Thing.Na me=\"x\""), status: .invalidObjectPath),
            Case(testDescription: "unclosed quote", operation: .get("Test_Thing.Name=\"x"), status: .invalidObjectPath),
            Case(testDescription: "another namespace", operation: .get("root/other:Test_Thing=\"x\""), status: .invalidObjectPath),
            Case(
                testDescription: "another server", operation: .delete("\\\\elsewhere\\root\\cimv2:Test_Thing=\"x\""),
                status: .invalidObjectPath),
            Case(
                testDescription: "R119 delete in another namespace", operation: .delete("root/other:Test_Thing=\"x\""),
                status: .invalidObjectPath),
            Case(testDescription: "A.5 delete of a class path", operation: .delete("Test_Thing"), status: .invalidParameter),
            Case(testDescription: "NULL class", operation: .enumerate(""), status: .invalidParameter),
            Case(testDescription: "no class name", operation: .enumerate("a b"), status: .invalidClass),
            Case(testDescription: "empty method name", operation: .invoke(thing("x"), ""), status: .invalidParameter),
            Case(testDescription: "A.5: an instance that is NULL", operation: .put([]), status: .invalidParameter),
            Case(testDescription: "an instance without class", operation: .put([("Name", .string("x"))]), status: .invalidObject),
            Case(
                testDescription: "a class is no instance", operation: .put(put + [("__GENUS", .int32(1))]), status: .invalidObject),
            Case(testDescription: "unknown property", operation: .put(put + [("Nothing", .string("x"))]), status: .invalidObject),
            Case(testDescription: "wrong type", operation: .put(put + [("Number", .string("x"))]), status: .invalidObject),
            Case(testDescription: "does not fit sint8", operation: .put(put + [("Small", .int32(128))]), status: .invalidObject),
            Case(testDescription: "equal but for case", operation: .put(put + [("name", .string("y"))]), status: .invalidObject),
            Case(testDescription: "R111 in parameter missing", operation: .invoke(thing("x"), "Echo"), status: .invalidMethodParameters),
            Case(
                testDescription: "R111 unknown in parameter",
                operation: .invoke(thing("x"), "Echo", [("sInArg", .string("")), ("a", .byte(1))]),
                status: .invalidMethodParameters),
            Case(
                testDescription: "R123 USE_AMENDED on delete", operation: .delete(thing("x")), flags: 0x20000, status: .invalidParameter),
            Case(
                testDescription: "R96 USE_AMENDED on method", operation: .invoke(thing("x"), "Echo", [("sInArg", .string("x"))]),
                flags: 0x20000, status: .invalidParameter),
            Case(testDescription: "contradiction", operation: .put(put), flags: 3, status: .invalidParameter),
            Case(testDescription: "reserved flags", operation: .get(thing("x")), flags: 0x1000, status: .invalidParameter),
            Case(testDescription: "negative flags", operation: .enumerate("Test_Thing"), flags: -1, status: .invalidParameter),
            Case(
                testDescription: "SEND_STATUS pulled", operation: .get(thing("x")), flags: 0x80, status: .invalidParameter,
                forms: [.sync, .semisync]),
            Case(
                testDescription: "RETURN_IMMEDIATELY async", operation: .get(thing("x")), flags: 0x10, status: .invalidParameter,
                forms: [.async]),
            Case(
                testDescription: "FORWARD_ONLY async", operation: .enumerate("Test_Thing"), flags: 0x20, status: .invalidParameter,
                forms: [.async]),
            Case(testDescription: "FORWARD_ONLY get", operation: .get(thing("x")), flags: 0x20, status: .invalidParameter),
            Case(testDescription: "SHALLOW get", operation: .get(thing("x")), flags: 1, status: .invalidParameter),
            Case(testDescription: "DIRECT_READ put", operation: .put(put), flags: 0x200, status: .invalidParameter),
        ]

        @Test("R54 R57 R126 R129 A.5: refused at once, the sink is never used")
        func refused() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            var sinks: [RawSink] = []
            for entry in Self.cases {
                for form in entry.forms {
                    let sink = scene.client.makeSink()
                    sinks.append(sink)
                    if form == .sync {
                        let result = try await scene.client.run(entry.operation, .sync, flags: entry.flags)
                        #expect(result.status == entry.status, "\(entry.testDescription), sync: \(result.message)")
                    } else {
                        let status = try await scene.client.refusal {
                            _ = try await scene.client.start(entry.operation, form, flags: entry.flags, sink: sink)
                        }
                        #expect(status == entry.status, "\(entry.testDescription), \(form)")
                    }
                }
            }
            #expect(provider.calls.all.isEmpty)
            try await expectQuiet(scene, next: .get(thing("thing0")))
            #expect(sinks.allSatisfy { $0.events.all.isEmpty })
        }

        @Test("A.3: every documented flag is accepted, and the broker's own are kept from the provider")
        func legalFlags() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            let invoke = RawOperation.invoke(thing("thing0"), "Echo", [("sInArg", .string("x"))])
            for (operation, flags, seen) in [
                (RawOperation.get(thing("thing0")), Int32(0x20250), Int32(0x20200)), (.enumerate("Test_Thing"), 0x20271, 0x20201),
                (.put(provider.thing("thing0")), 0x20051, 0x20001), (.put(provider.thing("thing0")), 0x50, 0), (invoke, 0x50, 0),
            ] {
                for form in [CallForm.sync, .semisync] {
                    #expect(try await client.run(operation, form, flags: flags).status == .noError)
                    #expect(provider.calls.all.last?.flags == seen)
                }
            }
            for (operation, flags) in [
                (RawOperation.get(thing("thing0")), Int32(0x20280)), (.enumerate("Test_Thing"), 0x20281),
                (.put(provider.thing("thing0")), 0x20081), (invoke, 0x80),
            ] {
                #expect(try await client.run(operation, .async, flags: flags).status == .noError)
            }
            try await expectQuiet(scene)
        }

        @Test("R43 R44: UPDATE_ONLY and CREATE_ONLY reach the provider, and its answer the client", arguments: CallForm.allCases)
        func changeFlags(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            #expect(try await scene.client.run(.put(provider.thing("none")), form, flags: 1).status == .notFound)
            #expect(try await scene.client.run(.put(provider.thing("thing0")), form, flags: 2).status == .alreadyExists)
            #expect(try await scene.client.run(.put(provider.thing("none")), form, flags: 2).status == .noError)
            #expect(provider.calls.all.map(\.flags) == [1, 2, 2])
            try await expectQuiet(scene)
        }

        @Test("R102: a NULL sink is refused by every asynchronous operation")
        func nullSink() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let operations: [RawOperation] = [
                .get(thing("thing0")), .put(Self.put), .delete(thing("thing0")), .enumerate("Test_Thing"),
                .invoke(thing("thing0"), "Echo", [("sInArg", .string("x"))]),
            ]
            for operation in operations {
                let null = scene.client.makeSink(at: .root)
                let status = try await scene.client.refusal { _ = try await scene.client.start(operation, .async, sink: null) }
                #expect(status == .invalidParameter)
            }
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("L1: one open operation per sink; after its end the path is free again")
        func busySink() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            let sink = scene.client.makeSink()
            let open = try await scene.client.start(.get(thing("a")), .async, sink: sink)
            let status = try await scene.client.refusal { _ = try await scene.client.start(.enumerate("Test_Thing"), .async, sink: sink) }
            #expect(status == .invalidParameter)
            // Another peer's sink at the same path is another sink.
            let other = try await RawClient.connect(to: scene.bus)
            let same = other.makeSink(at: sink.path)
            #expect(try await other.start(.enumerate("Test_Thing"), .async, sink: same).result().status == .noError)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(sink.path)])
            #expect(try await open.result().status == .callCancelled)
            try await expectQuiet(scene, [sink, same])
            let again = scene.client.makeSink(at: sink.path)
            #expect(try await scene.client.start(.enumerate("Test_Thing"), .async, sink: again).result().status == .noError)
        }

        @Test("A.5: what is known only later goes to the sink, in every form", arguments: CallForm.allCases)
        func throughTheSink(form: CallForm) async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let client = scene.client
            for (operation, status) in [
                (RawOperation.get("Nothing=\"x\""), WBEMStatus.invalidClass), (.enumerate("Nothing"), .invalidClass),
                (.delete("Nothing=\"x\""), .invalidClass), (.put([("__CLASS", .string("Nothing"))]), .invalidClass),
                (.invoke(thing("x"), "Nothing"), .invalidMethod), (.invoke(thing("x"), "NotThere"), .methodNotImplemented),
                (.invoke(thing("x"), "Off"), .methodDisabled), (.invoke("Test_Thing", "Echo"), .invalidMethodParameters),
                (.get("Test_Thing.Other=\"x\""), .invalidObjectPath), (.get("__Win32Provider=\"none\""), .notFound),
            ] {
                let result = try await client.run(operation, form)
                #expect(result.status == status, "\(operation)")
                #expect(result.details["StatusCode"] == .uint32(status.rawValue))
                #expect(result.details["ProviderName"]?.text == "CIMBus")
                #expect(!result.message.isEmpty)
            }
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("R91 R92 R93: a static method on a class and on an instance", arguments: CallForm.allCases)
        func staticMethods(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            #expect(try await scene.client.run(.invoke("test_thing", "count"), form).objects.first?["ReturnValue"] == .uint32(3))
            #expect(try await scene.client.run(.invoke(thing("x"), "Count"), form).objects.first?["ReturnValue"] == .uint32(3))
            #expect(provider.calls.all.map(\.target) == ["Test_Thing", thing("x")])
            #expect(provider.calls.all.map(\.invoked) == ["Count", "Count"])
            try await expectQuiet(scene)
        }

        @Test("H.1: every spelling of a path reaches the provider as the one canonical relative path")
        func pathForms() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for path in [
                "Test_Thing=\"thing1\"", "test_thing.name='thing1'", "root\\cimv2:Test_Thing=\"thing1\"",
                "ROOT/CIMV2:Test_Thing.Name=\"thing1\"",
                "\\\\.\\root\\cimv2:Test_Thing.NAME=\"thing1\"", "//./root/cimv2:Test_Thing=\"thing1\"",
            ] {
                let result = try await scene.client.run(.get(path))
                #expect(result.status == .noError, "\(path): \(result.message)")
                #expect(provider.calls.all.last?.target == thing("thing1"))
            }
            try await expectQuiet(scene)
        }

        @Test("Design 3: a namespace is an object; others do not exist")
        func namespaces() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            #expect(try await scene.client.property(Contract.rootPath, Contract.broker, "Namespaces") == .strings(["root", "root/cimv2"]))
            let root = ObjectPath(verified: "/org/cimbus1/namespaces/root")
            let open = try await scene.client.start(.enumerate("Test_Thing"), .sync, namespace: root)
            #expect(try await open.result().status == .invalidClass)
            let nowhere = ObjectPath(verified: "/org/cimbus1/namespaces/root/nowhere")
            await #expect {
                _ = try await scene.client.call(nowhere, Contract.services, "GetObject", [.string("X"), .int32(0), .dictionary([])])
            } throws: { ($0 as? DBusError)?.name == .unknownObject }
            try await expectQuiet(scene)
        }

        @Test("Design 3: standard errors for what is not there; reserved members are NotSupported")
        func standardErrors() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            let client = scene.client
            await #expect { _ = try await client.services("Nothing", []) } throws: { ($0 as? DBusError)?.name == .unknownMethod }
            await #expect { _ = try await client.services("GetObject", [.int32(1)]) } throws: {
                ($0 as? DBusError)?.name == .invalidArguments || ($0 as? DBusError)?.name == .invalidSignature
            }
            await #expect { _ = try await client.call(RawClient.cimv2, InterfaceName(verified: "org.example.No"), "X") } throws: {
                ($0 as? DBusError)?.name == .unknownInterface || ($0 as? DBusError)?.name == .unknownMethod
            }
            let context: [DBusValue] = [.int32(0), .dictionary([])]
            for (member, values) in [
                ("OpenNamespace", [.string("x")] + context)
            ] as [(String, [DBusValue])] {
                #expect(try await client.refusal { _ = try await client.services(member, values) } == .notSupported, "\(member)")
            }
            // Nothing open there: silent.
            _ = try await client.services("CancelAsyncCall", [.objectPath(ObjectPath(verified: "/nothing"))])
            _ = try await client.services("Acknowledge", [.objectPath(ObjectPath(verified: "/nothing")), .uint32(.max)])
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }
    }
}
