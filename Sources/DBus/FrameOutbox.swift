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
    /// The block that is being filled, which is not among the pieces yet: memory of its own, of which the first bytes may have been written.
    private var block: UnsafeMutableRawPointer?
    private var blockCapacity = 0
    private var blockStart = 0
    private var blockEnd = 0
    private(set) var byteCount = 0
    /// The bytes that were written so far.
    private(set) var written: UInt64 = 0
    private(set) var isClosed = false

    /// A body up to this size is copied beside its frame's start.
    private static let smallBody = 4 << 10
    private static let mostPieces = 64
    private static let firstCapacity = 4 << 10
    /// A block of more than this is not kept for the next frames.
    private static let mostKept = 64 << 10

    deinit { free(block) }

    var isEmpty: Bool { byteCount == 0 }

    /// - Parameters:
    ///   - count: the bytes of the frame's start, which `start` writes.
    ///   - body: where the body lies in `bytes`.
    /// - Returns: false: there is no memory for it. Nothing was appended, and what was before it stays.
    mutating func append(
        startOf count: Int, _ bytes: MarshalledBytes? = nil, body: Range<Int> = 0..<0, _ start: (UnsafeMutableRawPointer) -> Void
    ) -> Bool {
        if isClosed { return true }
        let isSmall = body.count <= Self.smallBody
        guard let place = room(for: count + (isSmall ? body.count : 0)) else { return false }
        start(place)
        byteCount += count + body.count
        guard let bytes, let base = bytes.base, !body.isEmpty else { return true }
        if isSmall {
            memcpy(place + count, base + body.lowerBound, body.count)
        } else {
            seal()
            pieces.append(Piece(bytes: bytes, start: body.lowerBound, count: body.count))
        }
        return true
    }

    /// - Parameter frame: all of it, in memory that nobody changes any more.
    /// - Returns: as above.
    mutating func append(_ frame: MarshalledBytes) -> Bool {
        if frame.count <= Self.smallBody { return append(startOf: 0, frame, body: 0..<frame.count) { _ in } }
        if isClosed { return true }
        seal()
        pieces.append(Piece(bytes: frame, start: 0, count: frame.count))
        byteCount += frame.count
        return true
    }

    /// Writes a frame without a copy of it; only where ``isEmpty``. What the socket does not take of it is kept.
    mutating func write(_ frame: MarshalledBytes, to socket: Int32) -> Progress {
        if isClosed { return .closed }
        let count = Glibc.send(socket, frame.base, frame.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        if count == frame.count {
            written &+= UInt64(count)
            return .all
        }
        // Whatever it was shows again.
        let sent = max(0, count)
        written &+= UInt64(sent)
        pieces.append(Piece(bytes: frame, start: sent, count: frame.count - sent))
        byteCount += frame.count - sent
        return write(to: socket)
    }

    /// Makes the block longer by so many bytes; nil: there is no memory for them.
    private mutating func room(for count: Int) -> UnsafeMutableRawPointer? {
        if blockEnd + count > blockCapacity, let block, blockStart > 0 {
            memmove(block, block + blockStart, blockEnd - blockStart)
            (blockStart, blockEnd) = (0, blockEnd - blockStart)
        }
        if blockEnd + count > blockCapacity {
            let wanted = max(2 * blockCapacity, blockEnd + count, Self.firstCapacity)
            guard let larger = realloc(block, wanted) else { return nil }
            block = larger
            blockCapacity = wanted
        }
        defer { blockEnd += count }
        return block.map { $0 + blockEnd }
    }

    /// What is appended next comes behind another piece.
    private mutating func seal() {
        guard let memory = block, blockStart < blockEnd else { return }
        pieces.append(Piece(bytes: MarshalledBytes(owning: memory, count: blockEnd), start: blockStart, count: blockEnd - blockStart))
        block = nil
        (blockCapacity, blockStart, blockEnd) = (0, 0, 0)
    }

    /// Writes what the socket takes.
    mutating func write(to socket: Int32) -> Progress {
        while byteCount > 0 {
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
        if next == pieces.count {
            return Glibc.send(socket, block.map { $0 + blockStart }, blockEnd - blockStart, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
        let now = pieces[next..<min(pieces.count, next + Self.mostPieces)]
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: now.count + 1) { vectors in
            for (index, piece) in now.enumerated() {
                vectors.initializeElement(
                    at: index, to: iovec(iov_base: piece.bytes.base.map { $0 + piece.start }, iov_len: piece.count))
            }
            var header = msghdr()
            header.msg_iov = vectors.baseAddress
            header.msg_iovlen = now.count
            if now.endIndex == pieces.count, blockStart < blockEnd {
                vectors.initializeElement(
                    at: now.count, to: iovec(iov_base: block.map { $0 + blockStart }, iov_len: blockEnd - blockStart))
                header.msg_iovlen += 1
            }
            return sendmsg(socket, &header, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
        }
    }

    private mutating func advance(_ count: Int) {
        byteCount -= count
        written &+= UInt64(count)
        var left = count
        while left > 0, next < pieces.count {
            if pieces[next].count > left {
                pieces[next].start += left
                pieces[next].count -= left
                return
            }
            left -= pieces[next].count
            next += 1
        }
        blockStart += left
        if blockStart == blockEnd { emptyBlock() }
        if next == 0 { return }
        if next == pieces.count {
            pieces.removeAll(keepingCapacity: next <= 64)
            next = 0
        } else if next >= 1024 {
            pieces.removeFirst(next)
            next = 0
        }
    }

    private mutating func emptyBlock() {
        (blockStart, blockEnd) = (0, 0)
        if blockCapacity <= Self.mostKept { return }
        free(block)
        block = nil
        blockCapacity = 0
    }

    private mutating func discard() {
        isClosed = true
        pieces = []
        next = 0
        free(block)
        block = nil
        (blockCapacity, blockStart, blockEnd) = (0, 0, 0)
        byteCount = 0
    }
}
