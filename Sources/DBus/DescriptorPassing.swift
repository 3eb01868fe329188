import Glibc

/// File descriptors that travel beside the bytes of a socket, in one control message of the kernel's (unix(7), SCM_RIGHTS).
package enum DescriptorPassing {
    /// The kernel takes no more along with one write.
    package static let most = 253

    private static let headerSize = aligned(MemoryLayout<cmsghdr>.size)
    /// The bytes that the control message of the most descriptors takes.
    package static let room = headerSize + aligned(most * MemoryLayout<Int32>.size)

    private static func aligned(_ size: Int) -> Int { (size + MemoryLayout<Int>.size - 1) & ~(MemoryLayout<Int>.size - 1) }

    /// One read that never blocks.
    /// - Parameters:
    ///   - control: ``room`` bytes, aligned to 8, to use.
    ///   - descriptors: gets those that came; they close on exec. Fewer come than were sent where this process can have no more.
    /// - Returns: what `recvmsg` does.
    package static func receive(
        from socket: Int32, into buffer: UnsafeMutableRawBufferPointer, _ control: UnsafeMutableRawBufferPointer,
        _ descriptors: inout [FileDescriptorBox]
    ) -> Int {
        var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        return withUnsafeMutablePointer(to: &vector) { vector in
            var message = msghdr()
            message.msg_iov = vector
            message.msg_iovlen = 1
            var count: Int
            repeat {
                message.msg_control = control.baseAddress
                message.msg_controllen = control.count
                count = recvmsg(socket, &message, Int32(MSG_DONTWAIT) | Int32(MSG_CMSG_CLOEXEC))
            } while count < 0 && errno == EINTR
            if count >= 0, message.msg_controllen > 0 {
                take(UnsafeRawBufferPointer(rebasing: control[..<message.msg_controllen]), &descriptors)
            }
            return count
        }
    }

    private static func take(_ control: UnsafeRawBufferPointer, _ descriptors: inout [FileDescriptorBox]) {
        var at = 0
        while at + headerSize <= control.count {
            let header = control.loadUnaligned(fromByteOffset: at, as: cmsghdr.self)
            let end = at + Int(header.cmsg_len)
            guard end >= at + headerSize, end <= control.count else { return }
            if header.cmsg_level == SOL_SOCKET, header.cmsg_type == Int32(SCM_RIGHTS) {
                for offset in stride(from: at + headerSize, to: end, by: MemoryLayout<Int32>.size) {
                    descriptors.append(FileDescriptorBox(owning: control.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
                }
            }
            at += aligned(Int(header.cmsg_len))
        }
    }

    /// One write that never blocks. The descriptors, at most ``most``, go with the first byte.
    /// - Returns: what `sendmsg` does.
    package static func send(_ bytes: UnsafeRawBufferPointer, _ descriptors: [FileDescriptorBox], to socket: Int32) -> Int {
        var vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
        let size = descriptors.count * MemoryLayout<Int32>.size
        return withUnsafeMutablePointer(to: &vector) { vector in
            withUnsafeTemporaryAllocation(byteCount: room, alignment: MemoryLayout<cmsghdr>.alignment) { control in
                control.initializeMemory(as: UInt8.self, repeating: 0)
                var header = cmsghdr()
                header.cmsg_level = SOL_SOCKET
                header.cmsg_type = Int32(SCM_RIGHTS)
                header.cmsg_len = headerSize + size
                control.storeBytes(of: header, as: cmsghdr.self)
                for (index, box) in descriptors.enumerated() {
                    control.storeBytes(of: box.rawValue, toByteOffset: headerSize + index * MemoryLayout<Int32>.size, as: Int32.self)
                }
                var message = msghdr()
                message.msg_iov = vector
                message.msg_iovlen = 1
                message.msg_control = control.baseAddress
                message.msg_controllen = headerSize + aligned(size)
                return sendmsg(socket, &message, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
        }
    }
}
