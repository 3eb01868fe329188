import CIM

/// A part of an enumeration.
public struct InstancePage: Sendable {
    public var instances: [CIMInstance]

    /// Where to go on; nil at the end. A page may be empty and not the last.
    public var next: InstanceCursor?
}

/// A place in an enumeration of static instances.
public struct InstanceCursor: Sendable {
    let namespace: CIMNamespaceName

    /// The classes that are left, the current one first.
    var classes: ArraySlice<String>

    /// The last instance of the current class that was given.
    var after: Int64 = 0
}

extension Repository {
    /// How many bytes of stored instances a page holds, unless one alone has more.
    static let bytesPerPage = 256 * 1024

    /// How many classes without an instance one page looks at.
    static let classesPerPage = 256

    /// The static instance with this path, which may name a class above its own; a namespace for a path of `__NAMESPACE`.
    ///
    /// - Throws: InvalidNamespace; InvalidClass; InvalidObjectPath when the path does not fit its class; NotFound; CriticalError when what is
    ///   stored is damaged.
    ///
    /// The instance has all properties of its class, in the class's order and types, and its path with the namespace.
    public func instance(at path: CIMObjectPath, in namespace: CIMNamespaceName) async throws(CIMError) -> CIMInstance {
        try await perform { repository, storage throws(CIMError) in
            let schema = repository.schema
            if CIMName.equal(path.className, "__NAMESPACE") {
                _ = try schema.key(of: path, in: namespace)
                let name = try schema.namespace(at: path, in: namespace)
                guard schema.hasNamespace(name), let instance = schema.instance(of: name) else {
                    throw CIMError(.notFound, "there is no namespace \(name)")
                }
                return instance
            }
            let row = try Transaction.find(path, in: namespace, schema: schema, storage: storage)
            return try row.instance.placed(in: namespace, schema: schema)
        }
    }

    /// Where an enumeration of a class begins: its own instances only, or also those of all classes below it (Semantics A.4).
    ///
    /// - Throws: InvalidNamespace; InvalidClass.
    public func instances(of name: String, deep: Bool, in namespace: CIMNamespaceName) throws(CIMError) -> InstanceCursor {
        let schema = schema
        let declaration = try schema.namespace(namespace).stored(name, in: namespace).resolved
        return InstanceCursor(
            namespace: namespace, classes: [declaration.name] + (deep ? schema.descendants(of: declaration.name, in: namespace) : []))
    }

    /// Where an enumeration of exactly these classes begins, whatever their subclasses. A class that is not there has no instances.
    public func instances(ofExactly names: [String], in namespace: CIMNamespaceName) -> InstanceCursor? {
        names.isEmpty ? nil : InstanceCursor(namespace: namespace, classes: names[...])
    }

    /// The next instances, at most `limit` and about 256 KiB.
    ///
    /// - Throws: CriticalError when what is stored is damaged.
    ///
    /// Memory is that of a page, however many instances there are. An instance that is put or deleted while the enumeration goes on may be in
    /// it or not; every other one is in it exactly once.
    public func page(at cursor: InstanceCursor, limit: Int = 256) async throws(CIMError) -> InstancePage {
        try await perform { repository, storage throws(CIMError) in
            let schema = repository.schema
            var page = InstancePage(instances: [])
            var cursor = cursor
            var size = 0
            var looked = 0
            while let name = cursor.classes.first, looked < Repository.classesPerPage {
                looked += 1
                if CIMName.equal(name, "__NAMESPACE") {
                    page.instances += schema.children(of: cursor.namespace).compactMap { schema.instance(of: $0) }
                    cursor.classes.removeFirst()
                    continue
                }
                let found = try storage.instances(
                    of: name, in: cursor.namespace.text, after: cursor.after, most: max(1, limit) - min(limit, page.instances.count),
                    bytes: Repository.bytesPerPage - size)
                for row in found.rows {
                    page.instances.append(try row.instance.placed(in: cursor.namespace, schema: schema))
                    cursor.after = row.id
                    size += row.record.count
                }
                guard found.isComplete else { break }
                cursor.classes.removeFirst()
                cursor.after = 0
            }
            page.next = cursor.classes.isEmpty ? nil : cursor
            return page
        }
    }

    /// How many static instances a class has, alone or with all classes below it.
    ///
    /// - Throws: InvalidNamespace; InvalidClass.
    public func count(of name: String, deep: Bool, in namespace: CIMNamespaceName) async throws(CIMError) -> Int {
        let classes = try instances(of: name, deep: deep, in: namespace).classes
        return try await perform { repository, storage throws(CIMError) in
            var count = 0
            for name in classes {
                count +=
                    CIMName.equal(name, "__NAMESPACE")
                    ? repository.schema.children(of: namespace).count : try storage.count(of: name, in: namespace.text)
            }
            return count
        }
    }
}

extension CIMInstance {
    /// With its path.
    package func placed(in namespace: CIMNamespaceName, schema: Schema) throws(CIMError) -> CIMInstance {
        guard let declaration = schema.class(className, in: namespace) else {
            throw CIMError(.criticalError, "an instance of \(className) is stored in \(namespace), which has no such class")
        }
        var placed = self
        var path = try self.path(in: declaration)
        path.namespace = namespace.text
        placed.path = path
        return placed
    }
}
