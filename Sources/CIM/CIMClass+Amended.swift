extension CIMClass {
    /// Whether this is an amendment: it holds the localized qualifiers of the class with the same name in the namespace above, and is no
    /// class of its own. It may leave out keys, and may refer to classes that its namespace does not have. It has no instances.
    public var isAmendment: Bool { qualifiers.isTrue("amendment") }

    /// Takes away the localized qualifiers of the class and of its features: a put with USE_AMENDED_QUALIFIERS does not store them (R48).
    ///
    /// - Parameter stored: the class that is stored now. Where the stored class has a qualifier of the same name, that one takes the place
    ///   of the localized one. So a class that was read with the flag and is put with the flag changes nothing.
    public mutating func removeAmendedQualifiers(keeping stored: CIMClass? = nil) {
        qualifiers.removeAmended(keeping: stored?.qualifiers)
        let storedProperties = stored.map { CIMClass.byName($0.properties, \.name) } ?? [:]
        for index in properties.indices {
            properties[index].qualifiers.removeAmended(keeping: storedProperties[CIMName(properties[index].name)]?.qualifiers)
        }
        let storedMethods = stored.map { CIMClass.byName($0.methods, \.name) } ?? [:]
        for index in methods.indices {
            let theirs = storedMethods[CIMName(methods[index].name)]
            methods[index].qualifiers.removeAmended(keeping: theirs?.qualifiers)
            for position in methods[index].parameters.indices {
                let parameter = theirs?.parameter(named: methods[index].parameters[position].name)
                methods[index].parameters[position].qualifiers.removeAmended(keeping: parameter?.qualifiers)
            }
        }
    }

    /// This class, which is resolved, with localized qualifiers in the place of its own.
    ///
    /// - Parameters:
    ///   - amendment: the amendment of this very class. Only its qualifiers with the flavor Amended count, also those on features that this
    ///     class inherits.
    ///   - parent: the superclass, localized itself; nil where neither it nor a class above it has an amendment.
    ///
    /// A class inherits localized qualifiers from its localized superclass: those with the flavor ToSubclass, of the class, a property, a
    /// method or a parameter. It does not inherit a qualifier of which it has one with the same name itself.
    public func localized(by amendment: CIMClass?, below parent: CIMClass?) -> CIMClass {
        var result = self
        if let parent { result.inheritAmended(from: parent) }
        if let amendment { result.amend(by: amendment) }
        return result
    }

    private mutating func inheritAmended(from parent: CIMClass) {
        qualifiers.inheritAmended(from: parent.qualifiers)
        let theirProperties = CIMClass.byName(parent.properties, \.name)
        for index in properties.indices {
            guard let theirs = theirProperties[CIMName(properties[index].name)] else { continue }
            properties[index].qualifiers.inheritAmended(from: theirs.qualifiers)
        }
        let theirMethods = CIMClass.byName(parent.methods, \.name)
        for index in methods.indices {
            guard let theirs = theirMethods[CIMName(methods[index].name)] else { continue }
            methods[index].qualifiers.inheritAmended(from: theirs.qualifiers)
            for position in methods[index].parameters.indices {
                guard let parameter = theirs.parameter(named: methods[index].parameters[position].name) else { continue }
                methods[index].parameters[position].qualifiers.inheritAmended(from: parameter.qualifiers)
            }
        }
    }

    private mutating func amend(by amendment: CIMClass) {
        qualifiers.amend(by: amendment.qualifiers)
        // What the amendment has from one above it was said of that one's class.
        let said = CIMClass.byName(amendment.properties.filter { amendment.declares($0.origin) }, \.name)
        if !said.isEmpty {
            for index in properties.indices {
                if let theirs = said[CIMName(properties[index].name)] { properties[index].qualifiers.amend(by: theirs.qualifiers) }
            }
        }
        let saidOfMethods = CIMClass.byName(amendment.methods.filter { amendment.declares($0.origin) }, \.name)
        if saidOfMethods.isEmpty { return }
        for index in methods.indices {
            guard let theirs = saidOfMethods[CIMName(methods[index].name)] else { continue }
            methods[index].qualifiers.amend(by: theirs.qualifiers)
            for position in methods[index].parameters.indices {
                guard let parameter = theirs.parameter(named: methods[index].parameters[position].name) else { continue }
                methods[index].parameters[position].qualifiers.amend(by: parameter.qualifiers)
            }
        }
    }

    private func declares(_ origin: String) -> Bool { origin.isEmpty || CIMName.equal(origin, name) }

    private static func byName<Feature>(_ features: [Feature], _ name: (Feature) -> String) -> [CIMName: Feature] {
        Dictionary(features.map { (CIMName(name($0)), $0) }, uniquingKeysWith: { first, _ in first })
    }
}

