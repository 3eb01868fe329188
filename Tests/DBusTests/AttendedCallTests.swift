import Glibc
import Testing
import WireTestKit

@testable import DBus

/// A client with a private connection, at whose other end a test writes the frames itself.
private struct Bench: Sendable {
    let bus: PrivateBus
    let loop = EventLoop(name: "client")
    /// Where tasks call whose threads are kept waiting: none of the few that all tasks share.
    let caller = EventLoop(name: "caller")
    let client: Connection
    let own: PrivateConnection
    let other: FileDescriptorBox
    /// The serials of the calls that have come to the other end.
    let calls = Recorder<UInt32>()
    let peer = UniqueName(verified: ":1.4242")

    /// - Parameters:
    ///   - most: for how long a caller's thread waits.
    ///   - answers: what the other end writes for a call, given its serial and the number of the frame to write, counted from 1.
    init(most: Duration, answers: @escaping @Sendable (UInt32, UInt32) -> [[UInt8]]) async throws {
        bus = try await PrivateBus.start()
        client = try await bus.connect(on: loop)
        let (here, there) = try PrivateConnection.makeSockets()
        other = there
        let made = Event<PrivateConnection>("a private connection")
        loop.execute { [client, peer] in
            guard let own = try? client.speak(by: here, with: peer, to: [BusName(peer)], frameMembers) else { return }
            own.attendance.most = EventLoop.nanoseconds(most)
            made.send(own)
        }
        own = try await made.value()
        let isStarted = SystemThread.start(named: "other end") { [calls, there] in
            var assembler = FrameAssembler()
            var buffer = [UInt8](repeating: 0, count: 4096)
            var next: UInt32 = 1
            while true {
                let count = recv(there.rawValue, &buffer, buffer.count, 0)
                if count <= 0 { return }
                var frames: [Frame] = []
                buffer.withUnsafeBytes { bytes in
                    do throws(FrameFault) { try assembler.take(UnsafeRawBufferPointer(rebasing: bytes[..<count]), &frames) } catch {}
                }
                for frame in frames where frame.header.kind == .call {
                    for bytes in answers(frame.header.serial, next) {
                        next += 1
                        Self.write(bytes, there)
                    }
                    calls.record(frame.header.serial)
                }
            }
        }
        try #require(isStarted)
    }

