import CIM

extension MOFParser {
    /// What follows `class`, to the semicolon.
    mutating func classDeclaration(qualifiers: [UsedQualifier], firstLine: Int) throws(MOFError) {
        var declared = CIMClass(name: try className())
        let alias = try self.alias()
        if skip(":") { declared.superclass = try name("the name of the superclass", .mofExpectedClassName, tooWide: .classNameTooWide) }
        declared.qualifiers = take(qualifiers, on: MOFParser.scope(of: qualifiers, hasSuperclass: declared.superclass != nil))
        try open(.body)
        let level = braces.count
        var features = Features()
        classUses = []
        while !token.isPunctuation("}") {
            if token.kind == .end || startsDeclaration() {
                let error = unexpected(.mofExpectedCloseBrace, expected: "a property, a method or '}'")
                if !isFaulty { record(error) }
                isAbandoned = true
                throw error
            }
            do throws(MOFError) { try feature(of: &declared, &features) } catch { try recover(from: error, level: level) }
        }
        try close()
        try semicolon()
        append(declared, alias: alias, references: features.references, firstLine: firstLine)
    }

    private struct Features {
        var propertyNames: Set<CIMName> = []
        var methodNames: Set<CIMName> = []
        var references: [MOFAliasReference] = []
    }

    /// A class below another may inherit that it is an association or an indication.
    private static func scope(of qualifiers: [UsedQualifier], hasSuperclass: Bool) -> CIMQualifierScope {
        let plain = qualifiers.map(\.qualifier)
        if plain.isTrue("association") { return .association }
        if plain.isTrue("indication") { return .indication }
        return hasSuperclass ? [.class, .association, .indication] : .class
    }

    private mutating func feature(of declared: inout CIMClass, _ features: inout Features) throws(MOFError) {
        let qualifiers = try qualifierList()
        let isVoid = skipKeyword("void")
        var type = isVoid ? CIMTypeReference(.string) : try self.type(qualifiers: qualifiers)
        let place = token.place
        let name = try self.name("the name of a property or method", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
        let isArray = try arraySuffix(&type)
        if token.isPunctuation("(") {
            if isArray {
                report(
                    failure(.mofNoArraysReturned, "expected one value as the result of \(Token.brief(name)), found an array", at: place))
            }
            if !features.methodNames.insert(CIMName(name)).inserted {
                report(failure(.mofInvalidClassDeclaration, "expected each method once, found '\(Token.brief(name))' again", at: place))
            }
            let local = take(qualifiers, on: .method)
            declared.methods.append(
                CIMMethod(
                    name: name, returnType: isVoid ? nil : type, parameters: try parameters(), qualifiers: local, origin: declared.name))
        } else {
            guard !isVoid else { throw unexpected(.mofExpectedOpenParen, expected: "'(', because only a method may be void") }
            if !features.propertyNames.insert(CIMName(name)).inserted {
                report(failure(.mofDuplicateProperty, "expected each property once, found '\(Token.brief(name))' again", at: place))
            }
            let local = take(qualifiers, on: type.base == .reference ? .reference : .property)
            let value = skip("=") ? try defaultValue(of: type, name, &features) : .null
            declared.properties.append(
                CIMProperty(name: name, type: type, defaultValue: value, qualifiers: local, origin: declared.name))
        }
        try semicolon()
    }

    /// A literal; or an alias, of the object to which a reference refers, or of the embedded object itself.
    private mutating func defaultValue(of type: CIMTypeReference, _ name: String, _ features: inout Features) throws(MOFError) -> CIMValue {
        guard case .alias(let alias) = token.kind, type.base == .reference || type.base == .object, !type.isArray else {
            return try literal(of: type)
        }
        features.references.append(aliasReference(alias, property: name))
        advance()
        return .null
    }

    private mutating func parameters() throws(MOFError) -> [CIMParameter] {
        try expect("(", .mofExpectedOpenParen)
        if skip(")") { return [] }
        var parameters: [CIMParameter] = []
        var names: Set<CIMName> = []
        repeat {
            let qualifiers = try qualifierList()
            var type = try self.type(qualifiers: qualifiers)
            let place = token.place
            let name = try self.name("the name of a parameter", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
            if !names.insert(CIMName(name)).inserted {
                report(failure(.invalidDuplicateParameter, "expected each parameter once, found '\(Token.brief(name))' again", at: place))
            }
            _ = try arraySuffix(&type)
            if token.isPunctuation("=") {
                warn("the default of a parameter is not kept", at: token.place)
                advance()
                _ = try literal(of: type)
            }
            parameters.append(CIMParameter(name: name, type: type, qualifiers: take(qualifiers, on: .parameter)))
        } while skip(",")
        try expect(")", .mofExpectedCloseParen)
        return parameters
    }
}
