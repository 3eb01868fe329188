import CIM
import CIMBusWire
import DBus

/// A provider's own calls to the broker, made for the call that it is serving (L12). They end with that call, are charged to its client,
/// and run with this provider's rights. While such a call waits, its method gives up its place. So a provider that serves one call at a
/// time gets other calls meanwhile, also calls of its own.
extension RequestContext {
    /// Calls a method of `org.cimbus1.Services` in its sync form, for what has no function of its own here. Throws the error that the
    /// broker answers, and CallCancelled when the operation ends meanwhile.
    /// - Parameters:
    ///   - arguments: the arguments of the method. Put ``forwardedContext`` where the method takes a context.
    ///   - namespace: nil means that of the call.
    /// - Returns: the reply.
    public func call(_ method: String, _ arguments: [DBusValue], in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> Message {
        try await call.host.givingUpPlace(of: call) { () throws(CIMError) in
            try await askServices(method, arguments, in: namespace ?? self.namespace)
        }
    }

    /// Calls the broker; while it waits, the method gives up its place.
    func call(_ message: () throws(DBusError) -> Message) async throws(CIMError) -> Message {
        try await call.host.givingUpPlace(of: call) { () throws(CIMError) in try await ask(message) }
    }

    /// Calls the broker; the method keeps its place.
    private func ask(_ message: () throws(DBusError) -> Message) async throws(CIMError) -> Message {
        try checkIsOpen()
        do throws(DBusError) {
            return try await call.connection.call(try message(), timeout: nil)
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
            return try await ask { () throws(DBusError) in
                try Message.methodCall(
                    destination: call.brokerName, path: Contract.path(of: namespace), interface: Contract.services,
                    member: MemberName(verified: method), values: arguments)
            }
        } catch {
            throw CIMError(missing: namespace, error.cause as? DBusError) ?? error
        }
    }
}
