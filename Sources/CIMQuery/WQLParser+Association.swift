import CIM

extension WQLParser {
    /// What follows ASSOCIATORS or REFERENCES.
    mutating func association(_ kind: AssociationQuery.Kind) throws(QueryError) -> AssociationQuery {
        try expect("OF")
        let place = token.place
        var query = AssociationQuery(kind, of: try bracedPath())
        query.place = place
        if try take("WHERE") {
            repeat { try clause(of: &query) } while token.kind != .end
        }
        try WQLParser.checkLegality(of: query)
        return query
    }

    private mutating func clause(of query: inout AssociationQuery) throws(QueryError) {
        let place = token.place
        if isNext("AND") || isNext("OR") || isNext(0x2C) { throw failure("the next clause: nothing stands between clauses") }
        for form in [AssociationQuery.Form.keysOnly, .classDefinitionsOnly, .schemaOnly] where try take(form.rawValue) {
            guard query.form == .objects else {
                throw QueryError(.invalidQuery, "expected one of KeysOnly, ClassDefsOnly and SchemaOnly, once", at: place)
            }
            query.form = form
            return
        }
        var clauses: [(word: String, field: WritableKeyPath<AssociationQuery, CIMName?>)] = [
            ("ResultClass", \.resultClass), ("Role", \.role), ("RequiredQualifier", \.requiredQualifier),
        ]
        if query.kind == .associators {
            clauses += [
                ("AssocClass", \.associationClass), ("ResultRole", \.resultRole),
                ("RequiredAssocQualifier", \.requiredAssociationQualifier),
            ]
        }
        for (word, field) in clauses where try take(word) {
            guard query[keyPath: field] == nil else { throw QueryError(.invalidQuery, "expected \(word) once", at: place) }
            guard token.kind == .relational(.equal) else { throw failure("'=': a clause has no other operator") }
            try advance()
            guard case .word(let name) = token.kind else { throw failure("a name") }
            try advance()
            query[keyPath: field] = CIMName(name)
            return
        }
        throw failure((clauses.map(\.word) + ["KeysOnly", "ClassDefsOnly or SchemaOnly"]).joined(separator: ", "))
    }

    private static func checkLegality(of query: AssociationQuery) throws(QueryError) {
        if query.form == .classDefinitionsOnly, query.resultClass != nil {
            throw QueryError(.invalidQuery, "expected ClassDefsOnly without ResultClass", at: query.place)
        }
        if query.form == .schemaOnly, !query.source.isClassPath {
            throw QueryError(.invalidQuery, "expected the path of a class, as SchemaOnly asks for", at: query.place)
        }
        if query.form != .schemaOnly, query.source.isClassPath {
            throw QueryError(.invalidQuery, "expected the path of an instance, or SchemaOnly", at: query.place)
        }
    }
}
