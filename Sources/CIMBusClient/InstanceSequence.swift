import CIM
import DBus

/// The instances of a class, as they arrive. `for try await instance in session.enumerateInstances(of: "Linux_UnixProcess")`
///
/// It throws how the operation failed, after every instance that came before. It runs from its creation and can be iterated once, by one
/// task. A slow loop slows the provider down: at most 8 batches or 1 MiB wait here (DESIGN section 3); a loop that stands still for more than
/// 30 s ends with ClientTooSlow. Leaving the loop, cancelling its task or dropping the sequence cancels the operation.
public struct InstanceSequence: AsyncSequence, Sendable {
    public typealias Element = CIMInstance
    public typealias Failure = CIMError

    /// To cancel it from elsewhere.
    public let operation: Operation
    private let lifetime: Lifetime
    private let session: Session
    private let className: String

    init(_ operation: Operation, _ session: Session, _ className: String) {
        self.operation = operation
        self.session = session
        self.className = className
        lifetime = Lifetime(operation)
    }

    /// The same instances by the batch, as the provider sent them: cheaper where they are many. In place of the instances, not beside them.
    public var batches: InstanceBatches { InstanceBatches(operation, lifetime, session, className) }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: batches.makeAsyncIterator()) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private var batches: InstanceBatches.AsyncIterator
        private var batch: [CIMInstance] = []
        private var index = 0

        fileprivate init(batches: InstanceBatches.AsyncIterator) { self.batches = batches }

        public mutating func next() async throws(CIMError) -> CIMInstance? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> CIMInstance? {
            while index >= batch.count {
                guard let next = try await batches.next(isolation: actor) else { return nil }
                batch = next
                index = 0
            }
            defer { index += 1 }
            return batch[index]
        }
    }
}

/// The instances of a class by the batch; see ``InstanceSequence``.
public struct InstanceBatches: AsyncSequence, Sendable {
    public typealias Element = [CIMInstance]
    public typealias Failure = CIMError

    private let operation: Operation
    private let lifetime: Lifetime
    private let session: Session
    private let className: String

    init(_ operation: Operation, _ lifetime: Lifetime, _ session: Session, _ className: String) {
        self.operation = operation
        self.lifetime = lifetime
        self.session = session
        self.className = className
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(operation, lifetime, session, decoder: InstanceDecoder(expectedClass: className))
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let operation: Operation
        private let session: Session
        /// The sequence may be gone while it is iterated; leaving the loop ends the operation though the sequence is still there.
        private let lifetimes: (sequence: Lifetime, iteration: Lifetime)
        private var decoder: InstanceDecoder
        private var isDone = false

        fileprivate init(_ operation: Operation, _ sequence: Lifetime, _ session: Session, decoder: InstanceDecoder) {
            self.operation = operation
            self.session = session
            self.decoder = decoder
            lifetimes = (sequence, Lifetime(operation))
        }

        public mutating func next() async throws(CIMError) -> [CIMInstance]? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> [CIMInstance]? {
            guard !isDone else { return nil }
            switch await operation.sink.take() {
            case .batch(let message):
                do throws(CIMError) {
                    return try await session.decode(&decoder, what: "an instance") { try $0.readInstances(message) }
                } catch {
                    isDone = true
                    operation.cancel()
                    throw error
                }
            case .ended(let ending):
                isDone = true
                _ = try ending.get()
                return nil
            case .nothing:
                return nil
            }
        }
    }
}

/// Cancels the operation when nobody can take its results any more.
final class Lifetime: Sendable {
    private let operation: Operation

    init(_ operation: Operation) { self.operation = operation }

    deinit { operation.cancel() }
}
