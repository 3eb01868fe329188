import CIM
import CIMMOF
import Glibc

/// Reads MOF files and finds those that they include.
///
/// A file is what it is, not what it is called: it is read once, and has the name by which it was met first. So a cycle is found whatever its
/// files are called, and what was checked is what is sent.
public final class MOFFiles {
    private struct Identity: Hashable {
        var device: UInt
        var number: UInt
    }

    /// Larger ones are refused unread.
    private static let largest = 64 << 20

    /// Where to look for an include, behind the folder of the file that includes it.
    private let folders: [String]
    /// What was read, or why it could not be: a pipe can be read once.
    private var read: [Identity: Result<MOFSource, MOFError>] = [:]

    /// - Parameter folders: where to look for an include, behind the folder of the file that includes it.
    public init(folders: [String]) { self.folders = folders }

    /// The file at a path. Throws InvalidFile (`WBEMMOF_E_INVALID_FILE`) for bytes that are no text; NotFound, AccessDenied or Failed, at
    /// line 0, for what cannot be read.
    public func source(_ path: String) throws(MOFError) -> MOFSource {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, errno) }
        let identity = Identity(device: UInt(status.st_dev), number: UInt(status.st_ino))
        if let known = read[identity] { return try known.get() }
        guard status.st_mode & S_IFMT != S_IFDIR else { throw Self.failure(path, EISDIR) }
        let source = Result { () throws(MOFError) in
            let bytes = try Self.bytes(descriptor, path, expected: Int(status.st_size))
            return MOFSource(file: path, text: try MOFText.decode(bytes, file: path))
        }
        read[identity] = source
        return try source.get()
    }

    /// As ``MOFContext/Include`` wants it. What was written on Windows may have backslashes, and another case than the file: where no file has
    /// exactly the name, the one that differs in case alone is it.
    public func include(_ name: String, from file: String) throws(MOFError) -> MOFSource {
        let names = name.utf8.contains(UInt8(ascii: "\\")) ? [name, String(name.map { $0 == "\\" ? "/" : $0 })] : [name]
        let tried = Self.candidates(names, in: [Self.folder(of: file)] + folders)
        for path in tried where access(path, F_OK) == 0 { return try source(path) }
        for path in tried {
            let found = Self.files(called: path)
            if let only = found.first, found.count == 1 { return try source(only) }
            guard found.isEmpty else {
                throw MOFError(
                    file: file, line: 0, column: 0, status: .mofErrorInvalidIncludeFile,
                    message:
                        "expected one file, found \(found.count) whose names differ in case: \(found.prefix(5).joined(separator: ", "))")
            }
        }
        throw MOFError(
            file: file, line: 0, column: 0, status: .mofErrorInvalidIncludeFile,
            message: "expected a file, found none at \(tried.joined(separator: ", ")) (-I adds folders)")
    }

    /// The files of this name in any case, sorted. Of a folder that is there under the very name, no other is looked into.
    private static func files(called path: String) -> [String] {
        var found = [path.hasPrefix("/") ? "/" : ""]
        for part in path.split(separator: "/") {
            var next: [String] = []
            for folder in found {
                let exact = folder + part
                if access(exact, F_OK) == 0 {
                    next.append(exact)
                } else {
                    next += entries(of: folder, called: String(part)).map { folder + $0 }
                }
            }
            // So many that nobody can mean one.
            guard next.count <= 64 else { return Array(next.prefix(64)) }
            found = next.map { $0 + "/" }
        }
        return found.map { String($0.dropLast()) }.sorted()
    }

    private static func entries(of folder: String, called name: String) -> [String] {
        guard let directory = opendir(folder.isEmpty ? "." : folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let found = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
            }
            if CIMName.equal(found, name) { names.append(found) }
        }
        return names
    }

    private static func candidates(_ names: [String], in folders: [String]) -> [String] {
        names.flatMap { name in name.hasPrefix("/") ? [name] : folders.map { $0.isEmpty ? name : "\($0)/\(name)" } }
    }

    /// Empty for a file of the current folder.
    public static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// - Parameter expected: as many as the system says; a pipe has any number.
    private static func bytes(_ descriptor: Int32, _ path: String, expected: Int) throws(MOFError) -> [UInt8] {
        var bytes: [UInt8] = []
        // One more than there are: less is the end.
        var room = min(max(expected, 0), largest) + 1
        while true {
            var count = 0
            let part = [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
                repeat { count = Glibc.read(descriptor, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
                filled = max(0, count)
            }
            guard count >= 0 else { throw failure(path, errno) }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= largest else { throw failure(path, EFBIG) }
            if bytes.isEmpty { bytes = part } else { bytes += part }
            room = 64 << 10
        }
    }

    private static func failure(_ path: String, _ code: Int32) -> MOFError {
        let status: WBEMStatus =
            switch code {
            case ENOENT: .notFound
            case EACCES, EPERM: .accessDenied
            case ENOMEM: .outOfMemory
            case EDQUOT, ENOSPC: .outOfDiskSpace
            default: .mofInvalidFile
            }
        return MOFError(
            file: path, line: 0, column: 0, status: status, message: "expected a file to read: \(String(cString: strerror(code)))")
    }
}
