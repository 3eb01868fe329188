import CIM
import CIMBusWire
import DBus

/// The glue's single objects (SEMANTICS E.1).
extension RequestContext {
    /// The instance at `path`; a namespace in the path counts before the one given. Throws NotFound when there is none, InvalidParameter
    /// for the path of a class.
    public func getInstanceByPath(_ path: CIMObjectPath, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> CIMInstance {
        try await getInstance(path, .all, in: namespace)
    }

    /// The keys of the instance at `path`: the cheapest way to learn whether it exists. A provider that cannot give less gives the whole
    /// instance, of which the keys are returned.
    public func getInstanceKeysByPath(_ path: CIMObjectPath, in namespace: CIMNamespaceName = .cimv2) async throws(CIMError) -> CIMInstance
    {
        try await getInstance(path, .keys, in: namespace)
    }

    /// These properties of the instance at `path`, and its keys. A provider that cannot give less gives the whole instance, of which they are
    /// returned.
    public func getInstancePropertiesByPath(
        _ path: CIMObjectPath, _ properties: [String], in namespace: CIMNamespaceName = .cimv2
    ) async throws(CIMError) -> CIMInstance {
        guard !properties.isEmpty else { throw CIMError(.invalidParameter, "no property of \(path) is named") }
        return try await getInstance(path, .named(properties), in: namespace)
    }

    private func getInstance(
        _ path: CIMObjectPath, _ requested: RequestedProperties, in namespace: CIMNamespaceName
    ) async throws(CIMError) -> CIMInstance {
        guard !path.isClassPath else { throw CIMError(.invalidParameter, "\(path) is the path of a class; give that of an instance") }
        let place = path.namespace.flatMap { CIMNamespaceName($0) } ?? namespace
        let reply: Message
        do throws(CIMError) {
            reply = try await getObject(path, requested, in: place)
        } catch  where requested != .all && error.meansLessIsUnsupported {
            reply = try await getObject(path, .all, in: place)
        }
        var nested = InstanceDecoder(expectedClass: path.className)
        var instance = try await read(&nested, in: place) { nested in
            var reader = reply.reader
            return try nested.readInstance(&reader)
        }
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
}

extension CIMError {
    /// What providers answer that cannot give a part of an object (SEMANTICS L, 4).
    fileprivate var meansLessIsUnsupported: Bool {
        status == .providerNotCapable || status == .unsupportedParameter || status == .notSupported
    }
}
