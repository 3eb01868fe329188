import CIM

/// Writes MOF that `MOFParser` reads back to the same value.
///
/// A value for which MOF has no literal does not come back the same:
/// - Reals that are not finite come back as NULL.
/// - Where the declaration of a qualifier is not known, its integers come back in the narrowest of sint32, sint64 and uint64, and its empty
///   arrays as arrays of strings.
/// - An instance does not know its types. Only its strings, booleans, characters, instances, values of real64, and integers of these three
///   types as they need come back the same.
public enum MOFWriter {
    /// The declaration of a qualifier that the reader of the text will know; nil when the reader will know none.
    public typealias KnownTypes = (_ name: String) -> CIMQualifierType?

    /// The declaration of a class: its local features (their origin is the class, or not set) and qualifiers that were not inherited.
    ///
    /// - Parameter types: where the type of a qualifier is known, only the flavors that differ from the type's are written; else all
    ///   flavors that are set.
    public static func write(_ declared: CIMClass, knowing types: KnownTypes = { _ in nil }) -> String {
        write(declared, alias: nil, references: [], knowing: types)
    }

    /// The declaration of an instance.
    public static func write(_ instance: CIMInstance) -> String {
        write(MOFInstance(instance: instance))
    }

    /// The declaration of an instance, with its own alias and the aliases that its values name.
    ///
    /// - Parameter types: used for the qualifiers of the instance as for those of a class.
    public static func write(_ declared: MOFInstance, knowing types: KnownTypes = { _ in nil }) -> String {
        let alias = declared.alias.map { " as $\($0)" } ?? ""
        let aliases = Aliases(declared.aliasReferences)
        return qualifierList(declared.instance.qualifiers, indent: 0, onOwnLine: true, types)
            + "instance of \(declared.instance.className)\(alias)\n{\n"
            + properties(declared.instance, aliases, indent: 4, knowing: types) + "};\n"
    }

    /// The declaration of a qualifier, with every flavor that matters in words.
    public static func write(_ type: CIMQualifierType) -> String {
        var text = "Qualifier \(type.name) : \(type.type.base.mofName)\(arraySuffix(type.type))"
        if !type.defaultValue.isNull { text += " = " + literal(type.defaultValue, indent: 4) }
        let scope = type.scope == .any ? ["any"] : type.scope.words.isEmpty ? ["schema"] : type.scope.words
        let words = [
            type.flavor.contains(.disableOverride) ? "DisableOverride" : "EnableOverride",
            type.flavor.contains(.toSubclass) ? "ToSubclass" : "Restricted",
        ]
        let more = [(CIMFlavor.toInstance, "ToInstance"), (.amended, "Amended")].filter { type.flavor.contains($0.0) }.map(\.1)
        return text + ",\n    Scope(\(scope.joined(separator: ", "))),\n    Flavor(\((words + more).joined(separator: ", ")));\n"
    }

    static func write(
        _ declared: CIMClass, alias: String?, references: [MOFAliasReference], knowing types: KnownTypes
    ) -> String {
        let aliases = Aliases(references)
        var text = qualifierList(declared.qualifiers, indent: 0, onOwnLine: true, types)
        text += "class \(declared.name)"
        if let alias { text += " as $\(alias)" }
        if let superclass = declared.superclass { text += " : \(superclass)" }
        text += "\n{\n"
        for property in declared.properties where isLocal(property.origin, in: declared) {
            text +=
                "    \(qualifierList(property.qualifiers, indent: 4, types))\(typeName(property.type, property.qualifiers)) \(property.name)"
            text += arraySuffix(property.type)
            if let alias = aliases.alias(of: property.name) {
                text += " = $\(alias)"
            } else if !property.defaultValue.isNull {
                text += " = " + literal(property.defaultValue, indent: 8)
            }
            text += ";\n"
        }
        for method in declared.methods where isLocal(method.origin, in: declared) {
            let type = method.returnType.map { typeName($0, method.qualifiers) } ?? "void"
            text += "    \(qualifierList(method.qualifiers, indent: 4, types))\(type) \(method.name)("
            let parameters = method.parameters.map { parameter in
                qualifierList(parameter.qualifiers, indent: 8, types) + typeName(parameter.type, parameter.qualifiers)
                    + " \(parameter.name)" + arraySuffix(parameter.type)
            }
            let isShort = parameters.reduce(0) { $0 + $1.utf8.count } <= 80
            text += isShort ? parameters.joined(separator: ", ") : "\n        " + parameters.joined(separator: ",\n        ")
            text += ");\n"
        }
        return text + "};\n"
    }

