import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// Methods: how they are called, and what their provider gets (Semantics C.5, K.4). What comes back is in `MethodTests+Results`.
    @Suite struct MethodTests {
        static let mof = """
            [dynamic, provider("Raw")] class Test_Machine
            {
                [key] string Name;
                [Implemented] uint32 Echo([in] string sInArg, [out] string sOutArg);
                [Implemented] uint32 Repeat([in] string sInArg, [out] string sOutArg);
                [Implemented, Static] uint32 Count([in, Optional] boolean All);
                [Implemented, Static] void Reset();
                [Implemented, Static] sint8 Mix(
                    [in, ID(2)] uint16 First, [in, ID(0)] string Second, [in, out, ID(1)] boolean Both, [in, Optional, ID(3)] datetime When,
                    [out, ID(4)] sint8 Numbers[]);
                [Implemented, Disabled] uint32 Off();
                uint32 NotThere();
            };
            [dynamic, provider("Raw")] class Test_Engine
            {
                [key] string Name;
                [Implemented] uint32 Echo([in] string sInArg, [out] string sOutArg);
                [Implemented, Static] uint32 Count();
            };
            """

        static let machine = "Test_Machine.Name=\"a\""
        static let mixed: [(String, DBusValue)] = [("First", .uint16(7)), ("Second", .string("x")), ("Both", .boolean(true))]

        static func echo(_ text: String = "four", of path: String = machine) -> RawOperation {
            .invoke(path, "Echo", [("sInArg", .string(text))])
        }

        /// A broker, and a provider whose methods answer with ``output(of:)``.
        static func start() async throws -> (Scene, RawProvider) {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            scene.keep(provider)
            try await provider.register(mof: mof)
            provider.on("ExecMethodAsync") { $0.reply(.noError, output(of: $0)) }
            return (scene, provider)
        }

        /// The out object of each method; none of one that gives nothing.
        static func output(of call: ProviderCall) -> [[(String, DBusValue)]] {
            switch call.invoked {
            case "Echo", "Repeat":
                let text = call.input["sInArg"]?.text ?? ""
                return [parameters(("sOutArg", .string(text)), ("ReturnValue", .uint32(UInt32(text.utf8.count))))]
            case "Count": return [parameters(("ReturnValue", .uint32(3)))]
            case "Mix":
                let both = call.input["Both"]?.bool ?? false
                let numbers = DBusValue.array(element: Signature(verified: "i"), [.int32(-1), .int32(2)])
                return [parameters(("ReturnValue", .int32(-7)), ("Numbers", numbers), ("Both", .boolean(!both)))]
            default: return []
            }
        }

        static func parameters(_ entries: (String, DBusValue)...) -> [(String, DBusValue)] {
            [("__CLASS", .string("__PARAMETERS"))] + entries
        }

        /// The entries of an object that are no system properties.
        static func plain(_ object: [String: DBusValue]?) -> [String: DBusValue] { (object ?? [:]).filter { !$0.key.hasPrefix("__") } }

        /// What came to a sink, in words.
        static func story(of sink: RawSink?) -> [String] {
            func words(_ object: [String: DBusValue]) -> String {
                plain(object).sorted { $0.key < $1.key }
                    .map { "\($0.key)=\($0.value.text ?? $0.value.integer(Int64.self).map { "\($0)" } ?? "?")" }
                    .joined(separator: ", ")
            }
            return (sink?.events.all ?? []).flatMap { event -> [String] in
                switch event {
                case .indicate(let objects): return objects.map { "out \(words($0))" }
                case .status(let flags, let hresult, let parameter, let object):
                    let what = flags == 2 ? "progress \(hresult & 0xFFFF)/\(hresult >> 16)" : "final \(String(hresult, radix: 16))"
                    return [what + (parameter.isEmpty ? "" : " \(parameter)") + (object.isEmpty ? "" : " with an object")]
                }
            }
        }

        /// What a call is refused with; nil when it is not. Nobody but its caller may have heard of it.
        static func refusal(
            of operation: RawOperation, _ form: CallForm, flags: Int32 = 0, _ scene: Scene, _ provider: RawProvider,
            location: SourceLocation = #_sourceLocation
        ) async throws -> WBEMStatus? {
            let sink = scene.client.makeSink()
            let calls = provider.calls.all.count
            var status: WBEMStatus?
            if form == .sync {
                let result = try await scene.client.run(operation, .sync, flags: flags)
                if !result.status.isSuccess { status = result.status }
            } else {
                status = try await scene.client.refusal { _ = try await scene.client.start(operation, form, flags: flags, sink: sink) }
            }
            if status != nil {
                #expect(sink.events.all.isEmpty, sourceLocation: location)
                #expect(provider.calls.all.count == calls, sourceLocation: location)
            }
            return status
        }

        // MARK: - The call

        @Test("R88: ExecMethodAsync returns at once, while the in parameters go to the provider")
        func returnsAtOnce() async throws {
            let (scene, provider) = try await Self.start()
            let go = Event<Void>("the client to have its answer")
            provider.on("ExecMethodAsync") { call in
                try await go.value()
                call.reply(.noError, Self.output(of: call))
            }
            let open = try await withDeadline(.seconds(5), "ExecMethodAsync to return") {
                try await scene.client.start(Self.echo(), .async)
            }
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            #expect(Self.plain(call.input) == ["sInArg": .string("four")])
            #expect(Self.story(of: open.sink).isEmpty)
            go.send(())
            #expect(try await open.result().status == .noError)
            #expect(Self.story(of: open.sink) == ["out ReturnValue=4, sOutArg=four", "final 0"])
            try await expectQuiet(scene, [open.sink])
        }

        @Test("R89: what a method reports, gives and ends with comes to the sink of its own call, and to no other")
        func sinkOfTheCall() async throws {
            let (scene, provider) = try await Self.start()
            let go = Event<Void>("all three to be called")
            provider.on("ExecMethodAsync") { call in
                call.reply(references: 1)
                try await go.value()
                let text = call.input["sInArg"]?.text ?? ""
                try await call.sink.setStatus(WBEMStatus(rawValue: 2 << 16 | 1), flags: 2, parameter: text)
                try await call.sink.indicate(Self.output(of: call))
                try await call.sink.setStatus(text == "b" ? .accessDenied : .noError)
                try await call.sink.release()
            }
            var open: [RawOpenOperation] = []
            for text in ["a", "b", "c"] { open.append(try await scene.client.start(Self.echo(text), .async, flags: 0x80)) }
            go.send(())
            for operation in open { _ = try await operation.result() }
            try await expectQuiet(scene, open.map(\.sink))
            for (operation, text) in zip(open, ["a", "b", "c"]) {
                let final = text == "b" ? "final 80041003 with an object" : "final 0"
                #expect(Self.story(of: operation.sink) == ["progress 1/2 \(text)", "out ReturnValue=1, sOutArg=\(text)", final])
            }
        }

        @Test(
            "R90: a method runs in its provider and never in the broker: where none is named, or the one named is gone, nobody runs it",
            arguments: CallForm.allCases)
        func runsInProvider(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            try await scene.client.mustCompile("class Test_Alone { [key] string Name; [Implemented, Static] uint32 Count(); };")
            let counted = try await scene.client.run(.invoke("Test_Machine", "Count"), form)
            #expect(counted.objects.first?["ReturnValue"] == .uint32(3))
            #expect(provider.calls.all.map(\.invoked) == ["Count"])
            let nobody = try await scene.client.run(.invoke("Test_Alone", "Count"), form)
            #expect(nobody.status == .methodNotImplemented, "\(nobody.message)")
            await provider.close()
            try await scene.waitForState("absent", of: provider.registrationPath)
            #expect(try await scene.client.run(.invoke("Test_Machine", "Count"), form).status == .providerLoadFailure)
            try await expectQuiet(scene)
        }

        @Test(
            "R94: of methods with the same parameters the name selects one, in any case; its provider gets the class's spelling",
            arguments: CallForm.allCases)
        func methodName(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            for (given, name) in [("Echo", "Echo"), ("Repeat", "Repeat"), ("ECHO", "Echo"), ("repeat", "Repeat")] {
                let result = try await scene.client.run(.invoke(Self.machine, given, [("sInArg", .string("x"))]), form)
                #expect(result.status == .noError, "\(result.message)")
                #expect(provider.calls.all.last?.invoked == name)
                #expect(provider.calls.all.last?.target == Self.machine)
            }
            #expect(try await scene.client.run(.invoke(Self.machine, "Ech", [("sInArg", .string("x"))]), form).status == .invalidMethod)
            #expect(provider.calls.all.count == 4)
            try await expectQuiet(scene)
        }

        @Test(
            "R95: a method's intermediate status comes to the caller who asked for it, before the result, and to no other",
            arguments: ["Test_Machine", machine])
        func intermediateStatus(path: String) async throws {
            let (scene, provider) = try await Self.start()
            for (flags, reports) in [(Int32(0x80), true), (0, true), (0x80, false), (0, false)] {
                let sink = scene.client.makeSink()
                provider.on("ExecMethodAsync") { call in
                    call.reply(references: 1)
                    for (count, step) in zip(1..., reports ? [UInt32(1), 3] : []) {
                        try await call.sink.progress(step, of: 3)
                        // Of reports that are not read only the newest is kept.
                        if flags != 0 { try await sink.events.wait("the report") { $0.count == count } }
                    }
                    try await call.sink.indicate(Self.output(of: call))
                    try await call.sink.setStatus(.noError)
                    try await call.sink.release()
                }
                let open = try await scene.client.start(.invoke(path, "Count"), .async, flags: flags, sink: sink)
                #expect(try await open.result().status == .noError)
                let told = flags != 0 && reports ? ["progress 1/3", "progress 3/3"] : []
                #expect(Self.story(of: sink) == told + ["out ReturnValue=3", "final 0"])
                try await expectQuiet(scene, [sink])
            }
        }

        @Test(
            "R96: USE_AMENDED_QUALIFIERS is not for methods: the call is refused, its sink is not used, no provider is asked",
            arguments: CallForm.allCases)
        func amendedQualifiers(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            #expect(try await Self.refusal(of: Self.echo(), form, flags: 0x20000, scene, provider) == .invalidParameter)
            #expect(try await Self.refusal(of: Self.echo(), form, scene, provider) == nil)
            try await scene.waitForOperations(0)
        }

        @Test(
            "R97: a method's context reaches its provider, each value in its type; without one there are the broker's own values alone",
            arguments: CallForm.allCases)
        func contextOfMethod(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            let context: [(String, DBusValue)] = [
                ("Depth", .uint32(7)), ("Names", .strings(["a", "b"])), ("Deep", .boolean(true)), ("Far", .int64(-1)),
                ("Who", .string("me")),
            ]
            #expect(try await scene.client.run(Self.echo(), form, context: context).status == .noError)
            let seen = try #require(provider.calls.all.last?.context)
            #expect(Self.plain(seen) == Dictionary(uniqueKeysWithValues: context))
            #expect(try await scene.client.run(Self.echo(), form).status == .noError)
            #expect(try Self.plain(#require(provider.calls.all.last).context).isEmpty)
            try await expectQuiet(scene)
        }

        @Test("R97 C.5: the context reaches the provider of the override that runs, too", arguments: CallForm.allCases)
        func contextOfOverride(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            family.have(["B": ["n"], "C": ["n"]])
            family.c.on("ExecMethodAsync") { $0.reply(.noError, [Self.parameters(("ReturnValue", .string("done")))]) }
            let context = [("Depth", DBusValue.uint32(7))]
            let result = try await family.scene.client.run(.invoke("Test_B.Name=\"n\"", "Who"), form, context: context)
            #expect(result.objects.first?["ReturnValue"]?.text == "done", "\(result.message)")
            let call = try #require(family.c.calls.all.last)
            #expect(call.invoked == "Who" && call.context["Depth"] == .uint32(7))
            try await expectQuiet(family.scene)
        }

        @Test("R109: one provider serves the methods of several classes, and of many instances of each", arguments: CallForm.allCases)
        func manyClasses(form: CallForm) async throws {
            let (scene, provider) = try await Self.start()
            let paths = ["Test_Machine", "Test_Engine"].flatMap { name in ["a", "b", "c"].map { "\(name).Name=\"\($0)\"" } }
            for path in paths {
                let result = try await scene.client.run(Self.echo(path, of: path), form)
                #expect(result.objects.first?["sOutArg"]?.text == path, "\(result.message)")
            }
            for name in ["Test_Machine", "Test_Engine"] {
                #expect(try await scene.client.run(.invoke(name, "Count"), form).objects.first?["ReturnValue"] == .uint32(3))
            }
            #expect(provider.calls.all.map(\.target) == paths + ["Test_Machine", "Test_Engine"])
            try await expectQuiet(scene)
        }
    }
}
