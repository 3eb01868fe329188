import CIM
import DBus

extension BodyWriter {
    /// One property as an entry of an open `a{sv}`. NULL is written by leaving the entry out.
    public mutating func append(entry name: String, _ value: CIMValue) {
        guard !value.isNull else { return }
        beginDictEntry()
        append(string: name)
        append(variant: value)
    }

    /// A system property as such an entry.
    package mutating func append(_ property: SystemProperty, _ value: CIMValue) { append(entry: property.rawValue, value) }

    /// A value in a variant of its type. NULL has no form on the wire; it becomes an empty string.
    public mutating func append(variant value: CIMValue) {
        if case .array(let base, let elements) = value {
            let layout = base.wireLayout
            beginVariant(layout.arraySignature)
            let array = beginArray(elementAlignment: layout.alignment)
            for element in elements {
                let converted = element.converted(toScalar: base)
                if converted == nil { doubt() }
                append(bare: converted ?? element)
            }
            endArray(array)
        } else {
            beginVariant((value.scalarType ?? .string).wireLayout.signature)
            append(bare: value)
        }
    }

    private mutating func append(bare value: CIMValue) {
        switch value {
        case .null, .array: append(string: "")
        case .boolean(let value): append(boolean: value)
        case .uint8(let value): append(byte: value)
        case .sint8(let value): append(int16: Int16(value))
        case .sint16(let value): append(int16: value)
        case .uint16(let value), .char16(let value): append(uint16: value)
        case .uint32(let value): append(uint32: value)
        case .sint32(let value): append(int32: value)
        case .uint64(let value): append(uint64: value)
        case .sint64(let value): append(int64: value)
        case .real32(let value): append(double: Double(value))
        case .real64(let value): append(double: value)
        case .string(let value): append(string: value)
        case .datetime(let value): append(string: value.description)
        case .reference(let value): append(string: value.path)
        case .object(let value):
            // However deep they lie in each other.
            doubt()
            append(instance: value)
        }
    }

    /// An object as `a{sv}`: its class, its path if it has one, its properties, and its qualifiers if it has some.
    public mutating func append(instance: CIMInstance) {
        let array = beginArray(elementAlignment: 8)
        append(.className, .string(instance.className))
        if let path = instance.path { append(.path, .string(path.path)) }
        for property in instance.properties { append(entry: property.name, property.value) }
        if instance.hasQualifiers { append(qualifiersOf: instance) }
        endArray(array)
    }

    /// Several objects as `aa{sv}`.
    public mutating func append(instances: some Sequence<CIMInstance>) {
        let array = beginArray(elementAlignment: 4)
        for instance in instances { append(instance: instance) }
        endArray(array)
    }
}

/// What a class object has beside the system properties: the lists of its features, and of the qualifiers of a class or an instance.
enum FeatureList {
    static let properties = "__PROPERTIES"
    static let methods = "__METHODS"
    static let qualifiers = "__QUALIFIERS"

    /// Which of the two lists of qualifiers that an instance may carry has this name, in any case; nil: none.
    static func qualifierList(named name: UnsafeRawBufferPointer) -> String? {
        // Both have twelve bytes.
        guard name.count == qualifiers.utf8.count else { return nil }
        return [qualifiers, properties].first { CIMName.equal(name, $0) }
    }
}

extension SystemProperty {
    /// Whether it is the name of a system property: `__` and more.
    static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
        name.count > 2 && name[0] == UInt8(ascii: "_") && name[1] == UInt8(ascii: "_")
    }
}

/// How deep things may nest (Design 3, Objects).
public enum Nesting {
    /// Embedded objects inside each other.
    public static let objects = CIMInstance.maximumNesting
    /// D-Bus containers around one value; the message bus drops a sender past 64.
    public static let containers = 56
}
