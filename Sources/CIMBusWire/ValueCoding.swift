import CIM
import DBus

extension CIMType {
    /// The D-Bus type of a value of this type (DESIGN section 3, Objects), as the one byte or the text of its signature.
    public var wireSignature: StaticString {
        switch self {
        case .boolean: "b"
        case .uint8: "y"
        case .sint8, .sint16: "n"
        case .uint16, .char16: "q"
        case .uint32: "u"
        case .sint32: "i"
        case .uint64: "t"
        case .sint64: "x"
        case .real32, .real64: "d"
        case .string, .datetime, .reference: "s"
        case .object: "a{sv}"
        }
    }

    public var wireArraySignature: StaticString {
        switch self {
        case .boolean: "ab"
        case .uint8: "ay"
        case .sint8, .sint16: "an"
        case .uint16, .char16: "aq"
        case .uint32: "au"
        case .sint32: "ai"
        case .uint64: "at"
        case .sint64: "ax"
        case .real32, .real64: "ad"
        case .string, .datetime, .reference: "as"
        case .object: "aa{sv}"
        }
    }

    /// The alignment of an element of this type on the wire.
    var wireAlignment: Int {
        switch self {
        case .uint8: 1
        case .sint8, .sint16, .uint16, .char16: 2
        case .boolean, .uint32, .sint32, .string, .datetime, .reference, .object: 4
        case .uint64, .sint64, .real32, .real64: 8
        }
    }
}

extension BodyWriter {
    /// One property as an entry of an open `a{sv}`. NULL is written by leaving the entry out.
    public mutating func append(entry name: String, _ value: CIMValue) {
        guard !value.isNull else { return }
        beginDictEntry()
        append(string: name)
        append(variant: value)
    }

    /// A value in a variant of its type. NULL has no form on the wire; it becomes an empty string.
    public mutating func append(variant value: CIMValue) {
        if case .array(let base, let elements) = value {
            beginVariant(base.wireArraySignature)
            let array = beginArray(elementAlignment: base.wireAlignment)
            for element in elements { append(bare: element.converted(toScalar: base) ?? element) }
            endArray(array)
        } else {
            beginVariant((value.scalarType ?? .string).wireSignature)
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
        case .object(let value): append(instance: value)
        }
    }

    /// An object as `a{sv}`: its class, its path if it has one, its properties, and its qualifiers if it has some.
    public mutating func append(instance: CIMInstance) {
        let array = beginArray(elementAlignment: 8)
        append(entry: SystemProperty.className, .string(instance.className))
        if let path = instance.path { append(entry: SystemProperty.path, .string(path.path)) }
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

/// WMI's system properties (SEMANTICS H.4), and what a class object adds.
public enum SystemProperty {
    public static let className = "__CLASS"
    public static let genus = "__GENUS"
    public static let path = "__PATH"
    public static let relativePath = "__RELPATH"
    public static let namespace = "__NAMESPACE"
    public static let server = "__SERVER"
    public static let superclass = "__SUPERCLASS"
    public static let dynasty = "__DYNASTY"
    public static let derivation = "__DERIVATION"
    public static let propertyCount = "__PROPERTY_COUNT"
    public static let properties = "__PROPERTIES"
    public static let methods = "__METHODS"
    public static let qualifiers = "__QUALIFIERS"

    /// Which of the two lists of qualifiers that an instance may carry has this name, in any case; nil: none.
    static func qualifierList(named name: UnsafeRawBufferPointer) -> String? {
        // Both have twelve bytes.
        guard name.count == qualifiers.utf8.count else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        return [qualifiers, properties].first { CIMName.equal($0, text) }
    }
}

/// How deep things may nest (DESIGN section 3, Objects).
public enum Nesting {
    /// Embedded objects inside each other.
    public static let objects = 16
    /// D-Bus containers around one value; the message bus drops a sender past 64.
    public static let containers = 56
}

/// What is wrong with an object on the wire, in words that name the property.
public struct ObjectFault: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// It does not fit its class, or no class could have it: InvalidObject.
        case misfit
        /// It is nested deeper, or is larger, than a message may be: QuotaViolation.
        case tooLarge
    }

