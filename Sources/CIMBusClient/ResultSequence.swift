import CIM
import CIMBusWire
import DBus

/// Instances, as they arrive. `for try await instance in session.enumerateInstances(of: "Linux_UnixProcess")`
public typealias InstanceSequence = ResultSequence<CIMInstance>
public typealias InstanceBatches = ResultBatches<CIMInstance>

/// Classes, as they arrive. `for try await declaration in session.enumerateClasses(of: "CIM_Process")`
public typealias ClassSequence = ResultSequence<CIMClass>

/// The results of a query, as they arrive: instances, or classes.
public typealias ObjectSequence = ResultSequence<CIMObject>

/// The objects of an operation, as they arrive.
///
/// The sequence throws how the operation failed, after every object that came before. The operation runs from the creation of the sequence
/// on. One task can iterate the sequence, once.
///
/// A slow loop slows the provider down: at most 8 batches or 1 MiB wait here (Design 3). The operation of a loop that stands still for more
/// than 30 s ends with ClientTooSlow. Leaving the loop, cancelling its task or dropping the sequence cancels the operation.
public struct ResultSequence<Element: Sendable>: AsyncSequence, Sendable {
    public typealias Failure = CIMError

    /// The operation, which may be cancelled from elsewhere.
    public let operation: Operation
    private let lifetime: Lifetime
    let source: ResultSource<Element>

    init(_ operation: Operation, _ source: ResultSource<Element>) {
        self.operation = operation
        self.source = source
        lifetime = Lifetime(operation)
    }

    /// The same objects in batches, as the provider sent them: cheaper where there are many objects. Iterate either the batches or the
    /// objects, not both.
    public var batches: ResultBatches<Element> { batches(source) }

    func batches<Part>(_ source: ResultSource<Part>) -> ResultBatches<Part> { ResultBatches(operation, lifetime, source) }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(batches: batches.makeAsyncIterator()) }

    /// All objects as one array, in memory at once.
    public func collected() async throws(CIMError) -> [Element] {
        var objects: [Element] = []
        for try await batch in batches { objects += batch }
        return objects
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private var batches: ResultBatches<Element>.AsyncIterator
        private var batch: [Element] = []
        private var index = 0

        fileprivate init(batches: ResultBatches<Element>.AsyncIterator) { self.batches = batches }

        public mutating func next() async throws(CIMError) -> Element? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> Element? {
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

/// The objects of an operation in batches; see ``ResultSequence``.
public struct ResultBatches<Result: Sendable>: AsyncSequence, Sendable {
    public typealias Element = [Result]
    public typealias Failure = CIMError

    private let operation: Operation
    private let lifetime: Lifetime
    private let source: ResultSource<Result>

    init(_ operation: Operation, _ lifetime: Lifetime, _ source: ResultSource<Result>) {
        self.operation = operation
        self.lifetime = lifetime
        self.source = source
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(operation, lifetime, source) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let operation: Operation
        private let source: ResultSource<Result>
        /// The sequence may be gone while it is iterated; leaving the loop ends the operation though the sequence is still there.
        private let lifetimes: (sequence: Lifetime, iteration: Lifetime)
        private var decoder: InstanceDecoder
        private var isDone = false

        fileprivate init(_ operation: Operation, _ sequence: Lifetime, _ source: ResultSource<Result>) {
            self.operation = operation
            self.source = source
            decoder = source.decoder
            lifetimes = (sequence, Lifetime(operation))
        }

        public mutating func next() async throws(CIMError) -> [Result]? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> [Result]? {
            guard !isDone else { return nil }
            switch await operation.sink.take() {
            case .batch(let message):
                do throws(CIMError) {
                    return try await source.session.decode(&decoder, what: "an object") { [source] in try source.read(&$0, message) }
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

/// How the batches of an operation are read.
struct ResultSource<Element: Sendable>: Sendable {
    let session: Session
    let decoder: InstanceDecoder
    let read: @Sendable (inout InstanceDecoder, Message) throws -> [Element]
}

extension ResultSource where Element == CIMInstance {
    /// - Parameter className: of objects that do not say theirs.
    static func instances(of className: String, _ session: Session) -> ResultSource {
        ResultSource(session: session, decoder: InstanceDecoder(expectedClass: className)) { try $0.readInstances($1) }
    }

    static func queried(_ session: Session) -> ResultSource {
        ResultSource(session: session, decoder: InstanceDecoder()) { try $0.readInstances($1) }
    }
}

extension ResultSource where Element == CIMClass {
    static func classes(_ session: Session) -> ResultSource {
        ResultSource(session: session, decoder: InstanceDecoder(expectedClass: "")) { (decoder, message) in
            try decoder.readObjects(message).map { object in
                guard case .class(let declaration) = object else {
                    throw CIMError(.transportFailure, "the broker sent an instance for a class")
                }
                return declaration
            }
        }
    }
}

extension ResultSource where Element == CIMObject {
    static func objects(_ session: Session) -> ResultSource {
        ResultSource(session: session, decoder: InstanceDecoder(expectedClass: "")) { try $0.readObjects($1) }
    }
}

/// Cancels the operation when nobody can take its results any more.
final class Lifetime: Sendable {
    private let operation: Operation

    init(_ operation: Operation) { self.operation = operation }

    deinit { operation.cancel() }
}
