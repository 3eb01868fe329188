import CIM

extension WQLParser {
    /// term { OR term }
    mutating func condition(depth: Int) throws(QueryError) -> WQLCondition {
        guard depth <= WQL.maximumNesting else {
            throw failure("at most \(WQL.maximumNesting) nested parentheses", status: .quotaViolation)
        }
        let first = try term(depth: depth)
        guard isNext("OR") else { return first }
        var conditions = [first]
        while try take("OR") {
            try countConnective()
            conditions.append(try term(depth: depth))
        }
        return .or(conditions)
    }

    /// factor { AND factor }
    private mutating func term(depth: Int) throws(QueryError) -> WQLCondition {
        let first = try factor(depth: depth)
        guard isNext("AND") else { return first }
        var conditions = [first]
        while try take("AND") {
            try countConnective()
            conditions.append(try factor(depth: depth))
        }
        return .and(conditions)
    }

    /// [NOT] ( "(" expr ")" | comparison )
    private mutating func factor(depth: Int) throws(QueryError) -> WQLCondition {
        if try take("NOT") { return .not(try positiveFactor(depth: depth)) }
        return try positiveFactor(depth: depth)
    }

    private mutating func positiveFactor(depth: Int) throws(QueryError) -> WQLCondition {
        guard try take(0x28) else { return .comparison(try comparison()) }
        let condition = try condition(depth: depth + 1)
        guard try take(0x29) else { throw failure("')', AND or OR") }
        return condition
    }

    private mutating func comparison() throws(QueryError) -> WQLCondition.Comparison {
        let literalPlace = token.place
        if let literal = try self.literal() {
            guard case .relational(let operation) = token.kind else { throw failure("an operator") }
            try advance()
            guard case .word = token.kind, !isLiteralNext() else { throw failure("a property: one side must be one") }
            let property = try propertyPath()
            return try compared(property, operation.mirrored, literal, at: literalPlace)
        }
        let property = try propertyPath()
        if case .relational(let operation) = token.kind {
            try advance()
            let place = token.place
            guard let literal = try literal() else { throw failure("a constant") }
            return try compared(property, operation, literal, at: place)
        }
        if try take("LIKE") {
            let place = token.place
            return WQLCondition.Comparison(property, .like(try string("a pattern in quotes")), operandPlace: place)
        }
        if try take("ISA") {
            let place = token.place
            let name = CIMName(try string("a class in quotes"))
            guard CIMName.isValidIdentifier(name.text) else {
                throw QueryError(.invalidQuery, "expected the name of a class, found '\(name.text.prefix(40))'", at: place)
            }
            return WQLCondition.Comparison(property, .isa(name), operandPlace: place)
        }
        if try take("IS") {
            let isNegated = try take("NOT")
            try expect("NULL")
            return WQLCondition.Comparison(property, isNegated ? .isNotNull : .isNull)
        }
        throw failure("an operator, LIKE, ISA or IS")
    }

    /// NULL is in no order with anything (SEMANTICS I.2).
    private func compared(
        _ property: PropertyPath, _ operation: RelationalOperator, _ literal: WQLLiteral, at place: QueryPlace
    ) throws(QueryError) -> WQLCondition.Comparison {
        if literal == .null, operation.isOrder {
            throw QueryError(.invalidQuery, "expected IS NULL or IS NOT NULL: nothing is in an order with NULL", at: place)
        }
        return WQLCondition.Comparison(property, .compare(operation, literal), operandPlace: place)
    }

    private func isLiteralNext() -> Bool { isNext("TRUE") || isNext("FALSE") || isNext("NULL") }

    /// The constant that is next; nil for anything else.
    private mutating func literal() throws(QueryError) -> WQLLiteral? {
        let literal: WQLLiteral
        switch token.kind {
        case .string(let text): literal = .string(text)
        case .integer(let number): literal = .integer(number)
        case .real(let number): literal = .real(number)
        case .word:
            if isNext("TRUE") {
                literal = .boolean(true)
            } else if isNext("FALSE") {
                literal = .boolean(false)
            } else if isNext("NULL") {
                literal = .null
            } else {
                return nil
            }
        default: return nil
        }
        try advance()
        return literal
    }
}
