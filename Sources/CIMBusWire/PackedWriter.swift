import CIM
import DBus
import Glibc

/// The columns of the rows that a writer has.
private struct RowColumns {
    let className: String
    let names: [String]
    /// The types as they stand in a head; 0: not known yet.
    let types: [UInt16]

    init(_ shape: RowShape) {
        className = shape.className
        names = shape.columns.map(\.name)
        types = shape.columns.map(\.type.packed)
    }

    /// Those of an instance, whose NULLs have no type.
    init(of instance: CIMInstance) {
        className = instance.className
        names = instance.properties.map(\.name)
        types = instance.properties.map { $0.value.type?.packed ?? 0 }
    }

    func fit(_ instance: CIMInstance) -> Bool {
        guard instance.properties.count == names.count, instance.className == className else { return false }
        for index in names.indices where instance.properties[index].name != names[index] { return false }
        return true
    }

    /// Nil: they are too many, or too long.
    func head(_ types: [UInt16]) -> [UInt8]? { PackedColumns.write(className, zip(names, types).map { ($0, $1) }) }
}

/// Rows of one shape that are complete: bytes that nobody changes any more.
///
/// `@unchecked Sendable`: written before anybody else sees it.
public final class PackedRows: @unchecked Sendable {
    public let count: Int
    private let head: [UInt8]
    private let base: UnsafeMutableRawPointer?
    private let size: Int

    fileprivate init(count: Int, head: [UInt8], owning base: UnsafeMutableRawPointer?, size: Int) {
        self.count = count
        self.head = head
        self.base = base
        self.size = size
    }

    deinit { free(base) }

    public var byteCount: Int { size }

    /// The same objects as the elements of several `aa{sv}`, each as large as a batch on the bus may be, and as they lie 4 bytes behind a
    /// multiple of 8.
    /// - Throws: ``ObjectFault``: there is no memory.
    public func unpackedParts() throws(ObjectFault) -> [[UInt8]] {
        do {
            var writer = BodyWriter()
            append(to: &writer)
            let body = try writer.finish().withUnsafeBytes { BodyReader(copying: $0, bigEndian: 1.bigEndian == 1) }
            return try PackedBatch(body, checkingText: false).unpackedParts(ofAtMost: Contract.largestBatch)
        } catch {
            throw ObjectFault(error)
        }
    }

    fileprivate func append(to writer: inout BodyWriter) {
        let array = writer.beginArray(elementAlignment: 1)
        writer.append(packedNumber: head.count)
        head.withUnsafeBytes { writer.append(packedBytes: $0) }
        writer.append(packedNumber: count)
        writer.append(packedBytes: UnsafeRawBufferPointer(start: base, count: size))
        writer.endArray(array)
    }
}

extension BodyWriter {
    /// Bytes of a packed batch, wherever they come to lie.
    mutating func append(packedBytes bytes: UnsafeRawBufferPointer) { append(block: bytes, phase: phase) }

    mutating func append(packedNumber number: Int) {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: number)) { append(packedBytes: $0) }
    }

    /// The rows as one packed batch, an `ay`.
    public mutating func append(packed rows: PackedRows) { rows.append(to: &self) }
}

