import CIM
import CIMBusWire
import DBus

/// An operation that is under way (MI_Operation, Semantics F.1).
public final class Operation: Sendable {
    let sink: ClientSink

    init(_ sink: ClientSink) { self.sink = sink }

    /// Cancels it: it ends at once with CallCancelled, whatever was not yet taken is dropped, and the provider is told (Design L9). Nothing
    /// happens when it has ended; the first end counts. From any thread, callbacks included (R37).
    public func cancel() { sink.cancel() }

    /// The broker's number of it, as `cimctl operations` shows; nil until the broker has accepted it.
    public var id: UInt64? { sink.operationPath.flatMap { Contract.number(in: $0.text, below: Contract.operationsPath) } }

    /// Whether its end is known. Results may still wait to be taken.
    public var isOver: Bool { sink.isOver }

    /// Whether it was cancelled here before its end was known.
    public var isCancelled: Bool { sink.isCancelled }
}

/// An operation with one result, under way. It runs on when nobody waits for it; ``Operation/cancel()`` ends it.
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

    /// Cancels the operation: ``value`` throws CallCancelled, whoever waits for it; what it changes may have been changed all the same. Nothing
    /// happens when it has ended.
    public func cancel() { operation.cancel() }
}
