import CIM

/// What every protocol has that is generated for the providers of a class.
public protocol TypedProvider: Sendable {
    /// Whether put looks at ``RequestContext/putProperties``. The default is false: then the library refuses a partial update with
    /// ProviderNotCapable (Semantics C.1.3).
    var supportsPartialPut: Bool { get }
}

extension TypedProvider {
    public var supportsPartialPut: Bool { false }
}

/// What is generated beside the protocol of a class's providers: it leads from the operations on the class to the provider's functions. The
/// library makes an ``InstanceProvider`` and a ``MethodProvider`` of it.
public protocol TypedAdapter: InstanceProvider, MethodProvider {
    associatedtype Object: TypedInstance

    /// Hands over every instance of exactly this class. What it throws ends the enumeration, after the instances before.
    func instances(into rows: inout TypedRows<Object>, context: RequestContext) async throws
    /// Nil where there is no such instance.
    func get(_ reference: Reference<Object>, context: RequestContext) async throws -> Object?
    /// Creates or updates an instance, as ``RequestContext/putMode`` says; nil where its path is that of `object`. What it throws is the client's error.
    func put(_ object: Object, context: RequestContext) async throws -> Reference<Object>?
    /// Deletes an instance. Throws NotFound where there is none.
    func delete(_ reference: Reference<Object>, context: RequestContext) async throws
    /// Runs a method; nil for one that is not the class's. Throws InvalidMethodParameters for values of other types, and what the method throws.
    func invoke(
        _ method: String, at path: CIMObjectPath, _ input: TypedParameters, context: RequestContext
    ) async throws -> TypedParameters?
}

extension TypedAdapter {
    public func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        try await sink.indicate(Object.self) { rows in try await instances(into: &rows, context: context) }
    }

    public func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        guard let object = try await get(Reference(path), context: context) else {
            throw CIMError(.notFound, "there is no instance \(path)")
        }
        return object.instance
    }

    public func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        try await put(try Object(instance), context: context)?.path
    }

    public func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        try await delete(Reference(path), context: context)
    }

    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
    ) async throws -> MethodResult {
        let input = TypedParameters(of: "\(Object.className).\(method)", parameters)
        guard let output = try await invoke(method, at: path, input, context: context) else {
            throw CIMError(.methodNotImplemented, "\(Object.className) has no method \(method) here")
        }
        return MethodResult(output.values)
    }

    /// Of a class whose instances are not written here.
    public func unsupported(_ operation: String) -> CIMError {
        CIMError(.providerNotCapable, "instances of \(Object.className) cannot be \(operation)")
    }
}
