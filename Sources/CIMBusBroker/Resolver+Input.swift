import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// What a client sends with its request: the instance of a put, and the in parameters of a method.
extension Resolver {
    /// The class that the instance of a put says it is of.
    static func className(of object: BodyReader?) throws(CIMError) -> String {
        guard let object else { throw CIMError(.invalidParameter, "PutInstance: no instance") }
        do {
            let said = try object.identity()
            if said.isClass { throw CIMError(.invalidObject, "PutInstance: the object is a class, not an instance") }
            if said.className.isEmpty { throw CIMError(.invalidObject, "PutInstance: the instance has no __CLASS") }
            return said.className
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidObject, "PutInstance: \(error)")
        }
    }

    /// Checks what the client sent, and puts it into the question in the form in which a provider gets it.
    func readInput(
        _ arguments: ServicesCall, _ expectation: ObjectChecker.Expectation, _ what: String, into question: inout Question
    ) throws(CIMError) {
        guard var reader = arguments.object else { return }
        let namespace = arguments.namespace
        var checker = ObjectChecker(expectation) { [snapshot] in snapshot.layout($0, in: namespace) }
        do throws(ObjectFault) {
            try checker.checkObject(&reader)
            question.putPath = checker.relativePath
            question.input = try checker.finish()
        } catch {
            let isParameters = arguments.kind == .execMethod && error.kind == .misfit
            throw CIMError(isParameters ? .invalidMethodParameters : error.status, "\(what): \(error.description)")
        }
    }

    /// The instance of a put with its class's types, and with its qualifiers, which no single provider is sent.
    func instance(of arguments: ServicesCall, _ layout: ObjectLayout) throws(CIMError) -> CIMInstance {
        guard var object = arguments.object else { throw CIMError(.invalidObject, "PutInstance: no instance") }
        let namespace = arguments.namespace
        var checker = ObjectChecker(.instances(of: layout), keepsQualifiers: true) { [snapshot] in snapshot.layout($0, in: namespace) }
        do {
            try checker.checkObject(&object)
            var writer = BodyWriter()
            writer.append(object: try checker.finish())
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            var instance = try reader.readInstance(layout)
            instance.path = nil
            return instance
        } catch {
            let fault = ObjectFault(error)
            throw CIMError(fault.status, "PutInstance: \(fault.description)")
        }
    }

    /// The in parameters need not say what they are; if they do, they are an instance of `__PARAMETERS` (R100).
    static func checkAreParameters(_ object: BodyReader?, _ what: String) throws(CIMError) {
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
}
