import CIM

// The text of a query, for a provider and for people: parsing it gives the same query back.

extension WQLQuery: CustomStringConvertible {
    public var description: String {
        switch self {
        case .select(let query): query.description
        case .association(let query): query.description
        case .schema(let query): query.description
        }
    }
}

extension SelectQuery: CustomStringConvertible {
    public var description: String {
        var text = "SELECT \(list) FROM \(className)"
        if let pollingSeconds { text += " WITHIN \(pollingSeconds)" }
        if let condition { text += " WHERE \(condition)" }
        if let grouping {
            text += " GROUP WITHIN \(grouping.seconds)"
            if !grouping.properties.isEmpty { text += " BY " + grouping.properties.map(\.description).joined(separator: ", ") }
            if let having = grouping.having { text += " HAVING NumberOfEvents \(having.comparison.rawValue) \(having.count)" }
        }
        return text
    }
}

extension SelectQuery.List: CustomStringConvertible {
    public var description: String {
        switch self {
        case .all: "*"
        case .properties(let properties): properties.map(\.description).joined(separator: ", ")
        }
    }
}

extension SchemaQuery: CustomStringConvertible {
    public var description: String { "SELECT * FROM meta_class" + (condition.map { " WHERE \($0)" } ?? "") }
}

extension AssociationQuery: CustomStringConvertible {
    public var description: String {
        var clauses: [String] = []
        func add(_ word: String, _ name: CIMName?) {
            if let name { clauses.append("\(word) = \(name)") }
        }
        add("AssocClass", associationClass)
        add("ResultClass", resultClass)
        add("ResultRole", resultRole)
        add("Role", role)
        add("RequiredQualifier", requiredQualifier)
        add("RequiredAssocQualifier", requiredAssociationQualifier)
        if form != .objects { clauses.append(form.rawValue) }
        let start = "\(kind.rawValue) OF {\(source.path)}"
        return clauses.isEmpty ? start : "\(start) WHERE \(clauses.joined(separator: " "))"
    }
}

extension WQLCondition: CustomStringConvertible {
    public var description: String {
        switch self {
        case .comparison(let comparison): comparison.description
        case .not(.comparison(let comparison)): "NOT \(comparison)"
        case .not(let condition): "NOT (\(condition))"
        case .and(let conditions): conditions.map { $0.isConnective ? "(\($0))" : $0.description }.joined(separator: " AND ")
        case .or(let conditions):
            conditions.map { if case .or = $0 { "(\($0))" } else { $0.description } }.joined(separator: " OR ")
        }
    }

    private var isConnective: Bool {
        switch self {
        case .and, .or: true
        case .comparison, .not: false
        }
    }
}

extension WQLCondition.Comparison: CustomStringConvertible {
    public var description: String {
        switch test {
        case .compare(let operation, let literal): "\(property) \(operation.rawValue) \(literal)"
        case .compareProperty(let operation, let other): "\(property) \(operation.rawValue) \(other)"
        case .like(let pattern): "\(property) LIKE \(WQLLiteral.string(pattern))"
        case .isa(let name): "\(property) ISA \"\(name)\""
        case .isNull: "\(property) IS NULL"
        case .isNotNull: "\(property) IS NOT NULL"
        }
    }
}

extension WQLLiteral: CustomStringConvertible {
    public var description: String {
        switch self {
        case .string(let text): "\"" + Self.escaped(text) + "\""
        case .integer(let number): number.description
        case .real(let number): number.description
        case .boolean(let flag): flag ? "TRUE" : "FALSE"
        }
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) else { return text }
        return text.unicodeScalars.reduce(into: "") {
            if $1 == "\"" || $1 == "\\" { $0 += "\\" }
            $0.unicodeScalars.append($1)
        }
    }
}
