import CIM

/// The framework's form with a callback (R2 to R7): it is called for each instance as it arrives, one at a time, and the next is taken when it
/// has returned. What it throws ends the enumeration, which is cancelled, and is thrown on. It gets the requester, the instance, this context and the
/// user data as they were given; Swift's closures can do without the two.
extension RequestContext {
    public typealias InstanceCallback<Requester, UserData> = (
        _ requester: Requester, _ instance: FrameworkInstance, _ context: MethodContext, _ userData: UserData
    ) async throws -> Void

    /// ``allInstances(of:in:)`` with a callback: `SELECT * FROM C WHERE __CLASS = "C"`.
    public func getAllInstancesAsynch<Requester, UserData>(
        of className: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await allInstances(of: className, in: namespace ?? .cimv2).forEach(requester, userData, callback)
    }

    /// ``allDerivedInstances(of:in:)`` with a callback: `SELECT * FROM C`.
    public func getAllDerivedInstancesAsynch<Requester, UserData>(
        of className: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await allDerivedInstances(of: className, in: namespace ?? .cimv2).forEach(requester, userData, callback)
    }

    /// ``instances(matching:in:)`` with a callback.
    public func getInstancesByQueryAsynch<Requester, UserData>(
        _ query: String, requester: Requester, in namespace: CIMNamespaceName? = nil, userData: UserData,
        callback: InstanceCallback<Requester, UserData>
    ) async throws {
        try await instances(matching: query, in: namespace ?? .cimv2).forEach(requester, userData, callback)
    }
}

extension NestedInstances {
    fileprivate func forEach<Requester, UserData>(
        _ requester: Requester, _ userData: UserData, _ callback: RequestContext.InstanceCallback<Requester, UserData>
    ) async throws {
        for try await instance in self { try await callback(requester, FrameworkInstance(instance, context), context, userData) }
    }
}
