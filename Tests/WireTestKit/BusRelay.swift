import DBus
import Glibc
import Synchronization

/// A socket between a process and its bus, which a test can cut: by that the bus drops the process, and the process lives on.
///
/// It carries bytes and file descriptors, both ways, and looks at neither.
public final class BusRelay: Sendable {
    private struct State {
        /// Where new connections lead; nil: nowhere, and they are hung up on.
        var bus: String?
        var pairs: [Pair] = []
        /// New connections so far.
        var count = 0
        var isOver = false
    }

    /// What a process behind the relay takes for the address of its bus.
    public let address: String
    /// The connections that came, by the number of each: whether it led to a bus.
    public let arrivals = Recorder<Bool>()
    /// What the processes behind the relay said to the bus, if that is to be kept.
    public let said = Recorder<[UInt8]>()
    private let keepsWhatIsSaid: Bool
    private let path: String
    private let listener: FileDescriptorBox
    private let state: Mutex<State>
    private static let threads = BlockingThreads(name: "relay", most: .max)

    public static func start(to bus: PrivateBus, keepsWhatIsSaid: Bool = false) throws -> BusRelay {
        let relay = try BusRelay(to: bus, keepsWhatIsSaid)
        let listener = relay.listener
        Task { [weak relay] in
            await threads.run { [weak relay] in
                while true {
                    let number = accept(listener.rawValue, nil, nil)
                    if number < 0, errno == EINTR { continue }
                    guard number >= 0, let relay else { return }
                    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
                    relay.accepted(FileDescriptorBox(owning: number))
                }
            }
        }
        return relay
    }

    private init(to bus: PrivateBus, _ keepsWhatIsSaid: Bool) throws {
        self.keepsWhatIsSaid = keepsWhatIsSaid
        path = try Self.socketPath(of: bus) + "-relay-\(UInt32.random(in: 0...UInt32.max))"
        address = "unix:path=\(path)"
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw ProcessError(description: "no socket: errno \(errno)") }
        listener = FileDescriptorBox(owning: number)
        state = Mutex(State(bus: try Self.socketPath(of: bus)))
        guard Self.with(path, { bind(number, $0, $1) }) == 0, listen(number, 64) == 0 else {
            throw ProcessError(description: "cannot listen at \(path): errno \(errno)")
        }
    }

    deinit {
        shutdown(listener.rawValue, Int32(SHUT_RDWR))
        unlink(path)
        for pair in state.withLock({ $0.pairs }) { pair.cut() }
    }

    /// Ends the connections that there are. New ones lead nowhere, until ``lead(to:)``.
    public func cut() { lead(nil) }

    /// Ends the connections that there are; new ones lead to this bus.
    public func lead(to bus: PrivateBus) throws { lead(try Self.socketPath(of: bus)) }

    /// Says this to the processes behind the relay, as if the bus had said it.
    public func say(_ bytes: [UInt8]) {
        for pair in state.withLock({ $0.pairs }) { send(pair.near.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }
    }

    private func lead(_ path: String?) {
        let pairs = state.withLock { state in
            state.bus = path
            defer { state.pairs = [] }
            return state.pairs
        }
        for pair in pairs { pair.cut() }
    }

    private func accepted(_ near: FileDescriptorBox) {
        let path = state.withLock { $0.bus }
        let far = path.flatMap { path -> FileDescriptorBox? in
            let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard number >= 0 else { return nil }
            let box = FileDescriptorBox(owning: number)
            return Self.with(path, { connect(number, $0, $1) }) == 0 ? box : nil
        }
        if let far {
            let pair = Pair(near: near, far: far)
            // Cut meanwhile, it goes nowhere.
            let isWanted = state.withLock { state in
                if state.bus == path { state.pairs.append(pair) }
                return state.bus == path
            }
            if isWanted {
                let said = keepsWhatIsSaid ? said : nil
                Task { await Self.threads.run { pair.pump(near, far) { said?.record($0) } } }
                Task { await Self.threads.run { pair.pump(far, near) { _ in } } }
            }
        }
        arrivals.record(far != nil)
    }

    private static func socketPath(of bus: PrivateBus) throws -> String {
        let prefix = "unix:path="
        guard bus.address.hasPrefix(prefix), let path = bus.address.dropFirst(prefix.count).split(separator: ",").first else {
            throw ProcessError(description: "\(bus.address) is no path")
        }
        return String(path)
    }

    private static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// The two ends of one connection.
    private final class Pair: Sendable {
        let near: FileDescriptorBox
        let far: FileDescriptorBox

        init(near: FileDescriptorBox, far: FileDescriptorBox) {
            self.near = near
            self.far = far
        }

        func cut() { for end in [near, far] { shutdown(end.rawValue, Int32(SHUT_RDWR)) } }

        /// Carries what comes, until either end is gone.
        /// - Parameter observer: sees it before it goes on.
        func pump(_ from: FileDescriptorBox, _ to: FileDescriptorBox, _ observer: ([UInt8]) -> Void) {
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
            let control = UnsafeMutableRawBufferPointer.allocate(byteCount: DescriptorPassing.room, alignment: 8)
            defer {
                buffer.deallocate()
                control.deallocate()
                cut()
            }
            while true {
                Self.wait(from, POLLIN)
                var descriptors: [FileDescriptorBox] = []
                let count = DescriptorPassing.receive(from: from.rawValue, into: buffer, control, &descriptors)
                if count < 0, errno == EAGAIN { continue }
                guard count > 0 else { return }
                var rest = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                observer(Array(rest))
                while !rest.isEmpty {
                    let sent =
                        descriptors.isEmpty
                        ? send(to.rawValue, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                        : DescriptorPassing.send(rest, descriptors, to: to.rawValue)
                    if sent < 0, errno == EAGAIN || errno == EINTR {
                        Self.wait(to, POLLOUT)
                        continue
                    }
                    guard sent > 0 else { return }
                    descriptors = []
                    rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(sent))
                }
            }
        }

        private static func wait(_ end: FileDescriptorBox, _ event: Int32) {
            var request = pollfd(fd: end.rawValue, events: Int16(event), revents: 0)
            poll(&request, 1, -1)
        }
    }
}
