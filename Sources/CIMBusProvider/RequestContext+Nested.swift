import CIM
import CIMBusWire
import DBus

/// A provider's own calls to the broker, made for the call it is serving (L12): they end with it, are charged to its client, and run with
/// this provider's rights. While one waits, its method gives up its place: a provider that serves one call at a time is asked other things
/// meanwhile, and may be asked by itself.
extension RequestContext {
    /// Calls a method of `org.cimbus1.Services` in its sync form.
    /// - Parameter arguments: of the method; put ``forwardedContext`` where it takes a context.
    /// - Returns: the reply. Throws what the broker answers, CallCancelled when the operation is over meanwhile.
    public func call(_ method: String, _ arguments: [DBusValue], in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> Message {
        let namespace = namespace ?? self.namespace
        do throws(CIMError) {
            return try await call(at: Contract.path(of: namespace), Contract.services, method, arguments)
        } catch {
            throw error.ofServices(in: namespace)
        }
    }

    /// Calls the broker; while it waits, the method gives up its place.
    func call(
        at path: ObjectPath, _ interface: InterfaceName, _ member: String, _ arguments: [DBusValue]
    ) async throws(CIMError) -> Message {
        try await call.host.givingUpPlace(of: call) { () throws(CIMError) in try await ask(at: path, interface, member, arguments) }
    }

    /// Calls the broker; the method keeps its place.
    func ask(
        at path: ObjectPath, _ interface: InterfaceName, _ member: String, _ arguments: [DBusValue]
    ) async throws(CIMError) -> Message {
        try checkIsOpen()
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: call.brokerName, path: path, interface: interface, member: MemberName(verified: member), values: arguments)
            return try await call.connection.call(message, timeout: nil)
        } catch {
            // What was nested in a call ends with it: then that is the reason, whatever the broker had to say.
            try checkIsOpen()
            throw CIMError(error)
        }
    }

    /// Throws CallCancelled, or why else the call has ended, when it has: nothing is asked for it any more.
    func checkIsOpen() throws(CIMError) {
        if let refusal = call.refusal { throw refusal }
    }

    /// Asks Services; the method keeps its place.
    func askServices(_ method: String, _ arguments: [DBusValue], in namespace: CIMNamespaceName) async throws(CIMError) -> Message {
        do throws(CIMError) {
            return try await ask(at: Contract.path(of: namespace), Contract.services, method, arguments)
        } catch {
            throw error.ofServices(in: namespace)
        }
    }

    /// The instance at `path`. Types are those of the wire (`sint16` for `sint8`, text for a datetime).
    public func getInstance(at path: CIMObjectPath, in namespace: CIMNamespaceName? = nil) async throws -> CIMInstance {
        var reader = try await call("GetObject", [.string(path.relativePath), .int32(0), forwardedContext], in: namespace).reader
        return try reader.readInstance()
    }

    /// The instances of a class and its subclasses, as far as they fit into one reply (1 MiB; QuotaViolation past it).
    public func instances(of className: String, in namespace: CIMNamespaceName? = nil) async throws -> [CIMInstance] {
        var reader = try await call("CreateInstanceEnum", [.string(className), .int32(0), forwardedContext], in: namespace).reader
        return try reader.readInstances()
    }

    /// Invokes a method.
    /// - Returns: its out parameters and ReturnValue.
    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: KeyValuePairs<String, CIMValue> = [:], in namespace: CIMNamespaceName? = nil
    ) async throws -> CIMInstance {
        let input = DBusValue(instance: CIMInstance(className: "__PARAMETERS", parameters))
        let arguments: [DBusValue] = [.string(path.relativePath), .string(method), .int32(0), forwardedContext, input]
        var reader = try await call("ExecMethod", arguments, in: namespace).reader
        return try reader.readInstance()
    }
}

extension CIMError {
    /// A namespace without an object of its own does not exist.
    fileprivate func ofServices(in namespace: CIMNamespaceName) -> CIMError {
        guard (cause as? DBusError)?.code == .errorReply(.unknownObject) else { return self }
        return CIMError(.invalidNamespace, "the broker has no namespace \(namespace)", cause: cause)
    }
}
