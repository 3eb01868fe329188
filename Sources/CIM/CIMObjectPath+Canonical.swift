extension CIMObjectPath {
    /// The path as `declaration` would write it: class and key names spelled and ordered as declared, an omitted key name filled in, key
    /// values read in the declared types (``CIMValue/read(as:)``: `Index="7"` is 7, `On=1` is TRUE). References in keys stay as they are.
    ///
    /// - Throws: an error without an offset, when a key is missing, unknown or given twice; when a value does not fit its type; when the
    ///   path has `=@` and the class is no singleton, or the path has keys and the class is a singleton; and when the class has no key at
    ///   all.
    ///
    /// The path gets the class name of `declaration`, also where it named a superclass or a subclass. A class path stays a class path.
    public func canonicalized(for declaration: CIMClass) throws(ObjectPathError) -> CIMObjectPath {
        try canonicalized(for: declaration, keys: declaration.keyProperties)
    }

    /// The same for a class whose key properties were looked up before.
    package func canonicalized(for declaration: CIMClass, keys declared: [CIMProperty]) throws(ObjectPathError) -> CIMObjectPath {
        var canonical = self
        canonical.className = declaration.name
        switch keys {
        case .none:
            break
        case .singleton:
            guard declaration.isSingleton else {
                throw ObjectPathError("class \(declaration.name) is not a singleton, so '=@' names nothing")
            }
        case .keys(let given):
            guard !declaration.isSingleton else { throw ObjectPathError("class \(declaration.name) is a singleton: its path is '=@'") }
            canonical.keys = .keys(try CIMObjectPath.canonical(given, for: declaration, declared))
        }
        if let reason = canonical.reasonItCannotBeWritten { throw ObjectPathError(reason) }
        return canonical
    }

    /// Whether the keys are evidently spelled, ordered and typed as declared.
    private static func isCanonical(_ given: [Key], _ declared: [CIMProperty]) -> Bool {
        guard given.count == declared.count, !given.isEmpty else { return false }
        for index in given.indices {
            guard case .string = given[index].value, declared[index].type.base == .string, !declared[index].type.isArray,
                given[index].name == declared[index].name
            else { return false }
        }
        return true
    }

    private static func canonical(
        _ given: [Key], for declaration: CIMClass, _ declared: [CIMProperty]
    ) throws(ObjectPathError) -> [Key] {
        if isCanonical(given, declared) { return given }
        guard let first = declared.first else { throw ObjectPathError("class \(declaration.name) has no key") }
        var values: [KeyValue?] = Array(repeating: nil, count: declared.count)
        for key in given {
            let name = key.name ?? first.name
            if key.name == nil, declared.count > 1 {
                throw ObjectPathError("class \(declaration.name) has \(declared.count) keys: name them")
            }
            guard let index = declared.firstIndex(where: { CIMName.equal($0.name, name) }) else {
                throw ObjectPathError("\(name) is not a key of class \(declaration.name)")
            }
            guard values[index] == nil else { throw ObjectPathError("key \(name) is given twice") }
            let value = key.value
            guard let fitted = value.value.read(as: declared[index].type).flatMap({ KeyValue($0) }) else {
                let isUnquoted = declared[index].type.base == .string && !declared[index].type.isArray
                throw ObjectPathError(
                    "key \(name) of class \(declaration.name) must be \(declared[index].type), got \(value.value.briefDescription)"
                        + (isUnquoted ? ": put it in quotes" : ""))
            }
            values[index] = fitted
        }
        var keys: [Key] = []
        for (property, value) in zip(declared, values) {
            guard let value else { throw ObjectPathError("key \(property.name) of class \(declaration.name) is missing") }
            keys.append(Key(name: property.name, value: value))
        }
        return keys
    }
}

extension CIMObjectPath {
    /// Finds a class of a namespace, resolved, in any case of its name; nil when it is not there.
    public typealias ClassFinder = (_ className: String, _ namespace: CIMNamespaceName) -> CIMClass?

    /// The one form of the path of an object in `location`: as ``canonicalized(for:)``, without server and namespace, and with canonical
    /// references in its keys. Two spellings of one path give the same form.
    public func canonicalized(
        for declaration: CIMClass, in location: CIMLocation, classes: ClassFinder
    ) throws(ObjectPathError) -> CIMObjectPath {
        try canonicalized(for: declaration, keys: declaration.keyProperties, in: location, classes: classes)
    }

    /// The same for a class whose key properties were looked up before.
    package func canonicalized(
        for declaration: CIMClass, keys: [CIMProperty], in location: CIMLocation, classes: ClassFinder
    ) throws(ObjectPathError) -> CIMObjectPath {
        var canonical = try canonicalized(for: declaration, keys: keys)
        canonical.server = nil
        canonical.namespace = nil
        canonical.makeReferencesCanonical(in: location, classes, depth: 0)
        return canonical
    }

    /// The one form of a reference that an object in `location` holds, at any depth. It names no server where that is this machine, and no
    /// namespace where that is the object's own. Where its class is known and the reference fits the class, it has the spelling, order and
    /// types of the declaration. A reference to another machine stays as it is.
    ///
    /// A reference in the key of a reference is read in the namespace of the outer reference.
    public func canonicalReference(in location: CIMLocation, classes: ClassFinder) -> CIMObjectPath {
        canonicalReference(in: location, classes, depth: 0)
    }

    private func canonicalReference(in location: CIMLocation, _ classes: ClassFinder, depth: Int) -> CIMObjectPath {
        guard location.isHere(server) else { return self }
        let place = namespace.flatMap { CIMNamespaceName($0) } ?? location.namespace
        var plain = self
        plain.server = nil
        plain.namespace = place == location.namespace ? nil : place.text
        guard depth < CIMObjectPath.maximumNesting, let declaration = classes(className, place),
            var fitted = try? plain.canonicalized(for: declaration)
        else { return plain }
        fitted.makeReferencesCanonical(in: CIMLocation(namespace: place, server: location.server), classes, depth: depth + 1)
        return fitted
    }

    private mutating func makeReferencesCanonical(in location: CIMLocation, _ classes: ClassFinder, depth: Int) {
        guard case .keys(var keys) = keys else { return }
        for index in keys.indices {
            guard case .reference(let nested) = keys[index].value else { continue }
            keys[index].value = .reference(nested.canonicalReference(in: location, classes, depth: depth))
        }
        self.keys = .keys(keys)
    }

    /// Whether a property or parameter declared `className REF` may hold the path. The path must be that of an instance of the class or of
    /// a subclass, with the keys of its class (Semantics C.5).
    ///
    /// A path to another namespace or machine fits, since nobody here can tell. So does every path where there is no class `className`.
    public func fitsReference(to className: String, in location: CIMLocation, classes: ClassFinder) -> Bool {
        guard location.contains(self), classes(className, location.namespace) != nil else { return true }
        guard !isClassPath, let declaration = classes(self.className, location.namespace), declaration.isSameOrDerived(from: className)
        else {
            return false
        }
        return (try? canonicalized(for: declaration)) != nil
    }
}

extension CIMValue {
    /// The value with every reference in it, or in an array, in canonical form; see ``CIMObjectPath/canonicalReference(in:classes:)``.
    package func withCanonicalReferences(in location: CIMLocation, classes: CIMObjectPath.ClassFinder) -> CIMValue {
        switch self {
        case .reference(let path): return .reference(path.canonicalReference(in: location, classes: classes))
        case .array(of: .reference, let elements):
            return .array(of: .reference, elements.map { $0.withCanonicalReferences(in: location, classes: classes) })
        default: return self
        }
    }
}
