import CIM
import CIMBusCore
import CIMBusWire

/// Methods that are overridden in classes below the one that the client named (Semantics C.5).
extension Broker {
    /// The method of the class that the instance really has.
    func run(_ path: CIMObjectPath, _ index: Int, of whole: OperationID) throws(CIMError) {
        guard let record = records[whole],
            let declaration = schema.declaration(record.realClass.isEmpty ? path.className : record.realClass, in: record.namespace),
            let method = declaration.method(named: record.method)
        else { throw Self.isOver(whole) }
        if let refusal = Resolver.refusal(of: method, in: declaration) { throw refusal }
        let resolver = resolver(for: record.caller)
        // The class of the instance may be another than the one that its path names.
        try resolver.check(.methodExecute, declaration.name, in: record.namespace, .execMethod, method: method.name)
        var real = path
        real.className = declaration.name
        let implementer = resolver.implementer(of: method, declaration, at: real.relativePath, in: record.namespace)
        try openPart(of: whole, index: index, .execMethod, implementer.responder.requestTarget) { part in
            part.path = implementer.path
            part.subject = record.subject
            part.method = method.name
            part.input = record.input
            part.expectation = record.expectation
        }
    }
}
