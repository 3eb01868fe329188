import CIM
import Glibc

/// A file that a program writes whole.
public enum TextFile {
    /// Writes a file, unless it has this text already: then nobody need build again what was built of it. Throws Failed, with the reason.
    public static func write(_ text: String, to path: String) throws(CIMError) {
        if contents(path, upTo: text.utf8.count + 1) == Array(text.utf8) { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        var left = Array(text.utf8)[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(path, errno) }
            left = left.dropFirst(count)
        }
    }

    /// Whether there is a folder of this name.
    public static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// What a file has, up to so many bytes; nil where it cannot be read.
    public static func contents(_ path: String, upTo limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let wanted = min(buffer.count, limit - bytes.count)
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, wanted) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    private static func failure(_ path: String, _ code: Int32) -> CIMError {
        CIMError(.failed, "\(path) cannot be written: \(String(cString: strerror(code)))")
    }
}
