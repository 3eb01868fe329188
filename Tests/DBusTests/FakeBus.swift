import DBus
import Glibc

/// A server that lets one connection in and answers its Hello, as a message bus does. Then it says whatever a test wants, byte by byte, with none of
/// the library's code. Its functions block, for ten seconds at most.
final class FakeBus: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let address: String
    private let path: String
    private let listener: Int32
    private var socket: Int32 = -1
    /// What was read and is not used yet.
    private var unread: [UInt8] = []
    private static let threads = BlockingThreads(name: "fake-bus", most: 16)

    init() throws {
        var template = Array("/tmp/cimbus-fake-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) } + "/bus"
        address = "unix:path=\(path)"
        listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        let listener = listener
        let isBound = withUnsafePointer(to: &name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard isBound == 0, listen(listener, 1) == 0 else { throw Failure(description: "listen: errno \(errno)") }
    }

    deinit {
        hangUp()
        close(listener)
        unlink(path)
        rmdir(String(path.dropLast(4)))
    }

    /// From now on a connection to it is not even begun: nobody takes those that wait, and there is no room for another.
    func fillQueue() throws -> [FileDescriptorBox] {
        var waiting: [FileDescriptorBox] = []
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        while waiting.count < 1_000 {
            let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            waiting.append(FileDescriptorBox(owning: socket))
            let isConnected = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            if isConnected != 0, errno == EAGAIN { return waiting }
        }
        throw Failure(description: "the queue has no end")
    }

    /// Connects to it, and says what came of that on both sides.
    func connect(options: ConnectionOptions = ConnectionOptions()) async throws -> Connection {
        async let served: Void = run { try $0.letIn() }
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "fake"), options: options)
        try await served
        return connection
    }

    /// Runs what blocks on a thread of its own.
    func run<Value: Sendable>(_ body: @escaping @Sendable (FakeBus) throws -> Value) async throws -> Value {
        try await Self.threads.run { [self] in Result { try body(self) } }.get()
    }

    // MARK: What a bus does

    /// Authenticates whoever connects, and answers Hello.
    func letIn() throws {
        try authenticate()
        let hello = try readMessage()
        var reply = RawMessage(type: 2, flags: 1, serial: 1, values: [.string(":1.1")])
        reply.fields = [
            .init(code: 5, value: .uint32(hello.serial)), .init(code: 6, value: .string(":1.1")),
            .init(code: 7, value: .string("org.freedesktop.DBus")),
        ]
        try write(reply.bytes)
    }

    /// Answers the next message with an error.
    func answer(_ error: String) throws {
        let hello = try readMessage()
        var reply = RawMessage(type: 3, flags: 1, serial: 1, values: [.string("no")])
        reply.fields = [
            .init(code: 4, value: .string(error)), .init(code: 5, value: .uint32(hello.serial)),
            .init(code: 7, value: .string("org.freedesktop.DBus")),
        ]
        try write(reply.bytes)
    }

    /// Waits for somebody to connect.
    func accept() throws {
        socket = Glibc.accept(listener, nil, nil)
        guard socket >= 0 else { throw Failure(description: "accept: errno \(errno)") }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// - Parameter takes: false: whoever connects is not let in.
    func authenticate(takes: Bool = true) throws {
        try accept()
        while true {
            let line = try line()
            if takes, line.contains("AUTH EXTERNAL") {
                try write(Array("OK 0123456789abcdef0123456789abcdef\r\n".utf8))
            } else if line.hasPrefix("NEGOTIATE_UNIX_FD") {
                try write(Array("AGREE_UNIX_FD\r\n".utf8))
            } else if line.hasPrefix("BEGIN") {
                break
            } else {
                try write(Array("REJECTED EXTERNAL\r\n".utf8))
            }
        }
    }

    private func line() throws -> String {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[...end], as: UTF8.self)
            }
            try readMore()
        }
    }

    private func readMore() throws {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { throw Failure(description: count == 0 ? "the other end hung up" : "recv: errno \(errno)") }
        unread += buffer[..<count]
    }

    /// A message of the connection. What it wrote itself is little-endian here.
    struct Received: Sendable {
        let bytes: [UInt8]

        private func number(_ offset: Int) -> UInt32 { bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) } }

        var type: UInt8 { bytes[1] }
        var serial: UInt32 { number(8) }
        /// All of it that is text.
        var text: String { String(decoding: bytes.map { $0 >= 0x20 && $0 < 0x7f ? $0 : 0x20 }, as: UTF8.self) }
    }

    func readMessage() throws -> Received {
        while true {
            if unread.count >= 16 {
                let isBig = unread[0] == UInt8(ascii: "B")
                func number(_ offset: Int) -> Int {
                    let bytes = Array(unread[offset..<offset + 4])
                    return (isBig ? bytes : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
                }
                let length = (16 + number(12) + 7) & ~7 + number(4)
                if unread.count >= length {
                    defer { unread.removeFirst(length) }
                    return Received(bytes: Array(unread[..<length]))
                }
            }
            try readMore()
        }
    }

    /// Whether the connection has hung up, once it has.
    func waitForEnd() throws {
        while true {
            do { try readMore() } catch let failure as Failure where failure.description == "the other end hung up" { return }
            unread = []
        }
    }

    /// From now on writing to it fails.
    func readNoMore() { shutdown(socket, Int32(SHUT_RD)) }

    func hangUp() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    /// Writes all of it, in one write where there are descriptors, which go with its first byte.
    func write(_ bytes: [UInt8], _ descriptors: [Int32] = []) throws {
        var rest = bytes[...]
        if !descriptors.isEmpty { rest = rest.dropFirst(try send(bytes, descriptors)) }
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    private func send(_ bytes: [UInt8], _ descriptors: [Int32]) throws -> Int {
        // A control message: its length, its level, its type, and the descriptors (unix(7)).
        var control = [UInt64(16 + 4 * descriptors.count), UInt64(SOL_SOCKET) | 1 << 32]
        for pair in stride(from: 0, to: descriptors.count, by: 2) {
            let second = pair + 1 < descriptors.count ? UInt64(UInt32(bitPattern: descriptors[pair + 1])) : 0
            control.append(UInt64(UInt32(bitPattern: descriptors[pair])) | second << 32)
        }
        var bytes = bytes
        let count = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
                }
            }
        }
        guard count > 0 else { throw Failure(description: "sendmsg: errno \(errno)") }
        return count
    }
}
