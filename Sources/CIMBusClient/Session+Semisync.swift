import CIM
import CIMBusWire
import DBus

/// The semisync forms: the broker keeps the results, and the client pulls them (Semantics A.1; recommended where callbacks are not wanted,
/// R18, R79).
///
/// Each function returns an enumerator or a call result. `close` closes it. It is also closed when the client has seen the end and drops
/// it, and at the latest when the connection ends.
///
/// A function throws when the operation cannot begin: TransportFailure, InvalidNamespace, InvalidObjectPath, and QuotaViolation when too
/// many operations are open. The enumerator or the call result throws when the operation itself fails. No progress is reported.
extension Session {
    /// Opens an enumeration to pull from. ``InstanceEnumerator/next(_:timeout:)`` throws when the enumeration itself fails.
    public func openEnumerator(
        of className: String, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> InstanceEnumerator {
        let object = try await open(.createInstanceEnum(className, options), Contract.enumerator, drop: .cancels)
        return InstanceEnumerator(object, InstanceDecoder(expectedClass: className))
    }

    /// Opens a query for instances to pull from. ``InstanceEnumerator/next(_:timeout:)`` throws when the query itself fails.
    public func openQuery(_ query: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> InstanceEnumerator {
        InstanceEnumerator(try await open(.execQuery(query, options), Contract.enumerator, drop: .cancels), InstanceDecoder())
    }

    /// As ``getInstance(at:options:)-(CIMObjectPath,_)``; ``CallResult/value(timeout:)`` waits for the result.
    public func openGetInstance(
        at path: CIMObjectPath, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<CIMInstance> {
        try Self.check(instancePath: path)
        let object = try await open(.getObject(text(of: path), options), Contract.callResult, drop: .cancels)
        return CallResult(object, "GetResultObject", "ua{sv}") { [self] (reader, _) async throws(CIMError) in
            try await instance(of: path.className) { try $0.readInstance(at: reader) }
        }
    }

    /// As ``putInstance(_:options:)``; ``CallResult/value(timeout:)`` waits for the result. A put that is closed before its end may have
    /// had its effect.
    public func openPutInstance(
        _ instance: CIMInstance, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<CIMObjectPath> {
        let object = try await open(.putInstance(instance, options), Contract.callResult, drop: .runsOn)
        return CallResult(object, "GetResultString", "us") { (reader, _) async throws(CIMError) in
            var reader = reader
            do { return try CIMObjectPath(parsing: try reader.readString()) } catch { throw Self.badPath(error) }
        }
    }

    /// As ``deleteInstance(at:options:)``; ``CallResult/value(timeout:)`` waits for the end. A delete that is closed before its end may have
    /// had its effect.
    public func openDeleteInstance(
        at path: CIMObjectPath, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<Void> {
        try Self.check(instancePath: path)
        return try await statusResult(.deleteInstance(text(of: path), options))
    }

    /// As ``putClass(_:mode:options:)``; ``CallResult/value(timeout:)`` waits for the end. The session reads classes anew only after
    /// somebody has waited.
    public func openPutClass(
        _ declaration: CIMClass, mode: OperationFlags = [], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<Void> {
        try await statusResult(.putClass(declaration, in: namespace, options, mode), changesClasses: true)
    }

    /// As ``deleteClass(_:options:)``; ``CallResult/value(timeout:)`` waits for the end. The session reads classes anew only after somebody
    /// has waited.
    public func openDeleteClass(_ name: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> CallResult<Void> {
        try await statusResult(.deleteClass(name, options), changesClasses: true)
    }

    /// The result of an operation that gives nothing back.
    private func statusResult(_ request: ServicesRequest, changesClasses: Bool = false) async throws(CIMError) -> CallResult<Void> {
        CallResult(try await open(request, Contract.callResult, drop: .runsOn), "GetCallStatus", "uu") {
            (reader, object) async throws(CIMError) in
            if changesClasses { object.session.link.classes.forgetAll() }
            // GetCallStatus succeeds whatever the operation did; the second value is the operation's.
            var reader = reader
            let status = WBEMStatus(rawValue: (try? reader.readUInt32()) ?? WBEMStatus.transportFailure.rawValue)
            if !status.isSuccess { throw await object.failure(status) }
        }
    }

    /// As ``invoke(_:at:parameters:options:)``; ``CallResult/value(timeout:)`` waits for the result. A method that is closed before its end
    /// may have had its effect.
    public func openInvoke(
        _ method: String, at path: CIMObjectPath, parameters: [String: CIMValue] = [:], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<MethodResult> {
        let object = try await open(.execMethod(method, at: text(of: path), parameters, options), Contract.callResult, drop: .runsOn)
        return CallResult(object, "GetResultObject", "ua{sv}") { [self] (reader, _) async throws(CIMError) in
            try await methodResult(in: reader, of: path.className, method)
        }
    }
}
