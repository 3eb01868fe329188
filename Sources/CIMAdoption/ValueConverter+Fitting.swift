import CIM
import DBus

extension ContextConstant {
    /// As a CIM value: an integer is the narrowest that fits.
    public var value: CIMValue {
        switch self {
        case .text(let text): .string(text)
        case .number(let number): CIMValue(integer: number)
        case .boolean(let flag): .boolean(flag)
        }
    }
}

extension ValueConverter {
    /// Whether a value is what the constant says.
    public static func isEqual(_ value: DBusValue, _ constant: ContextConstant) -> Bool {
        switch (value.unwrapped, constant) {
        case (.boolean(let flag), .boolean(let other)): flag == other
        case (.double(let number), .number(let other)): Int128(exactly: number) == other
        case (let value, .text(let text)): value.text == text
        case (let value, .number(let number)): value.integer(Int128.self) == number
        default: false
        }
    }

    func isNull(_ value: Intermediate, _ constants: [ContextConstant]) -> Bool {
        switch value {
        case .dbus(let value): constants.contains { Self.isEqual(value, $0) }
        case .cim(let value): constants.contains { $0.value == value || isText(value, of: $0) }
        }
    }

    private func isText(_ value: CIMValue, of constant: ContextConstant) -> Bool {
        value.stringValue.map { .text($0) == constant } ?? false
    }

    func withoutNulls(_ value: Intermediate, _ constants: [ContextConstant]) -> Intermediate {
        switch value {
        case .dbus(.array(let element, let elements)):
            .dbus(.array(element: element, elements.filter { element in !constants.contains { Self.isEqual(element, $0) } }))
        case .cim(.array(let base, let elements)):
            .cim(.array(of: base, elements.filter { element in !constants.contains { $0.value == element } }))
        default: value
        }
    }

    /// The value in the type of its property. A text is looked up in the property's Values where the type is an integer.
    func fit(_ value: Intermediate, to type: CIMTypeReference, _ qualifiers: [CIMQualifier]) throws(ValueMisfit) -> CIMValue {
        switch value {
        case .cim(let cim):
            if case .object = cim { return cim }
            if type.isArray, !cim.isNull, cim.arrayValue == nil {
                return try fit(.cim(.array(of: cim.scalarType ?? .string, [cim])), to: type, qualifiers)
            }
            if let fitted = cim.read(as: type) { return fitted }
            if type.base == .string { return try texts(of: cim, isArray: type.isArray) }
            throw ValueMisfit(description: "\(cim) is no \(type)")
        case .dbus(let source):
            return type.isArray ? try array(source, type, qualifiers) : try scalar(source, type.base, qualifiers)
        }
    }

    private func texts(of value: CIMValue, isArray: Bool) throws(ValueMisfit) -> CIMValue {
        if let elements = value.arrayValue, isArray {
            var found: [CIMValue] = []
            for element in elements { found.append(try texts(of: element, isArray: false)) }
            return .array(of: .string, found)
        }
        switch value {
        case .string, .null: return value
        case .boolean(let flag): return .string(flag ? "true" : "false")
        case .reference(let path): return .string("\(path)")
        case .datetime(let time): return .string(time.description)
        default:
            guard let number = value.int64Value.map({ String($0) }) ?? value.uint64Value.map({ String($0) }) else {
                throw ValueMisfit(description: "\(value) is no text")
            }
            return .string(number)
        }
    }

    private func array(_ source: DBusValue, _ type: CIMTypeReference, _ qualifiers: [CIMQualifier]) throws(ValueMisfit) -> CIMValue {
        switch source {
        case .bytes(let bytes) where type.base == .uint8: return .array(of: .uint8, bytes.map { .uint8($0) })
        case .array(let element, let elements) where !element.text.hasPrefix("{"):
            var values: [CIMValue] = []
            values.reserveCapacity(elements.count)
            for element in elements { values.append(try scalar(element.unwrapped, type.base, qualifiers)) }
            return .array(of: type.base, values.filter { !$0.isNull })
        case .array(_, let entries) where type.base == .string:
            return .array(
                of: .string,
                entries.compactMap { entry in
                    guard case .dictEntry(let key, let value) = entry else { return nil }
                    return .string(JSONRendering.plainText(key) + "=" + JSONRendering.plainText(value))
                })
        case .bytes(let bytes) where type.base.isInteger:
            return try array(.array(element: Signature(verified: "y"), bytes.map { .byte($0) }), type, qualifiers)
        default: return .array(of: type.base, [try scalar(source, type.base, qualifiers)])
        }
    }

