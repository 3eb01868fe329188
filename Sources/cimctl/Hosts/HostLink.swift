import CIMBusClient
import DBus
import Dispatch
import Glibc
import Synchronization
import SystemPackage

/// The way to another machine's bus: a socket in a folder of this user's, behind which ssh runs `cimctl --stdio` over there.
///
/// ssh starts when somebody connects to the socket. ``end()`` kills it.
final class HostLink: Sendable {
    private struct State {
        var process: pid_t?
        var isOver = false
        var isExpired = false
        var end: String?
    }

    /// Where the far bus is, for a connection on this machine.
    let address: BusAddress
    private let host: String
    private let folder: String
    /// Dispatch lets any thread use it.
    nonisolated(unsafe) private let listener: any DispatchSourceRead
    private let state = Mutex(State())

    /// One at a time, so that no ssh inherits the socket of another.
    private static let starter = DispatchQueue(label: "ssh")

    /// - Parameters:
    ///   - far: which of the far machine's buses.
    ///   - isOneOfMany: then ssh asks for no password, for nobody could tell for which host.
    ///   - limit: how long ssh may take to connect; nil: as long as it likes.
    init(_ host: String, far: BusAddress, isOneOfMany: Bool, limit: Duration?) throws(CIMError) {
        self.host = host
        var template = Array("\(Self.runtimeFolder)/cimctl-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Self.failure("a folder for the way to \(host) cannot be made", errno) }
        folder = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        let path = folder + "/bus"
        address = .address("unix:path=\(path)")
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, UnixSocket.bind(descriptor, to: path), listen(descriptor, 1) == 0 else {
            let number = errno
            if descriptor >= 0 { close(descriptor) }
            rmdir(folder)
            throw Self.failure("a socket for the way to \(host) cannot be made", number)
        }
        listener = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: Self.starter)
        let arguments = Self.arguments(host, far, isOneOfMany: isOneOfMany, limit: limit)
        listener.setEventHandler { [weak self] in self?.accept(descriptor, arguments) }
        listener.setCancelHandler { close(descriptor) }
        listener.activate()
    }

    deinit { end() }

    /// `$CIMBUS_SSH`, or ssh.
    private static var program: String { getenv("CIMBUS_SSH").map { String(cString: $0) } ?? "ssh" }

    static func arguments(_ host: String, _ far: BusAddress, isOneOfMany: Bool, limit: Duration?) -> [String] {
        var arguments = [program, "-xT"]
        if isOneOfMany { arguments += ["-o", "BatchMode=yes"] }
        if let limit { arguments += ["-o", "ConnectTimeout=\(max(1, limit.components.seconds))"] }
        return arguments + ["--", host, "sh -c " + quoted(farScript(far))]
    }

    /// What passes the bytes of a bus connection over there: cimctl, or what systemd has for that. systemd's own takes descriptors where it has sockets
    /// on both sides; with a pipe it refuses them, as it should for a client of another machine.
    static func farScript(_ far: BusAddress) -> String {
        let (ours, systemds) =
            switch far {
            case .system: ("--system", "--system")
            case .session: ("--session", "--user")
            case .address(let address): ("--address " + quoted(address), "--bus-path=" + quoted(address))
            }
        return """
            if command -v cimctl >/dev/null; then exec cimctl --stdio \(ours); \
            elif command -v systemd-stdio-bridge >/dev/null; then systemd-stdio-bridge \(systemds) | cat; \
            else echo "there is neither cimctl nor systemd-stdio-bridge on the PATH of this user" >&2; exit 127; fi
            """
    }

