import CIM

/// An instance together with the call it belongs to: CInstance (Semantics E.3).
public struct FrameworkInstance: Sendable {
    public var value: CIMInstance
    /// The call it came with; what is asked of it is nested there (R12).
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

    /// Hands it to the client of its call, as ``ObjectSink/indicate(_:)-(CIMInstance)`` does: throws what that throws, and waits while the client is slow.
    public func commit() async throws { try await ObjectSink(call: methodContext.call).indicate(value) }
}

extension RequestContext {
    /// An instance to fill and commit. Nothing is asked of anybody; see ``getEmptyInstance(of:in:)`` for one with the class's defaults.
    public func createNewInstance(of className: String) -> FrameworkInstance {
        FrameworkInstance(CIMInstance(className: className), self)
    }
}
