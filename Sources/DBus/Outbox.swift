import Glibc

/// What waits to be written to the bus, in order. One write takes as many messages as there are; one with file descriptors goes by itself, which is
/// how the other end knows whose they are.
struct Outbox: ~Copyable {
    /// How far writing came.
    enum Progress: Equatable {
        case all
        /// The socket takes no more for now.
        case some
        /// The other end reads no more; what it said can still be read.
        case closed
        /// Too many file descriptors are on their way between processes: this message was left out. There may be more to write.
        case leftOut(MarshalledBytes)
        case failed(Int32)

        static func == (a: Progress, b: Progress) -> Bool {
            switch (a, b) {
            case (.all, .all), (.some, .some), (.closed, .closed): true
            case (.leftOut(let a), .leftOut(let b)): a === b
            case (.failed(let a), .failed(let b)): a == b
            default: false
            }
        }
    }

    /// What was written is at its start, until enough of it is.
    private var messages: [MarshalledBytes] = []
    private var next = 0
    /// How much of the first message was written.
    private var written = 0
    /// What waits, in bytes.
    private(set) var byteCount = 0
    /// What was ever appended, in bytes.
    private(set) var appended: UInt64 = 0
    /// Nothing is written any more: the other end reads no more, which shows when everything that it said was read.
    private(set) var isClosed = false

    private static let mostPieces = 64

    var isEmpty: Bool { next == messages.count }

    mutating func append(_ message: MarshalledBytes) {
        if isClosed { return }
        byteCount += message.count
        appended &+= UInt64(message.count)
        messages.append(message)
    }

    /// Writes what the socket takes; what was written is forgotten.
    mutating func write(to socket: Int32) -> Progress {
        while !isEmpty {
            let count = sendOnce(to: socket)
            guard count < 0 else {
                advance(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .some
            case EPIPE, ECONNRESET:
                discard()
                return .closed
            // Nothing of it was written: descriptors go with the first byte.
            case ETOOMANYREFS where written == 0:
                let message = messages[next]
                advance(message.count)
                return .leftOut(message)
            case let number:
                discard()
                return .failed(number)
            }
        }
        return .all
    }

    private func sendOnce(to socket: Int32) -> Int {
        let first = messages[next]
        guard let base = first.base else { return 0 }
        if written == 0, !first.descriptors.isEmpty {
            return DescriptorPassing.send(UnsafeRawBufferPointer(start: base, count: first.count), first.descriptors, to: socket)
        }
        if next + 1 == messages.count {
            return Glibc.send(socket, base + written, first.count - written, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.mostPieces) { vectors in
            vectors.initializeElement(at: 0, to: iovec(iov_base: base + written, iov_len: first.count - written))
            var number = 1
            while number < Self.mostPieces, next + number < messages.count, messages[next + number].descriptors.isEmpty {
                let message = messages[next + number]
                vectors.initializeElement(at: number, to: iovec(iov_base: message.base, iov_len: message.count))
                number += 1
            }
            var header = msghdr()
            header.msg_iov = vectors.baseAddress
            header.msg_iovlen = number
            return sendmsg(socket, &header, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }

    private mutating func advance(_ count: Int) {
        byteCount -= count
        written += count
        while next < messages.count, written >= messages[next].count {
            written -= messages[next].count
            next += 1
        }
        if next == messages.count {
            messages.removeAll(keepingCapacity: next <= 64)
            next = 0
        } else if next >= 1024 {
            messages.removeFirst(next)
            next = 0
        }
    }

    private mutating func discard() {
        isClosed = true
        messages = []
        next = 0
        written = 0
        byteCount = 0
    }
}