    /// As a shell reads it.
    private static func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }

    private func accept(_ descriptor: Int32, _ arguments: [String]) {
        let connection = Glibc.accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        // Closed here, it is ssh's alone: when ssh ends, the connection does.
        defer { close(connection) }
        state.withLock { state in
            if state.isOver || state.process != nil { return }
            let errors = open(folder + "/errors", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            defer { if errors >= 0 { close(errors) } }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_adddup2(&actions, connection, STDIN_FILENO)
            posix_spawn_file_actions_adddup2(&actions, connection, STDOUT_FILENO)
            if errors >= 0 { posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO) }
            state.process = ProcessEnvironment.spawn(arguments[0], arguments, ProcessEnvironment.current, &actions)
            if state.process == nil { state.end = "\(arguments[0]) cannot be started: \(Errno(rawValue: errno))" }
        }
    }

    /// The time is over: what is under way fails.
    func expire() {
        state.withLock { state in
            if state.isOver { return }
            state.isExpired = true
            if let process = state.process { kill(process, SIGKILL) }
        }
        end()
    }

    /// Nothing of it is left.
    /// - Parameter failed: then ssh is given a moment to say why.
    func end(failed: Bool = false) {
        state.withLock { state in
            if state.isOver { return }
            state.isOver = true
            listener.cancel()
            if let process = state.process {
                // It has ended, or it does now; what it said is on its way to nobody.
                var status: Int32 = 0
                var moments = failed && !state.isExpired ? 50 : 1
                var ended = waitpid(process, &status, WNOHANG)
                while ended == 0, moments > 1 {
                    poll(nil, 0, 10)
                    moments -= 1
                    ended = waitpid(process, &status, WNOHANG)
                }
                if ended != process {
                    kill(process, SIGKILL)
                    while waitpid(process, &status, 0) < 0, errno == EINTR {}
                }
                state.end = Self.end(status, lastLine())
            }
        }
        unlink(folder + "/bus")
        unlink(folder + "/errors")
        rmdir(folder)
    }

    /// What to say of a failure: that the time was over, or how ssh ended, where that is why.
    func cause(of error: any Error, _ limit: Duration?) -> any Error {
        let (isExpired, end) = state.withLock { ($0.isExpired, $0.end) }
        if isExpired {
            return CIMError(
                .timedOut, "\(host) did not answer within \(limit.map { "\($0.components.seconds)" } ?? "") s",
                cause: Advice(text: "see with 'ssh \(host) true' whether it is there; else a longer --timeout"))
        }
        guard let error = error as? CIMError, let end else { return error }
        // A bus that hangs up before the client is let in is here an ssh that ended.
        let isOfTheWay = (error.cause as? DBusError)?.code == .authentication
        guard isOfTheWay || [.transportFailure, .fatalTransportError].contains(error.status) else { return error }
        return CIMError(
            isOfTheWay ? .transportFailure : error.status, "the way by ssh ended: \(end)",
            cause: Advice(text: "see that 'ssh \(host) cimctl --version' works, and that a broker runs there"))
    }

    private static func end(_ status: Int32, _ line: String?) -> String {
        let signal = status & 0x7F
        let words = signal == 0 ? "exit status \(status >> 8 & 0xFF)" : signal == SIGKILL ? "the connection was lost" : "signal \(signal)"
        return line.map { "\($0) (\(words))" } ?? words
    }

    /// Of what ssh, or the program over there, has said.
    private func lastLine() -> String? {
        guard let descriptor = try? FileDescriptor.open(FilePath(folder + "/errors"), .readOnly) else { return nil }
        defer { try? descriptor.close() }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = (try? bytes.withUnsafeMutableBytes { try descriptor.read(into: $0) }) ?? 0
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.last.map { FailureReport.printable(String($0)) }
    }

    private static var runtimeFolder: String {
        guard let folder = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), access(folder, W_OK) == 0, folder.utf8.count < 80 else {
            return "/tmp"
        }
        return folder
    }

    private static func failure(_ what: String, _ number: Int32) -> CIMError {
        CIMError(.failed, "\(what): \(Errno(rawValue: number))")
    }
}

/// Unix sockets by their paths.
enum UnixSocket {
    static func bind(_ descriptor: Int32, to path: String) -> Bool { with(path) { Glibc.bind(descriptor, $0, $1) == 0 } }

    /// - Parameter path: an abstract one begins with a zero byte.
    static func connect(_ descriptor: Int32, to path: String) -> Bool { with(path) { Glibc.connect(descriptor, $0, $1) == 0 } }

    private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return false
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        // An abstract name has no end but its length.
        let isAbstract = bytes.first == 0
        let size = MemoryLayout.size(ofValue: address.sun_family) + bytes.count + (isAbstract ? 0 : 1)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }
}
