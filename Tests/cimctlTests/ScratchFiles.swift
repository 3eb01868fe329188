import Glibc
import Synchronization
import WireTestKit

/// A folder for one test, gone with the last reference to it.
final class ScratchFiles: Sendable {
    private let root: String
    private let written = Mutex<[String]>([])

    init() throws {
        var template = Array("/tmp/cimctl-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        root = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    deinit {
        let written = written.withLock { $0 }
        for name in written + ["stderr"] { unlink(path(name)) }
        // Those inside first.
        let folders = Set(written.flatMap { name in name.indices.filter { name[$0] == "/" }.map { String(name[..<$0]) } })
        for folder in folders.sorted(by: { $0.utf8.count > $1.utf8.count }) { rmdir(path(folder)) }
        rmdir(root)
    }

    /// The folder's own name.
    var name: String { String(root.dropFirst("/tmp/".utf8.count)) }

    func path(_ name: String) -> String { "\(root)/\(name)" }

    /// Makes the file, and the folder it is in.
    func write(_ name: String, _ text: String) throws {
        let file = path(name)
        written.withLock { $0.append(name) }
        if let slash = file.lastIndex(of: "/") { mkdir(String(file[..<slash]), 0o700) }
        guard let stream = fopen(file, "w") else { throw ProcessError(description: "cannot write \(file): errno \(errno)") }
        defer { fclose(stream) }
        let bytes = Array(text.utf8)
        guard fwrite(bytes, 1, bytes.count, stream) == bytes.count else { throw ProcessError(description: "cannot write \(file)") }
    }

    func read(_ name: String) throws -> String {
        guard let stream = fopen(path(name), "r") else { throw ProcessError(description: "cannot read \(name): errno \(errno)") }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { bytes += buffer[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
