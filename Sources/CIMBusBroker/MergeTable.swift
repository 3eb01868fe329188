import CIM
import CIMBusWire
import DBus
import Glibc
import SystemPackage

/// The objects that the provider of an ancestor gave, by key, until those of the derived classes come to be merged with them (Semantics C.4).
///
/// Batches are kept as they came. As far as the budget reaches they lie in memory; what is more goes to a file without a name, which is gone with
/// the table. Failures (R15): OutOfMemory past the budget, and where the system has no memory; OutOfDiskSpace where the file finds no room;
/// CriticalError where it cannot be written or read for another reason.
final class MergeTable {
    /// Where an object's entries lie.
    private struct Place {
        var batch: Int
        var range: Range<Int>
    }

    private struct Batch {
        /// The bytes; nil where they are in the file.
        var reader: BodyReader?
        var offset = 0
        var count: Int
        /// The objects that nobody has taken out yet.
        var left: Int
    }

    private var places: [[UInt8]: Place] = [:]
    private var batches: [Int: Batch] = [:]
    private var lastBatch = 0
    private var file: Int32 = -1
    private var fileSize = 0
    /// What the table itself takes, about.
    private var indexSize = 0
    private let budget: MergeBudget

    init(_ budget: MergeBudget) { self.budget = budget }

    deinit {
        if file >= 0 { close(file) }
        budget.giveBack(memory: batches.values.reduce(0) { $0 + ($1.reader == nil ? 0 : $1.count) }, file: fileSize, index: indexSize)
    }

    var count: Int { places.count }

    /// Whether some of it is in a file.
    var isSpilled: Bool { file >= 0 }

    /// Keeps the objects whose entries lie at these ranges of `reader`; one with the key of another takes its place.
    func insert(_ objects: [(key: [UInt8], range: Range<Int>)], of reader: BodyReader) throws(CIMError) {
        if objects.isEmpty { return }
        var batch = Batch(count: reader.count, left: 0)
        let more = objects.reduce(0) { $0 + $1.key.count + 96 } + 256
        let isInMemory = budget.take(memory: reader.count, index: more)
        guard isInMemory || budget.take(file: reader.count, index: more) else {
            throw CIMError(
                .outOfMemory,
                "the objects of superclasses take more than \(budget.fileLimit >> 20) MiB, or are too many; ask for fewer, or with DIRECT_READ"
            )
        }
        indexSize += more
        if isInMemory {
            batch.reader = reader
        } else {
            batch.offset = fileSize
            fileSize += reader.count
            try append(reader.bytes(in: 0..<reader.count), at: batch.offset)
        }
        lastBatch += 1
        for (key, range) in objects {
            batch.left += 1
            if let other = places.updateValue(Place(batch: lastBatch, range: range), forKey: key) {
                if other.batch == lastBatch { batch.left -= 1 } else { drop(other.batch) }
            }
        }
        batches[lastBatch] = batch
    }

    /// Takes the object of a key out: where its entries lie, and in what.
    func remove(_ key: [UInt8]) throws(CIMError) -> (reader: BodyReader, range: Range<Int>)? {
        guard let place = places.removeValue(forKey: key) else { return nil }
        let object = try read(place)
        drop(place.batch)
        return object
    }

    /// Takes out what is left, batch by batch in the order of their coming, `size` bytes and one object more at most; nil when nothing is.
    func removeRest(ofAtMost size: Int) throws(CIMError) -> ObjectBatch? {
        if rest == nil {
            rest = places.values.sorted { ($1.batch, $1.range.lowerBound) < ($0.batch, $0.range.lowerBound) }
            places = [:]
        }
        var selection = ObjectSelection()
        while selection.byteCount < size, let place = rest?.popLast() {
            let (reader, range) = try read(place)
            selection.append(whole: range, of: reader)
            drop(place.batch)
        }
        if selection.byteCount == 0 { return nil }
        do throws(ObjectFault) { return try selection.finish() } catch { throw CIMError(error.resultStatus, error.description) }
    }

    /// What ``removeRest(ofAtMost:)`` has still to give, the last first.
    private var rest: [Place]?

