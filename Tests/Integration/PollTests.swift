import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Instances of providers that tell of no changes, looked at as often as WITHIN says (Semantics J.4).
    @Suite struct PollTests {
        private static func query(
            _ event: String = "__InstanceOperationEvent", within: String = "0.1", className: String = "Test_Thing", _ rest: String = "",
            list: String = "*"
        ) -> RawOperation {
            .events("SELECT \(list) FROM \(event) WITHIN \(within) WHERE TargetInstance ISA '\(className)' \(rest)")
        }

        /// Waits until the provider has been enumerated so often more.
        private func looks(_ count: Int, at provider: RawProvider) async throws {
            let before = provider.calls.all.count
            try await provider.calls.wait("\(count) looks") { $0.count >= before + count }
        }

        private func events(_ open: RawOpenOperation, _ count: Int) async throws -> [[String: DBusValue]] {
            let sink = try #require(open.sink)
            try await sink.events.wait("\(count) events") { events in
                events.reduce(0) { sum, event in if case .indicate(let objects) = event { sum + objects.count } else { sum } } >= count
            }
            return sink.objects
        }

        private func object(_ event: [String: DBusValue], _ name: String = "TargetInstance") -> [String: DBusValue]? {
            event[name]?.unwrapped.stringDictionary
        }

        private func put(_ provider: RawProvider, _ name: String, _ number: UInt32, _ scene: Scene) async throws {
            #expect(try await scene.client.run(.put(provider.thing(name, number))).status == .noError)
        }

        @Test(
            "EV3, EV12, EV13, EV14, EV28: what there was at the first look is not told; creations, changes and deletions after it are, each object with its path"
        )
        func changes() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 2)
            let open = try await scene.client.start(Self.query(), .async)
            try await looks(2, at: provider)
            try await put(provider, "new", 7, scene)
            _ = try await events(open, 1)
            try await put(provider, "new", 8, scene)
            _ = try await events(open, 2)
            #expect(try await scene.client.run(.delete("Test_Thing.Name=\"thing0\"")).status == .noError)
            let all = try await events(open, 3)
            #expect(
                all.map { $0["__CLASS"]?.text } == ["__InstanceCreationEvent", "__InstanceModificationEvent", "__InstanceDeletionEvent"])
            #expect(object(all[0])?["Number"] == .uint32(7) && object(all[1])?["Number"] == .uint32(8))
            #expect(object(all[1], "PreviousInstance")?["Number"] == .uint32(7) && object(all[0], "PreviousInstance") == nil)
            #expect(object(all[2])?["Name"]?.text == "thing0")
            for event in all {
                #expect(object(event)?["__PATH"]?.text?.contains("Test_Thing.Name=") == true, "\(event)")
                #expect(event["__PATH"] == nil)
            }
            #expect(all.allSatisfy { $0["TIME_CREATED"] != nil })
        }

        @Test("EV29: a query that names properties is about changes of those, and about all changes where it names keys alone")
        func compared() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 1)
            let ofText = try await scene.client.start(
                Self.query("__InstanceModificationEvent", "AND TargetInstance.Text IS NOT NULL"), .async)
            let ofKey = try await scene.client.start(
                Self.query("__InstanceModificationEvent", "AND TargetInstance.Name = 'thing0'"), .async)
            try await looks(2, at: provider)
            let thing: [(String, DBusValue)] = provider.thing("thing0", 5) + [("Text", .string("a"))]
            #expect(try await scene.client.run(.put(thing)).status == .noError)
            _ = try await events(ofText, 1)
            #expect(try await scene.client.run(.put(provider.thing("thing0", 6) + [("Text", .string("a"))])).status == .noError)
            _ = try await events(ofKey, 2)
            #expect(try await scene.client.run(.put(provider.thing("thing0", 6) + [("Text", .string("b"))])).status == .noError)
            let told = try await events(ofText, 2)
            #expect(told.map { object($0)?["Text"]?.text } == ["a", "b"])
            #expect(try await events(ofKey, 3).count == 3)
        }

        @Test("EV29: only what is compared is read, where the query lists properties of the objects")
        func readsLess() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 1)
            let open = try await scene.client.start(
                Self.query("__InstanceModificationEvent", "AND TargetInstance.Number > 3", list: "TargetInstance.Text"), .async)
            try await looks(2, at: provider)
            let call = try #require(provider.calls.all.first)
            #expect(call.context[ContextKey.getExtensions] == .boolean(true))
            #expect(Set(call.context[ContextKey.getProperties]?.elements?.compactMap(\.text) ?? []) == ["Number", "Text"])
            try await put(provider, "thing0", 4, scene)
            #expect(object(try await events(open, 1)[0])?["Number"] == .uint32(4))
            // Whoever wants whole objects has them read.
            let whole = try await scene.client.start(Self.query("__InstanceDeletionEvent"), .async)
            try await provider.calls.wait("a look at everything") { $0.contains { $0.context[ContextKey.getExtensions] == nil } }
            _ = whole
        }

        @Test("EV31, EV112: one poll for all subscriptions of a user; nobody is polled when the last has gone, also by SIGKILL")
        func shared() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 1)
            let many = try await RawClient.connect(to: scene.bus)
            // While one look is under way, nobody begins another.
            let gate = Event<Bool>("the end of the first look")
            provider.on("CreateInstanceEnumAsync") { call in
                _ = try? await gate.value()
                call.reply()
            }
            for _ in 0..<20 { _ = try await many.start(Self.query(within: "3600"), .async) }
            try await provider.calls.wait("the first look") { !$0.isEmpty }
            #expect(try await scene.client.run(.get("Test_Thing.Name=\"thing0\"")).status == .noError)
            #expect(provider.calls.all.count { $0.method == "CreateInstanceEnumAsync" } == 1)
            provider.on("CreateInstanceEnumAsync", nil)
            gate.send(true)
            _ = try await scene.client.start(Self.query(within: "0.1"), .async)
            // At most a look of each subscription for its base line; from then on one for all.
            try await looks(30, at: provider)
            let polls = try await scene.operationStates().count
            #expect(polls <= 21 + 1)
            await many.close()
            await scene.client.connection.close()
            let observer = try await RawClient.connect(to: scene.bus)
            try await scene.eventually("nothing to be open", within: .seconds(10)) {
                try await observer.property(Contract.rootPath, Contract.broker, "OpenOperations") == .uint32(0)
            }
            let before = provider.calls.all.count
            _ = try await observer.run(.enumerate("Test_Thing"))
            _ = try await observer.run(.enumerate("Test_Thing"))
            #expect(provider.calls.all.count == before + 2)
        }

        @Test("EV28, EV112: a first look that fails fails the subscription; a later one is no deletion, and neither is a provider's end")
        func failures() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 2)
            provider.on("CreateInstanceEnumAsync") { $0.fail(.accessDenied, "not today") }
            let refused = try await scene.client.run(Self.query(), .async)
            #expect(refused.status == .accessDenied)
            #expect(refused.message.contains("not today"), "\(refused.message)")
            provider.on("CreateInstanceEnumAsync", nil)
            let open = try await scene.client.start(Self.query(), .async)
            try await looks(2, at: provider)
            provider.on("CreateInstanceEnumAsync") { call in
                try await call.sink.indicate([call.provider.thing("thing1")])
                call.fail(.failed, "half of it")
            }
            try await looks(3, at: provider)
            provider.on("CreateInstanceEnumAsync", nil)
            try await put(provider, "last", 1, scene)
            let told = try await events(open, 1)
            #expect(told.count == 1 && object(told[0])?["Name"]?.text == "last")
            await provider.close()
            let next = try await scene.provider(things: 2)
            try await looks(2, at: next)
            let gone = try await events(open, 2)
            #expect(gone.map { object($0)?["Name"]?.text } == ["last", "last"] && gone[1]["__CLASS"]?.text == "__InstanceDeletionEvent")
        }

        @Test("EV20, EV23: without WITHIN it is too precise, and says what that means; with WITHIN and no class it is refused")
        func refused() async throws {
            let scene = try await Scene.start()
            try await scene.provider()
            func refusal(_ query: String) async throws -> CIMError? {
                do {
                    _ = try await scene.client.services(
                        "ExecNotificationQuerySemisync", [.string("WQL"), .string(query), .int32(0x30), .dictionary([])])
                    return nil
                } catch let error as DBusError {
                    return CIMError(error)
                }
            }
            let precise = try await refusal("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Thing'")
            #expect(precise?.status == .registrationTooPrecise)
            #expect(precise?.message.contains("WITHIN seconds: class Test_Thing has no provider of __InstanceCreationEvent") == true)
            let broad = try await refusal("SELECT * FROM __InstanceCreationEvent WITHIN 5")
            #expect(broad?.status == .invalidQuery && broad?.message.contains("ISA") == true)
            let fast = try await refusal("SELECT * FROM __InstanceCreationEvent WITHIN 0.001 WHERE TargetInstance ISA 'Test_Thing'")
            #expect(fast?.status == .invalidQuery && fast?.message.contains("0.1") == true)
        }

        @Test("EV26: what its provider raises comes from it at once, and only the rest is polled")
        func both() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, things: 1, registers: false)
            try await provider.register(
                mof: provider.mof + """
                    instance of MSFT_DecoupledProvider as $P { Name = "Raw"; HostingModel = "Decoupled:DBus"; };
                    instance of __InstanceProviderRegistration {
                        provider = $P; SupportsGet = TRUE; SupportsPut = TRUE; SupportsDelete = TRUE; SupportsEnumeration = TRUE;
                    };
                    instance of __EventProviderRegistration {
                        provider = $P; EventQueryList = { "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Thing'" };
                    };
                    """)
            scene.keep(provider)
            let open = try await scene.client.start(Self.query(), .async)
            try await looks(2, at: provider)
            // The provider raises no creation here, so there is none; the change and the deletion are found.
            try await put(provider, "new", 1, scene)
            try await looks(2, at: provider)
            try await put(provider, "new", 2, scene)
            _ = try await events(open, 1)
            #expect(try await scene.client.run(.delete("Test_Thing.Name=\"new\"")).status == .noError)
            #expect(
                try await events(open, 2).map { $0["__CLASS"]?.text } == ["__InstanceModificationEvent", "__InstanceDeletionEvent"])
            let explained = try await scene.client.run(
                .events("SELECT * FROM __InstanceOperationEvent WITHIN 5 WHERE TargetInstance ISA 'Test_Thing'"), .async,
                context: [(ContextKey.explain, .boolean(true))])
            let text = "\(explained.objects)"
            #expect(text.contains("raises: SELECT * FROM __InstanceCreationEvent"), "\(text)")
            #expect(text.contains("polled every 5"), "\(text)")
            #expect(text.contains("raises __InstanceModificationEvent, __InstanceDeletionEvent"), "\(text)")
        }

        @Test("EV18: instances of classes below are looked at, also of those that are made later")
        func below() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider(things: 1)
            let open = try await scene.client.start(Self.query(), .async)
            try await looks(2, at: provider)
            let later = try await RawProvider.start(on: scene.bus, name: "Later", className: "Test_Later", things: 0, registers: false)
            try await later.register(mof: #"[dynamic, provider("Later")] class Test_Later : Test_Thing { uint32 More; };"#)
            scene.keep(later)
            try await later.calls.wait("a look at the new class") { $0.count >= 2 }
            #expect(try await scene.client.run(.put(later.thing("late", 1))).status == .noError)
            let told = try await events(open, 1)
            #expect(object(told[0])?["__CLASS"]?.text == "Test_Later")
        }
    }
}
