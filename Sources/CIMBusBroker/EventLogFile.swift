import CIM
import Glibc

/// A file to which an event consumer writes lines. It is never larger than it may be, but for one line: then it becomes `NAME.001`, what was that
/// becomes `NAME.002`, and so on up to ``kept``.
actor EventLogFile {
    /// How many former files there are at most.
    static let kept = 9

    private let path: String
    private let largest: UInt64

    /// - Parameter largest: in bytes; 0: it has no limit.
    init(_ path: String, largest: UInt64) {
        self.path = path
        self.largest = largest
    }

    /// - Throws: Failed: what cannot be written, and why.
    func write(_ line: String) throws(CIMError) {
        var file = stat()
        if largest > 0, lstat(path, &file) == 0, file.st_size >= Int64(clamping: largest) { try rotate() }
        // No link: whoever may write the directory could have another file of the broker's grow.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { throw fault("write") }
        defer { close(descriptor) }
        var bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
        while !bytes.isEmpty {
            let count = Glibc.write(descriptor, bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fault("write") }
            bytes.removeFirst(count)
        }
    }

    private func rotate() throws(CIMError) {
        for number in stride(from: Self.kept, through: 1, by: -1) {
            let older = name(number)
            let newer = number == 1 ? path : name(number - 1)
            if rename(newer, older) != 0, errno != ENOENT { throw fault("rename") }
        }
    }

    private func name(_ number: Int) -> String {
        let digits = String(number)
        return path + "." + String(repeating: "0", count: 3 - digits.count) + digits
    }

    private func fault(_ verb: String) -> CIMError {
        CIMError(.failed, "cannot \(verb) \(path): \(String(cString: strerror(errno)))")
    }
}
