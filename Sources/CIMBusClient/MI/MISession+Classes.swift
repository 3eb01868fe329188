import CIM
import CIMBusWire
import DBus

extension MI.Session {
    /// A class, with its inherited features (MI_Session_GetClass).
    @discardableResult
    public func getClass(
        _ name: String, in namespace: String? = nil, flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil,
        callbacks: MI.OperationCallbacks? = nil
    ) -> MI.ClassOperation {
        let request = Request(activity: "GetClass", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.classResult) { (target) throws(CIMError) in
            try Self.check(name: name, "class")
            var call = target.classes(.getObject(name, target.options, flags.read))
            call.isSingle = true
            return call
        }
    }

    /// The subclasses of a class, without the class itself (MI_Session_EnumerateClasses; Semantics L.17). With
    /// ``MI/OperationFlags/shallow`` only the direct subclasses.
    /// - Parameters:
    ///   - className: nil means every class of the namespace.
    ///   - namesOnly: whether the classes have their name and nothing else.
    @discardableResult
    public func enumerateClasses(
        of className: String? = nil, in namespace: String? = nil, namesOnly: Bool = false, flags: MI.OperationFlags = [],
        options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.ClassOperation {
        let request = Request(activity: "EnumerateClasses", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.classResult) { (target) throws(CIMError) in
            if let className { try Self.check(name: className, "class") }
            return target.classes(.createClassEnum(className ?? "", target.options, flags.enumeration), namesOnly: namesOnly)
        }
    }

    /// Whether the broker answers (MI_Session_TestConnection). The result has no instance.
    ///
    /// Fails with ``MI/ErrorCategory/operationTimeout`` when the broker is there and says nothing within the timeout of the options. Where
    /// the options have none, the limit is 25 s.
    @discardableResult
    public func testConnection(
        flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "TestConnection", flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            let broker = target.services.broker
            let loop = target.services.link.connection.loop
            let timeout = target.options.timeout
            return MI.Call(
                send: { sink in
                    if let timeout {
                        sink.watch(
                            loop.schedule(after: timeout) {
                                sink.finish(.failure(CIMError(.timedOut, "the broker did not answer within \(timeout)")))
                            })
                    }
                    Task {
                        do throws(CIMError) {
                            _ = try await broker.figures()
                            sink.finish(.success(FinalStatus(status: .noError, parameter: "")))
                        } catch {
                            sink.finish(.failure(error))
                        }
                    }
                }, isSingle: true, read: { (_, _) async throws(CIMError) in [] })
        }
    }
}

extension MI.Session.Target {
    fileprivate func classes(_ request: ServicesRequest, namesOnly: Bool = false) -> MI.Call<CIMClass> {
        .services(self, request) { (_, message) async throws(CIMError) in
            do {
                var reader = message.reader
                let end = try reader.enterArray(elementAlignment: 4)
                var classes: [CIMClass] = []
                while !reader.isAtEnd(of: end) {
                    let declaration = try reader.readClass()
                    classes.append(namesOnly ? CIMClass(name: declaration.name) : declaration)
                }
                return classes
            } catch {
                throw CIMError(undecodable: error, what: "a class")
            }
        }
    }
}
