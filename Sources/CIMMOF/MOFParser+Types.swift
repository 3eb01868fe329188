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
            return embeddedType(qualifiers.map(\.qualifier), at: place)
        case .reference?:
            throw failure(.mofExpectedTypeIdentifier, "expected a class before 'ref'", at: place)
        case .object?:
            if skip(":") { return CIMTypeReference(.object, className: try className()) }
            return CIMTypeReference(skipReferenceWord() ? .reference : .object)
        case let basic?:
            return CIMTypeReference(basic)
        case nil:
            if skipReferenceWord() { return CIMTypeReference(.reference, className: word) }
            guard case .identifier = token.kind else {
                throw failure(.mofUnrecognizedType, "expected a type, found '\(Token.brief(word))'", at: place)
            }
            return CIMTypeReference(.object, className: word)
        }
    }

    private mutating func embeddedType(_ qualifiers: [CIMQualifier], at place: Token.Place) -> CIMTypeReference {
        guard let embedded = qualifiers.named("EmbeddedInstance")?.value, !embedded.isNull else {
            return CIMTypeReference(qualifiers.isTrue("EmbeddedObject") ? .object : .string)
        }
        guard let className = embedded.stringValue, CIMName.isValidIdentifier(className) else {
            report(
                failure(
                    .mofUnsupportedCimv22QualValue, "expected EmbeddedInstance to name a class, found \(embedded.briefDescription)",
                    at: place))
            return CIMTypeReference(.object)
        }
        return CIMTypeReference(.object, className: className)
    }

    /// `ref`, unless it is itself the name of what is declared.
    private mutating func skipReferenceWord() -> Bool {
        guard isKeyword("ref"), case .identifier = peek().kind else { return false }
        advance()
        return true
    }
}
