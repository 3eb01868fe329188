extension CIMObjectPath: CustomStringConvertible {
    /// The longest path, in UTF-16 code units (WBEM_MAX_PATH).
    public static let maximumLength = 8192

    /// How deep a path may hold paths.
    public static let maximumNesting = 16

    /// `Class.Key1="v",Key2=5`, `Class=@`, `Class`: no server, no namespace.
    public var relativePath: String {
        if let text = plainRelativePath { return text }
        var bytes: [UInt8] = []
        var count = className.utf8.count + 2
        if case .keys(let keys) = keys { for key in keys { count += (key.name?.utf8.count ?? 0) + 32 } }
        bytes.reserveCapacity(count)
        bytes.append(contentsOf: className.utf8)
        switch keys {
        case .none: break
        case .singleton: bytes.append(contentsOf: "=@".utf8)
        case .keys(let keys):
            for (position, key) in keys.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                if let name = key.name {
                    if position == 0 { bytes.append(UInt8(ascii: ".")) }
                    bytes.append(contentsOf: name.utf8)
                }
                bytes.append(UInt8(ascii: "="))
                key.value.append(to: &bytes)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The relative path where all keys are texts of which nothing needs an escape: most are, and their bytes are written in one go.
    private var plainRelativePath: String? {
        guard case .keys(let keys) = keys else { return nil }
        var count = className.utf8.count
        for key in keys {
            guard case .string(let text) = key.value, !CIMObjectPath.needsEscape(text) else { return nil }
            // Beside name and text '.' or ',', '=', and two quotes.
            count += (key.name?.utf8.count ?? 0) + text.utf8.count + 4
        }
        return String(unsafeUninitializedCapacity: count) { buffer in
            var place = 0
            func append(_ text: String) {
                var text = text
                text.withUTF8 { bytes in
                    _ = UnsafeMutableBufferPointer(rebasing: buffer[place...]).update(fromContentsOf: bytes)
                    place += bytes.count
                }
            }
            func append(_ byte: UInt8) {
                buffer[place] = byte
                place += 1
            }
            append(className)
            for (position, key) in keys.enumerated() {
                if position > 0 { append(0x2C) } else if key.name != nil { append(0x2E) }
                if let name = key.name { append(name) }
                append(0x3D)
                append(0x22)
                if case .string(let text) = key.value { append(text) }
                append(0x22)
            }
            return place
        }
    }

    private static func needsEscape(_ text: String) -> Bool { text.utf8.contains { $0 == 0x22 || $0 == 0x5C } }

    /// `\\server\namespace:` and the relative path, as far as server and namespace are known. A namespace is written with backslashes. A
    /// server without a namespace is left out, since the relative path cannot follow it directly.
    public var path: String {
        guard let namespace else { return relativePath }
        let prefix = server.map { "\\\\\($0)\\" } ?? ""
        return prefix + String(decoding: namespace.utf8.map { $0 == 0x2F ? 0x5C : $0 }, as: UTF8.self) + ":" + relativePath
    }

    public var description: String { path }

    /// What keeps the path from being written so that it reads back; nil when nothing does.
    var reasonItCannotBeWritten: String? {
        isTooLong ? "longer than \(CIMObjectPath.maximumLength) characters" : reasonForText
    }

    /// Whether `path` has more characters than a path may have, found without writing it: nests can be huge once quoted.
    var isTooLong: Bool { !isEvidentlyShort && measure().total > CIMObjectPath.maximumLength }

    /// Whether it cannot be too long, whatever of it needs an escape.
    private var isEvidentlyShort: Bool {
        guard case .keys(let keys) = keys else { return false }
        for key in keys { if case .reference = key.value { return false } }
        return 2 * roomForRelativePath + 2 * ((namespace?.utf8.count ?? 0) + (server?.utf8.count ?? 0) + 8) <= CIMObjectPath.maximumLength
    }

    /// What the relative path takes in bytes, where no text in it needs an escape; references are left out.
    private var roomForRelativePath: Int {
        guard case .keys(let keys) = keys else { return className.utf8.count + 2 }
        return keys.reduce(className.utf8.count + 1) { room, key in
            let value = if case .string(let text) = key.value { text.utf8.count + 2 } else { 20 }
            return room + (key.name?.utf8.count ?? 0) + value + 2
        }
    }

    /// Whether a path is among its keys.
    var holdsPath: Bool {
        guard case .keys(let keys) = keys else { return false }
        return keys.contains { if case .reference = $0.value { true } else { false } }
    }

    private var reasonForText: String? {
        guard case .keys(let keys) = keys else { return nil }
        for key in keys {
            switch key.value {
            case .string(let text) where text.utf8.contains(where: { $0 < 0x20 }): return "a text has a character below U+0020"
            case .reference(let nested): if let reason = nested.reasonForText { return reason }
            default: break
            }
        }
        return nil
    }
}

extension CIMObjectPath.KeyValue {
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .string(let value): CIMObjectPath.appendQuoted(value, to: &bytes)
        case .integer(let value): bytes.append(contentsOf: value.description.utf8)
        case .unsigned(let value): bytes.append(contentsOf: value.description.utf8)
        case .boolean(let value): bytes.append(contentsOf: (value ? "TRUE" : "FALSE").utf8)
        case .reference(let value): CIMObjectPath.appendQuoted(value.path, to: &bytes)
        }
    }
}

