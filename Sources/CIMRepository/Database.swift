import CSQLite
import Dispatch

/// What SQLite says of a call that failed.
struct SQLiteError: Error, Hashable, CustomStringConvertible {
    /// The extended code.
    let code: Int32
    let message: String

    /// SQLITE_IOERR_NOMEM, which the compiler cannot read from SQLite's header.
    static let ioNoMemory = SQLITE_IOERR | 12 << 8

    /// The code without what is more exact about it.
    var primary: Int32 { code & 0xFF }

    var description: String { "\(message) (SQLite \(code))" }

    init(_ code: Int32, _ message: String? = nil) {
        self.code = code
        self.message = message ?? String(cString: sqlite3_errstr(code))
    }
}

/// What a statement is given.
enum SQLiteValue: Hashable, Sendable {
    case integer(Int64)
    case text(String)
    case blob([UInt8])
}

/// A connection to a file of SQLite, or to a database in memory. One thread at a time may use it.
final class Database {
    private var handle: OpaquePointer?
    /// Compiled statements by their texts, but for those that run.
    private var statements: [String: OpaquePointer] = [:]

    /// So many are kept. The repository has fewer texts.
    private static let mostStatements = 64

    /// - Parameter path: nil: in memory.
    init(_ path: String?) throws(SQLiteError) {
        let code = sqlite3_open_v2(
            path ?? ":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK else {
            defer { close() }
            throw handle == nil ? SQLiteError(code) : lastError(code)
        }
    }

    deinit { close() }

    /// Ends the connection. What is called later fails.
    func close() {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements = [:]
        sqlite3_close_v2(handle)
        handle = nil
    }

    /// Runs statements without arguments and without regard to their rows.
    func execute(_ script: String) throws(SQLiteError) {
        try check(sqlite3_exec(try opened(), script, nil, nil, nil))
    }

    /// Runs a statement that gives no rows, or whose rows nobody wants.
    func execute(_ sql: String, _ arguments: [SQLiteValue]) throws(SQLiteError) {
        do { try forEachRow(sql, arguments) { _ in true } } catch {
            throw error as? SQLiteError ?? SQLiteError(SQLITE_INTERNAL, "\(error)")
        }
    }

    /// The first row, as `read` reads it; nil where there is none.
    func first<Value>(_ sql: String, _ arguments: [SQLiteValue] = [], _ read: (SQLiteRow) throws -> Value?) throws -> Value? {
        var value: Value?
        try forEachRow(sql, arguments) { row in
            value = try read(row)
            return false
        }
        return value
    }

    /// The rows one after the other.
    /// - Parameter body: whether it wants the next one. A row is of use only while it runs.
    func forEachRow(_ sql: String, _ arguments: [SQLiteValue] = [], _ body: (SQLiteRow) throws -> Bool) throws {
        let statement = try take(sql)
        defer { giveBack(statement, sql) }
        for (index, argument) in arguments.enumerated() { try bind(argument, to: Int32(index) + 1, of: statement) }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: if try !body(SQLiteRow(statement)) { return }
            case SQLITE_DONE: return
            case let code: throw lastError(code)
            }
        }
    }

    /// The id of the row that was inserted last.
    var lastInsertedID: Int64 { handle.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    var isInsideTransaction: Bool { handle.map { sqlite3_get_autocommit($0) == 0 } ?? false }

    private func opened() throws(SQLiteError) -> OpaquePointer {
        guard let handle else { throw SQLiteError(SQLITE_MISUSE, "the connection is closed") }
        return handle
    }

    private func check(_ code: Int32) throws(SQLiteError) { if code != SQLITE_OK { throw lastError(code) } }

    private func lastError(_ code: Int32) -> SQLiteError { SQLiteError(code, handle.map { String(cString: sqlite3_errmsg($0)) }) }

    private func take(_ sql: String) throws(SQLiteError) -> OpaquePointer {
        if let known = statements.removeValue(forKey: sql) { return known }
        var statement: OpaquePointer?
        try check(sqlite3_prepare_v2(try opened(), sql, -1, &statement, nil))
        guard let statement else { throw SQLiteError(SQLITE_MISUSE, "\"\(sql)\" is no statement") }
        return statement
    }

    private func giveBack(_ statement: OpaquePointer, _ sql: String) {
        sqlite3_reset(statement)
        sqlite3_clear_bindings(statement)
        guard statements.count < Self.mostStatements, statements[sql] == nil else {
            sqlite3_finalize(statement)
            return
        }
        statements[sql] = statement
    }

    private func bind(_ value: SQLiteValue, to place: Int32, of statement: OpaquePointer) throws(SQLiteError) {
        // SQLite makes copies.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .integer(let number): try check(sqlite3_bind_int64(statement, place, number))
        case .text(let text):
            try check(sqlite3_bind_text64(statement, place, text, UInt64(text.utf8.count), transient, UInt8(SQLITE_UTF8)))
        case .blob(let bytes):
            try check(
                bytes.isEmpty
                    ? sqlite3_bind_zeroblob(statement, place, 0)
                    : bytes.withUnsafeBytes { sqlite3_bind_blob64(statement, place, $0.baseAddress, UInt64($0.count), transient) })
        }
    }
}

/// A row of a statement that runs.
struct SQLiteRow {
    private let statement: OpaquePointer

    fileprivate init(_ statement: OpaquePointer) { self.statement = statement }

    /// Nil where something else than a whole number is there.
    func integer(_ column: Int32) -> Int64? {
        sqlite3_column_type(statement, column) == SQLITE_INTEGER ? sqlite3_column_int64(statement, column) : nil
    }

    /// Nil where something else than a text is there.
    func text(_ column: Int32) -> String? {
        guard sqlite3_column_type(statement, column) == SQLITE_TEXT, let start = sqlite3_column_text(statement, column) else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))), as: UTF8.self)
    }

    /// The bytes of a BLOB or a text; none where it is NULL.
    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(statement, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
    }
}

/// A database, and the queue on which everything is done with it, one piece of work after the other.
final class DatabaseQueue: Sendable {
    private let queue = DispatchQueue(label: "CIMRepository")
    /// Of the queue.
    nonisolated(unsafe) private let database: Database

    init(_ database: sending Database) { self.database = database }

    func sync<Value>(_ work: (Database) throws -> Value) rethrows -> Value { try queue.sync { try work(database) } }

    func async(_ work: @escaping @Sendable (Database) -> Void) { queue.async { work(self.database) } }
}
