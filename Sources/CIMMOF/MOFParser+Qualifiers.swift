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
        // Of more than a few; comparing those costs less.
        var names: Set<CIMName> = []
        func isNew(_ name: String) -> Bool {
            if qualifiers.count < 16 { return !qualifiers.contains { CIMName.equal($0.qualifier.name, name) } }
            if names.isEmpty { names = Set(qualifiers.map { CIMName($0.qualifier.name) }) }
            return names.insert(CIMName(name)).inserted
        }
        repeat {
            let used = try self.qualifier()
            guard isNew(used.qualifier.name) else {
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
                noteContextText(of: name)
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
            } else if MOFParser.booleanQualifiers.contains(CIMName(name)), let fitted = value.converted(toScalar: .boolean) {
                value = fitted
            }
        } else if let type, type.type != CIMTypeReference(.boolean) {
            value = type.defaultValue
        } else {
            value = .boolean(true)
        }
        var flavor = type?.flavor.subtracting(.amended) ?? []
        if skip(":") { FlavorWord.apply(try flavors(), to: &flavor) }
        return UsedQualifier(qualifier: CIMQualifier(name: name, value: value, flavor: flavor), place: place, scope: type?.scope)
    }

    /// Keeps the text that begins here and its place, where the qualifier is one of those whose texts say where a provider's data are.
    private mutating func noteContextText(of name: String) {
        guard MOFContextText.qualifiers.contains(CIMName(name)), case .string = token.kind else { return }
        var (ahead, next) = (lexer, token)
        var text = MOFContextText(qualifier: name, text: "", pieces: [])
        while case .string(let piece) = next.kind {
            let column = ahead.column(at: next.place) + 1
            text.pieces.append(MOFContextText.Piece(offset: text.text.utf8.count, line: next.place.line, column: column))
            text.text += piece
            next = ahead.next()
            finishedSteps += 1
        }
        contextTexts.append(text)
    }

    /// The standard qualifiers of type boolean (DSP0004, 5.6.3, and WMI's): without a declaration, too, `"TRUE"` is no text for them.
    private static let booleanQualifiers: Set<CIMName> = [
        "abstract", "aggregate", "aggregation", "association", "composition", "counter", "delete", "EmbeddedObject", "exception",
        "expensive",
        "experimental", "gauge", "IfDeleted", "in", "indication", "invisible", "IsPUnit", "key", "large", "octetstring", "out", "read",
        "required", "static", "structure", "terminal", "weak", "write",
        "amended", "Bypass_GetObject", "CIM_Key", "constructor", "destructor", "disabled", "dynamic", "DynProps", "implemented", "optional",
        "singleton", "stream", "SupportsCreate", "SupportsDelete", "SupportsUpdate",
    ]

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

    /// The qualifiers, when it is known which feature has them. A qualifier that may not stand there is reported.
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