    private func scalar(_ source: DBusValue, _ base: CIMType, _ qualifiers: [CIMQualifier]) throws(ValueMisfit) -> CIMValue {
        let value: CIMValue
        switch source {
        case .byte(let number): value = .uint8(number)
        case .boolean(let flag): value = base.isInteger ? .uint8(flag ? 1 : 0) : .boolean(flag)
        case .int16(let number): value = .sint16(number)
        case .uint16(let number): value = .uint16(number)
        case .int32(let number): value = .sint32(number)
        case .uint32(let number): value = .uint32(number)
        case .int64(let number): value = .sint64(number)
        case .uint64(let number): value = .uint64(number)
        case .double(let number): value = .real64(number)
        case .variant(let inner): return try scalar(inner.unwrapped, base, qualifiers)
        case .string(let text) where base.isInteger: value = Self.number(of: text, qualifiers) ?? .string(text)
        case .string(let text): value = .string(text)
        case .objectPath(let path): value = .string(path.text)
        case .signature(let signature): value = .string(signature.text)
        case .bytes where base == .string: return try fit(try apply(text: source), base)
        case .unixFD: throw misfit(source, "a value: it is a file descriptor")
        case .bytes, .array, .structure, .dictEntry:
            guard base == .string else { throw misfit(source, base.mofName) }
            return .string(JSONRendering.text(source))
        }
        return try fit(value, base, source)
    }

    private func apply(text source: DBusValue) throws(ValueMisfit) -> CIMValue {
        guard case .bytes(let bytes) = source, let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self) else {
            throw misfit(source, "UTF-8")
        }
        return .string(text)
    }

    private func fit(_ value: CIMValue, _ base: CIMType, _ source: DBusValue? = nil) throws(ValueMisfit) -> CIMValue {
        if base == .string { return try texts(of: value, isArray: false) }
        if base == .boolean, let text = value.stringValue, let flag = Self.flags[text] { return .boolean(flag) }
        guard let fitted = value.read(asScalar: base) else {
            throw ValueMisfit(description: "\(value)\(source.map { " of type (\($0.signature))" } ?? "") is no \(base.mofName)")
        }
        return fitted
    }

    private static let flags = ["yes": true, "no": false, "on": true, "off": false]

    /// The number that a word has by the property's Values and ValueMap; without ValueMap numbers count from 0.
    static func number(of word: String, _ qualifiers: [CIMQualifier]) -> CIMValue? {
        guard let position = qualifiers.named("Values")?.value.stringArrayValue?.firstIndex(of: word) else { return nil }
        guard let map = qualifiers.named("ValueMap")?.value.stringArrayValue else { return CIMValue(integer: Int128(position)) }
        return position < map.count ? .string(map[position]) : nil
    }
}

/// D-Bus values as text.
public enum JSONRendering {
    /// A number, a truth value or a text as it is; anything else as JSON.
    public static func plainText(_ value: DBusValue) -> String {
        let value = value.unwrapped
        if let text = value.text { return text }
        return text(value)
    }

    /// As JSON: structures and arrays are arrays, dictionaries with keys that are texts are objects, bytes are numbers.
    public static func text(_ value: DBusValue) -> String {
        var text = ""
        append(value, to: &text)
        return text
    }

    private static func append(_ value: DBusValue, to text: inout String) {
        switch value {
        case .byte(let number): text += String(number)
        case .boolean(let flag): text += flag ? "true" : "false"
        case .int16(let number): text += String(number)
        case .uint16(let number): text += String(number)
        case .int32(let number): text += String(number)
        case .uint32(let number): text += String(number)
        case .int64(let number): text += String(number)
        case .uint64(let number): text += String(number)
        case .double(let number): text += number.isFinite ? String(number) : "null"
        case .string(let string): append(string, to: &text)
        case .objectPath(let path): append(path.text, to: &text)
        case .signature(let signature): append(signature.text, to: &text)
        case .unixFD: text += "null"
        case .bytes(let bytes): text += "[" + bytes.map { String($0) }.joined(separator: ",") + "]"
        case .variant(let inner): append(inner, to: &text)
        case .structure(let fields): list(fields, "[", "]", to: &text)
        case .array(let element, let elements):
            let isObject = element.text.hasPrefix("{s") || element.text.hasPrefix("{o") || element.text.hasPrefix("{g")
            list(elements, isObject ? "{" : "[", isObject ? "}" : "]", to: &text)
        case .dictEntry(let key, let value):
            if let name = key.text {
                append(name, to: &text)
                text += ":"
                append(value, to: &text)
            } else {
                list([key, value], "[", "]", to: &text)
            }
        }
    }

    private static func list(_ values: [DBusValue], _ open: String, _ close: String, to text: inout String) {
        text += open
        for (position, value) in values.enumerated() {
            if position > 0 { text += "," }
            append(value, to: &text)
        }
        text += close
    }

    private static func append(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
