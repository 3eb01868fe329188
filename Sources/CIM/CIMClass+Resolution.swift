extension CIMClass {
    /// The most properties a class may have (WBEM_MAX_USER_PROPERTIES).
    public static let maximumProperties = 1024

    /// The most ancestors a class may have: each keeps the names of all of them. The CIM schema has at most 10.
    public static let maximumDepth = 256

    /// The class with everything it inherits from `superclass`, which must be resolved itself; nil at the top.
    ///
    /// - Throws: InvalidSuperclass when the parent is absent, another one, or terminal; CircularReference; CannotBeAbstract (together
    ///   with terminal); InvalidClass (below a dynamic class without `dynamic`, a feature declared twice, a feature without a valid name);
    ///   CannotBeSingleton; CannotBeKey; CannotChangeKeyInheritance; UpdateTypeMismatch; PropagatedMethod; UpdateOverrideNotAllowed;
    ///   TypeMismatch (a default that does not fit); TooManyProperties; QuotaViolation (too many ancestors); the four NameTooWide codes.
    ///
    /// Qualifiers with the flavor ToSubclass are inherited, marked `originPropagated`; so are, whatever their flavor, those that make the
    /// feature what it is (`key`, `SubType`, `association`, …). A method that is not declared again is inherited whole, with its
    /// implementation (SEMANTICS C.5). Declared features get this class as their origin. Resolving a resolved class changes nothing.
    public func resolved(with superclass: CIMClass?) throws(CIMError) -> CIMClass {
        var result = self
        try checkNames()
        try checkParent(superclass)
        if let parent = superclass {
            guard parent.derivation.count < CIMClass.maximumDepth else {
                throw CIMError(
                    .quotaViolation,
                    "class \(name) would have \(parent.derivation.count + 1) ancestors, the limit is \(CIMClass.maximumDepth)")
            }
            result.superclass = parent.name
            result.derivation = [parent.name] + parent.derivation
            result.qualifiers = try inherit(
                parent.qualifiers, into: local(qualifiers), always: CIMClass.lastingClassQualifiers, in: "class \(name)")
        } else {
            result.derivation = []
        }
        result.properties = try resolvedProperties(parent: superclass)
        result.methods = try resolvedMethods(parent: superclass)
        guard result.properties.count <= CIMClass.maximumProperties else {
            throw CIMError(.tooManyProperties, "class \(name) has \(result.properties.count) properties, the limit is 1024")
        }
        try result.checkKeys(parent: superclass)
        if let parent = superclass, parent.isDynamic, !result.isDynamic, !isAmendment {
            throw CIMError(.invalidClass, "class \(name) must be dynamic, because \(parent.name) is")
        }
        return result
    }

    private static let lastingClassQualifiers: [String] = ["association", "indication", "singleton"]

    private static let lastingPropertyQualifiers: [String] = ["key", "SubType", "EmbeddedInstance", "EmbeddedObject"]

    /// The qualifiers that were not inherited.
    private func local(_ qualifiers: [CIMQualifier]) -> [CIMQualifier] { qualifiers.filter { !$0.flavor.contains(.originPropagated) } }

    private func isLocal(_ origin: String) -> Bool { origin.isEmpty || CIMName.equal(origin, name) }

    private func checkParent(_ parent: CIMClass?) throws(CIMError) {
        if isAbstract, isTerminal { throw CIMError(.cannotBeAbstract, "class \(name) is both abstract and terminal") }
        guard let parent else {
            if let superclass { throw CIMError(.invalidSuperclass, "class \(name) derives from \(superclass), which is not there") }
            return
        }
        guard let superclass, CIMName.equal(superclass, parent.name) else {
            throw CIMError(.invalidSuperclass, "class \(name) does not derive from \(parent.name)")
        }
        if parent.isSameOrDerived(from: name) {
            throw CIMError(.circularReference, "class \(name) would be its own ancestor through \(parent.name)")
        }
        if parent.isTerminal { throw CIMError(.invalidSuperclass, "class \(parent.name) is terminal: \(name) cannot derive from it") }
    }

    private func resolvedProperties(parent: CIMClass?) throws(CIMError) -> [CIMProperty] {
        var result: [CIMProperty] = []
        var positions: [CIMName: Int] = [:]
        var parentQualifiers: [CIMName: [CIMQualifier]] = [:]
        for property in parent?.properties ?? [] {
            var inherited = property
            inherited.qualifiers = try inherit(property.qualifiers, into: [], always: CIMClass.lastingPropertyQualifiers, in: property.name)
            positions[CIMName(property.name)] = result.count
            parentQualifiers[CIMName(property.name)] = property.qualifiers
            result.append(inherited)
        }
        for property in properties where isLocal(property.origin) {
            let place = "\(name).\(property.name)"
            var declared = property
            declared.origin = name
            guard let fitted = property.defaultValue.converted(to: property.type) else {
                throw CIMError(
                    .typeMismatch, "the default of \(place) is \(property.defaultValue.briefDescription), which is no \(property.type)")
            }
            declared.defaultValue = fitted
            guard let position = positions[CIMName(property.name)] else {
                positions[CIMName(property.name)] = result.count
                result.append(declared)
                continue
            }
            let inherited = result[position]
            guard inherited.type.base == declared.type.base, inherited.type.isArray == declared.type.isArray else {
                throw CIMError(.updateTypeMismatch, "\(place) is \(declared.type), but \(inherited.origin) declares it \(inherited.type)")
            }
            if inherited.isKey, declared.qualifiers.named("key").map({ $0.value != .boolean(true) }) ?? false {
                throw CIMError(.cannotChangeKeyInheritance, "\(place) is a key of \(inherited.origin) and must stay one")
            }
            let parentQualifiers = parentQualifiers[CIMName(property.name)] ?? []
            declared.qualifiers = try inherit(
                parentQualifiers, into: local(declared.qualifiers), always: CIMClass.lastingPropertyQualifiers, in: place)
            result[position] = declared
        }
        return result
    }

    private func resolvedMethods(parent: CIMClass?) throws(CIMError) -> [CIMMethod] {
        var result: [CIMMethod] = []
        var positions: [CIMName: Int] = [:]
        var parentQualifiers: [CIMName: [CIMQualifier]] = [:]
        for method in parent?.methods ?? [] {
            var inherited = method
            for index in inherited.qualifiers.indices { inherited.qualifiers[index].flavor.insert(.originPropagated) }
            positions[CIMName(method.name)] = result.count
            parentQualifiers[CIMName(method.name)] = method.qualifiers
            result.append(inherited)
        }
        for method in methods where isLocal(method.origin) {
            var declared = method
            declared.origin = name
            guard let position = positions[CIMName(method.name)] else {
                positions[CIMName(method.name)] = result.count
                result.append(declared)
                continue
            }
            let inherited = result[position]
            guard inherited.hasSameSignature(as: declared) else {
                throw CIMError(.propagatedMethod, "\(name).\(method.name) does not have the signature it has in \(inherited.origin)")
            }
            let parentQualifiers = parentQualifiers[CIMName(method.name)] ?? []
            declared.qualifiers = try inherit(parentQualifiers, into: local(declared.qualifiers), always: [], in: "\(name).\(method.name)")
            result[position] = declared
        }
        return result
    }

    /// What is declared here, with what the parent hands down behind it.
    private func inherit(
        _ parent: [CIMQualifier], into declared: [CIMQualifier], always: [String], in place: String
    ) throws(CIMError) -> [CIMQualifier] {
        var result = declared
        let own = Dictionary(declared.map { (CIMName($0.name), $0.value) }, uniquingKeysWith: { first, _ in first })
        for qualifier in parent {
            let lasts = always.contains { CIMName.equal($0, qualifier.name) }
            guard lasts || qualifier.flavor.contains(.toSubclass) else { continue }
            if let value = own[CIMName(qualifier.name)] {
                guard !qualifier.flavor.contains(.disableOverride) || value == qualifier.value else {
                    throw CIMError(.updateOverrideNotAllowed, "\(place): qualifier \(qualifier.name) may not be overridden")
                }
            } else {
                var inherited = qualifier
                inherited.flavor.insert(.originPropagated)
                result.append(inherited)
            }
        }
        return result
    }
}

extension CIMMethod {
    /// Whether both take and return the same: types, names, directions, in the same order.
    public func hasSameSignature(as other: CIMMethod) -> Bool {
        guard returnType?.base == other.returnType?.base, returnType?.isArray == other.returnType?.isArray,
            parameters.count == other.parameters.count
        else { return false }
        return zip(parameters, other.parameters).allSatisfy { mine, theirs in
            CIMName.equal(mine.name, theirs.name) && mine.type.base == theirs.type.base && mine.type.isArray == theirs.type.isArray
                && mine.isIn == theirs.isIn && mine.isOut == theirs.isOut
        }
    }
}
