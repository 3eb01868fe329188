import CIM
import CSQLite
import Glibc

/// The file of a repository: who may open it, whether it is one, and whether it is whole.
///
/// The journal is a rollback journal, emptied at each commit, with synchronous = EXTRA. All that was answered is then in the one file, which
/// integrity checks cover: a write-ahead log with a damaged frame would end there without a word, and its later transactions be gone.
enum RepositoryFile {
    /// - Parameter path: nil: in memory.
    static func connect(_ path: String?, maximumBytes: Int?) throws -> Database {
        let database = try Database(path)
        try database.execute(
            """
            PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = EXTRA;
            PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;
            """)
        if let maximumBytes {
            let size = try database.first("PRAGMA page_size") { $0.integer(0) } ?? 4096
            try database.execute("PRAGMA max_page_count = \(max(1, maximumBytes / Int(size)))")
        }
        return database
    }

    /// Creates a repository at `path`, unless there is a file: complete under another name first, so that a file of that name is always
    /// whole, and an empty one is a damaged one.
    ///
    /// - Throws: ConnectionFailed when it cannot be made; CriticalError when a journal was left behind by a file that is gone.
    static func createIfAbsent(_ path: String, maximumBytes: Int?) throws(CIMError) {
        if access(path, F_OK) == 0 { return }
        guard errno == ENOENT else { throw systemError("open", path) }
        guard size(of: path + "-journal") ?? 0 == 0 else {
            throw CIMError(
                .criticalError, "repository \(path) is gone, but its journal \(path)-journal is not: put the file back, or remove both")
        }
        let new = path + ".new"
        for leftover in [new, new + "-journal"] { unlink(leftover) }
        try run(path) {
            let database = try connect(new, maximumBytes: maximumBytes)
            try initialize(Storage(database: database, place: path))
            database.close()
        }
        unlink(new + "-journal")
        // What the namespaces' rights protect, the file must not give away. The journal gets the same mode.
        guard chmod(new, 0o600) == 0 else { throw systemError("create", path) }
        guard rename(new, path) == 0 else { throw systemError("create", path) }
        try syncDirectory(of: path)
    }

    /// The tables, `root`, `root/cimv2` and the singletons of `root`, in one transaction.
    static func initialize(_ storage: Storage) throws(CIMError) {
        try storage.run { try storage.database.execute("BEGIN IMMEDIATE") }
        try storage.createTables()
        try storage.insert(namespace: CIMNamespaceName.root.text)
        var transaction = Transaction(storage, schema: try Schema())
        try transaction.apply(
            [.createNamespace(.cimv2)] + SystemClasses.rootInstances.map { .putInstance(CIMInstance(className: $0), in: .root) })
        try storage.run { try storage.database.execute("COMMIT") }
    }

    /// Takes the file for this process alone and checks that it is a whole repository of this version.
    ///
    /// - Parameter file: its path; nil in memory.
    static func check(_ storage: Storage, file: String?) throws(CIMError) {
        let database = storage.database
        let (application, version) = try storage.run {
            (try database.first("PRAGMA application_id") { $0.integer(0) }, try database.first("PRAGMA user_version") { $0.integer(0) })
        }
        guard application == Storage.applicationID else {
            throw CIMError(
                .criticalError,
                "\(storage.place) is no repository of CIMBus (nothing was changed in it): give another path, or move it away")
        }
        guard version == Storage.version else {
            throw CIMError(
                .databaseVerMismatch,
                "repository \(storage.place) has version \(version ?? 0), this is for version \(Storage.version): use the CIMBus that wrote it, "
                    + "or move it away and compile the MOF files again")
        }
        try storage.run { try database.execute("BEGIN EXCLUSIVE; COMMIT") }
        let problem = try storage.run { try database.first("PRAGMA integrity_check(1)") { $0.text(0) } }
        if problem == "ok", let path = file, let size = size(of: path) {
            let pages = try storage.run {
                (
                    try database.first("PRAGMA page_count") { $0.integer(0) } ?? 0,
                    try database.first("PRAGMA page_size") { $0.integer(0) } ?? 0
                )
            }
            guard size >= Int(pages.0 * pages.1), size % max(1, Int(pages.1)) == 0 else { throw storage.corrupt("its end is missing") }
        }
        guard problem == "ok" else { throw storage.corrupt(problem ?? "it cannot be checked") }
        try storage.checkDigest()
    }

    // MARK: - Errors

    /// Works on the database; SQLite's errors become the repository's.
    /// - Parameter place: how errors call the repository.
    static func run<Value>(_ place: String, _ work: () throws -> Value) throws(CIMError) -> Value {
        do {
            return try work()
        } catch let error as CIMError {
            throw error
        } catch let error as SQLiteError {
            throw RepositoryFile.error(error, place: place)
        } catch {
            throw CIMError(.criticalError, "repository \(place): \(error)")
        }
    }

    /// What SQLite's error means for the repository.
    static func error(_ error: SQLiteError, place: String) -> CIMError {
        let text = error.message
        switch error.primary {
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return CIMError(
                .criticalError,
                "repository \(place) is damaged, or no repository: \(text); \(Storage.damageAdvice)")
        case _ where error.primary == SQLITE_NOMEM || error.code == SQLiteError.ioNoMemory:
            return CIMError(
                .outOfMemory,
                "repository \(place): SQLite had no memory (\(text)); nothing was changed. Retry when there is more, or with less")
        case SQLITE_FULL:
            return CIMError(.outOfDiskSpace, "repository \(place): no space left (\(text)); nothing was changed. Make room and retry")
        case SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
            return CIMError(.connectionFailed, "repository \(place) cannot be written (\(text)): give its owner write permission")
        case SQLITE_BUSY, SQLITE_LOCKED:
            return CIMError(.backupRestoreWinmgmtRunning, "repository \(place) is in use by another program: end it first")
        case SQLITE_CANTOPEN:
            return CIMError(
                .connectionFailed, "repository \(place) cannot be opened (\(text)): check that its directory is there and writable")
        case SQLITE_IOERR:
            return CIMError(.connectionFailed, "repository \(place): the disk failed (\(text)); restart when it is sound again")
        default:
            return CIMError(.criticalError, "repository \(place): \(text)")
        }
    }

    /// What the system's last error (errno) means for the repository: want of memory or of room is that.
    static func systemError(_ what: String, _ path: String) -> CIMError {
        let code = errno
        let text = "cannot \(what) repository \(path): \(String(cString: strerror(code)))"
        return switch code {
        case ENOMEM: CIMError(.outOfMemory, text + "; retry when there is more memory")
        case ENOSPC, EDQUOT: CIMError(.outOfDiskSpace, text + "; make room and retry")
        default: CIMError(.connectionFailed, text + "; check that its directory is there and writable")
        }
    }

    private static func size(of path: String) -> Int? {
        var information = stat()
        return stat(path, &information) == 0 ? Int(information.st_size) : nil
    }

    private static func syncDirectory(of path: String) throws(CIMError) {
        let end = path.utf8.lastIndex(of: 0x2F)
        let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemError("open the directory of", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw systemError("make durable", path) }
    }
}
