extension CIMClass {
    /// The most properties a class may have (WBEM_MAX_USER_PROPERTIES).
    public static let maximumProperties = 1024

    /// The most ancestors a class may have: each keeps the names of all of them. The CIM schema has at most 10.
    public static let maximumDepth = 256

    /// The class with everything that it inherits from `superclass`. The superclass must be resolved itself; it is nil for a class without
    /// a superclass.
    ///
    /// - Throws: InvalidSuperclass when the parent is absent, another one, or terminal; CircularReference; CannotBeAbstract (together
    ///   with terminal); InvalidClass (below a dynamic class without `dynamic`, a feature declared twice, a feature without a valid name);
    ///   CannotBeSingleton; CannotBeKey; CannotChangeKeyInheritance; UpdateTypeMismatch; PropagatedMethod; UpdateOverrideNotAllowed;
    ///   TypeMismatch (a default that does not fit); TooManyProperties; QuotaViolation (too many ancestors); the four NameTooWide codes.
    ///
    /// Qualifiers with the flavor ToSubclass are inherited, and marked `originPropagated`. So are the qualifiers that make a feature what
    /// it is (`key`, `SubType`, `association`, …), whatever their flavor. The same holds for the qualifiers of parameters. A method that is
    /// not declared again is inherited with its implementation (Semantics C.5). A string that overrides an embedded object is an embedded
    /// object, too, by the qualifier that it inherits. Declared features get this class as their origin. Resolving a resolved class changes
    /// nothing.
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

    private static let lastingClassQualifiers: Set<CIMName> = ["association", "indication", "singleton"]

    private static let embeddingQualifiers: Set<CIMName> = ["EmbeddedInstance", "EmbeddedObject"]

    private static let lastingPropertyQualifiers: Set<CIMName> = embeddingQualifiers.union(["key", "SubType"])

    /// Of a method that is not declared again. A method that is declared again has the qualifiers of its own declaration.
    private static let lastingMethodQualifiers: Set<CIMName> = embeddingQualifiers.union([
        "implemented", "static", "disabled", "Bypass_GetObject", "constructor", "destructor",
    ])

