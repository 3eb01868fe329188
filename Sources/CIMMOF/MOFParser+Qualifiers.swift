import CIM

/// A qualifier where it is used, before it is known on what.
struct UsedQualifier {
    var qualifier: CIMQualifier
    var place: Token.Place

    /// Where it may stand; nil when its declaration is not known.
    var scope: CIMQualifierScope?
}

extension MOFParser {
    /// `[name, name(value), name{values} : Flavor …]`, or nothing.
    mutating func qualifierList() throws(MOFError) -> [UsedQualifier] {
        guard skip("[") else { return [] }
        var qualifiers: [UsedQualifier] = []
        var names: Set<CIMName> = []
        repeat {
            let used = try self.qualifier()
            guard names.insert(CIMName(used.qualifier.name)).inserted else {
                report(
                    failure(
                        .mofDuplicateQualifier, "expected each qualifier once, found '\(Token.brief(used.qualifier.name))' again",
                        at: used.place))
                continue
            }
            qualifiers.append(used)
        } while skip(",")
        try expect("]", .mofExpectedCloseBracket)
        return qualifiers
    }

    private mutating func qualifier() throws(MOFError) -> UsedQualifier {
        let place = token.place
        let name = try self.name("a qualifier name", .mofExpectedQualifierName, tooWide: .qualifierNameTooWide)
        let type = types.type(named: name, in: namespace ?? context.namespace)
        var value: CIMValue
        if token.isPunctuation("(") || token.isPunctuation("{") {
            let valuePlace = token.place
            if skip("(") {
                value = token.isPunctuation("{") ? try arrayLiteral(depth: 0) : try scalarLiteral(depth: 0)
                try expect(")", .mofExpectedCloseParen)
            } else {
                value = try arrayLiteral(depth: 0)
            }
            if let type {
                if let fitted = value.converted(to: type.type) {
                    value = fitted
                } else {
                    report(
                        failure(
                            .mofTypeMismatch,
                            "expected a value of type \(type.type) for qualifier \(Token.brief(name)), found \(value.briefDescription)",
                            at: valuePlace))
                }
            }
        } else if let type, type.type != CIMTypeReference(.boolean) {
            value = type.defaultValue
        } else {
            value = .boolean(true)
        }
        var flavor = type?.flavor.subtracting(.amended) ?? []
        if skip(":") { for word in try flavors() { word.apply(to: &flavor) } }
        return UsedQualifier(qualifier: CIMQualifier(name: name, value: value, flavor: flavor), place: place, scope: type?.scope)
    }

    /// One or more flavors, with or without commas between them. A comma before anything else belongs to the list of qualifiers, and so does
    /// one before a qualifier with a value that is called like a flavor.
    private mutating func flavors() throws(MOFError) -> [FlavorWord] {
        var words: [FlavorWord] = []
        try flavor(&words)
        while true {
            if token.isPunctuation(",") {
                var ahead = lexer
                guard case .identifier(let name) = ahead.next().kind, FlavorWord(name) != nil else { break }
                let behind = ahead.next()
                finishedSteps += 2
                guard !behind.isPunctuation("("), !behind.isPunctuation("{"), !behind.isPunctuation(":") else { break }
                advance()
            }
            guard case .identifier = token.kind else { break }
            try flavor(&words)
        }
        return words
    }

    /// The qualifiers, once it is known what they are on. One that may not stand there is reported.
    mutating func take(_ used: [UsedQualifier], on scope: CIMQualifierScope) -> [CIMQualifier] {
        for one in used {
            guard let allowed = one.scope, allowed.isDisjoint(with: scope) else { continue }
            report(
                failure(
                    .mofQualifierUsedOutsideScope,
                    "expected qualifier \(Token.brief(one.qualifier.name)) on \(allowed.words.joined(separator: ", ")), found it on "
                        + scope.words.joined(separator: " or "), at: one.place))
        }
        return used.map(\.qualifier)
    }
}

// MARK: - Declarations of qualifiers

extension MOFParser {
    /// What follows `qualifier`, to the semicolon.
    mutating func qualifierTypeDeclaration() throws(MOFError) -> CIMQualifierType {
        let name = try self.name("a qualifier name", .mofExpectedQualifierName, tooWide: .qualifierNameTooWide)
        try expect(":", .mofInvalidQualifierSyntax)
        guard case .identifier(let word) = token.kind else { throw unexpected(.mofExpectedTypeIdentifier, expected: "a type") }
        guard let base = CIMType(mofName: word), base != .reference, base != .object else {
            throw unexpected(.mofUnrecognizedType, expected: "a type that a qualifier may have")
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
        for word in words { word.apply(to: &declared.flavor) }
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
