import CIM
import CIMBusCore
import CIMBusWire

/// Methods: what is checked of them, and who runs them (Semantics C.5).
extension Resolver {
    func method(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let namespace = arguments.namespace
        let path = arguments.path ?? CIMObjectPath(className: "")
        guard let named = namedClass(path.className, arguments) else { return noClass(path.className, arguments) }
        var question = named.question
        guard let plan = snapshot.method(arguments.method, of: named.layout, named.indexed) else {
            let text = "class \(named.indexed.declaration.name) has no method \(arguments.method)"
            return .answered(.stated(.invalidMethod, text), question)
        }
        if let refusal = plan.refusal { return .answered(.stated(refusal.status, refusal.message), question) }
        if path.isClassPath {
            guard plan.method.isStatic else {
                return .answered(
                    .stated(.invalidMethodParameters, "method \(plan.name) is not static; give the path of an instance"), question)
            }
            question.path = named.indexed.declaration.name
        } else {
            do throws(ObjectPathError) {
                question.path = try snapshot.canonical(
                    path, of: named.indexed.declaration, keys: named.layout.keyProperties, in: namespace
                ).relativePath
            } catch {
                return .answered(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), question)
            }
        }
        question.method = plan.method.name
        try readParameters(arguments, plan, into: &question)
        if named.indexed.declaration.isBrokers { return .conducted(.administer(path, method: plan.method.name), question) }
        return invocation(arguments, plan, named, question)
    }

    private func readParameters(_ arguments: ServicesCall, _ plan: MethodPlan, into question: inout Question) throws(CIMError) {
        try Self.checkAreParameters(arguments.object, plan.name)
        try readInput(arguments, .parameters(plan.inputs), plan.name, into: &question)
        if let missing = question.input.firstMissing(of: plan.required) {
            throw CIMError(.invalidMethodParameters, "\(plan.name): in parameter \(missing) is missing")
        }
        question.expectation = .parameters(plan.outputs)
    }

    /// Why nobody runs it; nil when somebody does.
    static func refusal(of method: CIMMethod, in declaration: CIMClass) -> CIMError? {
        if method.isDisabled { return CIMError(.methodDisabled, "method \(declaration.name).\(method.name) is disabled") }
        if method.isImplemented { return nil }
        return CIMError(.methodNotImplemented, "method \(declaration.name).\(method.name) has no Implemented qualifier")
    }

    /// Where the instance may be of a class below that overrides the method, the broker finds out first.
    private func invocation(_ arguments: ServicesCall, _ plan: MethodPlan, _ named: NamedClass, _ question: Question) -> Resolution {
        let (namespace, layout, method) = (arguments.namespace, named.layout, plan.method)
        let isOfInstance = arguments.path?.isClassPath == false
        if plan.isUnserved, isOfInstance, !method.isStatic, !method.bypassesGetObject,
            let nobody = hierarchy(of: layout, in: namespace, for: .getObject, above: false).nobody
        {
            return .answered(nobody, question)
        }
        if isOfInstance, plan.isOverridden, !method.bypassesGetObject, let path = try? CIMObjectPath(parsing: question.path) {
            return .conducted(.invoke(path, hierarchy(of: layout, in: namespace, for: .getObject, above: false)), question)
        }
        // Most classes' own provider runs their methods.
        if plan.isOfOwnProvider, let name = named.indexed.providerName {
            return ask(provider(named: name, of: named.indexed.declaration, in: namespace, for: .execMethod), question)
        }
        let implementer = implementer(of: method, named.declaration, at: question.path, in: namespace)
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
