extension CIMClass {
    /// Throws unless the class may be put as it is declared. A class that is stored already is not checked again.
    ///
    /// - Throws: what ``checkParameterIDs()`` throws; InvalidQualifier for an `Override` that names no feature of an ancestor (DSP0004,
    ///   5.6.3.34); TypeMismatch for a default with more elements than its array (DSP0004, 7.9.2); InvalidAssociation for an association below a
    ///   class that is no association (DSP0004, 5.6.3.3).
    /// - Parameter parent: the resolved superclass; nil at the top.
    ///
    /// The class must be resolved. An amendment always passes, since it may leave out what it says nothing of.
    public func checkDeclaration(below parent: CIMClass?) throws(CIMError) {
        if isAmendment { return }
        try checkParameterIDs()
        if let parent, isAssociation, !parent.isAssociation {
            throw CIMError(.invalidAssociation, "association \(name) cannot derive from \(parent.name), which is none")
        }
        for property in properties where CIMName.equal(property.origin, name) {
            try checkOverride(property.qualifiers, of: property.name, isThere: { parent?.property(named: $0) != nil })
            if let size = property.type.arraySize, let count = property.defaultValue.arrayValue?.count, count > size {
                throw CIMError(.typeMismatch, "the default of \(name).\(property.name) has \(count) elements, which is no \(property.type)")
            }
        }
        for method in methods where CIMName.equal(method.origin, name) {
            try checkOverride(method.qualifiers, of: method.name, isThere: { parent?.method(named: $0) != nil })
        }
    }

    private func checkOverride(_ qualifiers: [CIMQualifier], of feature: String, isThere: (String) -> Bool) throws(CIMError) {
        guard let value = qualifiers.named("Override"), !value.flavor.contains(.originPropagated), !value.value.isNull else { return }
        let text = value.value.stringValue ?? feature
        // Texts of CIM 2.2 say "Class.Feature".
        let overridden = text.utf8.lastIndex(of: UInt8(ascii: ".")).map { String(text[text.utf8.index(after: $0)...]) } ?? text
        guard !isThere(overridden) else { return }
        throw CIMError(
            .invalidQualifier,
            "\(name).\(feature): Override(\(value.value.briefDescription)) names nothing that an ancestor of \(name) has")
    }
}
