import CIMBusClient
import CIMBusWire
import Synchronization

/// The broker as completion asks it: within a second, and without a word where there is none.
final class BrokerSource: CompletionSource {
    private let bus: BusAddress
    private let namespace: CIMNamespaceName
    private let patience: Duration
    private let known = Mutex<Session?>(nil)

    init(_ bus: BusAddress, _ namespace: CIMNamespaceName, patience: Duration = .seconds(1)) {
        self.bus = bus
        self.namespace = namespace
        self.patience = patience
    }

    private func session() async -> Session? {
        if let session = known.withLock({ $0 }) { return session }
        guard let session = try? await Session.connect(to: bus, namespace: namespace) else { return nil }
        known.withLock { $0 = session }
        return session
    }

    private var options: OperationOptions { OperationOptions(timeout: patience) }

    func classes() async -> [String] {
        guard let session = await session() else { return [] }
        return (try? await session.enumerateClasses(options: options).collected().map(\.name).filter { !$0.hasPrefix("__") }) ?? []
    }

    func declaration(of className: String) async -> CIMClass? {
        guard !className.isEmpty, let session = await session() else { return nil }
        return try? await session.getClass(className, timeout: patience)
    }

    func namespaces() async -> [String] {
        guard let session = await session() else { return [] }
        return (try? await broker(session).namespaces().map(\.text)) ?? []
    }

    func providers() async -> [String] {
        guard let session = await session() else { return [] }
        return (try? await broker(session).registrations().map(\.name)) ?? []
    }

    private func broker(_ session: Session) -> BrokerAdministration {
        var broker = session.broker
        broker.timeout = patience
        return broker
    }

    func paths(of className: String) async -> [String] {
        guard let session = await session(), let declaration = await declaration(of: className) else { return [] }
        if declaration.isSingleton { return ["\(declaration.name)=@"] }
        var options = options
        options.context[ContextKey.getExtensions] = .boolean(true)
        options.context[ContextKey.getKeysOnly] = .boolean(true)
        var paths: [String] = []
        do {
            for try await instance in session.enumerateInstances(of: declaration.name, options: options) {
                if let path = instance.path { paths.append(path.relativePath) }
                if paths.count >= 500 { break }
            }
        } catch {
            // What has come is better than nothing.
        }
        return paths
    }
}
