import Glibc
import Testing
import WireTestKit

@testable import DBus

extension EventLoop {
    /// Waits until nobody leads it and nothing is left to do. Whoever else uses the loop may change that at once.
    func waitUntilIdle() async throws {
        try await withDeadline(.seconds(10), "an idle loop") { [self] in
            while !inbox.withLock({ !$0.isLed && !$0.isWoken && $0.work.isEmpty && $0.sleepers > 0 }) { await Task.yield() }
        }
    }

    /// The thread that leads it when it has work.
    func ownThread() async throws -> UInt {
        let found = Event<UInt>("the loop's thread")
        execute { found.send(Self.thread) }
        return try await found.value()
    }

    /// How many descriptors the system tells it of.
    var descriptorCount: Int {
        guard let file = fopen("/proc/self/fdinfo/\(poller.epoll)", "r") else { return 0 }
        defer { fclose(file) }
        var count = 0
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil { if strncmp(line, "tfd:", 4) == 0 { count += 1 } }
        return count
    }

    /// How many threads of this process have its name.
    var threadCount: Int {
        var count = 0
        guard let folder = opendir("/proc/self/task") else { return 0 }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let id = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 64)
            if fgets(&line, 64, file) != nil,
                String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) == name
            {
                count += 1
            }
        }
        return count
    }
}

/// Who leads a loop, and that nothing is lost where that changes.
@Suite(.timeLimit(.minutes(1)))
struct LeadershipTests {
    @Test("The loop is told of a connection's socket once, and of nothing when the connection has ended")
    func watchesOneSocket() async throws {
        let loop = EventLoop()
        try await loop.waitUntilIdle()
        let own = loop.descriptorCount
        let connection = try await Connection.connect(to: .address(sharedBus.value.address), on: loop)
        try await loop.waitUntilIdle()
        #expect(loop.descriptorCount == own + 1)
        await connection.close()
        try await loop.waitUntilIdle()
        #expect(loop.descriptorCount == own)
        loop.shutdown()
    }

    @Test("A thread that finds the loop asleep does at once what it has to do on it")
    func borrows() async throws {
        let loop = EventLoop()
        try await loop.waitUntilIdle()
        let place = Box<(UInt, Bool)>((0, false))
        #expect(loop.tryBorrow())
        #expect(loop.isOnLoop)
        loop.giveBack()
        #expect(!loop.isOnLoop)
        try await loop.waitUntilIdle()
        let isHere = await Task.detached {
            loop.onLoop { place.value = (EventLoop.thread, loop.isOnLoop) }
            return place.value.0 == EventLoop.thread
        }.value
        #expect(isHere && place.value.1)
        #expect(try await loop.ownThread() != place.value.0)
        loop.shutdown()
    }

    @Test("A loop that is busy is not borrowed: what has to be done waits for its turn, and the caller does not")
    func busy() async throws {
        let loop = EventLoop()
        let gate = Gate()
        let began = Event<Void>("the work")
        loop.execute {
            began.send(())
            gate.pass()
        }
        try await began.value()
        let done = Event<Bool>("what waits for its turn")
        loop.onLoop { done.send(loop.isOnLoop) }
        #expect(done.current == nil)
        #expect(!loop.tryBorrow())
        gate.open()
        #expect(try await done.value())
        loop.shutdown()
    }

