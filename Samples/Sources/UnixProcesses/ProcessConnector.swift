import CProcess
import Glibc

/// The kernel's word of every process, by its process connector. It takes a socket of netlink, and the right to it: root's, or that of everybody where
/// the kernel gives it to everybody; in containers there is mostly none.
///
/// Made, and read, by one thread.
final class ProcessConnector {
    let descriptor: Int32
    private(set) var numbers = MessageNumbers()
    private var buffer = [cprocess_message](repeating: cprocess_message(), count: 64)

    /// About 15,000 messages: each takes about a kilobyte while it waits.
    static let standardBuffer: Int32 = 16 << 20

    /// Nil where the kernel says nothing.
    init?(buffer bytes: Int32 = ProcessConnector.standardBuffer) {
        descriptor = cprocess_connect(bytes)
        guard descriptor >= 0 else { return nil }
        guard cprocess_listen(descriptor, 1) == 0, hearsItself() else { return nil }
    }

    deinit {
        if descriptor >= 0 {
            _ = cprocess_listen(descriptor, 0)
            close(descriptor)
        }
    }

    /// Whether what this thread does comes back; then each CPU's numbers are known, too.
    private func hearsItself() -> Bool {
        cprocess_probe()
        let thread = cprocess_thread()
        let end = ContinuousClock.now + .seconds(1)
        while ContinuousClock.now < end {
            guard cprocess_wait(descriptor, -1, 100) != 0 else { continue }
            while case let count = cprocess_receive(descriptor, &buffer, Int32(buffer.count)), count > 0 {
                var isHeard = false
                for message in buffer[..<Int(count)] where message.cpu != .max {
                    numbers.take(message.number, of: message.cpu)
                    if message.kind == cprocess_acknowledged.rawValue, message.code != 0 { return false }
                    if message.kind == cprocess_changed.rawValue, message.thread == thread { isHeard = true }
                }
                if isHeard { return true }
            }
        }
        return false
    }

    enum Reading {
        case messages([cprocess_message], lost: UInt64)
        case nothing
        /// Messages are lost; how many, those say that come next.
        case overrun
        case failed(Int32)
    }

    func read() -> Reading {
        let count = cprocess_receive(descriptor, &buffer, Int32(buffer.count))
        if count < 0 { return errno == ENOBUFS ? .overrun : .failed(errno) }
        if count == 0 { return .nothing }
        var lost: UInt64 = 0
        let messages = buffer[..<Int(count)].filter { $0.cpu != .max }
        for message in messages { lost += numbers.take(message.number, of: message.cpu) }
        return .messages(messages, lost: lost)
    }
}
