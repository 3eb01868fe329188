import CIM
import DBus

/// A class as `a{sv}` (Design 3, Objects): its system properties, and `__PROPERTIES`, `__METHODS` and `__QUALIFIERS` in the order of
/// declaration, from which its MOF can be rebuilt exactly.
extension BodyWriter {
    public mutating func append(class declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        let object = beginArray(elementAlignment: 8)
        append(entriesOf: declaration, namespace: namespace, server: server)
        endArray(object)
    }

    mutating func append(entriesOf declaration: CIMClass, namespace: CIMNamespaceName, server: String) {
        let location = CIMLocation(namespace: namespace, server: server)
        // The class first: a reader has to know it for everything else.
        append(.className, .string(declaration.name))
        for property in SystemProperty.allCases where property != .className {
            append(property, property.value(of: declaration, in: location))
        }
        append(list: FeatureList.properties, declaration.properties) { writer, property in
            writer.append(entry: "Name", .string(property.name))
            writer.append(type: property.type)
            writer.append(entry: "Default", property.defaultValue)
            writer.append(types: property.defaultValue)
            writer.append(entry: "Origin", .string(property.origin))
            writer.append(qualifiers: "Qualifiers", property.qualifiers)
        }
        append(list: FeatureList.methods, declaration.methods) { writer, method in
            writer.append(entry: "Name", .string(method.name))
            writer.append(list: "Parameters", method.parameters) { writer, parameter in
                writer.append(entry: "Name", .string(parameter.name))
                writer.append(type: parameter.type)
                writer.append(qualifiers: "Qualifiers", parameter.qualifiers)
            }
            if let type = method.returnType {
                writer.append(entry: "ReturnType", .string(type.cimType))
                if type.isArray { writer.append(entry: "ReturnIsArray", .boolean(true)) }
                if let size = type.arraySize { writer.append(entry: "ReturnArraySize", .uint32(UInt32(clamping: size))) }
            }
            writer.append(entry: "Origin", .string(method.origin))
            writer.append(qualifiers: "Qualifiers", method.qualifiers)
        }
        append(qualifiers: FeatureList.qualifiers, declaration.qualifiers)
        // A system property is the class's own, whatever a feature is called.
        for property in declaration.properties where !property.name.hasPrefix("__") { append(entry: property.name, property.defaultValue) }
    }

    /// What it takes to read a class's instances, as entries: each property's name and type, which of them are keys, what their values are
    /// called, and whether the class is a singleton. Nothing is there that is not needed for that.
    mutating func append(shapeOf declaration: CIMClass) {
        append(.className, .string(declaration.name))
        append(.genus, .sint32(1))
        append(.superclass, declaration.superclass.map { .string($0) } ?? .null)
        append(.derivation, .strings(declaration.derivation))
        append(list: FeatureList.properties, declaration.properties) { writer, property in
            writer.append(entry: "Name", .string(property.name))
            writer.append(entry: "Type", .string(property.type.cimType))
            if property.type.isArray { writer.append(entry: "IsArray", .boolean(true)) }
            writer.append(shapeOf: property.qualifiers, as: "Qualifiers")
        }
        append(shapeOf: declaration.qualifiers, as: FeatureList.qualifiers)
    }

    /// The qualifiers that belong to a class's shape.
    private static let shapeQualifiers: Set<CIMName> = ["Key", "Singleton", "Values", "ValueMap", "BitValues", "BitMap"]

    private mutating func append(shapeOf qualifiers: [CIMQualifier], as key: String) {
        let needed = qualifiers.filter { Self.shapeQualifiers.contains(CIMName($0.name)) }
        if !needed.isEmpty { append(qualifiers: key, needed) }
    }

    private mutating func append(type: CIMTypeReference) {
        append(entry: "Type", .string(type.cimType))
        append(entry: "IsArray", .boolean(type.isArray))
        if let size = type.arraySize { append(entry: "ArraySize", .uint32(UInt32(clamping: size))) }
    }

    /// The qualifiers of an instance and of its properties, each list where there are some.
    mutating func append(qualifiersOf instance: CIMInstance) {
        if !instance.qualifiers.isEmpty { append(qualifiers: FeatureList.qualifiers, instance.qualifiers) }
        if instance.propertyQualifiers.isEmpty { return }
        append(list: FeatureList.properties, instance.propertyQualifiers) { writer, property in
            writer.append(entry: "Name", .string(property.name))
            writer.append(qualifiers: "Qualifiers", property.qualifiers)
        }
    }

