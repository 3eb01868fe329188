import CIM

/// Gives a constant the type of the property it is compared with (Semantics I.2: a literal is compared with the property's own type).
///
/// ``CIMValue/read(as:)`` is the table of what may be written for a value of each type, here as in object paths and parameters. WQL adds to it:
/// a number property is compared with every number, also with one that it cannot hold; -1 is TRUE; a datetime may be written as in I.9; and
/// for `=` and `<>` a whole number, TRUE and FALSE are the text of that for a string, as in `Handle = 4`. Nothing else fits.
struct LiteralFitting {
    let comparison: WQLCondition.Comparison
    let operation: RelationalOperator
    let typed: TypedProperty
    let classes: ClassLookup
    let location: CIMLocation

    /// The constant, ready to be compared, and as it is written for the type.
    struct Fitted {
        var comparand: Comparand
        var literal: WQLLiteral

        init(_ comparand: Comparand, _ literal: WQLLiteral) {
            self.comparand = comparand
            self.literal = literal
        }
    }

    /// - Throws: TypeMismatch for a constant of another type; InvalidOperator for an order of booleans, references or objects; InvalidQuery
    ///   for a text that is no date and time.
    func fitted(_ literal: WQLLiteral) throws(QueryError) -> Fitted {
        guard let type = typed.type else { return Fitted(untyped(literal), literal) }
        switch type.base {
        case .boolean:
            try refuseOrder()
            let isTrue = literal == .integer(-1) ? true : literal.value.read(asScalar: .boolean)?.boolValue
            guard let isTrue else { throw mismatch(literal) }
            return Fitted(.boolean(isTrue), .boolean(isTrue))
        case .string:
            guard let text = text(literal) else { throw mismatch(literal) }
            return Fitted(.text(FoldedText(text)), .string(text))
        case .char16:
            guard case .char16(let unit) = literal.value.read(asScalar: .char16) else { throw mismatch(literal) }
            return Fitted(.character(unit), literal)
        case .datetime:
            return try time(literal)
        case .reference:
            try refuseOrder()
            guard let path = reference(literal.value) else { throw mismatch(literal) }
            return Fitted(.path(ReferenceComparand(path, in: location)), .string(path.path))
        case .object:
            throw QueryError(
                .invalidOperator, "\(comparison.property) is an object: expected ISA, IS NULL or a property of it",
                at: comparison.property.place)
        case .uint8, .sint8, .uint16, .sint16, .uint32, .sint32, .uint64, .sint64, .real32, .real64:
            switch LiteralFitting.number(literal) {
            case .integer(let number): return Fitted(.integer(number), .integer(number))
            case .real(let number):
                let isNarrow = type.base == .real32 && Float(number).isFinite
                return Fitted(.real(isNarrow ? Double(Float(number)) : number), .real(number))
            default: throw mismatch(literal)
            }
        }
    }

    /// The text of a constant that is compared with a string. In an order a number has no text, since as texts 9 comes after 10.
    private func text(_ literal: WQLLiteral) -> String? {
        switch literal {
        case .string(let text): text
        case .integer, .boolean: operation.isOrder ? nil : literal.description
        case .real: nil
        }
    }

    private func mismatch(_ literal: WQLLiteral) -> QueryError {
        let type = typed.type?.description ?? "another type"
        let isText = typed.type?.base == .string
        return QueryError(
            .typeMismatch,
            "expected a constant that fits \(comparison.property), which is \(type), found \(literal.brief)"
                + (isText ? ": put it in quotes, and it is compared as text" : ""),
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

    /// Every number, whatever the property's own range: 300 is no uint8, and more than each.
    private static func number(_ literal: WQLLiteral) -> WQLLiteral? {
        guard case .string = literal else {
            if case .boolean = literal { return nil }
            return literal
        }
        for type in [CIMType.sint64, .uint64, .real64] {
            switch literal.value.read(asScalar: type) {
            case .sint64(let number): return .integer(Int128(number))
            case .uint64(let number): return .integer(Int128(number))
            case .real64(let number): return .real(number)
            default: continue
            }
        }
        return nil
    }

    private func time(_ literal: WQLLiteral) throws(QueryError) -> Fitted {
        guard case .string(let text) = literal else { throw mismatch(literal) }
        guard let time = DateTimeLiteral.parse(text), let comparand = Comparand(time) else {
            throw QueryError(
                .invalidQuery,
                "expected yyyymmddHHMMSS.mmmmmm+UUU without asterisks, or yyyy-mm-dd HH:MM:SS:mmm, found \(literal.brief)",
                at: comparison.operandPlace)
        }
        // Many schemas do not declare their intervals: only those that do are held to it.
        if typed.isInterval, !time.isInterval { throw mismatch(literal) }
        return Fitted(comparand, .string(time.description))
    }

    /// The path in canonical form, as far as its class is known here.
    private func reference(_ value: CIMValue) -> CIMObjectPath? {
        value.read(asScalar: .reference)?.referenceValue?.canonicalReference(in: location) { name, namespace in
            namespace == location.namespace ? classes(name) : nil
        }
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
            if let time = DateTimeLiteral.parse(text), let comparand = Comparand(time) { comparands.append(comparand) }
            switch LiteralFitting.number(literal) {
            case .integer(let number): comparands.append(.integer(number))
            case .real(let number): comparands.append(.real(number))
            default: break
            }
            if !operation.isOrder {
                if let flag = literal.value.read(asScalar: .boolean)?.boolValue { comparands.append(.boolean(flag)) }
                if let path = reference(literal.value) { comparands.append(.path(ReferenceComparand(path, in: location))) }
            }
            return comparands.count == 1 ? comparands[0] : .anyOf(comparands)
        }
    }
}

extension WQLLiteral {
    /// The constant, cut to what an error message can hold.
    var brief: String { description.utf8.count <= 80 ? description : description.prefix(77) + "…" }
}

/// A date and time as WHERE accepts it (Semantics I.9).
enum DateTimeLiteral {
    /// Reads the 25 characters of CIM, without wildcards, or `yyyy-mm-dd HH:MM:SS:mmm`, which is taken as UTC; nil for anything else.
    static func parse(_ text: String) -> CIMDateTime? {
        if let time = CIMDateTime(text) { return time.hasWildcards ? nil : time }
        let bytes = Array(text.utf8)
        let separators: [Int: UInt8] = [4: 0x2D, 7: 0x2D, 10: 0x20, 13: 0x3A, 16: 0x3A, 19: 0x3A]
        guard bytes.count == 23 else { return nil }
        var digits: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if let separator = separators[index] {
                guard byte == separator else { return nil }
            } else {
                guard byte &- 0x30 < 10 else { return nil }
                if index == 20 { digits.append(0x2E) }
                digits.append(byte)
            }
        }
        return CIMDateTime(String(decoding: digits, as: UTF8.self) + "000+000")
    }
}
