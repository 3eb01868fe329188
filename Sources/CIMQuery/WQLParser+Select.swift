import CIM

extension WQLParser {
    /// What follows SELECT.
    mutating func select() throws(QueryError) -> WQLQuery {
        let listPlace = token.place
        let list = try self.list()
        try expect("FROM")
        let classPlace = token.place
        let className = try name("a class")
        if isNext(0x2C) { throw failure("one class only") }
        var query = SelectQuery(list, from: className, classPlace: classPlace)
        if try take("WITHIN") { query.pollingSeconds = try pollingSeconds() }
        if try take("WHERE") { query.condition = try condition(depth: 0) }
        if try take("GROUP") { query.grouping = try grouping() }
        guard className == "meta_class" else { return .select(query) }
        guard query.list == .all else {
            throw QueryError(.invalidQuery, "expected '*': a query of meta_class has no other list", at: listPlace)
        }
        guard query.pollingSeconds == nil, query.grouping == nil else {
            throw QueryError(.invalidQuery, "expected no WITHIN and no GROUP in a query of meta_class", at: classPlace)
        }
        return .schema(SchemaQuery(where: query.condition))
    }

    mutating func list() throws(QueryError) -> SelectQuery.List {
        if try take(0x2A) { return .all }
        var properties: [PropertyPath] = []
        repeat {
            guard case .word = token.kind else { throw failure("'*' or a property") }
            properties.append(try propertyPath())
        } while try take(0x2C)
        return .properties(properties)
    }

    /// Floating point seconds, above zero.
    private mutating func pollingSeconds() throws(QueryError) -> Double {
        let seconds: Double
        switch token.kind {
        case .integer(let number): seconds = Double(number)
        case .real(let number): seconds = number
        default: throw failure("a number of seconds after WITHIN")
        }
        guard seconds > 0 else { throw failure("a number of seconds above zero") }
        try advance()
        return seconds
    }

    /// What follows GROUP: WITHIN seconds [BY prop{,prop}] [HAVING NumberOfEvents relop n].
    private mutating func grouping() throws(QueryError) -> SelectQuery.Grouping {
        guard try take("WITHIN") else { throw failure("WITHIN after GROUP", status: .missingGroupWithin) }
        var grouping = SelectQuery.Grouping(seconds: try seconds32())
        if try take("BY") {
            guard case .word = token.kind else {
                throw failure("the properties to group by: all of them cannot be", status: .missingAggregationList)
            }
            repeat { grouping.properties.append(try propertyPath()) } while try take(0x2C)
        }
        if try take("HAVING") {
            guard try take("NumberOfEvents") else { throw failure("NumberOfEvents after HAVING") }
            guard case .relational(let comparison) = token.kind else { throw failure("an operator") }
            try advance()
            guard case .integer(let number) = token.kind, let count = UInt32(exactly: number) else { throw failure("a number of events") }
            try advance()
            grouping.having = SelectQuery.Having(comparison, count)
        }
        return grouping
    }
}
