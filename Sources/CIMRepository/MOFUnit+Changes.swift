import CIM
import CIMMOF

extension MOFUnit {
    /// What the unit asks of a repository: one change for each declaration, at the same index, so that an error's `failedChange` has a
    /// position in the text.
    ///
    /// - Throws: what `MOFAliases.resolve` throws, with the index of the declaration; WBEMMOF_E_UNRECOGNIZED_TYPE and InvalidClass for a type
    ///   that is no class, neither in the unit nor in the schema.
    /// - Parameters:
    ///   - home: the namespace of declarations that name none.
    ///   - schema: what is there now. Instances need their classes, which may be there or in the unit itself.
    ///
    /// A key of type string that is NULL becomes a GUID, as in a put; an alias of the instance then stands for the path with it. An instance that
    /// is the value of another and cannot be stored, because its class has no key or is dynamic, changes nothing by itself.
    public func changes(in home: CIMNamespaceName, schema: Schema) throws(CIMError) -> [RepositoryChange] {
        try checkClassUses(in: home, schema)
        guard declarations.contains(where: \.needsClasses) else { return declarations.map { $0.change(in: home) } }
        let staged = schema.staged(self, in: home)
        var unit = self
        for index in declarations.indices {
            guard case .instance(var declared) = declarations[index].content else { continue }
            guard let declaration = staged.class(declared.instance.className, in: declarations[index].namespace ?? home) else { continue }
            declared.instance = declared.instance.withGeneratedKeys(declaration, isAbsentDefault: true)
            unit.declarations[index].content = .instance(declared)
        }
        var aliases = MOFAliases(unit, home: home)
        var changes: [RepositoryChange] = []
        changes.reserveCapacity(declarations.count)
        for (index, declaration) in unit.declarations.enumerated() {
            do throws(CIMError) {
                let resolved = try aliases.replacingAliases(in: declaration) { name, namespace in staged.class(name, in: namespace ?? home)
                }
                changes.append(resolved.change(in: home))
            } catch {
                throw error.failed(at: index)
            }
        }
        for index in aliases.embedded {
            guard case .instance(let declared) = unit.declarations[index].content,
                let declaration = staged.class(declared.instance.className, in: unit.declarations[index].namespace ?? home)
            else { continue }
            if declaration.isDynamic || declaration.keyProperties.isEmpty && !declaration.isSingleton { changes[index] = .nothing }
        }
        return changes
    }

    /// Throws, with its place, at the first type that is no class.
    private func checkClassUses(in home: CIMNamespaceName, _ schema: Schema) throws(CIMError) {
        var declared: [CIMNamespaceName: Set<CIMName>] = [:]
        for declaration in declarations {
            if case .class(let declaredClass) = declaration.content {
                declared[declaration.namespace ?? home, default: []].insert(CIMName(declaredClass.name))
            }
        }
        for (index, declaration) in declarations.enumerated() {
            let namespace = declaration.namespace ?? home
            // That it is not there is the error then.
            guard schema.hasNamespace(namespace) else { continue }
            for use in declaration.classUses where !CIMName.equal(use.className, "object") {
                let isKnown = declared[namespace]?.contains(CIMName(use.className)) ?? false
                if isKnown || schema.class(use.className, in: namespace) != nil { continue }
                let names = (declared[namespace] ?? []).map(\.text).sorted() + schema.classNames(in: namespace)
                let failure = use.failure(among: names)
                let place = MOFError(
                    file: declaration.file, line: use.line, column: use.column, status: failure.status, message: failure.message)
                throw CIMError(failure.status, failure.message, cause: place).failed(at: index)
            }
        }
    }
}

extension Schema {
    /// With the classes and namespaces of the unit, for its instances. What cannot be put is reported by the commit.
    fileprivate func staged(_ unit: MOFUnit, in home: CIMNamespaceName) -> Schema {
        var staged = self
        var last: [CIMNamespaceName: [CIMName: Int]] = [:]
        for (index, declaration) in unit.declarations.enumerated() {
            if case .class(let declared) = declaration.content {
                last[declaration.namespace ?? home, default: [:]][CIMName(declared.name)] = index
            }
        }
        for (index, declaration) in unit.declarations.enumerated() {
            let namespace = declaration.namespace ?? home
            switch declaration.content {
            case .class(let declared):
                _ = try? staged.putClass(declared, in: namespace, flags: .forceUpdate) { _ in false }
            case .instance(let declared) where CIMName.equal(declared.instance.className, "__NAMESPACE"):
                if let name = try? staged.namespace(named: declared.instance["Name"], in: namespace) {
                    _ = try? staged.createNamespace(name, flags: [])
                }
            case .deleteClass(let name, _) where last[namespace]?[CIMName(name)] ?? 0 > index:
                // The one that comes later need not fit the one that goes.
                _ = try? staged.deleteClass(name, in: namespace)
            default: break
            }
        }
        return staged
    }
}

extension MOFDeclaration {
    /// Whether what it means depends on classes.
    fileprivate var needsClasses: Bool {
        switch content {
        case .instance: true
        case .class(let declared):
            !aliasReferences.isEmpty || declared.properties.contains { $0.type.base == .object && !$0.defaultValue.isNull }
        default: false
        }
    }

    fileprivate func change(in home: CIMNamespaceName) -> RepositoryChange {
        let place = namespace ?? home
        let flags = flags.intersection(.all)
        return switch content {
        case .class(let declared): .putClass(declared, in: place, flags: flags)
        case .instance(let declared): .putInstance(declared.instance, in: place, flags: flags)
        case .qualifierType(let type): .putQualifierType(type, in: place)
        case .deleteClass(let name, let mustExist): .deleteClass(name, in: place, mustExist: mustExist)
        case .deleteInstance(let path, let mustExist): .deleteInstance(path, in: place, mustExist: mustExist)
        }
    }
}