/// Writes packed rows of one shape after the other.
public struct PackedWriter: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var size = 0
    private var capacity = 0
    private var columns: RowColumns?
    private var types: [UInt16] = []
    private var bitmapBytes = 0
    /// Where the row that is being written starts, and its next column.
    private var rowStart = 0
    private var column = 0
    private var isRowWrong = false
    public private(set) var count = 0

    public init() {}

    deinit { free(base) }

    /// The bytes of the rows so far.
    public var byteCount: Int { size }

    // MARK: - Instances

    /// Writes an instance behind the others. False, and nothing is written, where it has another shape than the rows that are there, or a
    /// value that is not packed.
    public mutating func append(_ instance: CIMInstance) -> Bool {
        if columns?.fit(instance) != true {
            guard count == 0, instance.properties.count <= RowShape.mostColumns else { return false }
            begin(RowColumns(of: instance))
        }
        beginRow()
        for property in instance.properties { append(property.value) }
        return endRow()
    }

    // MARK: - Rows

    /// From now on rows are of this shape. There may be none of another.
    public mutating func begin(_ shape: RowShape) { begin(RowColumns(shape)) }

    private mutating func begin(_ columns: RowColumns) {
        self.columns = columns
        types = columns.types
        bitmapBytes = (types.count + 7) / 8
    }

    /// The values of a row follow, in the order of the columns; then ``endRow()``.
    public mutating func beginRow() {
        rowStart = size
        column = 0
        isRowWrong = false
        guard let place = claim(4 + bitmapBytes) else { return }
        memset(place, 0, 4 + bitmapBytes)
    }

    /// The row is complete; columns without a value are NULL. False, and nothing is left of it, where a value was none of its column's, or was
    /// not to be packed.
    public mutating func endRow() -> Bool {
        guard !isRowWrong, let base, column <= types.count else {
            size = rowStart
            return false
        }
        base.storeBytes(of: UInt32(truncatingIfNeeded: size - rowStart - 4), toByteOffset: rowStart, as: UInt32.self)
        count += 1
        return true
    }

    /// The bytes of the row that was written last.
    public var lastRowBytes: Int { size - rowStart }

    /// Takes the row away that was written last.
    public mutating func removeLast() {
        guard count > 0 else { return }
        size = rowStart
        count -= 1
    }

    /// NULL.
    @inline(__always)
    public mutating func appendNull() { column &+= 1 }

    @inline(__always)
    public mutating func append(_ value: String) { append(text: value, .string) }

    @inline(__always)
    public mutating func append(_ value: UInt64) { append(fixed: value, .uint64) }
    @inline(__always)
    public mutating func append(_ value: Int64) { append(fixed: value, .sint64) }
    @inline(__always)
    public mutating func append(_ value: UInt32) { append(fixed: value, .uint32) }
    @inline(__always)
    public mutating func append(_ value: Int32) { append(fixed: value, .sint32) }
    @inline(__always)
    public mutating func append(_ value: UInt16) { append(fixed: value, .uint16) }
    @inline(__always)
    public mutating func append(_ value: Int16) { append(fixed: value, .sint16) }
    @inline(__always)
    public mutating func append(_ value: UInt8) { append(fixed: value, .uint8) }
    @inline(__always)
    public mutating func append(_ value: Int8) { append(fixed: value, .sint8) }
    @inline(__always)
    public mutating func append(_ value: Double) { append(fixed: value, .real64) }
    @inline(__always)
    public mutating func append(_ value: Float) { append(fixed: value, .real32) }
    @inline(__always)
    public mutating func append(_ value: Bool) { append(fixed: UInt8(value ? 1 : 0), .boolean) }

    public mutating func append(_ value: CIMValue) {
        switch value {
        case .null: appendNull()
        case .boolean(let value): append(value)
        case .uint8(let value): append(value)
        case .sint8(let value): append(value)
        case .uint16(let value): append(value)
        case .sint16(let value): append(value)
        case .uint32(let value): append(value)
        case .sint32(let value): append(value)
        case .uint64(let value): append(value)
        case .sint64(let value): append(value)
        case .real32(let value): append(value)
        case .real64(let value): append(value)
        case .char16(let value): append(fixed: value, .char16)
        case .string(let value): append(value)
        case .datetime(let value): append(text: value.description, .datetime)
        case .reference(let value): append(text: value.path, .reference)
        case .array(let base, let elements): append(elements, of: base)
        case .object: isRowWrong = true
        }
    }

    private mutating func append(_ elements: [CIMValue], of base: CIMType) {
        let lengthAt = size
        guard base != .object, mark(CIMTypeReference(base, isArray: true).packed), claim(4) != nil else { return isRowWrong = true }
        for element in elements {
            guard element.scalarType == base || element.isNull && base.packedWidth == nil else { return isRowWrong = true }
            switch element {
            case .boolean(let value): put(UInt8(value ? 1 : 0))
            case .uint8(let value): put(value)
            case .sint8(let value): put(value)
            case .uint16(let value), .char16(let value): put(value)
            case .sint16(let value): put(value)
            case .uint32(let value): put(value)
            case .sint32(let value): put(value)
            case .uint64(let value): put(value)
            case .sint64(let value): put(value)
            case .real32(let value): put(value)
            case .real64(let value): put(value)
            case .string(let value): put(text: value)
            case .datetime(let value): put(text: value.description)
            case .reference(let value): put(text: value.path)
            // The bus has no NULL inside an array either.
            case .null: put(text: "")
            case .object, .array: isRowWrong = true
            }
        }
        self.base?.storeBytes(of: UInt32(truncatingIfNeeded: size - lengthAt - 4), toByteOffset: lengthAt, as: UInt32.self)
    }

    /// The next column has a value of this type, whose bytes follow.
    @inline(__always)
    private mutating func mark(_ type: UInt16) -> Bool {
        guard column < types.count, let base else { return false }
        if types[column] != type {
            // The first value of a column says its type.
            guard types[column] == 0 else { return false }
            types[column] = type
        }
        let place = base + rowStart + 4 + (column >> 3)
        place.storeBytes(of: place.load(as: UInt8.self) | 1 << UInt8(truncatingIfNeeded: column & 7), as: UInt8.self)
        column &+= 1
        return true
    }

    @inline(__always)
    private mutating func append<Number: BitwiseCopyable>(fixed value: Number, _ type: CIMType) {
        if mark(type.rawValue) { put(value) } else { isRowWrong = true }
    }

    @inline(__always)
    private mutating func append(text: String, _ type: CIMType) {
        if mark(type.rawValue) { put(text: text) } else { isRowWrong = true }
    }

    @inline(__always)
    private mutating func put<Number: BitwiseCopyable>(_ value: Number) {
        claim(MemoryLayout<Number>.size)?.storeBytes(of: value, as: Number.self)
    }

    private mutating func put(text: String) {
        var text = text
        text.withUTF8 { utf8 in
            guard utf8.count < BodyReader.maximumPackedText, let place = claim(4 + utf8.count) else { return isRowWrong = true }
            place.storeBytes(of: UInt32(truncatingIfNeeded: utf8.count), as: UInt32.self)
            guard let source = utf8.baseAddress, !utf8.isEmpty else { return }
            memcpy(place + 4, source, utf8.count)
            // No text on the bus has one.
            if memchr(source, 0, utf8.count) != nil { isRowWrong = true }
        }
    }

    @inline(__always)
    private mutating func claim(_ count: Int) -> UnsafeMutableRawPointer? {
        if count > capacity &- size, !grow(by: count) { return nil }
        defer { size &+= count }
        return base.map { $0 + size }
    }

    private mutating func grow(by count: Int) -> Bool {
        let wanted = max(size + count, 2 * capacity, 4 << 10)
        guard wanted <= 1 << 30, let larger = realloc(base, wanted) else {
            isRowWrong = true
            return false
        }
        base = larger
        capacity = wanted
        return true
    }

    // MARK: - The end

    /// The rows; an empty writer of the same shape is left. Nil where there are none.
    public mutating func take() -> PackedRows? {
        guard count > 0, let columns, let head = columns.head(types) else { return nil }
        let rows = PackedRows(count: count, head: head, owning: base, size: size)
        base = nil
        size = 0
        capacity = 0
        count = 0
        types = columns.types
        return rows
    }

    /// The rows before the one that was written last, which stays. Nil where there are none, or there is no memory.
    public mutating func takeAllButLast() -> PackedRows? {
        guard count > 1, let base, let copy = malloc(size - rowStart) else { return nil }
        let (last, types) = (size - rowStart, self.types)
        memcpy(copy, base + rowStart, last)
        size = rowStart
        count -= 1
        guard let rows = take() else {
            free(copy)
            return nil
        }
        (self.base, size, capacity, count, rowStart) = (copy, last, last, 1, 0)
        // A column whose type the others have said has it still.
        self.types = types
        return rows
    }
}

extension BodyReader {
    /// Longer texts are not packed: no object has as many bytes.
    static var maximumPackedText: Int { Contract.largestObject }
}
