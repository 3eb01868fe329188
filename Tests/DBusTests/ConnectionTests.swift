import DBus
import Glibc
import Testing
import WireTestKit

let testPath = ObjectPath(staticString: "/org/example/Thing")
let testInterface = InterfaceName(staticString: "org.example.Thing")

/// An object that gives back what it is given.
func echoObject() -> ExportedObject {
    let description = InterfaceDescription(
        testInterface,
        methods: [
            .init(
                MemberName(staticString: "Echo"), inputs: [.init("text", Signature(staticString: "s"))],
                outputs: [.init("text", Signature(staticString: "s"))]),
            .init(MemberName(staticString: "Never")),
        ])
    return ExportedObject([
        ExportedInterface(
            description,
            methods: [
                "Echo": .immediate { call in
                    var reader = call.reader
                    guard let text = try? reader.readString() else { _ = call.fail(.invalidArguments, "no text"); return }
                    call.reply(signature: Signature(staticString: "s")) { $0.append(string: text) }
                },
                "Never": .immediate { call in neverAnswered.keep(call) },
            ])
    ])
}

/// Keeps calls alive and unanswered.
final class Kept: @unchecked Sendable {
    private var calls: [MethodCall] = []
    func keep(_ call: MethodCall) { calls.append(call) }
}
let neverAnswered = Kept()

func echo(_ text: String, to destination: UniqueName, member: StaticString = "Echo") throws -> Message {
    try .methodCall(
        destination: BusName(destination), path: testPath, interface: testInterface, member: MemberName(staticString: member),
        values: member.description == "Echo" ? [.string(text)] : [])
}

@Suite(.timeLimit(.minutes(1)))
struct ConnectionTests {
    @Test func callsAndIsAnswered() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let client = try await bus.connect()
        #expect(server.uniqueName != client.uniqueName)
        #expect(await server.export(echoObject(), at: testPath))
        let reply = try await client.call(echo("hello", to: server.uniqueName))
        #expect(try reply.values() == [.string("hello")])
        #expect(reply.sender == server.uniqueName.text)
    }
}

extension ConnectionTests {
    @Test(arguments: 0..<40)
    func carriesRandomValues(seed: Int) async throws {
        let bus = try await sharedBus.value
        let client = try await bus.connect()
        let received = Event<Message>("the message")
        await client.setInbound { message in
            received.send(message)
            return true
        }
        var random = RandomValues(seed: UInt64(5000 + seed))
        let values = (0..<3).map { _ in random.value(depth: 4) }
        try await client.send(
            .methodCall(
                destination: BusName(client.uniqueName), path: testPath, interface: nil, member: MemberName("X"), flags: .noReplyExpected,
                values: values))
        #expect(try await received.value().values() == values)
    }

    @Test func keepsTheOrder() async throws {
        let bus = try await sharedBus.value
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let client = try await bus.connect()
        let all = Event<[UInt32]>("a thousand messages")
        let seen = Box<[UInt32]>([])
        await server.setInbound { message in
            var reader = message.reader
            seen.value.append((try? reader.readUInt32()) ?? .max)
            if seen.value.count == 1000 { all.send(seen.value) }
            return true
        }
        for number in 0..<UInt32(1000) {
            try await client.send(
                .methodCall(
                    destination: BusName(server.uniqueName), path: testPath, interface: nil, member: MemberName("X"),
                    flags: .noReplyExpected,
                    values: [.uint32(number)]))
        }
        #expect(try await all.value() == Array(0..<1000))
    }

