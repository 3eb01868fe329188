import CIM
import CIMBusWire
import DBus

/// The semisync forms: the broker keeps the results, the client pulls them (SEMANTICS A.1; recommended where callbacks are not wanted, R18,
/// R79). What is opened is to be closed; it ends with the connection at the latest.
///
/// To open throws what keeps the operation from beginning: TransportFailure, InvalidNamespace, InvalidObjectPath, QuotaViolation when too many
/// are open. How the operation itself fails is thrown by what is opened. No progress is reported.
extension Session {
    /// Opens an enumeration to pull from. A failure of the enumeration itself is thrown by ``InstanceEnumerator/next(_:timeout:)``.
    public func openEnumerator(
        of className: String, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> InstanceEnumerator {
        enumerator(try await open(.createInstanceEnum(className, options)), InstanceDecoder(expectedClass: className))
    }

    /// Opens a query for instances to pull from. A failure of the query itself is thrown by ``InstanceEnumerator/next(_:timeout:)``.
    public func openQuery(_ query: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> InstanceEnumerator {
        enumerator(try await open(.execQuery(query, options)), InstanceDecoder())
    }

    private func enumerator(_ path: ObjectPath, _ decoder: InstanceDecoder) -> InstanceEnumerator {
        InstanceEnumerator(SemisyncObject(path: path, interface: Contract.enumerator, session: self), decoder)
    }

    /// As ``getInstance(_:options:)-(CIMObjectPath,_)``, its result to be waited for with ``CallResult/value(timeout:)``.
    public func openGetInstance(
        _ path: CIMObjectPath, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<CIMInstance> {
        try Self.check(instancePath: path)
        let operation = try await open(.getObject(text(of: path), options))
        return callResult(operation, "GetResultObject", "ua{sv}") { [self] reader async throws(CIMError) in
            var decoder = InstanceDecoder(expectedClass: path.className)
            return try await decode(&decoder, what: "the instance") { decoder in
                var reader = reader
                return try decoder.readInstance(&reader)
            }
        }
    }

    /// As ``putInstance(_:options:)``, its result to be waited for. One that is closed before may have had its effect.
    public func openPutInstance(
        _ instance: CIMInstance, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<CIMObjectPath> {
        let operation = try await open(.putInstance(instance, options))
        return callResult(operation, "GetResultString", "us") { reader async throws(CIMError) in
            var reader = reader
            do { return try CIMObjectPath(parsing: try reader.readString()) } catch { throw Self.badPath(error) }
        }
    }

    /// As ``deleteInstance(_:options:)``, its end to be waited for. One that is closed before may have had its effect.
    public func openDeleteInstance(
        _ path: CIMObjectPath, options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<Void> {
        try Self.check(instancePath: path)
        return statusResult(try await open(.deleteInstance(text(of: path), options)))
    }

    /// As ``putClass(_:mode:options:)``, its end to be waited for: only then are classes read anew.
    public func openPutClass(
        _ declaration: CIMClass, mode: OperationFlags = [], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<Void> {
        statusResult(try await open(.putClass(declaration, in: namespace, options, mode)), changesClasses: true)
    }

    /// As ``deleteClass(_:options:)``, its end to be waited for: only then are classes read anew.
    public func openDeleteClass(_ name: String, options: OperationOptions = OperationOptions()) async throws(CIMError) -> CallResult<Void> {
        statusResult(try await open(.deleteClass(name, options)), changesClasses: true)
    }

    /// The result of an operation that gives nothing back.
    private func statusResult(_ operation: ObjectPath, changesClasses: Bool = false) -> CallResult<Void> {
        let object = SemisyncObject(path: operation, interface: Contract.callResult, session: self)
        return callResult(operation, "GetCallStatus", "uu") { reader async throws(CIMError) in
            if changesClasses { object.session.link.forgetClasses() }
            // GetCallStatus succeeds whatever the operation did; the second value is the operation's.
            var reader = reader
            let status = WBEMStatus(rawValue: (try? reader.readUInt32()) ?? WBEMStatus.transportFailure.rawValue)
            if !status.isSuccess { throw await object.failure(status) }
        }
    }

    /// As ``invoke(_:_:parameters:options:)``, its result to be waited for. One that is closed before may have had its effect.
    public func openInvoke(
        _ path: CIMObjectPath, _ method: String, parameters: [String: CIMValue] = [:], options: OperationOptions = OperationOptions()
    ) async throws(CIMError) -> CallResult<MethodResult> {
        let operation = try await open(.execMethod(method, at: text(of: path), parameters, options))
        return callResult(operation, "GetResultObject", "ua{sv}") { [self] reader async throws(CIMError) in
            try await methodResult(in: reader, of: path.className, method)
        }
    }

    private func callResult<Value: Sendable>(
        _ path: ObjectPath, _ member: String, _ signature: StaticString,
        _ read: @escaping @Sendable (BodyReader) async throws(CIMError) -> Value
    ) -> CallResult<Value> {
        CallResult(SemisyncObject(path: path, interface: Contract.callResult, session: self), member, signature, read)
    }
}
