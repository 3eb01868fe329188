import Glibc

/// Files that the broker believes: whoever may write one could give himself every right, so such a file is root's, or that of the broker's user.
package enum TrustedFile {
    /// Why one cannot be used: a file, a line where there is one, and the reason.
    package struct Fault: Error, CustomStringConvertible {
        package let description: String
        /// Whether it is not there.
        package var isAbsence = false
    }

    /// A file of more is none that a person wrote.
    private static let largest = 1 << 20

    /// The files `*.conf` of a directory, in the order of their names. One that is not there has none.
    package static func names(in directory: String) throws(Fault) -> [String] {
        guard let stream = opendir(directory) else {
            if errno == ENOENT { return [] }
            throw Fault(description: "\(directory) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".conf"), !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// - Parameter owner: whom the broker trusts beside root.
    package static func text(of path: String, owner: UInt32) throws(Fault) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            throw Fault(description: "\(path) cannot be read: \(String(cString: strerror(errno)))", isAbsence: errno == ENOENT)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Fault(description: "\(path) is no file")
        }
        guard status.st_uid == 0 || status.st_uid == owner, status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw Fault(
                description: "\(path) may be written by others than root and the broker's user; chown root \(path) and chmod go-w \(path)")
        }
        guard status.st_size <= largest else { throw Fault(description: "\(path) has more than 1 MiB") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Fault(description: "\(path) cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= largest else { throw Fault(description: "\(path) has more than 1 MiB") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault(description: "\(path) is not UTF-8") }
        return text
    }
}
