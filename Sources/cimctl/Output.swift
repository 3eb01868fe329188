import CIMBusClient
import Glibc

/// Standard output, buffered.
struct Output {
    /// Whoever read the output has gone away: nothing to say, nobody to say it to.
    struct NobodyReads: Error {}

    private var buffer: [UInt8] = []

    /// The columns of the terminal; nil when the output goes elsewhere.
    static let terminalWidth: Int? = {
        guard isatty(STDOUT_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }()

    /// Throws ``NobodyReads``, and CIMError when the output cannot be written.
    mutating func write(_ text: String) throws {
        buffer.append(contentsOf: text.utf8)
        if buffer.count >= 64 << 10 { try flush() }
    }

    mutating func flush() throws {
        var written = 0
        defer { buffer.removeAll(keepingCapacity: true) }
        while written < buffer.count {
            let count = buffer.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress.map { $0 + written }, $0.count - written) }
            if count >= 0 {
                written += count
                continue
            }
            let code = errno
            if code == EINTR { continue }
            if code == EPIPE { throw NobodyReads() }
            throw CIMError(.failed, "standard output cannot be written: \(String(cString: strerror(code)))")
        }
    }
}
