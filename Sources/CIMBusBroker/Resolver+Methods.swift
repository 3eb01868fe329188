import CIM
import CIMBusCore
import CIMBusWire

/// Methods: what is checked of them, and who runs them (Semantics C.5).
extension Resolver {
    func method(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let namespace = arguments.namespace
        let path = arguments.path ?? CIMObjectPath(className: "")
        guard let named = namedClass(path.className, arguments) else { return noClass(path.className, arguments) }
        let declaration = named.declaration
        var question = named.question
        guard let method = declaration.method(named: arguments.method) else {
            return .answered(.stated(.invalidMethod, "class \(declaration.name) has no method \(arguments.method)"), question)
        }
        if let refusal = Self.refusal(of: method, in: declaration) {
            return .answered(.stated(refusal.status, refusal.message), question)
        }
        if path.isClassPath {
            guard method.isStatic else {
                return .answered(
                    .stated(
                        .invalidMethodParameters, "method \(declaration.name).\(method.name) is not static; give the path of an instance"),
                    question)
            }
            question.path = declaration.name
        } else {
            do throws(ObjectPathError) {
                question.path = try snapshot.canonical(path, of: declaration, in: namespace).relativePath
            } catch {
                return .answered(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), question)
            }
        }
        question.method = method.name
        try readParameters(arguments, of: method, declaration, into: &question)
        if declaration.isBrokers { return .conducted(.administer(path, method: method.name), question) }
        return invocation(arguments, method, named.layout, declaration, question)
    }

    private func readParameters(
        _ arguments: ServicesCall, of method: CIMMethod, _ declaration: CIMClass, into question: inout Question
    ) throws(CIMError) {
        let what = "\(declaration.name).\(method.name)"
        let inputs = method.parameters.filter(\.isIn)
        try Self.checkAreParameters(arguments.object, what)
        let location = CIMLocation(namespace: arguments.namespace, server: snapshot.server)
        try readInput(arguments, .parameters(ObjectLayout(parameters: inputs, in: location)), what, into: &question)
        let given = question.input.names
        for parameter in inputs where !parameter.isOptional && !given.contains(parameter.name) {
            throw CIMError(.invalidMethodParameters, "\(what): in parameter \(parameter.name) is missing")
        }
        question.expectation = .parameters(
            ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType, in: location))
    }

    /// Why nobody runs it; nil when somebody does.
    static func refusal(of method: CIMMethod, in declaration: CIMClass) -> CIMError? {
        if method.isDisabled { return CIMError(.methodDisabled, "method \(declaration.name).\(method.name) is disabled") }
        if method.isImplemented { return nil }
        return CIMError(.methodNotImplemented, "method \(declaration.name).\(method.name) has no Implemented qualifier")
    }

    /// Where the instance may be of a class below that overrides the method, the broker finds out first.
    private func invocation(
        _ arguments: ServicesCall, _ method: CIMMethod, _ layout: ObjectLayout, _ declaration: CIMClass, _ question: Question
    ) -> Resolution {
        let namespace = arguments.namespace
        let isOfInstance = arguments.path?.isClassPath == false
        if declaration.isUnserved, isOfInstance, !method.isStatic, !method.bypassesGetObject,
            let nobody = hierarchy(of: layout, in: namespace, for: .getObject, above: false).nobody
        {
            return .answered(nobody, question)
        }
        let isOverridden = schema.descendants(of: declaration.name, in: namespace).contains { name in
            let theirs = schema.class(name, in: namespace)?.method(named: method.name)
            return theirs.map { !CIMName.equal($0.origin, method.origin) } ?? false
        }
        if isOfInstance, isOverridden, !method.bypassesGetObject, let path = try? CIMObjectPath(parsing: question.path) {
            return .conducted(.invoke(path, hierarchy(of: layout, in: namespace, for: .getObject, above: false)), question)
        }
        let implementer = implementer(of: method, declaration, at: question.path, in: namespace)
        var question = question
        question.path = implementer.path
        return ask(implementer.responder, question)
    }

    /// Who runs a method: the provider of the class that implements it (C.5: a subclass inherits methods with their implementation), and the
    /// path as one of that class.
    func implementer(
        of method: CIMMethod, _ declaration: CIMClass, at path: String, in namespace: CIMNamespaceName
    ) -> (responder: ServedClass.Responder, path: String) {
        guard let origin = snapshot.declaration(method.origin, in: namespace), let name = origin.providerName,
            !(declaration.providerName.map { CIMName.equal($0, name) } ?? false)
        else { return (methodProvider(of: declaration, in: namespace), path) }
        var path = path
        if var parsed = try? CIMObjectPath(parsing: path) {
            parsed.className = origin.name
            path = parsed.relativePath
        }
        return (methodProvider(of: origin, in: namespace), path)
    }

    private func methodProvider(of declaration: CIMClass, in namespace: CIMNamespaceName) -> ServedClass.Responder {
        if let name = declaration.providerName { return provider(named: name, of: declaration, in: namespace, for: .execMethod) }
        if declaration.isUnserved { return .failure(.hasNoProvider(declaration)) }
        return .failure(.stated(.methodNotImplemented, "class \(declaration.name) names no provider for its methods"))
    }
}
