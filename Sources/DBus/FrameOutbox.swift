import Glibc

/// What waits to be written to a private connection, in order. Small messages lie together in one block, the bodies of large ones stay where
/// they are: one write takes as many of both as there are.
struct FrameOutbox: ~Copyable {
    /// How far writing came.
    enum Progress: Equatable {
        case all
        /// The socket takes no more for now.
        case some
        /// The other end reads no more; what it said can still be read.
        case closed
        case failed(Int32)
    }

    /// A run of bytes in memory that stays where it is.
    private struct Piece {
        let bytes: MarshalledBytes
        var start: Int
        var count: Int
    }

    private var pieces: [Piece] = []
    private var next = 0
    /// The block that is being filled, which is not among the pieces yet.
    private var block: [UInt8] = []
    private(set) var byteCount = 0
    /// The bytes that were written so far.
    private(set) var written: UInt64 = 0
    private(set) var isClosed = false

    /// A body up to this size is copied beside its frame's start.
    private static let smallBody = 4 << 10
    private static let mostPieces = 64

    var isEmpty: Bool { byteCount == 0 }

    /// - Parameter body: where it lies in `bytes`.
    mutating func append(_ start: [UInt8], _ bytes: MarshalledBytes? = nil, body: Range<Int> = 0..<0) {
        if isClosed { return }
        block += start
        byteCount += start.count + body.count
        guard let bytes, let base = bytes.base, !body.isEmpty else { return }
        if body.count <= Self.smallBody {
            block.append(contentsOf: UnsafeRawBufferPointer(start: base + body.lowerBound, count: body.count))
        } else {
            seal()
            pieces.append(Piece(bytes: bytes, start: body.lowerBound, count: body.count))
        }
    }

    private mutating func seal() {
        if block.isEmpty { return }
        let bytes = block.withUnsafeBytes { MarshalledBytes(copying: $0) }
        guard !bytes.isMissing else { return discard() }
        pieces.append(Piece(bytes: bytes, start: 0, count: block.count))
        block.removeAll(keepingCapacity: block.count <= 64 << 10)
    }

    /// Writes what the socket takes.
    mutating func write(to socket: Int32) -> Progress {
        while byteCount > 0 {
            seal()
            if isClosed { return .failed(ENOMEM) }
            let count = send(to: socket)
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
            case let number:
                discard()
                return .failed(number)
            }
        }
        return .all
    }

    private func send(to socket: Int32) -> Int {
        let now = pieces[next..<min(pieces.count, next + Self.mostPieces)]
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: now.count) { vectors in
            for (index, piece) in now.enumerated() {
                vectors.initializeElement(
                    at: index, to: iovec(iov_base: piece.bytes.base.map { $0 + piece.start }, iov_len: piece.count))
            }
            var header = msghdr()
            header.msg_iov = vectors.baseAddress
            header.msg_iovlen = now.count
            return sendmsg(socket, &header, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }

    private mutating func advance(_ count: Int) {
        byteCount -= count
        written &+= UInt64(count)
        var left = count
        while left > 0 {
            if pieces[next].count > left {
                pieces[next].start += left
                pieces[next].count -= left
                return
            }
            left -= pieces[next].count
            next += 1
        }
        if next == pieces.count {
            pieces.removeAll(keepingCapacity: next <= 64)
            next = 0
        } else if next >= 1024 {
            pieces.removeFirst(next)
            next = 0
        }
    }

    private mutating func discard() {
        isClosed = true
        pieces = []
        next = 0
        block = []
        byteCount = 0
    }
}
