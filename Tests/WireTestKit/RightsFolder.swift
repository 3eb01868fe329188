import Glibc

/// A directory with one file of rules, gone with the last reference to it.
public final class RightsFolder: Sendable {
    public let path: String

    public init(_ rules: String) throws {
        var template = Array("/tmp/cimbus-rights-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        try write(rules)
    }

    deinit {
        unlink(file)
        rmdir(path)
    }

    public var file: String { path + "/10-test.conf" }

    public func write(_ rules: String) throws {
        guard let stream = fopen(file, "w") else { throw ProcessError(description: "cannot write \(file): errno \(errno)") }
        fputs(rules, stream)
        fclose(stream)
        chmod(file, 0o644)
    }
}