    public var kind: Kind
    public var description: String

    /// - Parameter description: cut to what an error message can hold: it names what a peer sent.
    public init(_ description: String, kind: Kind = .misfit) {
        self.kind = kind
        self.description = description.utf8.count <= 1024 ? description : String(description.unicodeScalars.prefix(800)) + "…"
    }

    public var status: WBEMStatus { kind == .misfit ? .invalidObject : .quotaViolation }
}

extension BodyReader {
    /// A value of the type that its variant states, without a class to say more: `n` is sint16, `q` uint16, `d` real64, `s` a string.
    /// Throws ``ObjectFault`` for types that no CIM value has and past the limits of ``Nesting``, and ``DBusDecodingError``.
    public mutating func readVariant() throws -> CIMValue { try readVariant(Depth(containers: 3)) }

    /// Where a value is: inside so many embedded objects, and so many D-Bus containers, the one that holds it included.
    struct Depth {
        var objects = 0
        var containers = 0

        /// Inside so many containers more.
        func inside(_ count: Int, objects more: Int = 0) throws(ObjectFault) -> Depth {
            let deeper = Depth(objects: objects + more, containers: containers + count)
            if deeper.objects > Nesting.objects { throw ObjectFault("objects nest more than \(Nesting.objects) deep", kind: .tooLarge) }
            guard deeper.containers <= Nesting.containers else {
                throw ObjectFault("more than \(Nesting.containers) D-Bus containers around a value", kind: .tooLarge)
            }
            return deeper
        }
    }

    /// - Parameter depth: of the variant itself.
    private mutating func readVariant(_ depth: Depth) throws -> CIMValue {
        let signature = try readSignatureBytes()
        if signature.count == 1 {
            switch signature[0] {
            case UInt8(ascii: "b"): return .boolean(try readBoolean())
            case UInt8(ascii: "y"): return .uint8(try readByte())
            case UInt8(ascii: "n"): return .sint16(try readInt16())
            case UInt8(ascii: "q"): return .uint16(try readUInt16())
            case UInt8(ascii: "i"): return .sint32(try readInt32())
            case UInt8(ascii: "u"): return .uint32(try readUInt32())
            case UInt8(ascii: "x"): return .sint64(try readInt64())
            case UInt8(ascii: "t"): return .uint64(try readUInt64())
            case UInt8(ascii: "d"): return .real64(try readDouble())
            case UInt8(ascii: "s"), UInt8(ascii: "o"): return .string(try readString())
            case UInt8(ascii: "g"): return .string(String(decoding: try readSignatureBytes(), as: UTF8.self))
            case UInt8(ascii: "v"):
                return try readVariant(try depth.inside(1))
            default: break
            }
        } else if signature.count == 2, signature[0] == UInt8(ascii: "a") {
            switch signature[1] {
            case UInt8(ascii: "b"): return try readArray(of: .boolean)
            case UInt8(ascii: "y"): return try readArray(of: .uint8)
            case UInt8(ascii: "n"): return try readArray(of: .sint16)
            case UInt8(ascii: "q"): return try readArray(of: .uint16)
            case UInt8(ascii: "i"): return try readArray(of: .sint32)
            case UInt8(ascii: "u"): return try readArray(of: .uint32)
            case UInt8(ascii: "x"): return try readArray(of: .sint64)
            case UInt8(ascii: "t"): return try readArray(of: .uint64)
            case UInt8(ascii: "d"): return try readArray(of: .real64)
            case UInt8(ascii: "s"), UInt8(ascii: "o"): return try readArray(of: .string)
            case UInt8(ascii: "v"):
                // What dynamic languages send for a list whose type they do not know: all elements must be of one type.
                let element = try depth.inside(2)
                let values = try readArray(.string) { try $0.readVariant(element) }.arrayValue ?? []
                guard let first = values.first else { return .array(of: .string, []) }
                guard let type = first.scalarType else { throw ObjectFault("an array of arrays has no CIM type") }
                guard values.allSatisfy({ $0.scalarType == type }) else {
                    throw ObjectFault("an array whose elements are of several types")
                }
                return .array(of: type, values)
            default: break
            }
        } else if signature.elementsEqual("a{sv}".utf8) {
            return .object(try readInstance(try depth.inside(1, objects: 1)))
        } else if signature.elementsEqual("aa{sv}".utf8) {
            return .array(of: .object, try readInstances(try depth.inside(1, objects: 1)).map { .object($0) })
        }
        throw ObjectFault("a value of D-Bus type \"\(String(decoding: signature, as: UTF8.self))\" has no CIM type")
    }

