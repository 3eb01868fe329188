import CIM

extension Storage {
    /// An instance as stored, verified and read.
    struct InstanceRow {
        var id: Int64
        var instance: CIMInstance
        var record: [UInt8]
    }

    private static let columns = "SELECT id, class, key, checksum, body FROM instance"

    private func read(_ row: SQLiteRow, in namespace: String) throws(CIMError) -> InstanceRow {
        let record = row.bytes(4)
        guard let id = row.integer(0), let className = row.text(1), let key = row.text(2),
            row.integer(3) == Checksum.ofRow([namespace, className, key], record)
        else { throw corrupt("an instance of \(namespace)") }
        do throws(RecordError) {
            return InstanceRow(id: id, instance: try RecordReader.readInstance(record), record: record)
        } catch {
            throw corrupt("an instance of \(className) in \(namespace) (\(error))")
        }
    }

    func instance(key: String, in namespace: String) throws(CIMError) -> InstanceRow? {
        try run {
            try database.first("\(Storage.columns) WHERE namespace = ? AND key = ?", [.text(namespace), .text(key)]) { row in
                try read(row, in: namespace)
            }
        }
    }

    /// Instances of exactly this class with an id above `after`, in the order of their ids: as many as fit.
    func instances(
        of className: String, in namespace: String, after: Int64, most: Int, bytes: Int
    ) throws(CIMError) -> (rows: [InstanceRow], isComplete: Bool) {
        try run {
            let sql = "\(Storage.columns) WHERE namespace = ? AND class = ? AND id > ? ORDER BY id"
            var (rows, isComplete): ([InstanceRow], Bool) = ([], true)
            var size = 0
            try database.forEachRow(sql, [.text(namespace), .text(CIMName.folded(className)), .integer(after)]) { row in
                isComplete = rows.count < most && size < bytes
                guard isComplete else { return false }
                let next = try read(row, in: namespace)
                size += next.record.count
                rows.append(next)
                return true
            }
            return (rows, isComplete)
        }
    }

    func count(of className: String, in namespace: String) throws(CIMError) -> Int {
        try run {
            let sql = "SELECT count(*) FROM instance WHERE namespace = ? AND class = ?"
            return Int(try database.first(sql, [.text(namespace), .text(CIMName.folded(className))]) { $0.integer(0) } ?? 0)
        }
    }

    func hasInstances(of classes: [CIMName], in namespace: String) throws(CIMError) -> Bool {
        try run {
            guard try database.first("SELECT 1 FROM instance WHERE namespace = ? LIMIT 1", [.text(namespace)], { $0.integer(0) }) != nil
            else {
                return false
            }
            let sql = "SELECT 1 FROM instance WHERE namespace = ? AND class = ? LIMIT 1"
            return try classes.contains { name in
                try database.first(sql, [.text(namespace), .text(CIMName.folded(name.text))]) { $0.integer(0) } != nil
            }
        }
    }

    /// - Returns: its id.
    @discardableResult
    func insert(_ record: [UInt8], of className: String, key: String, in namespace: String) throws(CIMError) -> Int64 {
        let className = CIMName.folded(className)
        try execute(
            "INSERT INTO instance (namespace, class, key, checksum, body) VALUES (?, ?, ?, ?, ?)",
            [
                .text(namespace), .text(className), .text(key), .integer(Checksum.ofRow([namespace, className, key], record)),
                .blob(record),
            ])
        return database.lastInsertedID
    }

    func update(_ id: Int64, to record: [UInt8], of className: String, key: String, in namespace: String) throws(CIMError) {
        let checksum = Checksum.ofRow([namespace, CIMName.folded(className), key], record)
        try execute("UPDATE instance SET checksum = ?, body = ? WHERE id = ?", [.integer(checksum), .blob(record), .integer(id)])
    }

    func delete(instance id: Int64) throws(CIMError) { try execute("DELETE FROM instance WHERE id = ?", [.integer(id)]) }

    func deleteInstances(of className: String, in namespace: String) throws(CIMError) {
        try execute("DELETE FROM instance WHERE namespace = ? AND class = ?", [.text(namespace), .text(CIMName.folded(className))])
    }

    /// The instances whose key names a machine, with their namespaces and keys, in the order of their ids.
    func instancesOfMachines() throws(CIMError) -> [(row: InstanceRow, key: String, namespace: String)] {
        try run {
            let sql = #"SELECT id, class, key, checksum, body, namespace FROM instance WHERE instr(key, '"\\\\') > 0 ORDER BY id"#
            var found: [(InstanceRow, String, String)] = []
            try database.forEachRow(sql) { row in
                let namespace = row.text(5) ?? ""
                found.append((try read(row, in: namespace), row.text(2) ?? "", namespace))
                return true
            }
            return found
        }
    }
}
