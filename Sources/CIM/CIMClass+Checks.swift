extension CIMClass {
    /// Throws unless every name is an identifier and no feature is declared twice.
    func checkNames() throws(CIMError) {
        try CIMClass.check(name, tooWide: .classNameTooWide, what: "class name")
        try qualifiers.checkNames(of: name)
        var propertyNames = NamesBefore(properties)
        for (index, property) in properties.enumerated() {
            try CIMClass.check(property.name, tooWide: .propertyNameTooWide, what: "property name")
            guard propertyNames.isNew(index) else {
                throw CIMError(.invalidClass, "class \(name) declares property \(property.name) twice")
            }
            try property.qualifiers.checkNames(of: "\(name).\(property.name)")
        }
        var methodNames = NamesBefore(methods)
        for (index, method) in methods.enumerated() {
            try CIMClass.check(method.name, tooWide: .methodNameTooWide, what: "method name")
            guard methodNames.isNew(index) else {
                throw CIMError(.invalidClass, "class \(name) declares method \(method.name) twice")
            }
            try method.qualifiers.checkNames(of: "\(name).\(method.name)")
            var parameterNames = NamesBefore(method.parameters)
            for (index, parameter) in method.parameters.enumerated() {
                try CIMClass.check(parameter.name, tooWide: .propertyNameTooWide, what: "parameter name")
                guard parameterNames.isNew(index) else {
                    throw CIMError(.invalidDuplicateParameter, "\(name).\(method.name) declares parameter \(parameter.name) twice")
                }
                try parameter.qualifiers.checkNames(of: "\(name).\(method.name)(\(parameter.name))")
            }
        }
    }

    fileprivate static func check(_ name: String, tooWide: WBEMStatus, what: String) throws(CIMError) {
        guard name.utf8.count <= 255 else { throw CIMError(tooWide, "a \(what) has \(name.utf8.count) bytes, the limit is 255") }
        guard CIMName.isValidIdentifier(name) else { throw CIMError(.invalidClass, "'\(name)' is not a \(what)") }
    }

    /// Throws unless the keys of the resolved class are ones it may have (Semantics C.1.2, H.5).
    func checkKeys(parent: CIMClass?) throws(CIMError) {
        // Properties are looked at where they lie: nearly all of them are inherited, and no keys.
        var keys: [Int] = []
        for index in properties.indices {
            guard let key = properties[index].qualifiers.first(where: { CIMName.equal($0.name, "key") }) else { continue }
            let property = properties[index]
            guard key.value == .boolean(true) else {
                throw CIMError(.cannotBeKey, "\(name).\(property.name): the qualifier key must be TRUE")
            }
            guard !property.type.isArray, property.type.base.canBeKey else {
                throw CIMError(.cannotBeKey, "\(name).\(property.name) is \(property.type), which cannot be a key")
            }
            keys.append(index)
        }
        if isSingleton, let first = keys.first {
            throw CIMError(.cannotBeSingleton, "class \(name) is a singleton, so \(properties[first].name) cannot be a key")
        }
        // DSP0004, 5.6.3.28: below a class that has none, abstract or not, keys may come. An amendment names the keys that have something to say.
        guard let parent, !isAmendment, parent.properties.indices.contains(where: { parent.properties[$0].isKey }) else { return }
        if let new = keys.first(where: { !(parent.property(named: properties[$0].name)?.isKey ?? false) }) {
            throw CIMError(
                .cannotChangeKeyInheritance,
                "\(name).\(properties[new].name) cannot become a key: \(parent.name) has keys already")
        }
    }
}

extension [CIMQualifier] {
    /// Throws unless every name is an identifier and stands here once: QualifierNameTooWide, InvalidClass, InvalidQualifier.
    ///
    /// - Parameter place: the feature that has the qualifiers, for the error.
    public func checkNames(of place: @autoclosure () -> String) throws(CIMError) {
        var names = NamesBefore(self)
        for (index, qualifier) in self.enumerated() {
            try CIMClass.check(qualifier.name, tooWide: .qualifierNameTooWide, what: "qualifier name")
            guard names.isNew(index) else {
                throw CIMError(.invalidQualifier, "\(place()) has qualifier \(qualifier.name) twice")
            }
        }
    }
}
