import CIM

extension TypedAdapter {
    /// Of its class.
    var shape: InstanceShape { Object.shape }
}

/// A class of which this provider serves classes below it, too, by generated types.
///
/// The broker asks a provider once for a class and all those below it that name the same provider (Protocol.md, "Class hierarchies"). Each adapter
/// knows its own class alone. So what is asked about the class is asked of each of them.
struct TypedHierarchy: InstanceProvider, MethodProvider {
    private let className: String
    /// Nil for a class that has no instances of its own.
    private let own: (any TypedAdapter)?
    /// The most derived first.
    private let below: [any TypedAdapter]

    /// Those of the providers that know one class alone know those below it, too. Classes above them that nobody else here serves are added.
    static func joining(_ providers: [CIMName: any Provider]) -> [CIMName: any Provider] {
        let adapters = providers.values.compactMap { $0 as? any TypedAdapter }
            .sorted { ($0.shape.derivation.count, $0.shape.className) > ($1.shape.derivation.count, $1.shape.className) }
        var joined = providers
        for name in Set((adapters.map(\.shape.className) + adapters.flatMap(\.shape.derivation)).map { CIMName($0) }) {
            let below = adapters.filter { $0.shape.derivation.contains { CIMName.equal($0, name.text) } }
            let own = providers[name] as? any TypedAdapter
            // What serves the class without types knows what it serves.
            guard !below.isEmpty, own != nil || providers[name] == nil else { continue }
            joined[name] = TypedHierarchy(className: name.text, own: own, below: below)
        }
        return joined
    }

    func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        if let own { try await own.enumerateInstances(of: own.shape.className, context: context, into: sink) }
        for adapter in below { try await adapter.enumerateInstances(of: adapter.shape.className, context: context, into: sink) }
    }

    /// Its own class last: what is an instance of a class below is none of this class alone.
    private var adapters: [any TypedAdapter] { below + (own.map { [$0] } ?? []) }

    private func path(_ path: CIMObjectPath, of adapter: any TypedAdapter) -> CIMObjectPath {
        var path = path
        path.className = adapter.shape.className
        return path
    }

    func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        try await found(path, context).instance
    }

    private func found(_ path: CIMObjectPath, _ context: RequestContext) async throws -> (adapter: any TypedAdapter, instance: CIMInstance)
    {
        for adapter in adapters {
            do {
                return (adapter, try await adapter.getInstance(at: self.path(path, of: adapter), context: context))
            } catch let error as CIMError where error.status == .notFound {}
        }
        throw CIMError(.notFound, "there is no instance \(path)")
    }

    var supportsPartialPut: Bool { own?.supportsPartialPut ?? false }

    func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        guard let own else { throw CIMError(.providerNotCapable, "\(className) has no instances of its own; put one of a class below it") }
        return try await own.putInstance(instance, context: context)
    }

    func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        let adapter = try await found(path, context).adapter
        try await adapter.deleteInstance(at: self.path(path, of: adapter), context: context)
    }

    func invoke(_ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext) async throws -> MethodResult {
        if path.isClassPath {
            guard let own else { throw CIMError(.methodNotImplemented, "\(className) has no methods here") }
            return try await own.invoke(method, at: path, parameters: parameters, context: context)
        }
        let adapter = try await found(path, context).adapter
        return try await adapter.invoke(method, at: self.path(path, of: adapter), parameters: parameters, context: context)
    }
}
