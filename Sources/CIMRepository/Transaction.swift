import CIM

/// One unit of changes on its way to the file: a copy of the schema that takes them, and the rows that go with it.
struct Transaction {
    let storage: Storage
    private(set) var schema: Schema

    /// What has changed so far, in order.
    private(set) var made: [StoredChange] = []

    /// Whether rows other than instances changed.
    private var catalogChanged = false

    /// The namespaces whose provider definitions may have changed.
    private var definitionsChanged = false
    /// Where instances of provider definitions went with their class.
    private var definitionsToRead: Set<CIMNamespaceName> = []

    /// The classes put, and by which change: their references are checked at the end.
    private var putClasses: [(name: String, namespace: CIMNamespaceName, index: Int)] = []

    init(_ storage: Storage, schema: Schema) {
        self.storage = storage
        self.schema = schema
    }

    /// Applies changes in order, then makes the schema agree with what is stored.
    ///
    /// - Throws: the first change's failure, with its index. Nothing is then to be committed.
    mutating func apply(_ changes: [RepositoryChange]) throws(CIMError) {
        for (index, change) in changes.enumerated() {
            do throws(CIMError) {
                try apply(change, index: index)
            } catch {
                throw error.failed(at: index)
            }
        }
        for put in putClasses {
            do throws(CIMError) {
                try schema.checkReferences(of: put.name, in: put.namespace)
            } catch {
                throw error.failed(at: put.index)
            }
        }
        if catalogChanged { try storage.writeDigest() }
        for namespace in definitionsToRead { try readDefinitions(of: namespace) }
        if catalogChanged || definitionsChanged { schema.revision += 1 }
    }

    private mutating func apply(_ change: RepositoryChange, index: Int) throws(CIMError) {
        switch change {
        case .putQualifierType(let type, let namespace):
            guard let fitted = try schema.putQualifierType(type, in: namespace) else { return }
            let record = try RecordWriter.checked(try RecordWriter.record(of: fitted))
            try storage.put(record, as: fitted.name, in: namespace.text, table: .qualifierType)
            catalogChanged = true
        case .deleteQualifierType(let name, let namespace):
            try schema.deleteQualifierType(name, in: namespace)
            try storage.delete(name, in: namespace.text, table: .qualifierType)
            catalogChanged = true
        case .putClass(let declared, let namespace, let flags):
            try put(declared, in: namespace, flags: flags, index: index)
        case .deleteClass(let name, let namespace, let mustExist):
            if !mustExist, schema.hasNamespace(namespace), schema.class(name, in: namespace) == nil { return }
            try delete(class: name, in: namespace)
        case .putInstance(let instance, let namespace, let flags, let only):
            try put(instance, in: namespace, flags: flags, only: only)
        case .deleteInstance(let path, let namespace, let mustExist):
            do throws(CIMError) {
                try delete(path, in: namespace)
            } catch  where !mustExist && (error.status == .notFound || error.status == .invalidClass) {
                return
            }
        case .createNamespace(let name, let flags):
            try create(name, flags: flags)
        case .deleteNamespace(let name):
            try delete(name)
        case .nothing: break
        }
    }

    private mutating func create(_ name: CIMNamespaceName, flags: ChangeFlags) throws(CIMError) {
        guard try schema.createNamespace(name, flags: flags) else { return }
        try storage.insert(namespace: name.text)
        made.append(.namespace(name, isThere: true))
        catalogChanged = true
    }

    private mutating func delete(_ name: CIMNamespaceName) throws(CIMError) {
        for deleted in try schema.deleteNamespace(name) {
            try storage.delete(namespace: deleted.text)
            made.append(.namespace(deleted, isThere: false))
        }
        catalogChanged = true
    }

