import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Providers that never answer a call, that answer nothing while they work, and that register a path where they have no object.
    @Suite struct LostReplyTests {
        /// What a client with a deadline of its own does, `count` times.
        private func giveUp(_ scene: Scene, _ count: Int, on path: String) async throws {
            for _ in 0..<count {
                let result = try await scene.client.run(.get(path), .sync, context: [(ContextKey.timeout, .uint64(50_000))])
                #expect(result.status == .timedOut)
            }
        }

        @Test("W1 L8: lost replies hold back no other call; state, counters, LastFailure and log say which member is never answered")
        func lostReplies() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { call in
                if call.target.contains("thing2") {
                    call.abandon()
                } else {
                    call.reply(.noError, references: 0, [call.provider.thing("thing1")])
                }
            }
            try await giveUp(scene, 4, on: thing("thing2"))
            #expect(try await scene.client.run(.get(thing("thing1")), .sync, within: .seconds(2)).status == .noError)
            // They go on, past what the bus lets one connection wait for.
            try await giveUp(scene, 150, on: thing("thing2"))
            #expect(try await scene.client.run(.get(thing("thing1")), .sync, within: .seconds(2)).status == .noError)
            #expect(try await scene.client.run(.enumerate("Test_Thing"), .sync, within: .seconds(2)).objects.count == 3)
            try await scene.waitForState("losing-replies", of: provider.registrationPath)
            let registration = provider.registrationPath
            try await scene.eventually("the losses to be counted") {
                let counters = try await scene.client.property(registration, Contract.registration, "Counters").stringDictionary
                return counters?["LostReplies"] == .uint64(154)
            }
            let failure = try await scene.client.property(registration, Contract.registration, "LastFailure").text ?? ""
            #expect(failure.contains("of GetObjectAsync without an answer"), "\(failure)")
            try await scene.broker.log.wait("a line about it") { lines in
                lines.contains { $0.contains("provider Raw (process") && $0.contains("left GetObjectAsync unanswered") }
            }
            #expect(try await scene.broker.count(of: "unanswered;") == 1, "one line for each kind")
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test(
            "W1 L8: what many providers lose costs a healthy one nothing, with the pending replies of the broker's own connection used up")
        func healthyOnes() async throws {
            let scene = try await Scene.start()
            // What the bus lets one connection wait for concerns nobody else.
            let healthy = try await scene.provider("Healthy", className: "Test_Healthy", transport: .bus)
            for number in 0..<28 {
                let provider = try await scene.provider("Loser\(number)", className: "Test_Loser\(number)", transport: .bus)
                provider.on("GetObjectAsync") { $0.abandon() }
            }
            for number in 0..<28 { try await giveUp(scene, 4, on: "Test_Loser\(number).Name=\"thing0\"") }
            for form in CallForm.allCases {
                let result = try await scene.client.run(.get("Test_Healthy.Name=\"thing0\""), form, within: .seconds(5))
                #expect(result.status == .noError, "\(result.message)")
            }
            let names = try await scene.client.brokerConnections()
            let owner = try await scene.client.connection.nameOwner(of: BusName(Contract.busName))
            #expect(names.count > 1 && names.first == owner?.text)
            // They went by another connection, which is the broker's, too.
            let caller = try #require(healthy.calls.all.last?.call.sender)
            #expect(names.dropFirst().contains(caller))
            try await expectQuiet(scene, next: .enumerate("Test_Healthy"))
        }

        @Test(
            "W1 L8: a provider that is called by another of the broker's connections may call its sinks there; the order of what it says holds"
        )
        func sinksOfOther() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            try await giveUp(scene, 5, on: thing("thing0"))
            for _ in 0..<20 {
                provider.on("CreateInstanceEnumAsync") { call in
                    // By the broker's own name, and then the answer by the connection that called.
                    let byName = ProviderSink(
                        connection: call.sink.connection, broker: BusName(Contract.busName), path: call.sink.path)
                    try await call.sink.indicate([call.provider.thing("a")])
                    // Its credit is not waited for: the answer may not overtake it.
                    try byName.sendIndicate([call.provider.thing("b")], wantsReply: true)
                    call.reply()
                }
                let result = try await scene.client.run(.enumerate("Test_Thing"), .async, within: .seconds(5))
                #expect(result.status == .noError && result.objects.count == 2, "\(result.message)")
            }
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("W1 L6 L8: what a provider answered by another connection before it died counts")
        func deathBehindAnswer() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            provider.on("GetObjectAsync") { $0.abandon() }
            try await giveUp(scene, 5, on: thing("thing0"))
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(.noError, references: 0, [call.provider.thing("a")])
                await call.provider.close()
            }
            let result = try await scene.client.run(.enumerate("Test_Thing"), .async, within: .seconds(5))
            #expect(result.status == .noError && result.objects.count == 1, "\(result.message)")
            try await scene.waitForState("absent", of: provider.registrationPath)
            try await scene.broker.log.wait("a line about its end") { lines in
                lines.contains { $0.contains("provider Raw (process \(getpid()), :1.") && $0.contains("left the bus or ended") }
            }
        }

        @Test("W2 L8: who works in a method and answers no ping has the limit of silence; who waits is found, and told of PingSeconds")
        func busy() async throws {
            let scene = try await Scene.start("--ping", "1")
            let faulty = try await FaultyProcess.start(on: scene.bus)
            let path = "Faulty_Thing.Scenario=\"x\""
            let busy = try await scene.client.run(
                .get(path), .sync, context: [("FaultyScript", .string("compute 3000; reply 0 0 auto"))], within: .seconds(20))
            #expect(busy.status == .noError, "\(busy.message)")
            let waiting = try await scene.client.run(
                .get(path), .sync, context: [("FaultyScript", .string("block 3000; reply 0 0 auto"))], within: .seconds(20))
            #expect(waiting.status == .providerFailure)
            #expect(
                waiting.message.contains("no answer to a ping within 1 s") && waiting.message.contains("PingSeconds"), "\(waiting.message)")
            try await faulty.wait(for: "finished", count: 2)
        }

        @Test("W2 L8: a ping goes to the path that was registered, which some libraries answer alone")
        func pingPath() async throws {
            let scene = try await Scene.start("--ping", "1")
            // A private connection is pinged by a frame, which has no path.
            let provider = try await scene.provider(transport: .bus)
            let paths = await provider.recordPings(answering: [RawProvider.path])
            provider.on("CreateInstanceEnumAsync") { $0.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let call = try await provider.calls.wait("the call") { !$0.isEmpty }[0]
            try await paths.wait("three pings") { $0.count >= 3 }
            #expect(Set(paths.all) == [RawProvider.path.text])
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
            #expect(try await open.result().status == .noError)
        }

        @Test(
            "W7 D.5: Register of a path without an object is InvalidParameter, with the path, and the right one where it is known; nothing is stored"
        )
        func wrongPath() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let wrong = ObjectPath(verified: "/org/example/Wrong")
            let error = await #expect(throws: DBusError.self) { try await provider.register(path: wrong) }
            #expect(error?.name.text == Contract.errorPrefix + "InvalidParameter")
            #expect(
                error?.message.contains("at /org/example/Wrong, there is one at /org/example/Provider") == true, "\(error?.message ?? "")")
            #expect(try await scene.client.run(.enumerate("Test_Thing"), .sync).status == .invalidClass)
            // A process without any such object.
            let nobody = try await RawProvider.start(on: scene.bus, registers: false, exports: false)
            let other = await #expect(throws: DBusError.self) { try await nobody.register(path: wrong) }
            #expect(other?.message.contains("no object at /org/example/Wrong") == true, "\(other?.message ?? "")")
            try await provider.register()
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("W7 D.5: who answers nothing before its Register has returned is registered all the same")
        func blockingRegister() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            await provider.holdCalls(true)
            try await provider.register()
            await provider.holdCalls(false)
            try await expectQuiet(scene, next: .get(thing("thing0")))
            // A path that turns out to be wrong when it answers at last is no secret.
            await provider.holdCalls(true)
            let path = try await provider.register(scope: "root", path: ObjectPath(verified: "/org/example/Wrong"))
            await provider.holdCalls(false)
            try await scene.eventually("a warning") {
                let warnings = try await scene.client.property(path, Contract.registration, "Warnings").elements?.compactMap(\.text) ?? []
                return warnings.contains { $0.contains("at /org/example/Wrong") }
            }
        }

        @Test("W7 D.5: a MOF whose classes name another provider is stored, and the registration says so")
        func foreignClasses() async throws {
            let scene = try await Scene.start()
            let provider = try await RawProvider.start(on: scene.bus, registers: false)
            let path = try await provider.register(
                mof: "[dynamic, provider(\"Else\")] class Test_Else { [key] string Name; };" + provider.mof)
            let warnings = try await scene.client.property(path, Contract.registration, "Warnings").elements?.compactMap(\.text)
            #expect(warnings == ["class Test_Else names provider Else, so calls for it go there and not to Raw"])
            #expect(try await scene.broker.count(of: "class Test_Else names provider Else") > 0)
        }
    }
}
