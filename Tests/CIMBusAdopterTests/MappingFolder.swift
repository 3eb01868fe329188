import Glibc
import WireTestKit

/// A folder of mappings. It is removed with the last reference to it.
final class MappingFolder: Sendable {
    let path: String
    private let names: [String]

    init(_ files: [String: String]) throws {
        var template = Array("/tmp/cimbus-adopt-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        names = Array(files.keys)
        for (name, text) in files {
            guard let file = fopen("\(path)/\(name)", "w") else { throw ProcessError(description: "fopen: errno \(errno)") }
            fputs(text, file)
            fclose(file)
        }
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}