    private mutating func put(
        _ declared: CIMClass, in namespace: CIMNamespaceName, flags: ChangeFlags, index: Int
    ) throws(CIMError) {
        let storage = storage
        let effect = try schema.putClass(declared, in: namespace, flags: flags) { names throws(CIMError) in
            try storage.hasInstances(of: names, in: namespace.text)
        }
        for (stored, before) in effect.stored {
            let record = try RecordWriter.checked(try RecordWriter.record(of: stored.resolved.declared()))
            try storage.put(record, as: stored.name, in: namespace.text, table: .class)
            catalogChanged = true
            let known = before?.resolved
            if known != stored.resolved { made.append(.declaration(before: known, after: stored.resolved, in: namespace)) }
        }
        if !effect.stored.isEmpty { putClasses.append((declared.name, namespace, index)) }
    }

    private mutating func delete(class name: String, in namespace: CIMNamespaceName) throws(CIMError) {
        if let declaration = schema.class(name, in: namespace), ProviderDefinition.isDefined(by: declaration) {
            definitionsToRead.insert(namespace)
        }
        let before = schema
        for deleted in try schema.deleteClass(name, in: namespace) {
            made.append(.declaration(before: before.class(deleted.text, in: namespace), after: nil, in: namespace))
            try storage.delete(deleted.text, in: namespace.text, table: .class)
            try storage.deleteInstances(of: deleted.text, in: namespace.text)
        }
        catalogChanged = true
    }

    private mutating func put(
        _ instance: CIMInstance, in namespace: CIMNamespaceName, flags: ChangeFlags, only: [String]?
    ) throws(CIMError) {
        try flags.check()
        if CIMName.equal(instance.className, "__NAMESPACE") {
            _ = try schema.checked(instance, in: namespace)
            return try create(try schema.namespace(named: instance["Name"], in: namespace), flags: flags)
        }
        var checked = try schema.checked(instance, in: namespace)
        let className = checked.instance.className
        let known = try storage.instance(key: checked.key, in: namespace.text)
        let isSame = known.map { CIMName.equal($0.instance.className, className) } ?? true
        try flags.check(exists: known != nil && (isSame || flags.contains(.createOnly)), "instance \(checked.key)")
        if let known, !isSame {
            throw CIMError(
                .alreadyExists, "\(checked.key) is there, of class \(known.instance.className): delete it first to put one of \(className)")
        }
        if let only { checked = try schema.checked(instance, in: namespace, only: only, over: known?.instance) }
        let stored = checked.instance
        let record = try RecordWriter.checked(try RecordWriter.record(of: stored))
        let id: Int64
        if let known {
            guard known.record != record else { return }
            id = known.id
            try storage.update(id, to: record, of: className, key: checked.key, in: namespace.text)
        } else {
            id = try storage.insert(record, of: className, key: checked.key, in: namespace.text)
        }
        made.append(
            .instance(
                before: try known?.instance.placed(in: namespace, schema: schema), after: try stored.placed(in: namespace, schema: schema),
                in: namespace))
        noteDefinition(id, before: known?.instance, after: stored, in: namespace)
    }

    private mutating func delete(_ path: CIMObjectPath, in namespace: CIMNamespaceName) throws(CIMError) {
        if CIMName.equal(path.className, "__NAMESPACE") {
            let key = try schema.key(of: path, in: namespace)
            let name = try schema.namespace(at: path, in: namespace)
            guard schema.hasNamespace(name) else { throw CIMError(.notFound, "there is no \(key) in \(namespace)") }
            return try delete(name)
        }
        let row = try Transaction.find(path, in: namespace, schema: schema, storage: storage)
        try storage.delete(instance: row.id)
        made.append(.instance(before: try row.instance.placed(in: namespace, schema: schema), after: nil, in: namespace))
        noteDefinition(row.id, before: row.instance, after: nil, in: namespace)
    }

