import CIM
import CIMBusClient
import CIMBusProvider
import Glibc
import SDKTestKit
import Testing
import WireTestKit

extension ProviderTests {
    /// Providers that call each other (L12).
    @Suite struct NestedRequestTests {
        static let shelfMOF = """
            [dynamic, provider("Shelves"), Description("What nested calls lead to.")]
            class Test_Shelf
            {
                [key, read] string Name;
                [read] datetime Since;
                [Implemented] uint32 Move([in, ID(0)] string To, [out, ID(1)] string From);
            };
            """

        static let shelf = CIMInstance(className: "Test_Shelf", ["Name": "s", "Since": .null])
        static let shelfPath = CIMObjectPath(
            className: "Test_Shelf", keys: .keys([CIMObjectPath.Key(name: "Name", value: .string("s"))]))

        private func shelves(_ provider: ThingProvider, on stage: Stage) async throws -> RunningService {
            try await RunningService.start(provider, named: "Shelves", mof: Self.shelfMOF, classes: ["Test_Shelf"], on: stage.bus)
        }

        @Test("R11, R117, L12: a provider's own calls carry the context they were given", arguments: Form.allCases)
        func nested(form: Form) async throws {
            let outer = Recorder<RequestContext>()
            let inner = Recorder<RequestContext>()
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in
                    outer.record(context)
                    let one = try await context.getInstance(at: Self.shelfPath)
                    let all = try await context.enumerateInstances(of: "Test_Shelf").collected()
                    let moved = try await context.invoke("Move", at: Self.shelfPath, parameters: ["To": "b"])
                    let answer = moved.returnValue?.description ?? "?"
                    let texts = [one["Name"], all.first?["Name"], moved["From"]].map { $0?.stringValue ?? "?" }
                    return CIMInstance(className: "Test_Thing", ["Name": "n", "Words": .strings(texts + [answer])])
                }))
            let shelves = try await self.shelves(
                ThingProvider(
                    enumerate: { _, context, sink in
                        inner.record(context)
                        try await sink.indicate(Self.shelf)
                    },
                    get: { _, context in
                        inner.record(context)
                        return Self.shelf
                    },
                    invoke: { _, _, parameters, context in
                        inner.record(context)
                        return MethodResult(returnValue: .uint32(3), ["From": parameters["To"] ?? .null])
                    }), on: stage)
            let options = OperationOptions(context: ["Shade": "green"])
            #expect(try await stage.session.get(path("n"), form, options: options)["Words"] == .strings(["s", "s", "b", "3"]))
            let parent = try #require(outer.all.first)
            #expect(inner.all.count == 3)
            for context in inner.all {
                #expect(context.values["Shade"]?.text == "green")
                #expect(context.operationID != nil && context.operationID != parent.operationID)
                #expect(context.originUserID == getuid())
                #expect(context.clientName != nil && context.clientName != parent.clientName)
            }
            try await stage.expectQuiet()
            withExtendedLifetime(shelves) {}
        }

        @Test(
            "R117: what a provider asks of others during a method is asked with the method's own context", arguments: Form.allCases)
        func nestedInMethod(form: Form) async throws {
            let inner = Recorder<RequestContext>()
            let stage = try await Stage.start(
                ThingProvider(invoke: { _, _, _, context in
                    _ = try await context.getClass("Test_Shelf")
                    let one = try await context.getInstance(at: Self.shelfPath)
                    let moved = try await context.invoke("Move", at: Self.shelfPath, parameters: ["To": "b"])
                    return MethodResult(returnValue: moved.returnValue, ["sOutArg": one["Name"] ?? .null])
                }))
            let shelves = try await self.shelves(
                ThingProvider(
                    get: { _, context in
                        inner.record(context)
                        return Self.shelf
                    },
                    invoke: { _, _, parameters, context in
                        inner.record(context)
                        return MethodResult(returnValue: .uint32(3), ["From": parameters["To"] ?? .null])
                    }), on: stage)
            let options = OperationOptions(context: ["Shade": "green"])
            let result = try await stage.session.call(path("n"), "Echo", ["sInArg": "x"], form, options: options)
            #expect(result.returnValue == .uint32(3) && result["sOutArg"] == "s")
            #expect(inner.all.count == 2)
            for context in inner.all {
                #expect(context.values["Shade"]?.text == "green")
                #expect(context.originUserID == getuid())
            }
            try await stage.expectQuiet()
            withExtendedLifetime(shelves) {}
        }

        @Test("L12: an error of a nested call is thrown as it is, and may be the outer one's")
        func failure() async throws {
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in try await context.getInstance(at: Self.shelfPath) }))
            let missing = await #expect(throws: CIMError.self) { try await stage.session.get(path("n"), .sync) }
            #expect(missing?.status == .invalidClass)
            let shelves = try await self.shelves(
                ThingProvider(get: { _, _ in throw CIMError(.accessDenied, "the shelf is high") }), on: stage)
            let denied = await #expect(throws: CIMError.self) { try await stage.session.get(path("n"), .sync) }
            #expect(denied?.status == .accessDenied)
            #expect(denied?.message.contains("the shelf is high") == true)
            withExtendedLifetime(shelves) {}
        }

        @Test("L9, L12: nested operations end with their parent, and their providers are told")
        func cancel() async throws {
            let reached = Event<Void>("the inner call")
            let cancelled = Recorder<String>()
            let stage = try await Stage.start(
                ThingProvider(get: { _, context in
                    defer { cancelled.record("outer") }
                    return try await context.getInstance(at: Self.shelfPath)
                }))
            let shelves = try await self.shelves(
                ThingProvider(get: { _, _ in
                    reached.send(())
                    await untilCancelled()
                    cancelled.record("inner")
                    throw CancellationError()
                }), on: stage)
            let pending = stage.session.beginGetInstance(at: path("n"))
            try await reached.value()
            pending.cancel()
            #expect(await #expect(throws: CIMError.self) { try await pending.value }?.status == .callCancelled)
            try await cancelled.wait("both cancellations") { Set($0) == ["inner", "outer"] }
            try await stage.expectQuiet()
            withExtendedLifetime(shelves) {}
        }

        @Test("R13, L12: a serial provider that asks for its own class is served, and never waits for itself")
        func reentrant() async throws {
            let running = Recorder<Int>()
            var options = ProviderService.Options()
            options.maximumConcurrentCalls = 1
            let stage = try await Stage.start(
                ThingProvider(get: { here, context in
                    guard case .string(let text)? = here[key: "Name"], let depth = Int(text.dropFirst()), depth > 0 else { return thing(0) }
                    running.record(1)
                    running.record(-1)
                    let inner = try await context.getInstance(at: path("n\(depth - 1)"))
                    running.record(1)
                    await Task.yield()
                    running.record(-1)
                    return thing(Int(inner["Number"]?.int64Value ?? 0) + 1)
                }), options: options)
            #expect(try await stage.session.get(path("n10"), .sync)["Number"] == .uint32(10))
            let deep = await #expect(throws: CIMError.self) { try await stage.session.get(path("n40"), .sync) }
            #expect(deep?.status == .providerNotCapable)
            // Never two at once, but while one waits for another.
            var count = 0
            for change in running.all {
                count += change
                #expect((0...1).contains(count))
            }
            try await stage.expectQuiet()
        }
    }
}
