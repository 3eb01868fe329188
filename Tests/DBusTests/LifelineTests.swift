import DBus
import Glibc
import Testing
import WireTestKit

/// The second socket of a private connection, which ends with the process that has it.
@Suite(.timeLimit(.minutes(1)))
struct LifelineTests {
    private static let peer = UniqueName(verified: ":1.4242")

    /// A private connection whose other end is `there`.
    private static func open(on connection: Connection, _ here: FileDescriptorBox) async throws -> PrivateConnection {
        let opened = Event<PrivateConnection?>("a private connection")
        connection.loop.execute {
            opened.send(try? connection.assumeIsolated { try $0.speak(by: here, with: peer, to: [BusName(peer)], frameMembers) })
        }
        return try #require(try await opened.value())
    }

    @Test("the end of the lifeline is the end of the private connection, though the socket goes on")
    func ends() async throws {
        let bus = try await PrivateBus.start()
        let connection = try await bus.connect(on: EventLoop(name: "lifeline-test"))
        let (here, there) = try PrivateConnection.makeSockets()
        let own = try await Self.open(on: connection, here)
        let ended = Event<DBusError>("the end")
        var pair: (FileDescriptorBox, FileDescriptorBox)? = try PrivateConnection.makeSockets()
        let watched = try #require(pair?.0)
        connection.loop.execute {
            own.onClosed { ended.send($0) }
            own.end(with: watched)
        }
        #expect(ended.current == nil)
        pair = nil
        #expect(try await ended.value().code == .disconnected)
        withExtendedLifetime(there) {}
        await connection.close()
    }

    @Test("a thread alone holds the lifeline, with no other descriptor, and ends when nobody watches the lifeline any more")
    func holds() async throws {
        let bus = try await PrivateBus.start()
        let connection = try await bus.connect(on: EventLoop(name: "lifeline-test"))
        let (here, there) = try PrivateConnection.makeSockets()
        let own = try await Self.open(on: connection, here)
        let before = Self.holders()
        var watched: FileDescriptorBox?
        do {
            let (ours, theirs) = try PrivateConnection.makeSockets()
            watched = ours
            connection.loop.execute { own.hold(theirs) }
        }
        let number = try #require(watched?.rawValue)
        let holder = try await eventually("a thread that holds it") { Self.holders().subtracting(before).first }
        let holds = try await eventually("one descriptor alone") { Self.descriptors(of: holder) == 1 ? true : nil }
        #expect(holds)
        // Nothing of it is left among the process's own: it has not ended, and it ends with that thread alone.
        #expect(!Self.hasEnded(number))
        connection.loop.execute { own.close() }
        #expect(!Self.hasEnded(number))
        watched = nil
        _ = try await eventually("the end of the thread") { Self.holders().contains(holder) ? nil : true }
        withExtendedLifetime(there) {}
        await connection.close()
    }

    /// Asks again and again until there is an answer.
    private func eventually<Answer: Sendable>(_ what: String, _ ask: @escaping @Sendable () -> Answer?) async throws -> Answer {
        try await withDeadline(.seconds(10), what) {
            while true {
                if let answer = ask() { return answer }
                await Task.yield()
            }
        }
    }

    /// The threads of this process that hold lifelines.
    private static func holders() -> Set<String> {
        Set(names(in: "/proc/self/task").filter { text(of: "/proc/self/task/\($0)/comm") == "lifeline\n" })
    }

    private static func descriptors(of thread: String) -> Int { names(in: "/proc/self/task/\(thread)/fd").count }

    private static func hasEnded(_ socket: Int32) -> Bool {
        var set = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&set, 1, 0) > 0
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func text(of file: String) -> String {
        guard let stream = fopen(file, "r") else { return "" }
        defer { fclose(stream) }
        var buffer = [UInt8](repeating: 0, count: 64)
        return String(decoding: buffer[..<fread(&buffer, 1, 64, stream)], as: UTF8.self)
    }
}
