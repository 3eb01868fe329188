import CIM

extension Session {
    /// ``BrokerAdministration/namespaces()``.
    public func namespaces() async throws(CIMError) -> [CIMNamespaceName] { try await broker.namespaces() }

    /// Creates a namespace: an instance of `__NAMESPACE` in the parent namespace. The object of the new namespace is on the bus when this
    /// returns.
    ///
    /// Throws AlreadyExists; InvalidNamespace when there is no parent namespace; AccessDenied when this user may not write.
    public func createNamespace(_ name: CIMNamespaceName, options: OperationOptions = OperationOptions()) async throws(CIMError) {
        let (parent, instance) = try place(of: name)
        var options = options
        options.flags.insert(.createOnly)
        try await parent.putInstance(instance, options: options)
    }

    /// Deletes a namespace with all that is in it: namespaces, classes, instances.
    ///
    /// Throws NotFound when there is no such namespace; InvalidNamespace when there is no parent namespace; AccessDenied when this user may
    /// not write.
    public func deleteNamespace(_ name: CIMNamespaceName, options: OperationOptions = OperationOptions()) async throws(CIMError) {
        let (parent, instance) = try place(of: name)
        defer { link.classes.forgetAll() }
        let key = CIMObjectPath.Key(name: "Name", value: .string(instance["Name"]?.stringValue ?? ""))
        try await parent.deleteInstance(at: CIMObjectPath(className: instance.className, keys: .keys([key])), options: options)
    }

    /// Where the instance of a namespace is, and what it is there.
    private func place(of name: CIMNamespaceName) throws(CIMError) -> (parent: Session, instance: CIMInstance) {
        guard let parent = name.parent else {
            throw CIMError(.invalidNamespace, "\(name) is at the top, where nothing can be made or deleted; write a name like root/\(name)")
        }
        let last = name.text.split(separator: "/").last.map(String.init) ?? ""
        return (session(for: parent), CIMInstance(className: "__NAMESPACE", ["Name": .string(last)]))
    }
}
