extension CIMObjectPath {
    /// The path as `declaration` would write it: class and key names spelled and ordered as declared, an omitted key name filled in, key
    /// values of the declared types.
    ///
    /// - Throws: an error without an offset when a key is missing, unknown or given twice, a value does not fit its type, `=@` is used on a
    ///   class that is no singleton or anything else on one that is, or the class has no key at all.
    ///
    /// The class name becomes that of `declaration`, also where the path named a relative of it. A class path stays a class path.
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

    private static func canonical(
        _ given: [Key], for declaration: CIMClass, _ declared: [CIMProperty]
    ) throws(ObjectPathError) -> [Key] {
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
            guard let fitted = value.value.converted(to: declared[index].type).flatMap({ KeyValue($0) }) else {
                throw ObjectPathError(
                    "key \(name) of class \(declaration.name) must be \(declared[index].type), got \(value.value.briefDescription)")
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