    /// The stored instance with this path, which may name a class above its own.
    static func find(
        _ path: CIMObjectPath, in namespace: CIMNamespaceName, schema: Schema, storage: Storage
    ) throws(CIMError) -> Storage.InstanceRow {
        try path.check(isIn: CIMLocation(namespace: namespace, server: schema.server))
        let key = try schema.key(of: path, in: namespace)
        guard let row = try storage.instance(key: key, in: namespace.text),
            let declaration = schema.class(row.instance.className, in: namespace), declaration.isSameOrDerived(from: path.className)
        else { throw CIMError(.notFound, "there is no stored instance \(path.relativePath) in \(namespace)") }
        return row
    }

    private mutating func noteDefinition(_ id: Int64, before: CIMInstance?, after: CIMInstance?, in namespace: CIMNamespaceName) {
        guard let className = (after ?? before)?.className, let declaration = schema.class(className, in: namespace),
            ProviderDefinition.isDefined(by: declaration)
        else { return }
        schema.namespaces[namespace]?.providers.replace(id, before, by: after, in: namespace)
        definitionsChanged = true
    }

    /// Gives instances that were stored with references to this machine by its name the keys that they have without it. Of two that are one,
    /// the later stays.
    static func renewKeys(_ storage: Storage, schema: Schema) throws(CIMError) {
        let found = try storage.instancesOfMachines()
        if found.isEmpty { return }
        try storage.run { try storage.database.execute("BEGIN IMMEDIATE") }
        do throws(CIMError) {
            for (row, key, name) in found {
                // What no longer fits is left as it is: nobody finds it by its key, and an enumeration still gives it.
                guard let namespace = CIMNamespaceName(name), let renewed = try? schema.checked(row.instance, in: namespace),
                    renewed.key != key
                else { continue }
                if let other = try storage.instance(key: renewed.key, in: name) { try storage.delete(instance: other.id) }
                let record = try RecordWriter.checked(try RecordWriter.record(of: renewed.instance))
                try storage.delete(instance: row.id)
                try storage.insert(record, of: renewed.instance.className, key: renewed.key, in: name)
            }
            try storage.run { try storage.database.execute("COMMIT") }
        } catch {
            try? storage.database.execute("ROLLBACK")
            throw error
        }
    }

    /// Reads the provider definitions of a namespace from its instances.
    mutating func readDefinitions(of namespace: CIMNamespaceName) throws(CIMError) {
        guard let place = schema.namespaces[namespace] else { return }
        var definitions = ProviderDefinitions()
        for name in ProviderDefinition.classNames.flatMap({ place.descendants(of: $0) }) {
            for row in try storage.instances(of: name.text, in: namespace.text, after: 0, most: .max, bytes: .max).rows {
                definitions.replace(row.id, nil, by: row.instance, in: namespace)
            }
        }
        schema.namespaces[namespace]?.providers = definitions
    }
}

extension RecordWriter {
    /// A record, or the error of the operation that wanted it.
    static func checked(_ record: @autoclosure () throws(RecordError) -> [UInt8]) throws(CIMError) -> [UInt8] {
        do throws(RecordError) {
            return try record()
        } catch {
            throw CIMError(.quotaViolation, "a value cannot be stored: \(error)")
        }
    }
}

extension CIMObjectPath {
    /// Throws InvalidNamespace when the path is in another namespace, or on another machine (Semantics C.2).
    func check(isIn location: CIMLocation) throws(CIMError) {
        if location.contains(self) { return }
        throw CIMError(.invalidNamespace, "\(path) is not in \(location.namespace) of this machine")
    }
}

extension Schema {
    /// The namespace that a path to an instance of `__NAMESPACE` names.
    func namespace(at path: CIMObjectPath, in parent: CIMNamespaceName) throws(CIMError) -> CIMNamespaceName {
        try path.check(isIn: CIMLocation(namespace: parent, server: server))
        guard case .keys(let keys) = path.keys, let key = keys.first else { throw CIMError(.invalidObjectPath, "\(path) has no Name") }
        return try namespace(named: key.value.value, in: parent)
    }
}
