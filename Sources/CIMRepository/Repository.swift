import CIM
import Synchronization

/// The durable store of namespaces, classes, qualifier types and static instances, on SQLite, with its schema in memory.
///
/// A failed unit of changes changes nothing. A unit that was answered is on the disk, and survives a kill and a power cut. A file that is not
/// what was written is refused, with an error that names it: at opening, or, for a single instance, when it is read. After an error
/// of the disk every call fails until the repository is opened again, since nobody knows what is on it.
///
/// All work is done on a queue of its own, one call after the other, never on the caller's thread. A call that was made is carried out,
/// also when the calling task is cancelled. ``close()`` ends it; without, that is some time after the last reference is gone.
public final class Repository: Sendable {
    private struct State {
        var schema: Schema
        var failure: CIMError?
        var keepsChanges = false
        var changes: [StoredChange] = []
    }

    /// The path of the file; nil in memory.
    public let path: String?
    private let database: DatabaseQueue
    private let state: Mutex<State>
    private let lock: RepositoryLock?

    private init(path: String?, database: DatabaseQueue, schema: Schema, lock: RepositoryLock?) {
        self.path = path
        self.database = database
        self.lock = lock
        state = Mutex(State(schema: schema))
    }

    /// Opens the file, or creates it with `root` and `root/cimv2`. Reads and checks all of it: a second for many thousand classes.
    ///
    /// - Throws: ConnectionFailed when the file, or its directory, cannot be opened or written; BackupRestoreWinmgmtRunning when another
    ///   process has it open; DatabaseVerMismatch; CriticalError when it is damaged or no repository; OutOfDiskSpace. The file is then as
    ///   it was, but for a transaction that a crash left half done, which is undone.
    /// - Parameters:
    ///   - server: the name of this machine, as in `__SERVER`: a reference that names it is one without it.
    ///   - maximumBytes: how large the file may become; past it a change is OutOfDiskSpace.
    public static func open(
        _ path: String, server: String = ".", maximumBytes: Int? = nil
    ) async throws(CIMError) -> Repository {
        let lock = try RepositoryLock(path)
        try RepositoryFile.createIfAbsent(path, maximumBytes: maximumBytes)
        return try load(path, server: server, lock: lock) {
            try RepositoryFile.connect(path, maximumBytes: maximumBytes)
        }
    }

    /// A repository that lives as long as the reference to it.
    public static func inMemory(server: String = ".") async throws(CIMError) -> Repository {
        try load(nil, server: server, lock: nil) {
            let database = try RepositoryFile.connect(nil, maximumBytes: nil)
            try RepositoryFile.initialize(Storage(database: database, place: "in memory"))
            return database
        }
    }

    private static func load(
        _ path: String?, server: String, lock: RepositoryLock?, _ connect: () throws -> Database
    ) throws(CIMError) -> Repository {
        let place = path ?? "in memory"
        return try RepositoryFile.run(place) {
            let database = try connect()
            let storage = Storage(database: database, place: place)
            try RepositoryFile.check(storage, file: path)
            var schema = try Schema(reading: storage)
            schema.server = server
            try Transaction.renewKeys(storage, schema: schema)
            return Repository(path: path, database: DatabaseQueue(database), schema: schema, lock: lock)
        }
    }

    /// Whether what commits change is kept until somebody takes it. Whoever sets it takes the changes after each commit.
    public var keepsChanges: Bool {
        get { state.withLock { $0.keepsChanges } }
        set {
            state.withLock { state in
                state.keepsChanges = newValue
                if !newValue { state.changes = [] }
            }
        }
    }

    /// What commits have changed since the last time, in the order of the commits.
    public func takeChanges() -> [StoredChange] {
        state.withLock { state in
            defer { state.changes = [] }
            return state.changes
        }
    }

    /// What is stored now, apart from instances: a snapshot, at no cost.
    public var schema: Schema { state.withLock { $0.schema } }

    /// Carries out the changes in order, all or none, durably; the schema after them.
    ///
    /// - Throws: the error of the first change that cannot be, with its position in `failedChange`; OutOfDiskSpace, OutOfMemory, ConnectionFailed,
    ///   CriticalError of the whole. Nothing is changed then.
    ///
    /// A class may refer to one that a later change brings; one that none brings is InvalidClass of the change that refers to it.
    /// - Parameter condition: looks at the schema as it is, and as it would be, before it is; what it throws is thrown, and nothing is changed.
    @discardableResult
    public func commit(
        _ changes: [RepositoryChange], if condition: @escaping Condition = { _, _ in }
    ) async throws(CIMError) -> Schema {
        try await perform { repository, storage throws(CIMError) in
            let before = repository.schema
            var transaction = Transaction(storage, schema: before)
            try storage.run { try storage.database.execute("BEGIN IMMEDIATE") }
            do throws(CIMError) {
                try transaction.apply(changes)
                try condition(before, transaction.schema)
            } catch {
                repository.rollBack(storage)
                throw error
            }
            do throws(CIMError) {
                try storage.run { try storage.database.execute("COMMIT") }
            } catch {
                repository.rollBack(storage)
                // Want of room or of memory passes; nothing of the file is in doubt.
                if error.status != .outOfDiskSpace, error.status != .outOfMemory { repository.state.withLock { $0.failure = error } }
                throw error
            }
            repository.state.withLock { state in
                state.schema = transaction.schema
                if state.keepsChanges { state.changes += transaction.made }
            }
            return transaction.schema
        }
    }

    /// Ends what was begun, then closes the file, so that it can be opened again. What is called later is ShuttingDown.
    public func close() async {
        let place = path ?? "in memory"
        _ = try? await perform { repository, _ throws(CIMError) in
            repository.state.withLock { $0.failure = CIMError(.shuttingDown, "repository \(place) was closed") }
        }
        database.sync { $0.close() }
        lock?.release()
    }

    /// What must hold, or changes are not made. It is given what is stored when they are made, after everything that was committed earlier,
    /// and what would be stored after them: what it finds is still so when they are there.
    public typealias Condition = @Sendable (_ before: Schema, _ after: Schema) throws(CIMError) -> Void

    /// Whether ``commit(_:if:)`` would succeed; nothing changes. It throws what that would.
    public func check(_ changes: [RepositoryChange], if condition: @escaping Condition = { _, _ in }) async throws(CIMError) {
        try await perform { repository, storage throws(CIMError) in
            let before = repository.schema
            var transaction = Transaction(storage, schema: before)
            try storage.run { try storage.database.execute("BEGIN IMMEDIATE") }
            defer { repository.rollBack(storage) }
            try transaction.apply(changes)
            try condition(before, transaction.schema)
        }
    }

    private func rollBack(_ storage: Storage) {
        do {
            if storage.database.isInsideTransaction { try storage.database.execute("ROLLBACK") }
        } catch {
            state.withLock { $0.failure = CIMError(.criticalError, "repository \(storage.place): cannot undo a transaction: \(error)") }
        }
    }

    /// Does work on the repository's queue; an error of the disk, or of what is on it, ends the repository's service.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable (Repository, Storage) throws(CIMError) -> Value
    ) async throws(CIMError) -> Value {
        let result: Result<Value, CIMError> = await withCheckedContinuation { continuation in
            database.async { database in
                continuation.resume(
                    returning: Result { () throws(CIMError) in
                        if let failure = self.state.withLock({ $0.failure }) { throw failure }
                        return try work(self, Storage(database: database, place: self.path ?? "in memory"))
                    })
            }
        }
        return try result.get()
    }
}