// MARK: - Splitting

extension CIMClass {
    /// Takes this declaration apart (`#pragma amendment`): into the class for every language, and into its amendment for one locale. The
    /// amendment has the qualifiers with the flavor Amended, and the features that have such qualifiers. It is nil where there are none.
    public func split(for locale: CIMLocale) -> (neutral: CIMClass, amendment: CIMClass?) {
        var neutral = self
        neutral.removeAmendedQualifiers()
        var amendment = CIMClass(name: name, qualifiers: qualifiers.filter(\.isAmended))
        for property in properties {
            var said = property
            said.qualifiers = property.qualifiers.filter(\.isAmended)
            said.defaultValue = .null
            if !said.qualifiers.isEmpty { amendment.properties.append(said) }
        }
        for method in methods {
            var said = method
            said.qualifiers = method.qualifiers.filter(\.isAmended)
            for index in said.parameters.indices { said.parameters[index].qualifiers.removeAll { !$0.isAmended } }
            if !said.qualifiers.isEmpty || said.parameters.contains(where: { !$0.qualifiers.isEmpty }) { amendment.methods.append(said) }
        }
        guard amendment != CIMClass(name: name) else { return (neutral, nil) }
        amendment.qualifiers += [
            CIMQualifier(name: "AMENDMENT"), CIMQualifier(name: "LOCALE", value: .sint32(Int32(locale.number))),
        ]
        return (neutral, amendment)
    }
}

// MARK: - Qualifiers

extension CIMQualifier {
    /// Whether the qualifier is localized: the class has it in some languages only.
    public var isAmended: Bool { flavor.contains(.amended) }

    /// As a subclass has it.
    fileprivate var propagated: CIMQualifier {
        var copy = self
        copy.flavor.insert(.originPropagated)
        return copy
    }
}

extension [CIMQualifier] {
    /// Takes away the localized qualifiers. Where `stored` has a qualifier of the same name, that one takes its place.
    public mutating func removeAmended(keeping stored: [CIMQualifier]? = nil) {
        guard contains(where: \.isAmended) else { return }
        self = compactMap { $0.isAmended ? stored?.named($0.name) : $0 }
    }

    /// Takes over what is said here of this very element.
    fileprivate mutating func amend(by amendment: [CIMQualifier]) {
        for qualifier in amendment where qualifier.isAmended && !qualifier.flavor.contains(.originPropagated) {
            if let index = firstIndex(where: { CIMName.equal($0.name, qualifier.name) }) {
                self[index] = qualifier
            } else {
                append(qualifier)
            }
        }
    }

    /// Takes over what a localized superclass hands down, where the element has none of its own.
    fileprivate mutating func inheritAmended(from parent: [CIMQualifier]) {
        for qualifier in parent where qualifier.isAmended && qualifier.flavor.contains(.toSubclass) {
            if let index = firstIndex(where: { CIMName.equal($0.name, qualifier.name) }) {
                if self[index].flavor.contains(.originPropagated) { self[index] = qualifier.propagated }
            } else {
                append(qualifier.propagated)
            }
        }
    }
}
