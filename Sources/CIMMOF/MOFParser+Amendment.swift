import CIM

extension MOFParser {
    /// `#pragma amendment("MS_409")`: from here on the classes are taken apart, and what is localized in them goes to the namespace of that
    /// locale below their own.
    mutating func amendmentPragma() throws(MOFError) {
        try expect("(", .mofExpectedOpenParen)
        let place = token.place
        guard case .string = token.kind else { throw unexpected(.mofInvalidAmendmentSyntax, expected: "a locale in double quotes") }
        let text = concatenatedString()
        if amendment != nil {
            report(failure(.mofInvalidDuplicateAmendment, "expected one amendment pragma, found another", at: place))
        } else if let locale = CIMLocale(text) {
            amendment = locale
            // What follows goes to several namespaces, so that each declaration has to say its own.
            namespace = namespace ?? context.namespace ?? .cimv2
        } else {
            report(
                failure(.mofInvalidAmendmentSyntax, "expected a locale such as \"MS_409\", found \"\(Token.brief(text))\"", at: place))
        }
        try expect(")", .mofExpectedCloseParen)
    }

    /// Appends a class and, behind an amendment pragma, what it says in one language: its namespace, unless that was said, and its amendment.
    mutating func append(_ declared: CIMClass, alias: String?, references: [MOFAliasReference], firstLine: Int) {
        guard let locale = amendment, !declared.isAmendment else {
            // What an amendment speaks of is in another namespace.
            return append(
                .class(declared), flags: classFlags, alias: alias, references: references,
                classUses: declared.isAmendment ? [] : classUses, firstLine: firstLine)
        }
        let (neutral, said) = declared.split(for: locale)
        append(
            .class(neutral), flags: classFlags, alias: alias, references: references, classUses: classUses, firstLine: firstLine)
        let home = namespace ?? .cimv2
        guard let said, let place = CIMNamespaceName("\(home)/\(locale.namespaceName)") else { return }
        defer { namespace = home }
        if amendedNamespaces.insert(home).inserted {
            let instance = CIMInstance(className: "__NAMESPACE", ["Name": .string(locale.namespaceName)])
            append(.instance(MOFInstance(instance: instance)), firstLine: firstLine)
        }
        namespace = place
        append(.class(said), flags: classFlags, firstLine: firstLine)
    }
}
