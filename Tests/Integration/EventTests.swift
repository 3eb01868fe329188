import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Events of decoupled providers, from Indicate to every subscriber (Semantics J).
    @Suite struct EventTests {
        private static let alarms = "SELECT * FROM Test_Alarm"

        private static func objects(_ events: [SinkEvent]) -> Int {
            events.reduce(0) { count, event in if case .indicate(let objects) = event { count + objects.count } else { count } }
        }

        /// The places of the alarms that have come to a sink, once there are so many.
        private func places(_ sink: RawSink?, _ count: Int) async throws -> [String] {
            let sink = try #require(sink)
            try await sink.events.wait("\(count) events") { Self.objects($0) >= count }
            return sink.objects.compactMap { $0["Place"]?.text }
        }

        @Test(
            "EV4, EV91, EV92: a process without an object registers, gets its sink and raises events; a subscriber gets those that it wants"
        )
        func fromIndicateToSubscriber() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let all = try await scene.client.start(.events(Self.alarms), .async)
            let some = try await scene.client.start(.events("SELECT * FROM Test_Alarm WHERE Level > 4 AND Place LIKE 'roof%'"), .async)
            let loud = try await scene.client.start(.events("SELECT * FROM Test_LoudAlarm"), .async)
            #expect(try await source.getSink() == source.sink)
            try await source.raise("cellar", level: 5)
            try await source.raise("roof", level: 4)
            try await source.raise("roof top", level: 5)
            try await source.raise("hall", level: 1, className: "Test_LoudAlarm")
            #expect(try await places(all.sink, 4) == ["cellar", "roof", "roof top", "hall"])
            #expect(try await places(some.sink, 1) == ["roof top"])
            #expect(try await places(loud.sink, 1) == ["hall"])
            let service = try await source.call("GetService", [.uint32(0), .dictionary([])])
            #expect(service.first == .objectPath(RawClient.cimv2))
        }

        @Test("EV10, EV14, EV84: an event gets the time of its arrival, a time that it has stays, and it says nowhere where it is")
        func contents() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(.events(Self.alarms), .async)
            try await source.raise("now")
            try await source.raise([EventSource.alarm("then") + [("TIME_CREATED", .uint64(4_711))]])
            _ = try await places(open.sink, 2)
            let events = try #require(open.sink).objects
            guard case .uint64(let time)? = events[0]["TIME_CREATED"] else { return #expect(Bool(false), "no time") }
            // 2020 and 2100, in 100 ns since 1601.
            #expect(time > 132_223_104_000_000_000 && time < 157_468_320_000_000_000)
            #expect(events[1]["TIME_CREATED"] == .uint64(4_711))
            for name in ["__PATH", "__RELPATH", "__SERVER", "__NAMESPACE"] { #expect(events[0][name] == nil) }
            #expect(events[0]["__CLASS"]?.text == "Test_Alarm" && events[0]["__GENUS"] == .int32(2))
        }

        @Test("EV17: a list cuts off what it does not name, and never __CLASS")
        func listed() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(
                .events("SELECT Place FROM Test_Alarm"), .async, context: [(ContextKey.derivedSystemProperties, .boolean(false))])
            try await source.raise("here")
            _ = try await places(open.sink, 1)
            #expect(Set(open.sink?.objects.first?.keys ?? [:].keys) == ["__CLASS", "Place"])
        }

        @Test("EV41, EV42, EV43: Next gives what has come at its time, or as many as it wants; Close ends the subscription")
        func pulled() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(.events(Self.alarms), .semisync)
            try await source.raise("one")
            let first = try await open.next(timeout: 100, count: 2)
            #expect(first.0 == .sTimedOut && first.1.compactMap { $0["Place"]?.text } == ["one"])
            async let waiting = open.next(timeout: -1, count: 2)
            try await source.raise("two")
            try await source.raise("three")
            let second = try await waiting
            #expect(second.0 == .noError && second.1.compactMap { $0["Place"]?.text } == ["two", "three"])
            #expect(try await source.isActive())
            _ = try await scene.client.call(try #require(open.path), Contract.enumerator, "Close")
            #expect(try await !source.isActive())
            let refused = try await scene.client.refusal {
                _ = try await scene.client.services(
                    "ExecNotificationQuerySemisync", [.string("WQL"), .string(Self.alarms), .int32(0x10), .dictionary([])])
            }
            #expect(refused == .invalidParameter)
        }

        @Test("EV44: the synchronous form says that events have no end")
        func synchronous() async throws {
            let scene = try await Scene.start()
            do {
                _ = try await scene.client.services(
                    "ExecNotificationQuery", [.string("WQL"), .string("SELECT * FROM __ExtrinsicEvent"), .int32(0), .dictionary([])])
                #expect(Bool(false), "it was taken")
            } catch let error as DBusError {
                #expect(CIMError(error).status == .invalidParameter)
                #expect(error.message.contains("events have no end; use semisync or async"))
            }
        }

        @Test("EV44, EV118: CancelAsyncCall ends it with CallCancelled, the broker's end with ShuttingDown, and never with success")
        func ends() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let cancelled = try await scene.client.start(.events(Self.alarms), .async)
            let sink = try #require(cancelled.sink)
            _ = try await scene.client.services("CancelAsyncCall", [.objectPath(sink.path)])
            #expect(try await sink.result().status == .callCancelled)
            try await source.raise("nobody")
            let last = try await scene.client.start(.events(Self.alarms), .async)
            scene.broker.process.signal(SIGTERM)
            #expect(try await last.sink?.result().status == .shuttingDown)
            #expect(try #require(last.sink).objects.isEmpty && sink.objects.isEmpty)
        }

        @Test(
            "EV21, EV22: what is wrong with a query, with its code and its place",
            arguments: [
                ("SELECT * FROM Test_Alarm WHERE", "WQL", WBEMStatus.invalidQuery, "line 1, column 31"),
                ("SELECT * FROM Test_Alarm", "CQL", .invalidQueryType, "CQL"),
                ("SELECT * FROM __Win32Provider", "WQL", .notEventClass, "column 15"),
                ("SELECT * FROM Test_Alarm GROUP BY Place", "WQL", .missingGroupWithin, "column 32"),
                ("SELECT * FROM Test_Alarm WHERE Place.x = 1", "WQL", .propertyNotAnObject, "column 32"),
                ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Thing'", "WQL", .registrationTooPrecise, "WITHIN"),
                ("ASSOCIATORS OF {Test_Thing.Name='a'}", "WQL", .invalidQuery, "event class"),
            ])
        func refused(query: String, language: String, status: WBEMStatus, words: String) async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            _ = try await EventSource.start(on: scene.bus)
            do {
                _ = try await scene.client.services(
                    "ExecNotificationQuerySemisync", [.string(language), .string(query), .int32(0x30), .dictionary([])])
                #expect(Bool(false), "it was taken")
            } catch let error as DBusError {
                #expect(CIMError(error).status == status, "\(error.message)")
                #expect(error.message.contains(words), "\(error.message)")
            }
            let unknown = try await scene.client.run(.events("SELECT * FROM Nothing_Here"), .async)
            #expect(unknown.status == .invalidClass)
        }

        @Test("EV67, EV115: who does not take its events loses its oldest, is told how many, and goes on; others lose nothing")
        func slow() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let slow = scene.client.makeSink(acknowledges: false)
            let stuck = try await scene.client.start(.events(Self.alarms), .async, sink: slow)
            let quick = try await scene.client.start(.events(Self.alarms), .async)
            let text = String(repeating: "x", count: 1_000)
            let batch = (0..<100).map { EventSource.alarm(text, level: UInt32($0)) }
            for round in 1...60 {
                try await source.raise(batch)
                // Who is to lose nothing has room for what comes next, however slow the machine is.
                #expect(try await places(quick.sink, round * 100).count == round * 100)
            }
            let lost = try await scene.client.property(try #require(stuck.path), Contract.operation, "EventsLost")
            guard case .uint64(let count) = lost, count > 0 else { return #expect(Bool(false), "nothing is lost: \(lost)") }
            // Whoever acknowledges what it has goes on to the end.
            var acknowledged = 0
            while slow.objects.count + Int(count) < 6_000 {
                let batches = slow.events.all.count
                scene.client.acknowledge(slow, UInt32(batches - acknowledged))
                acknowledged = batches
                try await slow.events.wait("the next batch") { $0.count > batches || Self.objects($0) + Int(count) >= 6_000 }
            }
            let told = slow.objects.compactMap { event -> UInt64? in
                if case .uint64(let number)? = event[Contract.numberOfEventsLost] { number } else { nil }
            }
            #expect(told == [count])
            #expect(slow.objects.count + Int(count) == 6_000)
            #expect(try #require(quick.sink).objects.allSatisfy { $0[Contract.numberOfEventsLost] == nil })
        }

        @Test("EV63, EV64, EV66: root hears of each loss, with the event that was lost")
        func overflow() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let slow = scene.client.makeSink(acknowledges: false)
            let stuck = try await scene.client.start(.events("SELECT * FROM Test_Alarm WHERE Level = 7"), .async, sink: slow)
            let watch = try await scene.client.start(.events("SELECT * FROM __EventQueueOverflowEvent"), .async)
            let text = String(repeating: "x", count: 4_000)
            var lost: UInt64 = 0
            while lost < 3 {
                try await source.raise((0..<50).map { _ in EventSource.alarm(text, level: 7) })
                let value = try await scene.client.property(try #require(stuck.path), Contract.operation, "EventsLost")
                if case .uint64(let count) = value { lost = count }
            }
            let sink = try #require(watch.sink)
            try await sink.events.wait("the overflows") { Self.objects($0) >= 3 }
            let event = sink.objects[0]["Event"]?.unwrapped.stringDictionary
            #expect(event?["Level"] == .uint32(7))
            guard case .uint32(let size)? = sink.objects[0]["CurrentQueueSize"] else { return #expect(Bool(false), "no size") }
            #expect(size > 1 << 20)
        }

        @Test(
            "EV85, EV98, EV120: a provider with an object is told of each query and of its end, also of a subscriber that is gone at once")
        func told() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus, answersAccess: .noError)
            #expect(try await source.told.wait("ProvideEvents") { !$0.isEmpty }[0] == .provideEvents(source.sink))
            #expect(try await !source.isActive())
            let other = try await RawClient.connect(to: scene.bus)
            _ = try await other.start(.events(Self.alarms), .async)
            let told = try await source.told.wait("NewQuery") { $0.count == 3 }
            #expect(told[1] == .accessCheck(Self.alarms, uid: 0))
            guard case .newQuery(let id, Self.alarms) = told[2] else { return #expect(Bool(false), "\(told)") }
            #expect(try await source.isActive())
            #expect(try await source.queries() == [Self.alarms])
            await other.close()
            #expect(try await source.told.wait("CancelQuery") { $0.count == 4 }[3] == .cancelQuery(id))
            #expect(try await !source.isActive())
            #expect(try await source.queries() == [])
        }

        @Test("EV101: a provider's no to AccessCheck refuses the subscription to its events")
        func denied() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus, answersAccess: .accessDenied)
            let result = try await scene.client.run(.events(Self.alarms), .async)
            #expect(result.status == .accessDenied)
            #expect(result.message.contains(source.name))
            #expect(try await !source.isActive())
        }

        @Test(
            "EV95, EV122: only events that the registration covers may be raised; the refusal names the class, and nothing of the call is raised"
        )
        func covered() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            _ = try await EventSource.start(
                on: scene.bus, name: "Others", mof: "class Test_Other : __ExtrinsicEvent { string Place; };")
            let open = try await scene.client.start(.events("SELECT * FROM __ExtrinsicEvent"), .async)
            func refusal(_ events: [[(String, DBusValue)]]) async -> DBusError? {
                do {
                    try await source.raise(events)
                    return nil
                } catch { return error as? DBusError }
            }
            let other = await refusal([EventSource.alarm("no"), [("__CLASS", .string("Test_Other"))]])
            #expect(other.map { CIMError($0).status } == .accessDenied)
            #expect(other?.message.contains("Test_Other") == true)
            let system = await refusal([[("__CLASS", .string("__EventQueueOverflowEvent"))]])
            #expect(system.map { CIMError($0).status } == .accessDenied)
            let none = await refusal([[("__CLASS", .string("__Win32Provider"))]])
            #expect(none != nil)
            let misfit = await refusal([EventSource.alarm("no") + [("Bogus", .uint32(1))]])
            #expect(misfit != nil)
            try await source.raise("yes")
            #expect(try await places(open.sink, 1) == ["yes"])
        }

        /// A class of the source's own, with the events that it has about its instances.
        static let watched = """
            [dynamic, provider("Alarms")] class Test_Watched { [key] string Name; uint32 Level; };
            instance of __Win32Provider as $P { Name = "Alarms"; HostingModel = "Decoupled:DBus"; };
            instance of __InstanceProviderRegistration { provider = $P; SupportsEnumeration = TRUE; };
            instance of __EventProviderRegistration
            {
                provider = $P;
                EventQueryList =
                {
                    "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Watched'",
                    "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Nothing'"
                };
            };
            """

        @Test(
            "EV3, EV26, EV80, EV81: a provider's events about its instances need no WITHIN, those that it has not do; a bad query is a warning"
        )
        func intrinsic() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus, mof: Self.watched)
            let warnings = try await scene.client.property(
                Contract.path(ofProvider: "Alarms", in: .cimv2), Contract.registration, "Warnings")
            let fault = warnings.elements?.compactMap(\.text).first { $0.contains("Nothing") }
            #expect(fault?.contains("UninterpretableProviderQuery") == true || fault?.contains("UNINTERPRETABLE") == true, "\(warnings)")
            let open = try await scene.client.start(
                .events("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Watched' AND TargetInstance.Level > 3"),
                .async)
            func event(_ className: String, _ level: UInt32) -> [(String, DBusValue)] {
                let target: DBusValue = .dictionary([
                    ("__CLASS", .string("Test_Watched")), ("Name", .string("a")), ("Level", .uint32(level)),
                ])
                return [("__CLASS", .string(className)), ("TargetInstance", target)]
            }
            try await source.raise([event("__InstanceCreationEvent", 3), event("__InstanceCreationEvent", 4)])
            let sink = try #require(open.sink)
            try await sink.events.wait("the event") { Self.objects($0) == 1 }
            #expect(sink.objects[0]["TargetInstance"]?.unwrapped.stringDictionary?["Level"] == .uint32(4))
            await #expect(throws: DBusError.self) { try await source.raise([event("__InstanceDeletionEvent", 4)]) }
            let refused = try await scene.client.refusal {
                _ = try await scene.client.services(
                    "ExecNotificationQuerySemisync",
                    [
                        .string("WQL"), .string("SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'Test_Watched'"),
                        .int32(0x30), .dictionary([]),
                    ])
            }
            #expect(refused == .registrationTooPrecise)
        }

        @Test("EV100, EV104, EV122: a descriptor of an event, or of the sink, keeps it from those whom it does not name; root has it")
        func descriptors() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(.events(Self.alarms), .async)
            let words = DBusValue.array(element: Signature(verified: "y"), Array("uid:1000".utf8).map { .byte($0) })
            try await source.raise([EventSource.alarm("secret") + [("SECURITY_DESCRIPTOR", words)]])
            #expect(try await places(open.sink, 1) == ["secret"])
            let wrong = DBusValue.array(element: Signature(verified: "y"), Array("everybody".utf8).map { .byte($0) })
            await #expect(throws: DBusError.self) {
                try await source.raise([EventSource.alarm("no") + [("SECURITY_DESCRIPTOR", wrong)]])
            }
        }

        @Test("EV93: GetSink before Register is ProviderNotRegistered; another process's sink is nobody's")
        func unregistered() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let status = try await scene.client.refusal {
                _ = try await scene.client.call(Contract.rootPath, Contract.basicEventProvider, "GetSink", [.uint32(0), .dictionary([])])
            }
            #expect(status == .providerNotRegistered)
            let foreign = try await scene.client.refusal {
                _ = try await scene.client.call(source.sink, Contract.eventSink, "IsActive")
            }
            #expect(foreign == .accessDenied)
            _ = try await source.call("UnRegister", [.string("root/cimv2"), .string("Alarms")])
            await #expect(throws: DBusError.self) { try await source.raise("late") }
        }

        @Test("EV97: when the process of a source dies its subscriptions stay, are quiet, and hear the next process")
        func sourceDies() async throws {
            let scene = try await Scene.start()
            let first = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(.events(Self.alarms), .async)
            try await first.raise("first")
            _ = try await places(open.sink, 1)
            await first.close()
            try await scene.waitForState("absent", of: Contract.path(ofProvider: "Alarms", in: .cimv2))
            let second = try await EventSource.start(on: scene.bus)
            try await second.raise("second")
            #expect(try await places(open.sink, 2) == ["first", "second"])
            #expect(open.sink?.finals == 0)
        }

        @Test("EV86: a restricted sink takes the events of its queries alone, has queries of its own, and none beyond the registration")
        func restricted() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            func restricted(_ query: String) async throws -> ObjectPath {
                let reply = try await source.call(
                    source.sink, Contract.eventSink, "GetRestrictedSink", [.strings([query]), .objectPath(Contract.null)])
                return ObjectPath(verified: reply.first?.text ?? "/")
            }
            let loud = try await restricted("SELECT * FROM Test_LoudAlarm")
            let open = try await scene.client.start(.events(Self.alarms), .async)
            await #expect(throws: DBusError.self) { try await source.raise([EventSource.alarm("no")], into: loud) }
            try await source.raise([EventSource.alarm("yes", className: "Test_LoudAlarm")], into: loud)
            #expect(try await places(open.sink, 1) == ["yes"])
            await #expect(throws: DBusError.self) { _ = try await restricted("SELECT * FROM __ExtrinsicEvent") }
            _ = try await source.call(loud, Contract.eventSink, "Close", [])
            await #expect(throws: DBusError.self) { try await source.raise([EventSource.alarm("gone")], into: loud) }
        }

        @Test("EV100: SetBatchingParameters and SetSinkSecurity take what they know and refuse the rest")
        func sinkParameters() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            func status(_ member: String, _ values: [DBusValue]) async -> WBEMStatus? {
                do {
                    _ = try await source.call(source.sink, Contract.eventSink, member, values)
                    return nil
                } catch { return (error as? DBusError).map { CIMError($0).status } }
            }
            #expect(await status("SetBatchingParameters", [.uint32(1), .uint32(10), .uint32(10)]) == nil)
            #expect(await status("SetBatchingParameters", [.uint32(3), .uint32(10), .uint32(10)]) == .invalidParameter)
            #expect(await status("SetSinkSecurity", [.string("uid:1000, gid:5")]) == nil)
            #expect(await status("SetSinkSecurity", [.string("everybody")]) == .invalidParameter)
            #expect(await status("SetSinkSecurity", [.string("")]) == nil)
        }

        @Test("EV18, EV116: a class that is made below the one of a subscription is covered from then on; one that is deleted ends it")
        func laterClass() async throws {
            let scene = try await Scene.start()
            let source = try await EventSource.start(on: scene.bus)
            let open = try await scene.client.start(.events(Self.alarms), .async)
            _ = try await scene.client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [
                    .string("class Test_FireAlarm : Test_Alarm { uint32 Rooms; };"), .string("root/cimv2"), .int32(0), .int32(0), .int32(0),
                ])
            try await source.raise("kitchen", className: "Test_FireAlarm")
            #expect(try await places(open.sink, 1) == ["kitchen"])
            _ = try await scene.client.run(.deleteClass("Test_Alarm"))
            #expect(try await open.sink?.result().status == .invalidClass)
        }
    }
}
