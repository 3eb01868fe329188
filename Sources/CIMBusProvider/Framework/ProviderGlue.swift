import CIM

extension RequestContext {
    /// The functions of this context under the names of WMI's framework.
    public var glue: ProviderGlue { ProviderGlue(context: self) }
}

/// The names of WMI's CWbemProviderGlue, for those who bring a provider from Windows (Semantics E.1). Each is one of the functions of
/// ``RequestContext`` under WMI's name. It differs in one thing: where no namespace is given, the namespace is root\cimv2, wherever the
/// call came from (R8).
public struct ProviderGlue: Sendable {
    let context: RequestContext

    /// The instances of exactly this class (R1) as one array (R4): ``RequestContext/enumerateInstances(of:in:deep:)``.
    public func getAllInstances(of className: String, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> [CIMInstance] {
        try await context.enumerateInstances(of: className, in: namespace ?? .cimv2, deep: false).collected()
    }

    /// The instances of the class and of its subclasses as one array: ``RequestContext/enumerateInstances(of:in:deep:)``.
    public func getAllDerivedInstances(
        of className: String, in namespace: CIMNamespaceName? = nil
    ) async throws(CIMError) -> [CIMInstance] {
        try await context.enumerateInstances(of: className, in: namespace ?? .cimv2).collected()
    }

    /// The instances that satisfy a query as one array: ``RequestContext/execQuery(_:in:)``.
    public func getInstancesByQuery(_ query: String, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> [CIMInstance] {
        try await context.execQuery(query, in: namespace ?? .cimv2).collected()
    }

    /// ``RequestContext/getInstance(at:properties:in:)``.
    public func getInstanceByPath(_ path: CIMObjectPath, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> CIMInstance {
        try await context.getInstance(at: path, in: namespace ?? .cimv2)
    }

    /// The keys of the instance at `path`: the cheapest way to learn whether it exists. See ``RequestContext/getInstance(at:properties:in:)``.
    public func getInstanceKeysByPath(_ path: CIMObjectPath, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> CIMInstance {
        try await context.getInstance(at: path, properties: .keys, in: namespace ?? .cimv2)
    }

    /// These properties of the instance at `path`, and its keys. See ``RequestContext/getInstance(at:properties:in:)``.
    public func getInstancePropertiesByPath(
        _ path: CIMObjectPath, _ properties: [String], in namespace: CIMNamespaceName? = nil
    ) async throws(CIMError) -> CIMInstance {
        guard !properties.isEmpty else { throw CIMError(.invalidParameter, "no property of \(path) is named") }
        return try await context.getInstance(at: path, properties: .named(properties), in: namespace ?? .cimv2)
    }

    /// Whether a class is derived from another. A class is not derived from itself. Throws NotFound or InvalidClass when there is no class
    /// `derived`.
    public func isDerivedFrom(
        base: String, derived: String, in namespace: CIMNamespaceName? = nil
    ) async throws(CIMError) -> Bool {
        guard !base.isEmpty else { throw CIMError(.invalidParameter, "the name of the base class is empty") }
        return try await context.getClass(derived, in: namespace ?? .cimv2).isDerived(from: base)
    }

    /// An instance of the class with its defaults, to fill and commit.
    public func getEmptyInstance(of className: String, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> FrameworkInstance {
        let declaration = try await context.getClass(className, in: namespace ?? .cimv2)
        let properties = declaration.properties.map { CIMInstance.Property(name: $0.name, value: $0.defaultValue) }
        return FrameworkInstance(CIMInstance(className: declaration.name, properties), context)
    }
}
