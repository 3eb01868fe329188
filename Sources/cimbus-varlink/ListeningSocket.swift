import Glibc

/// Host trouble with the socket: nothing is served.
struct SocketFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    init(_ what: String, code: Int32) { description = "\(what): \(String(cString: strerror(code)))" }
}

/// The socket at which clients arrive.
enum ListeningSocket {
    /// The first descriptor that a service manager hands over (`man 3 sd_listen_fds`).
    private static let firstHanded: Int32 = 3

    /// The socket that the service manager has handed over, else a new one at `path`, which this user alone may reach.
    static func open(path: String) throws(SocketFailure) -> Int32 {
        if let handed = try handed() { return handed }
        return try bound(to: path)
    }

    /// Nil: none was handed over to this process.
    private static func handed() throws(SocketFailure) -> Int32? {
        defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsetenv(name) } }
        guard let process = getenv("LISTEN_PID").flatMap({ pid_t(String(cString: $0)) }), process == getpid(),
            let count = getenv("LISTEN_FDS").flatMap({ Int32(String(cString: $0)) }), count > 0
        else { return nil }
        guard count == 1 else { throw SocketFailure("the service manager hands over \(count) sockets, where one is served") }
        var isListening: Int32 = 0
        var domain: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(firstHanded, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size) == 0, isListening == 1,
            getsockopt(firstHanded, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0, domain == AF_UNIX
        else { throw SocketFailure("what the service manager hands over is no unix socket that listens") }
        _ = fcntl(firstHanded, F_SETFD, FD_CLOEXEC)
        return firstHanded
    }

    private static func bound(to path: String) throws(SocketFailure) -> Int32 {
        let address = try Address(path)
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { mkdir(String(path[..<slash]), 0o755) }
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw SocketFailure("no socket", code: errno) }
        if !address.bind(listener) {
            var code = errno
            // One whose process is gone is in nobody's way.
            if code == EADDRINUSE, !address.isServed, unlink(path) == 0 { code = address.bind(listener) ? 0 : errno }
            guard code == 0 else {
                close(listener)
                throw SocketFailure("cannot listen at \(path)", code: code)
            }
        }
        guard listen(listener, 64) == 0 else { throw SocketFailure("cannot listen at \(path)", code: errno) }
        return listener
    }

    private struct Address {
        private var address = sockaddr_un()

        init(_ path: String) throws(SocketFailure) {
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8)
            guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
                throw SocketFailure("'\(path)' is no path of a socket: it has at most 107 bytes")
            }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        }

        /// The file is this user's alone from the first moment on.
        func bind(_ descriptor: Int32) -> Bool {
            let before = umask(0o177)
            defer { umask(before) }
            return pointer { Glibc.bind(descriptor, $0, $1) == 0 }
        }

        /// Whether somebody listens there.
        var isServed: Bool {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            guard descriptor >= 0 else { return true }
            defer { close(descriptor) }
            return pointer { connect(descriptor, $0, $1) == 0 || errno != ECONNREFUSED }
        }

        private func pointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
            withUnsafePointer(to: address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
            }
        }
    }
}
