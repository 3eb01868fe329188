import CIM
import CIMBusWire
import DBus

/// An operation that is under way (MI_Operation, Semantics F.1).
public final class Operation: Sendable {
    let sink: ClientSink

    init(_ sink: ClientSink) { self.sink = sink }

    /// Cancels the operation. The operation ends at once with CallCancelled, results that nobody has taken are dropped, and the broker
    /// tells the provider (Design L9). Nothing happens when the end of the operation is known already: the first end counts. Any thread may
    /// call this, also a callback (R37).
    public func cancel() { sink.cancel() }

    /// The broker's number of the operation, as `cimctl operations` shows it; nil until the broker has accepted the operation.
    public var id: UInt64? { sink.operationPath.flatMap { Contract.number(in: $0.text, below: Contract.operationsPath) } }

    /// Whether the end of the operation is known. Results may still wait to be taken.
    public var isOver: Bool { sink.isOver }

    /// Whether this process cancelled the operation before its end was known.
    public var isCancelled: Bool { sink.isCancelled }
}

/// An operation with one result, under way. It runs on when nobody waits for it. ``cancel()`` ends it.
public struct PendingResult<Value: Sendable>: Sendable {
    public let operation: Operation
    private let task: Task<Result<Value, CIMError>, Never>

    init(_ operation: Operation, _ collect: @escaping @Sendable () async -> Result<Value, CIMError>) {
        self.operation = operation
        task = Task { await collect() }
    }

    /// The result. Throws how the operation failed. Cancelling the task that waits cancels the operation.
    public var value: Value {
        get async throws(CIMError) {
            let result = await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                operation.cancel()
            }
            return try result.get()
        }
    }

    /// Cancels the operation. ``value`` throws CallCancelled to everybody who waits for it. The operation may have had its effect all the
    /// same. Nothing happens when the operation has ended.
    public func cancel() { operation.cancel() }
}
