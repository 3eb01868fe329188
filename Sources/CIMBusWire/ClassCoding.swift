import CIM
import DBus

/// A class as `a{sv}` (DESIGN section 3, Objects): its system properties, and `__PROPERTIES`, `__METHODS` and `__QUALIFIERS` in the order of
/// declaration, from which its MOF can be rebuilt exactly.
extension BodyWriter {
    public mutating func append(class declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        let object = beginArray(elementAlignment: 8)
        append(entriesOf: declaration, namespace: namespace, server: server)
        endArray(object)
    }

    mutating func append(entriesOf declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        append(entry: SystemProperty.className, .string(declaration.name))
        append(entry: SystemProperty.genus, .sint32(1))
        if let superclass = declaration.superclass { append(entry: SystemProperty.superclass, .string(superclass)) }
        append(entry: SystemProperty.dynasty, .string(declaration.dynasty))
        append(entry: SystemProperty.relativePath, .string(declaration.name))
        append(entry: SystemProperty.propertyCount, .sint32(Int32(clamping: declaration.properties.count)))
        append(entry: SystemProperty.derivation, .strings(declaration.derivation))
        append(entry: SystemProperty.server, .string(server))
        append(entry: SystemProperty.namespace, .string(namespace.wmiText))
        append(entry: SystemProperty.path, .string("\\\\\(server)\\\(namespace.wmiText):\(declaration.name)"))
        append(list: SystemProperty.properties, declaration.properties) { writer, property in
            writer.append(entry: "Name", .string(property.name))
            writer.append(type: property.type)
            writer.append(entry: "Default", property.defaultValue)
            writer.append(entry: "Origin", .string(property.origin))
            writer.append(qualifiers: "Qualifiers", property.qualifiers)
        }
        append(list: SystemProperty.methods, declaration.methods) { writer, method in
            writer.append(entry: "Name", .string(method.name))
            writer.append(list: "Parameters", method.parameters) { writer, parameter in
                writer.append(entry: "Name", .string(parameter.name))
                writer.append(type: parameter.type)
                writer.append(qualifiers: "Qualifiers", parameter.qualifiers)
            }
            if let type = method.returnType { writer.append(entry: "ReturnType", .string(type.cimType)) }
            writer.append(entry: "Origin", .string(method.origin))
            writer.append(qualifiers: "Qualifiers", method.qualifiers)
        }
        append(qualifiers: SystemProperty.qualifiers, declaration.qualifiers)
        for property in declaration.properties { append(entry: property.name, property.defaultValue) }
    }

    private mutating func append(type: CIMTypeReference) {
        append(entry: "Type", .string(type.cimType))
        append(entry: "IsArray", .boolean(type.isArray))
        if let size = type.arraySize { append(entry: "ArraySize", .uint32(UInt32(clamping: size))) }
    }

    private mutating func append(qualifiers key: String, _ qualifiers: [CIMQualifier]) {
        append(list: key, qualifiers) { writer, qualifier in
            writer.append(entry: "Name", .string(qualifier.name))
            writer.append(entry: "Value", qualifier.value)
            writer.append(entry: "Flavor", .uint32(qualifier.flavor.rawValue))
        }
    }

    /// An entry whose value is an `aa{sv}`.
    private mutating func append<Element>(list key: String, _ elements: [Element], _ body: (inout BodyWriter, Element) -> Void) {
        beginDictEntry()
        append(string: key)
        beginVariant("aa{sv}")
        let array = beginArray(elementAlignment: 4)
        for element in elements {
            let dictionary = beginArray(elementAlignment: 8)
            body(&self, element)
            endArray(dictionary)
        }
        endArray(array)
    }
}

extension BodyReader {
    /// A class from its `a{sv}`. Throws ``ObjectFault`` and ``DBusDecodingError``.
    public mutating func readClass() throws -> CIMClass {
        let end = try enterArray(elementAlignment: 8)
        var declaration = CIMClass(name: "")
        while !isAtEnd(of: end) {
            try enterDictEntry()
            let key = try readString()
            let value = try readVariant()
            switch key {
            case SystemProperty.className: declaration.name = value.stringValue ?? ""
            case SystemProperty.superclass: declaration.superclass = value.stringValue
            case SystemProperty.derivation: declaration.derivation = value.stringArrayValue ?? []
            case SystemProperty.properties: declaration.properties = try value.entries("__PROPERTIES").map { try CIMProperty(entry: $0) }
            case SystemProperty.methods: declaration.methods = try value.entries("__METHODS").map { try CIMMethod(entry: $0) }
            case SystemProperty.qualifiers: declaration.qualifiers = try value.entries("__QUALIFIERS").map { try CIMQualifier(entry: $0) }
            default: break
            }
        }
        try leaveArray(end)
        guard !declaration.name.isEmpty else { throw ObjectFault("a class without __CLASS") }
        return declaration
    }
}

extension CIMValue {
    fileprivate func entries(_ what: String) throws -> [CIMInstance] {
        guard let elements = arrayValue else { throw ObjectFault("\(what) is not an array of dictionaries") }
        return try elements.map {
            guard let entry = $0.objectValue else { throw ObjectFault("an element of \(what) is not a dictionary") }
            return entry
        }
    }
}

extension CIMInstance {
    fileprivate func text(_ key: String) throws -> String {
        guard let text = self[key]?.stringValue else { throw ObjectFault("an entry without \(key)") }
        return text
    }

    fileprivate func qualifierList() throws -> [CIMQualifier] {
        try self["Qualifiers"]?.entries("Qualifiers").map { try CIMQualifier(entry: $0) } ?? []
    }

    fileprivate func typeReference() throws -> CIMTypeReference {
        let text = try text("Type")
        let size = self["ArraySize"]?.int64Value.map { Int($0) }
        guard let type = CIMTypeReference(cimType: text, isArray: self["IsArray"]?.boolValue ?? false, arraySize: size) else {
            throw ObjectFault("no CIM type is called \(text)")
        }
        return type
    }
}

extension CIMQualifier {
    fileprivate init(entry: CIMInstance) throws {
        self.init(
            name: try entry.text("Name"), value: entry["Value"] ?? .null,
            flavor: CIMFlavor(rawValue: UInt32(truncatingIfNeeded: entry["Flavor"]?.int64Value ?? 0)))
    }
}

extension CIMProperty {
    fileprivate init(entry: CIMInstance) throws {
        let type = try entry.typeReference()
        self.init(
            name: try entry.text("Name"), type: type, defaultValue: entry["Default"].flatMap { $0.converted(to: type) } ?? .null,
            qualifiers: try entry.qualifierList(), origin: entry["Origin"]?.stringValue ?? "")
    }
}

extension CIMParameter {
    fileprivate init(entry: CIMInstance) throws {
        self.init(name: try entry.text("Name"), type: try entry.typeReference(), qualifiers: try entry.qualifierList())
    }
}

extension CIMMethod {
    fileprivate init(entry: CIMInstance) throws {
        self.init(
            name: try entry.text("Name"), returnType: entry["ReturnType"]?.stringValue.flatMap { CIMTypeReference(cimType: $0) },
            parameters: try entry["Parameters"]?.entries("Parameters").map { try CIMParameter(entry: $0) } ?? [],
            qualifiers: try entry.qualifierList(), origin: entry["Origin"]?.stringValue ?? "")
    }
}
