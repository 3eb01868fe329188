import CIMBusClient
import CIMBusWire

/// The rows of one batch as objects of JSON, the same as ``JSONText/line(_:_:in:only:)`` writes of the instances that they are. What is the same in
/// each object is made once, and texts are copied from where they lie.
struct JSONRows {
    private let start: [UInt8]
    private let keys: [(name: String, column: RowBatch.Column)]?
    private let isSingleton: Bool
    private let className: String
    private let namespace: CIMNamespaceName
    /// What stands before each value, and where the value is; nil: it is NULL in every row.
    private let fields: [(start: [UInt8], column: RowBatch.Column?)]

    /// - Parameters:
    ///   - declaration: of the class of the rows.
    ///   - selection: the properties to show, in this order; nil for all.
    init(_ batch: RowBatch, _ declaration: CIMClass, in namespace: CIMNamespaceName, only selection: [String]?) {
        className = declaration.name
        self.namespace = namespace
        start = Array("{\"__CLASS\":".utf8) + Self.quoted(declaration.name)
        isSingleton = declaration.isSingleton
        let keys = declaration.properties.filter(\.isKey).compactMap { key in batch.column(key.name).map { (key.name, $0) } }
        self.keys = keys.isEmpty || keys.count < declaration.properties.count(where: \.isKey) ? nil : keys
        fields = (selection ?? declaration.properties.map(\.name)).map { name in
            (Array(",".utf8) + Self.quoted(name) + Array(":".utf8), batch.column(name))
        }
    }

    private static func quoted(_ text: String) -> [UInt8] {
        var quoted = ""
        JSONText.append(string: text, to: &quoted)
        return Array(quoted.utf8)
    }

    func append(_ row: RowBatch.Row, to text: inout [UInt8]) {
        text += start
        if let path = path(of: row) {
            text += ",\"__PATH\":".utf8
            text += Self.quoted(path.located(in: namespace).path)
        }
        for field in fields {
            text += field.start
            guard let column = field.column else {
                text += "null".utf8
                continue
            }
            let isWritten = row.withPacked(column) { Self.append($0, $1, to: &text) } ?? false
            if !isWritten {
                var value = ""
                JSONText.append(row.value(column), to: &value)
                text += value.utf8
            }
        }
        text += "}".utf8
    }

    /// Writes a text, an array of texts or an integer as it lies there. False, and nothing is written, for a value of another type.
    private static func append(_ type: CIMTypeReference, _ bytes: UnsafeRawBufferPointer, to text: inout [UInt8]) -> Bool {
        switch (type.base, type.isArray) {
        case (.uint8, false): return append(bytes, as: UInt8.self, to: &text)
        case (.sint8, false): return append(bytes, as: Int8.self, to: &text)
        case (.uint16, false): return append(bytes, as: UInt16.self, to: &text)
        case (.sint16, false): return append(bytes, as: Int16.self, to: &text)
        case (.uint32, false): return append(bytes, as: UInt32.self, to: &text)
        case (.sint32, false): return append(bytes, as: Int32.self, to: &text)
        case (.uint64, false): return append(bytes, as: UInt64.self, to: &text)
        case (.sint64, false): return append(bytes, as: Int64.self, to: &text)
        case (.string, false), (.datetime, false):
            bytes.withMemoryRebound(to: UInt8.self) { JSONText.append(string: $0, to: &text) }
        case (.string, true):
            text += "[".utf8
            var isFirst = true
            for element in PackedTexts(bytes) {
                if !isFirst { text += ",".utf8 }
                isFirst = false
                element.withMemoryRebound(to: UInt8.self) { JSONText.append(string: $0, to: &text) }
            }
            text += "]".utf8
        default: return false
        }
        return true
    }

    private static func append<Number: FixedWidthInteger>(
        _ bytes: UnsafeRawBufferPointer, as: Number.Type, to text: inout [UInt8]
    ) -> Bool {
        guard bytes.count == MemoryLayout<Number>.size else { return false }
        let number = bytes.loadUnaligned(as: Number.self)
        if number < 0 { text.append(UInt8(ascii: "-")) }
        var rest = UInt64(number.magnitude)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = digits.count
            repeat {
                first -= 1
                digits.initializeElement(at: first, to: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
                rest /= 10
            } while rest > 0
            text.append(contentsOf: digits[first...])
        }
        return true
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
