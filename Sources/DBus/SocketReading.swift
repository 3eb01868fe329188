import Glibc

/// What one read of a stream socket brought.
enum SocketReading {
    case bytes(Int)
    case nothing
    case end
    /// With the bytes, which are not looked at; the kernel has let go of the descriptors.
    case descriptors
    case failed(Int32)

    /// Whether it shows that the other end has, or had, its socket.
    var isFromOtherEnd: Bool {
        switch self {
        case .bytes, .end, .descriptors: true
        case .nothing, .failed: false
        }
    }

    /// There is no room for descriptors, so that none can be received: the kernel says that there were some.
    init(from socket: Int32, into buffer: UnsafeMutableRawBufferPointer) {
        var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        var flags: Int32 = 0
        let count = withUnsafeMutablePointer(to: &vector) { vector in
            var header = msghdr()
            header.msg_iov = vector
            header.msg_iovlen = 1
            defer { flags = header.msg_flags }
            while true {
                let count = recvmsg(socket, &header, Int32(MSG_DONTWAIT))
                if count >= 0 || errno != EINTR { return count }
            }
        }
        self =
            if count < 0 {
                SocketReading(failure: errno)
            } else if flags & Int32(MSG_CTRUNC) != 0 {
                .descriptors
            } else {
                count == 0 ? .end : .bytes(count)
            }
    }

    /// - Parameter number: why nothing could be read.
    init(failure number: Int32) {
        self =
            switch number {
            case EAGAIN, EWOULDBLOCK: .nothing
            case ECONNRESET: .end
            default: .failed(number)
            }
    }
}
