/// One element of a document, its text left out.
struct MarkupElement {
    let name: String
    let line: Int
    var attributes: [String: String] = [:]
    var children: [MarkupElement] = []
}

/// The part of XML that introspection documents use: elements, attributes, comments, a prolog, the five named entities and character
/// references. Bounded in size, depth and number; text between the elements is passed over.
struct MarkupParser {
    private static let maximumSize = 1 << 20
    private static let maximumDepth = 32
    private static let maximumElements = 20_000

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    private var count = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// The root element. Throws unless the document is exactly one, with comments and prolog around it.
    mutating func parse() throws(IntrospectionError) -> MarkupElement {
        guard bytes.count <= Self.maximumSize else { throw fault("longer than 1 MiB") }
        try skipToTag()
        let root = try element(depth: 0)
        try skipMisc()
        guard at == bytes.count else { throw fault("something follows the root element") }
        return root
    }

    private func fault(_ reason: String) -> IntrospectionError { IntrospectionError(reason: reason, line: line) }

    private var current: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func advance() {
        if current == UInt8(ascii: "\n") { line += 1 }
        at += 1
    }

    private func looking(at text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard bytes.count - at >= count else { return false }
        return text.withUTF8Buffer { bytes[at..<(at + count)].elementsEqual($0) }
    }

    private mutating func skip(past text: StaticString) throws(IntrospectionError) {
        while at < bytes.count {
            if looking(at: text) {
                at += text.utf8CodeUnitCount
                return
            }
            advance()
        }
        throw fault("\(text) is missing")
    }

    private mutating func skipSpace() {
        while let byte = current, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { advance() }
    }

    /// Spaces, comments, processing instructions, the document type.
    private mutating func skipMisc() throws(IntrospectionError) {
        while true {
            skipSpace()
            if looking(at: "<!--") {
                try skip(past: "-->")
            } else if looking(at: "<?") {
                try skip(past: "?>")
            } else if looking(at: "<!DOCTYPE") {
                try skipDocumentType()
            } else {
                return
            }
        }
    }

    /// Quoted identifiers may contain `>`; an internal subset, which could declare entities, is refused.
    private mutating func skipDocumentType() throws(IntrospectionError) {
        var quote: UInt8?
        while let byte = current {
            advance()
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "[") {
                throw fault("an internal subset is not supported")
            } else if byte == UInt8(ascii: ">") {
                return
            }
        }
        throw fault("the document type does not end")
    }

    private mutating func skipToTag() throws(IntrospectionError) {
        try skipMisc()
        guard current == UInt8(ascii: "<") else { throw fault("an element is missing") }
    }

    private mutating func name() throws(IntrospectionError) -> String {
        let start = at
        while let byte = current, NameGrammar.isAlphanumeric(byte) || byte >= 0x80 || "_:.-".utf8.contains(byte) { at += 1 }
        guard at > start else { throw fault("a name is missing") }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    /// At `<`.
    private mutating func element(depth: Int) throws(IntrospectionError) -> MarkupElement {
        guard depth < Self.maximumDepth else { throw fault("nested too deep") }
        count += 1
        guard count <= Self.maximumElements else { throw fault("too many elements") }
        advance()
        var element = MarkupElement(name: try name(), line: line)
        while true {
            skipSpace()
            if looking(at: "/>") {
                at += 2
                return element
            }
            if current == UInt8(ascii: ">") {
                advance()
                break
            }
            let name = try name()
            skipSpace()
            guard current == UInt8(ascii: "=") else { throw fault("= is missing after \(name)") }
            advance()
            skipSpace()
            guard element.attributes[name] == nil else { throw fault("\(name) occurs twice") }
            element.attributes[name] = try attributeValue()
        }
        while true {
            while let byte = current, byte != UInt8(ascii: "<") { advance() }
            if looking(at: "</") {
                at += 2
                guard try name() == element.name else { throw fault("<\(element.name)> is not closed") }
                skipSpace()
                guard current == UInt8(ascii: ">") else { throw fault("> is missing") }
                advance()
                return element
            }
            if looking(at: "<!--") {
                try skip(past: "-->")
            } else if looking(at: "<?") {
                try skip(past: "?>")
            } else if looking(at: "<![CDATA[") {
                try skip(past: "]]>")
            } else if current == nil {
                throw fault("<\(element.name)> is not closed")
            } else {
                element.children.append(try self.element(depth: depth + 1))
            }
        }
    }

    private mutating func attributeValue() throws(IntrospectionError) -> String {
        guard let quote = current, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else { throw fault("a quote is missing") }
        advance()
        var value: [UInt8] = []
        while let byte = current, byte != quote {
            if byte == UInt8(ascii: "<") { throw fault("< in an attribute") }
            if byte == UInt8(ascii: "&") {
                value += try reference().utf8
            } else {
                value.append(byte)
                advance()
            }
        }
        guard current == quote else { throw fault("an attribute does not end") }
        advance()
        return String(decoding: value, as: UTF8.self)
    }

    /// At `&`.
    private mutating func reference() throws(IntrospectionError) -> String {
        let start = at + 1
        guard let end = bytes[at...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else { throw fault("a reference does not end") }
        let name = String(decoding: bytes[start..<end], as: UTF8.self)
        at = end + 1
        switch name {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        let number = name.hasPrefix("#x") ? UInt32(name.dropFirst(2), radix: 16) : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
        guard let scalar = number.flatMap(Unicode.Scalar.init) else { throw fault("unknown reference &\(name);") }
        return String(Character(scalar))
    }
}
