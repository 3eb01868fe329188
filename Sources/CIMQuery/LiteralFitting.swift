import CIM

/// Gives a constant the type of the property it is compared with (SEMANTICS I.2: a literal is compared with the property's own type).
///
/// Integers and reals fit every number; a number may stand in quotes, as WMI's users write it. 1, -1 and 0 are booleans. Text fits
/// strings, datetimes (I.9), references where it is a path, and char16 where it is one character. Nothing else fits.
struct LiteralFitting {
    let comparison: WQLCondition.Comparison
    let operation: RelationalOperator
    let typed: TypedProperty
    let classes: ClassLookup
    let location: QueryLocation

    /// - Throws: TypeMismatch for a constant of another type; InvalidOperator for an order of booleans, references or objects; InvalidQuery
    ///   for a text that is no date and time.
    func comparand(_ literal: WQLLiteral) throws(QueryError) -> Comparand {
        guard let type = typed.type else { return untyped(literal) }
        switch type.base {
        case .boolean:
            try refuseOrder()
            switch literal {
            case .boolean(let flag): return .boolean(flag)
            case .integer(let number) where abs(number) <= 1: return .boolean(number != 0)
            default: throw mismatch(literal)
            }
        case .string:
            guard case .string(let text) = literal else { throw mismatch(literal) }
            return .text(FoldedText(text))
        case .char16:
            return .character(try character(literal))
        case .datetime:
            return try time(literal)
        case .reference:
            try refuseOrder()
            guard case .string(let text) = literal, let path = reference(text) else { throw mismatch(literal) }
            return path
        case .object:
            throw QueryError(
                .invalidOperator, "\(comparison.property) is an object: expected ISA, IS NULL or a property of it",
                at: comparison.property.place)
        case .real32:
            guard let number = LiteralFitting.number(literal) else { throw mismatch(literal) }
            guard case .real(let real) = number, Float(real).isFinite else { return number }
            return .real(Double(Float(real)))
        default:
            guard let number = LiteralFitting.number(literal) else { throw mismatch(literal) }
            return number
        }
    }

    private func mismatch(_ literal: WQLLiteral) -> QueryError {
        let type = typed.type?.description ?? "another type"
        return QueryError(
            .typeMismatch, "expected a constant that fits \(comparison.property), which is \(type), found \(literal.brief)",
            at: comparison.operandPlace)
    }

    private func refuseOrder() throws(QueryError) {
        guard !operation.isOrder else {
            let type = typed.type?.description ?? ""
            throw QueryError(
                .invalidOperator, "expected = or <> for \(comparison.property), which is \(type), found \(operation.rawValue)",
                at: comparison.property.place)
        }
    }

    private static func number(_ literal: WQLLiteral) -> Comparand? {
        switch literal {
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .string(let text): number(text)
        case .boolean, .null: nil
        }
    }

    /// A number in quotes: what the lexer reads as one, and nothing beside.
    private static func number(_ text: String) -> Comparand? {
        guard text.utf8.count <= 64, var lexer = try? WQLLexer(text), let token = try? lexer.next(), token.range == 0..<text.utf8.count
        else { return nil }
        switch token.kind {
        case .integer(let number): return .integer(number)
        case .real(let number): return .real(number)
        default: return nil
        }
    }

    private func character(_ literal: WQLLiteral) throws(QueryError) -> UInt16 {
        switch literal {
        case .string(let text):
            let units = text.utf16
            if let unit = units.first, units.count == 1 { return unit }
        case .integer(let number):
            if let unit = UInt16(exactly: number) { return unit }
        default: break
        }
        throw mismatch(literal)
    }

    private func time(_ literal: WQLLiteral) throws(QueryError) -> Comparand {
        guard case .string(let text) = literal else { throw mismatch(literal) }
        guard let time = DateTimeLiteral.parse(text), let comparand = LiteralFitting.comparand(time) else {
            throw QueryError(
                .invalidQuery,
                "expected yyyymmddHHMMSS.mmmmmm+UUU without asterisks, or yyyy-mm-dd HH:MM:SS:mmm, found \(literal.brief)",
                at: comparison.operandPlace)
        }
        // Many schemas do not declare their intervals: only those that do are held to it.
        if typed.isInterval, !time.isInterval { throw mismatch(literal) }
        return comparand
    }

    private static func comparand(_ time: CIMDateTime) -> Comparand? {
        if time.isUnset { return .unset }
        return time.intervalMicroseconds.map { .interval($0) } ?? time.microsecondsSince1970.map { .timestamp($0) }
    }

    /// The path, in its class's own form where the class is known.
    private func reference(_ text: String) -> Comparand? {
        guard let path = try? CIMObjectPath(parsing: text) else { return nil }
        let canonical = classes(path.className).flatMap { try? path.canonicalized(for: $0) }
        return .path(ReferenceComparand(canonical ?? path, in: location))
    }

    /// Whatever the constant can be.
    private func untyped(_ literal: WQLLiteral) -> Comparand {
        switch literal {
        case .boolean(let flag): return .boolean(flag)
        case .integer(let number):
            guard abs(number) <= 1, !operation.isOrder else { return .integer(number) }
            return .anyOf([.integer(number), .boolean(number != 0)])
        case .real(let number): return .real(number)
        case .string(let text):
            var comparands: [Comparand] = [.text(FoldedText(text))]
            if let time = DateTimeLiteral.parse(text), let comparand = LiteralFitting.comparand(time) { comparands.append(comparand) }
            if let number = LiteralFitting.number(text) { comparands.append(number) }
            if !operation.isOrder, let path = reference(text) { comparands.append(path) }
            return comparands.count == 1 ? comparands[0] : .anyOf(comparands)
        case .null: return .anyOf([])
        }
    }
}

extension WQLLiteral {
    /// The constant, cut to what an error message can hold.
    var brief: String { description.utf8.count <= 80 ? description : description.prefix(77) + "…" }
}
