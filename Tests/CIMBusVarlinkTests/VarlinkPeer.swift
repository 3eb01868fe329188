import CIMJSON
import DBus
import Glibc
import Synchronization
import WireTestKit

/// A varlink client in the hands of a test, which writes bytes as it likes.
final class VarlinkPeer: Sendable {
    private let socket: FileDescriptorBox
    private let threads = BlockingThreads(name: "varlink-peer", most: 2)
    private let unread = Mutex<[UInt8]>([])

    init(_ path: String) throws {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ProcessError(description: "socket: errno \(errno)") }
        socket = FileDescriptorBox(owning: descriptor)
        var deadline = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &deadline, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &deadline, socklen_t(MemoryLayout<timeval>.size))
        guard Self.withAddress(path, { connect(descriptor, $0, $1) }) == 0 else {
            throw ProcessError(description: "connect: errno \(errno)")
        }
    }

    static func withAddress<Value>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// False: the other end takes no more.
    @discardableResult
    func write(_ bytes: [UInt8]) async -> Bool {
        await threads.run { [socket] in
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(socket.rawValue, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    func write(_ text: String) async { await write(Array(text.utf8)) }

    /// The next message as text; nil: the other end has closed. Throws when nothing comes in time.
    func read() async throws -> String? {
        while true {
            let message = unread.withLock { unread -> [UInt8]? in
                guard let end = unread.firstIndex(of: 0) else { return nil }
                defer { unread.removeSubrange(...end) }
                return Array(unread[..<end])
            }
            if let message { return String(decoding: message, as: UTF8.self) }
            let bytes: [UInt8]? = await threads.run { [socket] in
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                let count = recv(socket.rawValue, &buffer, buffer.count, 0)
                // Bytes that the other end did not read make its close a reset.
                return count < 0 && errno != ECONNRESET ? nil : Array(buffer.prefix(max(0, count)))
            }
            guard let bytes else { throw ProcessError(description: "nothing came within 20 s") }
            if bytes.isEmpty { return nil }
            unread.withLock { $0 += bytes }
        }
    }

    /// The one answer to a call.
    func call(_ method: String, _ parameters: String = "{}", _ more: String = "") async throws -> String {
        await write("{\"method\":\"\(method)\",\"parameters\":\(parameters)\(more)}\0")
        return try await read() ?? "(closed)"
    }
}
