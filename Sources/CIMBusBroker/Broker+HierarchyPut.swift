import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// A put of an instance whose class and ancestors several providers serve (Semantics C.1).
extension Broker {
    /// One class of the line is asked: with the key that the topmost one's provider said (R66).
    func askToPut(_ instance: CIMInstance, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID) throws(CIMError) {
        let served = hierarchy.served[index]
        guard let declaration = served.layout.declaration else { return succeeded(index, of: whole) }
        let upcast = Self.upcast(instance, declaration)
        let input = try encode(upcast, served.layout, whole)
        try openPart(of: whole, index: index, .putInstance, target(served)) { part in
            part.subject = declaration.name
            part.expectation = .instances(of: served.layout)
            part.input = input
            part.putPath = (try? upcast.path(in: declaration).relativePath) ?? ""
            part.step = (index, hierarchy.served.count)
        }
    }

    /// The path that a class's provider reports, where it agrees with the topmost one's about the key; that of the topmost is everybody's.
    func agreedPath(
        _ path: String, _ instance: CIMInstance, _ hierarchy: ClassHierarchy, _ index: Int, of whole: OperationID
    ) throws(CIMError) -> String {
        guard let declaration = hierarchy.served[index].layout.declaration else { return path }
        let said = try? CIMObjectPath(parsing: path)
        if index == 0 {
            var instance = instance
            if let said { Self.adopt(said, declaration, in: &instance) }
            if hierarchy.served.count > 1 { try Self.checkKey(of: instance, declaration) }
            records[whole]?.work = .put(instance, hierarchy)
        } else if let said, let asked = try? Self.upcast(instance, declaration).path(in: declaration) {
            return try agreed(said, asked, for: whole)
        }
        return path
    }

    /// The instance as one of a class above its own.
    private static func upcast(_ instance: CIMInstance, _ declaration: CIMClass) -> CIMInstance {
        var upcast = CIMInstance(className: declaration.name, reservingCapacity: declaration.properties.count)
        for property in declaration.properties {
            if let value = instance[property.name] { upcast.append(name: property.name, value: value) }
        }
        return upcast
    }

    /// The key under which the topmost provider says it wrote an instance is everybody's.
    private static func adopt(_ said: CIMObjectPath, _ declaration: CIMClass, in instance: inout CIMInstance) {
        for property in declaration.keyProperties {
            guard let key = said[key: property.name] else { continue }
            let known = instance[property.name].flatMap { $0.read(as: property.type) }.flatMap { CIMObjectPath.KeyValue($0) }
            if known != key { instance[property.name] = key.value }
        }
    }

    /// Those below would each choose another key.
    private static func checkKey(of instance: CIMInstance, _ declaration: CIMClass) throws(CIMError) {
        guard let key = declaration.keyNames.first(where: { instance[$0]?.isNull ?? true }) else { return }
        throw CIMError(
            .providerFailure,
            "\(declaration.name): its provider wrote the instance with a key \(key) of its own and did not report its path")
    }

    /// The path of what a provider below the topmost one wrote, with the topmost one's key.
    private func agreed(_ said: CIMObjectPath, _ asked: CIMObjectPath, for id: OperationID) throws(CIMError) -> String {
        guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
        guard said.namesInstance(of: asked, lookup: { [schema] in schema.layout($0, in: namespace) }) else {
            throw CIMError(
                .providerFailure,
                "\(asked.className): its provider was given \(asked.relativePath.clipped(300)) and says that it wrote "
                    + "\(said.relativePath.clipped(300)); the key is what the topmost provider has")
        }
        var path = said
        path.keys = asked.keys
        return path.relativePath
    }

    private func encode(_ instance: CIMInstance, _ layout: ObjectLayout, _ id: OperationID) throws(CIMError) -> ObjectBatch {
        guard let namespace = records[id]?.namespace else { throw Self.isOver(id) }
        var writer = BodyWriter()
        writer.append(instance: instance)
        do {
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            var checker = ObjectChecker(.instances(of: layout)) { [schema] in schema.layout($0, in: namespace) }
            try checker.checkObject(&reader)
            return try checker.finish()
        } catch {
            throw CIMError(ObjectFault(error).status, "\(instance.className): \(error)")
        }
    }

    /// The failure of one class's provider, which says which class it was.
    static func named(_ error: CIMError, _ className: String) -> CIMError {
        var named = error
        if var status = error.extendedStatus {
            status["ParameterInfo"] = .string(className)
            named.extendedStatus = status
        } else {
            named.extendedStatus = CIMInstance(
                className: "__ExtendedStatus",
                [
                    "StatusCode": .uint32(error.status.rawValue), "Description": .string(error.message),
                    "ParameterInfo": .string(className),
                    "ProviderName": "CIMBus",
                ])
        }
        return named
    }
}