    private static func isLocal(_ origin: String, in declared: CIMClass) -> Bool {
        origin.isEmpty || CIMName.equal(origin, declared.name)
    }

    private static func arraySuffix(_ type: CIMTypeReference) -> String {
        guard type.isArray else { return "" }
        return "[\(type.arraySize.map(String.init) ?? "")]"
    }

    /// The word for a type. `string` for an embedded object only where a qualifier that is written says what it is.
    private static func typeName(_ type: CIMTypeReference, _ qualifiers: [CIMQualifier]) -> String {
        switch type.base {
        case .reference:
            return "\(type.className ?? "object") ref"
        case .object:
            let local = qualifiers.filter { !$0.flavor.contains(.originPropagated) }
            let isString: Bool
            if let embedded = local.named("EmbeddedInstance")?.value, !embedded.isNull {
                isString = type.className != nil && embedded.stringValue == type.className
            } else {
                isString = type.className == nil && local.isTrue("EmbeddedObject")
            }
            if isString { return "string" }
            guard let className = type.className else { return "object" }
            let isReserved = CIMType(mofName: className) != nil || CIMName.equal(className, "void")
            return isReserved ? "object:\(className)" : className
        default:
            return type.base.mofName
        }
    }
}

// MARK: - Qualifiers

extension MOFWriter {
    static func qualifierList(
        _ qualifiers: [CIMQualifier], indent: Int, onOwnLine: Bool = false, _ types: KnownTypes
    ) -> String {
        let local = qualifiers.filter { !$0.flavor.contains(.originPropagated) }
        guard !local.isEmpty else { return "" }
        let margin = "\n" + String(repeating: " ", count: indent)
        let written = local.map { qualifier($0, indent: indent + 4, type: types($0.name)) }
        let line = "[" + written.joined(separator: ", ") + "]"
        if line.utf8.count <= 100, !line.utf8.contains(0x0A) { return line + (onOwnLine ? margin : " ") }
        return "[\(margin)    " + written.joined(separator: ",\(margin)    ") + "]" + margin
    }

    private static func qualifier(_ qualifier: CIMQualifier, indent: Int, type: CIMQualifierType?) -> String {
        var text = qualifier.name
        // A comma before a bare word that is a flavor would make it one.
        let isImplied = type.map { $0.type == CIMTypeReference(.boolean) } ?? true
        switch qualifier.value {
        case .boolean(true) where isImplied && FlavorWord(qualifier.name) == nil: break
        case .array: text += literal(qualifier.value, indent: indent + 4)
        default: text += "(\(literal(qualifier.value, indent: indent + 4)))"
        }
        let words = flavorWords(qualifier.flavor, over: type?.flavor.subtracting(.amended) ?? [])
        return words.isEmpty ? text : "\(text) : \(words.joined(separator: " "))"
    }

    /// What a use must say to have `flavor` where it has `given` without a word.
    private static func flavorWords(_ flavor: CIMFlavor, over given: CIMFlavor) -> [String] {
        var words: [String] = []
        let changed = flavor.symmetricDifference(given)
        if changed.contains(.toSubclass) {
            words.append(flavor.contains(.toSubclass) ? "ToSubclass" : flavor.contains(.toInstance) ? "NotToSubclass" : "Restricted")
        }
        if changed.contains(.toInstance), words != ["Restricted"] {
            words.append(flavor.contains(.toInstance) ? "ToInstance" : "NotToInstance")
        }
        if changed.contains(.disableOverride) {
            words.append(flavor.contains(.disableOverride) ? "DisableOverride" : "EnableOverride")
        }
        if flavor.contains(.amended) { words.append("Amended") }
        return words
    }
}
