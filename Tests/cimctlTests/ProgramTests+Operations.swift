import CIM
import DBus
import Testing
import WireTestKit

/// Operations, with a real provider behind the broker.
extension ProgramTests {
    static let path = "Test_Thing.Name=\"thing1\""

    /// Every command that has an operation done, and how many operations it is.
    private static let operations: [(words: [String], calls: Int)] = [
        (["get", path], 1), (["enumerate", "Test_Thing"], 1), (["put", path, "Text=new"], 2), (["delete", path], 1),
        (["invoke", path, "Echo", "sInArg=x"], 1), (["query", "SELECT * FROM Test_Thing"], 1),
    ]

    func serve() async throws -> (bus: PrivateBus, broker: BrokerProcess, provider: RawProvider) {
        let (bus, broker) = try await open()
        return (bus, broker, try await RawProvider.start(on: bus))
    }

    /// The lines of JSON without their paths, in order.
    static func objects(_ run: Run) -> [String] {
        run.output.split(separator: "\n").map { String($0).replacing(/"__PATH":"[^,]*",/, with: "") }.sorted()
    }

    @Test("--keys-only and --properties: the provider is told, the broker sends no more, and no more is shown")
    func partialReads() async throws {
        let (bus, broker, provider) = try await serve()
        let keys = try await run(["enumerate", "Test_Thing", "--keys-only", "-o", "jsonl"], on: bus.address)
        #expect(Self.objects(keys) == (0..<3).map { "{\"__CLASS\":\"Test_Thing\",\"Name\":\"thing\($0)\"}" }, "\(keys.errors)")
        #expect(keys.output.contains("Test_Thing.Name=\\\"thing0\\\""))
        #expect(provider.calls.all.last?.context["__GET_EXT_KEYS_ONLY"] == .boolean(true))
        let some = try await run(["enumerate", "Test_Thing", "--properties", "text,number", "-o", "jsonl"], on: bus.address)
        #expect(Self.objects(some) == (0..<3).map { "{\"__CLASS\":\"Test_Thing\",\"Text\":null,\"Number\":\($0)}" })
        #expect(provider.calls.all.last?.context["__GET_EXTENSIONS"] == .boolean(true))
        #expect(provider.calls.all.last?.context["__GET_EXT_PROPERTIES"] == .strings(["Text", "Number"]))
        let table = try await run(["enumerate", "Test_Thing", "--properties", "Number"], on: bus.address)
        #expect(table.output.split(separator: "\n").map { $0.filter { $0 != " " } } == ["Number", "------", "0", "1", "2"])

        let one = try await run(["get", Self.path, "--properties", "Number", "-o", "jsonl"], on: bus.address)
        #expect(Self.objects(one) == ["{\"__CLASS\":\"Test_Thing\",\"Number\":1}"])
        #expect(provider.calls.all.last?.context["__GET_EXT_PROPERTIES"] == .strings(["Number"]))
        let key = try await run(["get", Self.path, "--keys-only"], on: bus.address)
        #expect(key.output == "Property Value\n-------- ------\nName     thing1\n")

        for words in [["enumerate", "Test_Thing"], ["get", Self.path]] {
            let unknown = try await run(words + ["--properties", "Nope"], on: bus.address)
            #expect(unknown.end == .exited(64))
            #expect(unknown.errors.contains("class Test_Thing has no Nope; there is "))
            let both = try await run(words + ["--properties", "Name", "--keys-only"], on: bus.address)
            #expect(both.end == .exited(64))
        }
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("W29: put and invoke take embedded objects, and arrays of them, as JSON")
    func embeddedObjects() async throws {
        let (bus, broker) = try await open()
        try folder.write(
            "embedded.mof",
            """
            class T_Inner { string S; uint32 N; };
            class T_Outer
            {
                [key] string Name;
                [EmbeddedInstance("T_Inner")] string O;
                [EmbeddedInstance("T_Inner")] string Os[];
            };
            """)
        _ = try await run(["mof", "compile", folder.path("embedded.mof")], on: bus.address)
        let words = ["put", "T_Outer.Name=\"a\"", #"O={"S":"x","N":"7"}"#, #"Os=[{"S":"y"},{"N":8}]"#]
        let put = try await run(words + ["--create"], on: bus.address)
        #expect(put.end == .exited(0), "\(put.errors)")
        let got = try await run(["get", "T_Outer.Name=\"a\"", "-o", "jsonl"], on: bus.address)
        #expect(got.output.contains(#""O":{"__CLASS":"T_Inner","S":"x","N":7"#), "\(got.output)")
        #expect(got.output.contains(#""Os":[{"__CLASS":"T_Inner","S":"y""#), "\(got.output)")
        // What it shows it takes.
        let shown = try #require(got.output.firstMatch(of: /"Os":(\[.*?\])/))
        let again = try await run(["put", "T_Outer.Name=\"a\"", "Os=\(shown.1)"], on: bus.address)
        #expect(again.end == .exited(0), "\(again.errors)")
        let wrong = try await run(["put", "T_Outer.Name=\"a\"", #"Os=[{"X":1}]"#], on: bus.address)
        #expect(wrong.end == .exited(64) && wrong.errors.contains("Os[0]: class T_Inner has no X; there is S, N"), "\(wrong.errors)")
        withExtendedLifetime(broker) {}
    }

    @Test("operations lists what is open, operations --finished what is over and was not closed")
    func finishedOperations() async throws {
        let (bus, broker, provider) = try await serve()
        let client = try await RawClient.connect(to: bus)
        let open = try await client.start(.enumerate("Test_Thing"), .semisync)
        let (_, objects) = try await open.next(timeout: 5_000, count: 1)
        #expect(objects.count == 1)
        let none = try await run(["operations", "-o", "jsonl"], on: bus.address)
        #expect(none.output.isEmpty, "\(none.output)")
        let finished = try await run(["operations", "--finished", "-o", "jsonl"], on: bus.address)
        #expect(
            finished.output.contains(#""Kind":"CreateInstanceEnum""#) && finished.output.contains(#""Status":"Success""#),
            "\(finished.output)")
        #expect(finished.output.contains(#""Objects":3"#) && !finished.output.contains(#""Bytes":0"#), "\(finished.output)")
        let table = try await run(["operations", "--finished"], on: bus.address)
        #expect(table.output.contains(/CreateInstanceEnum +Success/), "\(table.output)")
        await client.close()
        withExtendedLifetime((broker, provider)) {}
    }

    @Test("--deep is the default, --shallow leaves the subclasses out, and both is a mistake")
    func depth() async throws {
        let (bus, broker) = try await open()
        try folder.write(
            "base.mof",
            """
            class T_Base { [key] string Name; };
            class T_Derived : T_Base { uint8 Size; };
            instance of T_Base { Name = "a"; };
            instance of T_Derived { Name = "b"; };
            """)
        let compiled = try await run(["mof", "compile", folder.path("base.mof")], on: bus.address)
        #expect(compiled.end == .exited(0), "\(compiled.errors)")
        for (words, count) in [([], 2), (["--deep"], 2), (["--shallow"], 1)] {
            let found = try await run(["enumerate", "T_Base", "-o", "jsonl"] + words, on: bus.address)
            #expect(found.output.split(separator: "\n").count == count, "\(words) \(found.errors)")
        }
        #expect(try await run(["enumerate", "T_Base", "--deep", "--shallow"], on: bus.address).end == .exited(64))
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("R52, R97: --context reaches the provider with its types, from every command; the broker's names are refused")
    func context() async throws {
        let (bus, broker, provider) = try await serve()
        let words = [
            "--context", "Who=me", "--context", "Depth:uint32=5", "--context", "Deep:boolean=true", "--context", "Names:string[]=a,b",
        ]
        for operation in Self.operations {
            let before = provider.calls.all.count
            let run = try await run(operation.words + words, on: bus.address)
            #expect(run.end == .exited(0), "\(operation.words) \(run.errors)")
            let calls = provider.calls.all[before...]
            #expect(calls.count == operation.calls, "\(operation.words)")
            for call in calls {
                #expect(call.context["Who"] == .string("me"))
                #expect(call.context["Depth"] == .uint32(5))
                #expect(call.context["Deep"] == .boolean(true))
                #expect(call.context["Names"] == .strings(["a", "b"]))
            }
        }
        for operation in Self.operations + [(["explain", "SELECT * FROM Test_Thing"], 0)] {
            let refused = try await run(operation.words + ["--context", "__OPERATION:uint64=1"], on: bus.address)
            #expect(refused.end == .exited(64), "\(operation.words)")
            #expect(refused.errors.contains("__OPERATION is not yours to give"))
        }
        // What is not read would be written as NULL.
        let partial = try await run(["put", Self.path, "Text=x", "--context", "__get_ext_keys_only:boolean=true"], on: bus.address)
        #expect(partial.end == .exited(64))
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("R51, R71: put writes back the whole instance, and with __PUT_EXTENSIONS in --context only what that names")
    func partialPut() async throws {
        let (bus, broker) = try await open()
        try folder.write(
            "stored.mof",
            """
            class T_Stored { [key] string Name; string A; string B; };
            instance of T_Stored { Name = "n"; A = "a"; B = "b"; };
            """)
        #expect(try await run(["mof", "compile", folder.path("stored.mof")], on: bus.address).end == .exited(0))
        let path = "T_Stored.Name=\"n\""
        func put(_ words: String...) async throws -> String? {
            let written = try await run(["put", path] + words, on: bus.address)
            #expect(written.end == .exited(0), "\(written.errors)")
            return Self.objects(try await run(["get", path, "--properties", "A,B", "-o", "jsonl"], on: bus.address)).first
        }
        #expect(try await put("B=y") == "{\"__CLASS\":\"T_Stored\",\"A\":\"a\",\"B\":\"y\"}")
        #expect(
            try await put("A=x", "B=z", "--context", "__PUT_EXTENSIONS:boolean=true", "--context", "__PUT_EXT_PROPERTIES:string[]=B")
                == "{\"__CLASS\":\"T_Stored\",\"A\":\"a\",\"B\":\"z\"}")
        withExtendedLifetime((bus, broker)) {}
    }

    @Test("R46: --progress writes what the provider reports to standard error, for every command, and nothing else changes")
    func progress() async throws {
        let (bus, broker, provider) = try await serve()
        let thing = provider.thing("thing1", 1)
        provider.onEverything { call in
            try await call.sink.setStatus(WBEMStatus(rawValue: 3 << 16 | 1), flags: 2, parameter: "half\u{1B}way")
            switch call.method {
            case "GetObjectAsync", "CreateInstanceEnumAsync": call.reply(.noError, [thing])
            case "ExecMethodAsync":
                call.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("sOutArg", .string("y")), ("ReturnValue", .uint32(1))]])
            default: call.reply()
            }
        }
        for (words, calls) in Self.operations {
            let quiet = try await run(words, on: bus.address)
            #expect(quiet.end == .exited(0) && quiet.errors.isEmpty, "\(words) \(quiet.errors)")
            let loud = try await run(words + ["--progress"], on: bus.address)
            #expect(loud.end == .exited(0))
            #expect(loud.output == quiet.output)
            #expect(loud.errors == String(repeating: "progress: 1 of 3 half\u{FFFD}way\n", count: calls), "\(words)")
        }
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("R46: on a terminal --progress draws a bar, which makes way for each line of the result, and goes at the end")
    func progressBar() async throws {
        let (bus, broker, provider) = try await serve()
        let drawn = Event<Void>("a bar")
        let thing = provider.thing("thing1", 1)
        provider.on("CreateInstanceEnumAsync") { call in
            repeat {
                try await call.sink.progress(1, of: 2)
                try await call.sink.indicate([thing])
            } while drawn.current == nil
            call.reply()
        }
        let command = "'\(BuildFolder.path(of: "cimctl"))' enumerate Test_Thing --progress -o jsonl --address '\(bus.address)'"
        let terminal = try ChildProcess("/bin/sh", ["-c", "exec script -qec \"$0\" /dev/null </dev/null", command])
        let end = try await withDeadline(.seconds(20), "the bar and the end") {
            for await line in terminal.lines {
                if line.contains("\r[==========          ] "), line.contains(" s 1 of 2\u{1B}[K") { drawn.send(()) }
                let isAlone = line.hasPrefix("{") || line.contains("\r\u{1B}[K{") || !line.contains("{")
                #expect(isAlone, "\(line.debugDescription)")
            }
            return try await terminal.waitForEnd()
        }
        #expect(end == .exited(0))
        #expect(drawn.current != nil)
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("--progress: a failure is reported behind the last line of progress")
    func progressAndFailure() async throws {
        let (bus, broker, provider) = try await serve()
        provider.on("CreateInstanceEnumAsync") { call in
            try await call.sink.progress(1, of: 0)
            call.fail(.failed, "no more")
        }
        let failed = try await run(["enumerate", "Test_Thing", "--progress"], on: bus.address)
        #expect(failed.end == .exited(1))
        #expect(failed.errors.hasPrefix("progress: 1\ncimctl: 0x80041001 "))
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("L8: --timeout ends what the provider never answers, from every command")
    func timeout() async throws {
        let (bus, broker, provider) = try await serve()
        provider.onEverything { $0.abandon() }
        for (words, _) in Self.operations {
            let late = try await run(words + ["--timeout", "0.1"], on: bus.address)
            #expect(late.end == .exited(4))
            #expect(late.errors.contains("cimctl: 0x80041069 TimedOut"), "\(words) \(late.errors)")
        }
        withExtendedLifetime((bus, broker, provider)) {}
    }

    @Test("query: rows and columns that the text selects, classes for a schema query; explain asks nobody")
    func queries() async throws {
        let (bus, broker, provider) = try await serve()
        let table = try await run(["query", "SELECT Number, Name FROM Test_Thing WHERE Number >= 1"], on: bus.address)
        #expect(table.end == .exited(0), "\(table.errors)")
        #expect(table.output == "Number Name\n------ ------\n     1 thing1\n     2 thing2\n")
        let all = try await run(["query", "SELECT * FROM Test_Thing WHERE Name = 'thing2'", "-o", "jsonl"], on: bus.address)
        #expect(
            Self.objects(all)
                == ["{\"__CLASS\":\"Test_Thing\",\"Name\":\"thing2\",\"Number\":2,\"Text\":null,\"Small\":null,\"Inner\":null}"])
        let system = try await run(["query", "SELECT __RELPATH, __GENUS, Number FROM Test_Thing WHERE Number = 1"], on: bus.address)
        #expect(system.output.contains("Test_Thing.Name=\"thing1\"") && system.output.contains(" 2 "), "\(system.output)\(system.errors)")
        let none = try await run(["query", "SELECT * FROM Test_Thing WHERE Number > 5", "-o", "jsonl"], on: bus.address)
        #expect(none.end == .exited(0) && none.output.isEmpty)
        let classes = try await run(["query", "SELECT * FROM meta_class WHERE __this ISA 'Test_Thing'"], on: bus.address)
        #expect(classes.output.contains("\nTest_Thing "))
        let unknown = try await run(["query", "SELECT * FROM Test_Nothing"], on: bus.address)
        #expect(unknown.end == .exited(2))
        #expect(unknown.errors.contains("InvalidClass"))

        let before = provider.calls.all.count
        let text = "SELECT * FROM Test_Thing WHERE Number > 1"
        let plan = try await run(["explain", text], on: bus.address)
        #expect(plan.output == "enumerate Test_Thing from provider Raw\nfilter here: Number > 1\n", "\(plan.errors)")
        let json = try await run(["explain", text, "-o", "jsonl", "--progress"], on: bus.address)
        #expect(json.output == "{\"Lines\":[\"enumerate Test_Thing from provider Raw\",\"filter here: Number > 1\"]}\n")
        #expect(provider.calls.all.count == before)
        withExtendedLifetime((bus, broker, provider)) {}
    }
}
