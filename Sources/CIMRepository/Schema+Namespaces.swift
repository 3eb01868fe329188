import CIM

extension Schema {
    /// Creates an empty namespace, with the system classes.
    ///
    /// - Throws: InvalidNamespace when its parent is not there; AlreadyExists, NotFound (the flags); QuotaViolation.
    /// - Returns: whether it is new.
    mutating func createNamespace(_ name: CIMNamespaceName, flags: ChangeFlags) throws(CIMError) -> Bool {
        try flags.check()
        try flags.check(exists: hasNamespace(name), "namespace \(name)")
        if hasNamespace(name) { return false }
        guard let parent = name.parent else {
            throw CIMError(.invalidNamespace, "namespace \(name) has no parent: every namespace but root is in another one")
        }
        _ = try namespace(parent)
        guard namespaces.count < Schema.maximumNamespaces else {
            throw CIMError(.quotaViolation, "there are \(Schema.maximumNamespaces) namespaces already")
        }
        namespaces[name] = try SystemClasses.namespace(name)
        return true
    }

    /// Deletes a namespace with everything in it and below; the names of all deleted.
    ///
    /// - Throws: InvalidNamespace when it is not there; InvalidOperation for `root`.
    mutating func deleteNamespace(_ name: CIMNamespaceName) throws(CIMError) -> [CIMNamespaceName] {
        _ = try namespace(name)
        guard name != .root else { throw CIMError(.invalidOperation, "namespace root cannot be deleted") }
        let deleted = namespaceNames.filter { $0 == name || $0.text.hasPrefix(name.text + "/") }
        for name in deleted { namespaces[name] = nil }
        return deleted
    }

    /// Creates or replaces a qualifier type.
    ///
    /// - Throws: InvalidNamespace; InvalidQualifier for a name that is none; InvalidQualifierType for a default value of another type.
    /// - Returns: it as it is kept, its value in its type; nil when nothing changed.
    mutating func putQualifierType(_ type: CIMQualifierType, in namespace: CIMNamespaceName) throws(CIMError) -> CIMQualifierType? {
        let place = try self.namespace(namespace)
        guard CIMName.isValidIdentifier(type.name) else { throw CIMError(.invalidQualifier, "'\(type.name)' is not a qualifier name") }
        guard let value = type.defaultValue.converted(to: type.type), type.type.base != .object else {
            throw CIMError(.invalidQualifierType, "qualifier \(type.name) is \(type.type), which its default value is not")
        }
        var fitted = type
        fitted.defaultValue = value
        if place.qualifierTypes[CIMName(type.name)] == fitted { return nil }
        namespaces[namespace]?.qualifierTypes[CIMName(type.name)] = fitted
        return fitted
    }

    /// - Throws: InvalidNamespace; NotFound.
    mutating func deleteQualifierType(_ name: String, in namespace: CIMNamespaceName) throws(CIMError) {
        _ = try self.namespace(namespace)
        guard namespaces[namespace]?.qualifierTypes.removeValue(forKey: CIMName(name)) != nil else {
            throw CIMError(.notFound, "there is no qualifier type \(name) in \(namespace)")
        }
    }

    /// The namespace that an instance of `__NAMESPACE`, or its path, in `parent` stands for.
    ///
    /// - Throws: NoKey without a name; InvalidNamespace when the name is not one part of a namespace's name.
    func namespace(named value: CIMValue?, in parent: CIMNamespaceName) throws(CIMError) -> CIMNamespaceName {
        guard let text = value?.stringValue else {
            throw CIMError(.noKey, "an instance of __NAMESPACE needs a Name")
        }
        guard !text.utf8.contains(where: { $0 == 0x2F || $0 == 0x5C }), let name = CIMNamespaceName("\(parent.text)/\(text)") else {
            throw CIMError(.invalidNamespace, "'\(text)' is no name of a namespace: letters, digits and _, at most 255 bytes")
        }
        return name
    }

    /// The instance of `__NAMESPACE` that stands for a namespace, in its parent; nil for `root`.
    func instance(of namespace: CIMNamespaceName) -> CIMInstance? {
        guard let parent = namespace.parent else { return nil }
        let name = String(namespace.text.utf8.dropFirst(parent.text.utf8.count + 1)) ?? ""
        let key = CIMObjectPath.Key(name: "Name", value: .string(name))
        return CIMInstance(
            className: "__NAMESPACE", ["Name": .string(name)],
            path: CIMObjectPath(namespace: parent.text, className: "__NAMESPACE", keys: .keys([key])))
    }
}
