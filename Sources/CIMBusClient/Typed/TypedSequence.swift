import CIM
import CIMBusWire
import DBus

/// Typed instances, as they arrive; see ``ResultSequence``, by whose rules it goes.
///
/// An instance of a subclass is here what its superclass says of it. The sequence throws IllegalNull for an instance without a key, e.g. where a
/// query lists properties and no keys, and TypeMismatch where a class has changed since its type was generated.
public struct TypedSequence<Object: TypedInstance>: AsyncSequence, Sendable {
    public typealias Element = Object
    public typealias Failure = CIMError

    private let instances: InstanceSequence

    init(_ instances: InstanceSequence) { self.instances = instances }

    /// The operation, which may be cancelled from elsewhere.
    public var operation: Operation { instances.operation }

    /// All of them at once, in memory.
    public func collected() async throws(CIMError) -> [Object] {
        var objects: [Object] = []
        var iterator = makeAsyncIterator()
        while let object = try await iterator.next() { objects.append(object) }
        return objects
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: instances.rows.makeAsyncIterator()) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var batches: RowBatches.AsyncIterator
        private var batch: RowBatch?
        private var packed: PackedRowReader?
        private var index = 0
        private var isDone = false

        fileprivate init(batches: RowBatches.AsyncIterator) { self.batches = batches }

        public mutating func next() async throws(CIMError) -> Object? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> Object? {
            if isDone { return nil }
            while index >= batch?.count ?? 0 {
                guard let next = try await batches.next(isolation: actor) else {
                    isDone = true
                    return nil
                }
                batch = next
                index = 0
                if case .packed(let rows) = next.content { packed = PackedRowReader(rows, Object.shape) } else { packed = nil }
            }
            defer { index += 1 }
            // One that cannot be read ends the loop, as any failure does.
            isDone = true
            let object = try read()
            isDone = false
            return object
        }

        private mutating func read() throws(CIMError) -> Object? {
            packed?.move(to: index)
            if let packed { return try Object(reading: packed) }
            guard let instance = batch?.instances?[index] else { return nil }
            return try Object(instance)
        }
    }
}
