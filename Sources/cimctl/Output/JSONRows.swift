import CIMBusClient

/// The rows of one batch as objects of JSON, the same as ``JSONText/line(_:_:in:only:)`` writes of the instances that they are. What is the same in
/// each object is made once.
struct JSONRows {
    private let start: String
    private let keys: [(name: String, column: RowBatch.Column)]?
    private let isSingleton: Bool
    private let className: String
    private let namespace: CIMNamespaceName
    /// What stands before each value, and where the value is; nil: it is NULL in every row.
    private let fields: [(start: String, column: RowBatch.Column?)]

    /// - Parameters:
    ///   - declaration: of the class of the rows.
    ///   - selection: the properties to show, in this order; nil for all.
    init(_ batch: RowBatch, _ declaration: CIMClass, in namespace: CIMNamespaceName, only selection: [String]?) {
        className = declaration.name
        self.namespace = namespace
        var start = "{\"__CLASS\":"
        JSONText.append(string: declaration.name, to: &start)
        self.start = start
        isSingleton = declaration.isSingleton
        let keys = declaration.properties.filter(\.isKey).compactMap { key in batch.column(key.name).map { (key.name, $0) } }
        self.keys = keys.isEmpty || keys.count < declaration.properties.count(where: \.isKey) ? nil : keys
        fields = (selection ?? declaration.properties.map(\.name)).map { name in
            var start = ","
            JSONText.append(string: name, to: &start)
            return (start + ":", batch.column(name))
        }
    }

    func append(_ row: RowBatch.Row, to text: inout String) {
        text += start
        if let path = path(of: row) {
            text += ",\"__PATH\":"
            JSONText.append(string: path.located(in: namespace).path, to: &text)
        }
        for field in fields {
            text += field.start
            if let column = field.column { JSONText.append(row.value(column), to: &text) } else { text += "null" }
        }
        text += "}"
    }

    private func path(of row: RowBatch.Row) -> CIMObjectPath? {
        if isSingleton { return CIMObjectPath(className: className, keys: .singleton) }
        guard let keys else { return nil }
        var values: [CIMObjectPath.Key] = []
        values.reserveCapacity(keys.count)
        for (name, column) in keys {
            guard let value = CIMObjectPath.KeyValue(row.value(column)) else { return nil }
            if case .string(let text) = value, text.utf8.contains(where: { $0 < 0x20 }) { return nil }
            values.append(CIMObjectPath.Key(name: name, value: value))
        }
        return CIMObjectPath(className: className, keys: .keys(values))
    }
}
