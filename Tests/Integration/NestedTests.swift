import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// A provider that calls the broker while it serves (L12; R11 to R13, R52, R73, R97, R117, R124).
    @Suite struct NestedTests {
        /// A call of the provider's own, with the context it was given.
        static func nested(
            _ call: ProviderCall, _ operation: RawOperation, context: [(String, DBusValue)]? = nil
        ) async throws -> WBEMStatus {
            let given = context ?? call.context.map { ($0.key, $0.value) }
            let message = try Message.methodCall(
                destination: call.sink.broker, path: RawClient.cimv2, interface: Contract.services,
                member: MemberName(verified: operation.member), values: operation.arguments(context: given))
            do {
                _ = try await call.sink.connection.call(message, timeout: .seconds(20))
                return .noError
            } catch {
                return CIMError(error).status
            }
        }

        @Test("R52 R73 R97 R124 Design 3: the context reaches the provider; the broker's own keys cannot be forged")
        func context() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let forged: [(String, DBusValue)] = [
                ("__CLIENT_UID", .uint32(77)), ("__CLIENT_NAME", .string(":9.9")), ("__CLIENT_PID", .uint32(1)),
                ("__ORIGIN_UID", .uint32(77)), ("__DEADLINE_USEC", .uint64(1)), ("__PUT_EXTENSIONS", .boolean(true)),
                ("__PUT_EXT_PROPERTIES", .strings(["Text"])), ("Mine", .int32(-5)),
            ]
            let open = try await scene.client.start(.put(provider.thing("a")), .async, context: forged)
            #expect(try await open.result().status == .noError)
            let context = try #require(provider.calls.all.first?.context)
            #expect(context["__CLIENT_UID"] == .uint32(getuid()))
            #expect(context["__ORIGIN_UID"] == .uint32(getuid()))
            #expect(context["__CLIENT_PID"] == .uint32(UInt32(getpid())))
            #expect(context["__CLIENT_NAME"]?.text == scene.client.connection.uniqueName.text)
            #expect(context["__DEADLINE_USEC"] == nil)
            #expect(context["__PUT_EXTENSIONS"] == .boolean(true))
            #expect(context["__PUT_EXT_PROPERTIES"] == .strings(["Text"]))
            #expect(context["Mine"] == .int32(-5))
            let number = try #require(open.path?.lastElement.flatMap { UInt64($0) })
            #expect(context["__OPERATION"] == .uint64(number))
            try await expectQuiet(scene)
        }

        @Test(
            "E.4: a provider writes nothing while it serves a read; while it serves a write or a method it may",
            arguments: CallForm.allCases)
        func writesWhileReading(form: CallForm) async throws {
            let scene = try await Scene.start()
            let outer = try await scene.provider()
            let inner = try await RawProvider.start(on: scene.bus, name: "Inner", className: "Test_Inner")
            let seen = Recorder<WBEMStatus>()
            outer.onEverything { call in
                seen.record(try await Self.nested(call, .put(inner.thing("thing0"))))
                seen.record(try await Self.nested(call, .delete("Test_Inner.Name=\"thing0\"")))
                seen.record(try await Self.nested(call, .get("Test_Inner.Name=\"thing1\"")))
                call.fail(.failed, "as expected")
            }
            for (operation, mayWrite) in [
                (RawOperation.get("Test_Thing.Name=\"a\""), false), (.enumerate("Test_Thing"), false), (.put(outer.thing("a")), true),
                (.invoke("Test_Thing.Name=\"a\"", "Echo", [("sInArg", .string(""))]), true),
            ] {
                let before = seen.all.count
                #expect(try await scene.client.run(operation, form).status == .failed)
                let writes = mayWrite ? WBEMStatus.noError : .invalidOperation
                #expect(Array(seen.all.dropFirst(before)) == [writes, writes, .noError], "\(operation)")
            }
            try await expectQuiet(scene)
        }

        @Test("L12: __OPERATION is believed only from a holder")
        func holders() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            try await scene.provider("Other", className: "Test_Other")
            provider.on("GetObjectAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.get(thing("a")), .async)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            let context: [(String, DBusValue)] = [("__OPERATION", call.context["__OPERATION"] ?? .uint64(0))]
            // The client itself holds nothing.
            for form in CallForm.allCases {
                let status = try await scene.client.refusal {
                    let started = try await scene.client.start(.enumerate("Test_Other"), form, context: context)
                    let result = try await started.result()
                    #expect(result.status == .invalidContext)
                    throw DBusError(CIMError(.invalidContext, "as expected"))
                }
                #expect(status == .invalidContext)
            }
            for value in [DBusValue.uint64(0), .uint64(.max), .string("x")] {
                let status = try await scene.client.run(.enumerate("Test_Other"), .sync, context: [("__OPERATION", value)]).status
                #expect(status == .invalidContext)
            }
            // The provider does, until it releases.
            #expect(try await Self.nested(call, .enumerate("Test_Other")) == .noError)
            try await call.sink.setStatus(.failed)
            try await call.sink.release()
            #expect(try await Self.nested(call, .enumerate("Test_Other")) == .invalidContext)
            #expect(try await open.result().status == .failed)
            try await expectQuiet(scene, [open.sink])
        }

        @Test("L12: a nested operation ends with its parent, and is shown with it")
        func endsWithParent() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let other = try await scene.provider("Other", className: "Test_Other")
            other.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let inner = Event<WBEMStatus>("the nested call to end")
            provider.on("GetObjectAsync") { call in
                call.reply(references: 1)
                inner.send(try await Self.nested(call, .enumerate("Test_Other")))
            }
            let open = try await scene.client.start(.get(thing("a")), .async)
            let call = try await other.calls.wait("the nested call") { !$0.isEmpty }[0]
            let number = try #require(call.context["__OPERATION"]?.integer(UInt64.self))
            let path = Contract.path(ofOperation: number)
            #expect(try await scene.client.property(path, Contract.operation, "Parent").text == open.path?.text)
            #expect(call.context["__ORIGIN_UID"] == .uint32(getuid()))
            #expect(call.context["__CLIENT_NAME"]?.text == provider.connection.uniqueName.text)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(#require(open.sink).path)])
            #expect(try await inner.value() == .callCancelled)
            #expect(try await open.result().status == .callCancelled)
            try await other.cancelled.wait("the hint") { $0 == [call.sink.path.text] }
            try await expectQuiet(scene, [open.sink])
        }

        @Test("L12: a nested call is never queued behind its parent")
        func notQueued() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { call in
                // Unanswered until its own class was enumerated: with 4 such calls every slot is taken by a parent.
                let status = try await Self.nested(call, .enumerate("Test_Thing"))
                let name = String(call.target.split(separator: "\"")[1])
                if status == .noError { call.reply(.noError, references: 0, [call.provider.thing(name)]) } else { call.reply(status) }
            }
            var open: [RawOpenOperation] = []
            for index in 0..<12 { open.append(try await scene.client.start(.get(thing("a\(index)")), CallForm.allCases[index % 3])) }
            for operation in open { #expect(try await operation.result().status == .noError) }
            try await expectQuiet(scene, open.map(\.sink))
        }

        @Test("L12: deeper than 32 is ProviderNotCapable")
        func depth() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { call in
                let status = try await Self.nested(call, .get(thing("deeper")))
                if status == .noError { call.reply(.noError, references: 0, [call.provider.thing("a")]) } else { call.reply(status) }
            }
            #expect(try await scene.client.run(.get(thing("a")), .async).status == .providerNotCapable)
            #expect(provider.calls.all.count == 32)
            provider.on("GetObjectAsync", nil)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test(
            "L12 R13: a provider that serves one call at a time and calls itself is told so; the outer call goes on",
            .timeLimit(.minutes(1)))
        func notReentrant() async throws {
            let scene = try await Scene.start("--ping", "0.4")
            let provider = try await scene.provider(context: [("PingSeconds", .double(0.4))])
            let status = Event<WBEMStatus>("the nested call to end")
            // A provider that blocks in its own nested call answers no ping meanwhile: it does not read at all.
            let blocking = try await BlockingProvider.start(on: scene.bus, status: status)
            _ = provider
            let result = try await scene.client.run(.get("Test_Blocking.Name=\"a\""), .async)
            #expect(result.status == .noError, "\(result.message)")
            #expect(try await status.value() == .providerNotCapable)
            try await expectQuiet(scene)
            await blocking.close()
        }
    }
}

/// A provider on a connection that reads nothing while it waits for its own nested call, as single-threaded code with a blocking library.
final class BlockingProvider: Sendable {
    let provider: RawProvider

    static func start(on bus: PrivateBus, status: Event<WBEMStatus>) async throws -> BlockingProvider {
        let provider = try await RawProvider.start(
            on: bus, name: "Blocking", className: "Test_Blocking", context: [("PingSeconds", .double(0.4))])
        let outer = Event<Void>("the outer call")
        provider.on("GetObjectAsync") { call in
            guard outer.current == nil else { return call.abandon() }
            outer.send(())
            // The nested call leads back here, and is not served. Pings are swallowed until it has ended.
            await provider.swallowPings(true)
            let nested = try await Integration.NestedTests.nested(call, .get("Test_Blocking.Name=\"b\""))
            await provider.swallowPings(false)
            status.send(nested)
            call.reply(.noError, references: 0, [call.provider.thing("a")])
        }
        return BlockingProvider(provider)
    }

    private init(_ provider: RawProvider) { self.provider = provider }

    func close() async { await provider.close() }
}
