import Glibc

/// Memory that a socket is read into.
final class ReadBuffer {
    /// The bytes that one read takes at most.
    static let size = 64 << 10

    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size + DescriptorPassing.room, alignment: 8)

    deinit { memory.deallocate() }

    /// Reads once. Never blocks.
    /// - Parameter descriptors: gets the file descriptors that came along.
    func read(from socket: Int32, _ descriptors: inout [FileDescriptorBox]) -> SocketReading {
        let room = UnsafeMutableRawBufferPointer(rebasing: memory[..<Self.size])
        let control = UnsafeMutableRawBufferPointer(rebasing: memory[Self.size...])
        let count = DescriptorPassing.receive(from: socket, into: room, control, &descriptors)
        if count > 0 { return .bytes(count) }
        return count == 0 ? .end : SocketReading(failure: errno)
    }

    /// What the last reading brought.
    func bytes(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]) }
}
