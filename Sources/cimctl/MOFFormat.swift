import ArgumentParser
import CIMBusClient
import CIMBusWire
import CIMMOF
import CIMMOFFiles
import Glibc
import SystemPackage

struct MOFFormat: Program {
    static let configuration = CommandConfiguration(
        commandName: "format", abstract: "Lays MOF files out anew: indentation, spaces and line ends. Nothing else changes.",
        discussion: "The result goes to standard output, in UTF-8. No broker is needed, and nothing that is included is read.")

    @Argument(help: "The files.") var files: [String]
    @Flag(help: "Write the files themselves, those that change.") var inPlace = false
    @Flag(help: "Write nothing; list the files that would change, and fail if there are any.") var check = false

    /// It asks no broker.
    var busAddress: BusAddress { .system }

    func advice(after status: WBEMStatus) -> String? {
        status == .failed && check ? "'cimctl mof format --in-place' formats them" : adviceForMOF(status)
    }

    func validate() throws {
        if inPlace, check { throw ValidationError("give one of --in-place and --check") }
    }

    func perform(_ output: inout Output) async throws {
        let reader = MOFFiles(folders: [])
        var complaints = MOFComplaints()
        var changed = 0
        for file in files where complaints.left > 0 {
            let (old, new): (String, String)
            do throws(MOFFaults) {
                (old, new) = try Self.formatted(file, reader)
            } catch {
                complaints.add(error, in: file)
                continue
            }
            if !check, !inPlace { try output.write(new) }
            guard old != new else { continue }
            changed += 1
            if check { try output.write(file + "\n") }
            if inPlace { try ReplacedFile.write(new, to: file) }
        }
        if complaints.count > 0 { throw complaints.error("not formatted") }
        if check, changed > 0 { throw CIMError(.failed, "\(changed) of \(files.count) files are not formatted") }
    }

    private static func formatted(_ file: String, _ reader: MOFFiles) throws(MOFFaults) -> (old: String, new: String) {
        let source: MOFSource
        do throws(MOFError) { source = try reader.source(file) } catch { throw MOFFaults(errors: [error], isTruncated: false) }
        do throws(MOFErrors) {
            return (source.text, try MOFFormatter.format(source.text, file: file))
        } catch {
            throw MOFFaults(errors: error.errors, isTruncated: error.isTruncated)
        }
    }
}

/// A file that is written anew: whole, or not at all. Owner, group and mode stay.
enum ReplacedFile {
    /// Throws Failed or AccessDenied, also where this user cannot give a file to its owner or group; the file is then what it was.
    static func write(_ text: String, to path: String) throws(CIMError) {
        // A link stays one.
        guard let resolved = realpath(path, nil) else { throw failure(path, errno) }
        defer { free(resolved) }
        let file = String(cString: resolved)
        var status = stat()
        guard stat(file, &status) == 0 else { throw failure(path, errno) }
        var name = Array((file + ".XXXXXX").utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        do {
            try FileDescriptor(rawValue: descriptor).writeAll(text.utf8)
        } catch {
            throw abandon(name, path, (error as? Errno)?.rawValue ?? EIO)
        }
        // The owner first: a change of it may take bits of the mode away.
        if status.st_uid != geteuid() || status.st_gid != getegid() {
            guard fchown(descriptor, status.st_uid, status.st_gid) == 0 else { throw abandon(name, path) }
        }
        guard fchmod(descriptor, status.st_mode & 0o7777) == 0, fsync(descriptor) == 0, rename(name, file) == 0 else {
            throw abandon(name, path)
        }
    }

    private static func abandon(_ temporary: [CChar], _ path: String, _ code: Int32 = errno) -> CIMError {
        unlink(temporary)
        return failure(path, code)
    }

    private static func failure(_ path: String, _ code: Int32) -> CIMError {
        CIMError(
            code == EACCES || code == EPERM ? .accessDenied : .shortage(systemError: code) ?? .failed,
            "\(path) cannot be written: \(String(cString: strerror(code)))",
            cause: Output.Unwritable())
    }
}
