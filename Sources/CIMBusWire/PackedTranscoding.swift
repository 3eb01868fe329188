import CIM
import DBus

/// Packed rows as every other peer gets objects.
extension PackedBatch {
    /// The rows as an `aa{sv}`, each with its class.
    /// - Throws: ``ObjectFault``: they take more than 8 MiB, since names stand in each object there, or there is no memory.
    public func unpacked() throws(ObjectFault) -> BodyReader {
        do {
            var writer = BodyWriter()
            let starts = try EntryStarts(columns)
            let array = writer.beginArray(elementAlignment: 4)
            for row in 0..<count {
                append(row, starts, to: &writer)
                guard writer.count <= Contract.largestObject + 64 else { throw Self.areTooLarge }
            }
            writer.endArray(array)
            return try writer.finish().withUnsafeBytes { BodyReader(copying: $0, bigEndian: Self.isBigEndian) }
        } catch {
            throw ObjectFault(error)
        }
    }

    /// The rows as objects of the class that they fit, as ``ObjectChecker`` writes them: for whoever takes no packed rows.
    /// - Parameters:
    ///   - rows: which of them.
    ///   - kept: which columns go with them; nil: all.
    ///   - derivedSystemProperties: whether the properties that follow from the class and the keys do.
    /// - Throws: ``ObjectFault``: they take more than 8 MiB, or there is no memory.
    public func objects(
        _ fit: PackedFit, _ rows: some Sequence<Int>, keeping kept: [Bool]? = nil, derivedSystemProperties: Bool
    ) throws(ObjectFault) -> ObjectBatch {
        let layout = fit.layout
        let head = derivedSystemProperties ? layout.constants : layout.classEntry
        var writer = BodyWriter()
        var ranges: [Range<Int>] = []
        var keyValues = [CIMValue](repeating: .null, count: layout.keys.count)
        var path: [UInt8] = []
        for row in rows {
            writer.beginStruct()
            let start = writer.count
            head.withUnsafeBytes { writer.append(block: $0, phase: 0) }
            forEachValue(ofRow: row) { column, type, value in
                let slot = fit.slotOfColumn[column]
                if derivedSystemProperties, layout.slots[slot].isKey, let key = layout.keys.firstIndex(of: slot) {
                    keyValues[key] = type.unpacked(value)
                }
                if !(kept?[column] ?? true) { return }
                writer.beginDictEntry()
                layout.slots[slot].prefix.withUnsafeBytes { writer.append(block: $0, phase: 0) }
                writer.append(packed: value, type)
            }
            if derivedSystemProperties {
                layout.appendPath(keyValues, to: &path)
                writer.append(path: path, of: layout)
                path.removeAll(keepingCapacity: true)
                for key in keyValues.indices { keyValues[key] = .null }
            }
            // A few bytes of a row may stand for names of many.
            guard writer.count <= ObjectChecker.largestBatch else { throw Self.areTooLarge }
            ranges.append(start..<writer.count)
        }
        do { return ObjectBatch(bytes: try writer.finish(), ranges: ranges) } catch { throw ObjectFault(error) }
    }

    private static var areTooLarge: ObjectFault { ObjectFault("its rows take more than 8 MiB with their names", kind: .tooLarge) }

    /// The rows as the elements of several `aa{sv}`, each of which takes at most so many bytes, or is one object. They are written to lie 4 bytes
    /// behind a multiple of 8.
    func unpackedParts(ofAtMost most: Int) throws -> [[UInt8]] {
        let starts = try EntryStarts(columns)
        var parts: [[UInt8]] = []
        var writer = BodyWriter(phase: 4)
        var isEmpty = true
        for row in 0..<count {
            let before = writer.count
            append(row, starts, to: &writer)
            if writer.count > most, !isEmpty {
                var full = BodyWriter(phase: 4)
                swap(&full, &writer)
                parts.append(Array(try full.finish().prefix(before)))
                append(row, starts, to: &writer)
            }
            isEmpty = false
        }
        if !isEmpty { parts.append(try writer.finish()) }
        return parts
    }

