import CIM
import CIMBusWire

/// Where a provider writes rows (``ObjectSink/indicate(rowsOf:_:)``): the values of a row in the order of the shape's columns, then
/// ``endRow()``.
///
/// ```swift
/// static let shape = RowShape("Linux_UnixProcess", [.init("Handle", .string), .init("ThreadCount", .uint32)])
///
/// try await sink.indicate(rowsOf: shape) { rows in
///     for process in processes {
///         rows.append(process.handle)
///         rows.append(process.threads)
///         try await rows.endRow()
///     }
/// }
/// ```
public struct RowSink: ~Copyable {
    private var writer = PackedWriter()
    private let shape: RowShape
    private let call: OpenCall
    private var size = OpenCall.firstBatch
    private var isWithinRow = false

    init(_ shape: RowShape, _ call: OpenCall) {
        self.shape = shape
        self.call = call
        writer.begin(shape)
    }

    /// The next column is NULL. Columns at the end of a row may be left out.
    public mutating func appendNull() {
        begin()
        writer.appendNull()
    }

    /// The value of the next column. It must be of the column's type: ``endRow()`` throws where it is not.
    public mutating func append(_ value: String) {
        begin()
        writer.append(value)
    }

    /// The same for a number, which has exactly the width of the column's type.
    public mutating func append<Number: RowNumber>(_ value: Number) {
        begin()
        value.append(to: &writer)
    }

    /// The same for any value, NULL too.
    public mutating func append(_ value: CIMValue) {
        begin()
        writer.append(value)
    }

    /// The row is complete.
    ///
    /// Throws InvalidObject where a value is not of its column's type, has a NUL, or has no column, OutOfMemory where the row is larger than
    /// 8 MiB, and what ``ObjectSink/indicate(_:)-(CIMInstance)`` throws when the operation is over. Waits when the client is slow.
    public nonisolated(nonsending) mutating func endRow() async throws {
        begin()
        isWithinRow = false
        guard writer.endRow() else {
            throw CIMError(
                .invalidObject,
                "a row of \(shape.className) has a value that is not of its column's type, or a text with a NUL, or more values than columns"
            )
        }
        // Only the rows before it go along.
        if writer.byteCount > Contract.largestBatch, let rows = writer.takeAllButLast() { try await handOver(rows) }
        if writer.count >= size || writer.byteCount >= OpenCall.fullBatchBytes {
            size = min(size * 4, OpenCall.fullPackedBatch)
            try await flush()
        }
    }

    /// Hands over the rows that are complete, without waiting for more.
    public nonisolated(nonsending) mutating func flush() async throws {
        guard let rows = writer.take() else { return }
        guard rows.count > 1 || rows.byteCount <= Contract.largestObject else {
            throw CIMError(
                .outOfMemory, "a row of \(shape.className) takes \(rows.byteCount) bytes; 8 MiB are allowed: leave a part of it out")
        }
        try await handOver(rows)
    }

    private nonisolated(nonsending) func handOver(_ rows: PackedRows) async throws {
        if try call.append(rows) { try await call.waitForCredit() }
    }

    @inline(__always)
    private mutating func begin() {
        if isWithinRow { return }
        isWithinRow = true
        writer.beginRow()
    }
}

/// A number or a truth value that a row has as it is.
public protocol RowNumber {
    func append(to writer: inout PackedWriter)
}

extension UInt8: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Int8: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension UInt16: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Int16: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension UInt32: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Int32: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension UInt64: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Int64: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Double: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Float: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
extension Bool: RowNumber { public func append(to writer: inout PackedWriter) { writer.append(self) } }
