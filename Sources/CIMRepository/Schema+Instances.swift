import CIM

/// An instance that passed every check and can be stored.
struct StaticInstance: Sendable {
    /// All properties of its class, in the class's order and types.
    var instance: CIMInstance

    /// What no two instances of a hierarchy share: see ``Schema/scope(of:in:)``.
    var key: String
}

extension Schema {
    /// Checks an instance against its class and gives it the class's types (Semantics C.1).
    ///
    /// - Throws: InvalidNamespace; InvalidClass; InvalidOperation for an abstract or dynamic class; InvalidProperty; InvalidObject for a
    ///   property given twice; TypeMismatch; NoKey when a key is absent or NULL, or the class has none; InvalidObjectPath; QuotaViolation
    ///   for objects nested too deep.
    /// - Parameters:
    ///   - only: the properties that are written, beside the keys; nil: all. One that the class lacks is InvalidProperty.
    ///   - stored: the instance that is there already, whose other properties and qualifiers stay.
    ///
    /// A property that is absent, or is not to be written and was not stored, has the class's default; NULL stays NULL. System properties
    /// are not stored.
    func checked(
        _ instance: CIMInstance, in namespace: CIMNamespaceName, only: [String]? = nil, over stored: CIMInstance? = nil
    ) throws(CIMError) -> StaticInstance {
        let declaration = try self.namespace(namespace).stored(instance.className, in: namespace).resolved
        guard !declaration.isAbstract else {
            throw CIMError(.invalidOperation, "class \(declaration.name) is abstract: it has no instances")
        }
        guard !declaration.isDynamic else {
            throw CIMError(.invalidOperation, "the instances of \(declaration.name) come from its provider: they are not stored")
        }
        var fitted = try fit(instance, to: declaration, in: namespace, depth: 0)
        fitted.qualifiers = instance.qualifiers
        fitted.propertyQualifiers = try fitQualifiers(of: instance, to: declaration)
        if let only { try restrict(&fitted, to: only, of: declaration, over: stored, in: namespace) }
        let path = try fitted.path(in: declaration)
        fitted.path = nil
        return StaticInstance(instance: fitted, key: try key(of: path, in: namespace))
    }

    /// Takes back what a partial put does not write (Semantics C.1.3).
    private func restrict(
        _ instance: inout CIMInstance, to only: [String], of declaration: CIMClass, over stored: CIMInstance?,
        in namespace: CIMNamespaceName
    ) throws(CIMError) {
        let names = Set(only.map { CIMName($0) })
        if let unknown = only.first(where: { declaration.property(named: $0) == nil }) {
            throw CIMError(.invalidProperty, "class \(declaration.name) has no property \(unknown)")
        }
        for property in declaration.properties where !names.contains(CIMName(property.name)) {
            if let value = stored?[property.name] {
                instance[property.name] = value
            } else if !property.isKey {
                let what = "\(declaration.name).\(property.name)"
                instance[property.name] = try fit(property.defaultValue, to: property.type, of: what, in: namespace, depth: 0)
            }
        }
        instance.qualifiers = stored?.qualifiers ?? []
        instance.propertyQualifiers = declaration.properties.compactMap { property in
            let source = names.contains(CIMName(property.name)) ? instance : stored
            let qualifiers = source?.qualifiers(ofProperty: property.name) ?? []
            return qualifiers.isEmpty ? nil : .init(name: property.name, qualifiers: qualifiers)
        }
    }

    /// The qualifiers of an instance, in the class's order and spelling.
    ///
    /// - Throws: what `[CIMQualifier].checkNames(of:)` throws; InvalidProperty, InvalidObject for a property given twice.
    private func fitQualifiers(of instance: CIMInstance, to declaration: CIMClass) throws(CIMError) -> [CIMInstance.PropertyQualifiers] {
        try instance.qualifiers.checkNames(of: "the instance of \(declaration.name)")
        var given: [CIMName: [CIMQualifier]] = [:]
        for property in instance.propertyQualifiers {
            guard declaration.property(named: property.name) != nil else {
                throw CIMError(.invalidProperty, "class \(declaration.name) has no property \(property.name)")
            }
            try property.qualifiers.checkNames(of: "\(declaration.name).\(property.name)")
            guard given.updateValue(property.qualifiers, forKey: CIMName(property.name)) == nil else {
                throw CIMError(.invalidObject, "the qualifiers of \(declaration.name).\(property.name) are given twice")
            }
        }
        if given.isEmpty { return [] }
        return declaration.properties.compactMap { property in
            given[CIMName(property.name)].flatMap { $0.isEmpty ? nil : .init(name: property.name, qualifiers: $0) }
        }
    }

