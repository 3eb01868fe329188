import CIM
import GRDB

extension Storage {
    /// An instance as stored, verified and read.
    struct InstanceRow {
        var id: Int64
        var instance: CIMInstance
        var record: [UInt8]
    }

    private static let columns = "SELECT id, class, key, checksum, body FROM instance"

    private func read(_ row: Row, in namespace: String) throws(CIMError) -> InstanceRow {
        let record = try run { try row.bytes(at: 4) }
        guard let id = Int64.fromDatabaseValue(row[0]), let className = String.fromDatabaseValue(row[1]),
            let key = String.fromDatabaseValue(row[2]),
            Int64.fromDatabaseValue(row[3]) == Checksum.ofRow([namespace, className, key], record)
        else { throw corrupt("an instance of \(namespace)") }
        do throws(RecordError) {
            return InstanceRow(id: id, instance: try RecordReader.readInstance(record), record: record)
        } catch {
            throw corrupt("an instance of \(className) in \(namespace) (\(error))")
        }
    }

    func instance(key: String, in namespace: String) throws(CIMError) -> InstanceRow? {
        let row = try run {
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Storage.columns) WHERE namespace = ? AND key = ?"), arguments: [namespace, key])
        }
        guard let row else { return nil }
        return try read(row, in: namespace)
    }

    /// Instances of exactly this class with an id above `after`, in the order of their ids: as many as fit.
    func instances(
        of className: String, in namespace: String, after: Int64, most: Int, bytes: Int
    ) throws(CIMError) -> (rows: [InstanceRow], isComplete: Bool) {
        try run {
            let sql = "\(Storage.columns) WHERE namespace = ? AND class = ? AND id > ? ORDER BY id"
            let found = try Row.fetchCursor(
                database.cachedStatement(sql: sql), arguments: [namespace, CIMName.folded(className), after])
            var rows: [InstanceRow] = []
            var size = 0
            while let row = try found.next() {
                guard rows.count < most, size < bytes else { return (rows, false) }
                let next = try read(row, in: namespace)
                size += next.record.count
                rows.append(next)
            }
            return (rows, true)
        }
    }

    func count(of className: String, in namespace: String) throws(CIMError) -> Int {
        try run {
            try Int.fetchOne(
                database.cachedStatement(sql: "SELECT count(*) FROM instance WHERE namespace = ? AND class = ?"),
                arguments: [namespace, CIMName.folded(className)]) ?? 0
        }
    }

    func hasInstances(of classes: [CIMName], in namespace: String) throws(CIMError) -> Bool {
        let any = try run { try Int.fetchOne(database, sql: "SELECT 1 FROM instance WHERE namespace = ? LIMIT 1", arguments: [namespace]) }
        guard any != nil else { return false }
        return try run {
            let statement = try database.cachedStatement(sql: "SELECT 1 FROM instance WHERE namespace = ? AND class = ? LIMIT 1")
            for name in classes where try Int.fetchOne(statement, arguments: [namespace, CIMName.folded(name.text)]) != nil { return true }
            return false
        }
    }

    /// - Returns: its id.
    @discardableResult
    func insert(_ record: [UInt8], of className: String, key: String, in namespace: String) throws(CIMError) -> Int64 {
        let className = CIMName.folded(className)
        try execute(
            "INSERT INTO instance (namespace, class, key, checksum, body) VALUES (?, ?, ?, ?, ?)",
            [namespace, className, key, Checksum.ofRow([namespace, className, key], record), DatabaseValue.blob(record)])
        return database.lastInsertedRowID
    }

    func update(_ id: Int64, to record: [UInt8], of className: String, key: String, in namespace: String) throws(CIMError) {
        let checksum = Checksum.ofRow([namespace, CIMName.folded(className), key], record)
        try execute("UPDATE instance SET checksum = ?, body = ? WHERE id = ?", [checksum, DatabaseValue.blob(record), id])
    }

    func delete(instance id: Int64) throws(CIMError) { try execute("DELETE FROM instance WHERE id = ?", [id]) }

    func deleteInstances(of className: String, in namespace: String) throws(CIMError) {
        try execute("DELETE FROM instance WHERE namespace = ? AND class = ?", [namespace, CIMName.folded(className)])
    }

    /// The instances whose key names a machine, with their namespaces and keys, in the order of their ids.
    func instancesOfMachines() throws(CIMError) -> [(row: InstanceRow, key: String, namespace: String)] {
        try run {
            let found = try Row.fetchAll(
                database, sql: #"SELECT id, class, key, checksum, body, namespace FROM instance WHERE instr(key, '"\\\\') > 0 ORDER BY id"#)
            return try found.map { row in
                let namespace = String.fromDatabaseValue(row[5]) ?? ""
                return (try read(row, in: namespace), String.fromDatabaseValue(row[2]) ?? "", namespace)
            }
        }
    }
}
