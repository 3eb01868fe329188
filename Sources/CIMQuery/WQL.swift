import CIM

/// WMI's query language: its name and its limits (Semantics I.1, I.8, A.2.4).
public enum WQL {
    /// The longest query, in UTF-16 code units (WBEM_MAX_QUERY).
    public static let maximumLength = 16384

    /// The longest identifier, in bytes (WBEM_MAX_IDENTIFIER).
    public static let maximumIdentifier = 4096

    /// How many AND and OR a condition may have.
    public static let maximumConnectives = 1024

    /// How deep parentheses may nest.
    public static let maximumNesting = 64

    /// How many names a dotted name may have: embedded objects nest no deeper (WBEM_MAX_OBJECT_NESTING).
    public static let maximumDottedNames = 64

    /// Throws InvalidQueryType unless `language` is "WQL", in any case (Semantics A.4, ExecQuery).
    public static func checkLanguage(_ language: String) throws(QueryError) {
        guard CIMName.equal(language, "WQL") else {
            throw QueryError(.invalidQueryType, "expected the query language 'WQL', found \(Excerpt.quoted(language))", at: .none)
        }
    }

    /// The words that name nothing else (Semantics I.1, I.8).
    static let keywords: Set<CIMName> = [
        "AND", "BY", "FALSE", "FROM", "GROUP", "HAVING", "IS", "ISA", "LIKE", "NOT", "NULL", "OR", "SELECT", "TRUE", "WHERE", "WITHIN",
    ]
}
