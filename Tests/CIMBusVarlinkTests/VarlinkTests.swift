import CIM
import CIMJSON
import DBus
import Glibc
import Testing
import WireTestKit

@testable import cimbus_varlink

/// The program itself, at a real broker on a private bus.
@Suite(.serialized, .timeLimit(.minutes(1))) struct VarlinkTests {
    /// A facade with what it asks.
    final class Scene: Sendable {
        let bus: PrivateBus
        let broker: BrokerProcess
        let provider: RawProvider
        let folder: String
        let facade: ChildProcess
        var path: String { folder + "/cim/io.cimbus.CIM" }

        init(_ bus: PrivateBus, _ broker: BrokerProcess, _ provider: RawProvider, _ folder: String, _ facade: ChildProcess) {
            (self.bus, self.broker, self.provider, self.folder, self.facade) = (bus, broker, provider, folder, facade)
        }

        deinit {
            unlink(path)
            rmdir(folder + "/cim")
            rmdir(folder)
        }

        func peer() throws -> VarlinkPeer { try VarlinkPeer(path) }
    }

    static func open(_ options: [String] = []) async throws -> Scene {
        let bus = try await PrivateBus.start()
        let broker = try await BrokerProcess.start(on: bus)
        let provider = try await RawProvider.start(on: bus)
        let folder = try scratchFolder()
        let facade = try await start(["--address", bus.address, "--socket", folder + "/cim/io.cimbus.CIM"] + options)
        return Scene(bus, broker, provider, folder, facade)
    }

    static func scratchFolder() throws -> String {
        var template = Array("/tmp/varlink-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        return template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    /// Starts the program, and waits until it serves.
    static func start(
        _ arguments: [String], environment: String = "", descriptor: FileDescriptorBox? = nil
    ) async throws -> ChildProcess {
        let process = try ChildProcess(
            "/bin/sh", ["-c", "\(environment) exec \"$0\" \"$@\" 2>&1", BuildFolder.path(of: "cimbus-varlink")] + arguments,
            descriptor: descriptor)
        try await withDeadline(.seconds(20), "cimbus-varlink to serve") {
            for await line in process.lines {
                if line.contains("serving io.cimbus.CIM") { return }
                throw ProcessError(description: line)
            }
            throw ProcessError(description: "cimbus-varlink ended")
        }
        return process
    }

    @Test(
        "varlink: GetInfo and GetInterfaceDescription say what is served; an unknown interface, method or parameter is an error of its own")
    func description() async throws {
        let scene = try await Self.open()
        let peer = try scene.peer()
        let info = try await peer.call("org.varlink.service.GetInfo")
        #expect(info.contains(#""interfaces":["org.varlink.service","io.systemd.Metrics","io.cimbus.CIM"]"#))
        let text = try await peer.call("org.varlink.service.GetInterfaceDescription", #"{"interface":"io.cimbus.CIM"}"#)
        for method in ["Get(", "Query(", "Invoke(", "Describe("] { #expect(text.contains("method \(method)")) }
        let refused = [
            ("org.varlink.service.GetInterfaceDescription", #"{"interface":"a.b"}"#, "InterfaceNotFound"),
            ("a.b.C", "{}", "InterfaceNotFound"), ("io.cimbus.CIM.Fly", "{}", "MethodNotFound"),
            ("org.varlink.service.Fly", "{}", "MethodNotFound"),
            ("io.cimbus.CIM.Get", "{}", "InvalidParameter"), ("io.cimbus.CIM.Get", #"{"path":7}"#, "InvalidParameter"),
            ("io.cimbus.CIM.Get", #"{"path":"A=@","timeout":601}"#, "InvalidParameter"),
            ("io.cimbus.CIM.Get", #"{"path":"A=@","timeout":"5"}"#, "InvalidParameter"),
            ("io.cimbus.CIM.Get", #"{"path":"A=@","namespace":"a b"}"#, "InvalidParameter"),
            ("io.cimbus.CIM.Get", #"{"path":"A=@","properties":[7]}"#, "InvalidParameter"),
        ]
        for (method, parameters, error) in refused {
            let answer = try await peer.call(method, parameters)
            #expect(answer.hasPrefix(#"{"error":"org.varlink.service.\#(error)""#), "\(method) \(parameters): \(answer)")
        }
    }

    @Test(
        "varlink: Get, Invoke and Describe give what the broker gives, with its types; a failure has the status's number, name and provider"
    )
    func operations() async throws {
        let scene = try await Self.open()
        let peer = try scene.peer()
        let got = try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing.Name=\"thing1\""}"#)
        #expect(got.contains(#""__CLASS":"Test_Thing","__PATH":"\\\\.\\root\\cimv2:Test_Thing.Name=\"thing1\"","#), "\(got)")
        #expect(got.contains(#""Name":"thing1","Number":1"#) && got.hasSuffix("}}"), "\(got)")
        let less = try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing.Name=\"thing1\"","properties":["Name"]}"#)
        #expect(!less.contains("Number"), "\(less)")

        scene.provider.on("ExecMethodAsync") { call in
            let said = call.input["sInArg"]?.text ?? "nothing"
            call.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .uint32(0)), ("sOutArg", .string(said))]])
        }
        let invoked = try await peer.call(
            "io.cimbus.CIM.Invoke", #"{"path":"Test_Thing.Name=\"thing1\"","method":"echo","parameters":{"sinarg":"é\"\\"}}"#)
        #expect(invoked == #"{"parameters":{"outputs":{"ReturnValue":0,"sOutArg":"é\"\\"}}}"#)

        let described = try await peer.call("io.cimbus.CIM.Describe", #"{"class":"test_thing"}"#)
        #expect(described.contains(#"{"name":"Name","type":"string","key":true}"#), "\(described)")
        #expect(
            described.contains(#""name":"Echo","returns":"uint32","parameters":[{"name":"sInArg","type":"string","in":true,"out":false}"#))
        #expect(described.contains(#""mof":"[dynamic"#) || described.contains(#""mof":"[\n"#), "\(described)")

        scene.provider.on("GetObjectAsync") { $0.fail(.accessDenied, "not for you") }
        let failed = try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing.Name=\"thing1\""}"#)
        #expect(
            failed
                == #"{"error":"io.cimbus.CIM.Failed","parameters":{"status":2147749891,"name":"AccessDenied","text":"not for you","provider":"Raw"}}"#
        )
        let misfits = [
            #"{"path":"Test_Thing.Name=\"a\"","method":"Echo","parameters":{"sInArg":7}}"#,
            #"{"path":"Test_Thing.Name=\"a\"","method":"Echo","parameters":{"Other":"x"}}"#,
            #"{"path":"Test_Thing","method":"Count","parameters":{"All":"perhaps"}}"#,
        ]
        for misfit in misfits {
            let answer = try await peer.call("io.cimbus.CIM.Invoke", misfit)
            #expect(answer.contains(#""name":"InvalidMethodParameters""#), "\(misfit): \(answer)")
        }
        #expect(try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing"}"#).contains("InvalidObjectPath"))
    }

    @Test("varlink: parameters take the types that the method and the classes of embedded objects declare, exactly")
    func parameters() async throws {
        let scene = try await Self.open()
        try await scene.provider.register(
            mof: """
                class Test_Part { [key] string Name; uint8 Sizes[]; [EmbeddedInstance("Test_Part")] string Inner; };
                [dynamic, provider("Typed")] class Test_Typed {
                    [key] string Name;
                    [Implemented, Static] uint32 Take(
                        [in, Optional, ID(0)] uint64 Big, [in, Optional, ID(1)] sint16 Small[], [in, Optional, ID(2)] boolean Flag, [in, Optional, ID(3)] datetime At,
                        [in, Optional, ID(4)] real64 Ratio, [in, Optional, ID(5), EmbeddedInstance("Test_Part")] string Part, [in, Optional, ID(6)] string Text);
                };
                """, name: "Typed")
        scene.provider.on("ExecMethodAsync") {
            $0.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .uint32(0))]])
        }
        let peer = try scene.peer()
        func take(_ parameters: String) async throws -> String {
            try await peer.call("io.cimbus.CIM.Invoke", #"{"path":"Test_Typed","method":"Take","parameters":\#(parameters)}"#)
        }
        let fitting =
            #"{"Big":18446744073709551615,"Small":[-1,"2"],"Flag":true,"At":"20260101000000.000000+000","Ratio":1.5e3,"#
            + #""Part":{"__CLASS":"Test_Part","__PATH":"x","Name":"p","Sizes":[1,255],"Inner":{"Name":"q"}},"Text":null}"#
        let taken = try await take(fitting)
        #expect(taken == #"{"parameters":{"outputs":{"ReturnValue":0}}}"#, "\(taken)")
        let call = try #require(scene.provider.calls.all.last { $0.method == "ExecMethodAsync" })
        #expect(call.input["Big"] == .uint64(.max))
        #expect(call.input["Ratio"] == .double(1500))
        #expect(call.input["Flag"] == .boolean(true))
        #expect(call.input["At"]?.text == "20260101000000.000000+000")
        #expect(call.input["Text"] == nil)
        #expect(call.input["Part"]?.stringDictionary?["Inner"]?.stringDictionary?["Name"]?.text == "q")
        let deep = String(repeating: #"{"Name":"n","Inner":"#, count: 40) + "null" + String(repeating: "}", count: 40)
        let misfits = [
            #"{"Big":18446744073709551616}"#, #"{"Big":-1}"#, #"{"Big":1.5}"#, #"{"Big":true}"#, #"{"Big":[1]}"#, #"{"Small":1}"#,
            #"{"Small":[null]}"#, #"{"Small":[[1]]}"#, #"{"Flag":2}"#, #"{"At":"today"}"#, #"{"At":20260101}"#, #"{"Text":{}}"#,
            #"{"Part":"p"}"#,
            #"{"Part":{"Other":1}}"#, #"{"Part":{"Name":"p","Sizes":[256]}}"#, #"{"Text":"a","text":"b"}"#, #"{"Text":"\u0000"}"#,
            #"{"Part":\#(deep)}"#,
        ]
        for misfit in misfits {
            let answer = try await take(misfit)
            #expect(answer.contains(#""name":"InvalidMethodParameters""#), "\(misfit): \(answer)")
        }
        #expect(try await take(#"{"Part":{"__CLASS":"Test_Nothing"}}"#).contains("io.cimbus.CIM.Failed"))
    }

    @Test(
        "varlink: Query streams an instance in each reply, and ends with one that has none; without more it is ExpectedMore; oneway is silent"
    )
    func query() async throws {
        let scene = try await Self.open()
        let peer = try scene.peer()
        let query = #"{"query":"SELECT * FROM Test_Thing"}"#
        #expect(try await peer.call("io.cimbus.CIM.Query", query) == #"{"error":"org.varlink.service.ExpectedMore","parameters":{}}"#)
        // Calls that wait behind one another are answered in their order.
        await peer.write("{\"method\":\"io.cimbus.CIM.Get\",\"parameters\":{\"path\":\"Test_Thing.Name='thing0'\"},\"oneway\":true}\0")
        await peer.write("{\"method\":\"io.cimbus.CIM.Query\",\"parameters\":\(query),\"more\":true}\0")
        await peer.write("{\"method\":\"io.cimbus.CIM.Query\",\"parameters\":{\"query\":\"SELECT\"},\"more\":true}\0")
        for _ in 0..<3 {
            let reply = try #require(try await peer.read())
            #expect(
                reply.hasPrefix(#"{"parameters":{"instance":{"__CLASS":"Test_Thing""#) && reply.hasSuffix(#"},"continues":true}"#),
                "\(reply)")
        }
        #expect(try await peer.read() == #"{"parameters":{}}"#)
        #expect(try await peer.read()?.contains("io.cimbus.CIM.Failed") == true)
    }

    @Test("varlink: what is no call ends its connection with Malformed, and no other connection")
    func malformed() async throws {
        let scene = try await Self.open(["--patience", "1"])
        let other = try scene.peer()
        let long = #"{"method":"a.b.C","parameters":{"x":""# + String(repeating: "x", count: 1 << 20)
        let texts = [
            "hello\0", "{\0", "\0", "[]\0", "{}\0", #"{"method":7}"# + "\0", #"{"method":"x"}"# + "\0",
            #"{"method":"a.b","parameters":[]}"# + "\0",
            #"{"method":"a.b","more":1}"# + "\0", #"{"method":"a.b","upgrade":true}"# + "\0", #"{"method":"a.b"} x"# + "\0",
            #"{"method":"a.b","parameters":{"x":01}}"# + "\0", #"{"method":"a.b","parameters":{"x":nan}}"# + "\0",
            #"{"method":"a\q.b"}"# + "\0", "{\"method\":\"a\n.b\"}\0", String(repeating: "[", count: 100_000) + "\0",
            #"{"method":"a.b","parameters":"# + String(repeating: #"{"x":"#, count: 65) + "1" + String(repeating: "}", count: 66) + "\0",
            long + "\"}}\0",
            // One that does not come to its end.
            #"{"method":"#,
        ]
        for text in texts {
            let peer = try scene.peer()
            await peer.write(text)
            let answer = try await peer.read()
            // Where the facade did not read all, the system may throw its last words away.
            if text.utf8.count < 1 << 20 || answer != nil {
                #expect(answer?.hasPrefix(#"{"error":"io.cimbus.CIM.Malformed""#) == true, "\(text.prefix(80)): \(answer ?? "closed")")
            }
            #expect(try await peer.read() == nil)
        }
        let binary = try scene.peer()
        await binary.write([0x7B, 0x22, 0xFF, 0xC0, 0x22, 0x7D, 0])
        #expect(try await binary.read()?.contains("UTF-8") == true)
        #expect(try await other.call("org.varlink.service.GetInfo").contains("CIMBus"))
        #expect(scene.facade.currentEnd == nil)
    }

    @Test("varlink: of 33 connections the last is told Busy; when one has ended, the next is served; a silent one ends in its time")
    func connections() async throws {
        let scene = try await Self.open(["--idle", "2"])
        var peers: [VarlinkPeer] = []
        for _ in 0..<32 { peers.append(try scene.peer()) }
        // Each of them has its place.
        for peer in peers { #expect(try await peer.call("org.varlink.service.GetInfo").contains("CIMBus")) }
        let refused = try scene.peer()
        #expect(try await refused.read() == #"{"error":"io.cimbus.CIM.Busy","parameters":{}}"#)
        #expect(try await refused.read() == nil)
        for peer in peers { #expect(try await peer.read() == nil) }
        #expect(try await scene.peer().call("org.varlink.service.GetInfo").contains("CIMBus"))
    }

    @Test("varlink: a broker that is gone is TransportFailure, one that is back is asked again; a provider that hangs is TimedOut")
    func failures() async throws {
        let scene = try await Self.open()
        let peer = try scene.peer()
        scene.provider.on("GetObjectAsync") { $0.abandon() }
        let late = try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing.Name=\"thing1\"","timeout":0.2}"#)
        #expect(late.contains(#""name":"TimedOut""#), "\(late)")
        try await scene.broker.process.killAndWait()
        let gone = try await peer.call("io.cimbus.CIM.Describe", #"{"class":"__Namespace"}"#)
        #expect(gone.contains(#""name":"TransportFailure""#), "\(gone)")
        let next = try await BrokerProcess.start(on: scene.bus)
        #expect(try await peer.call("io.cimbus.CIM.Describe", #"{"class":"__Namespace"}"#).contains(#""name":"__NAMESPACE""#))
        withExtendedLifetime(next) {}
    }

    @Test("varlink: a client that takes no answers is dropped when the patience is over, and its query with it")
    func slow() async throws {
        let scene = try await Self.open(["--patience", "1"])
        let text = String(repeating: "x", count: 10_000)
        scene.provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            for _ in 0..<1000 {
                let things = (0..<20).map { call.provider.thing("t\($0)") + [("Text", .string(text))] }
                _ = try await call.sink.indicate(things)
            }
        }
        let peer = try scene.peer()
        await peer.write("{\"method\":\"io.cimbus.CIM.Query\",\"parameters\":{\"query\":\"SELECT * FROM Test_Thing\"},\"more\":true}\0")
        try await withDeadline(.seconds(30), "the query to be cancelled") {
            _ = try await scene.provider.cancelled.wait("a cancelled call") { !$0.isEmpty }
        }
        #expect(try await scene.peer().call("org.varlink.service.GetInfo").contains("CIMBus"))
    }

    @Test("varlink: what a client asked is cancelled when the client leaves")
    func leaving() async throws {
        let scene = try await Self.open()
        scene.provider.on("GetObjectAsync") { $0.reply(references: 1) }
        var peer: VarlinkPeer? = try scene.peer()
        await peer?.write("{\"method\":\"io.cimbus.CIM.Get\",\"parameters\":{\"path\":\"Test_Thing.Name='thing1'\"}}\0")
        _ = try await scene.provider.calls.wait("the call") { !$0.isEmpty }
        #expect(scene.provider.cancelled.all.isEmpty)
        peer = nil
        _ = try await scene.provider.cancelled.wait("a cancelled call") { !$0.isEmpty }
    }

    @Test(
        "varlink: a socket of the service manager's is served, and its file's mode opens it to nobody but its user and root",
        .enabled(if: geteuid() == 0, "only root becomes another user"))
    func identity() async throws {
        let scene = try await Self.open()
        let folder = try Self.scratchFolder()
        let path = folder + "/socket"
        defer {
            unlink(path)
            rmdir(folder)
        }
        chmod(folder, 0o755)
        let listener = FileDescriptorBox(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        #expect(VarlinkPeer.withAddress(path, { bind(listener.rawValue, $0, $1) }) == 0 && listen(listener.rawValue, 8) == 0)
        chmod(path, 0o666)
        let facade = try await Self.start(
            ["--address", scene.bus.address], environment: "export LISTEN_PID=$$ LISTEN_FDS=1;", descriptor: listener)
        #expect(try await VarlinkPeer(path).call("org.varlink.service.GetInfo").contains("CIMBus"))
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
            print(s.recv(1000).decode().rstrip(chr(0)), s.recv(1000))
            """
        let stranger = try await ChildProcess.output(
            "setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", script, path])
        #expect(stranger.text == "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}} b''\n")
        withExtendedLifetime(facade) {}
    }

    @Test("varlink: a socket's file that nobody serves is replaced, one that is served is not; the file is its user's alone")
    func socketFile() async throws {
        let scene = try await Self.open()
        var status = stat()
        #expect(stat(scene.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let arguments = ["--address", scene.bus.address, "--socket", scene.path]
        await #expect(throws: ProcessError.self) { _ = try await Self.start(arguments) }
        try await scene.facade.killAndWait()
        let next = try await Self.start(arguments)
        #expect(try await scene.peer().call("org.varlink.service.GetInfo").contains("CIMBus"))
        withExtendedLifetime(next) {}
    }

    @Test("varlink: io.systemd.Metrics lists and describes what the broker counts, a reply for each; without more it is ExpectedMore")
    func metrics() async throws {
        let scene = try await Self.open()
        let peer = try scene.peer()
        _ = try await peer.call("io.cimbus.CIM.Get", #"{"path":"Test_Thing.Name=\"thing0\""}"#)
        func all(_ method: String) async throws -> [String] {
            var replies = [try await peer.call("io.systemd.Metrics.\(method)", "{}", ",\"more\":true")]
            while let last = replies.last, last.contains("\"continues\":true"), let next = try await peer.read() { replies.append(next) }
            return replies
        }
        let list = try await all("List")
        #expect(
            list.contains {
                // The class was read, too.
                $0.hasPrefix(#"{"parameters":{"name":"io.cimbus.CIM.operations_total","value":"#)
                    && $0.hasSuffix(#","fields":{"kind":"GetObject","status":"NoError"}},"continues":true}"#)
            },
            "\(list)")
        #expect(
            list.contains {
                $0.contains(
                    #""io.cimbus.CIM.provider_duration_seconds_bucket","value":1,"fields":{"namespace":"root/cimv2","provider":"Raw","le":"+Inf"}"#
                )
            },
            "\(list)")
        #expect(list.contains { $0.hasPrefix(#"{"parameters":{"name":"io.cimbus.CIM.sink_references","value":0}"#) }, "\(list)")
        let families = try await all("Describe")
        #expect(
            families.contains {
                $0.hasPrefix(
                    #"{"parameters":{"name":"io.cimbus.CIM.registrations","description":"Registrations of providers, by their state.","type":"gauge"}"#
                )
            },
            "\(families)")
        #expect(families.contains { $0.contains(#""io.cimbus.CIM.objects_total""#) && $0.contains(#""type":"counter""#) }, "\(families)")
        #expect(families.contains { $0.contains(#""io.cimbus.CIM.provider_duration_seconds_sum""#) && $0.contains(#""type":"counter""#) })
        // systemd takes a family's name that is a field's behind an interface's.
        #expect(families.allSatisfy { $0.contains(/"name":"io\.cimbus\.CIM\.[a-z]+(_[a-z0-9]+)*"/) }, "\(families)")
        #expect(try await peer.call("io.systemd.Metrics.List").contains("org.varlink.service.ExpectedMore"))
        #expect(try await peer.call("io.systemd.Metrics.Lst", "{}", ",\"more\":true").contains("MethodNotFound"))
        try await scene.broker.process.killAndWait()
        #expect(try await peer.call("io.systemd.Metrics.List", "{}", ",\"more\":true").contains("io.cimbus.CIM.Failed"))
    }

    @Test("varlink: what the broker counts is read with its labels, as they were before they were escaped; a line that is none is left out")
    func families() {
        let families = MetricFamilies(
            "# HELP cimbus_x A \\\"x\\\".\n# TYPE cimbus_x gauge\ncimbus_x{a=\"b\\\"c\\\\d\\ne\",f=\"\"} 1.5\ncimbus_x{a= 1\ncimbus_x{a=\"\ncimbus_x +Inf\n1\n# EOF\n"
        ).families
        #expect(families.map(\.name) == ["x"] && families.first?.description == "A \"x\"." && families.first?.kind == .gauge)
        #expect(families.first?.samples.map(\.labels) == [[.init(name: "a", value: "b\"c\\d\ne"), .init(name: "f", value: "")]])
    }
}
