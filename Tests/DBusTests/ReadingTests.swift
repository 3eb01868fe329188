import DBus
import Glibc
import Testing
import WireTestKit

/// What a connection does with messages that come to it, good and bad.
@Suite(.timeLimit(.minutes(1)))
struct ReadingTests {
    private static let sender = RawMessage.Field(code: 7, value: .string(":1.9"))

    /// A call as a bus hands it on.
    private func call(_ number: UInt32, isBig: Bool = false, serial: UInt32? = nil) -> RawMessage {
        var call = RawMessage.call([.uint32(number)], isBig: isBig)
        call.serial = serial ?? number
        call.fields.append(Self.sender)
        return call
    }

    /// The numbers of the calls that came.
    private func record(_ connection: Connection) async -> Recorder<UInt32> {
        let numbers = Recorder<UInt32>()
        await connection.setInbound { message in
            numbers.record((try? message.values().first?.integer()) ?? .max)
            return true
        }
        return numbers
    }

    @Test("a bad call costs that call and not the connection: its sender is told what is wrong", arguments: [false, true])
    func refusesACall(isBig: Bool) async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let numbers = await record(connection)
        var bodies = call(2, isBig: isBig)
        bodies.values = [.string("\0")]
        var members = call(3, isBig: isBig)
        members.fields[1].value = .string("not a\nmember")
        var twice = call(4, isBig: isBig)
        twice.fields.append(twice.fields[0])
        var silent = bodies
        silent.flags = 1
        var nameless = bodies
        nameless.fields.removeLast()
        let bad = [bodies, members, twice]
        // Nobody wants an answer, or nobody can have one.
        let unanswered = [silent, nameless]
        let answers = try await bus.run { [self] bus in
            try bus.write(call(1, isBig: isBig).bytes)
            for message in bad { try bus.write(message.bytes) }
            for message in unanswered { try bus.write(message.bytes) }
            try bus.write(call(5, isBig: isBig).bytes)
            return try bad.map { _ in try bus.readMessage() }
        }
        try await numbers.wait("the good calls") { $0.count == 2 }
        #expect(numbers.all == [1, 5])
        for (answer, reason) in zip(answers, ["its body is not (s)", "the member \"not a\\nmember\"", "the path comes twice"]) {
            #expect(answer.type == 3 && answer.text.contains("org.freedesktop.DBus.Error.InconsistentMessage"))
            #expect(answer.text.contains(":1.9") && answer.text.contains(reason), "\(answer.text)")
        }
        #expect(await !connection.isOver)
    }

    @Test("a bad reply ends the wait for it, and signals and unknown types that are bad are dropped")
    func refusesAReply() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let numbers = await record(connection)
        let waits = Task { try await connection.call(.busCall("GetId"), timeout: nil) }
        try await bus.run { [self] bus in
            let question = try bus.readMessage()
            var signal = RawMessage(type: 4, values: [.string("x")])
            signal.fields = [.init(code: 1, value: RawMessage.path("/")), .init(code: 3, value: .string("M"))]
            try bus.write(signal.bytes)
            var unknown = call(1)
            unknown.type = 77
            try bus.write(unknown.bytes)
            unknown.fields.append(.init(code: 77, value: .string("\0")))
            try bus.write(unknown.bytes)
            var reply = RawMessage(type: 2, values: [.objectPath(ObjectPath(verified: "none"))])
            reply.fields = [
                .init(code: 5, value: .uint32(question.serial)), .init(code: 7, value: .string("org.freedesktop.DBus")),
            ]
            try bus.write(reply.bytes)
            try bus.write(call(2).bytes)
        }
        await #expect { try await withDeadline(.seconds(10), "the bad reply") { try await waits.value } } throws: {
            ($0 as? DBusError)?.code == .malformed
        }
        try await numbers.wait("the call") { $0.count == 1 }
        #expect(numbers.all == [2])
    }

    @Test("where nobody knows where the next message begins, the connection ends, after what came before", arguments: 0..<4)
    func losesTheFraming(what: Int) async throws {
        let bus = try FakeBus()
        var options = ConnectionOptions()
        options.maximumMessageBytes = 1 << 20
        let connection = try await bus.connect(options: options)
        let numbers = await record(connection)
        var bytes = call(2).bytes
        switch what {
        case 0: bytes[0] = UInt8(ascii: "x")
        case 1: bytes[3] = 2
        case 2: bytes.replaceSubrange(4..<8, with: [0, 0, 0x10, 0])
        default: bytes.replaceSubrange(12..<16, with: [0xff, 0xff, 0xff, 0xff])
        }
        try await bus.run { [self, bytes] bus in
            try bus.write(call(1).bytes + bytes)
            try bus.waitForEnd()
        }
        #expect(try await withDeadline(.seconds(10), "the end") { await connection.closed.code } == .disconnected)
        #expect(numbers.all == [1])
    }

    @Test("messages come whole wherever the stream is cut, in either byte order, and keep their order", arguments: [1, 7, 4096])
    func assembles(piece: Int) async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let numbers = await record(connection)
        let count: UInt32 = 60
        try await bus.run { [self] bus in
            var stream: [UInt8] = []
            for number in 1...count {
                var message = call(number, isBig: number % 3 == 0)
                if number % 7 == 0 { message.values.append(.bytes([UInt8](repeating: 1, count: piece * 200))) }
                stream += message.bytes
            }
            var rest = stream[...]
            while !rest.isEmpty {
                try bus.write(Array(rest.prefix(piece)))
                rest = rest.dropFirst(piece)
            }
        }
        try await numbers.wait("all messages", within: .seconds(20)) { $0.count == Int(count) }
        #expect(numbers.all == Array(1...count))
    }

    @Test("a message of the other byte order is answered, forwarded and sent on with its values")
    func readsTheOtherOrder() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let values: [DBusValue] = [
            .uint64(0x0102_0304_0506_0708),
            .dictionary([("ä", .int16(-2))]),
            .structure([.double(1.5), .bytes([1, 2, 3]), .boolean(true)]),
        ]
        let arrived = Event<Message>("the call")
        await connection.setInbound { message in
            arrived.send(message)
            return true
        }
        var call = RawMessage.call(values, isBig: true)
        call.fields.append(Self.sender)
        let bytes = call.bytes
        try await bus.run { try $0.write(bytes) }
        let message = try await arrived.value()
        #expect(try message.values() == values)
        let forwarded = try message.forwarded(to: BusName(":1.5"))
        #expect(try forwarded.values() == values)
        #expect(forwarded.reader.hasHostByteOrder && forwarded.destination == ":1.5" && forwarded.member == "M")
        try await connection.send(message)
        let echo = try await bus.run { try $0.readMessage() }
        // As it came, with a serial of this side's.
        #expect(echo.bytes.count == bytes.count && echo.bytes[0] == UInt8(ascii: "B") && echo.bytes[8...10] == [0, 0, 0])
    }

    // MARK: Connecting

    /// What a server does that lets nobody in, and what comes of it.
    private static let servers: [(serve: @Sendable (FakeBus) throws -> Void, code: DBusError.Code)] = [
        (
            { bus in
                try bus.accept(); bus.hangUp()
            }, .authentication
        ),
        (
            { bus in
                do { try bus.authenticate(takes: false) } catch {}; bus.hangUp()
            }, .authentication
        ),
        (
            { bus in
                try bus.authenticate(); bus.hangUp()
            }, .disconnected
        ),
        (
            { bus in
                try bus.authenticate(); _ = try bus.readMessage(); bus.hangUp()
            }, .disconnected
        ),
        (
            { bus in
                try bus.authenticate(); _ = try bus.readMessage(); try bus.write(Array("hello? ".utf8) + Array("who is there?".utf8))
            }, .disconnected
        ),
        (
            { bus in
                try bus.authenticate(); try bus.answer("org.freedesktop.DBus.Error.LimitsExceeded")
            }, .errorReply(.limitsExceeded)
        ),
        (
            { bus in
                try bus.accept(); try? bus.waitForEnd()
            }, .timedOut
        ),
        (
            { bus in
                try bus.authenticate(); try? bus.waitForEnd()
            }, .timedOut
        ),
    ]

    @Test("a server that lets nobody in is told by what it did", arguments: 0..<8)
    func connectingFails(number: Int) async throws {
        let bus = try FakeBus()
        let (serve, code) = Self.servers[number]
        async let served: Void = bus.run(serve)
        var options = ConnectionOptions()
        options.connectTimeout = code == .timedOut ? .milliseconds(200) : .seconds(10)
        let limited = options
        await #expect { try await Connection.connect(to: .address(bus.address), options: limited) } throws: {
            ($0 as? DBusError)?.code == code
        }
        try await served
    }

    // MARK: File descriptors

    /// A pipe's end to read, whose other end is sent.
    private func pipe() throws -> (read: FileDescriptorBox, write: FileDescriptorBox) {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        return (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
    }

    private func callWithDescriptors(_ number: UInt32, count: UInt32) -> RawMessage {
        var message = call(number)
        message.fields.append(.init(code: 9, value: .uint32(count)))
        return message
    }

    @Test("file descriptors belong to the message that they came with, and close on exec")
    func assignsDescriptors() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let messages = Recorder<Message>()
        await connection.setInbound { message in
            messages.record(message)
            return true
        }
        let (read, write) = try pipe()
        try await bus.run { [self] bus in
            var withOne = callWithDescriptors(2, count: 1)
            withOne.values = [.unixFD(write)]
            var long = callWithDescriptors(4, count: 1)
            long.values = [.unixFD(write), .bytes([UInt8](repeating: 1, count: 300_000))]
            // The first is cut, so that its end is read together with the start of the second.
            let first = call(1).bytes
            try bus.write(Array(first[..<20]))
            try bus.write(Array(first[20...]))
            try bus.write(withOne.bytes, [write.rawValue])
            try bus.write(call(3).bytes)
            try bus.write(long.bytes, [write.rawValue])
            try bus.write(call(5).bytes)
        }
        try await messages.wait("all messages") { $0.count == 5 }
        #expect(messages.all.map(\.containsUnixFDs) == [false, true, false, true, false])
        for message in [messages.all[1], messages.all[3]] {
            guard case .unixFD(let box)? = try message.values().first else { Issue.record("no descriptor"); continue }
            #expect(fcntl(box.rawValue, F_GETFD) & FD_CLOEXEC != 0)
            var byte: UInt8 = 42
            #expect(Glibc.write(box.rawValue, &byte, 1) == 1)
            byte = 0
            #expect(Glibc.read(read.rawValue, &byte, 1) == 1 && byte == 42)
        }
    }

    @Test("file descriptors too many or too few cost the message, and none of them is left open", arguments: [0, 1, 3])
    func refusesDescriptors(stated: UInt32) async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let numbers = await record(connection)
        var ends: (read: FileDescriptorBox, write: FileDescriptorBox)? = try pipe()
        let read = try #require(ends?.read)
        let sent = try #require(ends?.write.rawValue)
        try await bus.run { [self] bus in
            try bus.write(callWithDescriptors(1, count: stated).bytes, [sent, sent])
            try bus.write(call(2).bytes)
        }
        ends = nil
        try await numbers.wait("the good call") { $0.count == 1 }
        #expect(numbers.all == [2])
        // The end of the pipe: nobody has its other end any more.
        var byte: UInt8 = 0
        #expect(Glibc.read(read.rawValue, &byte, 1) == 0)
    }

    @Test("file descriptors of a message that never comes whole are closed with the connection")
    func closesDescriptors() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        var ends: (read: FileDescriptorBox, write: FileDescriptorBox)? = try pipe()
        let read = try #require(ends?.read)
        let sent = try #require(ends?.write.rawValue)
        try await bus.run { [self] bus in
            try bus.write(Array(callWithDescriptors(1, count: 1).bytes.dropLast()), [sent])
            bus.hangUp()
        }
        ends = nil
        #expect(try await withDeadline(.seconds(10), "the end") { await connection.closed.code } == .disconnected)
        var byte: UInt8 = 0
        #expect(Glibc.read(read.rawValue, &byte, 1) == 0)
    }

    @Test("an index of no descriptor is an error for whoever reads it")
    func readsNoDescriptor() async throws {
        let bus = try FakeBus()
        let connection = try await bus.connect()
        let arrived = Event<Message>("the call")
        await connection.setInbound { message in
            arrived.send(message)
            return true
        }
        let (_, write) = try pipe()
        try await bus.run { [self] bus in
            var message = call(1)
            message.values = [.unixFD(write)]
            try bus.write(message.bytes)
        }
        let message = try await arrived.value()
        #expect(!message.containsUnixFDs && message.signature == "h")
        #expect { try message.values() } throws: { ($0 as? DBusDecodingError)?.code == .unixFD }
    }

    // MARK: Bounds

    @Test("while received messages of more than the bound are alive nothing more is read, and then it goes on")
    func boundsWhatIsAlive() async throws {
        let bus = try FakeBus()
        var options = ConnectionOptions()
        options.maximumReceivedBytes = 1 << 20
        let connection = try await bus.connect(options: options)
        let keeper = Box<[Message]>([])
        let count = Box(0)
        let all = Event<Bool>("all messages")
        await connection.setInbound { message in
            keeper.value.append(message)
            count.value += 1
            if count.value == 40 { all.send(true) }
            return true
        }
        let written = Task {
            try await bus.run { [self] bus in
                for number in 1...UInt32(40) {
                    var message = call(number)
                    message.values = [.bytes([UInt8](repeating: 1, count: 100_000))]
                    try bus.write(message.bytes)
                }
            }
        }
        // Eleven pass the mark; after that the loop goes round without any more.
        try await withDeadline(.seconds(10), "the mark") { while count.value < 11 { await Task.yield() } }
        for _ in 0..<50 { _ = await connection.isOver }
        #expect(count.value == 11)
        try await withDeadline(.seconds(10), "the rest") {
            while all.current == nil {
                keeper.value = []
                await Task.yield()
            }
        }
        try await written.value
        #expect(count.value == 40)
    }
}
