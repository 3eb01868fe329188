import CIMBusCore
import FoundationEssentials
import Glibc
import SystemPackage

/// Writes what the core is told to a file, one JSON object a line: first the limits it works with, then every event.
///
/// It is there to find a fault in the broker: `cimbusd --record FILE`, and a test that replays the file. Objects are not in it, only their
/// sizes; names of clients' sinks, providers and the words of failures are. It writes on the broker's own thread, and the file grows.
final class TraceWriter {
    private let descriptor: Int32
    private let encoder = JSONEncoder()

    /// Throws ``CIMBusError`` when the file cannot be written.
    init(_ path: String, _ limits: Limits) throws(CIMBusError) {
        // No link: whoever may write the directory could have what the broker may write overwritten.
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let reason = errno == ELOOP ? "it is a symbolic link; give the file itself" : String(cString: strerror(errno))
            throw CIMBusError(.noTrace, "cannot record to \(path): \(reason)")
        }
        write(limits)
    }

    deinit { close(descriptor) }

    func write(_ events: [TracedEvent]) { for event in events { write(event) } }

    private func write(_ value: some Encodable) {
        guard var line = try? encoder.encode(value) else { return }
        line.append(UInt8(ascii: "\n"))
        _ = try? FileDescriptor(rawValue: descriptor).writeAll(line)
    }
}
