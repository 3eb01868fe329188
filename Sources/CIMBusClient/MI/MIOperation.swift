import CIM
import Synchronization

extension MI {
    /// An operation that is under way (MI_Operation, Semantics F.1). Every function of a ``Session`` returns one. It has begun already.
    ///
    /// Unless a callback gets the results, the client iterates them (`for try await`), or pulls them with `getInstance()`, `getClass()` or
    /// `getIndication()`.
    /// The last result has `moreResults` false and says how the operation ended. It comes also when the session is closed, when the broker
    /// leaves the bus, and when the provider is killed (Design L1, L11).
    ///
    /// The client closes the operation exactly once, when its results are over. An operation that the client drops is closed; where no
    /// callback gets its results, it is cancelled, too.
    public final class Operation<Element: Sendable>: Sendable {
        public let control: OperationControl
        /// Nil while a pull has it, and where a callback gets the results.
        private let source: Mutex<ResultSource<Element>?>

        /// One whose results are taken.
        init(_ control: OperationControl, pulling source: ResultSource<Element>) {
            self.control = control
            self.source = Mutex(source)
        }

        /// One whose results a callback gets.
        init(_ control: OperationControl) {
            self.control = control
            source = Mutex(nil)
        }

        deinit { control.dropped() }

        /// Cancels it: ``OperationControl/cancel()``.
        public func cancel() { control.cancel() }

        /// Closes it: ``OperationControl/close(completion:)``.
        public func close(completion: @escaping @Sendable () -> Void = {}) throws(CIMError) { try control.close(completion: completion) }

        /// Closes it and waits: ``OperationControl/close()``.
        public func close() async throws(CIMError) { try await control.close() }

        /// The next result; waits for it. Cancelling the task cancels the operation.
        func pull() async throws(CIMError) -> OperationResult<Element> {
            try control.beginPull()
            // Only one task comes this far at a time.
            guard var source = source.withLock({ $0.take() }) else {
                throw CIMError(.invalidOperation, "the operation has no results to take")
            }
            let result = await source.next()
            self.source.withLock { $0 = source }
            control.endPull(isLast: !result.moreResults)
            return result
        }

        /// The object of an operation that has one: the instance that was got or created, the result of a method, a class. Throws how the
        /// operation failed, and NotFound when it succeeded without an object.
        public var value: Element {
            get async throws(CIMError) {
                var value: Element?
                for try await element in self where value == nil { value = element }
                guard let value else { throw CIMError(.notFound, "the operation succeeded without an object") }
                return value
            }
        }

        /// Waits for the end of the operation, and drops the results before it. Throws how the operation failed.
        public func finish() async throws(CIMError) { for try await _ in self {} }
    }

    public typealias InstanceOperation = Operation<CIMInstance>
    public typealias ClassOperation = Operation<CIMClass>
}

extension MI.Operation where Element == CIMInstance {
    /// Waits for the next result (MI_Operation_GetInstance, Semantics F.6). Call it until `moreResults` is false, after a cancel, too.
    ///
    /// The last result says how the operation failed. This function throws only when the call itself is wrong: InvalidParameter when the
    /// operation is closed; InvalidOperation when a callback gets the results, when the last result was given, and while another task waits
    /// for a result.
    public func getInstance() async throws(CIMError) -> MI.OperationResult<CIMInstance> { try await pull() }
}

extension MI.Operation where Element == CIMClass {
    /// The next result (MI_Operation_GetClass, Semantics F.6), as ``getInstance()`` gives one.
    public func getClass() async throws(CIMError) -> MI.OperationResult<CIMClass> { try await pull() }
}

extension MI.Operation: AsyncSequence {
    public typealias Failure = CIMError

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// Throws how the operation failed, after everything that came before. Leaving the loop cancels the operation.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let operation: MI.Operation<Element>
        private let iteration: Iteration
        private var isDone = false

        fileprivate init(_ operation: MI.Operation<Element>) {
            self.operation = operation
            iteration = Iteration(operation.control)
        }

        public mutating func next() async throws(CIMError) -> Element? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> Element? {
            while !isDone {
                let result = try await operation.pull()
                isDone = !result.moreResults
                if let error = result.error { throw error }
                // The first result may be empty, and the last.
                if let value = result.value { return value }
            }
            return nil
        }
    }

    /// Ends with the loop.
    private final class Iteration: Sendable {
        private let control: MI.OperationControl

        init(_ control: MI.OperationControl) { self.control = control }

        deinit { control.abandoned() }
    }
}
