import ArgumentParser
import CIMBusClient

/// Embedded objects in the arguments of a command: JSON, `{"Name":"x","Sizes":[1,2]}`, whose values take the types that the object's class
/// declares. The class is the one that the property names, or what `__CLASS` in the object says.
struct EmbeddedArgument {
    /// Throws when there is no such class.
    typealias Classes = (_ name: String) async throws -> CIMClass

    let classes: Classes

    /// Several texts, or a JSON array, make an array. Empty text is NULL, or an array without elements.
    func value(_ texts: [String], _ type: CIMTypeReference, _ name: String) async throws -> CIMValue {
        guard texts.count == 1 || type.isArray else { throw ValidationError("\(name) is \(type), not an array: give it once") }
        if texts == [""] { return type.isArray ? .array(of: .object, []) : .null }
        let read = try texts.map { text in
            do throws(JSONReader.Failure) {
                return try JSONReader.read(text)
            } catch {
                throw ValidationError(
                    "\(name) is \(type), which is written as JSON, such as \(type.isArray ? #"[{"Name":"x"}]"# : #"{"Name":"x"}"#): \(error)"
                )
            }
        }
        if type.isArray {
            if read.count == 1, case .array = read[0] { return try await value(read[0], type, name, depth: 1) }
            return try await value(.array(read), type, name, depth: 1)
        }
        return try await value(read[0], type, name, depth: 1)
    }

    private func value(_ json: JSONValue, _ type: CIMTypeReference, _ name: String, depth: Int) async throws -> CIMValue {
        if json == .null { return .null }
        guard type.isArray else { return try await scalar(json, type, name, depth: depth) }
        guard case .array(let elements) = json else { throw ValidationError("\(name) is \(type): write an array, [ … ]") }
        var values: [CIMValue] = []
        for (index, element) in elements.enumerated() {
            let value = try await scalar(element, type, "\(name)[\(index)]", depth: depth)
            guard !value.isNull else { throw ValidationError("\(name): an element of an array cannot be NULL") }
            values.append(value)
        }
        return .array(of: type.base, values)
    }

    private func scalar(_ json: JSONValue, _ type: CIMTypeReference, _ name: String, depth: Int) async throws -> CIMValue {
        switch json {
        case .null: return .null
        case .object(let fields) where type.base == .object:
            return .object(try await object(fields, declared: type.className, name, depth: depth))
        case .word(let text) where type.base != .object, .string(let text) where type.base != .object:
            return try ArgumentValue.scalar(text, type.base, name)
        case .word, .string, .array, .object:
            let wanted = type.base == .object ? #"an object, such as {"Name":"x"}"# : "one value"
            throw ValidationError("\(name) is \(type.cimType): write \(wanted)")
        }
    }

    private func object(
        _ fields: [JSONValue.Field], declared: String?, _ name: String, depth: Int
    ) async throws -> CIMInstance {
        guard depth <= CIMInstance.maximumNesting else {
            throw ValidationError("\(name): objects nest at most \(CIMInstance.maximumNesting) deep")
        }
        var className = declared
        for field in fields where CIMName.equal(field.name, "__CLASS") {
            guard case .string(let text) = field.value else { throw ValidationError("\(name): __CLASS is the name of a class in quotes") }
            className = text
        }
        guard let className else {
            throw ValidationError(#"\#(name) may be of any class: say which in the object, {"__CLASS":"…", …}"#)
        }
        let declaration = try await classes(className)
        var instance = CIMInstance(className: declaration.name)
        // What JSON of this program shows beside the properties has no place in an embedded object.
        for field in fields where !CIMName.hasPrefix(field.name, "__") {
            guard let property = declaration.property(named: field.name) else {
                let names = declaration.properties.map(\.name).joined(separator: ", ")
                throw ValidationError("\(name): class \(declaration.name) has no \(field.name); there is \(names.isEmpty ? "none" : names)")
            }
            guard instance[property.name] == nil else { throw ValidationError("\(name): \(property.name) is there twice") }
            instance[property.name] = try await value(field.value, property.type, "\(name).\(property.name)", depth: depth + 1)
        }
        return instance
    }
}
