import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// The bus drops the broker, which a socket between the two makes it do, and the broker comes back, or does not (L6, L11).
    @Suite struct SurvivalTests {
        private static let dropped = "the message bus dropped the broker"
        private static let back = "back on the message bus"

        private func start(_ options: String..., client: TestTransport = .private) async throws -> (Scene, BusRelay) {
            let bus = try await PrivateBus.start()
            let relay = try BusRelay.start(to: bus)
            return (try await Scene.start(options: options, bus: bus, client: client, by: relay), relay)
        }

        /// The broker has left the bus, and does not get back yet.
        private func cut(_ scene: Scene, _ relay: BusRelay) async throws {
            relay.cut()
            _ = try await scene.broker.count(of: Self.dropped)
        }

        private func restore(_ scene: Scene, _ relay: BusRelay) async throws {
            try relay.lead(to: scene.bus)
            _ = try await scene.broker.count(of: Self.back)
        }

        // MARK: - It comes back

        @Test(
            "L1 L6: the bus drops the broker, which comes back: what private peers have open goes on and ends right, once; registrations stay",
            arguments: [true, false])
        func goesOn(isAwayForAWhile: Bool) async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .private)
            let go = Event<Void>("the provider to go on")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(2))
                try await go.value()
                try await call.sink.indicate(batch(2, from: 2))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            provider.on("ExecMethodAsync") { call in
                try await go.value()
                call.reply(.noError, [[("__CLASS", .string("__PARAMETERS")), ("ReturnValue", .uint32(7)), ("sOutArg", .string("x"))]])
            }
            let enumerations = try await [CallForm.async, .semisync].asyncMap { try await scene.client.start(.enumerate("Test_Thing"), $0) }
            let methods = try await CallForm.allCases.asyncMap {
                try await scene.client.start(.invoke(thing("thing0"), "Echo", [("sInArg", .string("x"))]), $0)
            }
            try await provider.calls.wait("all calls") { $0.count == 5 }
            if isAwayForAWhile {
                try await cut(scene, relay)
                // What is new goes on, too.
                #expect(try await scene.client.run(.get(thing("thing1"))).status == .noError)
                #expect(try await scene.client.brokerProperty("PrivateConnections") == 2)
            }
            try await restore(scene, relay)
            go.send(())
            for open in enumerations {
                let result = try await open.result()
                #expect(result.status == .noError, "\(open.form): \(result.message)")
                #expect(result.objects.compactMap { $0["Number"]?.integer() } == [0, 1, 2, 3] as [UInt32])
            }
            for open in methods {
                let result = try await open.result()
                #expect(result.objects.first?["ReturnValue"] == .uint32(7), "\(open.form): \(result.status) \(result.message)")
            }
            provider.on("CreateInstanceEnumAsync", nil)
            // Somebody new on the bus finds the broker by its name, and the class.
            let other = try await RawClient.connect(to: scene.bus, transport: .bus)
            #expect(try await other.run(.enumerate("Test_Thing")).objects.count == 3)
            let attachment = try await other.property(provider.registrationPath, Contract.registration, "Attachment")
            #expect(attachment == .string("private"))
            #expect(try await other.brokerProperty("PrivateConnections") == 2)
            let owner = try await other.connection.nameOwner(of: BusName(Contract.busName))
            #expect(try await other.brokerConnections() == [owner?.text])
            try await expectQuiet(scene, (enumerations + methods).map(\.sink), next: .enumerate("Test_Thing"))
        }

        @Test(
            "L9: the bus drops the broker: a bus client's operations have ended, its calls with NoReply of the bus, and providers are told")
        func busClient() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .private)
            provider.on("GetObjectAsync") { call in call.reply(references: 1) }
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let client = try await RawClient.connect(to: scene.bus, transport: .bus)
            let call = try await client.start(.get(thing("thing0")), .sync)
            let sink = try await client.start(.enumerate("Test_Thing"), .async)
            let sinks = try await provider.calls.wait("both calls") { $0.count == 2 }.map(\.sink.path.text)
            try await cut(scene, relay)
            let error = await #expect(throws: DBusError.self) { try await call.result() }
            #expect(error?.code == .errorReply(.noReply))
            try await provider.cancelled.wait("the provider to be told") { $0.sorted() == sinks.sorted() }
            #expect(try await scene.client.brokerProperty("OpenOperations") == 0)
            try await restore(scene, relay)
            provider.on("GetObjectAsync", nil)
            #expect(try await client.run(.get(thing("thing0"))).status == .noError)
            #expect(sink.sink?.events.all.isEmpty == true)
            try await expectQuiet(scene)
        }

        @Test(
            "L6: the bus drops the broker: a private client's operation at a bus provider is ProviderFailure; the provider may register again"
        )
        func busProvider() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .bus)
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await call.sink.indicate(batch(2))
            }
            let opens = try await [CallForm.async, .semisync].asyncMap { try await scene.client.start(.enumerate("Test_Thing"), $0) }
            try await provider.calls.wait("both calls") { $0.count == 2 }
            try await opens[0].sink?.events.wait("the objects") { !$0.isEmpty }
            try await cut(scene, relay)
            for open in opens { #expect(try await open.result().status == .providerFailure, "\(open.form)") }
            try await restore(scene, relay)
            provider.on("CreateInstanceEnumAsync", nil)
            try await provider.register()
            try await expectQuiet(scene, opens.map(\.sink), next: .enumerate("Test_Thing"))
        }

        @Test(
            "an operation that a private peer asked for by the bus ends when the bus drops the broker; what it asked for by its socket goes on"
        )
        func wayOfRequest() async throws {
            let (scene, relay) = try await start(client: .bus)
            let provider = try await scene.provider(transport: .private)
            let go = Event<Void>("the provider to go on")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await go.value()
                try await call.sink.indicate(batch(1))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let byBus = try await scene.client.start(.enumerate("Test_Thing"), .async)
            try await scene.client.connection.openPrivateConnection()
            let bySocket = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let sinks = try await provider.calls.wait("both calls") { $0.count == 2 }.map(\.sink.path.text)
            try await cut(scene, relay)
            try await provider.cancelled.wait("the provider to be told of the one") { $0 == [sinks[0]] }
            go.send(())
            #expect(try await bySocket.result().objects.count == 1)
            try await restore(scene, relay)
            #expect(byBus.sink?.finals == 0)
            try await expectQuiet(scene, [bySocket.sink])
        }

        @Test("who registered by the bus and has a private connection ends whole when the bus drops the broker, and may begin anew")
        func registeredByBus() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .bus)
            let ended = Event<Void>("the end of the private connection")
            try await provider.connection.openPrivateConnection()?.onLoopClosed { ended.send(()) }
            try await restore(scene, relay)
            try await ended.value()
            try await provider.register()
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        // MARK: - What happens meanwhile

        @Test("L6 P4: a private provider that dies while the broker is off the bus is noticed at once")
        func killedMeanwhile() async throws {
            let (scene, relay) = try await start()
            let faulty = try await FaultyProcess.start(on: scene.bus, ["--private"])
            let open = try await scene.client.start(.enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("silent"))])
            try await faulty.wait(for: "called ")
            try await cut(scene, relay)
            try await faulty.process.killAndWait()
            let result = try await open.result()
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("provider Faulty (process \(faulty.process.processID)) left the bus"))
            try await restore(scene, relay)
            try await expectQuiet(scene, [open.sink])
        }

        @Test("L6: who leaves the bus while the broker is off it, and keeps the socket, is gone soon after the broker is back")
        func leftMeanwhile() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
            let socket = try await PrivateSocket.open(on: peer)
            socket.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
            #expect(try await socket.answer(to: 1).kind == PrivateSocket.reply)
            try await cut(scene, relay)
            await peer.close()
            // It has left before anybody can hear of it.
            try await withDeadline(.seconds(10), "the peer to be gone from the bus") {
                while try await scene.client.connection.nameOwner(of: BusName(peer.uniqueName)) != nil { await Task.yield() }
            }
            try await restore(scene, relay)
            try await socket.waitForEnd()
            try await scene.waitForOperations(0)
            try await expectQuiet(scene)
        }

        @Test("L8: while the broker is off the bus, a private provider that is stopped misses its ping, and one that answers does not")
        func stoppedMeanwhile() async throws {
            let (scene, relay) = try await start("--ping", "1")
            let faulty = try await FaultyProcess.start(on: scene.bus, ["--private"])
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let quiet = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let sink = try await provider.calls.wait("the call") { !$0.isEmpty }[0].sink
            try await cut(scene, relay)
            let open = try await scene.client.start(.enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("stop"))])
            let result = try await open.result()
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("does not answer"))
            #expect(quiet.sink?.finals == 0)
            try await sink.setStatus(.noError)
            try await sink.release()
            #expect(try await quiet.result().status == .noError)
            faulty.process.signal(SIGCONT)
            try await restore(scene, relay)
            try await expectQuiet(scene, [open.sink, quiet.sink])
        }

        // MARK: - It does not come back

        /// The broker ends as it does without a bus: with every private connection, and with an exit code.
        private func expectEnd(_ scene: Scene, _ sockets: [Event<Void>], saying reason: String) async throws {
            for socket in sockets { try await socket.value() }
            #expect(try await scene.broker.process.waitForEnd() == .exited(1))
            _ = try await scene.broker.count(of: reason)
            #expect(try await scene.broker.count(of: "the message bus went away") == 1)
        }

        private func watchedPeer(_ scene: Scene) async throws -> Event<Void> {
            let peer = try await RawClient.connect(to: scene.bus, transport: .bus)
            let ended = Event<Void>("the end of a private connection")
            try await peer.connection.openPrivateConnection()?.onLoopClosed { ended.send(()) }
            return ended
        }

        @Test("a broker that is not back on the bus in time ends, with every private connection")
        func tooLate() async throws {
            let (scene, relay) = try await start("--bus-grace", "0.3")
            let ended = try await watchedPeer(scene)
            relay.cut()
            try await expectEnd(scene, [ended], saying: "could not come back within")
            // It tried.
            #expect(relay.arrivals.all.count { !$0 } >= 2)
        }

        @Test("another bus at the same address is not the bus that dropped the broker: everything ends, and the broker takes no name there")
        func otherBus() async throws {
            let (scene, relay) = try await start("--bus-grace", "60")
            let other = try await PrivateBus.start()
            let witness = try await other.connect()
            let ended = try await watchedPeer(scene)
            try relay.lead(to: other)
            try await expectEnd(scene, [ended], saying: "another bus is there instead of it")
            #expect(try await witness.nameOwner(of: BusName(Contract.busName)) == nil)
        }

        @Test("a broker whose name somebody else took meanwhile ends, with every private connection")
        func nameTaken() async throws {
            let (scene, relay) = try await start("--bus-grace", "60")
            let ended = try await watchedPeer(scene)
            try await cut(scene, relay)
            let thief = try await scene.bus.connect()
            #expect(try await thief.requestName(Contract.busName) == .primaryOwner)
            try relay.lead(to: scene.bus)
            try await expectEnd(scene, [ended], saying: "somebody else took the broker's name meanwhile")
        }

        @Test("SIGTERM while the broker is off the bus: private clients are told ShuttingDown, and the broker ends well")
        func stoppedWhileAway() async throws {
            let (scene, relay) = try await start("--bus-grace", "60")
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            try await provider.calls.wait("the call") { !$0.isEmpty }
            try await cut(scene, relay)
            scene.broker.process.signal(SIGTERM)
            #expect(try await open.result().status == .shuttingDown)
            #expect(try await scene.broker.process.waitForEnd() == .exited(0))
        }

        @Test("bytes of the bus that nobody can read as a message cost the broker its connection to the bus, and no private peer anything")
        func malformed() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .private)
            let go = Event<Void>("the provider to go on")
            provider.on("GetObjectAsync") { call in
                try await go.value()
                call.reply(.noError, [provider.thing("thing0")])
            }
            let open = try await scene.client.start(.get(thing("thing0")), .async)
            try await provider.calls.wait("the call") { !$0.isEmpty }
            relay.say([UInt8](repeating: 0xff, count: 64))
            _ = try await scene.broker.count(of: Self.back)
            _ = try await scene.broker.count(of: "nobody knows where its next message begins")
            go.send(())
            #expect(try await open.result().status == .noError)
            #expect(try await scene.client.brokerProperty("PrivateConnections") == 2)
        }

        @Test("G.3: a provider that the bus is to start while the broker is off it is asked for again when the broker is back")
        func startedMeanwhile() async throws {
            let folder = try ServiceFolder()
            try folder.write("org.example.Faulty", BuildFolder.path(of: "FaultyProvider") + " --starter --bus-name org.example.Faulty")
            let bus = try await PrivateBus.start(services: folder)
            let relay = try BusRelay.start(to: bus)
            let scene = try await Scene.start(options: [], bus: bus, client: .private, by: relay)
            let compiled = try await scene.client.call(
                Contract.rootPath, Contract.mofCompiler, "CompileBuffer",
                [.string(ActivationTests.mof), .string("root/cimv2"), .int32(0), .int32(0), .int32(0)])
            #expect(compiled[1].integer() == 0 as UInt32?)
            try await cut(scene, relay)
            let open = try await scene.client.start(.get("Faulty_Thing=\"healthy\""), .async)
            _ = try await scene.broker.count(of: "starting provider Faulty")
            try await restore(scene, relay)
            let result = try await open.result()
            #expect(result.status == .noError, "\(result.message)\n\(scene.broker.text)")
            try await expectQuiet(scene, [open.sink])
            withExtendedLifetime(folder) {}
        }

        @Test("the bus may drop the broker again and again")
        func again() async throws {
            let (scene, relay) = try await start()
            let provider = try await scene.provider(transport: .private)
            for round in 1...5 {
                try relay.lead(to: scene.bus)
                _ = try await scene.broker.count(of: Self.back, atLeast: round)
                #expect(try await scene.client.run(.enumerate("Test_Thing")).objects.count == 3)
            }
            withExtendedLifetime(provider) {}
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }
    }
}

extension PrivateConnection {
    fileprivate func onLoopClosed(_ observer: @escaping @Sendable () -> Void) {
        loop.execute { [self] in onClosed { _ in observer() } }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
