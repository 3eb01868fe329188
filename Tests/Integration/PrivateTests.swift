import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Private connections: the contract by another way (L1, L2, L6, L13).
    @Suite struct PrivateTests {
        static let mixtures: [(client: TestTransport, provider: TestTransport)] = [
            (.private, .bus), (.bus, .private), (.private, .private),
        ]

        @Test("L1 L2: client and provider each by bus or private, every operation in every form", arguments: mixtures, CallForm.allCases)
        func everyOperation(mixture: (client: TestTransport, provider: TestTransport), form: CallForm) async throws {
            let scene = try await Scene.start(options: [], client: mixture.client)
            let provider = try await scene.provider(transport: mixture.provider)
            let attached = try await scene.client.property(provider.registrationPath, Contract.registration, "Attachment")
            #expect(attached == .string("\(mixture.provider)"))
            #expect(
                try await scene.client.brokerProperty("PrivateConnections")
                    == [mixture.client, mixture.provider].count { $0.isPrivate })
            #expect(try await scene.client.run(.get(thing("thing1")), form).objects.first?["Number"] == .uint32(1))
            #expect(try await scene.client.run(.enumerate("Test_Thing"), form).objects.count == 3)
            let put = try await scene.client.run(.put(RawProvider.thing("Test_Thing", "new", 9)), form)
            #expect(put.status == .noError)
            #expect(try await scene.client.run(.query("SELECT * FROM Test_Thing WHERE Number = 9"), form).objects.count == 1)
            #expect(try await scene.client.run(.invoke(thing("new"), "Echo", [("sInArg", .string("x"))]), form).status == .noError)
            #expect(try await scene.client.run(.delete(thing("new")), form).status == .noError)
            #expect(try await scene.client.run(.get(thing("new")), form).status == .notFound)
            try await expectQuiet(scene, next: .get(thing("thing0")))
        }

        @Test("L13: 5,000 objects with Indicate, in windows, from a private provider to a private client", arguments: mixtures)
        func stream(mixture: (client: TestTransport, provider: TestTransport)) async throws {
            let scene = try await Scene.start(options: [], client: mixture.client)
            let provider = try await scene.provider(transport: mixture.provider)
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                for number in 0..<50 { try await call.sink.indicate(batch(100, from: number * 100, bytes: 200)) }
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let result = try await open.result()
            #expect(result.status == .noError)
            #expect(result.objects.compactMap { $0["Number"]?.integer() } == Array(0..<5_000 as Range<UInt32>))
            provider.on("CreateInstanceEnumAsync", nil)
            try await expectQuiet(scene, [open.sink], next: .enumerate("Test_Thing"))
        }

        @Test("Operation.Attachment says by which way an operation was asked for", arguments: [TestTransport.bus, .private])
        func attachmentOfOperation(transport: TestTransport) async throws {
            let scene = try await Scene.start(options: [], client: transport)
            let provider = try await scene.provider(transport: .private)
            provider.on("GetObjectAsync") { call in call.abandon() }
            let open = try await scene.client.start(.get(thing("thing0")), .async)
            let path = try #require(open.path)
            #expect(try await scene.client.property(path, Contract.operation, "Attachment") == .string("\(transport)"))
            _ = try await scene.client.call(path, Contract.operation, "Cancel")
            #expect(try await open.result().status == .callCancelled)
        }

        @Test("an operation that came by the bus goes on by the bus, also after its client has a private connection")
        func wayOfRequest() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await scene.provider(transport: .private)
            let go = Event<Void>("the provider to go on")
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                try await go.value()
                try await call.sink.indicate(batch(2))
                try await call.sink.setStatus(.noError)
                try await call.sink.release()
            }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            _ = try await provider.calls.wait("the call") { !$0.isEmpty }
            let socket = try await PrivateSocket.open(on: scene.client.connection)
            socket.write(PrivateSocket.bytes(PrivateSocket.ping, serial: 1))
            _ = try await socket.answer(to: 1)
            let path = try #require(open.path)
            #expect(try await scene.client.property(path, Contract.operation, "Attachment") == .string("bus"))
            go.send(())
            #expect(try await open.result().objects.count == 2)
            #expect(socket.frames.allSatisfy { $0.kind == PrivateSocket.pong || $0.kind == PrivateSocket.ping })
        }

        // MARK: - Ends

        @Test("L6 P4: SIGKILL of a private provider is each client's error, with name, process and count", arguments: CallForm.allCases)
        func providerKilled(form: CallForm) async throws {
            let scene = try await Scene.start(options: [], client: .private)
            let faulty = try await FaultyProcess.start(on: scene.bus, ["--private"])
            let open = try await scene.client.start(
                .enumerate("Faulty_Thing"), form, context: [("FaultyScript", .string("crash-between-indicates"))])
            let result = try await open.result()
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("provider Faulty (process \(faulty.process.processID)) left the bus after 6 objects"))
            if form != .sync { #expect(result.objects.count == 6) }
            try await scene.waitForState("absent", of: faulty.registrationPath)
            #expect(try await scene.client.property(faulty.registrationPath, Contract.registration, "Attachment") == .string(""))
            _ = try await FaultyProcess.start(on: scene.bus, ["--private"])
            try await expectQuiet(scene, [open.sink])
        }

        @Test("L6 L9: SIGKILL of a private client ends its operations, and tells their provider")
        func clientKilled() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let cimctl = try ChildProcess(
                BuildFolder.path(of: "cimctl"), ["enumerate", "--address", scene.bus.address, "Test_Thing"],
                environment: ["CIMBUS_TRANSPORT": "private"])
            let sink = try await provider.calls.wait("the call") { !$0.isEmpty }[0].sink.path.text
            let entries = try await scene.client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements ?? []
            #expect(entries.first?.elements?.last?.stringDictionary?["Attachment"] == .string("private"))
            try await cimctl.killAndWait()
            try await provider.cancelled.wait("the cancel") { $0.contains(sink) }
            try await scene.waitForOperations(0)
            try await expectQuiet(scene)
        }

        @Test("L6: the end of the socket is the end of the peer, after all that was written before it")
        func socketClosed() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await RawProvider.start(on: scene.bus, registers: false, transport: .bus)
            let own = try #require(try await provider.connection.openPrivateConnection())
            try await provider.register()
            provider.on("CreateInstanceEnumAsync") { call in
                call.reply(references: 1)
                // Nobody waits for the replies: what is written counts, and the end follows it.
                for number in 0..<4 { try call.sink.sendIndicate(batch(10, from: number * 10), wantsReply: true) }
                call.provider.connection.loop.execute { own.close() }
            }
            let result = try await scene.client.run(.enumerate("Test_Thing"), .async)
            #expect(result.status == .providerFailure)
            #expect(result.objects.count == 40)
            #expect(result.message.contains("left the bus after 40 objects"))
            try await scene.waitForState("absent", of: provider.registrationPath)
            #expect(try await scene.client.brokerProperty("PrivateConnections") == 0)
            // On the bus it is somebody new.
            provider.on("CreateInstanceEnumAsync", nil)
            try await provider.register()
            #expect(try await scene.client.property(provider.registrationPath, Contract.registration, "Attachment") == .string("bus"))
            try await expectQuiet(scene, next: .enumerate("Test_Thing"))
        }

        @Test("L6: the end of a lifeline is the end of its peer, after all that was written before it, though the socket goes on")
        func lifeline() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
            var unasked: DBusValue?
            _ = try await PrivateSocket.open(on: peer) { unasked = $0["Lifeline"] }
            #expect(unasked == nil)
            var lifeline: FileDescriptorBox?
            let socket = try await PrivateSocket.open(on: peer, options: [("Lifeline", .boolean(true))]) {
                if case .unixFD(let end)? = $0["Lifeline"] { lifeline = end }
            }
            #expect(lifeline != nil)
            // Both were fetched when it has spoken.
            socket.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
            #expect(try await socket.answer(to: 1).kind == PrivateSocket.reply)
            let quotas = try await scene.client.call(Contract.rootPath, Contract.broker, "ListQuotas")
            #expect(!"\(quotas)".contains("sockets"))
            // What is written with the lifeline's end is read before it.
            socket.write(PrivateSocket.enumeration(serial: 2, of: "Test_Thing", sink: "/other"))
            lifeline = nil
            try await socket.waitForEnd()
            let sinks = try await provider.calls.wait("both calls") { $0.count == 2 }.map(\.sink.path.text)
            try await provider.cancelled.wait("the cancels") { cancelled in sinks.allSatisfy { cancelled.contains($0) } }
            try await scene.waitForOperations(0)
            try await expectQuiet(scene)
        }

        @Test("L6: a second OpenPrivateConnection ends the first, and what was open there; the peer begins anew")
        func second() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await scene.provider(transport: .private)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
            let first = try await PrivateSocket.open(on: peer)
            first.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
            #expect(try await first.answer(to: 1).kind == PrivateSocket.reply)
            let sink = try await provider.calls.wait("the call") { !$0.isEmpty }[0].sink.path.text
            let second = try await PrivateSocket.open(on: peer)
            try await first.waitForEnd()
            try await provider.cancelled.wait("the cancel") { $0.contains(sink) }
            try await scene.waitForOperations(0)
            // The same sink is free.
            second.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
            #expect(try await second.answer(to: 1).kind == PrivateSocket.reply)
            #expect(try await scene.client.brokerProperty("PrivateConnections") == 2)
            await peer.close()
            try await second.waitForEnd()
            try await scene.waitForOperations(0)
        }

        @Test("L6: who leaves the bus and keeps the socket is gone after at most a second")
        func leavesTheBus() async throws {
            let scene = try await Scene.start(options: [], client: .bus)
            let provider = try await scene.provider(transport: .bus)
            provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
            let socket = try await PrivateSocket.open(on: peer)
            socket.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
            _ = try await provider.calls.wait("the call") { !$0.isEmpty }
            let left = ContinuousClock.now
            await peer.close()
            // What it still says is heard.
            socket.write(PrivateSocket.plainCall(serial: 2))
            #expect(try await socket.answer(to: 2).kind == PrivateSocket.reply)
            try await socket.waitForEnd()
            #expect(ContinuousClock.now - left < .seconds(5))
            try await scene.waitForOperations(0)
        }

        @Test("L6: a child that keeps the socket of a dead private provider changes nothing")
        func forkedChild() async throws {
            let scene = try await Scene.start(options: [], client: .private)
            let faulty = try await FaultyProcess.start(on: scene.bus, ["--private"])
            let result = try await scene.client.run(
                .enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("fork-hold"))])
            #expect(result.status == .providerFailure, "\(result.message)")
            #expect(result.details["ProviderProcessID"] == .uint32(UInt32(faulty.process.processID)))
            let held = try await faulty.wait(for: "held ")
            if let child = held.first?.split(separator: " ").last.flatMap({ pid_t($0) }) { kill(child, SIGKILL) }
            try await scene.waitForState("absent", of: faulty.registrationPath)
            try await expectQuiet(scene)
        }

        @Test("L8: a private provider that is stopped misses its ping, and answers again when it goes on")
        func stopped() async throws {
            let scene = try await Scene.start(options: ["--ping", "1"], client: .private)
            let faulty = try await FaultyProcess.start(on: scene.bus, ["--private"])
            let result = try await scene.client.run(.enumerate("Faulty_Thing"), .async, context: [("FaultyScript", .string("stop"))])
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("does not answer"))
            try await scene.waitForState("unresponsive", of: faulty.registrationPath)
            faulty.process.signal(SIGCONT)
            _ = try await scene.client.call(faulty.registrationPath, Contract.registration, "Ping")
            try await expectQuiet(scene, next: .enumerate("Faulty_Thing"))
        }

        @Test("L8: what answers an administrator's ping is there, whatever it left unanswered before")
        func administratorsPing() async throws {
            let scene = try await Scene.start(options: ["--ping", "1"], client: .bus)
            let provider = try await RawProvider.start(on: scene.bus, transport: .bus)
            provider.on("GetObjectAsync") { $0.abandon() }
            _ = await provider.recordPings(answering: [])
            let result = try await scene.client.run(.get("Test_Thing.Name=\"thing0\""))
            #expect(result.status == .providerFailure, "\(result.message)")
            try await scene.waitForState("unresponsive", of: provider.registrationPath)
            let pings = await provider.recordPings(answering: [RawProvider.path])
            _ = try await scene.client.call(provider.registrationPath, Contract.registration, "Ping")
            #expect(pings.all == [RawProvider.path.text])
            let next = try await scene.client.run(.enumerate("Test_Thing"))
            #expect(next.status == .noError, "\(next.message)")
        }

        @Test("L8: a holder is pinged by a frame on its own socket")
        func pinged() async throws {
            let scene = try await Scene.start(options: ["--ping", "1"], client: .bus)
            let peer = try await RawProvider.start(on: scene.bus, registers: false, transport: .bus)
            let socket = try await PrivateSocket.open(on: peer.connection)
            socket.write(PrivateSocket.bytes(PrivateSocket.ping, serial: 1))
            #expect(try await socket.answer(to: 1).kind == PrivateSocket.pong)
            try await peer.register()
            peer.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
            let open = try await scene.client.start(.enumerate("Test_Thing"), .async)
            let ping = try await socket.frame("a ping") { $0.kind == PrivateSocket.ping }
            socket.write(PrivateSocket.bytes(PrivateSocket.pong, serial: 2, answers: ping.serial))
            let path = try #require(open.path)
            _ = try await scene.client.call(path, Contract.operation, "Cancel")
            #expect(try await open.result().status == .callCancelled)
        }
    }
}
