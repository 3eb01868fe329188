import CIMBusCore
import CIMBusWire
import DBus
import Glibc

/// A unix socket at which metrics can be read by HTTP: `curl --unix-socket /run/cimbus/metrics http://localhost/metrics`.
///
/// It is bounded: so many connections, small requests, one answer for each, and a deadline. It runs on the broker's loop, and never blocks it.
final class MetricsSocket: @unchecked Sendable {
    /// The text for the user and the group at the other end; nil: the broker is stopping. Called on the loop.
    typealias Source = @Sendable (_ uid: UInt32, _ gid: UInt32, _ format: MetricsText.Format) -> String?

    /// One reader. Only the loop touches it.
    private final class Reader: @unchecked Sendable {
        let descriptor: Int32
        let uid: UInt32
        let gid: UInt32
        var request: [UInt8] = []
        var answer: ArraySlice<UInt8> = []
        var watch: EventLoop.TimerToken?
        var deadline: EventLoop.TimerToken?

        init(_ descriptor: Int32, uid: UInt32, gid: UInt32) {
            self.descriptor = descriptor
            self.uid = uid
            self.gid = gid
        }
    }

    private static let mostReaders = 8
    /// Of one user.
    private static let mostOfUser = 2
    /// A user other than root is read no more often, so that what is made for him takes little of the loop's time (L13).
    private static let pause = Duration.milliseconds(100)
    private static let largestRequest = 4_096
    private static let patience = Duration.seconds(5)

    private let path: String
    private let descriptor: Int32
    private let loop: EventLoop
    private let source: Source
    private var watch: EventLoop.TimerToken?
    private var readers: [Int32: Reader] = [:]
    /// When the last reader of each user came, of those who came within ``pause``.
    private var last: [UInt32: ContinuousClock.Instant] = [:]

    /// - Throws: ``CIMBusError``: it cannot be made there.
    init(_ path: String, _ loop: EventLoop, _ source: @escaping Source) throws(CIMBusError) {
        self.path = path
        self.loop = loop
        self.source = source
        func failed(_ what: String) -> CIMBusError {
            CIMBusError(.noMetrics, "cannot make the socket \(path) for metrics: \(what); give another, or --metrics none")
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { throw failed("the path is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failed(String(cString: strerror(errno))) }
        // What a broker left that was killed. Anything else is not ours.
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isBound = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) == 0 }
        }
        guard isBound, chmod(path, 0o666) == 0, listen(descriptor, Int32(Self.mostReaders)) == 0 else {
            let error = failed(String(cString: strerror(errno)))
            Glibc.close(descriptor)
            throw error
        }
        watch = loop.addWatch(descriptor, events: Int16(POLLIN)) { [weak self] _ in self?.accept() }
    }

    /// Nobody is answered any more. On the loop.
    func close() {
        guard let watch else { return }
        self.watch = nil
        loop.removeWatch(watch)
        for reader in readers.values { end(reader) }
        unlink(path)
        Glibc.close(descriptor)
    }

    private func accept() {
        while watch != nil {
            let new = Glibc.accept(descriptor, nil, nil)
            guard new >= 0 else { return }
            guard let reader = Self.reader(new), readers.count < Self.mostReaders,
                readers.values.count(where: { $0.uid == reader.uid }) < Self.mostOfUser
            else {
                Glibc.close(new)
                continue
            }
            readers[new] = reader
            reader.deadline = loop.schedule(after: Self.patience) { [weak self] in self?.end(reader) }
            loop.schedule(after: wait(for: reader.uid)) { [weak self] in self?.watch(reader) }
        }
    }

