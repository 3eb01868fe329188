import CIM
import GRDB

/// The tables, and the plain reading and writing of their rows. Every row carries a checksum over all that it says; it is verified on every
/// read, and a row that fails it is never given to anybody.
struct Storage {
    let database: Database

    /// How errors call the repository: its path.
    let place: String

    static let applicationID: Int32 = 0x4349_4D42
    static let version = 1

    private static let tables = """
        CREATE TABLE namespace (name TEXT NOT NULL PRIMARY KEY, checksum INTEGER NOT NULL);
        CREATE TABLE qualifierType (
            namespace TEXT NOT NULL, name TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (namespace, name));
        CREATE TABLE class (
            namespace TEXT NOT NULL, name TEXT NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (namespace, name));
        CREATE TABLE instance (
            id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, class TEXT NOT NULL, key TEXT NOT NULL, checksum INTEGER NOT NULL,
            body BLOB NOT NULL, UNIQUE (namespace, key));
        CREATE INDEX instanceOfClass ON instance (namespace, class);
        CREATE TABLE catalog (id INTEGER PRIMARY KEY CHECK (id = 1), digest TEXT NOT NULL);
        INSERT INTO catalog VALUES (1, '');
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        """

    func createTables() throws(CIMError) { try run { try database.execute(sql: Storage.tables) } }

    /// Runs statements; SQLite's errors become the repository's.
    func run<Value>(_ statements: () throws -> Value) throws(CIMError) -> Value { try RepositoryFile.run(place, statements) }

    func execute(_ sql: String, _ arguments: StatementArguments) throws(CIMError) {
        try run { try database.cachedStatement(sql: sql).execute(arguments: arguments) }
    }

    // MARK: - Namespaces, classes, qualifier types

    /// A table of things with a name in a namespace.
    enum Table: String {
        case `class`
        case qualifierType
    }

    /// What the catalog must be: how many namespaces, qualifier types and classes there are, and the sums of their checksums. A row that is
    /// lost is found by it.
    private func computedDigest() throws(CIMError) -> String {
        try run {
            try ["namespace", "qualifierType", "class"].map { table in
                try String.fetchOne(database, sql: "SELECT count(*) || ':' || coalesce(sum(checksum), 0) FROM \(table)") ?? ""
            }.joined(separator: " ")
        }
    }

    func writeDigest() throws(CIMError) { try execute("UPDATE catalog SET digest = ? WHERE id = 1", [try computedDigest()]) }

    func checkDigest() throws(CIMError) {
        let stored = try run { try String.fetchOne(database, sql: "SELECT digest FROM catalog WHERE id = 1") }
        guard stored == (try computedDigest()) else { throw corrupt("its catalog does not agree with its tables") }
    }

    func insert(namespace: String) throws(CIMError) {
        try execute("INSERT INTO namespace VALUES (?, ?)", [namespace, Checksum.ofRow([namespace], [])])
    }

    func namespaces() throws(CIMError) -> [String] {
        let rows = try run { try Row.fetchAll(database, sql: "SELECT name, checksum FROM namespace ORDER BY name") }
        var names: [String] = []
        for row in rows {
            guard let name = String.fromDatabaseValue(row[0]), Int64.fromDatabaseValue(row[1]) == Checksum.ofRow([name], []) else {
                throw corrupt("a namespace in it")
            }
            names.append(name)
        }
        return names
    }

    /// Deletes a namespace's rows, not those of namespaces below it.
    func delete(namespace: String) throws(CIMError) {
        try execute("DELETE FROM namespace WHERE name = ?", [namespace])
        for table in ["class", "qualifierType", "instance"] { try execute("DELETE FROM \(table) WHERE namespace = ?", [namespace]) }
    }

    func put(_ record: [UInt8], as name: String, in namespace: String, table: Table) throws(CIMError) {
        let name = CIMName.folded(name)
        try execute(
            "INSERT OR REPLACE INTO \(table.rawValue) VALUES (?, ?, ?, ?)",
            [namespace, name, Checksum.ofRow([namespace, name], record), DatabaseValue.blob(record)])
    }

    func delete(_ name: String, in namespace: String, table: Table) throws(CIMError) {
        try execute("DELETE FROM \(table.rawValue) WHERE namespace = ? AND name = ?", [namespace, CIMName.folded(name)])
    }

    /// Every record of a namespace, one after the other, each verified.
    func forEach(
        in namespace: String, table: Table, _ body: (_ name: String, _ record: [UInt8]) throws(CIMError) -> Void
    ) throws(CIMError) {
        try run {
            let sql = "SELECT name, checksum, body FROM \(table.rawValue) WHERE namespace = ? ORDER BY name"
            let rows = try Row.fetchCursor(database, sql: sql, arguments: [namespace])
            while let row = try rows.next() {
                let record = try row.bytes(at: 2)
                guard let name = String.fromDatabaseValue(row[0]),
                    Int64.fromDatabaseValue(row[1]) == Checksum.ofRow([namespace, name], record)
                else { throw corrupt("a \(table.rawValue) of \(namespace)") }
                try body(name, record)
            }
        }
    }

    /// What to do about a damaged repository.
    static let damageAdvice =
        "nothing of it is served. Put back a copy of the file, or move it away and compile the MOF files again"

    /// What is said when bytes are not what was written.
    func corrupt(_ what: String) -> CIMError {
        CIMError(
            .criticalError,
            "repository \(place) is damaged: \(what); \(Storage.damageAdvice)")
    }
}

extension DatabaseValue {
    /// A BLOB. Foundation's type for bytes is GRDB's, and is not named here, so that the target need not import it.
    static func blob(_ bytes: [UInt8]) -> DatabaseValue {
        guard case .blob(let data) = Storage.blob(.init(bytes)) else { return .null }
        return data.databaseValue
    }
}

extension Row {
    /// The bytes of a BLOB; none where it is NULL.
    func bytes(at column: Int) throws -> [UInt8] { try withUnsafeData(atIndex: column) { $0.map { [UInt8]($0) } ?? [] } }
}
