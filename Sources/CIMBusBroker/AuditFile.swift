import FoundationEssentials
import Glibc
import Logging
import SystemPackage

/// The file of the audit: one JSON object a line, with the time. It is only ever appended to.
final class AuditFile {
    private let path: String
    private var descriptor: FileDescriptor
    /// Whether the last line could not be written: that is said once.
    private var isBroken = false
    private let encoder = JSONEncoder()

    /// - Throws: ``CIMBusError``: it cannot be opened.
    init(_ path: String) throws(CIMBusError) {
        self.path = path
        descriptor = try Self.open(path)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    deinit { try? descriptor.close() }

    private static func open(_ path: String) throws(CIMBusError) -> FileDescriptor {
        // No link: whoever may write the directory could have another file of the broker's grow.
        let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            let reason = errno == ELOOP ? "it is a symbolic link; give the file itself" : String(cString: strerror(errno))
            throw CIMBusError(.noAudit, "cannot write the audit to \(path): \(reason)")
        }
        return FileDescriptor(rawValue: descriptor)
    }

    /// Whoever rotates the file has given it another name: from now on it is written anew. Where that fails, the old one goes on.
    func reopen(_ logger: Logger) {
        do throws(CIMBusError) {
            let new = try Self.open(path)
            try? descriptor.close()
            descriptor = new
        } catch {
            logger.error("\(error); the file that was open goes on")
        }
    }

    func write(_ fields: [(name: String, value: String)], _ logger: Logger) {
        var object = Dictionary(fields, uniquingKeysWith: { first, _ in first })
        object["time"] = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        do {
            try descriptor.writeAll(try encoder.encode(object) + [UInt8(ascii: "\n")])
            isBroken = false
        } catch {
            if !isBroken { logger.error("cannot write the audit to \(path): \(error); what is not written there is in this log") }
            isBroken = true
        }
    }
}
