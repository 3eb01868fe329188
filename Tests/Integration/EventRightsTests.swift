import CIM
import CIMBusWire
import DBus
import Dispatch
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Who may subscribe, who may raise, and who gets what (Semantics J.7). The other user is a process with uid 65534.
    @Suite(.enabled(if: getuid() == 0), .timeLimit(.minutes(1)))
    struct EventRightsTests {
        private static func start(_ rules: String) async throws -> (Scene, RightsFolder) {
            let folder = try RightsFolder(rules)
            let scene = try await Scene.start(options: ["--rights", folder.path], bus: try await PrivateBus.start(allUsers: true))
            return (scene, folder)
        }

        private static func subscribe(_ scene: Scene, _ query: String) async throws -> String {
            try await scene.bus.callAsStranger(
                Contract.path(of: .cimv2), Contract.services,
                ["ExecNotificationQuerySemisync", "ssia{sv}", "WQL", query, "32", "0"])
        }

        /// A process of the other user that shows what comes to it, and what it says.
        private static func watch(_ scene: Scene, _ query: String, count: Int) throws -> (process: ChildProcess, output: Recorder<String>) {
            let process = try ChildProcess(
                "/bin/sh",
                [
                    "-c", "exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\" 2>&1", "sh", BuildFolder.path(of: "cimctl"),
                    "watch",
                    query, "--count", "\(count)", "--address", scene.bus.address,
                ])
            let (lines, output) = (process.lines, Recorder<String>())
            Task { for await line in lines { output.record(line) } }
            return (process, output)
        }

        @Test(
            "EV95: events of one class in one call are each looked at: of one about another class than the EventQueryList names none is raised"
        )
        func coveredByTarget() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus, mof: EventTests.watched)
            let open = try await scene.client.start(.events("SELECT * FROM __InstanceCreationEvent"), .async)
            func creation(_ className: String, _ name: String) -> [(String, DBusValue)] {
                let target: DBusValue = .dictionary([("__CLASS", .string(className)), ("Name", .string(name))])
                return [("__CLASS", .string("__InstanceCreationEvent")), ("TargetInstance", target)]
            }
            await #expect(throws: DBusError.self) { try await source.raise([creation("Test_Watched", "a"), creation("__NAMESPACE", "b")]) }
            try await source.raise([creation("Test_Watched", "c")])
            let sink = try #require(open.sink)
            try await sink.events.wait("an event") { !$0.isEmpty }
            let names = sink.objects.map { $0["TargetInstance"]?.unwrapped.stringDictionary?["Name"]?.text }
            #expect(names == ["c"])
        }

        @Test("EV85: a subscriber that asks for it hears that its query is known when the provider has read it, and not before")
        func knownQuery() async throws {
            let scene = try await Scene.start()
            let held = DispatchSemaphore(value: 0)
            let source = try await EventSource.start(on: scene.bus, answersAccess: .noError, onNewQuery: { held.wait() })
            defer { held.signal() }
            let open = try await scene.client.start(.events("SELECT * FROM Test_Alarm"), .async, flags: 0x80)
            let sink = try #require(open.sink)
            _ = try await source.told.wait("NewQuery") { $0.contains { if case .newQuery = $0 { true } else { false } } }
            // What the broker has said to the client before it answers is there with the answer.
            _ = try await scene.client.property(Contract.rootPath, Contract.broker, "Connections")
            #expect(sink.events.all.isEmpty)
            held.signal()
            let told = try await sink.events.wait("the report") { !$0.isEmpty }
            guard case .status(flags: 2, hresult: 0x1_0001, parameter: let text, _) = told[0] else {
                return #expect(Bool(false), "\(told)")
            }
            #expect(text == "every source of such events knows the query")
        }

        @Test(
            "EV99: everybody may subscribe, but where a rule denies Subscribe: the refusal names the user, the right, the class and the rule"
        )
        func subscribe() async throws {
            let (scene, folder) = try await Self.start("deny user:65534 Subscribe root/cimv2 class Test_*\n")
            let source = try await EventSource.start(on: scene.bus)
            #expect(try await Self.subscribe(scene, "SELECT * FROM __ClassCreationEvent").hasPrefix("o "))
            let denied = try await Self.subscribe(scene, "SELECT * FROM Test_Alarm")
            #expect(denied.contains("0x80041003") && denied.contains("uid 65534 has not the right Subscribe"), "\(denied)")
            #expect(denied.contains("class Test_Alarm in root/cimv2: \(folder.file):1 says"), "\(denied)")
            withExtendedLifetime(source) {}
        }

        @Test(
            "EV63, EV100, EV122: another user gets no event that a descriptor, a sink or a rule keeps from it, and hears of no losses of others"
        )
        func audience() async throws {
            let (scene, folder) = try await Self.start("deny user:65534 Subscribe root/cimv2 class Test_LoudAlarm\n")
            let source = try await EventSource.start(on: scene.bus)
            let watch = try Self.watch(scene, "SELECT * FROM Test_Alarm", count: 3)
            let losses = try Self.watch(scene, "SELECT * FROM __EventDroppedEvent", count: 1)
            try await scene.waitForOperations(2)
            func words(_ text: String) -> [(String, DBusValue)] {
                [("SECURITY_DESCRIPTOR", .array(element: Signature(verified: "y"), Array(text.utf8).map { .byte($0) }))]
            }
            try await source.raise([EventSource.alarm("others") + words("uid:1000"), EventSource.alarm("named") + words("uid:65534")])
            try await source.raise("loud", className: "Test_LoudAlarm")
            _ = try await source.call(source.sink, Contract.eventSink, "SetSinkSecurity", [.string("gid:4711")])
            try await source.raise("kept")
            _ = try await source.call(source.sink, Contract.eventSink, "SetSinkSecurity", [.string("gid:65534 uid:65534")])
            try await source.raise("let")
            _ = try await source.call(source.sink, Contract.eventSink, "SetSinkSecurity", [.string("")])
            try await source.raise("open")
            // Somebody of root's loses events meanwhile.
            let slow = scene.client.makeSink(acknowledges: false)
            let stuck = try await scene.client.start(.events("SELECT * FROM Test_Alarm WHERE Level = 7"), .async, sink: slow)
            let text = String(repeating: "x", count: 4_000)
            var lost = false
            while !lost {
                try await source.raise((0..<50).map { _ in EventSource.alarm(text, level: 7, className: "Test_LoudAlarm") })
                lost = try await scene.client.property(try #require(stuck.path), Contract.operation, "EventsLost") != .uint64(0)
            }
            let output = try await watch.output.wait("three events") { $0.count == 3 }
            #expect(output.map { $0.contains("named") || $0.contains("let") || $0.contains("open") } == [true, true, true], "\(output)")
            #expect(losses.output.all.isEmpty && losses.process.currentEnd == nil)
            withExtendedLifetime((folder, watch.process)) {}
        }

        @Test("EV46: a look at instances has the rights of the subscriber, whoever else has them looked at; another user's is another look")
        func polled() async throws {
            let (scene, folder) = try await Self.start("deny user:65534 Enable root/cimv2 class Test_Thing\n")
            let provider = try await scene.provider(things: 1)
            let query = "SELECT * FROM __InstanceCreationEvent WITHIN 0.1 WHERE TargetInstance ISA 'Test_Thing'"
            let open = try await scene.client.start(.events(query), .async)
            try await provider.calls.wait("two looks") { $0.count >= 2 }
            let watch = try Self.watch(scene, query, count: 1)
            let output = try await watch.output.wait("the refusal") { $0.contains { $0.contains("has not the right Enable") } }
            #expect(output.contains { $0.contains("the first look at the instances of Test_Thing failed") }, "\(output)")
            withExtendedLifetime((folder, open, watch.process)) {}
        }

        @Test("EV79, EV95, EV122: who may register brings event classes of its own, and no EventQueryList for another's")
        func brought() async throws {
            let (scene, folder) = try await Self.start("allow user:65534 Register root/cimv2 provider Mine\n")
            let source = try await EventSource.start(on: scene.bus)
            func register(_ mof: String) async throws -> String {
                try await scene.bus.callAsStranger(
                    Contract.rootPath, Contract.basicEventProvider,
                    ["Register", "ia{sv}sssso", "0", "1", "MOF", "s", mof, "", "", "root/cimv2", "Mine", "/"])
            }
            let queries = """
                instance of __Win32Provider as $P { Name = "Mine"; HostingModel = "Decoupled:DBus"; };
                instance of __EventProviderRegistration { provider = $P; EventQueryList = { "SELECT * FROM Test_Alarm" }; };
                """
            let stolen = try await register(queries)
            #expect(stolen.contains("0x80041003") && stolen.contains("Test_Alarm"), "\(stolen)")
            let own = try await register("class Mine_Alarm : __ExtrinsicEvent { string Text; };")
            #expect(own.hasPrefix("o "), "\(own)")
            let again = try await register("class Mine_Alarm : __ExtrinsicEvent { string Text; };")
            #expect(again.hasPrefix("o "), "\(again)")
            withExtendedLifetime((folder, source)) {}
        }
    }
}
