import CIM

extension MOFUnit {
    /// The instances with every `$alias` replaced by the path of the instance it names, in order.
    ///
    /// - Throws: InvalidClass when an aliased instance's class is unknown; NoKey and the like when its path cannot be built;
    ///   WBEMMOF_E_INVALID_INSTANCE_DECLARATION when an alias is not that of an instance declared before.
    /// - Parameter classNamed: the resolved class of that name, or nil. Asked once for each instance with an alias.
    ///
    /// The paths are relative: all instances are in the namespace they are compiled into.
    public func instances(resolvingAliasesWith classNamed: (String) -> CIMClass?) throws(CIMError) -> [CIMInstance] {
        var paths: [CIMName: CIMObjectPath] = [:]
        var resolved: [CIMInstance] = []
        for declared in instances {
            var instance = declared.instance
            for reference in declared.aliasReferences {
                guard let path = paths[CIMName(reference.alias)] else {
                    throw CIMError(
                        .mofInvalidInstanceDeclaration,
                        "line \(reference.line), column \(reference.column): no instance before this has the alias $\(reference.alias)")
                }
                instance[reference.property] = .reference(path)
            }
            if let alias = declared.alias {
                guard let declaration = classNamed(instance.className) else {
                    throw CIMError(
                        .invalidClass, "the instance with the alias $\(alias) is of class \(instance.className), which is unknown")
                }
                paths[CIMName(alias)] = try instance.path(in: declaration)
            }
            resolved.append(instance)
        }
        return resolved
    }
}
