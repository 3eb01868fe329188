import CIM
import CIMBusWire
import DBus

/// Instances as they came, not decoded: a value is read when it is asked for, and no other is.
///
/// ```swift
/// for try await batch in session.enumerateInstances(of: "Linux_UnixProcess").rows {
///     guard let name = batch.column("Name"), let size = batch.column("WorkingSetSize") else { continue }
///     for row in batch { print(row.string(name) ?? "", row.integer(size, as: UInt64.self) ?? 0) }
/// }
/// ```
public struct RowBatch: RandomAccessCollection, Sendable {
    enum Content: Sendable {
        case packed(PackedBatch)
        /// What came by the bus, or has values that no row has.
        case instances([CIMInstance])
    }

    /// Where the values of a property are. Of use with the batch that gave it.
    public struct Column: Hashable, Sendable {
        public let name: String
        let index: Int
    }

    /// One instance.
    public struct Row: Sendable {
        let content: Content
        let index: Int
    }

    let content: Content

    /// The instances, where they have been decoded already: they came by the bus, or have values that no row has.
    public var instances: [CIMInstance]? { if case .instances(let instances) = content { instances } else { nil } }

    public var startIndex: Int { 0 }

    public var endIndex: Int {
        switch content {
        case .packed(let batch): batch.count
        case .instances(let instances): instances.count
        }
    }

    public subscript(index: Int) -> Row { Row(content: content, index: index) }

    /// The column of a property, in any case of its name; nil: no row of the batch has a value of it.
    public func column(_ name: String) -> Column? {
        switch content {
        case .packed(let batch):
            batch.columns.columns.firstIndex { CIMName.equal($0.name, name) }.map {
                Column(name: batch.columns.columns[$0].name, index: $0)
            }
        case .instances(let instances):
            instances.lazy.compactMap { instance in instance.index(of: name).map { Column(name: instance.properties[$0].name, index: $0) } }
                .first
        }
    }

    /// The columns, in the order of the first row's values.
    public var columns: [Column] {
        switch content {
        case .packed(let batch): batch.columns.columns.enumerated().map { Column(name: $1.name, index: $0) }
        case .instances(let instances): instances.first?.properties.enumerated().map { Column(name: $1.name, index: $0) } ?? []
        }
    }
}

extension RowBatch.Row {
    public var className: String {
        switch content {
        case .packed(let batch): batch.columns.className
        case .instances(let instances): instances[index].className
        }
    }

    /// The value; NULL where there is none.
    public func value(_ column: RowBatch.Column) -> CIMValue {
        switch content {
        case .packed(let batch): batch.value(ofRow: index, column.index)
        case .instances(let instances): instances[index].value(column)
        }
    }

    /// The bytes of a value where they lie in the row, for as long as `body` runs, with their type. Nil for NULL, and where the row is no packed one.
    package func withPacked<Result>(
        _ column: RowBatch.Column, _ body: (CIMTypeReference, UnsafeRawBufferPointer) -> Result
    ) -> Result? {
        guard case .packed(let batch) = content, let type = batch.columns.columns[column.index].type,
            let bytes = batch.bytes(ofRow: index, column.index)
        else { return nil }
        return withExtendedLifetime(batch) { body(type, bytes) }
    }

    /// A text, also that of a datetime or a reference; nil for NULL and for anything else.
    public func string(_ column: RowBatch.Column) -> String? {
        switch content {
        case .packed(let batch): batch.string(ofRow: index, column.index)
        case .instances(let instances):
            switch instances[index].value(column) {
            case .string(let text): text
            case .datetime(let time): time.description
            case .reference(let path): path.path
            default: nil
            }
        }
    }

    /// An integer that fits; nil for NULL and for anything else.
    @inlinable
    public func integer<Number: FixedWidthInteger>(_ column: RowBatch.Column, as type: Number.Type = Number.self) -> Number? {
        let (signed, unsigned) = integers(column)
        if let signed { return Number(exactly: signed) }
        return unsigned.flatMap { Number(exactly: $0) }
    }

    /// An integer, as the one or the other: nothing generic is asked for it.
    @usableFromInline
    func integers(_ column: RowBatch.Column) -> (signed: Int64?, unsigned: UInt64?) {
        switch content {
        case .packed(let batch):
            switch batch.integer(ofRow: index, column.index) {
            case .signed(let value): return (value, nil)
            case .unsigned(let value): return (nil, value)
            case nil: return (nil, nil)
            }
        case .instances(let instances):
            let value = instances[index].value(column)
            return (value.int64Value, value.uint64Value)
        }
    }

    /// A truth value; nil for NULL and for anything else.
    public func bool(_ column: RowBatch.Column) -> Bool? {
        switch content {
        case .packed(let batch): batch.bool(ofRow: index, column.index)
        case .instances(let instances): instances[index].value(column).boolValue
        }
    }

    /// A real, or any integer, rounded to the nearest double; nil for NULL and for anything else.
    public func double(_ column: RowBatch.Column) -> Double? { value(column).doubleValue }
}

extension CIMInstance {
    fileprivate func value(_ column: RowBatch.Column) -> CIMValue {
        if properties.indices.contains(column.index), properties[column.index].name == column.name { return properties[column.index].value }
        return self[column.name] ?? .null
    }
}

/// The instances of an operation in batches that are not decoded; see ``RowBatch`` and ``ResultSequence``.
public struct RowBatches: AsyncSequence, Sendable {
    public typealias Element = RowBatch
    public typealias Failure = CIMError

    private let batches: ResultBatches<RowBatch>

    init(_ batches: ResultBatches<RowBatch>) { self.batches = batches }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: batches.makeAsyncIterator()) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var batches: ResultBatches<RowBatch>.AsyncIterator

        public mutating func next() async throws(CIMError) -> RowBatch? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> RowBatch? {
            try await batches.next(isolation: actor)?.first
        }
    }
}

extension ResultSequence where Element == CIMInstance {
    /// The same instances in batches, as they came: the cheapest where there are many, and where not every value is looked at. Iterate either
    /// the rows, the batches or the instances.
    public var rows: RowBatches { RowBatches(batches(source.rows)) }
}

extension ResultSource where Element == CIMInstance {
    fileprivate var rows: ResultSource<RowBatch> {
        ResultSource<RowBatch>(session: session, decoder: decoder) { decoder, message in
            guard message.isPackedBatch else { return [RowBatch(content: .instances(try decoder.readInstances(message)))] }
            return [RowBatch(content: .packed(try decoder.readRows(message)))]
        }
    }
}