extension CIMObjectPath {
    /// In double quotes, `"` and `\` escaped.
    static func appendQuoted(_ value: String, to bytes: inout [UInt8]) {
        bytes.append(0x22)
        for byte in value.utf8 {
            if byte == 0x22 || byte == 0x5C { bytes.append(0x5C) }
            bytes.append(byte)
        }
        bytes.append(0x22)
    }

    /// How long `path` is, without writing it: each level of nesting doubles the characters that need an escape. Saturates, so that a
    /// hostile nest cannot overflow it.
    struct Measure {
        var plain = 0
        var special = 0

        var total: Int { plain + special }

        mutating func add(_ text: String) {
            // In units of UTF-16: two for a character that takes four bytes, one for any other. Bytes are quicker to go through.
            for byte in text.utf8 {
                switch byte {
                case 0x22, 0x5C: special += 1
                case 0x80..<0xC0: break
                case 0xF0...: plain += 2
                default: plain += 1
                }
            }
        }

        /// The text in quotes, its own quotes and backslashes escaped.
        mutating func addQuoted(_ inner: Measure) {
            plain = min(plain + inner.plain, 1 << 40)
            special = min(special + 2 * inner.special + 2, 1 << 40)
        }
    }

    func measure() -> Measure {
        var measure = Measure()
        measure.add(className)
        if let namespace {
            measure.add(namespace)
            // Written with backslashes, and a ':' behind it.
            let slashes = namespace.utf8.count { $0 == 0x2F }
            measure.plain += 1 - slashes
            measure.special += slashes
            if let server {
                measure.add(server)
                measure.special += 3
            }
        }
        switch keys {
        case .none: break
        case .singleton: measure.plain += 2
        case .keys(let keys):
            for (position, key) in keys.enumerated() {
                // '=', and '.' before the first name or ',' before another key.
                measure.plain += position > 0 || key.name != nil ? 2 : 1
                if let name = key.name { measure.add(name) }
                switch key.value {
                case .string(let text):
                    var inner = Measure()
                    inner.add(text)
                    measure.addQuoted(inner)
                case .reference(let path): measure.addQuoted(path.measure())
                case .integer(let value): measure.plain += value.description.utf8.count
                case .unsigned(let value): measure.plain += value.description.utf8.count
                case .boolean(let value): measure.plain += value ? 4 : 5
                }
            }
        }
        return measure
    }
}