    /// Nil: it cannot be known who it is.
    private static func reader(_ descriptor: Int32) -> Reader? {
        // Process, user and group.
        var credentials: [UInt32] = [0, 0, 0]
        var size = socklen_t(3 * MemoryLayout<UInt32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0,
            fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0
        else { return nil }
        return Reader(descriptor, uid: credentials[1], gid: credentials[2])
    }

    /// For how long the user's next reader waits.
    private func wait(for uid: UInt32) -> Duration {
        guard uid != 0 else { return .zero }
        let now = ContinuousClock.now
        last = last.filter { now - $0.value < Self.pause }
        let turn = max(now, (last[uid] ?? now - Self.pause) + Self.pause)
        last[uid] = turn
        return turn - now
    }

    private func watch(_ reader: Reader) {
        guard readers[reader.descriptor] === reader else { return }
        reader.watch = loop.addWatch(reader.descriptor, events: Int16(POLLIN)) { [weak self] _ in self?.read(reader) }
    }

    private func end(_ reader: Reader) {
        guard readers.removeValue(forKey: reader.descriptor) != nil else { return }
        if let watch = reader.watch { loop.removeWatch(watch) }
        if let deadline = reader.deadline { loop.cancel(deadline) }
        Glibc.close(reader.descriptor)
    }

    private func read(_ reader: Reader) {
        guard readers[reader.descriptor] === reader else { return }
        var buffer = [UInt8](repeating: 0, count: 1_024)
        while reader.request.count <= Self.largestRequest {
            let count = recv(reader.descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else { return end(reader) }
            reader.request += buffer[..<count]
            if let answer = HTTPAnswer(to: reader.request) { return self.answer(reader, answer) }
        }
        answer(reader, .tooLarge)
    }

    private func answer(_ reader: Reader, _ answer: HTTPAnswer) {
        var text: String?
        if case .metrics(let format, _) = answer {
            guard let metrics = source(reader.uid, reader.gid, format) else { return end(reader) }
            text = metrics
        }
        reader.answer = Array(answer.text(text).utf8)[...]
        if let watch = reader.watch { loop.removeWatch(watch) }
        reader.watch = loop.addWatch(reader.descriptor, events: Int16(POLLOUT)) { [weak self] _ in self?.write(reader) }
    }

    private func write(_ reader: Reader) {
        guard readers[reader.descriptor] === reader else { return }
        while !reader.answer.isEmpty {
            let count = reader.answer.withUnsafeBytes { send(reader.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EAGAIN || errno == EINTR { return }
            guard count > 0 else { break }
            reader.answer = reader.answer.dropFirst(count)
        }
        end(reader)
    }
}

/// What is answered to a request by HTTP.
enum HTTPAnswer: Equatable {
    case metrics(MetricsText.Format, isHead: Bool)
    case badRequest, notFound, notAllowed, tooLarge

    /// Nil: the request is not whole yet.
    init?(to bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines.first?.split(separator: " ", omittingEmptySubsequences: false) ?? []
        guard words.count == 3, words[2].hasPrefix("HTTP/1.") else {
            self = .badRequest
            return
        }
        guard words[1].prefix(while: { $0 != "?" }) == "/metrics" else {
            self = .notFound
            return
        }
        guard words[0] == "GET" || words[0] == "HEAD" else {
            self = .notAllowed
            return
        }
        let accepts = lines.dropFirst().contains { line in
            let line = line.lowercased()
            return line.hasPrefix("accept:") && line.contains("application/openmetrics-text")
        }
        self = .metrics(accepts ? .openMetrics : .text, isHead: words[0] == "HEAD")
    }

    private var status: String {
        switch self {
        case .metrics: "200 OK"
        case .badRequest: "400 Bad Request"
        case .notFound: "404 Not Found"
        case .notAllowed: "405 Method Not Allowed"
        case .tooLarge: "431 Request Header Fields Too Large"
        }
    }

    /// The whole answer. The connection ends with it.
    func text(_ metrics: String?) -> String {
        var type = "text/plain; charset=utf-8"
        var body = metrics ?? "\(status); metrics are at /metrics\n"
        if case .metrics(let format, _) = self { type = format.contentType }
        let allow = self == .notAllowed ? "Allow: GET, HEAD\r\n" : ""
        let head = "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\(allow)Connection: close\r\n\r\n"
        if case .metrics(_, isHead: true) = self { body = "" }
        return head + body
    }
}
