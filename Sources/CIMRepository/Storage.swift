import CIM

/// The tables, and the plain reading and writing of their rows. Every row carries a checksum over all that it says; it is verified on every
/// read, and a row that fails it is never given to anybody.
struct Storage {
    let database: Database

    /// How errors call the repository: its path.
    let place: String

    static let applicationID: Int64 = 0x4349_4D42
    static let version: Int64 = 1

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

    func createTables() throws(CIMError) { try run { try database.execute(Storage.tables) } }

    /// Runs statements; SQLite's errors become the repository's.
    func run<Value>(_ statements: () throws -> Value) throws(CIMError) -> Value { try RepositoryFile.run(place, statements) }

    func execute(_ sql: String, _ arguments: [SQLiteValue]) throws(CIMError) {
        try run { try database.execute(sql, arguments) }
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
                try database.first("SELECT count(*) || ':' || coalesce(sum(checksum), 0) FROM \(table)") { $0.text(0) } ?? ""
            }.joined(separator: " ")
        }
    }

    func writeDigest() throws(CIMError) { try execute("UPDATE catalog SET digest = ? WHERE id = 1", [.text(try computedDigest())]) }

    func checkDigest() throws(CIMError) {
        let stored = try run { try database.first("SELECT digest FROM catalog WHERE id = 1") { $0.text(0) } }
        guard stored == (try computedDigest()) else { throw corrupt("its catalog does not agree with its tables") }
    }

    func insert(namespace: String) throws(CIMError) {
        try execute("INSERT INTO namespace VALUES (?, ?)", [.text(namespace), .integer(Checksum.ofRow([namespace], []))])
    }

    func namespaces() throws(CIMError) -> [String] {
        var names: [String] = []
        try run {
            try database.forEachRow("SELECT name, checksum FROM namespace ORDER BY name") { row in
                guard let name = row.text(0), row.integer(1) == Checksum.ofRow([name], []) else { throw corrupt("a namespace in it") }
                names.append(name)
                return true
            }
        }
        return names
    }

    /// Deletes a namespace's rows, not those of namespaces below it.
    func delete(namespace: String) throws(CIMError) {
        try execute("DELETE FROM namespace WHERE name = ?", [.text(namespace)])
        for table in ["class", "qualifierType", "instance"] { try execute("DELETE FROM \(table) WHERE namespace = ?", [.text(namespace)]) }
    }

    func put(_ record: [UInt8], as name: String, in namespace: String, table: Table) throws(CIMError) {
        let name = CIMName.folded(name)
        try execute(
            "INSERT OR REPLACE INTO \(table.rawValue) VALUES (?, ?, ?, ?)",
            [.text(namespace), .text(name), .integer(Checksum.ofRow([namespace, name], record)), .blob(record)])
    }

    func delete(_ name: String, in namespace: String, table: Table) throws(CIMError) {
        try execute("DELETE FROM \(table.rawValue) WHERE namespace = ? AND name = ?", [.text(namespace), .text(CIMName.folded(name))])
    }

    /// Every record of a namespace, one after the other, each verified.
    func forEach(
        in namespace: String, table: Table, _ body: (_ name: String, _ record: [UInt8]) throws(CIMError) -> Void
    ) throws(CIMError) {
        try run {
            let sql = "SELECT name, checksum, body FROM \(table.rawValue) WHERE namespace = ? ORDER BY name"
            try database.forEachRow(sql, [.text(namespace)]) { row in
                let record = row.bytes(2)
                guard let name = row.text(0), row.integer(1) == Checksum.ofRow([namespace, name], record) else {
                    throw corrupt("a \(table.rawValue) of \(namespace)")
                }
                try body(name, record)
                return true
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
