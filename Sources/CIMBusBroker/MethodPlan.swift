import CIM
import CIMBusWire
import CIMRepository

/// A method of a class with what its calls are checked by, made once for each snapshot of the schema.
final class MethodPlan: Sendable {
    let method: CIMMethod
    /// For people: class and method.
    let name: String
    /// Why nobody runs it; nil when somebody does.
    let refusal: CIMError?
    let inputs: ObjectLayout
    let outputs: ObjectLayout
    /// The in parameters that every call must have.
    let required: [String]
    /// Whether a class below implements it anew.
    let isOverridden: Bool
    let isUnserved: Bool
    /// Whether the provider of the class runs it, and not that of the class which it comes from.
    let isOfOwnProvider: Bool

    init(_ method: CIMMethod, of declaration: CIMClass, in namespace: CIMNamespaceName, _ schema: Schema) {
        self.method = method
        name = "\(declaration.name).\(method.name)"
        refusal = Resolver.refusal(of: method, in: declaration)
        let location = CIMLocation(namespace: namespace, server: schema.server)
        let given = method.parameters.filter(\.isIn)
        inputs = ObjectLayout(parameters: given, in: location)
        outputs = ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType, in: location)
        required = given.filter { !$0.isOptional }.map(\.name)
        isOverridden = schema.descendants(of: declaration.name, in: namespace).contains { name in
            let theirs = schema.class(name, in: namespace)?.method(named: method.name)
            return theirs.map { !CIMName.equal($0.origin, method.origin) } ?? false
        }
        isUnserved = declaration.isUnserved
        let other = schema.class(method.origin, in: namespace)?.providerName
        isOfOwnProvider = declaration.providerName.map { own in other.map { CIMName.equal($0, own) } ?? true } ?? false
    }
}
