import CIMBusBroker
import Glibc
import Logging

/// systemd's journal, by its own protocol, which takes fields.
final class Journal: Sendable {
    private let descriptor: Int32

    private static let path = "/run/systemd/journal/socket"
    /// The kernel takes datagrams of more than this; a longer message is cut, for the journal wants such in a file.
    private static let longestMessage = 32_768
    private static let longestField = 4_096

    /// Nil: standard error is not the journal's, so that whoever reads it is not there.
    init?() {
        guard let stream = getenv("JOURNAL_STREAM").map({ String(cString: $0) }) else { return nil }
        var status = stat()
        guard fstat(STDERR_FILENO, &status) == 0, stream == "\(status.st_dev):\(status.st_ino)" else { return nil }
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Self.path.utf8) }
        let isConnected = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 }
        }
        guard isConnected else {
            close(descriptor)
            return nil
        }
    }

    /// - Returns: whether the journal has it. Where it does not read, the line goes to standard error.
    func write(_ message: String, _ level: Logger.Level, _ identifier: String, _ fields: [(String, String)]) -> Bool {
        let bytes = Self.datagram(message, level, identifier, fields)
        return send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    static func datagram(_ message: String, _ level: Logger.Level, _ identifier: String, _ fields: [(String, String)]) -> [UInt8] {
        func cut(_ text: String, _ count: Int) -> String { String(decoding: text.utf8.prefix(count), as: UTF8.self) }
        let first = [
            ("MESSAGE", cut(message, longestMessage)), ("PRIORITY", "\(level.syslogNumber)"), ("SYSLOG_IDENTIFIER", identifier),
        ]
        return JournalSocket.entry(first + fields.filter { isField($0.0) }.map { ($0.0, cut($0.1, longestField)) })
    }

    /// The journal takes no others.
    private static func isField(_ name: String) -> Bool {
        let isGood = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        return isGood && !name.isEmpty && name.utf8.count <= 64 && !name.hasPrefix("_")
    }
}
