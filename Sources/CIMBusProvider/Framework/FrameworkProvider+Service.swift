import CIM
import CIMBusWire

/// How the calls of the service become callbacks of the framework.
extension FrameworkProvider {
    public func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        try await enumerateInstances(of: className, flags: try flags(of: context, for: .enumerateInstances), context: context)
    }

    public func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        let flags = try flags(of: context, for: .getObject)
        var instance = try await context.instance(withKeysOf: path)
        try await getObject(&instance, requested: context.requestedProperties, flags: flags)
        return instance.value
    }

    public func execQuery(_ query: String, language: String, context: RequestContext, into sink: ObjectSink) async throws {
        let flags = try flags(of: context, for: .execQuery)
        guard let select = context.query else { throw CIMError(.invalidQuery, "\"\(query.prefix(200))\" names no class") }
        // A class that cannot be had only makes the query say less.
        let declaration = (try? await context.layout(of: select.className.text, in: context.namespace))?.declaration
        try await execQuery(FrameworkQuery(query, select, of: declaration), flags: flags, context: context)
    }

    public func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        let flags = try flags(of: context, for: .putInstance)
        return try await putInstance(FrameworkInstance(instance, context), flags: flags)
    }

    public func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        let flags = try flags(of: context, for: .deleteInstance)
        try await deleteInstance(try await context.instance(withKeysOf: path), flags: flags)
    }

    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
    ) async throws -> MethodResult {
        let flags = try flags(of: context, for: .execMethod)
        let instance = try await context.instance(withKeysOf: path)
        var output = try await context.emptyOutput(of: method, of: path.className)
        try await execMethod(method, on: instance, input: parameters, output: &output, flags: flags)
        var result = MethodResult(output)
        if result.returnValue?.isNull == true { result.returnValue = nil }
        return result
    }

    private func flags(of context: RequestContext, for callback: FrameworkCallback) throws(CIMError) -> OperationFlags {
        let flags = context.flags.subtracting(callback.strippedFlags)
        try validateFlags(flags, for: callback)
        return flags
    }
}

extension RequestContext {
    /// An instance of a path's class with the keys the path names, in the types of the class.
    fileprivate func instance(withKeysOf path: CIMObjectPath) async throws(CIMError) -> FrameworkInstance {
        var instance = CIMInstance(className: path.className, path: path)
        if case .keys(let keys) = path.keys {
            let declaration = try await layout(of: path.className, in: namespace).declaration
            for (position, key) in keys.enumerated() {
                // A single key may go without its name.
                let property = key.name.flatMap { declaration?.property(named: $0) } ?? declaration?.keyProperties.dropFirst(position).first
                guard let property, let value = key.value.value.converted(to: property.type) else {
                    throw CIMError(.invalidObjectPath, "\(path): its keys are not those of \(path.className)")
                }
                instance[property.name] = value
            }
        }
        return FrameworkInstance(instance, self)
    }

    /// An instance of a method's out class: every out parameter and `ReturnValue`, NULL.
    fileprivate func emptyOutput(of method: String, of className: String) async throws(CIMError) -> CIMInstance {
        var output = CIMInstance(className: "__PARAMETERS")
        guard let declaration = try await layout(of: className, in: namespace).declaration?.method(named: method) else { return output }
        for parameter in declaration.parameters where parameter.isOut { output.append(name: parameter.name, value: .null) }
        if declaration.returnType != nil { output.append(name: "ReturnValue", value: .null) }
        return output
    }
}
