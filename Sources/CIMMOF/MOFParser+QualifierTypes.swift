import CIM

extension MOFParser {
    /// What follows `qualifier`, to the semicolon.
    mutating func qualifierTypeDeclaration() throws(MOFError) -> CIMQualifierType {
        let name = try self.name("a qualifier name", .mofExpectedQualifierName, tooWide: .qualifierNameTooWide)
        try expect(":", .mofInvalidQualifierSyntax)
        guard case .identifier(let word) = token.kind else { throw unexpected(.mofExpectedTypeIdentifier, expected: "a type") }
        guard let base = CIMType(mofName: word), base != .reference, base != .object else {
            var error = unexpected(.mofUnrecognizedType, expected: "a type that a qualifier may have")
            if CIMType(mofName: word) == nil { error.message += MOFClassUse.question(CIMType.meant(by: word)?.mofName) }
            throw error
        }
        advance()
        var declared = CIMQualifierType(name: name, type: CIMTypeReference(base))
        _ = try arraySuffix(&declared.type)
        if skip("=") { declared.defaultValue = try literal(of: declared.type) }
        var hasScope = false
        var words: [FlavorWord] = []
        while skip(",") {
            if !hasScope, skipKeyword("scope") {
                hasScope = true
                declared.scope = []
                try expect("(", .mofInvalidQualifierSyntax)
                repeat { declared.scope.formUnion(try scopeWord()) } while skip(",")
                try expect(")", .mofExpectedCloseParen)
            } else if words.isEmpty, skipKeyword("flavor") {
                try expect("(", .mofInvalidQualifierSyntax)
                repeat { try flavor(&words) } while skip(",")
                try expect(")", .mofExpectedCloseParen)
            } else {
                throw unexpected(.mofInvalidQualifierSyntax, expected: "'Scope' or 'Flavor', each once")
            }
        }
        // DSP0004, annex A: a declaration has a scope.
        guard hasScope else {
            throw unexpected(.mofInvalidQualifierSyntax, expected: "', Scope(…)', which says where the qualifier may stand")
        }
        FlavorWord.apply(words, to: &declared.flavor)
        try semicolon()
        return declared
    }

    private mutating func scopeWord() throws(MOFError) -> CIMQualifierScope {
        guard case .identifier(let word) = token.kind, let scope = CIMQualifierScope(mofName: word) else {
            throw unexpected(.mofInvalidQualifierSyntax, expected: "one of \(CIMQualifierScope.any.words.joined(separator: ", ")), any")
        }
        advance()
        return scope
    }
}

extension CIMQualifierScope {
    private static let byWord: [(word: String, scope: CIMQualifierScope)] = [
        ("class", .class), ("association", .association), ("indication", .indication), ("property", .property), ("reference", .reference),
        ("method", .method), ("parameter", .parameter),
    ]

    /// What MOF calls each of them.
    var words: [String] { CIMQualifierScope.byWord.filter { contains($0.scope) }.map(\.word) }

    /// One of the words or `any`; `schema` and `qualifier`, which earlier versions have, stand for nothing that is kept.
    init?(mofName: String) {
        switch CIMName(mofName) {
        case "any": self = .any
        case "schema", "qualifier": self = []
        case let name:
            guard let scope = CIMQualifierScope.byWord.first(where: { CIMName($0.word) == name })?.scope else { return nil }
            self = scope
        }
    }
}
