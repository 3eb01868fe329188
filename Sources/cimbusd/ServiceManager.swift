import CIMBusBroker
import Glibc

/// What started this process, if it wants to be told how the process is (`man 3 sd_notify`).
struct ServiceManager {
    private let address: sockaddr_un
    private let size: socklen_t
    /// Within which time it is to hear that the process is alive; nil: it does not ask.
    private let watchdog: Duration?

    /// Nil: nobody wants to know. It may be asked for once: the rest of the process has no part in it, and nor have the processes that it starts.
    init?() {
        guard let path = getenv("NOTIFY_SOCKET") else { return nil }
        let microseconds = getenv("WATCHDOG_USEC").flatMap { UInt64(String(cString: $0)) } ?? 0
        let process = getenv("WATCHDOG_PID").flatMap { pid_t(String(cString: $0)) } ?? getpid()
        watchdog = microseconds > 0 && process == getpid() ? .microseconds(Int64(clamping: microseconds)) : nil
        defer { for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] { unsetenv(name) } }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let length = strlen(path)
        guard length > 0, length < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyMemory(from: UnsafeRawBufferPointer(start: path, count: length))
            // A name without a file.
            if place[0] == UInt8(ascii: "@") { place[0] = 0 }
        }
        self.address = address
        size = socklen_t(MemoryLayout<sa_family_t>.size + length)
    }

    /// Says that the broker serves, and from then on that it is alive, as often as it is to: its loop says so, and one that is stuck does not.
    ///
    /// The unit is of `Type=notify` for this: one of `Type=dbus` is stopped when its name goes, and the broker outlives that.
    func watch(_ broker: Broker) {
        tell("READY=1")
        guard let watchdog else { return }
        broker.repeatedly(every: watchdog / 3) { tell("WATCHDOG=1") }
    }

    /// Says that the broker reads its files again, or that it has done so.
    func reloading(_ isOver: Bool) {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let microseconds = Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        tell(isOver ? "READY=1" : "RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    func tell(_ word: String) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, word, word.utf8.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }
}