    private mutating func append(qualifiers key: String, _ qualifiers: [CIMQualifier]) {
        append(list: key, qualifiers) { writer, qualifier in
            writer.append(entry: "Name", .string(qualifier.name))
            if let type = qualifier.value.type?.base, type.isHiddenByWire { writer.append(entry: "Type", .string(type.mofName)) }
            writer.append(entry: "Value", qualifier.value)
            writer.append(types: qualifier.value)
            writer.append(entry: "Flavor", .uint32(qualifier.flavor.rawValue))
        }
    }

    /// What the wire does not say of the objects in a value.
    private mutating func append(types value: CIMValue) { append(entry: "Types", WireTypes.lost(in: value)) }

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
            case SystemProperty.className.rawValue: declaration.name = value.stringValue ?? ""
            case SystemProperty.superclass.rawValue: declaration.superclass = value.stringValue
            case SystemProperty.derivation.rawValue: declaration.derivation = value.stringArrayValue ?? []
            case FeatureList.properties: declaration.properties = try value.entries(key).map { try CIMProperty(entry: $0) }
            case FeatureList.methods: declaration.methods = try value.entries(key).map { try CIMMethod(entry: $0) }
            case FeatureList.qualifiers: declaration.qualifiers = try value.entries(key).map { try CIMQualifier(entry: $0) }
            default: break
            }
        }
        try leaveArray(end)
        guard !declaration.name.isEmpty else { throw ObjectFault("a class without __CLASS") }
        return declaration
    }
}

extension CIMInstance {
    /// Takes over a list of qualifiers, `__QUALIFIERS` or `__PROPERTIES`, as it came.
    ///
    /// - Parameter spelling: the name of a property as the class has it; nil for one that it lacks.
    /// - Throws: ``ObjectFault``, also for a list that is there twice.
    mutating func take(_ value: CIMValue, as list: String, spelling: (_ name: String) -> String?) throws {
        if list == FeatureList.qualifiers {
            guard qualifiers.isEmpty else { throw ObjectFault("\(list) is there twice") }
            qualifiers = try value.entries(list).map { try CIMQualifier(entry: $0) }
            return
        }
        guard propertyQualifiers.isEmpty else { throw ObjectFault("\(list) is there twice") }
        for entry in try value.entries(list) {
            let name = try entry.text("Name")
            guard let spelled = spelling(name) else { throw ObjectFault("\(className) has no property \(name), which \(list) names") }
            let said = try entry.qualifierList()
            if !said.isEmpty { propertyQualifiers.append(.init(name: spelled, qualifiers: said)) }
        }
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
        guard let type = try typeReference("Type", "IsArray", "ArraySize") else { throw ObjectFault("an entry without Type") }
        return type
    }

    /// Nil when there is none.
    fileprivate func typeReference(_ name: String, _ isArray: String, _ size: String) throws -> CIMTypeReference? {
        guard let value = self[name] else { return nil }
        let text = value.stringValue ?? ""
        let arraySize = self[size]?.int64Value.flatMap { Int(exactly: $0) }
        guard let type = CIMTypeReference(cimType: text, isArray: self[isArray]?.boolValue ?? false, arraySize: arraySize) else {
            throw ObjectFault("no CIM type is called \"\(text)\"")
        }
        return type
    }

    /// The value called `name` in its own type; nil when there is none.
    /// - Parameter type: for the element, where one is known.
    fileprivate func value(_ name: String, as type: CIMTypeReference?, of owner: String) throws -> CIMValue? {
        guard let value = self[name] else { return nil }
        let typed = try WireTypes.restored(in: value, self["Types"])
        guard let type else { return typed }
        guard let converted = typed.converted(to: type) else { throw ObjectFault("the value of \(owner) is no \(type)") }
        return converted
    }
}

extension CIMQualifier {
    fileprivate init(entry: CIMInstance) throws {
        let name = try entry.text("Name")
        let base = try entry.typeReference("Type", "", "")?.base
        let type = base.map { CIMTypeReference($0, isArray: entry["Value"]?.arrayValue != nil) }
        self.init(
            name: name, value: try entry.value("Value", as: type, of: "qualifier \(name)") ?? .null,
            flavor: CIMFlavor(rawValue: UInt32(truncatingIfNeeded: entry["Flavor"]?.int64Value ?? 0)))
    }
}

extension CIMProperty {
    fileprivate init(entry: CIMInstance) throws {
        let name = try entry.text("Name")
        let type = try entry.typeReference()
        self.init(
            name: name, type: type, defaultValue: try entry.value("Default", as: type, of: "property \(name)") ?? .null,
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
            name: try entry.text("Name"), returnType: try entry.typeReference("ReturnType", "ReturnIsArray", "ReturnArraySize"),
            parameters: try entry["Parameters"]?.entries("Parameters").map { try CIMParameter(entry: $0) } ?? [],
            qualifiers: try entry.qualifierList(), origin: entry["Origin"]?.stringValue ?? "")
    }
}
