extension CIMObjectPath {
    /// Reads a path of the grammar in Semantics H.1.
    ///
    /// - Throws: an error that says where and what was expected: text longer than 8192 characters, paths nested deeper than 16,
    ///   white space, a character below U+0020, a number beyond 64 bits, a key given twice, anything outside the grammar. A namespace
    ///   alone is no object path.
    ///
    /// Both `\` and `/` separate the parts of a namespace. A namespace may follow a single separator, without a server:
    /// `/root/cimv2:Class`. Numbers are those of MOF: hexadecimal (0x1F), octal (017), binary (101b), decimal. As a rule a nested path is
    /// quoted. An unquoted nested path ends with its first key, so that a comma belongs to the outer path. `%20` stays as it is.
    public init(parsing text: String) throws(ObjectPathError) { try self.init(parsing: text, allowingBlanks: false) }

    /// The same where blanks and line breaks may stand around the path and its `.`, `=` and `,`, as in the braces of a query.
    package init(parsing text: String, allowingBlanks: Bool) throws(ObjectPathError) {
        let most = CIMObjectPath.maximumLength
        // A character takes no fewer bytes than units of UTF-16.
        guard text.utf8.count <= most || (text.utf8.count <= 4 * most && text.utf16.count <= most) else {
            throw ObjectPathError(offset: 0, "expected at most \(most) characters")
        }
        var parser = ObjectPathParser(bytes: Array(text.utf8), allowsBlanks: allowingBlanks)
        self = try parser.wholePath()
    }

    /// The same for a text that lies in memory as UTF-8.
    package init(parsing text: UnsafeRawBufferPointer) throws(ObjectPathError) {
        guard text.count <= CIMObjectPath.maximumLength else {
            try self.init(parsing: String(decoding: text, as: UTF8.self))
            return
        }
        var parser = ObjectPathParser(bytes: Array(text))
        self = try parser.wholePath()
    }
}

/// Reads the bytes of a path, left to right, once.
struct ObjectPathParser {
    let bytes: [UInt8]
    let allowsBlanks: Bool
    var position = 0

    /// Bytes looked at ahead of `position`, as a measure of the work done.
    private(set) var lookedAhead = 0

