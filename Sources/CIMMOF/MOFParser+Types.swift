import CIM

extension MOFParser {
    /// `[]` or `[n]`, or nothing.
    mutating func arraySuffix(_ type: inout CIMTypeReference) throws(MOFError) -> Bool {
        guard skip("[") else { return false }
        type.isArray = true
        if case .integer(let size) = token.kind {
            if let size = Int32(exactly: size), size > 0 {
                type.arraySize = Int(size)
            } else {
                report(unexpected(.mofOutOfRange, expected: "an array size from 1 to \(Int32.max)"))
            }
            advance()
        }
        try expect("]", .mofExpectedCloseBracket)
        return true
    }

    /// A basic type, `Class ref`, `object ref`, `object`, `object:Class`, or `Class` for an embedded object of a class. A string with the
    /// qualifier EmbeddedInstance or EmbeddedObject is an embedded object.
    mutating func type(qualifiers: [UsedQualifier]) throws(MOFError) -> CIMTypeReference {
        guard case .identifier(let word) = token.kind else { throw unexpected(.mofExpectedTypeIdentifier, expected: "a type") }
        if word.utf8.count > 255 { report(failure(.classNameTooWide, "expected a type of at most 255 bytes")) }
        let place = token.place
        advance()
        switch CIMType(mofName: word) {
        case .string?:
            return embeddedType(qualifiers, at: place)
        case .reference?:
            throw failure(.mofExpectedTypeIdentifier, "expected a class before 'ref'", at: place)
        case .object?:
            if skip(":") {
                let place = token.place
                let name = try className()
                use(name, .embedded, at: place)
                return CIMTypeReference(.object, className: name)
            }
            return CIMTypeReference(skipReferenceWord() ? .reference : .object)
        case let basic?:
            return CIMTypeReference(basic)
        case nil:
            if skipReferenceWord() {
                use(word, .reference, at: place)
                return CIMTypeReference(.reference, className: word)
            }
            guard case .identifier = token.kind else {
                let question = MOFClassUse.question(CIMType.meant(by: word)?.mofName)
                throw failure(.mofUnrecognizedType, "expected a type, found '\(Token.brief(word))'\(question)", at: place)
            }
            use(word, .type, at: place)
            return CIMTypeReference(.object, className: word)
        }
    }

    private mutating func use(_ className: String, _ kind: MOFClassUse.Kind, at place: Token.Place) {
        classUses.append(MOFClassUse(className: className, kind: kind, line: place.line, column: lexer.column(at: place)))
    }

    private mutating func embeddedType(_ qualifiers: [UsedQualifier], at place: Token.Place) -> CIMTypeReference {
        guard let embedded = qualifiers.first(where: { CIMName.equal($0.qualifier.name, "EmbeddedInstance") }),
            !embedded.qualifier.value.isNull
        else { return CIMTypeReference(qualifiers.map(\.qualifier).isTrue("EmbeddedObject") ? .object : .string) }
        guard let className = embedded.qualifier.value.stringValue, CIMName.isValidIdentifier(className) else {
            report(
                failure(
                    .mofUnsupportedCimv22QualValue,
                    "expected EmbeddedInstance to name a class, found \(embedded.qualifier.value.briefDescription)", at: place))
            return CIMTypeReference(.object)
        }
        use(className, .embedded, at: embedded.place)
        return CIMTypeReference(.object, className: className)
    }

    /// `ref`, unless the feature that is declared has this word for its name.
    private mutating func skipReferenceWord() -> Bool {
        guard isKeyword("ref"), case .identifier = peek().kind else { return false }
        advance()
        return true
    }
}
