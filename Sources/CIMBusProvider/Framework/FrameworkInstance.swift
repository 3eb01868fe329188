import CIM

/// An instance together with the call it belongs to: CInstance (Semantics E.3).
public struct FrameworkInstance: Sendable {
    public var value: CIMInstance
    /// The call with which the instance came. What a provider asks of it is nested in that call (R12).
    public let methodContext: MethodContext

    public init(_ value: CIMInstance, _ methodContext: MethodContext) {
        self.value = value
        self.methodContext = methodContext
    }

    /// The value of a property, in any case: nil when absent, `.null` when NULL. Setting nil removes it.
    public subscript(name: String) -> CIMValue? {
        get { value[name] }
        set { value[name] = newValue }
    }

    /// Hands the instance to the client of its call. Throws and waits as ``ObjectSink/indicate(_:)-(CIMInstance)`` does.
    public func commit() async throws { try await ObjectSink(call: methodContext.call).indicate(value) }
}

extension RequestContext {
    /// An instance to fill and commit. Nobody is asked. ``ProviderGlue/getEmptyInstance(of:in:)`` gives an instance with the defaults of its class.
    public func createNewInstance(of className: String) -> FrameworkInstance {
        FrameworkInstance(CIMInstance(className: className), self)
    }
}
