import CIM
import DBus

/// Objects where they lie in a message. All throw ``InstanceDecoder/Need``, and what decoding throws.
extension InstanceDecoder {
    /// All instances of an `aa{sv}`.
    package mutating func readInstances(at start: BodyReader) throws -> [CIMInstance] {
        var reader = start
        return try readInstances(&reader)
    }

    /// All instances of a message that is one `aa{sv}`, or one packed batch.
    package mutating func readInstances(_ message: Message) throws -> [CIMInstance] {
        guard message.isPackedBatch else { return try readInstances(at: message.reader) }
        return try readInstances(try readRows(message))
    }

    /// One `a{sv}`.
    package mutating func readInstance(at start: BodyReader) throws -> CIMInstance {
        var reader = start
        return try readInstance(&reader)
    }

    /// The rows of a message that is one packed batch. The broker has looked at their texts.
    package mutating func readRows(_ message: Message) throws -> PackedBatch {
        let batch = try PackedBatch(message.reader, known: columns, checkingText: false)
        columns = batch.columns
        return batch
    }

    /// All rows as instances.
    package func readInstances(_ batch: PackedBatch) throws -> [CIMInstance] {
        let layout = try layout(ofRows: batch)
        return (0..<batch.count).map { batch.instance(ofRow: $0, layout) }
    }
}

extension Message {
    /// Whether it is one packed batch.
    package var isPackedBatch: Bool { hasSignature("ay") }
}

extension PackedBatch {
    fileprivate func instance(ofRow row: Int, _ layout: ObjectLayout) -> CIMInstance {
        let whole = UnsafeRawBufferPointer(rebasing: bytes[Int(starts[row])..<end(ofRow: row)])
        var instance = CIMInstance(className: layout.className, reservingCapacity: columns.columns.count)
        var at = columns.bitmapBytes
        for (index, column) in columns.columns.enumerated() where whole.has(index) {
            guard let value = whole.packedValue(reaches[index], &at), let type = column.type else { continue }
            instance.append(name: column.name, value: type.unpacked(value))
        }
        instance.path = layout.path(of: instance)
        return instance
    }
}