    /// The elements of an array of a known type, in the type that the wire has for it.
    mutating func readArray(of type: CIMType) throws -> CIMValue {
        switch type {
        case .boolean: try readArray(.boolean) { .boolean(try $0.readBoolean()) }
        case .uint8: .array(of: .uint8, try readByteArray().map { .uint8($0) })
        case .sint8, .sint16: try readArray(.sint16) { .sint16(try $0.readInt16()) }
        case .uint16, .char16: try readArray(.uint16) { .uint16(try $0.readUInt16()) }
        case .sint32: try readArray(.sint32) { .sint32(try $0.readInt32()) }
        case .uint32: try readArray(.uint32) { .uint32(try $0.readUInt32()) }
        case .sint64: try readArray(.sint64) { .sint64(try $0.readInt64()) }
        case .uint64: try readArray(.uint64) { .uint64(try $0.readUInt64()) }
        case .real32, .real64: try readArray(.real64) { .real64(try $0.readDouble()) }
        case .string, .datetime, .reference: try readArray(.string) { .string(try $0.readString()) }
        case .object: .array(of: .object, try readInstances(Depth(objects: 1, containers: 4)).map { .object($0) })
        }
    }

    private mutating func readArray(
        _ type: CIMType, _ element: (inout BodyReader) throws -> CIMValue
    ) throws -> CIMValue {
        let end = try enterArray(elementAlignment: type.wireAlignment)
        var elements: [CIMValue] = []
        while !isAtEnd(of: end) { elements.append(try element(&self)) }
        try leaveArray(end)
        return .array(of: type, elements)
    }

    /// An `a{sv}` as an instance, without a class: system properties other than its class and path are left out.
    public mutating func readInstance() throws -> CIMInstance { try readInstance(Depth(containers: 1)) }

    /// - Parameter depth: of the object's own array.
    mutating func readInstance(_ depth: Depth) throws -> CIMInstance {
        let end = try enterArray(elementAlignment: 8)
        var instance = CIMInstance(className: "")
        while !isAtEnd(of: end) {
            try enterDictEntry()
            let name = try readString()
            let value = try readVariant(try depth.inside(2))
            if CIMName.equal(name, SystemProperty.className) {
                instance.className = value.stringValue ?? ""
            } else if CIMName.equal(name, SystemProperty.path) {
                instance.path = value.stringValue.flatMap { try? CIMObjectPath(parsing: $0) }
            } else if !name.hasPrefix("__") {
                instance.append(name: name, value: value)
            }
        }
        try leaveArray(end)
        if let twice = instance.duplicateName { throw ObjectFault("property \(twice) is there twice") }
        return instance
    }

    /// An `aa{sv}`.
    public mutating func readInstances() throws -> [CIMInstance] { try readInstances(Depth(containers: 1)) }

    /// - Parameter depth: of the array around them.
    private mutating func readInstances(_ depth: Depth) throws -> [CIMInstance] {
        let inner = try depth.inside(1)
        let end = try enterArray(elementAlignment: 4)
        var instances: [CIMInstance] = []
        while !isAtEnd(of: end) { instances.append(try readInstance(inner)) }
        try leaveArray(end)
        return instances
    }
}
