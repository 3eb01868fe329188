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
        let leftPlace = token.place
        if isConstantNext {
            let constant = try self.constant()
            guard case .relational(let operation) = token.kind else { throw failure("an operator") }
            try advance()
            guard case .word = token.kind, !isConstantNext else { throw failure("a property: one side must be one") }
            let property = try propertyPath()
            return try compared(property, operation.mirrored, constant, at: leftPlace)
        }
        let property = try propertyPath()
        if case .relational(let operation) = token.kind {
            try advance()
            let place = token.place
            if case .word = token.kind, !isConstantNext {
                let other = try propertyPath()
                guard other.isDotted else {
                    throw QueryError(.invalidQuery, "expected a constant, found '\(other)'", at: place)
                }
                return WQLCondition.Comparison(property, .compareProperty(operation, other), operandPlace: place)
            }
            guard isConstantNext else { throw failure("a constant") }
            return try compared(property, operation, try constant(), at: place)
        }
        if try take("LIKE") {
            let place = token.place
            return WQLCondition.Comparison(property, .like(try string("a pattern in quotes")), operandPlace: place)
        }
        if try take("ISA") {
            let place = token.place
            return WQLCondition.Comparison(property, .isa(try className()), operandPlace: place)
        }
        if try take("IS") {
            let isNegated = try take("NOT")
            try expect("NULL")
            return WQLCondition.Comparison(property, isNegated ? .isNotNull : .isNull)
        }
        throw failure("an operator, LIKE, ISA or IS")
    }

    /// A class, in quotes or not.
    private mutating func className() throws(QueryError) -> CIMName {
        guard case .string(let text) = token.kind else { return try name("a class") }
        guard CIMName.isValidIdentifier(text) else {
            throw QueryError(.invalidQuery, "expected the name of a class, found \(Excerpt.quoted(text))", at: token.place)
        }
        try advance()
        return CIMName(text)
    }

    /// A comparison with NULL asks IS NULL or IS NOT NULL, as in WMI; NULL is in no order with anything.
    private func compared(
        _ property: PropertyPath, _ operation: RelationalOperator, _ constant: WQLLiteral?, at place: QueryPlace
    ) throws(QueryError) -> WQLCondition.Comparison {
        if let constant { return WQLCondition.Comparison(property, .compare(operation, constant), operandPlace: place) }
        guard !operation.isOrder else {
            throw QueryError(.invalidQuery, "expected IS NULL or IS NOT NULL: nothing is in an order with NULL", at: place)
        }
        return WQLCondition.Comparison(property, operation == .equal ? .isNull : .isNotNull, operandPlace: place)
    }

    private var isConstantNext: Bool {
        switch token.kind {
        case .string, .integer, .real: true
        default: isNext("TRUE") || isNext("FALSE") || isNext("NULL")
        }
    }

    /// The constant that is next; nil for NULL.
    private mutating func constant() throws(QueryError) -> WQLLiteral? {
        let constant: WQLLiteral? =
            switch token.kind {
            case .string(let text): .string(text)
            case .integer(let number): .integer(number)
            case .real(let number): .real(number)
            default: isNext("NULL") ? nil : .boolean(isNext("TRUE"))
            }
        try advance()
        return constant
    }
}
