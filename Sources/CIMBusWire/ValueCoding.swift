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
        /// It is another object than the one that was asked for: ProviderFailure.
        case wrongInstance
        /// It is larger than an object, a batch or a message may be: QuotaViolation for who sent it; for the client whose result it is see
        /// ``resultStatus``.
        case tooLarge
        /// It is nested deeper than a message may be: QuotaViolation.
        case tooDeep
        /// This side had no memory to read or to write it: OutOfMemory (R15). It says nothing about the object.
        case outOfMemory
    }

    public var kind: Kind
    public var description: String

    /// - Parameter description: cut to what an error message can hold, and made one line: it names what a peer sent.
    public init(_ description: String, kind: Kind = .misfit) {
        self.kind = kind
        let line = description.oneLine
        self.description = line.utf8.count <= 1024 ? line : String(line.unicodeScalars.prefix(800)) + "…"
    }

    public var status: WBEMStatus {
        switch kind {
        case .misfit: .invalidObject
        case .wrongInstance: .providerFailure
        case .tooLarge, .tooDeep: .quotaViolation
        case .outOfMemory: .outOfMemory
        }
    }

    /// The status of an operation whose result it is: one that is refused for its size is OutOfMemory (R15).
    public var resultStatus: WBEMStatus { kind == .tooLarge ? .outOfMemory : status }

    /// Whether it is only the size, or the moment, that was wrong: who sent it may send less, or send it again.
    public var changesNothing: Bool {
        switch kind {
        case .tooLarge, .tooDeep, .outOfMemory: true
        case .misfit, .wrongInstance: false
        }
    }

    /// What reading or writing an object on the wire threw.
    public init(_ error: any Error) {
        switch error {
        case let fault as ObjectFault: self = fault
        case let error as DBusEncodingError:
            let kind: Kind =
                switch error.code {
                case .arrayTooLong, .tooLarge: .tooLarge
                case .outOfMemory: .outOfMemory
                case .tooDeep: .tooDeep
                case .stringWithNUL, .typeMismatch, .unixFD, .misalignedBlock: .misfit
                }
            self.init("\(error)", kind: kind)
        case let error as DBusDecodingError: self.init("\(error)", kind: error.code == .outOfMemory ? .outOfMemory : .misfit)
        default: self.init("\(error)")
        }
    }
}
