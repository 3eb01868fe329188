import CIM

extension MOFParser {
    /// A literal that must fit `type`; a misfit is reported, and the value is NULL.
    mutating func literal(of type: CIMTypeReference) throws(MOFError) -> CIMValue {
        let place = token.place
        let isArray = token.isPunctuation("{")
        let value = isArray ? try arrayLiteral(depth: 0) : try scalarLiteral(depth: 0)
        if isArray, !type.isArray {
            report(failure(.mofUnexpectedArrayInit, "expected one \(type.cimType), found an array", at: place))
            return .null
        }
        if let fitted = value.converted(to: type) { return fitted }
        if type.base == .object, !type.isArray, let text = value.stringValue, let instance = MOFParser.embeddedInstance(in: text) {
            return .object(instance)
        }
        report(failure(.mofTypeMismatch, "expected a value of type \(type), found \(value.briefDescription)", at: place))
        return .null
    }

    /// The instance that is written in a string, as DSP0004 does for the values of embedded instances; nil when the text is anything but
    /// one instance without aliases.
    public static func embeddedInstance(in text: String) -> CIMInstance? {
        guard let unit = try? parse(text), unit.declarations.count == 1, let only = unit.instances.first, only.aliasReferences.isEmpty
        else { return nil }
        return only.instance
    }

    /// A literal that is no array, by itself: an integer is the narrowest of sint32, sint64 and uint64 that fits.
    mutating func scalarLiteral(depth: Int) throws(MOFError) -> CIMValue {
        switch token.kind {
        case .string:
            return .string(concatenatedString())
        case .integer(let value):
            advance()
            return CIMValue(integer: value)
        case .real(let value):
            advance()
            return .real64(value)
        case .character(let unit):
            advance()
            return .char16(unit)
        case .identifier:
            if skipKeyword("true") { return .boolean(true) }
            if skipKeyword("false") { return .boolean(false) }
            if skipKeyword("null") { return .null }
            if isKeyword("instance") { return .object(try embeddedInstance(depth: depth)) }
            throw unexpected(.mofIllegalConstantValue, expected: "a value")
        case .alias:
            report(failure(.mofUnexpectedAlias, "expected a value, found an alias: only a reference may be one"))
            advance()
            return .null
        case .directive, .punctuation, .broken, .end:
            throw unexpected(.mofIllegalConstantValue, expected: "a value")
        }
    }

    /// `{ a, b }`, all of one type; integers widen to the widest among them.
    mutating func arrayLiteral(depth: Int) throws(MOFError) -> CIMValue {
        var references: [MOFAliasReference] = []
        return try arrayLiteral(depth: depth, of: nil, references: &references)
    }

    /// - Parameter property: the property that has the array, whose elements may be aliases; nil where they may not.
    mutating func arrayLiteral(
        depth: Int, of property: String?, references: inout [MOFAliasReference]
    ) throws(MOFError) -> CIMValue {
        try open(.array)
        let place = token.place
        var elements = ArrayElements()
        if token.isPunctuation("}") {
            try close()
            return .array(of: .string, [])
        }
        repeat {
            if case .alias(let alias) = token.kind, let property {
                references.append(aliasReference(alias, property: property, index: elements.values.count))
                advance()
                elements.append(.reference(CIMObjectPath(className: "$" + alias)))
                continue
            }
            let elementPlace = token.place
            let known = errors.count
            let element = try scalarLiteral(depth: depth)
            if !element.isNull {
                elements.append(element)
            } else if errors.count == known {
                report(failure(.mofNullArrayElem, "expected a value, found NULL in an array", at: elementPlace))
            }
        } while skip(",")
        try close()
        if let misfit = elements.misfit {
            report(
                failure(
                    .mofTypeMismatch, "expected elements of type \(elements.base.mofName), found \(misfit.briefDescription)", at: place))
            return .null
        }
        return elements.array
    }
}

/// The elements of an array, and the one type they can all have.
private struct ArrayElements {
    private(set) var values: [CIMValue] = []
    private var isInteger = true
    private var isNumber = true
    private var hasCharacter = false
    private var hasReference = false
    private var isSint32 = true
    private var isSint64 = true

    mutating func append(_ value: CIMValue) {
        values.append(value)
        switch value {
        case .sint32: break
        case .sint64: isSint32 = false
        case .uint64:
            isSint32 = false
            isSint64 = false
        default:
            isInteger = false
            if value.doubleValue == nil { isNumber = false }
        }
        if case .char16 = value { hasCharacter = true }
        if case .reference = value { hasReference = true }
    }

    var base: CIMType {
        if isInteger { return isSint32 ? .sint32 : isSint64 ? .sint64 : .uint64 }
        if isNumber { return .real64 }
        if hasCharacter { return .char16 }
        if hasReference { return .reference }
        return values.first?.scalarType ?? .string
    }

    var misfit: CIMValue? { values.first { $0.converted(toScalar: base) == nil } }

    var array: CIMValue { .array(of: base, values.compactMap { $0.converted(toScalar: base) }) }
}