    static func write(_ bytes: [UInt8], _ socket: FileDescriptorBox) {
        _ = bytes.withUnsafeBytes { send(socket.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    static func reply(_ serial: UInt32, to call: UInt32) -> [UInt8] {
        RawFrame(kind: FrameKind.reply.rawValue, member: 0, serial: serial, answers: call, fields: []).bytes
    }

    static func call(_ serial: UInt32) -> [UInt8] { RawFrame(serial: serial, fields: RawFrame.field(1, "/a")).bytes }

    func call(timeout: Duration? = nil) async throws(DBusError) -> Message {
        let message: Message
        do {
            message = try Message.methodCall(
                destination: BusName(peer), path: testPath, interface: testInterface, member: MemberName(staticString: "Never"))
        } catch { throw DBusError(code: .malformed, "\(error)") }
        return try await client.call(message, timeout: timeout)
    }

    /// Whether a thread of a caller reads the socket now.
    func isAttended() async throws -> Bool {
        let said = Event<Bool>("the loop")
        loop.execute { [own] in said.send(own.attendance.isOn) }
        return try await said.value()
    }

    func end() async {
        await client.close()
        shutdown(other.rawValue, Int32(SHUT_RDWR))
        loop.shutdown()
        caller.shutdown()
    }
}

/// Replies for which their callers' own threads wait.
@Suite(.timeLimit(.minutes(1)))
struct AttendedCallTests {
    @Test("A task that makes one call after the other reads the replies itself; the first call is only a beginning")
    func reads() async throws {
        let threads = Recorder<UInt>()
        // Each reply has a call before it, which is handed out by the thread that reads both.
        let bench = try await Bench(most: .seconds(20)) { [Bench.call($1), Bench.reply($1 + 1, to: $0)] }
        await bench.client.setInbound { _ in
            threads.record(EventLoop.thread)
            return true
        }
        try await Task(executorPreference: bench.caller) {
            for _ in 0..<20 {
                try await bench.loop.waitUntilIdle()
                _ = try await bench.call()
            }
        }.value
        let own = try await bench.loop.ownThread()
        #expect(threads.all.count == 20)
        #expect(threads.all.first == own)
        // Where the loop's thread has not gone to sleep yet when the next call comes, it reads the reply.
        #expect(threads.all.contains { $0 != own })
        #expect(try await !bench.isAttended())
        // The socket is the loop's again.
        Bench.write(Bench.call(41), bench.other)
        #expect(try await threads.wait("a call that nobody asked for") { $0.count == 21 }.last == own)
        await bench.end()
    }

    @Test("A private call ends with the loss of the bus where the bus reads no more, although its last words have not been read")
    func endsWithTheBus() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let (here, there) = try PrivateConnection.makeSockets()
        let peer = UniqueName(verified: ":1.4242")
        let made = Event<Bool>("a private connection")
        connection.loop.execute { made.send((try? connection.speak(by: here, with: peer, to: [BusName(peer)], frameMembers)) != nil) }
        #expect(try await made.value())
        let call = try Message.methodCall(
            destination: BusName(peer), path: testPath, interface: testInterface, member: MemberName(staticString: "Never"))
        let end = Task { () async -> DBusError? in
            do throws(DBusError) { _ = try await connection.call(call, timeout: nil) } catch { return error }
            return nil
        }
        try await bus.run { bus in
            var byte: UInt8 = 0
            guard recv(there.rawValue, &byte, 1, 0) == 1 else { throw FakeBus.Failure(description: "no call") }
            bus.readNoMore()
        }
        // It finds that the bus reads no more.
        try await connection.sendByBus(.busCall("GetId"))
        shutdown(there.rawValue, Int32(SHUT_RDWR))
        #expect(try await withDeadline(.seconds(10), "the end of the call") { await end.value }?.code == .disconnected)
        await connection.close()
    }

    @Test("While a caller waits for its reply the loop goes on: work, timers, and calls of others")
    func goesOn() async throws {
        let open = Box(false)
        let late = Box<[[UInt8]]>([])
        let bench = try await Bench(most: .seconds(30)) { call, serial in
            // The first is answered at once, the second after the third.
            switch serial + UInt32(late.value.count) {
            case 1: return [Bench.reply(1, to: call)]
            case 2:
                late.value = [Bench.reply(3, to: call)]
                return []
            default:
                open.value = true
                return [Bench.reply(2, to: call)]
            }
        }
        let first = Task(executorPreference: bench.caller) {
            _ = try await bench.call()
            try await bench.loop.waitUntilIdle()
            return try await bench.call()
        }
        try await bench.calls.wait("the second call") { $0.count == 2 }
        #expect(try await bench.isAttended())
        let rang = Event<Void>("a timer meanwhile")
        bench.loop.schedule(after: .milliseconds(1)) { rang.send(()) }
        try await rang.value()
        _ = try await withDeadline(.seconds(10), "another task's call meanwhile") { try await bench.call() }
        #expect(open.value)
        Bench.write(late.value[0], bench.other)
        _ = try await withDeadline(.seconds(10), "the reply") { try await first.value }
        #expect(try await !bench.isAttended())
        await bench.end()
    }

    @Test("A reply that does not come soon suspends its caller, and after a slow reply no thread is kept waiting for the next")
    func late() async throws {
        let answer = Recorder<UInt32>()
        let quick = Box(true)
        let bench = try await Bench(most: .seconds(5)) { call, serial in
            if quick.value { return [Bench.reply(serial, to: call)] }
            answer.record(call)
            return []
        }
        let calls = Task(executorPreference: bench.caller) {
            _ = try await bench.call()
            try await bench.loop.waitUntilIdle()
            _ = try await bench.call()
            // From here on replies are late.
            quick.value = false
            let done = Event<Void>("the bound")
            bench.loop.execute {
                bench.own.attendance.most = 200_000_000
                done.send(())
            }
            try await done.value()
            _ = try await bench.call()
            _ = try await bench.call()
        }
        // It waits no more, and is not answered.
        let first = try await answer.wait("a call that stays unanswered") { $0.count == 1 }[0]
        try await withDeadline(.seconds(10), "the end of the wait") { while try await bench.isAttended() { await Task.yield() } }
        let pause = Event<Void>("longer than the bound")
        bench.loop.schedule(after: .milliseconds(300)) { pause.send(()) }
        try await pause.value()
        Bench.write(Bench.reply(3, to: first), bench.other)
        let second = try await answer.wait("the next call") { $0.count == 2 }[1]
        #expect(try await !bench.isAttended())
        Bench.write(Bench.reply(4, to: second), bench.other)
        try await withDeadline(.seconds(10), "the late replies") { try await calls.value }
        await bench.end()
    }

    @Test("Tasks that call side by side are not kept waiting: all their calls are on their way")
    func sideBySide() async throws {
        let answered = Recorder<UInt32>()
        let bench = try await Bench(most: .seconds(30)) { call, serial in
            answered.record(call)
            // All are answered when the last of a round has come.
            guard answered.all.count % 16 == 0 else { return [] }
            return answered.all.suffix(16).enumerated().map { Bench.reply(serial + UInt32($0.offset), to: $0.element) }
        }
        let tasks = (0..<16).map { _ in Task { for _ in 0..<20 { _ = try await bench.call() } } }
        for task in tasks { try await withDeadline(.seconds(20), "a task's calls") { try await task.value } }
        #expect(answered.all.count == 320)
        await bench.end()
    }

    @Test("Tasks that call in turns leave the reading to the loop")
    func inTurns() async throws {
        let threads = Recorder<UInt>()
        let bench = try await Bench(most: .seconds(20)) { [Bench.call($1), Bench.reply($1 + 1, to: $0)] }
        await bench.client.setInbound { _ in
            threads.record(EventLoop.thread)
            return true
        }
        let turn = Recorder<Int>()
        let tasks = (0..<2).map { me in
            Task(executorPreference: bench.caller) {
                for round in 0..<5 {
                    try await turn.wait("the turn") { $0.count == 2 * round + me }
                    try await bench.loop.waitUntilIdle()
                    _ = try await bench.call()
                    turn.record(me)
                }
            }
        }
        for task in tasks { try await withDeadline(.seconds(20), "the calls") { try await task.value } }
        let own = try await bench.loop.ownThread()
        #expect(threads.all == Array(repeating: own, count: 10))
        await bench.end()
    }

    @Test("A call that is cancelled while its caller waits ends with cancelled, and takes no reply of another")
    func cancelled() async throws {
        let quick = Box(true)
        let late = Recorder<UInt32>()
        let bench = try await Bench(most: .seconds(2)) { call, serial in
            if quick.value { return [Bench.reply(serial, to: call)] }
            late.record(call)
            return []
        }
        let calls = Task(executorPreference: bench.caller) {
            _ = try await bench.call()
            quick.value = false
            try await bench.loop.waitUntilIdle()
            return await #expect(throws: DBusError.self) { try await bench.call() }
        }
        let serial = try await late.wait("the call") { $0.count == 1 }[0]
        #expect(try await bench.isAttended())
        calls.cancel()
        #expect(try await withDeadline(.seconds(10), "the end of the call") { try await calls.value }?.code == .cancelled)
        quick.value = true
        Bench.write(Bench.reply(2, to: serial), bench.other)
        // The frames' serials follow each other.
        let own = bench.own
        #expect(try await bench.isAttended() == false)
        let done = Event<Bool>("what was read")
        bench.loop.schedule(after: .milliseconds(20)) { done.send(own.waiters.isEmpty && own.closure == nil) }
        #expect(try await done.value())
        await bench.end()
    }

    @Test("A connection that ends while a caller waits ends the wait at once")
    func ends() async throws {
        let quick = Box(true)
        let late = Recorder<UInt32>()
        let bench = try await Bench(most: .seconds(3600)) { call, serial in
            if quick.value { return [Bench.reply(serial, to: call)] }
            late.record(call)
            return []
        }
        let calls = Task(executorPreference: bench.caller) {
            _ = try await bench.call()
            quick.value = false
            try await bench.loop.waitUntilIdle()
            return await #expect(throws: DBusError.self) { try await bench.call() }
        }
        try await late.wait("the call") { $0.count == 1 }
        #expect(try await bench.isAttended())
        shutdown(bench.other.rawValue, Int32(SHUT_RDWR))
        #expect(try await withDeadline(.seconds(10), "the end of the call") { try await calls.value }?.name == .noReply)
        await bench.end()
    }

    @Test("A connection that is closed here, or whose loop ends, while a caller waits ends the wait at once", arguments: [false, true])
    func closed(byLoop: Bool) async throws {
        let quick = Box(true)
        let late = Recorder<UInt32>()
        let bench = try await Bench(most: .seconds(3600)) { call, serial in
            if quick.value { return [Bench.reply(serial, to: call)] }
            late.record(call)
            return []
        }
        let calls = Task(executorPreference: bench.caller) {
            _ = try await bench.call()
            quick.value = false
            try await bench.loop.waitUntilIdle()
            return await #expect(throws: DBusError.self) { try await bench.call() }
        }
        try await late.wait("the call") { $0.count == 1 }
        #expect(try await bench.isAttended())
        if byLoop { bench.loop.shutdown() } else { await bench.client.close() }
        #expect(try await withDeadline(.seconds(10), "the end of the call") { try await calls.value }?.code == .disconnected)
        await bench.end()
    }

    private static func isEchoed(_ text: String, _ client: Connection, _ server: Connection) async throws -> Bool {
        try await client.call(try echo(text, to: server.uniqueName)).values() == [.string(text)]
    }

    @Test("Thousands of calls of many tasks, each with its own answer, some cancelled, and calls that come the other way between them")
    func many() async throws {
        let bus = try await PrivateBus.start()
        let (a, b) = try PrivateConnection.makeSockets()
        let server = try await bus.connect(on: EventLoop(name: "server"))
        let client = try await bus.connect(on: EventLoop(name: "client"))
        _ = await server.export(echoObject(), at: testPath)
        _ = await client.export(echoObject(), at: testPath)
        for (here, there, socket) in [(server, client, a), (client, server, b)] {
            let made = Event<Bool>("a private connection")
            here.loop.execute {
                made.send((try? here.speak(by: socket, with: there.uniqueName, to: [BusName(there.uniqueName)], frameMembers)) != nil)
            }
            #expect(try await made.value())
        }
        try await withDeadline(.seconds(50), "the calls") {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<24 {
                    group.addTask {
                        let (from, to) = task % 6 == 5 ? (server, client) : (client, server)
                        for number in 0..<300 {
                            let text = "\(task) \(number)"
                            if number % 50 == 49 {
                                let cancelled = Task { try await Self.isEchoed(text, from, to) }
                                cancelled.cancel()
                                if let isEchoed = try? await cancelled.value { #expect(isEchoed) }
                            }
                            let isEchoed = try await Self.isEchoed(text, from, to)
                            #expect(isEchoed)
                        }
                    }
                }
                try await group.waitForAll()
            }
            // And one alone.
            for number in 0..<3_000 {
                let isEchoed = try await Self.isEchoed("alone \(number)", client, server)
                #expect(isEchoed)
            }
        }
        for connection in [client, server] {
            let loop = connection.loop
            await connection.close()
            loop.shutdown()
        }
    }
}