    init(bytes: [UInt8], allowsBlanks: Bool = false) {
        self.bytes = bytes
        self.allowsBlanks = allowsBlanks
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func isNext(_ byte: UInt8, ahead: Int = 0) -> Bool {
        position + ahead < bytes.count && bytes[position + ahead] == byte
    }

    private func failure(_ expected: String, at offset: Int? = nil) -> ObjectPathError {
        let offset = offset ?? position
        return ObjectPathError(offset: offset, "expected \(expected), found \(Excerpt.quoted(bytes, from: offset))")
    }

    private func isBlank(at index: Int) -> Bool {
        allowsBlanks && index < bytes.count && (bytes[index] == 0x20 || (0x09...0x0D).contains(bytes[index]))
    }

    private mutating func skipBlanks() {
        while isBlank(at: position) { position += 1 }
    }

    mutating func wholePath() throws(ObjectPathError) -> CIMObjectPath {
        skipBlanks()
        let path = try self.path(depth: 0)
        skipBlanks()
        guard position == bytes.count else { throw failure("the end of the path") }
        // Writing it can take more: nested paths are quoted, quotes in single quotes escaped, hexadecimal numbers become decimal. Twice as much, where
        // there is no path in it.
        if bytes.count > CIMObjectPath.maximumLength / 4 || path.holdsPath, path.isTooLong {
            throw ObjectPathError(offset: 0, "expected at most \(CIMObjectPath.maximumLength) characters in canonical form")
        }
        return path
    }

    private mutating func path(depth: Int) throws(ObjectPathError) -> CIMObjectPath {
        guard depth <= CIMObjectPath.maximumNesting else {
            throw ObjectPathError(offset: position, "expected at most \(CIMObjectPath.maximumNesting) nested paths")
        }
        var server: String?
        if isSeparator(next), isSeparator(position + 1 < bytes.count ? bytes[position + 1] : nil) {
            position += 2
            server = try machine()
        }
        // Of a WBEM URI without a machine a separator is left.
        let isRooted = server == nil && isSeparator(next)
        if isRooted { position += 1 }
        var namespace: String?
        if isRooted, isNext(0x3A) {
            position += 1
        } else if let colon = namespaceEnd() {
            namespace = try self.namespace(upTo: colon)
            position = colon + 1
        } else if server != nil || isRooted {
            throw failure("a namespace and ':'")
        }
        skipBlanks()
        let className = try identifier("a class name")
        skipBlanks()
        return CIMObjectPath(server: server, namespace: namespace, className: className, keys: try keys(depth: depth))
    }

    private func isSeparator(_ byte: UInt8?) -> Bool { byte == 0x5C || byte == 0x2F }

    private mutating func machine() throws(ObjectPathError) -> String {
        let start = position
        while let byte = next, !isSeparator(byte) {
            guard CIMName.isIdentifierByte(byte) || byte == 0x2D || byte == 0x2E else { throw failure("a machine name") }
            position += 1
        }
        guard position > start else { throw failure("a machine name") }
        guard next != nil else { throw failure("'\\' and a namespace") }
        let name = String(decoding: bytes[start..<position], as: UTF8.self)
        position += 1
        return name
    }

    /// Where the ':' behind a namespace is, when there is one before anything a namespace cannot hold.
    private mutating func namespaceEnd() -> Int? {
        var index = position
        while index < bytes.count, CIMName.isIdentifierByte(bytes[index]) || isSeparator(bytes[index]) { index += 1 }
        lookedAhead += index - position
        return index < bytes.count && bytes[index] == 0x3A ? index : nil
    }

    private func namespace(upTo colon: Int) throws(ObjectPathError) -> String {
        let part = bytes[position..<colon].map { $0 == 0x5C ? 0x2F : $0 }
        let text = String(decoding: part, as: UTF8.self)
        guard CIMNamespaceName(text) != nil else { throw failure("a namespace") }
        return text
    }

    private mutating func identifier(_ what: String) throws(ObjectPathError) -> String {
        let start = position
        guard let first = next, CIMName.isIdentifierStart(first) else { throw failure(what) }
        while let byte = next, CIMName.isIdentifierByte(byte) { position += 1 }
        guard position - start <= 255 else { throw failure("\(what) of at most 255 bytes", at: start) }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func keys(depth: Int) throws(ObjectPathError) -> CIMObjectPath.Keys {
        let isDotted = isNext(0x2E)
        if isDotted {
            position += 1
            skipBlanks()
        }
        if isNext(0x3D) {
            position += 1
            skipBlanks()
            if !isDotted, isNext(0x40) {
                position += 1
                return .singleton
            }
            return .keys([CIMObjectPath.Key(name: nil, value: try value(depth: depth))])
        }
        guard isDotted else { return .none }
        var keys: [CIMObjectPath.Key] = []
        var names = CIMNameSet()
        while true {
            let start = position
            let name = try identifier("a key name")
            guard names.insert(name) else { throw failure("each key once", at: start) }
            skipBlanks()
            guard isNext(0x3D) else { throw failure("'='") }
            position += 1
            skipBlanks()
            keys.append(CIMObjectPath.Key(name: name, value: try value(depth: depth)))
            skipBlanks()
            guard depth == 0, isNext(0x2C) else { break }
            position += 1
            skipBlanks()
        }
        return .keys(keys)
    }

    private mutating func value(depth: Int) throws(ObjectPathError) -> CIMObjectPath.KeyValue {
        guard let first = next else { throw failure("a value") }
        if first == 0x22 || first == 0x27 { return .string(try quoted(by: first)) }
        if first &- 0x30 < 10 || first == 0x2D || first == 0x2B { return try number() }
        if let flag = boolean() { return .boolean(flag) }
        guard CIMName.isIdentifierStart(first) || isSeparator(first) else { throw failure("a value") }
        return .reference(try path(depth: depth + 1))
    }

    private mutating func quoted(by quote: UInt8) throws(ObjectPathError) -> String {
        let start = position
        position += 1
        // Mostly it is what it says.
        var end = position
        while end < bytes.count, bytes[end] != quote, bytes[end] >= 0x20, bytes[end] != 0x5C { end += 1 }
        if end < bytes.count, bytes[end] == quote {
            defer { position = end + 1 }
            return String(decoding: bytes[position..<end], as: UTF8.self)
        }
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            if byte == quote { return String(decoding: text, as: UTF8.self) }
            guard byte >= 0x20 else { throw failure("no character below U+0020", at: position - 1) }
            guard byte == 0x5C else {
                text.append(byte)
                continue
            }
            guard let escaped = next, escaped == 0x22 || escaped == 0x27 || escaped == 0x5C else {
                throw failure("'\\', '\"' or ''' after '\\'")
            }
            text.append(escaped)
            position += 1
        }
        throw ObjectPathError(offset: start, "expected a closing quote, found the end")
    }

    /// TRUE or FALSE, not followed by more of a name.
    private mutating func boolean() -> Bool? {
        var end = position
        while end < bytes.count, CIMName.isIdentifierByte(bytes[end]) { end += 1 }
        lookedAhead += end - position
        guard end == bytes.count || bytes[end] == 0x2C || isBlank(at: end), end - position <= 5 else { return nil }
        let word = String(decoding: bytes[position..<end], as: UTF8.self)
        let flag: Bool
        if CIMName.equal(word, "true") {
            flag = true
        } else if CIMName.equal(word, "false") {
            flag = false
        } else {
            return nil
        }
        position = end
        return flag
    }

    private mutating func number() throws(ObjectPathError) -> CIMObjectPath.KeyValue {
        let start = position
        let isNegative = isNext(0x2D)
        if isNegative || isNext(0x2B) { position += 1 }
        let isHexadecimal = isNext(0x30) && (isNext(0x78, ahead: 1) || isNext(0x58, ahead: 1))
        if isHexadecimal { position += 2 }
        let digits = position
        while let byte = next, CIMName.isIdentifierByte(byte) { position += 1 }
        let text = String(decoding: bytes[digits..<position], as: UTF8.self)
        guard let magnitude = ObjectPathParser.magnitude(text, isHexadecimal: isHexadecimal) else {
            let isOctal = !isHexadecimal && text.utf8.count > 1 && text.utf8.first == 0x30
            throw failure(isOctal ? "an octal integer of at most 64 bits, as it starts with 0" : "an integer of at most 64 bits", at: start)
        }
        if isNegative {
            guard magnitude <= Int64.min.magnitude else { throw failure("an integer of at most 64 bits", at: start) }
            return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
        }
        return Int64(exactly: magnitude).map { .integer($0) } ?? .unsigned(magnitude)
    }

    /// Digits as MOF has them (DSP0004 A.3): `101b` is binary, `017` octal.
    private static func magnitude(_ text: String, isHexadecimal: Bool) -> UInt64? {
        if isHexadecimal { return UInt64(text, radix: 16) }
        if let last = text.utf8.last, CIMName.fold(last) == 0x62 { return UInt64(text.dropLast(), radix: 2) }
        return UInt64(text, radix: text.utf8.first == 0x30 ? 8 : 10)
    }
}
