/// Any value D-Bus can carry.
///
/// For code that meets values it knows nothing of. Code that knows its types reads and writes them with ``BodyReader`` and ``BodyWriter``
/// and never builds these. A hostile body can make a tree about 32 times its own size: bound the body first.
public enum DBusValue: Hashable, Sendable {
    case byte(UInt8)
    case boolean(Bool)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case uint64(UInt64)
    case double(Double)
    case string(String)
    case objectPath(ObjectPath)
    case signature(Signature)
    case unixFD(FileDescriptorBox)
    /// `ay`, which decoding always gives in this form.
    case bytes([UInt8])
    /// Every element is of the type `element`; else encoding fails.
    case array(element: Signature, [DBusValue])
    /// At least one field; else encoding fails.
    case structure([DBusValue])
    /// Only inside an array. The key is of a basic type.
    indirect case dictEntry(DBusValue, DBusValue)
    indirect case variant(DBusValue)

    /// The one complete type of the value. Not validated: a tree nested deeper than D-Bus allows gives a signature encoding refuses.
    public var signature: Signature {
        var text = ""
        appendSignature(to: &text)
        return Signature(verified: text)
    }

    func appendSignature(to text: inout String) {
        switch self {
        case .byte: text += "y"
        case .boolean: text += "b"
        case .int16: text += "n"
        case .uint16: text += "q"
        case .int32: text += "i"
        case .uint32: text += "u"
        case .int64: text += "x"
        case .uint64: text += "t"
        case .double: text += "d"
        case .string: text += "s"
        case .objectPath: text += "o"
        case .signature: text += "g"
        case .unixFD: text += "h"
        case .variant: text += "v"
        case .bytes: text += "ay"
        case .array(let element, _):
            text += "a"
            text += element.text
        case .structure(let fields):
            text += "("
            for field in fields { field.appendSignature(to: &text) }
            text += ")"
        case .dictEntry(let key, let value):
            text += "{"
            key.appendSignature(to: &text)
            value.appendSignature(to: &text)
            text += "}"
        }
    }

    /// The signature of a body of these values.
    static func signature(of values: [DBusValue]) -> Signature {
        var text = ""
        for value in values { value.appendSignature(to: &text) }
        return Signature(verified: text)
    }
}

extension DBusValue {
    /// `a{sv}` of these entries, in this order.
    public static func dictionary(_ entries: [(String, DBusValue)]) -> DBusValue {
        .array(element: Signature(verified: "{sv}"), entries.map { .dictEntry(.string($0.0), .variant($0.1)) })
    }

    /// `a{kv}` of these entries, in this order. Encoding fails for entries of other types than stated.
    public static func dictionary(key: Signature, value: Signature, _ entries: [(DBusValue, DBusValue)]) -> DBusValue {
        .array(element: Signature(verified: "{" + key.text + value.text + "}"), entries.map { .dictEntry($0.0, $0.1) })
    }

    /// `as`.
    public static func strings(_ strings: some Sequence<String>) -> DBusValue {
        .array(element: Signature(verified: "s"), strings.map { .string($0) })
    }

    /// The value inside, however many variants are around it.
    public var unwrapped: DBusValue {
        var value = self
        while case .variant(let inner) = value { value = inner }
        return value
    }

    /// The text of a string, object path or signature, through variants; nil for anything else.
    public var text: String? {
        switch unwrapped {
        case .string(let text): text
        case .objectPath(let path): path.text
        case .signature(let signature): signature.text
        default: nil
        }
    }

    /// The boolean, through variants; nil for anything else.
    public var bool: Bool? {
        if case .boolean(let bool) = unwrapped { bool } else { nil }
    }

    /// Any integer type whose value fits, through variants; nil for anything else.
    public func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
        switch unwrapped {
        case .byte(let value): T(exactly: value)
        case .int16(let value): T(exactly: value)
        case .uint16(let value): T(exactly: value)
        case .int32(let value): T(exactly: value)
        case .uint32(let value): T(exactly: value)
        case .int64(let value): T(exactly: value)
        case .uint64(let value): T(exactly: value)
        default: nil
        }
    }

    /// The elements of an array or the fields of a structure, through variants; nil for anything else.
    public var elements: [DBusValue]? {
        switch unwrapped {
        case .array(_, let elements): elements
        case .bytes(let bytes): bytes.map { .byte($0) }
        case .structure(let fields): fields
        default: nil
        }
    }

    /// An `a{s…}` as a Swift dictionary with the variants removed; nil for anything else. Of equal keys the last wins.
    public var stringDictionary: [String: DBusValue]? {
        guard case .array(let element, let entries) = unwrapped, element.text.utf8.starts(with: "{s".utf8) else { return nil }
        var dictionary: [String: DBusValue] = [:]
        dictionary.reserveCapacity(entries.count)
        for case .dictEntry(.string(let key), let value) in entries { dictionary[key] = value.unwrapped }
        return dictionary
    }
}
