import CIM

extension MOFParser {
    /// What follows `instance`, to the semicolon.
    mutating func instanceDeclaration() throws(MOFError) -> MOFInstance {
        guard try skipKeyword("of") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'of'") }
        let className = try name("a class name", .mofExpectedClassName, tooWide: .classNameTooWide)
        let alias = try self.alias()
        var references: [MOFInstance.AliasReference] = []
        let instance = try instanceBody(className: className, depth: 0, references: &references)
        try expect(";", .mofExpectedSemi)
        return MOFInstance(instance: instance, alias: alias, aliasReferences: references)
    }

    /// `instance of Class { … }` as a value.
    mutating func embeddedInstance(depth: Int) throws(MOFError) -> CIMInstance {
        guard depth < MOFParser.maximumNesting else {
            throw failure(.quotaViolation, "expected at most \(MOFParser.maximumNesting) nested instances")
        }
        let place = token.place
        try advance()
        guard try skipKeyword("of") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'of'") }
        let className = try name("a class name", .mofExpectedClassName, tooWide: .classNameTooWide)
        var references: [MOFInstance.AliasReference] = []
        let instance = try instanceBody(className: className, depth: depth + 1, references: &references)
        guard references.isEmpty else { throw failure(.mofAliasesInEmbedded, "expected no alias in an embedded instance", at: place) }
        return instance
    }

    /// `as $Name`, or nothing.
    mutating func alias() throws(MOFError) -> String? {
        guard try skipKeyword("as") else { return nil }
        guard case .alias(let name) = token.kind else { throw unexpected(.mofExpectedDollar, expected: "'$' and a name") }
        guard aliases.insert(CIMName(name)).inserted else {
            throw failure(.mofMultipleAliases, "expected each alias once, found '$\(name)' again")
        }
        try advance()
        return name
    }

    private mutating func instanceBody(
        className: String, depth: Int, references: inout [MOFInstance.AliasReference]
    ) throws(MOFError) -> CIMInstance {
        try expect("{", .mofExpectedOpenBrace)
        var instance = CIMInstance(className: className)
        var names: Set<CIMName> = []
        while !token.isPunctuation("}") {
            _ = try qualifierList()
            let place = token.place
            let name = try self.name("a property name or '}'", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
            guard names.insert(CIMName(name)).inserted else {
                throw failure(.mofDuplicateProperty, "expected each property once, found '\(name)' again", at: place)
            }
            guard try skip("=") else { throw unexpected(.mofInvalidInstanceDeclaration, expected: "'='") }
            if case .alias(let alias) = token.kind {
                references.append(
                    MOFInstance.AliasReference(property: name, alias: alias, line: token.place.line, column: token.column))
                try advance()
                instance.append(name: name, value: .null)
            } else {
                instance.append(name: name, value: try literal(depth: depth))
            }
            try expect(";", .mofExpectedSemi)
        }
        try advance()
        return instance
    }
}
