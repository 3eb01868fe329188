import CIM
import Glibc

/// The objects that the provider of an ancestor gave, by key, until those of the derived classes come to be merged with them (SEMANTICS C.4).
///
/// Up to ``memoryLimit`` they lie in memory; what is more goes to a file without a name, which is gone with the table. Failures:
/// QuotaViolation past ``fileLimit``, CriticalError when the file cannot be written or read.
final class MergeTable {
    static let memoryLimit = 64 << 20
    static let fileLimit = 1 << 30

    private enum Place {
        case memory([UInt8])
        case file(offset: Int, count: Int)
    }

    private var places: [[UInt8]: Place] = [:]
    /// Bytes in memory, keys and the table's own included, about.
    private var used = 0
    private var file: Int32 = -1
    private var fileSize = 0
    private let memoryLimit: Int
    private let fileLimit: Int

    init(memoryLimit: Int = MergeTable.memoryLimit, fileLimit: Int = MergeTable.fileLimit) {
        self.memoryLimit = memoryLimit
        self.fileLimit = fileLimit
    }

    deinit { if file >= 0 { close(file) } }

    var count: Int { places.count }

    /// Whether some of it is in a file.
    var isSpilled: Bool { file >= 0 }

    /// Keeps an object; one with the same key takes its place.
    func insert(_ object: [UInt8], at key: [UInt8]) throws(CIMError) {
        let overhead = key.count + 96
        if used + object.count + overhead <= memoryLimit {
            used += object.count + overhead
            places[key] = .memory(object)
            return
        }
        guard fileSize + object.count <= fileLimit, used + overhead <= 4 * memoryLimit else {
            throw CIMError(
                .quotaViolation, "the objects of a superclass take more than \(fileLimit >> 20) MiB; ask for fewer, or with DIRECT_READ")
        }
        used += overhead
        places[key] = .file(offset: try append(object), count: object.count)
    }

    /// Takes the object of a key out.
    func remove(_ key: [UInt8]) throws(CIMError) -> [UInt8]? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        return try read(place)
    }

    /// What is left, one at a time, in no order; nil when nothing is.
    func removeAny() throws(CIMError) -> [UInt8]? {
        guard let first = places.popFirst() else { return nil }
        return try read(first.value)
    }

    private func read(_ place: Place) throws(CIMError) -> [UInt8] {
        switch place {
        case .memory(let object):
            used -= object.count
            return object
        case .file(let offset, let count):
            var object = [UInt8](repeating: 0, count: count)
            var done = 0
            while done < count {
                let read = object.withUnsafeMutableBytes {
                    pread(file, $0.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                }
                if read < 0, errno == EINTR { continue }
                guard read > 0 else { throw Self.failure("read") }
                done += read
            }
            return object
        }
    }

    private func append(_ object: [UInt8]) throws(CIMError) -> Int {
        if file < 0 {
            let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
            var name = Array((directory + "/cimbus-XXXXXX").utf8CString)
            file = mkstemp(&name)
            guard file >= 0 else { throw Self.failure("make a temporary file in \(directory)") }
            unlink(name)
        }
        let offset = fileSize
        var done = 0
        while done < object.count {
            let written = object.withUnsafeBytes {
                pwrite(file, $0.baseAddress.map { $0 + done }, object.count - done, off_t(offset + done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Self.failure("write") }
            done += written
        }
        fileSize += object.count
        return offset
    }

    private static func failure(_ what: String) -> CIMError {
        CIMError(
            .criticalError,
            "the objects of a superclass do not fit into memory, and cannot \(what) a temporary file: \(String(cString: strerror(errno)))")
    }
}
