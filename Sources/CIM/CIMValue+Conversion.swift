extension CIMValue {
    /// The same value in another type; nil for a misfit.
    ///
    /// NULL fits every type. An integer fits any integer type whose range holds it, char16, and the reals (rounded). A real fits the other
    /// real, unless it overflows. Text fits datetime, reference and char16 where it can be read as such, and boolean where it is `TRUE` or
    /// `FALSE`, in any case. Arrays convert element by element. Nothing else converts. The class that a reference or object type names is
    /// not checked, since that needs the schema.
    public func converted(to type: CIMTypeReference) -> CIMValue? { fitted(to: type) { $0.converted(toScalar: $1) } }

    /// The value with each scalar in it fitted to the type: itself, or the elements of an array one by one. NULL stays NULL; nil where one does
    /// not fit, where an element is NULL, and for an array where none is wanted, or the other way round.
    @inline(__always)
    func fitted(to type: CIMTypeReference, _ scalar: (CIMValue, CIMType) -> CIMValue?) -> CIMValue? {
        guard case .array(let base, let elements) = self else {
            if isNull { return .null }
            return type.isArray ? nil : scalar(self, type.base)
        }
        guard type.isArray else { return nil }
        if base == type.base { return self }
        var fitted: [CIMValue] = []
        fitted.reserveCapacity(elements.count)
        for element in elements {
            guard !element.isNull, let value = scalar(element, type.base) else { return nil }
            fitted.append(value)
        }
        return .array(of: type.base, fitted)
    }

    /// The same scalar in another type; nil for a misfit, for NULL and for arrays.
    public func converted(toScalar base: CIMType) -> CIMValue? {
        if scalarType == base { return self }
        switch base {
        case .uint8: return integer().map(CIMValue.uint8)
        case .sint8: return integer().map(CIMValue.sint8)
        case .uint16: return integer().map(CIMValue.uint16)
        case .sint16: return integer().map(CIMValue.sint16)
        case .uint32: return integer().map(CIMValue.uint32)
        case .sint32: return integer().map(CIMValue.sint32)
        case .uint64: return integer().map(CIMValue.uint64)
        case .sint64: return integer().map(CIMValue.sint64)
        case .char16:
            if case .string(let text) = self {
                let units = text.utf16
                return units.count == 1 ? units.first.map(CIMValue.char16) : nil
            }
            return integer().map(CIMValue.char16)
        case .real64:
            return doubleValue.map(CIMValue.real64)
        case .real32:
            guard let double = doubleValue else { return nil }
            let narrow = Float(double)
            return narrow.isInfinite && double.isFinite ? nil : .real32(narrow)
        case .datetime:
            return stringValue.flatMap { CIMDateTime($0) }.map(CIMValue.datetime)
        case .reference:
            guard let text = stringValue, let path = try? CIMObjectPath(parsing: text) else { return nil }
            return .reference(path)
        case .boolean:
            guard let text = stringValue else { return nil }
            return CIMName.equal(text, "TRUE") ? .boolean(true) : CIMName.equal(text, "FALSE") ? .boolean(false) : nil
        case .string, .object:
            return nil
        }
    }

    /// The number in another width. A char16 is a character, not a number.
    private func integer<Number: FixedWidthInteger>() -> Number? {
        if case .char16 = self { return nil }
        if let signed = int64Value { return Number(exactly: signed) }
        return uint64Value.flatMap { Number(exactly: $0) }
    }
}