    private static var isBigEndian: Bool { 1.bigEndian == 1 }

    /// What is the same in each object.
    private struct EntryStarts {
        let ofClass: [UInt8]
        let ofColumns: [[UInt8]]

        init(_ columns: PackedColumns) throws {
            var writer = BodyWriter()
            writer.append(.className, .string(columns.className))
            ofClass = try writer.finish()
            ofColumns = try columns.columns.map { try $0.entry() }
        }
    }

    private func append(_ row: Int, _ entries: EntryStarts, to writer: inout BodyWriter) {
        let object = writer.beginArray(elementAlignment: 8)
        entries.ofClass.withUnsafeBytes { writer.append(block: $0, phase: 0) }
        appendValues(row, entries, to: &writer)
        writer.endArray(object)
    }

    private func appendValues(_ row: Int, _ entries: EntryStarts, to writer: inout BodyWriter) {
        forEachValue(ofRow: row) { column, type, value in
            writer.beginDictEntry()
            entries.ofColumns[column].withUnsafeBytes { writer.append(block: $0, phase: 0) }
            writer.append(packed: value, type)
        }
    }

    @inline(__always)
    private func forEachValue(ofRow row: Int, _ body: (_ column: Int, CIMTypeReference, UnsafeRawBufferPointer) -> Void) {
        let columns = self.columns
        let bytes = UnsafeRawBufferPointer(rebasing: bytes[Int(starts[row])..<end(ofRow: row)])
        var at = columns.bitmapBytes
        for column in columns.extents.indices where bytes.has(column) {
            guard let value = bytes.packedValue(reaches[column], &at), let type = columns.columns[column].type else { continue }
            body(column, type, value)
        }
    }
}

extension PackedColumns.Column {
    /// How an entry of it starts: its name, and the type of its variant.
    fileprivate func entry() throws -> [UInt8] {
        guard let type else { return [] }
        var writer = BodyWriter()
        writer.append(string: name)
        let layout = type.base.wireLayout
        writer.beginVariant(type.isArray ? layout.arraySignature : layout.signature)
        return try writer.finish()
    }
}

extension BodyWriter {
    /// A value as the wire has it.
    fileprivate mutating func append(packed bytes: UnsafeRawBufferPointer, _ type: CIMTypeReference) {
        guard type.isArray else { return append(packedScalar: bytes, type.base) }
        let array = beginArray(elementAlignment: type.base.wireLayout.alignment)
        var at = 0
        if let width = type.base.packedWidth {
            while at < bytes.count {
                append(packedScalar: UnsafeRawBufferPointer(rebasing: bytes[at..<at + width]), type.base)
                at += width
            }
        } else {
            while let text = bytes.packedText(&at) { append(stringBytes: text) }
        }
        endArray(array)
    }

    @inline(__always)
    private mutating func append(packedScalar bytes: UnsafeRawBufferPointer, _ type: CIMType) {
        func number<Number>(_ type: Number.Type) -> Number { bytes.loadUnaligned(as: type) }
        switch type {
        case .boolean: append(boolean: bytes[0] != 0)
        case .uint8: append(byte: bytes[0])
        case .sint8: append(int16: Int16(number(Int8.self)))
        case .uint16, .char16: append(uint16: number(UInt16.self))
        case .sint16: append(int16: number(Int16.self))
        case .uint32: append(uint32: number(UInt32.self))
        case .sint32: append(int32: number(Int32.self))
        case .uint64: append(uint64: number(UInt64.self))
        case .sint64: append(int64: number(Int64.self))
        case .real32: append(double: Double(number(Float.self)))
        case .real64: append(double: number(Double.self))
        case .string, .datetime, .reference: append(stringBytes: bytes)
        case .object: break
        }
    }
}
