import CIM
import CIMBusWire
import CIMQuery
import DBus

/// The instances of other providers, as they arrive. A provider asks for them for the call that it serves (Semantics E.1, R3).
///
/// ```swift
/// for try await disk in context.enumerateInstances(of: "Sample_Disk") { … }
/// ```
///
/// The sequence asks nobody before the loop wants the first instance. It throws how the enumeration failed, after every instance that came
/// before. Each iteration asks anew.
///
/// A slow loop slows the inner provider down: about 256 instances wait here, and 8 batches or 1 MiB at the broker. An enumeration whose
/// loop takes nothing for 60 s ends with ClientTooSlow. Leaving the loop and cancelling its task cancel the enumeration. While the loop
/// waits, the method gives up its place (R13).
public struct NestedInstances: AsyncSequence, Sendable {
    public typealias Element = CIMInstance
    public typealias Failure = CIMError

    enum Source: Sendable {
        /// Of exactly this class, or of those below it, too.
        case instances(of: String, isDeep: Bool)
        case query(String)
    }

    let source: Source
    let namespace: CIMNamespaceName
    let context: RequestContext

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// All instances as one array, in memory at once.
    public func collected() async throws(CIMError) -> [CIMInstance] {
        var instances: [CIMInstance] = []
        for try await instance in self { instances.append(instance) }
        return instances
    }

    public struct AsyncIterator: AsyncIteratorProtocol, Sendable {
        /// As many as are taken out of a reply at once.
        private static let mostAtOnce: UInt32 = 256

        private let sequence: NestedInstances
        private var decoder: InstanceDecoder
        private var enumeration: NestedEnumeration?
        private var batch: [CIMInstance] = []
        private var index = 0
        private var isAtEnd = false
        /// What is there already is taken together; what is not is waited for one by one, so that the first does not wait for the second.
        private var mayHaveMore = false

        init(_ sequence: NestedInstances) {
            self.sequence = sequence
            decoder = InstanceDecoder(expectedClass: sequence.expectedClass)
        }

        public mutating func next() async throws(CIMError) -> CIMInstance? { try await next(isolation: nil) }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(CIMError) -> CIMInstance? {
            while true {
                if index < batch.count {
                    defer { index += 1 }
                    return batch[index]
                }
                if isAtEnd { return nil }
                do throws(CIMError) {
                    try await refill()
                } catch {
                    isAtEnd = true
                    enumeration = nil
                    throw error
                }
            }
        }

        private mutating func refill() async throws(CIMError) {
            batch = []
            index = 0
            let enumeration: NestedEnumeration
            if let open = self.enumeration { enumeration = open } else { enumeration = try await sequence.open() }
            self.enumeration = enumeration
            let pulled =
                mayHaveMore
                ? try await enumeration.pull(Self.mostAtOnce, waiting: .zero)
                : try await enumeration.pull(1, waiting: ResultObject.longestWait)
            mayHaveMore = pulled.isFull
            isAtEnd = pulled.isAtEnd
            batch = try await sequence.context.read(&decoder, in: sequence.namespace) { try $0.readInstances(at: pulled.instances) }
            if isAtEnd { self.enumeration = nil }
        }
    }
}

extension NestedInstances {
    fileprivate var expectedClass: String {
        switch source {
        case .instances(let className, _): className
        case .query(let text): ProviderQuery(text)?.className.text ?? ""
        }
    }

    fileprivate func open() async throws(CIMError) -> NestedEnumeration {
        let method: String
        let subject: [DBusValue]
        var flags: OperationFlags = []
        switch source {
        case .instances(let className, let isDeep):
            guard !className.isEmpty else { throw CIMError(.invalidParameter, "the name of the class is empty") }
            method = "CreateInstanceEnum"
            subject = [.string(className)]
            // The broker keeps back what a provider gives of the classes below (R1).
            if !isDeep { flags = .shallow }
        case .query(let text):
            guard !text.isEmpty else { throw CIMError(.invalidParameter, "the query is empty") }
            method = "ExecQuery"
            subject = [.string("WQL"), .string(text)]
        }
        let reply = try await context.call(
            method + "Semisync", subject + [.int32(flags.rawValue), context.readContext()], in: namespace)
        var reader = reply.reader
        guard reply.hasSignature("o"), let path = try? reader.readObjectPath() else {
            throw .unexpected(reply, to: method + "Semisync")
        }
        return NestedEnumeration(context, path)
    }
}
