import CIM

extension RowSink: PropertyWriter {}

/// Where a provider hands over typed instances, in order: as rows, where none of them has an embedded object.
///
/// The names of a class travel once for a batch, and no object is built of an instance.
public struct TypedRows<Object: TypedInstance>: ~Copyable {
    private let sink: ObjectSink
    private let isPacked: Bool
    private var rows: RowSink

    init(_ sink: ObjectSink) {
        self.sink = sink
        isPacked = Object.shape.rows != nil
        rows = RowSink(Object.shape.rows ?? RowShape(Object.className, []), sink.call)
    }

    /// Hands over one instance.
    ///
    /// Throws as ``ObjectSink/indicate(_:)-(CIMInstance)`` does when the operation is over: let that error pass through. Waits when the client is
    /// slow.
    public nonisolated(nonsending) mutating func append(_ object: Object) async throws {
        guard isPacked else { return try await sink.indicate(object.instance) }
        object.writeProperties(to: &rows)
        try await rows.endRow()
    }

    /// Hands over what is complete, without waiting for more.
    public nonisolated(nonsending) mutating func flush() async throws { if isPacked { try await rows.flush() } }

    /// Whether the operation is over: further instances are of no use to anybody.
    public var isOver: Bool { sink.isOver }
}

extension ObjectSink {
    /// Hands over typed instances. `body` appends one after the other; those that are complete arrive also when it throws.
    public func indicate<Object: TypedInstance>(
        _ type: Object.Type, _ body: (inout TypedRows<Object>) async throws -> Void
    ) async throws {
        var rows = TypedRows<Object>(self)
        do {
            try await body(&rows)
        } catch {
            try? await rows.flush()
            throw error
        }
        try await rows.flush()
    }
}
