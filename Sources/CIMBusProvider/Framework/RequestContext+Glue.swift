import CIM
import CIMBusWire
import DBus

/// What CWbemProviderGlue does: a provider asks other providers, for the call it serves (SEMANTICS E.1, L12).
///
/// Each throws InvalidParameter for an empty name, InvalidOperation or CallCancelled without asking anybody when the call of this context
/// is over (R10), and whatever those asked answer (R16). The namespace is root\cimv2 unless another is given (R8, R9).
extension RequestContext {
    /// The instances of exactly this class (R1), as they arrive.
    public func allInstances(of className: String, in namespace: CIMNamespaceName = .cimv2) -> NestedInstances {
        NestedInstances(source: .instances(of: className, isDeep: false), namespace: namespace, context: self)
    }

    /// The instances of the class and of those below it, as they arrive.
    public func allDerivedInstances(of className: String, in namespace: CIMNamespaceName = .cimv2) -> NestedInstances {
        NestedInstances(source: .instances(of: className, isDeep: true), namespace: namespace, context: self)
    }

    /// The instances that satisfy a WQL query, as they arrive. Ask only for the properties you need.
    public func instances(matching query: String, in namespace: CIMNamespaceName = .cimv2) -> NestedInstances {
        NestedInstances(source: .query(query), namespace: namespace, context: self)
    }

    /// ``allInstances(of:in:)`` as one array (R4): all of them in memory at once.
    public func getAllInstances(of className: String, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> [CIMInstance] {
        try await allInstances(of: className, in: namespace).collected()
    }

    /// ``allDerivedInstances(of:in:)`` as one array.
    public func getAllDerivedInstances(
        of className: String, in namespace: CIMNamespaceName = .cimv2
    ) async throws(CIMError) -> [CIMInstance] {
        try await allDerivedInstances(of: className, in: namespace).collected()
    }

    /// ``instances(matching:in:)`` as one array.
    public func getInstancesByQuery(_ query: String, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> [CIMInstance] {
        try await instances(matching: query, in: namespace).collected()
    }

    /// Whether a class is below another. A class is not derived from itself. Throws NotFound or InvalidClass when there is no `derived`.
    public func isDerivedFrom(
        base: String, derived: String, in namespace: CIMNamespaceName = .cimv2
    ) async throws(CIMError) -> Bool {
        guard !base.isEmpty else { throw CIMError(.invalidParameter, "the name of the base class is empty") }
        return try await getClass(derived, in: namespace).isDerived(from: base)
    }

    /// A class with what it inherits. Throws NotFound or InvalidClass when there is none. It is asked for once in the life of the broker, and anew
    /// when an object did not fit it: a change that somebody made to it since may not be seen.
    public func getClass(_ name: String, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> CIMClass {
        guard !name.isEmpty else { throw CIMError(.invalidParameter, "the name of the class is empty") }
        try checkIsOpen()
        guard let declaration = try await layout(of: name, in: namespace).declaration else {
            throw CIMError(.invalidClass, "\(name) is not a class")
        }
        return declaration
    }

    /// An instance of the class with its defaults, to fill and commit.
    public func getEmptyInstance(of className: String, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> FrameworkInstance
    {
        let declaration = try await getClass(className, in: namespace)
        let properties = declaration.properties.map { CIMInstance.Property(name: $0.name, value: $0.defaultValue) }
        return FrameworkInstance(CIMInstance(className: declaration.name, properties), self)
    }
}

extension NestedInstances {
    fileprivate func collected() async throws(CIMError) -> [CIMInstance] {
        var instances: [CIMInstance] = []
        for try await instance in self { instances.append(instance) }
        return instances
    }
}
