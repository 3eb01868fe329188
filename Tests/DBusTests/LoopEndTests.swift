import DBus
import Testing
import WireTestKit

/// What waits on a loop that is shut down is told, and never left waiting.
@Suite(.timeLimit(.minutes(1)))
struct LoopEndTests {
    @Test("A call that waits for its reply when its loop is shut down fails with disconnected")
    func callInFlight() async throws {
        let bus = try await PrivateBus.start()
        let server = try await bus.connect(on: EventLoop(name: "server"))
        _ = await server.export(echoObject(), at: testPath)
        let loop = EventLoop(name: "client")
        let client = try await bus.connect(on: loop)
        let ended = Event<DBusError>("the end of the connection")
        client.onDisconnected { ended.send($0) }
        let call = Task {
            await #expect(throws: DBusError.self) {
                try await client.call(try echo("", to: server.uniqueName, member: "Never"), timeout: nil)
            }
        }
        // What was sent before it has left: the call is on its way.
        _ = try await client.call(try echo("hello", to: server.uniqueName))
        loop.shutdown()
        let error = try await withDeadline(.seconds(10), "the call to fail") { await call.value }
        #expect(error?.code == .disconnected)
        #expect(try await ended.value().code == .disconnected)
    }

    @Test("What is asked of a connection whose loop is shut down fails at once, whatever it is")
    func askedAfterTheEnd() async throws {
        let bus = try await PrivateBus.start()
        let loop = EventLoop(name: "client")
        let client = try await bus.connect(on: loop)
        let rule = MatchRule(sender: .bus, interface: .bus)
        let token = try await client.addMatch(rule) { _ in }
        let ended = Event<DBusError>("the end of the connection")
        client.onDisconnected { ended.send($0) }
        loop.shutdown()
        _ = try await ended.value()
        try await withDeadline(.seconds(10), "what is asked of an ended loop") {
            #expect(await client.closed.code == .disconnected)
            let name = BusName(client.uniqueName)
            #expect(await #expect(throws: DBusError.self) { try await client.nameOwner(of: name) }?.code == .disconnected)
            #expect(await #expect(throws: DBusError.self) { try await client.addMatch(rule) { _ in } }?.code == .disconnected)
            #expect(await #expect(throws: DBusError.self) { try await client.followOwner(of: name) { _ in } }?.code == .disconnected)
            await client.removeMatch(token)
            #expect(await client.queuedBytes == 0)
            #expect(await #expect(throws: DBusError.self) { try await bus.connect(on: loop) }?.code == .disconnected)
        }
    }

    @Test("A loop that is shut down runs what it is given, one after the other, and tells that it does")
    func workAfterTheEnd() async throws {
        let loop = EventLoop(name: "ending")
        loop.shutdown()
        let order = Box<[Int]>([])
        for number in 0..<200 {
            if number % 50 == 0 { await Task.yield() }
            loop.execute { order.value.append(loop.isOnLoop ? number : -1) }
        }
        let done = Event<[Int]>("the last of the work")
        loop.execute { done.send(order.value) }
        #expect(try await done.value() == Array(0..<200))
    }
}

/// Calls that block have threads of their own.
@Suite(.timeLimit(.minutes(1)))
struct BlockingThreadsTests {
    @Test(
        "Calls that block take no thread of the tasks' pool, however many they are; as many run at once as may, the others in their order")
    func blocking() async throws {
        let threads = BlockingThreads(name: "blocking", most: 50)
        let gate = Gate()
        let begun = Recorder<Int>()
        // More than the pool has threads: in the pool they would hold up everything, and with it this test.
        let calls = (0..<60).map { number in
            Task {
                await threads.run {
                    begun.record(number)
                    gate.pass()
                    return number
                }
            }
        }
        try await begun.wait("fifty calls") { $0.count == 50 }
        #expect(begun.all.count == 50)
        gate.open()
        var results: [Int] = []
        for call in calls { results.append(await call.value) }
        #expect(results == Array(0..<60))
    }

    @Test("One thread runs its calls in the order in which they came, and ends; the next call has a new one")
    func inOrder() async throws {
        let threads = BlockingThreads(name: "blocking", most: 1)
        for round in 0..<3 { #expect(await threads.run { round } == round) }
    }
}
