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
        if let size = type.arraySize, let elements = value.arrayValue, elements.count > size {
            report(failure(.mofOutOfRange, "expected at most \(size) elements, found \(elements.count)", at: place))
            return .null
        }
        let literal = type.base == .object ? MOFParser.objects(in: value) : value
        if let fitted = literal.converted(to: type) { return fitted }
        report(failure(.mofTypeMismatch, "expected a value of type \(type), found \(value.briefDescription)", at: place))
        return .null
    }

    /// The value with instances instead of the texts that hold one.
    private static func objects(in value: CIMValue) -> CIMValue {
        switch value {
        case .string(let text): return embeddedInstance(in: text).map { .object($0) } ?? value
        case .array(.string, let elements) where !elements.isEmpty:
            let objects = elements.map(objects(in:))
            return objects.allSatisfy { $0.objectValue != nil } ? .array(of: .object, objects) : value
        default: return value
        }
    }

    /// The instance that is written in a string, as DSP0004 writes the values of embedded instances. Nil when the text is not exactly one
    /// instance without aliases.
    public static func embeddedInstance(in text: String) -> CIMInstance? { try? instance(inText: text) }

    /// The same, or what is wrong with the text. Its last semicolon may be absent.
    static func instance(inText text: String) throws(MOFError) -> CIMInstance {
        let isOpen = text.utf8.last { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D } == UInt8(ascii: "}")
        let unit = try parse(isOpen ? text + ";" : text, file: "the text")
        guard unit.declarations.count == 1, let only = unit.instances.first, only.aliasReferences.isEmpty else {
            throw MOFError(
                file: "the text", line: 1, column: 1, status: .mofTypeMismatch, message: "expected one instance without aliases")
        }
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
                elements.append(alias: alias)
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
    private var aliases: [(index: Int, name: String)] = []
    private var isInteger = true
    private var isNumber = true
    private var hasCharacter = false
    private var hasObject = false
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
        if case .object = value { hasObject = true }
    }

    /// A path or an object, which the class says.
    mutating func append(alias: String) {
        aliases.append((values.count, alias))
        append(.reference(CIMObjectPath(className: "$" + alias)))
    }

    var base: CIMType {
        if isInteger { return isSint32 ? .sint32 : isSint64 ? .sint64 : .uint64 }
        if isNumber { return .real64 }
        if hasCharacter { return .char16 }
        if !aliases.isEmpty { return hasObject ? .object : isPaths ? .reference : .string }
        return values.first?.scalarType ?? .string
    }

    /// Whether all elements can be paths: with texts of embedded instances among them they are not.
    private var isPaths: Bool { values.allSatisfy { $0.converted(toScalar: .reference) != nil } }

    var misfit: CIMValue? {
        let base = base
        return placeholders(of: base).first { $0.converted(toScalar: base) == nil }
    }

    var array: CIMValue {
        let base = base
        return .array(of: base, placeholders(of: base).compactMap { $0.converted(toScalar: base) })
    }

    private func placeholders(of base: CIMType) -> [CIMValue] {
        var values = values
        for alias in aliases {
            switch base {
            case .object: values[alias.index] = .object(CIMInstance(className: "$" + alias.name))
            case .string: values[alias.index] = .string("$" + alias.name)
            default: break
            }
        }
        return values
    }
}
