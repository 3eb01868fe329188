import CIM

/// Reads MOF (DSP0004, and WMI's dialect of it).
///
/// Read today: class and instance declarations with all their parts, `#pragma namespace`, comments. Other pragmas are accepted with a
/// warning; qualifiers of instances and of their properties are dropped. Qualifier type declarations are NotSupported. The flavor
/// `Translatable` has no number in WMI and is dropped. A qualifier without a flavor has none of WMI's bits: it does not propagate, and
/// may be overridden.
public struct MOFParser {
    /// How deep instances may hold instances.
    public static let maximumNesting = 64

    var lexer: Lexer
    var token: Token

    /// The line of the last token consumed.
    var lastLine = 1
    var namespace: CIMNamespaceName?
    var unit = MOFUnit()
    var aliases: Set<CIMName> = []

    /// Reads a whole text.
    ///
    /// - Throws: the first error, with its place: text longer than 16 MiB (QuotaViolation), instances nested deeper than 64
    ///   (QuotaViolation), anything that is not MOF (WBEMMOF_E_…), qualifier types (NotSupported). Nothing is half read: there is a unit or
    ///   an error.
    /// - Parameter file: what errors call the text.
    ///
    /// Time is linear in the length of the text.
    public static func parse(_ text: String, file: String = "<buffer>") throws(MOFError) -> MOFUnit {
        var parser = try MOFParser(lexer: Lexer(text, file: file))
        while parser.token.kind != .end { try parser.declaration() }
        return parser.unit
    }

    init(lexer: Lexer) throws(MOFError) {
        self.lexer = lexer
        token = try self.lexer.next()
    }
}

// MARK: - Tokens

extension MOFParser {
    mutating func advance() throws(MOFError) {
        lastLine = token.place.line
        token = try lexer.next()
    }

    func failure(_ status: WBEMStatus, _ message: String, at place: Token.Place? = nil) -> MOFError {
        lexer.failure(status, message, at: place ?? token.place)
    }

    func unexpected(_ status: WBEMStatus, expected: String) -> MOFError {
        failure(status, "expected \(expected), found \(token.text)")
    }

    func isKeyword(_ word: String) -> Bool {
        if case .identifier(let name) = token.kind { return CIMName.equal(name, word) }
        return false
    }

    mutating func skip(_ scalar: Unicode.Scalar) throws(MOFError) -> Bool {
        guard token.isPunctuation(scalar) else { return false }
        try advance()
        return true
    }

    mutating func skipKeyword(_ word: String) throws(MOFError) -> Bool {
        guard isKeyword(word) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ scalar: Unicode.Scalar, _ status: WBEMStatus) throws(MOFError) {
        guard try skip(scalar) else { throw unexpected(status, expected: "'\(scalar)'") }
    }

    mutating func name(
        _ what: String, _ status: WBEMStatus, tooWide: WBEMStatus
    ) throws(MOFError) -> String {
        guard case .identifier(let name) = token.kind else { throw unexpected(status, expected: what) }
        guard name.utf8.count <= 255 else { throw failure(tooWide, "expected \(what) of at most 255 bytes, found \(name.utf8.count)") }
        try advance()
        return name
    }
}

// MARK: - Declarations

extension MOFParser {
    mutating func declaration() throws(MOFError) {
        if case .directive(let name) = token.kind {
            try directive(name)
            return
        }
        let firstLine = token.place.line
        let qualifiers = try qualifierList()
        let content: MOFDeclaration.Content
        if try skipKeyword("class") {
            content = .class(try classDeclaration(qualifiers: qualifiers))
        } else if try skipKeyword("instance") {
            content = .instance(try instanceDeclaration())
        } else if isKeyword("qualifier") {
            throw failure(.notSupported, "qualifier type declarations are not supported yet")
        } else {
            throw unexpected(.mofUnrecognizedToken, expected: "'class', 'instance' or '#pragma'")
        }
        unit.declarations.append(MOFDeclaration(content: content, namespace: namespace, firstLine: firstLine, lastLine: lastLine))
    }

    private mutating func directive(_ name: String) throws(MOFError) {
        let start = token
        guard CIMName.equal(name, "pragma") else { throw unexpected(.mofInvalidPragma, expected: "'#pragma'") }
        try advance()
        let pragma = try self.name("the name of a pragma", .mofInvalidPragma, tooWide: .mofInvalidPragma)
        guard CIMName.equal(pragma, "namespace") else {
            if token.isPunctuation("(") {
                while !token.isPunctuation(")") {
                    guard token.kind != .end else { throw unexpected(.mofExpectedCloseParen, expected: "')'") }
                    try advance()
                }
                try advance()
            }
            unit.warnings.append(MOFWarning(line: start.place.line, column: start.column, message: "#pragma \(pragma) has no effect"))
            return
        }
        try expect("(", .mofExpectedOpenParen)
        let textPlace = token.place
        guard case .string = token.kind else { throw unexpected(.mofInvalidNamespaceSyntax, expected: "a namespace in double quotes") }
        let text = try concatenatedString()
        guard let named = MOFParser.localNamespace(text) else {
            throw failure(.mofInvalidNamespaceSyntax, "expected a namespace of this machine, found \"\(text.prefix(64))\"", at: textPlace)
        }
        try expect(")", .mofExpectedCloseParen)
        namespace = named
    }

    /// `\\.\root\cimv2`, with either slash, with or without the machine.
    private static func localNamespace(_ text: String) -> CIMNamespaceName? {
        let slashed = String(decoding: text.utf8.map { $0 == 0x5C ? 0x2F : $0 }, as: UTF8.self)
        return CIMNamespaceName(slashed.hasPrefix("//./") ? String(slashed.dropFirst(4)) : slashed)
    }
}