    @Test func passesFileDescriptors() async throws {
        let bus = try await sharedBus.value
        let client = try await bus.connect()
        let received = Event<Message>("the message")
        await client.setInbound { message in
            received.send(message)
            return true
        }
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let readEnd = FileDescriptorBox(owning: ends[0])
        let writeEnd = FileDescriptorBox(owning: ends[1])
        let values: [DBusValue] = [
            .string("x"), .array(element: Signature(staticString: "v"), [.variant(.unixFD(writeEnd)), .variant(.byte(1))]), .bytes([1, 2]),
        ]
        let message = try Message.methodCall(
            destination: BusName(client.uniqueName), path: testPath, interface: nil, member: MemberName("X"), flags: .noReplyExpected,
            values: values)
        #expect(message.containsUnixFDs)
        try await client.send(message.forwarded(to: BusName(client.uniqueName)))
        let arrived = try await received.value().values()
        guard case .unixFD(let box)? = arrived[1].elements?.first?.unwrapped else {
            Issue.record("no descriptor in \(arrived)")
            return
        }
        #expect(arrived[0] == .string("x") && arrived[2] == .bytes([1, 2]) && box.rawValue != writeEnd.rawValue)
        var byte: UInt8 = 42
        #expect(write(box.rawValue, &byte, 1) == 1)
        byte = 0
        #expect(read(readEnd.rawValue, &byte, 1) == 1 && byte == 42)
        #expect(throws: DBusError.self) {
            try Message.methodCall(
                destination: nil, path: testPath, interface: nil, member: MemberName("X"), values: [.unixFD(writeEnd), .string("\0")])
        }
    }

    @Test func timesOut() async throws {
        let bus = try await sharedBus.value
        let server = try await bus.connect()
        await server.export(echoObject(), at: testPath)
        await #expect { try await server.call(echo("", to: server.uniqueName, member: "Never"), timeout: .milliseconds(20)) } throws: {
            ($0 as? DBusError)?.code == .timedOut
        }
    }

    @Test func cancellingEndsTheWait() async throws {
        let bus = try await sharedBus.value
        let server = try await bus.connect()
        let arrived = Event<Bool>("the call")
        let kept = Kept()
        await server.setInbound { message in
            kept.keep(server.methodCall(message))
            arrived.send(true)
            return true
        }
        let task = Task { try await server.call(echo("", to: server.uniqueName), timeout: nil) }
        _ = try await arrived.value()
        task.cancel()
        await #expect { try await withDeadline(.seconds(5), "the cancelled call") { try await task.value } } throws: {
            ($0 as? DBusError)?.code == .cancelled
        }
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await server.call(echo("", to: server.uniqueName), timeout: nil)
        }
        await #expect { try await withDeadline(.seconds(5), "the late call") { try await late.value } } throws: {
            ($0 as? DBusError)?.code == .cancelled
        }
    }

    /// The death of the bus ends every wait.
    @Test func losingTheBusFailsAllWaiters() async throws {
        let bus = try await PrivateBus.start()
        let client = try await bus.connect()
        let kept = Kept()
        let count = Box(0)
        let arrived = Event<Bool>("all calls")
        await client.setInbound { message in
            kept.keep(client.methodCall(message))
            count.value += 1
            if count.value == 20 { arrived.send(true) }
            return true
        }
        let signals = try await client.signals(matching: MatchRule(member: MemberName("Never")))
        let calls = try (0..<20).map { _ in
            let message = try echo("", to: client.uniqueName)
            return Task { try await client.call(message, timeout: nil) }
        }
        _ = try await arrived.value()
        bus.daemon.signal(SIGKILL)
        for call in calls {
            await #expect { try await withDeadline(.seconds(5), "a failed call") { try await call.value } } throws: {
                ($0 as? DBusError)?.code == .disconnected
            }
        }
        await #expect { for try await _ in signals {} } throws: { ($0 as? DBusError)?.code == .disconnected }
        #expect(try await withDeadline(.seconds(5), "the end") { await client.closed.code } == .disconnected)
        await #expect { try await client.send(echo("", to: client.uniqueName)) } throws: { ($0 as? DBusError)?.code == .disconnected }
        await #expect { try await client.call(echo("", to: client.uniqueName)) } throws: { ($0 as? DBusError)?.code == .disconnected }
    }

    @Test func closingFailsAllWaiters() async throws {
        let bus = try await sharedBus.value
        let client = try await bus.connect()
        let failed = Event<DBusError?>("the completion")
        let message = try echo("", to: client.uniqueName, member: "Never")
        await client.setInbound { [kept = Kept()] message in
            kept.keep(client.methodCall(message))
            return true
        }
        await client.call(message, timeout: nil) { result in
            if case .failure(let error) = result { failed.send(error) } else { failed.send(nil) }
        }
        await client.close()
        await client.close()
        #expect(try await failed.value()?.code == .disconnected)
        #expect(await client.closed.code == .disconnected)
    }

    /// A bus that stops reading must not make this side grow without bound.
    @Test func refusesWhatDoesNotFitTheQueue() async throws {
        let bus = try await PrivateBus.start()
        var options = ConnectionOptions()
        options.maximumQueuedBytes = 1 << 20
        let client = try await bus.connect(options: options)
        let watcher = try await bus.connect()
        let member = MemberName(staticString: "S")
        let arrivals = AsyncStream<Bool>.makeStream()
        _ = try await watcher.addMatch(MatchRule(member: member)) { _ in arrivals.continuation.yield(true) }
        bus.daemon.stop()
        let block = [UInt8](repeating: 0, count: 64 << 10)
        let signal = try Message.signal(path: testPath, interface: testInterface, member: member, values: [.bytes(block)])
        var refused: DBusError?
        var accepted = 0
        while accepted < 100 {
            do { try await client.send(signal) } catch {
                refused = error
                break
            }
            accepted += 1
        }
        #expect(refused?.code == .queueFull)
        #expect(await client.queuedBytes < 2 << 20)
        bus.daemon.signal(SIGCONT)
        let expected = accepted
        // Nothing that was accepted is lost, and then there is room again.
        try await withDeadline(.seconds(10), "\(expected) signals") {
            var iterator = arrivals.stream.makeAsyncIterator()
            for _ in 0..<expected { _ = await iterator.next() }
        }
        #expect(try await client.nameOwner(of: .bus)?.text == BusName.bus.text)
    }

    @Test func connectingFailsWithItsReason() async throws {
        await #expect { try await Connection.connect(to: .address("unix:path=/nonexistent/bus")) } throws: {
            ($0 as? DBusError)?.code == .address
        }
        await #expect { try await Connection.connect(to: .address("nonsense")) } throws: { ($0 as? DBusError)?.code == .address }
        await #expect { try await Connection.connect(to: .address("")) } throws: { ($0 as? DBusError)?.code == .address }
        // A daemon that hangs: the socket connects, nobody answers.
        let bus = try await PrivateBus.start()
        bus.daemon.stop()
        var options = ConnectionOptions()
        options.connectTimeout = .milliseconds(50)
        let limited = options
        await #expect { try await Connection.connect(to: .address(bus.address), options: limited) } throws: {
            ($0 as? DBusError)?.code == .timedOut
        }
    }

    @Test("connecting ends in its time at a server that is stopped and has a full queue, where the system call blocks")
    func connectingEnds() async throws {
        let bus = try FakeBus()
        let waiting = try bus.fillQueue()
        var options = ConnectionOptions()
        options.connectTimeout = .milliseconds(100)
        let limited = options
        _ = try await withDeadline(.seconds(10), "the end of the attempt") {
            await #expect { try await Connection.connect(to: .address(bus.address), options: limited) } throws: {
                ($0 as? DBusError)?.code == .timedOut
            }
        }
        #expect(!waiting.isEmpty)
    }

    @Test func ownsNames() async throws {
        let bus = try await PrivateBus.start()
        let first = try await bus.connect()
        let second = try await bus.connect()
        let name = WellKnownName(staticString: "org.example.Owned")
        #expect(try await first.nameOwner(of: BusName(name)) == nil)
        #expect(try await first.requestName(name) == .primaryOwner)
        #expect(try await first.requestName(name) == .alreadyOwner)
        #expect(try await second.requestName(name) == .exists)
        #expect(try await second.nameOwner(of: BusName(name)) == first.uniqueName)
        let vanished = Event<String>("the name to vanish")
        _ = try await second.onNameVanished { lost, owner in if lost == name.text { vanished.send(owner) } }
        try await first.releaseName(name)
        #expect(try await vanished.value() == first.uniqueName.text)
        #expect(try await second.requestName(name) == .primaryOwner)
    }

    @Test func hearsOfVanishedPeers() async throws {
        let bus = try await sharedBus.value
        let watcher = try await bus.connect()
        let peer = try await bus.connect()
        let vanished = Event<String>("the peer to vanish")
        let wanted = peer.uniqueName.text
        _ = try await watcher.onNameVanished { lost, owner in if lost == wanted { vanished.send(owner) } }
        await peer.close()
        #expect(try await vanished.value() == wanted)
    }

    @Test func knowsCredentials() async throws {
        let bus = try await sharedBus.value
        let client = try await bus.connect()
        let credentials = try await client.credentials(of: BusName(client.uniqueName))
        #expect(credentials.userID == getuid() && credentials.processID == UInt32(getpid()))
        await #expect { try await client.credentials(of: BusName("org.example.Nobody")) } throws: {
            ($0 as? DBusError)?.code == .errorReply(.nameHasNoOwner)
        }
    }

    @Test func matchesSignals() async throws {
        let bus = try await sharedBus.value
        let sender = try await bus.connect()
        let stranger = try await bus.connect()
        let receiver = try await bus.connect()
        let name = WellKnownName(staticString: "org.example.Sender")
        _ = try await sender.requestName(name)
        let member = MemberName(staticString: "Happened")
        var rule = MatchRule(
            sender: BusName(name), interface: testInterface, member: member, pathNamespace: ObjectPath(staticString: "/org"))
        rule.arguments[1] = "it's, \\ odd"
        var signals = try await receiver.signals(matching: rule).makeAsyncIterator()
        func emit(_ connection: Connection, _ path: String, _ argument: String, _ number: UInt32) async throws {
            try await connection.send(
                .signal(
                    path: ObjectPath(path), interface: testInterface, member: member,
                    values: [.string(""), .string(argument), .uint32(number)]))
        }
        try await emit(sender, "/other", "it's, \\ odd", 1)
        try await emit(sender, "/org/x", "even", 2)
        // Sent straight to the receiver, past the rules of the bus, by someone who does not own the name.
        try await stranger.send(
            .signal(
                destination: BusName(receiver.uniqueName), path: testPath, interface: testInterface, member: member,
                values: [.string(""), .string("it's, \\ odd"), .uint32(3)]))
        _ = try await stranger.nameOwner(of: BusName(name))
        try await emit(sender, "/org/x", "it's, \\ odd", 4)
        #expect(try await signals.next()?.values().last == .uint32(4))
    }

    @Test func removedMatchesAreSilent() async throws {
        let bus = try await sharedBus.value
        let client = try await bus.connect()
        let member = MemberName(staticString: "Twice")
        let count = Box(0)
        let token = try await client.addMatch(MatchRule(sender: BusName(client.uniqueName), member: member)) { _ in count.value += 1 }
        let signal = try Message.signal(path: testPath, interface: testInterface, member: member)
        try await client.send(signal)
        _ = try await client.nameOwner(of: BusName(client.uniqueName))
        #expect(count.value == 1)
        await client.removeMatch(token)
        try await client.send(signal)
        _ = try await client.nameOwner(of: BusName(client.uniqueName))
        #expect(count.value == 1)
    }

    @Test("A stream of signals that nobody reads ends; it neither grows nor loses silently")
    func unreadSignalsEndTheStream() async throws {
        let bus = try await sharedBus.value
        var options = ConnectionOptions()
        options.maximumBufferedSignals = 4
        let client = try await bus.connect(options: options)
        let member = MemberName(staticString: "Many")
        let stream = try await client.signals(matching: MatchRule(sender: BusName(client.uniqueName), member: member))
        for _ in 0..<6 { try await client.send(.signal(path: testPath, interface: testInterface, member: member)) }
        _ = try await client.nameOwner(of: .bus)
        let count = Box(0)
        await #expect { for try await _ in stream { count.value += 1 } } throws: { ($0 as? DBusError)?.code == .queueFull }
        #expect(count.value == 4)
    }

    @Test func repliesFromStrangersAreDropped() async throws {
        let bus = try await sharedBus.value
        let server = try await bus.connect()
        let stranger = try await bus.connect()
        let client = try await bus.connect()
        let arrived = Event<Message>("the call")
        await server.setInbound { message in
            arrived.send(message)
            return true
        }
        let call = Task { try await client.call(echo("", to: server.uniqueName), timeout: .seconds(5)) }
        let message = try await arrived.value()
        try await stranger.send(.reply(to: message, values: [.string("forged")]))
        _ = try await stranger.nameOwner(of: .bus)
        try await server.send(.reply(to: message, values: [.string("real")]))
        #expect(try await call.value.values() == [.string("real")])
    }
}

/// One bus for the tests that do it no harm.
let sharedBus = Task { try await PrivateBus.start() }
