import Glibc
import WireTestKit

/// A directory for a broker's `--state`, gone with the last reference to it.
final class StateFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cimbus-state-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw ProcessError(description: "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
    }

    deinit {
        for name in ["", "-journal", ".lock", ".new", ".new-journal"] { unlink(repository + name) }
        rmdir(path)
    }

    var repository: String { path + "/repository.sqlite" }

    /// Writes over the repository: from `offset`, or from the end backwards when that is negative.
    func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        guard let file = fopen(repository, "r+") else { throw ProcessError(description: "cannot open \(repository): errno \(errno)") }
        defer { fclose(file) }
        guard fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET) == 0, fwrite(bytes, 1, bytes.count, file) == bytes.count else {
            throw ProcessError(description: "cannot write \(repository): errno \(errno)")
        }
    }

    var size: Int {
        var information = stat()
        return stat(repository, &information) == 0 ? Int(information.st_size) : 0
    }
}

extension Scene {
    /// The broker is killed, and another one started on the same bus and state.
    func restarted(on state: StateFolder, _ options: [String] = []) async throws -> Scene {
        try await broker.process.killAndWait()
        return try await Scene.start(options: ["--state", state.path] + options, bus: bus)
    }
}