    @Test("Timers and descriptors that a borrower adds and removes are heeded by the loop that sleeps")
    func changes() async throws {
        let loop = EventLoop()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        func write() throws { try #require(Glibc.write(writeEnd.rawValue, "x", 1) == 1) }
        func read() {
            var byte: UInt8 = 0
            _ = Glibc.read(readEnd.rawValue, &byte, 1)
        }
        try await loop.waitUntilIdle()
        let late = loop.schedule(after: .seconds(3600)) {}
        try await loop.waitUntilIdle()
        let rang = Event<Void>("the earlier timer")
        #expect(loop.tryBorrow())
        let removed = loop.schedule(after: .zero) { Issue.record("a timer that was removed") }
        loop.schedule(after: .milliseconds(1)) { rang.send(()) }
        loop.cancel(removed)
        loop.giveBack()
        try await rang.value()
        loop.cancel(late)

        try await loop.waitUntilIdle()
        let first = Event<Void>("the first byte")
        #expect(loop.tryBorrow())
        let token = loop.addWatch(readEnd.rawValue, events: Int16(POLLIN)) { _ in
            var byte: UInt8 = 0
            _ = Glibc.read(readEnd.rawValue, &byte, 1)
            first.send(())
        }
        loop.giveBack()
        try write()
        try await first.value()

        try await loop.waitUntilIdle()
        #expect(loop.tryBorrow())
        loop.removeWatch(token)
        loop.giveBack()
        try write()
        // A second watch of the same descriptor finds the byte, and the first one did not take it.
        let second = Event<Void>("the second byte")
        let other = loop.addWatch(readEnd.rawValue, events: Int16(POLLIN)) { _ in second.send(()) }
        try await second.value()
        loop.removeWatch(other)
        loop.shutdown()
    }

    @Test("Two watches of one descriptor are both told, and one of them when the other is removed; of a file that is always ready, too")
    func twice() async throws {
        let loop = EventLoop()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        try #require(Glibc.write(writeEnd.rawValue, "x", 1) == 1)
        let told = Recorder<Int>()
        let tokens = (0..<2).map { number in
            loop.addWatch(readEnd.rawValue, events: Int16(POLLIN)) { told.record($0 == Int16(POLLIN) ? number : -1) }
        }
        try await told.wait("both") { $0.contains(0) && $0.contains(1) }
        let removed = Event<Void>("the end of the first")
        loop.execute {
            loop.removeWatch(tokens[0])
            removed.send(())
        }
        try await removed.value()
        let before = told.all.count
        #expect(!(try await told.wait("the other") { $0.count > before + 2 })[before...].contains(0))
        loop.removeWatch(tokens[1])
        let file = FileDescriptorBox(owning: open("/proc/self/exe", O_RDONLY))
        let ready = Event<Int16>("the file")
        let token = loop.addWatch(file.rawValue, events: Int16(POLLIN)) { ready.send($0) }
        #expect(try await ready.value() == Int16(POLLIN))
        loop.removeWatch(token)
        let bad = Event<Int16>("the bad descriptor")
        let other = loop.addWatch(1_000_000, events: Int16(POLLIN)) { bad.send($0) }
        #expect(try await bad.value() == Int16(POLLNVAL))
        loop.removeWatch(other)
        try await loop.waitUntilIdle()
        loop.shutdown()
    }

    @Test("Nothing that a task says overtakes what it said before, whichever thread it is done by")
    func order() async throws {
        let loop = EventLoop()
        let tasks = 8, steps = 3_000
        let said = Recorder<[Int]>()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    for step in 0..<steps {
                        if step % 3 == 0 { loop.execute { said.record([task, step]) } } else { loop.onLoop { said.record([task, step]) } }
                        if step % 64 == task { await Task.yield() }
                    }
                }
            }
        }
        let all = try await said.wait("everything") { $0.count == tasks * steps }
        for task in 0..<tasks { #expect(all.filter { $0[0] == task }.map { $0[1] } == Array(0..<steps)) }
        loop.shutdown()
    }

    @Test("What many threads do at once on a loop is done by one after the other, and all of it")
    func exclusion() async throws {
        final class Count: @unchecked Sendable { var value = 0 }
        let loop = EventLoop()
        let count = Count()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for step in 0..<5_000 {
                        loop.onLoop { count.value += 1 }
                        if step % 100 == 0 { loop.schedule(after: .zero) { count.value += 1 } }
                        if step % 50 == 0 { loop.execute { loop.runAside { loop.onLoop { count.value += 1 } } } }
                    }
                }
            }
        }
        let total = 8 * (5_000 + 50 + 100)
        try await withDeadline(.seconds(20), "\(total) times") {
            while true {
                let seen = Event<Int>("the count")
                loop.execute { seen.send(count.value) }
                if try await seen.value() == total { return }
            }
        }
        loop.shutdown()
    }

    // MARK: Code of users

    @Test("L8: code of users that blocks stops nothing on the loop, and the threads that it took end with it")
    func asides() async throws {
        let loop = EventLoop(name: "asides-\(getpid() % 1000)")
        let gate = Gate()
        let began = Recorder<UInt>()
        let ended = Recorder<Bool>()
        for round in 1...20 {
            loop.execute {
                loop.runAside {
                    began.record(EventLoop.thread)
                    gate.pass()
                    ended.record(loop.isOnLoop)
                }
            }
            // Each blocks the thread that would have gone on.
            try await began.wait("blocked code") { $0.count == round }
        }
        #expect(Set(began.all).count == 20)
        let rang = Event<Void>("a timer meanwhile")
        loop.schedule(after: .milliseconds(1)) { rang.send(()) }
        try await rang.value()
        #expect(!began.all.contains(try await loop.ownThread()))
        #expect(ended.all.isEmpty)
        gate.open()
        #expect(try await ended.wait("the end of the blocked code") { $0.count == 20 } == Array(repeating: false, count: 20))
        try await withDeadline(.seconds(10), "the ends of threads") { while loop.threadCount > 2 { await Task.yield() } }
        _ = try await loop.ownThread()
        loop.shutdown()
        try await withDeadline(.seconds(10), "the ends of the last threads") { while loop.threadCount > 0 { await Task.yield() } }
    }

    @Test("A thread that has run code of users goes on with the loop; nothing else is started for quick code")
    func sameThread() async throws {
        let loop = EventLoop(name: "same-\(getpid() % 1000)")
        for _ in 0..<200 {
            let done = Event<Void>("quick code")
            loop.execute { loop.runAside { done.send(()) } }
            try await done.value()
        }
        #expect(loop.threadCount <= 2)
        loop.shutdown()
    }

    @Test("A loop that has several threads tells of everything that comes, and of each thing one of them")
    func severalThreads() async throws {
        let loop = EventLoop()
        let aside = Event<Void>("code of users")
        loop.execute { loop.runAside { aside.send(()) } }
        try await aside.value()
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (readEnd, writeEnd) = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        let told = Recorder<UInt8>()
        let token = loop.addWatch(readEnd.rawValue, events: Int16(POLLIN)) { _ in
            var byte: UInt8 = 0
            told.record(read(readEnd.rawValue, &byte, 1) == 1 ? byte : 255)
        }
        for number in UInt8(0)..<50 {
            var byte = number
            try #require(write(writeEnd.rawValue, &byte, 1) == 1)
            try await told.wait("a byte") { $0.count > Int(number) }
        }
        #expect(told.all == Array(0..<50))
        loop.removeWatch(token)
        loop.shutdown()
    }

    @Test("Code of users that comes together runs side by side")
    func sideBySide() async throws {
        let loop = EventLoop()
        let (first, second) = (Gate(), Gate())
        let both = Recorder<Int>()
        loop.execute {
            loop.runAside {
                first.open()
                second.pass()
                both.record(1)
            }
            loop.runAside {
                second.open()
                first.pass()
                both.record(2)
            }
        }
        try await both.wait("both") { $0.count == 2 }
        loop.shutdown()
    }

    @Test("What code of users puts on the loop before it blocks is done while it does")
    func handsOver() async throws {
        let loop = EventLoop()
        let gate = Gate()
        let done = Recorder<Int>()
        loop.execute {
            loop.runAside {
                loop.onLoop { loop.execute { done.record(1) } }
                loop.execute { done.record(2) }
                loop.schedule(after: .milliseconds(1)) { done.record(3) }
                gate.pass()
            }
        }
        #expect(try await done.wait("all of it") { $0.count == 3 } == [1, 2, 3])
        gate.open()
        loop.shutdown()
    }

    // MARK: The end

    @Test("A loop that is shut down while it is borrowed ends when it is given back, and runs what it is given later")
    func shutDownWhileBorrowed() async throws {
        let loop = EventLoop()
        try await loop.waitUntilIdle()
        #expect(loop.tryBorrow())
        loop.shutdown()
        let done = Event<Void>("what came while it was borrowed")
        await Task.detached { loop.execute { done.send(()) } }.value
        #expect(done.current == nil)
        loop.giveBack()
        try await done.value()
        try await withDeadline(.seconds(10), "the end of the loop") {
            while !loop.inbox.withLock({ $0.phase == .ended }) { await Task.yield() }
        }
        #expect(!loop.tryBorrow())
        let later = Event<Bool>("what came later")
        loop.onLoop { later.send(loop.isOnLoop) }
        #expect(try await later.value())
    }

    @Test("A loop is shut down while code of users blocks: all else ends at once, and that thread when it returns")
    func shutDownWhileBlocked() async throws {
        let bus = try await PrivateBus.start()
        let loop = EventLoop(name: "end-\(getpid() % 1000)")
        let connection = try await bus.connect(on: loop)
        let gate = Gate()
        let began = Event<Void>("blocked code")
        loop.execute {
            loop.runAside {
                began.send(())
                gate.pass()
            }
        }
        try await began.value()
        loop.shutdown()
        #expect(try await withDeadline(.seconds(10), "the end of the connection") { await connection.closed }.code == .disconnected)
        gate.open()
        try await withDeadline(.seconds(10), "the ends of threads") { while loop.threadCount > 0 { await Task.yield() } }
    }
}
