import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration.PrivateTests {
    /// What ends a private connection, and nothing else.
    struct Bad: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        /// What the broker's log says.
        let words: String
        var options: [String] = []

        init(_ testDescription: String, _ words: String, _ bytes: [UInt8], options: [String] = []) {
            self.testDescription = testDescription
            self.words = words
            self.bytes = bytes
            self.options = options
        }
    }

    /// The frame after the one that is sent before them.
    static let bad: [Bad] = [
        Bad("truncated by its own word", "fewer than its own start", PrivateSocket.number(UInt32(8)) + [UInt8](repeating: 0, count: 20)),
        Bad("oversized", "33554432 are the most", PrivateSocket.number(UInt32.max) + [UInt8](repeating: 1, count: 20)),
        Bad("unknown", "frames of kind 99", PrivateSocket.bytes(99, serial: 2)),
        Bad("reordered", "frame 3 comes where 2 was to come", PrivateSocket.plainCall(serial: 3) + PrivateSocket.plainCall(serial: 2)),
        Bad("twice", "frame 2 comes where 3 was to come", PrivateSocket.plainCall(serial: 2) + PrivateSocket.plainCall(serial: 2)),
        Bad(
            "fields that overlap the body", "says that its fields have",
            PrivateSocket.number(UInt32(32)) + [1, 0, 0, 0] + PrivateSocket.number(UInt32(2)) + PrivateSocket.number(UInt32(0))
                + PrivateSocket.number(UInt32(16)) + PrivateSocket.number(UInt32(0)) + PrivateSocket.field(1, "/a")),
        Bad(
            "an unknown member", "no member has the number",
            PrivateSocket.bytes(PrivateSocket.call, serial: 2, member: 0x7F7F, fields: PrivateSocket.field(1, "/a"))),
        Bad(
            "a body that lies", "is not (aa{sv})",
            PrivateSocket.bytes(
                PrivateSocket.call, serial: 2, member: 5 << 8 | 1, fields: PrivateSocket.field(1, "/a") + PrivateSocket.field(5, "aa{sv}"),
                body: PrivateSocket.number(UInt32(1 << 20)))),
        Bad(
            "half a frame and then silence", "a frame has been incomplete", Array(PrivateSocket.plainCall(serial: 2).dropLast(4)),
            options: ["--credit", "0.3"]),
        Bad(
            "half a start and then silence", "a frame has been incomplete", Array(PrivateSocket.plainCall(serial: 2).prefix(7)),
            options: ["--credit", "0.3"]),
        Bad("noise", "the private connection with", (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }),
    ]

    @Test("L6: a bad frame ends its connection with a reason in the log, its operations end, and nobody else notices", arguments: bad)
    func badFrame(bad: Bad) async throws {
        let scene = try await Scene.start(options: bad.options, client: .private)
        let provider = try await scene.provider(transport: .private)
        let go = Event<Void>("the provider to go on")
        provider.on("CreateInstanceEnumAsync") { call in
            call.reply(references: 1)
            try await go.value()
            _ = try? await call.sink.indicate(batch(1))
            _ = try? await call.sink.setStatus(.noError)
            _ = try? await call.sink.release()
        }
        let other = try await scene.client.start(.enumerate("Test_Thing"), .async)
        let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
        let socket = try await PrivateSocket.open(on: peer)
        socket.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
        #expect(try await socket.answer(to: 1).kind == PrivateSocket.reply)
        let sink = try await provider.calls.wait("both calls") { $0.count == 2 }[1].sink.path.text
        socket.write(bad.bytes)
        try await socket.waitForEnd()
        try await scene.broker.log.wait("the reason") { lines in
            lines.contains { $0.contains("the private connection with \(peer.uniqueName) ends: ") && $0.contains(bad.words) }
        }
        try await provider.cancelled.wait("the cancel") { $0 == [sink] }
        #expect(try await scene.waitForOperations(1) == ["running"])
        go.send(())
        #expect(try await other.result().status == .noError)
        provider.on("CreateInstanceEnumAsync", nil)
        try await expectQuiet(scene, [other.sink], next: .enumerate("Test_Thing"))
    }

    @Test("a file descriptor that comes along ends the connection, and the broker keeps none")
    func descriptor() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
        let socket = try await PrivateSocket.open(on: peer)
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let (reading, writing) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        #expect(socket.write(PrivateSocket.plainCall(serial: 1), with: writing.rawValue))
        try await socket.waitForEnd()
        #expect(try await scene.broker.count(of: "ends: a file descriptor came along") == 1)
        withExtendedLifetime(writing) {}
        _ = consume writing
        // Nobody else has the writing end: so the pipe is at its end.
        var byte: UInt8 = 0
        #expect(read(reading.rawValue, &byte, 1) == 0)
    }

    @Test("L13: a peer that reads nothing from its socket is ended, and nobody else notices")
    func readsNothing() async throws {
        let scene = try await Scene.start(options: ["--credit", "0.5"], client: .private)
        _ = try await scene.provider(transport: .private)
        let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
        let socket = try await PrivateSocket.open(on: peer, reads: false)
        // Each of these is answered by some KiB. So few fit into the socket, whether or not the broker reads meanwhile.
        for serial in 1...200 as ClosedRange<UInt32> {
            let fields =
                PrivateSocket.field(1, "/org/cimbus1") + PrivateSocket.field(2, "org.freedesktop.DBus.Introspectable")
                + PrivateSocket.field(3, "Introspect")
            socket.write(PrivateSocket.bytes(PrivateSocket.call, serial: serial, fields: fields))
        }
        for form in CallForm.allCases { #expect(try await scene.client.run(.enumerate("Test_Thing"), form).status == .noError) }
        try await scene.broker.log.wait("the reason") { lines in
            lines.contains { $0.contains("the private connection with \(peer.uniqueName) ends: the other end has read nothing for") }
        }
        #expect(try await scene.client.brokerProperty("PrivateConnections") == 2)
        socket.startReading()
        try await socket.waitForEnd()
        // The bus still serves it.
        _ = try await peer.call(
            .methodCall(destination: BusName(Contract.busName), path: .root, interface: .peer, member: MemberName(verified: "Ping")))
        try await expectQuiet(scene, next: .enumerate("Test_Thing"))
    }

    @Test("L6: a peer that reads no more is ended, after what it had said by then")
    func readsNoMore() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        let provider = try await scene.provider(transport: .bus)
        provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
        let peer = try await scene.bus.connect(on: EventLoop(name: "peer"))
        let socket = try await PrivateSocket.open(on: peer, reads: false)
        shutdown(socket.socket.rawValue, Int32(SHUT_RD))
        socket.write(PrivateSocket.enumeration(serial: 1, of: "Test_Thing", sink: "/sink"))
        let sink = try await provider.calls.wait("the call") { !$0.isEmpty }[0].sink.path.text
        try await provider.cancelled.wait("the cancel") { $0.contains(sink) }
        try await scene.eventually("its end") { try await scene.client.brokerProperty("PrivateConnections") == 0 }
        try await expectQuiet(scene)
    }

    // MARK: - Opening

    private func refusal(_ client: RawClient, version: DBusValue = .uint32(1)) async throws -> WBEMStatus? {
        try await client.refusal {
            _ = try await client.call(Contract.rootPath, Contract.broker, "OpenPrivateConnection", [version, .dictionary([])])
        }
    }

    @Test("OpenPrivateConnection: version 0 is InvalidParameter, a higher version than ours is answered with ours, options are passed over")
    func versions() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        #expect(try await refusal(scene.client, version: .uint32(0)) == .invalidParameter)
        #expect(try await scene.client.brokerProperty("PrivateConnections") == 0)
        let socket = try await PrivateSocket.open(on: scene.client.connection, version: 77, options: [("Unknown", .string("x"))])
        #expect(socket.version == 1)
        socket.write(PrivateSocket.plainCall(serial: 1))
        #expect(try await socket.answer(to: 1).kind == PrivateSocket.reply)
        // Python's integers.
        #expect(try await refusal(scene.client, version: .int32(0)) == .invalidParameter)
    }

    @Test("OpenPrivateConnection by a private connection is InvalidOperation, and changes nothing")
    func byItself() async throws {
        let scene = try await Scene.start(options: [], client: .private)
        #expect(try await refusal(scene.client) == .invalidOperation)
        #expect(try await scene.client.brokerProperty("PrivateConnections") == 1)
    }

    @Test("--no-private-connections: OpenPrivateConnection is NotSupported, and the libraries use the bus")
    func turnedOff() async throws {
        let scene = try await Scene.start(options: ["--no-private-connections"], client: .bus)
        let provider = try await scene.provider(transport: .bus)
        #expect(try await refusal(scene.client) == .notSupported)
        let (text, end) = try await ChildProcess.output(
            BuildFolder.path(of: "cimctl"), ["enumerate", "--address", scene.bus.address, "Test_Thing"])
        #expect(end == .exited(0) && text.contains("thing0"))
        #expect(try await scene.client.property(provider.registrationPath, Contract.registration, "Attachment") == .string("bus"))
        #expect(try await scene.client.brokerProperty("PrivateConnections") == 0)
    }

    @Test("CIMBUS_TRANSPORT=bus: the libraries ask for no private connection", arguments: [(true, "bus"), (false, "private")])
    func environment(isOff: Bool, way: String) async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        let provider = try await scene.provider(transport: .bus)
        provider.on("CreateInstanceEnumAsync") { call in call.reply(references: 1) }
        let cimctl = try ChildProcess(
            BuildFolder.path(of: "cimctl"), ["enumerate", "--address", scene.bus.address, "Test_Thing"],
            environment: ["CIMBUS_TRANSPORT": isOff ? "bus" : ""])
        _ = try await provider.calls.wait("the call") { !$0.isEmpty }
        let entries = try await scene.client.call(Contract.rootPath, Contract.broker, "ListOperations").first?.elements ?? []
        #expect(entries.first?.elements?.last?.stringDictionary?["Attachment"] == .string(way))
        try await cimctl.killAndWait()
        try await scene.waitForOperations(0)
    }

    @Test("L13: who fetches none of its sockets gets no more after 16, and the bus goes on carrying what the broker says")
    func unfetched() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        _ = try await scene.provider(transport: .bus)
        var sockets: [PrivateSocket] = []
        for _ in 0..<16 { sockets.append(try await PrivateSocket.open(on: scene.client.connection)) }
        #expect(try await refusal(scene.client) == .quotaViolation)
        for socket in sockets.dropLast() { try await socket.waitForEnd() }
        let other = try await RawClient.connect(to: scene.bus, transport: .bus)
        #expect(try await refusal(other) == .quotaViolation)
        #expect(try await scene.client.run(.enumerate("Test_Thing"), .async).status == .noError)
        // A frame by the last one says that all have been fetched.
        let last = try #require(sockets.last)
        last.write(PrivateSocket.bytes(PrivateSocket.ping, serial: 1))
        _ = try await last.answer(to: 1)
        #expect(try await refusal(other) == nil)
    }

    @Test("a caller that leaves with its sockets unfetched gives back what it took of its user's 16")
    func unfetchedAndGone() async throws {
        let scene = try await Scene.start(options: [], client: .bus)
        let peer = try await RawClient.connect(to: scene.bus, transport: .bus)
        for _ in 0..<16 { _ = try await PrivateSocket.open(on: peer.connection) }
        #expect(try await refusal(scene.client) == .quotaViolation)
        await peer.close()
        try await scene.eventually("its sockets to be given back") { try await refusal(scene.client) == nil }
    }
}
