import Glibc

/// Whether a process works, as far as anybody may see it: Linux's `/proc/PID/stat` (proc(5)).
///
/// More than half of the D-Bus libraries answer nothing while a method of theirs runs, a ping no more than anything else. So a missed ping alone
/// does not tell a process that computes from one that is stopped. One that uses the processor works; one that waits in a method for
/// something else cannot be told from one that hangs.
struct ProcessEvidence: Equatable {
    private let isStopped: Bool
    /// What it and the children that it waited for have used of the processor, in ticks.
    private let ticks: UInt64

    /// Nil where there is no such process, or none that can be seen.
    init?(of pid: UInt32) {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        self.init(stat: buffer[0..<count])
    }

    /// The line of `/proc/PID/stat`; nil for anything else. The name in it may hold any byte, so that its fields are counted behind it.
    init?(stat line: some BidirectionalCollection<UInt8>) {
        guard let end = line.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = line[line.index(after: end)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
        // Behind the name: state is the first, utime, stime, cutime and cstime are the 12th to the 15th.
        guard fields.count >= 15, let state = fields[0].first else { return nil }
        isStopped = "TtXxZ".utf8.contains(state)
        ticks = fields[11..<15].reduce(0) { $0 &+ (UInt64(String(decoding: $1, as: UTF8.self)) ?? 0) }
    }

    /// Whether it has worked since `earlier`, and works still.
    func hasRun(since earlier: ProcessEvidence) -> Bool { !isStopped && ticks != earlier.ticks }
}
