import CIM

/// The names of WMI's CWbemProviderGlue that have a callback (R2 to R7). Where no namespace is given, it is root\cimv2 (R8).
///
/// The callback is called for each instance as it arrives. The next instance is taken when the callback has returned. An error that the
/// callback throws cancels the enumeration, and the function throws it. The callback gets the instance and this context, and the requester
/// and the user data as they were given. In Swift a closure can do without requester and user data.
extension ProviderGlue {
    public typealias InstanceCallback<Requester, UserData> = (
        _ requester: Requester, _ instance: FrameworkInstance, _ context: MethodContext, _ userData: UserData
    ) async throws -> Void

    /// ``getAllInstances(of:in:)`` with a callback: `SELECT * FROM C WHERE __CLASS = "C"`.
    public func getAllInstancesAsynch<Requester, UserData>(
        of className: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await context.enumerateInstances(of: className, in: namespace ?? .cimv2, deep: false).forEach(requester, userData, callback)
    }

    /// ``getAllDerivedInstances(of:in:)`` with a callback: `SELECT * FROM C`.
    public func getAllDerivedInstancesAsynch<Requester, UserData>(
        of className: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await context.enumerateInstances(of: className, in: namespace ?? .cimv2).forEach(requester, userData, callback)
    }

    /// ``getInstancesByQuery(_:in:)`` with a callback.
    public func getInstancesByQueryAsynch<Requester, UserData>(
        _ query: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await context.execQuery(query, in: namespace ?? .cimv2).forEach(requester, userData, callback)
    }
}

extension NestedInstances {
    fileprivate func forEach<Requester, UserData>(
        _ requester: Requester, _ userData: UserData, _ callback: ProviderGlue.InstanceCallback<Requester, UserData>
    ) async throws {
        for try await instance in self { try await callback(requester, FrameworkInstance(instance, context), context, userData) }
    }
}
