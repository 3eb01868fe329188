import CIM

/// What the D-Bus types of an embedded object in a class (a property's default) do not say: which of its values is a `datetime`, which one is
/// there and NULL. It travels beside the value, as `Types`: an object of the same shape, whose properties are the names of types.
///
/// Instances need none of this: their class says it (Design 3, Objects).
enum WireTypes {
    private static let null = "null"

    /// NULL when the wire says everything.
    static func lost(in value: CIMValue) -> CIMValue {
        switch value {
        case .object(let object): return lost(in: object).map { .object($0) } ?? .null
        case .array(.object, let elements):
            let types = elements.map { $0.objectValue.flatMap { lost(in: $0) } }
            guard types.contains(where: { $0 != nil }) else { return .null }
            return .array(of: .object, types.map { .object($0 ?? CIMInstance(className: "")) })
        default: return .null
        }
    }

    private static func lost(in object: CIMInstance) -> CIMInstance? {
        var types = CIMInstance(className: "")
        for property in object.properties {
            if property.value.isNull {
                types.append(name: property.name, value: .string(null))
            } else if let type = property.value.type?.base, type.isHiddenByWire {
                types.append(name: property.name, value: .string(type.mofName))
            } else if case let inner = lost(in: property.value), !inner.isNull {
                types.append(name: property.name, value: inner)
            }
        }
        return types.properties.isEmpty ? nil : types
    }

    /// The value with its own types. Throws ``ObjectFault`` where `types` does not fit it.
    ///
    /// It nests no deeper than `types`, which was read from a message and is as shallow as that may be.
    static func restored(in value: CIMValue, _ types: CIMValue?) throws(ObjectFault) -> CIMValue {
        switch (value, types) {
        case (_, nil): return value
        case (.object(let object), .object(let types)?): return .object(try restored(in: object, types))
        case (.array(.object, let elements), .array(.object, let types)?) where elements.count == types.count:
            var restored: [CIMValue] = []
            restored.reserveCapacity(elements.count)
            for (element, types) in zip(elements, types) { restored.append(try self.restored(in: element, types)) }
            return .array(of: .object, restored)
        case (_, .string(let name)?):
            guard let base = CIMType(mofName: name),
                let converted = value.converted(to: CIMTypeReference(base, isArray: value.arrayValue != nil))
            else { throw ObjectFault("a value in a class is no \(name)") }
            return converted
        default: throw ObjectFault("Types has not the shape of the value beside it")
        }
    }

    private static func restored(in object: CIMInstance, _ types: CIMInstance) throws(ObjectFault) -> CIMInstance {
        var object = object
        var positions: [CIMName: Int] = [:]
        for (position, property) in object.properties.enumerated() { positions[CIMName(property.name)] = position }
        for type in types.properties {
            if let position = positions[CIMName(type.name)] {
                object.properties[position].value = try restored(in: object.properties[position].value, type.value)
            } else if type.value.stringValue == null {
                object.append(name: type.name, value: .null)
            } else {
                throw ObjectFault("Types names \(type.name), which the value beside it has not")
            }
        }
        return object
    }
}