    /// The instance with a new GUID for each key of type string that is NULL or absent, as the service gives a stored instance one when
    /// the client leaves it open (Semantics C.1.2); unchanged when its class is unknown, or a singleton.
    ///
    /// Nothing else does this: without it, an instance without its key is NoKey.
    public func withGeneratedKeys(_ instance: CIMInstance, in namespace: CIMNamespaceName) -> CIMInstance {
        self.class(instance.className, in: namespace).map { instance.withGeneratedKeys($0, isAbsentDefault: false) } ?? instance
    }

    /// A random GUID, version 4, as WMI writes it: "{01234567-89AB-4DEF-8123-456789ABCDEF}".
    fileprivate static func newGUID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = [high, low].map { number in
            let text = String(number, radix: 16, uppercase: true)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }.joined()
        var text = "{"
        for (position, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(position) { text += "-" }
            text.append(digit)
        }
        return text + "}"
    }

    /// What a key is unique in: the topmost class above, or the class itself, that has the keys; for a singleton the topmost that is one and
    /// not abstract. Two instances below it with the same keys are the same instance (Semantics C.1.1); nil when the class has no keys.
    func scope(of declaration: CIMClass, in namespace: CIMNamespaceName) -> String? {
        let line = [declaration] + declaration.derivation.compactMap { self.class($0, in: namespace) }
        if declaration.isSingleton { return line.last { $0.isSingleton && !$0.isAbstract }?.name }
        return line.last { !$0.keyProperties.isEmpty }?.name
    }

    /// The text under which the instance with this path is stored: that of the path in its scope, in lower case, since paths compare
    /// without regard to case (Semantics H.1).
    ///
    /// - Throws: InvalidNamespace; InvalidClass; InvalidObjectPath when the path does not fit its class.
    func key(of path: CIMObjectPath, in namespace: CIMNamespaceName) throws(CIMError) -> String {
        let declaration = try self.namespace(namespace).stored(path.className, in: namespace).resolved
        guard !path.isClassPath else {
            throw CIMError(.invalidObjectPath, "'\(path.relativePath)' names a class: an instance's path has its keys")
        }
        var canonical: CIMObjectPath
        do throws(ObjectPathError) {
            canonical = try path.canonicalized(for: declaration, in: location(namespace), classes: { self.class($0, in: $1) })
        } catch {
            throw CIMError(.invalidObjectPath, error.message, cause: error)
        }
        guard let scope = scope(of: declaration, in: namespace) else {
            throw CIMError(.invalidObjectPath, "class \(declaration.name) has no key of its own: '\(path.relativePath)' names nothing")
        }
        canonical.className = scope
        return CIMName.folded(canonical.relativePath)
    }

    private func location(_ namespace: CIMNamespaceName) -> CIMLocation { CIMLocation(namespace: namespace, server: server) }

    // MARK: - Values

    private func fit(
        _ instance: CIMInstance, to declaration: CIMClass, in namespace: CIMNamespaceName, depth: Int
    ) throws(CIMError) -> CIMInstance {
        guard depth < CIMInstance.maximumNesting else {
            throw CIMError(.quotaViolation, "objects in objects more than \(CIMInstance.maximumNesting) deep")
        }
        if let twice = instance.duplicateName { throw CIMError(.invalidObject, "\(declaration.name).\(twice) is given twice") }
        var given: [CIMName: CIMValue] = [:]
        for property in instance.properties where !CIMName.isSystemName(property.name) { given[CIMName(property.name)] = property.value }
        var result = CIMInstance(className: declaration.name, reservingCapacity: declaration.properties.count)
        for property in declaration.properties {
            let value = given.removeValue(forKey: CIMName(property.name)) ?? property.defaultValue
            let what = "\(declaration.name).\(property.name)"
            result.append(name: property.name, value: try fit(value, to: property.type, of: what, in: namespace, depth: depth))
        }
        if let unknown = instance.properties.first(where: { given[CIMName($0.name)] != nil }) {
            throw CIMError(.invalidProperty, "class \(declaration.name) has no property \(unknown.name)")
        }
        result.path = depth == 0 ? nil : instance.path
        return result
    }

    private func fit(
        _ value: CIMValue, to type: CIMTypeReference, of what: String, in namespace: CIMNamespaceName, depth: Int
    ) throws(CIMError) -> CIMValue {
        guard let converted = value.converted(to: type) else {
            throw CIMError(.typeMismatch, "\(what) is \(type), got \(value.briefDescription)")
        }
        if let size = type.arraySize, let elements = converted.arrayValue, elements.count > size {
            throw CIMError(.typeMismatch, "\(what) is \(type), got \(elements.count) elements")
        }
        switch converted {
        case .object(let embedded):
            return .object(try fit(embedded: embedded, to: type, of: what, in: namespace, depth: depth))
        case .array(.object, let elements):
            var fitted: [CIMValue] = []
            for element in elements {
                guard case .object(let embedded) = element else {
                    throw CIMError(.typeMismatch, "\(what) has an element that is no object")
                }
                fitted.append(.object(try fit(embedded: embedded, to: type, of: what, in: namespace, depth: depth)))
            }
            return .array(of: .object, fitted)
        case .reference(let path):
            return .reference(try fit(reference: path, to: type, of: what, in: namespace))
        case .array(of: .reference, let elements):
            var fitted: [CIMValue] = []
            for case .reference(let path) in elements {
                fitted.append(.reference(try fit(reference: path, to: type, of: what, in: namespace)))
            }
            return .array(of: .reference, fitted)
        default:
            return converted
        }
    }

    /// In canonical form: two spellings are stored as one, and the machine may get another name.
    private func fit(
        reference path: CIMObjectPath, to type: CIMTypeReference, of what: String, in namespace: CIMNamespaceName
    ) throws(CIMError) -> CIMObjectPath {
        let location = location(namespace)
        let classes: CIMObjectPath.ClassFinder = { self.class($0, in: $1) }
        if let className = type.className, !path.fitsReference(to: className, in: location, classes: classes) {
            throw CIMError(
                .typeMismatch, "\(what) takes the path of an instance of \(className), not \(CIMValue.reference(path).briefDescription)")
        }
        return path.canonicalReference(in: location, classes: classes)
    }

    private func fit(
        embedded: CIMInstance, to type: CIMTypeReference, of what: String, in namespace: CIMNamespaceName, depth: Int
    ) throws(CIMError) -> CIMInstance {
        guard let declaration = self.class(embedded.className, in: namespace) else {
            throw CIMError(.invalidClass, "\(what) holds an object of class \(embedded.className), which is not there")
        }
        if let wanted = type.className, !CIMName.equal(wanted, "object"), !declaration.isSameOrDerived(from: wanted) {
            throw CIMError(.typeMismatch, "\(what) holds a \(declaration.name), which is no \(wanted)")
        }
        return try fit(embedded, to: declaration, in: namespace, depth: depth + 1)
    }
}

extension CIMInstance {
    /// With a new GUID for each key of type string that is NULL or absent.
    ///
    /// - Parameter isAbsentDefault: whether a key that is absent has the class's default, which then counts, as in MOF.
    func withGeneratedKeys(_ declaration: CIMClass, isAbsentDefault: Bool) -> CIMInstance {
        guard !CIMName.equal(declaration.name, "__NAMESPACE") else { return self }
        var result = self
        for property in declaration.keyProperties where property.type.base == .string {
            let value = self[property.name] ?? (isAbsentDefault ? property.defaultValue : .null)
            if value.isNull { result[property.name] = .string(Schema.newGUID()) }
        }
        return result
    }
}
