import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Methods: what is checked of them, and where they run (SEMANTICS C.5).
extension Broker {
    /// SEMANTICS C.5. Returns the failure that belongs in the sink.
    func resolveMethod(
        _ arguments: ServicesCall, _ declaration: CIMClass, _ record: inout OperationRecord
    ) throws(CIMError) -> Outcome? {
        guard let path = arguments.path else { return nil }
        guard let method = declaration.method(named: arguments.method) else {
            return .stated(.invalidMethod, "class \(declaration.name) has no method \(arguments.method)")
        }
        if let refusal = Self.refusal(of: method, in: declaration) { return .stated(refusal.status, refusal.message) }
        if path.isClassPath {
            guard method.isStatic else {
                return .stated(
                    .invalidMethodParameters, "method \(declaration.name).\(method.name) is not static; give the path of an instance")
            }
            record.path = declaration.name
        } else {
            do throws(ObjectPathError) {
                record.path = try schema.canonical(path, of: declaration, in: arguments.namespace).relativePath
            } catch {
                return .stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)")
            }
        }
        record.method = method.name
        let inputs = method.parameters.filter(\.isIn)
        try checkAreParameters(arguments.object, "\(declaration.name).\(method.name)")
        let location = CIMLocation(namespace: arguments.namespace, server: schema.server)
        try checkInput(
            arguments, .parameters(ObjectLayout(parameters: inputs, in: location)), &record, "\(declaration.name).\(method.name)")
        let given = record.input.names
        for parameter in inputs where !parameter.isOptional && !given.contains(parameter.name) {
            throw CIMError(.invalidMethodParameters, "\(declaration.name).\(method.name): in parameter \(parameter.name) is missing")
        }
        record.expectation = .parameters(
            ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType, in: location))
        return nil
    }

    /// The in parameters need not say what they are; if they do, they are an instance of `__PARAMETERS` (R100).
    private func checkAreParameters(_ object: BodyReader?, _ what: String) throws(CIMError) {
        guard let object else { return }
        do {
            let said = try object.identity()
            guard !said.isClass, said.className.isEmpty || CIMName.equal(said.className, "__PARAMETERS") else {
                throw CIMError(
                    .invalidMethodParameters, "\(what): the in parameters are of class \(said.className.clipped()), not __PARAMETERS")
            }
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidMethodParameters, "\(what): \(error)")
        }
    }

    /// Why nobody runs it; nil when somebody does.
    private static func refusal(of method: CIMMethod, in declaration: CIMClass) -> CIMError? {
        if method.isDisabled { return CIMError(.methodDisabled, "method \(declaration.name).\(method.name) is disabled") }
        if method.isImplemented { return nil }
        return CIMError(.methodNotImplemented, "method \(declaration.name).\(method.name) has no Implemented qualifier")
    }

    /// Who runs it: the provider of the class that implements it (C.5: a subclass inherits methods with their implementation). Where the
    /// instance may be of a class below that overrides it, the broker finds out first.
    func invoke(_ arguments: ServicesCall, _ declaration: CIMClass, _ record: inout OperationRecord) -> Request.Target {
        guard let method = declaration.method(named: record.method), let layout = schema.layout(declaration.name, in: record.namespace)
        else {
            return .broker(.stated(.invalidMethod, "class \(declaration.name) has no method \(record.method)"), answer: nil)
        }
        let snapshot = schema.schema
        if declaration.isUnserved, arguments.path?.isClassPath == false, !method.isStatic, !method.bypassesGetObject,
            let nobody = hierarchy(of: layout, in: record.namespace, for: .getObject, above: false).nobody
        {
            return .broker(nobody, answer: nil)
        }
        let isOverridden = snapshot.descendants(of: declaration.name, in: record.namespace).contains { name in
            let theirs = snapshot.class(name, in: record.namespace)?.method(named: method.name)
            return theirs.map { !CIMName.equal($0.origin, method.origin) } ?? false
        }
        if arguments.path?.isClassPath == false, isOverridden, !method.bypassesGetObject,
            let path = try? CIMObjectPath(parsing: record.path)
        {
            record.work = .invoke(path, hierarchy(of: layout, in: record.namespace, for: .getObject, above: false))
            return .conducted
        }
        return implementer(of: method, declaration, &record)
    }

    private func implementer(of method: CIMMethod, _ declaration: CIMClass, _ record: inout OperationRecord) -> Request.Target {
        guard let origin = schema.declaration(method.origin, in: record.namespace), let name = origin.providerName,
            !(declaration.providerName.map { CIMName.equal($0, name) } ?? false)
        else { return provider(of: declaration, in: record.namespace, for: .execMethod) }
        if var path = try? CIMObjectPath(parsing: record.path) {
            path.className = origin.name
            record.path = path.relativePath
        }
        return provider(of: origin, in: record.namespace, for: .execMethod)
    }

    /// The method of the class that the instance really has.
    func invoke(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) {
        let name = try await realClass(of: path, hierarchy, for: id)
        guard var record = records[id]?.value, let declaration = schema.declaration(name, in: record.namespace),
            let method = declaration.method(named: record.method)
        else { throw Self.isOver(id) }
        if let refusal = Self.refusal(of: method, in: declaration) { throw refusal }
        var real = path
        real.className = declaration.name
        record.path = real.relativePath
        let target = implementer(of: method, declaration, &record)
        let part = try openPart(of: id, .execMethod, target) { part in
            part.path = record.path
            part.target = record.target
            part.method = method.name
            part.input = record.input
            part.expectation = record.expectation
        }
        while let batch = try await next(of: part) { try await supply(batch, to: id) }
    }
}
