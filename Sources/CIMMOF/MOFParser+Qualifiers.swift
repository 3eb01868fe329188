import CIM

extension MOFParser {
    /// `[name, name(value), name{values} : Flavor …]`, or nothing.
    mutating func qualifierList() throws(MOFError) -> [CIMQualifier] {
        guard try skip("[") else { return [] }
        var qualifiers: [CIMQualifier] = []
        var names: Set<CIMName> = []
        repeat {
            let place = token.place
            let qualifier = try self.qualifier()
            guard names.insert(CIMName(qualifier.name)).inserted else {
                throw failure(.mofDuplicateQualifier, "expected each qualifier once, found '\(qualifier.name)' again", at: place)
            }
            qualifiers.append(qualifier)
        } while try skip(",")
        try expect("]", .mofExpectedCloseBracket)
        return qualifiers
    }

    private mutating func qualifier() throws(MOFError) -> CIMQualifier {
        let name = try self.name("a qualifier name", .mofExpectedQualifierName, tooWide: .qualifierNameTooWide)
        var value = CIMValue.boolean(true)
        if try skip("(") {
            value = token.isPunctuation("{") ? try arrayLiteral(depth: 0) : try scalarLiteral(depth: 0)
            try expect(")", .mofExpectedCloseParen)
        } else if token.isPunctuation("{") {
            value = try arrayLiteral(depth: 0)
        }
        return CIMQualifier(name: name, value: value, flavor: try skip(":") ? try flavors() : [])
    }

    /// One or more flavors, with or without commas between them. A comma before anything else belongs to the list of qualifiers.
    private mutating func flavors() throws(MOFError) -> CIMFlavor {
        var words: Set<Flavor> = []
        guard let first = Flavor(token) else { throw unexpected(.mofExpectedFlavorType, expected: "a flavor") }
        words.insert(first)
        try advance()
        while true {
            if token.isPunctuation(",") {
                var lookahead = lexer
                guard Flavor(try lookahead.next()) != nil else { break }
                try advance()
            }
            guard case .identifier = token.kind else { break }
            guard let flavor = Flavor(token) else { throw unexpected(.mofExpectedFlavorType, expected: "a flavor") }
            for opposite in flavor.opposites where words.contains(opposite) {
                throw failure(.mofIncompatibleFlavorTypes, "expected a flavor that goes with \(opposite.rawValue), found \(token.text)")
            }
            words.insert(flavor)
            try advance()
        }
        return words.reduce(into: CIMFlavor()) { $0.formUnion($1.bits) }
    }

    private enum Flavor: String, CaseIterable {
        case toInstance, toSubclass, notToInstance, notToSubclass, enableOverride, disableOverride, restricted, amended, translatable

        init?(_ token: Token) {
            guard case .identifier(let name) = token.kind,
                let flavor = Flavor.allCases.first(where: { CIMName.equal($0.rawValue, name) })
            else { return nil }
            self = flavor
        }

        var bits: CIMFlavor {
            switch self {
            case .toInstance: .toInstance
            case .toSubclass: .toSubclass
            case .disableOverride: .disableOverride
            case .amended: .amended
            case .notToInstance, .notToSubclass, .enableOverride, .restricted, .translatable: []
            }
        }

        var opposites: [Flavor] {
            switch self {
            case .toInstance: [.notToInstance]
            case .notToInstance: [.toInstance]
            case .toSubclass: [.notToSubclass, .restricted]
            case .notToSubclass, .restricted: [.toSubclass]
            case .enableOverride: [.disableOverride]
            case .disableOverride: [.enableOverride]
            case .amended, .translatable: []
            }
        }
    }
}
