import DBus
import Glibc
import Testing
import WireTestKit

private actor Neighbour {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private var count = 0

    init(_ loop: EventLoop) { self.loop = loop }

    func increment() -> Int {
        count += 1
        return loop.isOnLoop ? count : -1
    }
}

@Suite(.timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test func runsTimersInOrder() async throws {
        let loop = EventLoop()
        let order = Box<[Int]>([])
        let done = Event<Bool>("the last timer")
        let now = ContinuousClock.now
        loop.schedule(at: now + .milliseconds(20)) {
            order.value.append(3)
            done.send(true)
        }
        loop.schedule(at: now + .milliseconds(10)) { order.value.append(2) }
        let cancelled = loop.schedule(at: now + .milliseconds(15)) { order.value.append(99) }
        loop.cancel(cancelled)
        loop.schedule(after: .zero) { order.value.append(1) }
        _ = try await done.value()
        #expect(order.value == [1, 2, 3])
        #expect(ContinuousClock.now >= now + .milliseconds(20))
        loop.shutdown()
    }

    /// Timers that are cancelled from inside others, many of them: the queue drops its husks.
    @Test func cancelsManyTimers() async throws {
        let loop = EventLoop()
        let done = Event<Int>("the cancelled timers")
        loop.execute {
            let fired = Box(0)
            let tokens = (0..<5000).map { number in loop.schedule(after: .milliseconds(Int64(number % 7))) { fired.value += 1 } }
            for (number, token) in tokens.enumerated() where number % 10 != 0 { loop.cancel(token) }
            loop.schedule(after: .milliseconds(30)) { done.send(fired.value) }
        }
        #expect(try await done.value() == 500)
        loop.shutdown()
    }

    @Test("A watch that another one removes in the same round is not called any more")
    func callsNoRemovedWatch() async throws {
        let loop = EventLoop()
        let called = Box<[Int]>([])
        let done = Event<Bool>("the watches")
        // Both are readable before the loop looks at them; whichever it calls first removes the other.
        var ends: [[Int32]] = []
        for _ in 0..<2 {
            var pair: [Int32] = [0, 0]
            try #require(pipe(&pair) == 0)
            try #require(write(pair[1], "x", 1) == 1)
            ends.append(pair)
        }
        defer { for end in ends.joined() { close(end) } }
        let pairs = ends
        loop.execute {
            let tokens = Box<[EventLoop.TimerToken]>([])
            tokens.value = pairs.indices.map { index in
                loop.addWatch(pairs[index][0], events: Int16(POLLIN)) { _ in
                    called.value.append(index)
                    for token in tokens.value { loop.removeWatch(token) }
                    loop.execute { done.send(true) }
                }
            }
        }
        _ = try await done.value()
        #expect(called.value.count == 1)
        loop.shutdown()
    }

    @Test func runsActorsOnItsThread() async throws {
        let loop = EventLoop()
        let actor = Neighbour(loop)
        for expected in 1...100 { #expect(await actor.increment() == expected) }
        let inside = Event<Int>("the synchronous call")
        loop.execute { inside.send(actor.assumeIsolated { $0.increment() }) }
        #expect(try await inside.value() == 101)
        loop.shutdown()
    }

    @Test func tasksMayPreferIt() async throws {
        let loop = EventLoop()
        let isOnLoop = await Task(executorPreference: loop) {
            await Task.yield()
            return loop.isOnLoop
        }.value
        #expect(isOnLoop && !loop.isOnLoop)
        loop.shutdown()
    }

    @Test func watchesDescriptors() async throws {
        let loop = EventLoop()
        var ends: [Int32] = [-1, -1]
        #expect(pipe(&ends) == 0)
        let readEnd = FileDescriptorBox(owning: ends[0])
        let writeEnd = FileDescriptorBox(owning: ends[1])
        let readable = Event<Int16>("the pipe to be readable")
        let token = loop.addWatch(readEnd.rawValue, events: Int16(POLLIN)) { events in
            var byte: UInt8 = 0
            _ = read(readEnd.rawValue, &byte, 1)
            readable.send(events)
        }
        var byte: UInt8 = 1
        #expect(write(writeEnd.rawValue, &byte, 1) == 1)
        #expect(try await readable.value() == Int16(POLLIN))
        loop.removeWatch(token)
        loop.shutdown()
    }
}
