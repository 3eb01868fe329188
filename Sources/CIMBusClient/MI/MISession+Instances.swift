import CIM
import CIMBusWire
import DBus

extension MI.Session {
    /// One instance (MI_Session_GetInstance).
    @discardableResult
    public func getInstance(
        at path: CIMObjectPath, in namespace: String? = nil, flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil,
        callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "GetInstance", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            try CIMBusClient.Session.check(instancePath: path)
            let request = ServicesRequest.getObject(target.services.text(of: path), target.options, flags.read)
            let shape = MI.InstanceShape(derivation: flags.wantsDerivation)
            return .services(target, request, expecting: path.className) { (decoder, message) async throws(CIMError) in
                try await target.readInstances(&decoder, message, shape)
            }.single
        }
    }

    /// Creates an instance that must not exist yet (MI_Session_CreateInstance). The result has the keys of the instance, also those that
    /// the provider chose.
    @discardableResult
    public func createInstance(
        _ instance: CIMInstance, in namespace: String? = nil, flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil,
        callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        var request = Request(activity: "CreateInstance", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        request.prompt = ("create an instance of \(instance.className)?", .normal)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            var call = target.put(instance, .createOnly)
            call.last = { final async throws(CIMError) in
                let path = try CIMBusClient.Session.parse(final.parameter)
                var created = CIMInstance(className: path.className, path: path)
                guard case .keys(let keys) = path.keys else { return created }
                let declaration = try await target.services.getClass(path.className)
                for property in declaration.keyProperties {
                    // A path may leave out the name of its only key.
                    guard let key = path[key: property.name] ?? (keys.count == 1 ? keys.first?.value : nil) else { continue }
                    created[property.name] = key.value.converted(to: property.type) ?? key.value
                }
                return created
            }
            return call
        }
    }

    /// Writes an instance that exists (MI_Session_ModifyInstance). Every property is written, absent ones as NULL, unless `only` names
    /// some. With `only` a provider without partial updates answers ``MI/ResultCode/notSupported``. The result has no instance.
    @discardableResult
    public func modifyInstance(
        _ instance: CIMInstance, only properties: [String]? = nil, in namespace: String? = nil, flags: MI.OperationFlags = [],
        options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        var request = Request(activity: "ModifyInstance", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        request.prompt = ("modify \(instance.path?.relativePath ?? "an instance of \(instance.className)")?", .normal)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            guard let properties else { return target.put(instance, .updateOnly) }
            var target = target
            target.options = target.options.updatingOnly(properties)
            return target.put(instance, .updateOnly)
        }
    }

    /// Deletes an instance (MI_Session_DeleteInstance). The result has no instance.
    @discardableResult
    public func deleteInstance(
        at path: CIMObjectPath, in namespace: String? = nil, flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil,
        callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        var request = Request(activity: "DeleteInstance", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        request.prompt = ("delete \(path.relativePath)?", .critical)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            try CIMBusClient.Session.check(instancePath: path)
            let request = ServicesRequest.deleteInstance(target.services.text(of: path), target.options)
            return .services(target, request) { (_, _) async throws(CIMError) in [] }.single
        }
    }

    /// Runs a method of an instance, or a static method of a class at the path of the class (MI_Session_Invoke). The result is an instance
    /// of `__PARAMETERS` with the out parameters and `ReturnValue`.
    ///
    /// After a cancel, and after an error of the category ``MI/ErrorCategory/resourceUnavailable`` or ``MI/ErrorCategory/connectionError``,
    /// the method may have had its effect.
    /// - Parameter parameters: the in parameters by name. An integer may have any width into which its value fits.
    @discardableResult
    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: [String: CIMValue] = [:], in namespace: String? = nil,
        flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        var request = Request(activity: "Invoke", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        request.prompt = ("invoke \(method) of \(path.relativePath)?", .normal)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            try Self.check(name: method, "method")
            let request = ServicesRequest.execMethod(method, at: target.services.text(of: path), parameters, target.options)
            let streaming = callbacks?.streamedParameterResult
            var call = MI.Call<CIMInstance>.services(target, request) { (_, message) async throws(CIMError) in
                guard var result = try await target.readMethodResult(message, of: path.className, method) else { return [] }
                if let streaming { try await target.stream(&result, of: path.className, method, to: streaming) }
                return [result]
            }.single
            // A method without anything to say.
            call.last = { _ in CIMInstance(className: "__PARAMETERS") }
            return call
        }
    }
}

extension MI.Call {
    /// Its one object comes with the last result.
    fileprivate var single: Self {
        var call = self
        call.isSingle = true
        return call
    }
}

extension MI.Session.Target {
    fileprivate func put(_ instance: CIMInstance, _ flag: CIMBusWire.OperationFlags) -> MI.Call<CIMInstance> {
        .services(self, .putInstance(instance, options, flag)) { (_, _) async throws(CIMError) in [] }.single
    }

    fileprivate func readMethodResult(
        _ message: Message, of className: String, _ method: String
    ) async throws(CIMError) -> CIMInstance? {
        guard let result = try await services.methodResult(in: message, of: className, method) else { return nil }
        var parameters = result.parameters
        parameters["ReturnValue"] = result.returnValue
        return parameters
    }

    /// Hands over the out parameters that are declared as streams, and leaves the others.
    fileprivate func stream(
        _ result: inout CIMInstance, of className: String, _ method: String,
        to streaming: @Sendable (MI.OperationControl, MI.StreamedParameter) -> Void
    ) async throws(CIMError) {
        guard let declaration = try await services.getClass(className).method(named: method) else { return }
        for parameter in declaration.parameters where parameter.isOut && parameter.qualifiers.isTrue("Stream") {
            guard let value = result[parameter.name] else { continue }
            result[parameter.name] = nil
            await control.turn.take()
            let given: Signal<Void>? = flags.contains(.manualAcknowledgement) ? Signal() : nil
            streaming(
                control, MI.StreamedParameter(name: parameter.name, value: value, acknowledgement: given.map { MI.Acknowledgement($0) }))
            await given?.value()
            control.turn.giveBack()
        }
    }
}
