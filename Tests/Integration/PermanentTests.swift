import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Subscriptions that are stored: filters, consumers, and bindings of the two (Semantics J.4); timers (J.9).
    @Suite(.timeLimit(.minutes(1))) struct PermanentTests {
        /// A broker with a directory for logs of events.
        private static func start(_ folder: StateFolder, _ options: [String] = [], bus: PrivateBus? = nil) async throws -> Scene {
            try await Scene.start(options: ["--event-logs", folder.path] + options, bus: bus)
        }

        /// A filter and a binding to a consumer.
        private static func subscription(
            _ consumer: String, to query: String = "SELECT * FROM Test_Alarm", name: String = "one", filter: String = ""
        ) -> String {
            """
            instance of __EventFilter as $F { Name = "\(name)"; Query = "\(query)"; EventNamespace = "root/cimv2"; \(filter) };
            instance of \(consumer)
            instance of __FilterToConsumerBinding { Filter = $F; Consumer = $C; };
            """
        }

        private static func file(_ size: Int = 0, text: String = "%Place% at %Level%") -> String {
            #"LogFileEventConsumer as $C { Name = "log"; Filename = "alarms.log"; Text = "\#(text)"; MaximumFileSize = \#(size); };"#
        }

        private func compile(_ mof: String, _ scene: Scene) async throws { try await scene.client.mustCompile(mof, in: "root") }

        private func lines(_ path: String) -> [String] {
            guard let file = fopen(path, "r") else { return [] }
            defer { fclose(file) }
            var lines: [String] = []
            var buffer = [CChar](repeating: 0, count: 4_096)
            while fgets(&buffer, Int32(buffer.count), file) != nil {
                lines.append(String(decoding: buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            return lines
        }

        private func states(_ scene: Scene) async throws -> [[String: DBusValue]] {
            let result = try await scene.client.call(
                ObjectPath(verified: "/org/cimbus1/namespaces/root"), Contract.services, "CreateInstanceEnum",
                [.string("CIMBus_PermanentSubscription"), .int32(0), .dictionary([])])
            return result.first?.elements?.compactMap(\.stringDictionary) ?? []
        }

        private func wait(_ state: String, _ scene: Scene) async throws -> [String: DBusValue] {
            var found: [String: DBusValue] = [:]
            try await scene.eventually("a subscription that is \(state)") {
                found = try await states(scene).first ?? [:]
                return found["State"]?.text == state
            }
            return found
        }

        @Test(
            "EV49, EV54, EV59, EV60: a filter, a log and their binding write a line for each event, also after a restart of the broker, until the binding goes"
        )
        func log() async throws {
            let (folder, state) = (try StateFolder(), try StateFolder())
            defer { unlink(folder.path + "/alarms.log") }
            let scene = try await Self.start(folder, ["--state", state.path])
            let source = try await EventSource.start(on: scene.bus)
            try await compile(Self.subscription(Self.file(), to: "SELECT * FROM Test_Alarm WHERE Level > 4"), scene)
            _ = try await wait("active", scene)
            try await source.raise("cellar", level: 4)
            try await source.raise("roof\ntop", level: 5)
            let log = folder.path + "/alarms.log"
            try await scene.eventually("a line") { lines(log) == ["roof top at 5"] }
            await source.connection.close()
            let next = try await scene.restarted(on: state, ["--event-logs", folder.path])
            let again = try await EventSource.start(on: next.bus)
            _ = try await wait("active", next)
            try await again.raise("attic", level: 6)
            try await next.eventually("the second line") { lines(log) == ["roof top at 5", "attic at 6"] }
            let shown = try #require(try await states(next).first)
            #expect(shown["Delivered"] == .uint64(1) && shown["Filter"]?.text == "one" && shown["CreatorUserID"] == .uint32(getuid()))
            let binding = try #require(shown["Binding"]?.text).dropFirst("root:".count)
            _ = try await next.client.call(
                ObjectPath(verified: "/org/cimbus1/namespaces/root"), Contract.services, "DeleteInstance",
                [.string(String(binding)), .int32(0), .dictionary([])])
            try await next.eventually("the end") { try await !again.isActive() }
            #expect(try await states(next).isEmpty)
        }

        @Test("EV59: a log is moved to NAME.001 when it has grown to its size, and what was that to NAME.002")
        func rotation() async throws {
            let folder = try StateFolder()
            let log = folder.path + "/alarms.log"
            defer { for end in ["", ".001", ".002"] { unlink(log + end) } }
            let scene = try await Self.start(folder)
            let source = try await EventSource.start(on: scene.bus)
            try await compile(Self.subscription(Self.file(10, text: "0123456789 %Place%")), scene)
            _ = try await wait("active", scene)
            for place in ["a", "b", "c"] { try await source.raise(place) }
            try await scene.eventually("three files") { lines(log) == ["0123456789 c"] }
            #expect(lines(log + ".001") == ["0123456789 b"] && lines(log + ".002") == ["0123456789 a"])
        }

        @Test("EV57, EV121: what cannot be used is stored, inactive, and says why; it becomes active when what it lacked is there")
        func inactive() async throws {
            let folder = try StateFolder()
            defer { unlink(folder.path + "/alarms.log") }
            let scene = try await Self.start(folder)
            try await compile(Self.subscription(Self.file()), scene)
            let shown = try await wait("inactive", scene)
            #expect(shown["Status"] == .uint32(WBEMStatus.invalidClass.rawValue))
            #expect(shown["Explanation"]?.text?.contains("Test_Alarm") == true)
            try await scene.broker.log.wait("the log") { $0.contains { $0.contains("is inactive: WBEM_E_INVALID_CLASS") } }
            let source = try await EventSource.start(on: scene.bus)
            _ = try await wait("active", scene)
            try await source.raise("late", level: 1)
            try await scene.eventually("a line") { lines(folder.path + "/alarms.log") == ["late at 1"] }
            _ = try await scene.client.call(
                ObjectPath(verified: "/org/cimbus1/namespaces/root"), Contract.services, "DeleteInstance",
                [.string("__EventFilter.Name=\"one\""), .int32(0), .dictionary([])])
            let without = try #require(try await states(scene).first)
            #expect(without["State"]?.text == "inactive" && without["Status"] == .uint32(WBEMStatus.notFound.rawValue))
            #expect(without["Explanation"]?.text?.contains("there is no __EventFilter.Name=\"one\"") == true, "\(without)")
        }

        @Test("EV22: a filter whose query does not parse, or is in another language, is refused where it is written")
        func filters() async throws {
            let folder = try StateFolder()
            let scene = try await Self.start(folder)
            for (filter, status) in [
                (#"Query = "SELECT FROM";"#, WBEMStatus.unparsableQuery), (#"Query = "x"; QueryLanguage = "CQL";"#, .invalidQueryType),
            ] {
                let result = try await scene.client.compile(#"instance of __EventFilter { Name = "bad"; \#(filter) };"#, in: "root")
                #expect(result.status == status, "\(result.message)")
            }
        }

        @Test("EV53, EV105: the broker writes who made each part, whatever is said, and only who may write the namespace's security may")
        func creators() async throws {
            try #require(getuid() == 0)
            let rules = try RightsFolder("allow user:65534 FullWrite,PartialWrite root\n")
            let folder = try StateFolder()
            let bus = try await PrivateBus.start(allUsers: true)
            let scene = try await Self.start(folder, ["--rights", rules.path], bus: bus)
            func strangers(_ mof: String) async throws -> String {
                try await bus.callAsStranger(
                    Contract.rootPath, Contract.mofCompiler, ["CompileBuffer", "ssiii", mof, "root", "0", "0", "0"])
            }
            let refused = try await strangers(#"instance of __EventFilter { Name = "theirs"; Query = "SELECT * FROM __Event"; };"#)
            #expect(refused.contains("2147749891") && refused.contains("WriteSecurity"), "\(refused)")
            // Also where the class comes with the instance.
            let own = try await strangers(
                #"class Their_Consumer : __EventConsumer { [key] string Name; }; instance of Their_Consumer { Name = "c"; };"#)
            #expect(own.contains("2147749891") && own.contains("WriteSecurity"), "\(own)")
            try rules.write("allow user:65534 FullWrite,PartialWrite,WriteSecurity root\n")
            _ = try await scene.client.call(Contract.rootPath, Contract.broker, "Reload")
            let sid = "{117, 105, 100, 58, 48}"
            let taken = try await strangers(
                #"instance of __EventFilter { Name = "theirs"; Query = "SELECT * FROM __ClassCreationEvent"; CreatorSID = \#(sid); };"#)
            #expect(!taken.contains("WriteSecurity"), "\(taken)")
            try await scene.client.mustCompile(
                """
                instance of LogFileEventConsumer as $C { Name = "log"; Filename = "mixed.log"; };
                instance of __FilterToConsumerBinding { Filter = "__EventFilter.Name=\\"theirs\\""; Consumer = $C; };
                """, in: "root")
            let shown = try await wait("inactive", scene)
            #expect(shown["Status"] == .uint32(WBEMStatus.accessDenied.rawValue))
            #expect(shown["Explanation"]?.text?.contains("not made by one user") == true)
        }

        @Test(
            "EV105: with a registration nobody brings parts of subscriptions, or makes itself the consumer of others' events, without WriteSecurity"
        )
        func brought() async throws {
            try #require(getuid() == 0)
            let rules = try RightsFolder("allow user:65534 Register,FullWrite root/cimv2\n")
            let folder = try StateFolder()
            let bus = try await PrivateBus.start(allUsers: true)
            let scene = try await Self.start(folder, ["--rights", rules.path], bus: bus)
            func register(_ mof: String) async throws -> String {
                try await bus.callAsStranger(
                    Contract.rootPath, Contract.basicEventProvider,
                    ["Register", "ia{sv}sssso", "0", "1", "MOF", "s", mof, "", "", "root/cimv2", "Mine", "/"])
            }
            let provider = #"instance of __Win32Provider as $P { Name = "Mine"; HostingModel = "Decoupled:DBus"; };"#
            let consumer = #"instance of __EventConsumerProviderRegistration { provider = $P; ConsumerClassNames = { "Test_Pager" }; };"#
            for mof in [#"instance of __EventFilter { Name = "f"; Query = "SELECT * FROM __Event"; };"#, provider + consumer] {
                let answer = try await register(mof)
                #expect(answer.contains("0x80041003") && answer.contains("WriteSecurity"), "\(answer)")
            }
            #expect(try await register(provider).hasPrefix("o "))
            // What an administrator has written may be brought again.
            try await scene.client.mustCompile(provider + consumer, in: "root/cimv2")
            #expect(try await register(provider + consumer).hasPrefix("o "))
        }

        @Test("EV102: EventAccess says whose events a filter takes; root's are always taken")
        func access() async throws {
            try #require(getuid() == 0)
            let (folder, rules) = (try StateFolder(), try RightsFolder("allow user:65534 Register root/cimv2 provider SampleLines\n"))
            let (log, pipe) = (folder.path + "/alarms.log", folder.path + "/lines")
            try #require(mkfifo(pipe, 0o600) == 0)
            let input = open(pipe, O_RDWR)
            defer {
                close(input)
                unlink(log)
                unlink(pipe)
            }
            let scene = try await Self.start(folder, ["--rights", rules.path], bus: try await PrivateBus.start(allUsers: true))
            let source = try await EventSource.start(on: scene.bus)
            let theirs = try ChildProcess(
                "/bin/sh",
                [
                    "-c", "exec setpriv --reuid 65534 --regid 65534 --clear-groups /usr/bin/python3 \"$@\" < '\(pipe)'", "sh",
                    EventSampleTests.sample("raise-events"), "--address", scene.bus.address,
                ])
            try await EventSampleTests.output(theirs).wait("the source to be ready") { $0 == ["ready"] }
            let all = try await scene.client.start(.events("SELECT * FROM Sample_Line"), .async)
            try await compile(
                Self.subscription(
                    Self.file(text: "%Text%%Place%"), to: "SELECT * FROM __ExtrinsicEvent", filter: #"EventAccess = "uid:4711";"#), scene)
            _ = try await wait("active", scene)
            #expect(write(input, "kept away\n", 10) == 10)
            // What another subscriber has had, this one would have had, too.
            _ = try await all.sink?.events.wait("the other's event") { !$0.isEmpty }
            try await source.raise("taken")
            try await scene.eventually("a line") { lines(log).contains("taken") }
            #expect(lines(log) == ["taken"])
            withExtendedLifetime(theirs) {}
        }

        @Test(
            "EV59, EV65: a signal, and a unit that systemd does not start: the failure is counted, said, and raised as an event of its own")
        func signalsAndUnits() async throws {
            let folder = try StateFolder()
            let scene = try await Self.start(folder)
            let source = try await EventSource.start(on: scene.bus)
            let listener = try await scene.bus.connect(on: EventLoop(name: "listener"))
            let heard = Recorder<[DBusValue]>()
            _ = try await listener.addMatch(
                MatchRule(interface: InterfaceName(verified: "org.cimbus1.EventSignal"), member: MemberName(verified: "Event"))
            ) { message in
                if let values = try? message.values() { heard.record(values) }
            }
            let failures = try await scene.client.start(.events("SELECT * FROM __ConsumerFailureEvent"), .async)
            try await scene.client.mustCompile(
                """
                instance of __EventFilter as $F { Name = "f"; Query = "SELECT * FROM Test_Alarm"; EventNamespace = "root/cimv2"; };
                instance of CIMBus_SignalEventConsumer as $S { Name = "signal"; };
                instance of CIMBus_UnitEventConsumer as $U { Name = "unit"; Unit = "alarm@%Place%.service"; };
                instance of __FilterToConsumerBinding { Filter = $F; Consumer = $S; };
                instance of __FilterToConsumerBinding { Filter = $F; Consumer = $U; };
                """, in: "root")
            try await scene.eventually("two active") { try await states(scene).count { $0["State"]?.text == "active" } == 2 }
            try await source.raise("a/b c", level: 3)
            let signal = try #require(try await heard.wait("the signal") { $0.count == 1 }.first)
            #expect(signal.first?.text == "signal" && signal[1].stringDictionary?["Place"]?.text == "a/b c")
            let sink = try #require(failures.sink)
            try await sink.events.wait("the failure") { !$0.isEmpty }
            let failure = try #require(sink.objects.first)
            #expect(failure["ErrorDescription"]?.text?.contains(#"unit alarm@a-b\x20c.service is not started"#) == true, "\(failure)")
            #expect(failure["IntendedConsumer"]?.text?.contains("CIMBus_UnitEventConsumer.Name=\"unit\"") == true, "\(failure)")
            let unit = try #require(try await states(scene).first { $0["Consumer"]?.text?.contains("unit") == true })
            #expect(unit["Failures"] == .uint64(1) && unit["Delivered"] == .uint64(0))
        }

        @Test("EV59: an entry of the journal has the text, the priority and the class")
        func journal() async throws {
            let folder = try StateFolder()
            let socket = try DatagramSocket(folder.path + "/journal")
            let scene = try await Self.start(folder, ["--journal", folder.path + "/journal"])
            let source = try await EventSource.start(on: scene.bus)
            try await compile(
                Self.subscription(
                    #"CIMBus_JournalEventConsumer as $C { Name = "j"; Text = "alarm: %Place%"; Priority = 3; Identifier = "site"; };"#),
                scene)
            _ = try await wait("active", scene)
            try await source.raise("roof", level: 9)
            let entry = try await socket.receive()
            #expect(entry.split(separator: "\n").contains("MESSAGE=alarm: roof"), "\(entry)")
            for field in ["PRIORITY=3", "SYSLOG_IDENTIFIER=site", "CIMBUS_CLASS=Test_Alarm", "CIMBUS_CONSUMER=j"] {
                #expect(entry.split(separator: "\n").contains(Substring(field)), "\(entry)")
            }
        }

        @Test("EV49, EV54: a consumer of a provider's class gets its events, and its provider is started for them")
        func provided() async throws {
            let services = try ServiceFolder()
            try services.write("org.example.Late", "/bin/sleep 60")
            let folder = try StateFolder()
            let scene = try await Self.start(folder, bus: try await PrivateBus.start(services: services))
            let source = try await EventSource.start(on: scene.bus)
            try await scene.client.mustCompile(
                """
                class Test_Pager : __EventConsumer { [key] string Number; };
                instance of __Win32Provider as $P { Name = "Late"; HostingModel = "Decoupled:DBus"; BusName = "org.example.Late"; };
                instance of __EventConsumerProviderRegistration { provider = $P; ConsumerClassNames = { "Test_Pager" }; };
                instance of __EventFilter as $F { Name = "f"; Query = "SELECT * FROM Test_Alarm"; };
                instance of Test_Pager as $C { Number = "123"; };
                instance of __FilterToConsumerBinding { Filter = $F; Consumer = $C; };
                """, in: "root/cimv2")
            _ = try await wait("active", scene)
            try await source.raise("roof", level: 9)
            try await scene.broker.log.wait("the start") { $0.contains { $0.contains("starting provider Late") } }
            let pager = try await scene.bus.connect(on: EventLoop(name: "pager"))
            let paged = Recorder<[DBusValue]>()
            let interface = ExportedInterface(
                Interfaces.consumerProvider,
                methods: [
                    "IndicateToConsumer": .immediate { call in
                        let values = (try? call.message.values()) ?? []
                        paged.record(values)
                        let isBad = values.count > 1 && values[1].stringDictionary?["Place"]?.text == "bad"
                        call.reply([.uint32(isBad ? WBEMStatus.failed.rawValue : 0)])
                    }
                ])
            await pager.export(ExportedObject([interface]), at: EventSource.path)
            let register = try Message.methodCall(
                destination: BusName(Contract.busName), path: Contract.rootPath, interface: Contract.basicEventProvider,
                member: MemberName(verified: "Register"),
                values: [
                    .int32(0), .dictionary([]), .string(""), .string(""), .string("root/cimv2"), .string("Late"),
                    .objectPath(EventSource.path),
                ])
            _ = try await pager.call(register)
            let first = try #require(try await paged.wait("the event") { $0.count == 1 }.first)
            #expect(first[0].stringDictionary?["Number"]?.text == "123" && first[1].stringDictionary?["Place"]?.text == "roof")
            try await source.raise("bad")
            try await source.raise("cellar")
            #expect(try await paged.wait("three events") { $0.count == 3 }[2][1].stringDictionary?["Place"]?.text == "cellar")
            try await scene.eventually("both counted") {
                let shown = try await states(scene).first
                return shown?["Delivered"] == .uint64(2) && shown?["Failures"] == .uint64(1)
            }
            withExtendedLifetime(services) {}
        }

        @Test("EV73, EV74: an interval timer raises events while its instruction is stored, one of an absolute time raises one")
        func timers() async throws {
            let scene = try await Scene.start()
            let open = try await scene.client.start(.events("SELECT * FROM __TimerEvent"), .async)
            try await scene.client.mustCompile(
                """
                instance of __IntervalTimerInstruction { TimerId = "tick"; IntervalBetweenEvents = 100; };
                instance of __AbsoluteTimerInstruction { TimerId = "once"; EventDateTime = "20240101000000.000000+000"; };
                instance of __AbsoluteTimerInstruction { TimerId = "skipped"; EventDateTime = "20240101000000.000000+000"; SkipIfPassed = TRUE; };
                """, in: "root/cimv2")
            let sink = try #require(open.sink)
            try await sink.events.wait("four events") { $0.count >= 4 }
            let names = sink.objects.compactMap { $0["TimerId"]?.text }
            #expect(names.count { $0 == "once" } == 1 && !names.contains("skipped"))
            #expect(sink.objects.filter { $0["TimerId"]?.text == "tick" }.allSatisfy { $0["NumFirings"] != .uint32(0) })
            #expect(try await scene.client.run(.delete("__IntervalTimerInstruction.TimerId=\"tick\"")).status == .noError)
            // What was on its way has come when the next answer has.
            _ = try await scene.client.run(.enumerate("__TimerInstruction"))
            let count = sink.objects.count
            _ = try await scene.client.start(.events("SELECT * FROM __TimerEvent"), .async)
            #expect(sink.objects.count == count)
        }

        @Test(
            "EV75: what was due while the broker was away is told once it is there, by whoever stays; a firing that was told is not told again"
        )
        func passed() async throws {
            let (folder, state) = (try StateFolder(), try StateFolder())
            let log = folder.path + "/alarms.log"
            defer { unlink(log) }
            let scene = try await Self.start(folder, ["--state", state.path])
            try await compile(
                Self.subscription(Self.file(text: "%TimerId% %NumFirings%"), to: "SELECT * FROM __TimerEvent")
                    + #"instance of __AbsoluteTimerInstruction { TimerId = "root's"; EventDateTime = "20240101000000.000000+000"; };"#,
                scene)
            try await scene.client.mustCompile(
                #"instance of __AbsoluteTimerInstruction { TimerId = "due"; EventDateTime = "20240101000000.000000+000"; };"#,
                in: "root/cimv2")
            try await scene.eventually("the firing") { lines(log) == ["due 1"] }
            let next = try await scene.restarted(on: state, ["--event-logs", folder.path])
            _ = try await wait("active", next)
            try await next.client.mustCompile(
                #"instance of __AbsoluteTimerInstruction { TimerId = "later"; EventDateTime = "20240102000000.000000+000"; };"#,
                in: "root/cimv2")
            try await next.eventually("the second firing") { lines(log) == ["due 1", "later 1"] }
        }
    }
}

/// Receives what is sent to the journal.
private final class DatagramSocket: Sendable {
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard bound == 0 else { throw ProcessError(description: "bind \(path): errno \(errno)") }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    func receive() async throws -> String {
        let descriptor = descriptor
        return try await Task.detached {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw ProcessError(description: "no entry: errno \(errno)") }
            return String(decoding: buffer.prefix(count), as: UTF8.self)
        }.value
    }
}
