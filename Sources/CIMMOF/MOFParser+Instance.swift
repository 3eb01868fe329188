import CIM

extension MOFParser {
    /// What follows `instance`, to the semicolon.
    mutating func instanceDeclaration(qualifiers: [UsedQualifier] = []) throws(MOFError) -> MOFInstance {
        guard skipKeyword("of") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'of'") }
        let className = try className()
        let alias = try self.alias()
        var references: [MOFAliasReference] = []
        var instance = try instanceBody(className: className, depth: 0, references: &references)
        instance.qualifiers = take(qualifiers, on: [.class, .association, .indication])
        try semicolon()
        return MOFInstance(instance: instance, alias: alias, aliasReferences: references)
    }

    /// `instance of Class { … }` as a value.
    mutating func embeddedInstance(depth: Int) throws(MOFError) -> CIMInstance {
        guard depth < MOFParser.maximumNesting else {
            throw failure(.quotaViolation, "expected at most \(MOFParser.maximumNesting) nested instances")
        }
        let place = token.place
        advance()
        guard skipKeyword("of") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'of'") }
        let className = try className()
        var references: [MOFAliasReference] = []
        let instance = try instanceBody(className: className, depth: depth + 1, references: &references)
        if !references.isEmpty { report(failure(.mofAliasesInEmbedded, "expected no alias in an embedded instance", at: place)) }
        return instance
    }

    /// `as $Name`, or nothing.
    mutating func alias() throws(MOFError) -> String? {
        guard skipKeyword("as") else { return nil }
        guard case .alias(let name) = token.kind else { throw unexpected(.mofExpectedDollar, expected: "'$' and a name") }
        if !aliases.insert(CIMName(name)).inserted {
            report(failure(.mofMultipleAliases, "expected each alias once, found '$\(Token.brief(name))' again"))
        }
        advance()
        return name
    }

    /// The alias that is the next token.
    mutating func aliasReference(_ alias: String, property: String, index: Int? = nil) -> MOFAliasReference {
        MOFAliasReference(
            property: property, index: index, alias: alias, line: token.place.line, column: lexer.column(at: token.place))
    }

    private mutating func instanceBody(
        className: String, depth: Int, references: inout [MOFAliasReference]
    ) throws(MOFError) -> CIMInstance {
        try open(.body)
        let level = braces.count
        var instance = CIMInstance(className: className)
        var names: Set<CIMName> = []
        while !token.isPunctuation("}") {
            if token.kind == .end || startsDeclaration() {
                let error = unexpected(.mofExpectedCloseBrace, expected: "a property name or '}'")
                if !isFaulty { record(error) }
                isAbandoned = true
                throw error
            }
            do throws(MOFError) {
                try propertyValue(of: &instance, &names, depth: depth, references: &references)
            } catch { try recover(from: error, level: level) }
        }
        try close()
        return instance
    }

    /// `name = value;`, with qualifiers or without; or `name;`, which leaves the value to the class: what is written so for the qualifiers alone.
    private mutating func propertyValue(
        of instance: inout CIMInstance, _ names: inout Set<CIMName>, depth: Int, references: inout [MOFAliasReference]
    ) throws(MOFError) {
        let qualifiers = try qualifierList()
        if depth > 0, let first = qualifiers.first { warn("qualifiers inside an embedded instance are not kept", at: first.place) }
        let place = token.place
        let name = try self.name("a property name or '}'", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
        if !names.insert(CIMName(name)).inserted {
            report(failure(.mofDuplicateProperty, "expected each property once, found '\(Token.brief(name))' again", at: place))
        }
        if skip(";") { return }
        guard skip("=") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'=' or ';'") }
        let value: CIMValue
        if case .alias(let alias) = token.kind {
            references.append(aliasReference(alias, property: name))
            advance()
            value = .null
        } else if token.isPunctuation("{") {
            value = try arrayLiteral(depth: depth, of: name, references: &references)
        } else {
            value = try scalarLiteral(depth: depth)
        }
        instance.append(name: name, value: value)
        if depth == 0, !qualifiers.isEmpty {
            instance.propertyQualifiers.append(.init(name: name, qualifiers: take(qualifiers, on: [.property, .reference])))
        }
        try semicolon()
    }
}
