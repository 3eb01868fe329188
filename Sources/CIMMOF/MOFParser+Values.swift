import CIM

extension MOFParser {
    /// A literal or an array of literals, by itself: integers are the narrowest of sint32, sint64 and uint64 that fits.
    mutating func literal(depth: Int) throws(MOFError) -> CIMValue {
        token.isPunctuation("{") ? try arrayLiteral(depth: depth) : try scalarLiteral(depth: depth)
    }

    /// A literal that must fit `type`.
    mutating func literal(of type: CIMTypeReference) throws(MOFError) -> CIMValue {
        let place = token.place
        if token.isPunctuation("{"), !type.isArray {
            throw failure(.mofUnexpectedArrayInit, "expected one \(type.cimType), found an array")
        }
        let value = try literal(depth: 0)
        guard let fitted = value.converted(to: type) else {
            throw failure(.mofTypeMismatch, "expected a value of type \(type), found \(value.briefDescription)", at: place)
        }
        return fitted
    }

    mutating func scalarLiteral(depth: Int) throws(MOFError) -> CIMValue {
        switch token.kind {
        case .string:
            return .string(try concatenatedString())
        case .integer(let value):
            try advance()
            return CIMValue(integer: value)
        case .real(let value):
            try advance()
            return .real64(value)
        case .character(let unit):
            try advance()
            return .char16(unit)
        case .identifier:
            if try skipKeyword("true") { return .boolean(true) }
            if try skipKeyword("false") { return .boolean(false) }
            if try skipKeyword("null") { return .null }
            if isKeyword("instance") { return .object(try embeddedInstance(depth: depth)) }
            throw unexpected(.mofIllegalConstantValue, expected: "a value")
        case .alias:
            throw failure(.mofUnexpectedAlias, "expected a value, found an alias: only a property of an instance may be one")
        case .directive, .punctuation, .end:
            throw unexpected(.mofIllegalConstantValue, expected: "a value")
        }
    }

    /// `{ a, b }`, all of one type; integers widen to the widest among them.
    mutating func arrayLiteral(depth: Int) throws(MOFError) -> CIMValue {
        try expect("{", .mofExpectedOpenBrace)
        if try skip("}") { return .array(of: .string, []) }
        let place = token.place
        var elements: [CIMValue] = []
        var minimum: Int128 = 0
        var maximum: Int128 = 0
        repeat {
            let elementPlace = token.place
            if case .integer(let value) = token.kind {
                minimum = min(minimum, value)
                maximum = max(maximum, value)
            }
            let element = try scalarLiteral(depth: depth)
            if element.isNull { throw failure(.mofNullArrayElem, "expected a value, found NULL in an array", at: elementPlace) }
            elements.append(element)
        } while try skip(",")
        try expect("}", .mofExpectedCloseBrace)
        let base: CIMType
        if elements.allSatisfy({ $0.scalarType?.isInteger ?? false }) {
            base = minimum >= Int128(Int32.min) && maximum <= Int128(Int32.max) ? .sint32 : maximum <= Int128(Int64.max) ? .sint64 : .uint64
        } else if elements.allSatisfy({ $0.doubleValue != nil }) {
            base = .real64
        } else {
            base = elements.first?.scalarType ?? .string
        }
        var fitted: [CIMValue] = []
        fitted.reserveCapacity(elements.count)
        for element in elements {
            guard let value = element.converted(toScalar: base) else {
                throw failure(.mofTypeMismatch, "expected elements of type \(base.mofName), found \(element.briefDescription)", at: place)
            }
            fitted.append(value)
        }
        return .array(of: base, fitted)
    }

    /// Strings side by side are one string.
    mutating func concatenatedString() throws(MOFError) -> String {
        var text = ""
        while case .string(let piece) = token.kind {
            text += piece
            try advance()
        }
        return text
    }
}
