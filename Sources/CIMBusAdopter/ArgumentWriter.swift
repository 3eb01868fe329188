import CIM
import CIMAdoption
import DBus

/// Makes the arguments of D-Bus methods.
enum ArgumentWriter {
    /// Nil where a value is missing or does not fit.
    static func value(
        _ argument: CallArgument, property: (String) -> CIMValue? = { _ in nil }, parameter: (String) -> CIMValue? = { _ in nil }
    ) -> DBusValue? {
        switch argument.value {
        case .constant(let constant): return DBusValue(constant.value, as: argument.signature)
        case .list(let constants):
            guard argument.signature.text.hasPrefix("a") else { return nil }
            let element = Signature(verified: String(argument.signature.text.dropFirst()))
            var values: [DBusValue] = []
            for constant in constants {
                guard let value = DBusValue(constant.value, as: element) else { return nil }
                values.append(value)
            }
            return .array(element: element, values)
        case .property(let name): return property(name).flatMap { DBusValue($0, as: argument.signature) }
        case .parameter(let name): return parameter(name).flatMap { DBusValue($0, as: argument.signature) }
        }
    }
}

extension DBusValue {
    /// A CIM value in the type that a service wants. Nil where it does not fit. A variant gets the type that is nearest.
    init?(_ value: CIMValue, as signature: Signature) {
        let type = signature.text
        switch type {
        case "v":
            guard let inner = Self.nearest(value) else { return nil }
            self = .variant(inner)
        case "y", "n", "q", "i", "u", "x", "t", "d", "b":
            guard let cim = Self.scalars[type], let fitted = value.read(asScalar: cim) ?? Self.interval(value)?.read(asScalar: cim),
                let made = Self.nearest(fitted)
            else { return nil }
            self = made
        case "s":
            guard let text = Self.text(value) else { return nil }
            self = .string(text)
        case "o":
            guard let text = Self.text(value), let path = try? ObjectPath(text) else { return nil }
            self = .objectPath(path)
        case "g":
            guard let text = value.stringValue, let signature = try? Signature(text) else { return nil }
            self = .signature(signature)
        case "ay":
            if let text = value.stringValue {
                self = .bytes(Array(text.utf8) + [0])
            } else {
                guard let elements = value.arrayValue else { return nil }
                self = .bytes(elements.compactMap { $0.uint64Value.flatMap { UInt8(exactly: $0) } })
            }
        case "a{sv}", "a{ss}":
            // NAME=VALUE, as arrays of texts say dictionaries.
            let entries = value.isNull ? [] : value.stringArrayValue
            guard let entries else { return nil }
            let isVariant = type == "a{sv}"
            var pairs: [(DBusValue, DBusValue)] = []
            for entry in entries {
                guard let equals = entry.firstIndex(of: "=") else { return nil }
                let text = DBusValue.string(String(entry[entry.index(after: equals)...]))
                pairs.append((.string(String(entry[..<equals])), isVariant ? .variant(text) : text))
            }
            self = .dictionary(key: Signature(verified: "s"), value: Signature(verified: isVariant ? "v" : "s"), pairs)
        default:
            guard type.hasPrefix("a"), let elements = value.isNull ? [] : value.arrayValue else { return nil }
            let element = Signature(verified: String(type.dropFirst()))
            var values: [DBusValue] = []
            for one in elements {
                guard let made = DBusValue(one, as: element) else { return nil }
                values.append(made)
            }
            self = .array(element: element, values)
        }
    }

    private static let scalars: [String: CIMType] = [
        "y": .uint8, "n": .sint16, "q": .uint16, "i": .sint32, "u": .uint32, "x": .sint64, "t": .uint64, "d": .real64, "b": .boolean,
    ]

    /// Microseconds of an interval or since 1970.
    private static func interval(_ value: CIMValue) -> CIMValue? {
        guard let time = value.dateTimeValue else { return nil }
        return time.intervalMicroseconds.map { .uint64($0) } ?? time.microsecondsSince1970.map { .sint64($0) }
    }

    private static func text(_ value: CIMValue) -> String? {
        if let text = value.stringValue { return text }
        return value.uint64Value.map { String($0) } ?? value.int64Value.map { String($0) } ?? value.boolValue.map { $0 ? "true" : "false" }
    }

    private static func nearest(_ value: CIMValue) -> DBusValue? {
        switch value {
        case .boolean(let value): .boolean(value)
        case .uint8(let value): .byte(value)
        case .sint8(let value): .int16(Int16(value))
        case .uint16(let value), .char16(let value): .uint16(value)
        case .sint16(let value): .int16(value)
        case .uint32(let value): .uint32(value)
        case .sint32(let value): .int32(value)
        case .uint64(let value): .uint64(value)
        case .sint64(let value): .int64(value)
        case .real32(let value): .double(Double(value))
        case .real64(let value): .double(value)
        case .string(let value): .string(value)
        case .array: value.stringArrayValue.map { .strings($0) }
        case .null, .datetime, .reference, .object: nil
        }
    }
}