    private static let lastingParameterQualifiers: Set<CIMName> = embeddingQualifiers.union(["in", "out", "optional", "ID", "stream"])

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
        let above = parent?.properties ?? []
        var result = above
        for index in result.indices {
            let qualifiers = result[index].qualifiers
            result[index].qualifiers = try inherit(
                qualifiers, into: [], always: CIMClass.lastingPropertyQualifiers, in: result[index].name)
        }
        result.reserveCapacity(above.count + properties.count)
        var positions = FeaturePositions(above, lookups: properties.count)
        for property in properties where isLocal(property.origin) {
            func place() -> String { "\(name).\(property.name)" }
            var declared = property
            declared.origin = name
            let position = positions.position(of: property.name, in: result)
            if let position {
                declared.type = CIMClass.type(declared.type, with: declared.qualifiers, overriding: result[position].type)
            }
            guard let fitted = property.defaultValue.converted(to: declared.type) else {
                throw CIMError(
                    .typeMismatch, "the default of \(place()) is \(property.defaultValue.briefDescription), which is no \(declared.type)")
            }
            declared.defaultValue = fitted
            guard let position else {
                positions.added(property.name, at: result.count)
                result.append(declared)
                continue
            }
            let inherited = result[position]
            guard inherited.type.base == declared.type.base, inherited.type.isArray == declared.type.isArray else {
                throw CIMError(.updateTypeMismatch, "\(place()) is \(declared.type), but \(inherited.origin) declares it \(inherited.type)")
            }
            if inherited.isKey, declared.qualifiers.named("key").map({ $0.value != .boolean(true) }) ?? false {
                throw CIMError(.cannotChangeKeyInheritance, "\(place()) is a key of \(inherited.origin) and must stay one")
            }
            let parentQualifiers = position < above.count ? above[position].qualifiers : []
            declared.qualifiers = try inherit(
                parentQualifiers, into: local(declared.qualifiers), always: CIMClass.lastingPropertyQualifiers, in: place())
            result[position] = declared
        }
        return result
    }

    private func resolvedMethods(parent: CIMClass?) throws(CIMError) -> [CIMMethod] {
        var result: [CIMMethod] = []
        var positions = FeaturePositions(parent?.methods ?? [], lookups: methods.count)
        for method in parent?.methods ?? [] {
            var inherited = method
            func place() -> String { "\(name).\(method.name)" }
            inherited.qualifiers = try inherit(method.qualifiers, into: [], always: CIMClass.lastingMethodQualifiers, in: place())
            for index in inherited.parameters.indices {
                inherited.parameters[index].qualifiers = try inherit(
                    method.parameters[index].qualifiers, into: [], always: CIMClass.lastingParameterQualifiers, in: place())
            }
            result.append(inherited)
        }
        for method in methods where isLocal(method.origin) {
            var declared = method
            declared.origin = name
            guard let position = positions.position(of: method.name, in: result), let theirs = parent?.methods[position] else {
                positions.added(method.name, at: result.count)
                result.append(declared)
                continue
            }
            result[position] = try overriding(theirs, with: declared)
        }
        return result
    }

    /// A method that is declared again.
    private func overriding(_ theirs: CIMMethod, with method: CIMMethod) throws(CIMError) -> CIMMethod {
        let place = "\(name).\(method.name)"
        var declared = method
        if let type = method.returnType, let overridden = theirs.returnType {
            declared.returnType = CIMClass.type(type, with: method.qualifiers, overriding: overridden)
        }
        for (index, parameter) in method.parameters.enumerated() where index < theirs.parameters.count {
            let overridden = theirs.parameters[index]
            guard CIMName.equal(parameter.name, overridden.name) else { break }
            declared.parameters[index].type = CIMClass.type(parameter.type, with: parameter.qualifiers, overriding: overridden.type)
            declared.parameters[index].qualifiers = try inherit(
                overridden.qualifiers, into: local(parameter.qualifiers), always: [], in: "\(place)(\(parameter.name))")
        }
        guard theirs.hasSameSignature(as: declared) else {
            throw CIMError(.propagatedMethod, "\(place) does not have the signature it has in \(theirs.origin)")
        }
        declared.qualifiers = try inherit(theirs.qualifiers, into: local(method.qualifiers), always: [], in: place)
        return declared
    }

    /// The type of a feature that is declared again: a string is the embedded object that the feature is above, unless it says something else.
    private static func type(
        _ type: CIMTypeReference, with qualifiers: [CIMQualifier], overriding inherited: CIMTypeReference
    ) -> CIMTypeReference {
        guard type.base == .string, inherited.base == .object,
            !qualifiers.contains(where: { embeddingQualifiers.contains(CIMName($0.name)) })
        else { return type }
        return CIMTypeReference(.object, isArray: type.isArray, arraySize: type.arraySize, className: inherited.className)
    }

    /// What is declared here, with what the parent hands down behind it.
    private func inherit(
        _ parent: [CIMQualifier], into declared: [CIMQualifier], always: Set<CIMName>, in place: @autoclosure () -> String
    ) throws(CIMError) -> [CIMQualifier] {
        guard !parent.isEmpty else { return declared }
        func isHandedDown(_ qualifier: CIMQualifier) -> Bool {
            qualifier.flavor.contains(.toSubclass) || always.contains(CIMName(qualifier.name))
        }
        // The parent has inherited all of it itself: nothing of it changes, and it stays where it lies.
        if declared.isEmpty, parent.allSatisfy({ $0.flavor.contains(.originPropagated) && isHandedDown($0) }) { return parent }
        var result = declared
        let own = FeaturePositions(declared, lookups: parent.count)
        for qualifier in parent {
            guard isHandedDown(qualifier) else { continue }
            if let position = own.position(of: qualifier.name, in: declared) {
                guard !qualifier.flavor.contains(.disableOverride) || declared[position].value == qualifier.value else {
                    throw CIMError(.updateOverrideNotAllowed, "\(place()): qualifier \(qualifier.name) may not be overridden")
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
    /// Whether both methods take and return the same: the same types, names and directions, in the same order.
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
