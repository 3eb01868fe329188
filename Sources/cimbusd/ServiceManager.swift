import Glibc

/// What started this process, if it wants to be told when the process is ready (`man 3 sd_notify`).
enum ServiceManager {
    /// Says that the broker serves. Nothing happens where nobody wants to know.
    ///
    /// The unit is of `Type=notify` for this: one of `Type=dbus` is stopped when its name goes, and the broker outlives that.
    static func tellReady() {
        guard let path = getenv("NOTIFY_SOCKET") else { return }
        // The rest of the process has no part in it, and nor have the processes that it starts.
        defer { unsetenv("NOTIFY_SOCKET") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let length = strlen(path)
        guard length > 0, length < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyMemory(from: UnsafeRawBufferPointer(start: path, count: length))
            // A name without a file.
            if place[0] == UInt8(ascii: "@") { place[0] = 0 }
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + length)
        let word = "READY=1"
        _ = withUnsafePointer(to: address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, word, word.utf8.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }
}
