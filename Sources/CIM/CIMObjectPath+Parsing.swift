extension CIMObjectPath {
    /// Reads a path of the grammar in SEMANTICS H.1.
    ///
    /// - Throws: an error that says where and what was expected: text longer than 8192 characters, paths nested deeper than 16,
    ///   white space, a character below U+0020, a number beyond 64 bits, a key given twice, anything outside the grammar. A namespace
    ///   alone is no object path.
    ///
    /// Numbers may be hexadecimal (0x). A nested path is quoted as a rule; unquoted it ends with its first key, so that a comma
    /// belongs to the outer path. `%20` stays as it is.
    public init(parsing text: String) throws(ObjectPathError) {
        guard text.utf8.count <= 4 * CIMObjectPath.maximumLength, text.utf16.count <= CIMObjectPath.maximumLength else {
            throw ObjectPathError(offset: 0, "expected at most \(CIMObjectPath.maximumLength) characters")
        }
        var parser = ObjectPathParser(bytes: Array(text.utf8))
        self = try parser.wholePath()
    }
}

/// Reads the bytes of a path, left to right, once.
struct ObjectPathParser {
    let bytes: [UInt8]
    var position = 0

    /// Bytes looked at ahead of `position`, as a measure of the work done.
    private(set) var lookedAhead = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func isNext(_ byte: UInt8, ahead: Int = 0) -> Bool {
        position + ahead < bytes.count && bytes[position + ahead] == byte
    }

    private func failure(_ expected: String, at offset: Int? = nil) -> ObjectPathError {
        let offset = offset ?? position
        guard offset < bytes.count else { return ObjectPathError(offset: offset, "expected \(expected), found the end") }
        // What a peer sent must not move the cursor of whoever reads this.
        let printable = bytes[offset..<min(offset + 12, bytes.count)].map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }
        let found = String(decoding: printable, as: UTF8.self)
        return ObjectPathError(offset: offset, "expected \(expected), found '\(found)'")
    }

    mutating func wholePath() throws(ObjectPathError) -> CIMObjectPath {
        let path = try self.path(depth: 0)
        guard position == bytes.count else { throw failure("the end of the path") }
        // Writing it can take more: nested paths are quoted, quotes in single quotes escaped, hexadecimal numbers become decimal.
        if path.isTooLong {
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
        var namespace: String?
        if let colon = namespaceEnd() {
            namespace = try self.namespace(upTo: colon)
            position = colon + 1
        } else if server != nil {
            throw failure("a namespace and ':'")
        }
        let className = try identifier("a class name")
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
        if isNext(0x3D), isNext(0x40, ahead: 1) {
            position += 2
            return .singleton
        }
        if isNext(0x3D) || (isNext(0x2E) && isNext(0x3D, ahead: 1)) {
            position += isNext(0x3D) ? 1 : 2
            return .keys([CIMObjectPath.Key(name: nil, value: try value(depth: depth))])
        }
        guard isNext(0x2E) else { return .none }
        var keys: [CIMObjectPath.Key] = []
        var names = CIMNameSet()
        repeat {
            position += 1
            let start = position
            let name = try identifier("a key name")
            guard names.insert(name) else { throw failure("each key once", at: start) }
            guard isNext(0x3D) else { throw failure("'='") }
            position += 1
            keys.append(CIMObjectPath.Key(name: name, value: try value(depth: depth)))
        } while depth == 0 && isNext(0x2C)
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
        guard end == bytes.count || bytes[end] == 0x2C, end - position <= 5 else { return nil }
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
        guard let magnitude = UInt64(text, radix: isHexadecimal ? 16 : 10) else {
            throw failure("an integer of at most 64 bits", at: start)
        }
        if isNegative {
            guard magnitude <= Int64.min.magnitude else { throw failure("an integer of at most 64 bits", at: start) }
            return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
        }
        return Int64(exactly: magnitude).map { .integer($0) } ?? .unsigned(magnitude)
    }
}
