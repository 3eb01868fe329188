import CIM

/// Writes MOF that `MOFParser` reads back to the same value.
public enum MOFWriter {
    /// The declaration of a class: its local features (their origin is the class, or not set) and qualifiers that were not inherited.
    ///
    /// Reading it back gives the class as declared, unless it holds what MOF has no literal for: reals that are not finite, qualifiers of
    /// other integer types than sint32 (they come back in the narrowest type), empty arrays in qualifiers (they come back as strings).
    public static func write(_ declared: CIMClass) -> String {
        var text = qualifierList(declared.qualifiers, separator: "\n")
        text += "class \(declared.name)"
        if let superclass = declared.superclass { text += " : \(superclass)" }
        text += "\n{\n"
        for property in declared.properties where isLocal(property.origin, in: declared) {
            text += "    \(qualifierList(property.qualifiers))\(typeName(property.type, qualifiers: property.qualifiers)) \(property.name)"
            text += arraySuffix(property.type)
            if !property.defaultValue.isNull { text += " = \(property.defaultValue)" }
            text += ";\n"
        }
        for method in declared.methods where isLocal(method.origin, in: declared) {
            let type = method.returnType.map { typeName($0, qualifiers: method.qualifiers) } ?? "void"
            text += "    \(qualifierList(method.qualifiers))\(type) \(method.name)("
            text += method.parameters.map { parameter in
                qualifierList(parameter.qualifiers) + typeName(parameter.type, qualifiers: parameter.qualifiers) + " \(parameter.name)"
                    + arraySuffix(parameter.type)
            }.joined(separator: ", ")
            text += ");\n"
        }
        return text + "};\n"
    }

    /// The declaration of an instance.
    public static func write(_ instance: CIMInstance) -> String {
        var text = "instance of \(instance.className)\n{\n"
        for property in instance.properties { text += "    \(property.name) = \(property.value);\n" }
        return text + "};\n"
    }

    private static func isLocal(_ origin: String, in declared: CIMClass) -> Bool {
        origin.isEmpty || CIMName.equal(origin, declared.name)
    }

    private static func qualifierList(_ qualifiers: [CIMQualifier], separator: String = " ") -> String {
        let local = qualifiers.filter { !$0.flavor.contains(.originPropagated) }
        guard !local.isEmpty else { return "" }
        return "[\(local.map(qualifier).joined(separator: ", "))]\(separator)"
    }

    private static func qualifier(_ qualifier: CIMQualifier) -> String {
        var text = qualifier.name
        switch qualifier.value {
        case .boolean(true): break
        case .array: text += qualifier.value.description
        default: text += "(\(qualifier.value))"
        }
        let flavors: [(CIMFlavor, String)] = [
            (.toInstance, "ToInstance"), (.toSubclass, "ToSubclass"), (.disableOverride, "DisableOverride"), (.amended, "Amended"),
        ]
        let words = flavors.filter { qualifier.flavor.contains($0.0) }.map(\.1)
        return words.isEmpty ? text : "\(text) : \(words.joined(separator: " "))"
    }

    private static func arraySuffix(_ type: CIMTypeReference) -> String {
        guard type.isArray else { return "" }
        return "[\(type.arraySize.map(String.init) ?? "")]"
    }

    private static func typeName(_ type: CIMTypeReference, qualifiers: [CIMQualifier]) -> String {
        switch type.base {
        case .reference:
            return "\(type.className ?? "object") ref"
        case .object:
            let isString = qualifiers.named("EmbeddedInstance") != nil || qualifiers.isTrue("EmbeddedObject")
            return isString ? "string" : type.className ?? "object"
        default:
            return type.base.mofName
        }
    }
}
