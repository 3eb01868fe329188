import CIM

/// Why bytes are no packed batch: the fault of who wrote them.
public struct PackedFault: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The head of a packed batch: the class of its objects, and the names and types of the columns that each row has values of (Protocol.md,
/// "Packed objects"). Immutable: batches of one provider share it.
public final class PackedColumns: Sendable {
    /// One column. Its name is a property's.
    public struct Column: Hashable, Sendable {
        public let name: String
        /// Nil: every row has NULL here.
        public let type: CIMTypeReference?
        let extent: Extent
    }

    /// What a value takes.
    enum Extent: Hashable, Sendable {
        /// It has none.
        case nothing
        /// So many bytes.
        case fixed(Int)
        /// One byte, which is 0 or 1.
        case boolean
        /// The number of its bytes (four bytes), and UTF-8.
        case text
        /// The number of its bytes, and so many elements of so many bytes.
        case fixedArray(Int)
        case booleanArray
        /// The number of its bytes, and texts.
        case textArray
    }

    /// The most bytes of a head.
    static let largest = 256 << 10

    public let className: String
    public let columns: [Column]
    /// As it stands in a batch.
    let bytes: [UInt8]
    /// The bytes of a row's bits, which say what is not NULL.
    let bitmapBytes: Int
    /// How each column's values are passed over, in order.
    let extents: [Extent]
    /// The bytes of each column's values; -1: they are behind their number.
    let reaches: [Int]
    /// The types of the columns of single values; nil for those of arrays, and of NULLs.
    let scalars: [CIMType?]

    /// Reads a head. Every bound is checked before anything is allocated by its word.
    init(reading head: UnsafeRawBufferPointer) throws(PackedFault) {
        var at = 0
        func number() throws(PackedFault) -> Int {
            guard head.count - at >= 2 else { throw PackedFault("the head of a packed batch ends early") }
            defer { at += 2 }
            return Int(head.loadUnaligned(fromByteOffset: at, as: UInt16.self))
        }
        func text(_ what: String) throws(PackedFault) -> String {
            let count = try number()
            guard count <= head.count - at else { throw PackedFault("the \(what) runs past the head of a packed batch") }
            let text = UnsafeRawBufferPointer(rebasing: head[at..<at + count])
            guard text.isCleanText else { throw PackedFault("the \(what) in the head of a packed batch is not UTF-8, or has a NUL") }
            at += count
            return String(decoding: text, as: UTF8.self)
        }
        className = try text("class name")
        let count = try number()
        guard count <= RowShape.mostColumns, count <= (head.count - at) / 4 else {
            throw PackedFault("a packed batch says that it has \(count) columns")
        }
        var columns: [Column] = []
        columns.reserveCapacity(count)
        for _ in 0..<count {
            let number = try number()
            let name = try text("name of a column")
            let type = number == 0 ? nil : CIMTypeReference(packed: UInt16(number))
            guard number == 0 || type != nil, let extent = Extent(type) else {
                throw PackedFault("column \(name) of a packed batch is of type \(number), which is not packed")
            }
            columns.append(Column(name: name, type: type, extent: extent))
        }
        guard at == head.count else { throw PackedFault("\(head.count - at) bytes follow the columns of a packed batch") }
        self.columns = columns
        bytes = Array(head)
        bitmapBytes = (count + 7) / 8
        extents = columns.map(\.extent)
        reaches = extents.map(\.reach)
        scalars = columns.map { $0.type.flatMap { $0.isArray ? nil : $0.base } }
    }

    /// Appends the head of such columns; nil: it would be too large.
    static func write(_ className: String, _ columns: some Sequence<(name: String, type: UInt16)>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var count: UInt16 = 0
        func append(_ value: UInt16) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
        func append(_ text: String) -> Bool {
            guard let length = UInt16(exactly: text.utf8.count) else { return false }
            append(length)
            bytes.append(contentsOf: text.utf8)
            return true
        }
        guard append(className) else { return nil }
        let countAt = bytes.count
        append(UInt16(0))
        for column in columns {
            append(column.type)
            guard count < RowShape.mostColumns, append(column.name) else { return nil }
            count += 1
        }
        withUnsafeBytes(of: count) { bytes.replaceSubrange(countAt..<countAt + 2, with: $0) }
        return bytes.count <= largest ? bytes : nil
    }
}

extension PackedColumns.Extent {
    /// The bytes of a value; -1: they are behind their number.
    fileprivate var reach: Int {
        switch self {
        case .nothing: 0
        case .boolean: 1
        case .fixed(let width): width
        case .text, .fixedArray, .booleanArray, .textArray: -1
        }
    }

    /// Nil: values of the type are not packed.
    init?(_ type: CIMTypeReference?) {
        guard let type else {
            self = .nothing
            return
        }
        switch (type.base, type.isArray) {
        case (.object, _): return nil
        case (.boolean, false): self = .boolean
        case (.boolean, true): self = .booleanArray
        case (let base, false): self = base.packedWidth.map { .fixed($0) } ?? .text
        case (let base, true): self = base.packedWidth.map { .fixedArray($0) } ?? .textArray
        }
    }
}

extension CIMType {
    /// The bytes of a number; nil: it is a text, or an object.
    var packedWidth: Int? {
        switch self {
        case .boolean, .uint8, .sint8: 1
        case .uint16, .sint16, .char16: 2
        case .uint32, .sint32, .real32: 4
        case .uint64, .sint64, .real64: 8
        case .string, .datetime, .reference, .object: nil
        }
    }
}

extension CIMTypeReference {
    /// The number of a type in a head: WMI's (Semantics H.2), with the flag for arrays.
    var packed: UInt16 { base.rawValue | (isArray ? CIMType.arrayFlag : 0) }

    init?(packed number: UInt16) {
        guard let base = CIMType(rawValue: number & ~CIMType.arrayFlag) else { return nil }
        self.init(base, isArray: number & CIMType.arrayFlag != 0)
    }
}