    /// One object fewer.
    private func drop(_ number: Int) {
        guard var batch = batches[number] else { return }
        batch.left -= 1
        if batch.left > 0 {
            batches[number] = batch
        } else {
            batches[number] = nil
            if batch.reader != nil { budget.giveBack(memory: batch.count) }
        }
    }

    private func read(_ place: Place) throws(CIMError) -> (reader: BodyReader, range: Range<Int>) {
        guard let batch = batches[place.batch] else { throw CIMError(.criticalError, "an object of a superclass is gone") }
        if let reader = batch.reader { return (reader, place.range) }
        var object = [UInt8](repeating: 0, count: place.range.count)
        var done = 0
        while done < object.count {
            let read: Int
            do {
                read = try object.withUnsafeMutableBytes { bytes in
                    try FileDescriptor(rawValue: file).read(
                        fromAbsoluteOffset: Int64(batch.offset + place.range.lowerBound + done),
                        into: UnsafeMutableRawBufferPointer(rebasing: bytes[done...]))
                }
            } catch {
                throw Self.failure("read", (error as? Errno)?.rawValue ?? EIO)
            }
            guard read > 0 else { throw Self.failure("read", EIO) }
            done += read
        }
        return (object.withUnsafeBytes { BodyReader(copying: $0) }, 0..<object.count)
    }

    private func append(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(CIMError) {
        if file < 0 {
            let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
            var name = Array((directory + "/cimbus-XXXXXX").utf8CString)
            file = mkstemp(&name)
            guard file >= 0 else { throw Self.failure("make in \(directory)", errno) }
            unlink(name)
        }
        do {
            try FileDescriptor(rawValue: file).writeAll(toAbsoluteOffset: Int64(offset), bytes)
        } catch {
            throw Self.failure("write", (error as? Errno)?.rawValue ?? ENOSPC)
        }
    }

    /// - Parameter code: of the system.
    static func failure(_ what: String, _ code: Int32) -> CIMError {
        let status = WBEMStatus.shortage(systemError: code)
        let advice =
            switch status {
            case .outOfMemory?: "; retry when there is more memory, or ask for fewer"
            case .outOfDiskSpace?: "; make room there (TMPDIR of the broker, else /tmp) and retry, or ask for fewer"
            default: ""
            }
        return CIMError(
            status ?? .criticalError,
            "the objects of a superclass do not fit into memory, and the broker cannot \(what) a temporary file: \(String(cString: strerror(code)))\(advice)"
        )
    }
}

/// What the tables of one operation, or of all, may take.
final class MergeBudget {
    /// Of the batches; past it they go to files.
    private let memoryLimit: Int
    let fileLimit: Int
    /// The keys of what is in files stay in memory, too.
    private let indexLimit: Int
    private let whole: MergeBudget?
    /// Bytes of the batches in memory, of those in files, and of the tables themselves, about.
    private var memory = 0
    private var file = 0
    private var index = 0

    init(within whole: MergeBudget? = nil, memoryLimit: Int = 64 << 20, fileLimit: Int = 1 << 30) {
        self.whole = whole
        self.memoryLimit = memoryLimit
        self.fileLimit = fileLimit
        indexLimit = 4 * memoryLimit
    }

    /// Four times what one operation may take.
    static var ofAll: MergeBudget { MergeBudget(memoryLimit: 256 << 20, fileLimit: 4 << 30) }

    /// False, and nothing changes, where there is no room.
    fileprivate func take(memory bytes: Int, index more: Int) -> Bool {
        guard memory + index + bytes + more <= memoryLimit, whole?.take(memory: bytes, index: more) ?? true else { return false }
        memory += bytes
        index += more
        return true
    }

    fileprivate func take(file bytes: Int, index more: Int) -> Bool {
        guard file + bytes <= fileLimit, index + more <= indexLimit, whole?.take(file: bytes, index: more) ?? true else { return false }
        file += bytes
        index += more
        return true
    }

    fileprivate func giveBack(memory: Int, file: Int = 0, index: Int = 0) {
        self.memory -= memory
        self.file -= file
        self.index -= index
        whole?.giveBack(memory: memory, file: file, index: index)
    }
}
