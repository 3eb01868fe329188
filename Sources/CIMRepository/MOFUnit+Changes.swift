import CIM
import CIMMOF

extension MOFUnit {
    /// What the unit asks of a repository: one change for each declaration, at the same index, so that an error's `failedChange` has a
    /// position in the text.
    ///
    /// - Throws: what `MOFAliases.resolve` throws, with the index of the declaration.
    /// - Parameters:
    ///   - home: the namespace of declarations that name none.
    ///   - schema: what is there now. Aliases need the keys of classes, which may be there or in the unit itself.
    public func changes(in home: CIMNamespaceName, schema: Schema) throws(CIMError) -> [RepositoryChange] {
        var aliases = MOFAliases(self)
        var staged = schema
        if declarations.contains(where: \.usesAliases) {
            // What cannot be put is reported by the commit.
            for declaration in declarations { try? staged.stage(declaration, in: declaration.namespace ?? home) }
        }
        var changes: [RepositoryChange] = []
        changes.reserveCapacity(declarations.count)
        for (index, declaration) in declarations.enumerated() {
            let resolved: MOFDeclaration
            do throws(CIMError) {
                resolved = try aliases.resolve(declaration) { name, namespace in staged.class(name, in: namespace ?? home) }
            } catch {
                throw error.failed(at: index)
            }
            changes.append(resolved.change(in: home))
        }
        return changes
    }
}

extension Schema {
    /// Takes in the classes and namespaces that instances of the same unit may belong to.
    fileprivate mutating func stage(_ declaration: MOFDeclaration, in namespace: CIMNamespaceName) throws(CIMError) {
        switch declaration.content {
        case .class(let declared):
            _ = try putClass(declared, in: namespace, flags: .forceMode) { _ in false }
        case .instance(let declared) where CIMName.equal(declared.instance.className, "__NAMESPACE"):
            _ = try createNamespace(try self.namespace(named: declared.instance["Name"], in: namespace), flags: [])
        default: break
        }
    }
}

extension MOFDeclaration {
    fileprivate var usesAliases: Bool {
        if case .instance(let declared) = content { return !declared.aliasReferences.isEmpty }
        return !aliasReferences.isEmpty
    }

    fileprivate func change(in home: CIMNamespaceName) -> RepositoryChange {
        let place = namespace ?? home
        let flags = ChangeFlags(rawValue: Int32(truncatingIfNeeded: flags.rawValue)).intersection(.all)
        return switch content {
        case .class(let declared): .putClass(declared, in: place, flags: flags)
        case .instance(let declared): .putInstance(declared.instance, in: place, flags: flags)
        case .qualifierType(let type): .putQualifierType(type, in: place)
        case .deleteClass(let name, let mustExist): .deleteClass(name, in: place, mustExist: mustExist)
        case .deleteInstance(let path, let mustExist): .deleteInstance(path, in: place, mustExist: mustExist)
        }
    }
}
