import CIMBusClient
import CIMJSON

/// JSON as values of the types that a method, and the classes of embedded objects, declare.
struct ParameterReader {
    /// Gives the classes of embedded objects.
    let classOf: (_ name: String) async throws(CIMError) -> CIMClass

    /// Throws InvalidMethodParameters for a name that the method does not have, and for a value that does not fit.
    func parameters(_ fields: [JSONValue.Field], of method: CIMMethod) async throws(CIMError) -> [String: CIMValue] {
        var values: [String: CIMValue] = [:]
        for field in fields {
            guard let declared = method.parameter(named: field.name), declared.isIn else {
                throw misfit("method \(method.name) has no in parameter \(field.name)")
            }
            guard values[declared.name] == nil else { throw misfit("\(declared.name) is there twice") }
            values[declared.name] = try await value(field.value, declared.type, declared.name, depth: 1)
        }
        return values
    }

    private func misfit(_ text: String) -> CIMError { CIMError(.invalidMethodParameters, text) }

    private func value(_ json: JSONValue, _ type: CIMTypeReference, _ name: String, depth: Int) async throws(CIMError) -> CIMValue {
        if json == .null { return .null }
        guard type.isArray else { return try await scalar(json, type, name, depth: depth) }
        guard case .array(let elements) = json else { throw misfit("\(name) is \(type): an array is expected") }
        var values: [CIMValue] = []
        for (index, element) in elements.enumerated() {
            guard element != .null else { throw misfit("\(name)[\(index)]: an element of an array cannot be NULL") }
            values.append(try await scalar(element, type, "\(name)[\(index)]", depth: depth))
        }
        return .array(of: type.base, values)
    }

    private func scalar(_ json: JSONValue, _ type: CIMTypeReference, _ name: String, depth: Int) async throws(CIMError) -> CIMValue {
        switch json {
        case .object(let fields) where type.base == .object: return .object(try await object(fields, type.className, name, depth: depth))
        case .string(let text) where !text.utf8.contains(0):
            if type.base == .string { return .string(text) }
            if let value = CIMValue.string(text).read(asScalar: type.base) { return value }
        // A number and a boolean are no text.
        case .word(let word) where type.base.isInteger || type.base.isReal || type.base == .boolean:
            if let value = CIMValue.string(word).read(asScalar: type.base) { return value }
        default: break
        }
        throw misfit("\(name) is \(type.cimType), and its value is none")
    }

    private func object(
        _ fields: [JSONValue.Field], _ declared: String?, _ name: String, depth: Int
    ) async throws(CIMError) -> CIMInstance {
        guard depth <= CIMInstance.maximumNesting else { throw misfit("\(name): objects nest at most \(CIMInstance.maximumNesting) deep") }
        var className = declared
        if case .string(let text)? = fields.first(where: { CIMName.equal($0.name, "__CLASS") })?.value { className = text }
        guard let className else { throw misfit("\(name) may be of any class: say which in the object, by __CLASS") }
        let declaration = try await classOf(className)
        var instance = CIMInstance(className: declaration.name)
        // __PATH and the like say nothing here.
        for field in fields where !CIMName.hasPrefix(field.name, "__") {
            guard let property = declaration.property(named: field.name) else {
                throw misfit("\(name): class \(declaration.name) has no \(field.name)")
            }
            instance[property.name] = try await value(field.value, property.type, "\(name).\(property.name)", depth: depth + 1)
        }
        return instance
    }
}
