import CIM
import CIMBusCore
import CIMBusWire

/// Methods that are overridden in classes below the one that the client named (Semantics C.5).
extension Broker {
    /// The method of the class that the instance really has.
    func invoke(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) {
        let name = try await realClass(of: path, hierarchy, for: id)
        guard let record = records[id]?.value, let declaration = schema.declaration(name, in: record.namespace),
            let method = declaration.method(named: record.method)
        else { throw Self.isOver(id) }
        if let refusal = Resolver.refusal(of: method, in: declaration) { throw refusal }
        var real = path
        real.className = declaration.name
        let implementer = resolver.implementer(of: method, declaration, at: real.relativePath, in: record.namespace)
        let part = try openPart(of: id, .execMethod, implementer.target.requestTarget) { part in
            part.path = implementer.path
            part.target = record.target
            part.method = method.name
            part.input = record.input
            part.expectation = record.expectation
        }
        while let batch = try await next(of: part) { try await supply(batch, to: id) }
    }
}
