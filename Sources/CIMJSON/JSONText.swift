import CIM

/// CIM values as JSON: integers exact whatever their width, datetimes and references as strings, NULL and what is no number as null.
package enum JSONText {
    /// One object on one line: its class, its path if known, then its properties in the class's order, absent ones as null.
    /// - Parameters:
    ///   - namespace: that of the object.
    ///   - selection: the properties to show, in this order; nil for all.
    package static func line(
        _ instance: CIMInstance, _ declaration: CIMClass?, in namespace: CIMNamespaceName, only selection: [String]? = nil
    ) -> String {
        var instance = instance
        instance.path = instance.path?.located(in: namespace)
        var text = ""
        if let selection {
            append(head(instance) + selection.map { ($0, instance[$0] ?? .null) }, to: &text)
        } else {
            append(instance, declaration, to: &text)
        }
        text += "\n"
        return text
    }

    package static func append(_ instance: CIMInstance, _ declaration: CIMClass?, to text: inout String) {
        append(head(instance) + fields(instance, declaration), to: &text)
    }

    /// The properties in the class's order, absent ones as NULL, then those that the class has not.
    package static func fields(_ instance: CIMInstance, _ declaration: CIMClass?) -> [(String, CIMValue)] {
        guard let declaration else { return instance.properties.map { ($0.name, $0.value) } }
        var fields = declaration.properties.map { ($0.name, instance[$0.name] ?? .null) }
        for property in instance.properties where declaration.property(named: property.name) == nil {
            fields.append((property.name, property.value))
        }
        return fields
    }

    /// What stands before the properties.
    package static func head(_ instance: CIMInstance) -> [(String, CIMValue)] {
        [("__CLASS", .string(instance.className))] + (instance.path.map { [("__PATH", .string($0.path))] } ?? [])
    }

    /// An object of these fields, in this order.
    package static func append(_ fields: [(String, CIMValue)], to text: inout String) {
        text += "{"
        for (position, (name, value)) in fields.enumerated() {
            if position > 0 { text += "," }
            append(string: name, to: &text)
            text += ":"
            append(value, to: &text)
        }
        text += "}"
    }

    package static func append(_ value: CIMValue, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .boolean(let value): text += value ? "true" : "false"
        case .uint64(let value): text += String(value)
        case .uint8, .sint8, .uint16, .sint16, .uint32, .sint32, .sint64: text += value.int64Value.map { String($0) } ?? "null"
        case .real32(let value): text += value.isFinite ? value.description : "null"
        case .real64(let value): text += value.isFinite ? value.description : "null"
        case .char16(let unit): append(string: String(decoding: [unit], as: UTF16.self), to: &text)
        case .string(let value): append(string: value, to: &text)
        case .datetime(let value): append(string: value.description, to: &text)
        case .reference(let value): append(string: value.path, to: &text)
        case .object(let value): append(value, nil, to: &text)
        case .array(_, let elements):
            text += "["
            for (position, element) in elements.enumerated() {
                if position > 0 { text += "," }
                append(element, to: &text)
            }
            text += "]"
        }
    }

    package static func append(_ value: JSONValue, to text: inout String) {
        switch value {
        case .null: text += "null"
        case .word(let word): text += word
        case .string(let string): append(string: string, to: &text)
        case .array(let elements):
            text += "["
            for (position, element) in elements.enumerated() {
                if position > 0 { text += "," }
                append(element, to: &text)
            }
            text += "]"
        case .object(let fields):
            text += "{"
            for (position, field) in fields.enumerated() {
                if position > 0 { text += "," }
                append(string: field.name, to: &text)
                text += ":"
                append(field.value, to: &text)
            }
            text += "}"
        }
    }

    package static func append(string: String, to text: inout String) {
        var string = string
        text += "\""
        if string.withUTF8({ isPlain($0) }) {
            text += string
        } else {
            var bytes: [UInt8] = []
            string.withUTF8 { append(escaping: $0, to: &bytes) }
            text += String(decoding: bytes, as: UTF8.self)
        }
        text += "\""
    }

    /// The same for a text that is UTF-8 already.
    package static func append(string: UnsafeBufferPointer<UInt8>, to text: inout [UInt8]) {
        text.append(quote)
        if isPlain(string) { text.append(contentsOf: string) } else { append(escaping: string, to: &text) }
        text.append(quote)
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let delete: UInt8 = 0x7F

    private static func isPlain(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        for byte in text where byte < 0x20 || byte == quote || byte == backslash || byte == delete { return false }
        return true
    }

    private static func append(escaping string: UnsafeBufferPointer<UInt8>, to text: inout [UInt8]) {
        for byte in string {
            switch byte {
            case quote, backslash: text += [backslash, byte]
            case 0x0A: text += "\\n".utf8
            case 0x0D: text += "\\r".utf8
            case 0x09: text += "\\t".utf8
            case 0..<0x20, delete: text += "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8
            default: text.append(byte)
            }
        }
    }
}

extension CIMObjectPath {
    /// With what it leaves out of namespace and server, so that it is a full `__PATH`. The server is `.`, this machine: what the broker
    /// calls it does not come with the objects.
    package func located(in namespace: CIMNamespaceName) -> CIMObjectPath {
        var path = self
        path.namespace = path.namespace ?? namespace.text
        path.server = path.server ?? "."
        return path
    }
}
