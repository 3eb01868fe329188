import Glibc

/// How long a peer is waited for.
struct Patience: Sendable {
    /// Between two messages.
    var idle: Duration
    /// From the first byte of a message to its last, and until the peer takes an answer.
    var message: Duration
}

/// The messages of one varlink connection: texts that end with a byte 0. Every call here may block, as long as ``Patience`` says.
struct MessageSocket: Sendable {
    enum Received: Sendable {
        /// And what has come behind it.
        case message([UInt8], rest: [UInt8])
        /// Can be followed by nothing: the peer has left, or a message is too long, or came too slowly.
        case end, tooLong, tooSlow
    }

    /// Bytes of a call.
    static let mostBytes = 1 << 20

    let descriptor: Int32
    let patience: Patience

    /// The next message.
    /// - Parameter rest: what came behind the message before it.
    func receive(after rest: [UInt8]) -> Received {
        var bytes = rest
        var searched = 0
        let start = ContinuousClock.now
        var deadline = start + (bytes.isEmpty ? patience.idle : patience.message)
        while true {
            if let end = bytes[searched...].firstIndex(of: 0) {
                guard end <= Self.mostBytes else { return .tooLong }
                return .message(Array(bytes[..<end]), rest: Array(bytes[(end + 1)...]))
            }
            guard bytes.count <= Self.mostBytes else { return .tooLong }
            searched = bytes.count
            guard wait(for: Int16(POLLIN), until: deadline) else { return searched == 0 ? .end : .tooSlow }
            let wasEmpty = bytes.isEmpty
            switch read(into: &bytes) {
            case 0: return .end
            case ..<0 where errno != EAGAIN && errno != EINTR: return .end
            default: if wasEmpty, !bytes.isEmpty { deadline = ContinuousClock.now + patience.message }
            }
        }
    }

    private func read(into bytes: inout [UInt8]) -> Int {
        withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
            let count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { bytes.append(contentsOf: buffer.prefix(count)) }
            return count
        }
    }

    /// False: the peer has left, or does not take it.
    func send(_ bytes: [UInt8]) -> Bool {
        let deadline = ContinuousClock.now + patience.message
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                guard wait(for: Int16(POLLOUT), until: deadline) else { return false }
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// False: it is too late.
    private func wait(for events: Int16, until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let left = deadline - .now
            guard left > .zero else { return false }
            var place = pollfd(fd: descriptor, events: events, revents: 0)
            let milliseconds = Int32(clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000 + 1)
            let count = poll(&place, 1, milliseconds)
            if count > 0 { return true }
            if count < 0, errno != EINTR { return false }
        }
    }

    /// Waits until the peer has left, or until there is something to read from `wake`. A peer that only says no more has not left: it takes
    /// its answers.
    /// - Returns: whether the peer has left.
    func waitForLeaving(or wake: Int32) -> Bool {
        var places = [pollfd(fd: descriptor, events: 0, revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0)]
        while poll(&places, nfds_t(places.count), -1) < 0 { if errno != EINTR { return false } }
        return places[0].revents != 0
    }

    /// The user of the process that connected, as the kernel says.
    var peer: uid_t? {
        // struct ucred: process, user, group.
        var credentials: (Int32, UInt32, UInt32) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        return credentials.1
    }
}
