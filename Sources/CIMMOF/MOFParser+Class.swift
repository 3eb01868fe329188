import CIM

extension MOFParser {
    /// What follows `class`, to the semicolon.
    mutating func classDeclaration(qualifiers: [CIMQualifier]) throws(MOFError) -> CIMClass {
        var declared = CIMClass(
            name: try name("a class name", .mofExpectedClassName, tooWide: .classNameTooWide), qualifiers: qualifiers)
        _ = try alias()
        if try skip(":") { declared.superclass = try name("the name of the superclass", .mofExpectedClassName, tooWide: .classNameTooWide) }
        try expect("{", .mofExpectedOpenBrace)
        var propertyNames: Set<CIMName> = []
        var methodNames: Set<CIMName> = []
        while !token.isPunctuation("}") {
            guard token.kind != .end else { throw unexpected(.mofExpectedCloseBrace, expected: "a property, a method or '}'") }
            try feature(of: &declared, propertyNames: &propertyNames, methodNames: &methodNames)
        }
        try advance()
        try expect(";", .mofExpectedSemi)
        return declared
    }

    private mutating func feature(
        of declared: inout CIMClass, propertyNames: inout Set<CIMName>, methodNames: inout Set<CIMName>
    ) throws(MOFError) {
        let qualifiers = try qualifierList()
        let isVoid = try skipKeyword("void")
        var type = isVoid ? CIMTypeReference(.string) : try self.type(qualifiers: qualifiers)
        let place = token.place
        let name = try self.name("the name of a property or method", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
        let isArray = try arraySuffix(&type)
        if token.isPunctuation("(") {
            guard !isArray else {
                throw failure(.mofNoArraysReturned, "expected one value as the result of \(name), found an array", at: place)
            }
            guard methodNames.insert(CIMName(name)).inserted else {
                throw failure(.mofInvalidClassDeclaration, "expected each method once, found '\(name)' again", at: place)
            }
            declared.methods.append(
                CIMMethod(
                    name: name, returnType: isVoid ? nil : type, parameters: try parameters(), qualifiers: qualifiers, origin: declared.name
                ))
        } else {
            guard !isVoid else { throw unexpected(.mofExpectedOpenParen, expected: "'(', because only a method may be void") }
            guard propertyNames.insert(CIMName(name)).inserted else {
                throw failure(.mofDuplicateProperty, "expected each property once, found '\(name)' again", at: place)
            }
            let value = try skip("=") ? try literal(of: type) : .null
            declared.properties.append(
                CIMProperty(name: name, type: type, defaultValue: value, qualifiers: qualifiers, origin: declared.name))
        }
        try expect(";", .mofExpectedSemi)
    }

    private mutating func parameters() throws(MOFError) -> [CIMParameter] {
        try expect("(", .mofExpectedOpenParen)
        if try skip(")") { return [] }
        var parameters: [CIMParameter] = []
        var names: Set<CIMName> = []
        repeat {
            let qualifiers = try qualifierList()
            var type = try self.type(qualifiers: qualifiers)
            let place = token.place
            let name = try self.name("the name of a parameter", .mofExpectedPropertyName, tooWide: .propertyNameTooWide)
            guard names.insert(CIMName(name)).inserted else {
                throw failure(.invalidDuplicateParameter, "expected each parameter once, found '\(name)' again", at: place)
            }
            _ = try arraySuffix(&type)
            parameters.append(CIMParameter(name: name, type: type, qualifiers: qualifiers))
        } while try skip(",")
        try expect(")", .mofExpectedCloseParen)
        return parameters
    }

    /// `[]` or `[n]`, or nothing.
    private mutating func arraySuffix(_ type: inout CIMTypeReference) throws(MOFError) -> Bool {
        guard try skip("[") else { return false }
        type.isArray = true
        if case .integer(let size) = token.kind {
            guard let size = Int32(exactly: size), size > 0 else {
                throw unexpected(.mofOutOfRange, expected: "an array size from 1 to \(Int32.max)")
            }
            type.arraySize = Int(size)
            try advance()
        }
        try expect("]", .mofExpectedCloseBracket)
        return true
    }

    /// A basic type, `Class ref`, `object ref`, `object`, `object:Class`, or `Class` for an embedded object of a class. A string with the
    /// qualifier EmbeddedInstance or EmbeddedObject is an embedded object.
    private mutating func type(qualifiers: [CIMQualifier]) throws(MOFError) -> CIMTypeReference {
        guard case .identifier(let word) = token.kind else { throw unexpected(.mofExpectedTypeIdentifier, expected: "a type") }
        guard word.utf8.count <= 255 else { throw failure(.classNameTooWide, "expected a type of at most 255 bytes") }
        let place = token.place
        try advance()
        switch CIMType(mofName: word) {
        case .string?:
            if let embedded = qualifiers.named("EmbeddedInstance")?.value {
                guard let className = embedded.stringValue, CIMName.isValidIdentifier(className) else {
                    throw failure(
                        .mofUnsupportedCimv22QualValue, "expected EmbeddedInstance to name a class, found \(embedded.briefDescription)",
                        at: place)
                }
                return CIMTypeReference(.object, className: className)
            }
            return CIMTypeReference(qualifiers.isTrue("EmbeddedObject") ? .object : .string)
        case .reference?:
            throw failure(.mofExpectedTypeIdentifier, "expected a class before 'ref'", at: place)
        case .object?:
            if try skip(":") {
                return CIMTypeReference(.object, className: try name("a class name", .mofExpectedClassName, tooWide: .classNameTooWide))
            }
            return CIMTypeReference(try skipKeyword("ref") ? .reference : .object)
        case let basic?:
            return CIMTypeReference(basic)
        case nil:
            if try skipKeyword("ref") { return CIMTypeReference(.reference, className: word) }
            guard case .identifier = token.kind else { throw failure(.mofUnrecognizedType, "expected a type, found '\(word)'", at: place) }
            return CIMTypeReference(.object, className: word)
        }
    }
}
