import CIM
import CIMBusWire
import DBus

extension MI.Session {
    /// The instances of a class and of its subclasses (MI_Session_EnumerateInstances; R20 to R37).
    /// - Parameters:
    ///   - namespace: nil means the server's default, root/cimv2.
    ///   - keysOnly: whether the instances have their key properties and no others.
    @discardableResult
    public func enumerateInstances(
        of className: String, in namespace: String? = nil, keysOnly: Bool = false, flags: MI.OperationFlags = [],
        options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "EnumerateInstances", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            try Self.check(name: className, "class")
            let base = flags.polymorphism == .deepBasePropertiesOnly ? className : nil
            let shape = MI.InstanceShape(baseClass: base, derivation: flags.wantsDerivation)
            let request = ServicesRequest.createInstanceEnum(className, target.keysOnly(keysOnly).options, flags.enumeration)
            return .services(target, request, expecting: className) { (decoder, message) async throws(CIMError) in
                try await target.readInstances(&decoder, message, shape)
            }
        }
    }

    /// The instances that a query selects (MI_Session_QueryInstances).
    /// - Parameter dialect: "WQL". Any other dialect fails with QUERY_LANGUAGE_NOT_SUPPORTED.
    @discardableResult
    public func queryInstances(
        _ expression: String, dialect: String = "WQL", in namespace: String? = nil, flags: MI.OperationFlags = [],
        options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "QueryInstances", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            target.query(expression, dialect: dialect, MI.InstanceShape(derivation: flags.wantsDerivation))
        }
    }

    /// The instances that are associated with one (MI_Session_AssociatorInstances; Semantics I.4).
    /// - Parameters:
    ///   - path: the path of the instance whose associators are asked for.
    ///   - associationClass: counts only associations of this class.
    ///   - resultClass: gives only instances of this class.
    ///   - role: counts only associations in which the instance at `path` plays this part.
    ///   - resultRole: gives only instances that play this part in the association.
    @discardableResult
    public func associatorInstances(
        of path: CIMObjectPath, associationClass: String? = nil, resultClass: String? = nil, role: String? = nil, resultRole: String? = nil,
        in namespace: String? = nil, keysOnly: Bool = false, flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil,
        callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "AssociatorInstances", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            let conditions = [("AssocClass", associationClass), ("ResultClass", resultClass), ("Role", role), ("ResultRole", resultRole)]
            let expression = try target.expression("ASSOCIATORS OF", path, conditions)
            return target.keysOnly(keysOnly).query(
                expression, dialect: "WQL", MI.InstanceShape(derivation: flags.wantsDerivation))
        }
    }

    /// The associations that refer to an instance (MI_Session_ReferenceInstances; Semantics I.4).
    /// - Parameters:
    ///   - resultClass: gives only associations of this class.
    ///   - role: counts only associations in which the instance at `path` plays this part.
    @discardableResult
    public func referenceInstances(
        of path: CIMObjectPath, resultClass: String? = nil, role: String? = nil, in namespace: String? = nil, keysOnly: Bool = false,
        flags: MI.OperationFlags = [], options: MI.OperationOptions? = nil, callbacks: MI.OperationCallbacks? = nil
    ) -> MI.InstanceOperation {
        let request = Request(activity: "ReferenceInstances", namespace: namespace, flags: flags, options: options, callbacks: callbacks)
        return begin(request, callback: callbacks?.instanceResult) { (target) throws(CIMError) in
            let expression = try target.expression("REFERENCES OF", path, [("ResultClass", resultClass), ("Role", role)])
            return target.keysOnly(keysOnly).query(
                expression, dialect: "WQL", MI.InstanceShape(derivation: flags.wantsDerivation))
        }
    }

    static func check(name: String, _ what: String) throws(CIMError) {
        guard CIMName.isValidIdentifier(name) else {
            throw CIMError(.invalidParameter, "'\(name.prefix(200))' is no name of a \(what)")
        }
    }
}

extension MI.Session.Target {
    /// Asks for keys only (R29). The broker cuts off what a provider gives beside them.
    func keysOnly(_ keysOnly: Bool) -> MI.Session.Target {
        guard keysOnly else { return self }
        var target = self
        target.options.context[ContextKey.getExtensions] = .boolean(true)
        target.options.context[ContextKey.getKeysOnly] = .boolean(true)
        return target
    }

    func query(_ expression: String, dialect: String, _ shape: MI.InstanceShape) -> MI.Call<CIMInstance> {
        .services(self, .execQuery(expression, language: dialect, options, flags.read)) {
            [self] (decoder, message) async throws(CIMError) in
            try await readInstances(&decoder, message, shape)
        }
    }

    func readInstances(
        _ decoder: inout InstanceDecoder, _ message: Message, _ shape: MI.InstanceShape
    ) async throws(CIMError) -> [CIMInstance] {
        let instances = try await services.decode(&decoder, what: "an instance") { try $0.readInstances(message) }
        return try await shape.apply(instances, services)
    }

    /// `ASSOCIATORS OF {path} WHERE …`. A text that is no name is refused, so that no argument can add to the query.
    fileprivate func expression(
        _ verb: String, _ path: CIMObjectPath, _ conditions: [(keyword: String, name: String?)]
    ) throws(CIMError) -> String {
        try CIMBusClient.Session.check(instancePath: path)
        var expression = "\(verb) {\(services.text(of: path))}"
        var separator = " WHERE "
        for case (let keyword, let name?) in conditions {
            try MI.Session.check(name: name, keyword)
            expression += "\(separator)\(keyword) = \(name)"
            separator = " "
        }
        return expression
    }
}
