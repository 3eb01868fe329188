import CIM
import CIMBusWire
import DBus

/// What a provider asks others, or itself, for the call that it is serving (L12). Objects have the types of their classes.
///
/// The namespace is that of the call, unless another is given. Each function throws InvalidParameter for an empty name, InvalidNamespace
/// for a namespace that is not there, and the errors of those that it asks (R16). When the call of this context is over, each function
/// throws InvalidOperation or CallCancelled, and asks nobody (R10). The functions have the names that a client's
/// session has. ``glue`` has them under the names of WMI's framework.
extension RequestContext {
    /// The instances of a class, as they arrive.
    /// - Parameter deep: whether the instances of its subclasses come, too.
    public func enumerateInstances(of className: String, in namespace: CIMNamespaceName? = nil, deep: Bool = true) -> NestedInstances {
        NestedInstances(source: .instances(of: className, isDeep: deep), namespace: namespace ?? self.namespace, context: self)
    }

    /// The instances that satisfy a WQL query, as they arrive. Ask only for the properties you need.
    public func execQuery(_ query: String, in namespace: CIMNamespaceName? = nil) -> NestedInstances {
        NestedInstances(source: .query(query), namespace: namespace ?? self.namespace, context: self)
    }

    /// The instance at `path`. A namespace in the path counts before the given one. Throws NotFound when there is no such instance, and
    /// InvalidParameter for the path of a class.
    /// - Parameter requested: the properties that the instance shall have beside its keys. The result has no others, also when the provider
    ///   gives the whole instance.
    public func getInstance(
        at path: CIMObjectPath, properties requested: RequestedProperties = .all, in namespace: CIMNamespaceName? = nil
    ) async throws(CIMError) -> CIMInstance {
        guard !path.isClassPath else { throw CIMError(.invalidParameter, "\(path) is the path of a class; give that of an instance") }
        let place = place(of: path, namespace)
        let reply: Message
        do throws(CIMError) {
            reply = try await getObject(path, requested, in: place)
        } catch  where requested != .all && error.status.meansOnlyWhole {
            reply = try await getObject(path, .all, in: place)
        }
        var decoder = InstanceDecoder(expectedClass: path.className)
        var instance = try await read(&decoder, in: place) { try $0.readInstance(at: reply.reader) }
        if requested != .all {
            let declaration = try await layout(of: instance.className, in: place).declaration
            instance.properties.removeAll { property in
                !requested.contains(property.name, isKey: declaration?.property(named: property.name)?.isKey ?? false)
            }
        }
        return instance
    }

    private func getObject(
        _ path: CIMObjectPath, _ requested: RequestedProperties, in namespace: CIMNamespaceName
    ) async throws(CIMError) -> Message {
        try await call("GetObject", [.string(path.relativePath), .int32(0), readContext(requested)], in: namespace)
    }

    /// A class with what it inherits. Throws NotFound or InvalidClass when there is no such class. The library asks the broker for it once
    /// in the life of the broker, and again when an object did not fit the class. So the class may lack a change that somebody has made
    /// since.
    public func getClass(_ name: String, in namespace: CIMNamespaceName? = nil) async throws(CIMError) -> CIMClass {
        guard !name.isEmpty else { throw CIMError(.invalidParameter, "the name of the class is empty") }
        try checkIsOpen()
        guard let declaration = try await layout(of: name, in: namespace ?? self.namespace).declaration else {
            throw CIMError(.invalidClass, "\(name) is not a class")
        }
        return declaration
    }

    /// Invokes a method of the instance at `path`, or a static method of the class at `path`. A namespace in the path counts before the
    /// given one.
    /// - Parameter parameters: the in parameters by name.
    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: [String: CIMValue] = [:], in namespace: CIMNamespaceName? = nil
    ) async throws(CIMError) -> MethodResult {
        let place = place(of: path, namespace)
        let named = parameters.map { CIMInstance.Property(name: $0.key, value: $0.value) }
        let input = DBusValue(instance: CIMInstance(className: "__PARAMETERS", named))
        let arguments: [DBusValue] = [.string(path.relativePath), .string(method), .int32(0), forwardedContext, input]
        let reply = try await call("ExecMethod", arguments, in: place)
        do {
            let output = try await readObject(reply.reader, of: path.className, in: place) { layout in
                layout.method(named: method)?.output
            }
            return MethodResult(output)
        } catch {
            throw Self.failure(reading: error)
        }
    }

    private func place(of path: CIMObjectPath, _ namespace: CIMNamespaceName?) -> CIMNamespaceName {
        path.namespace.flatMap { CIMNamespaceName($0) } ?? namespace ?? self.namespace
    }
}

extension WBEMStatus {
    /// Whether a provider answers so that cannot give a part of an object (Semantics L, 4).
    fileprivate var meansOnlyWhole: Bool { isIncapability || self == .unsupportedParameter }
}
