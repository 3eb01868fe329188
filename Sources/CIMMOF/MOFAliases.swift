import CIM

/// What the aliases of a unit stand for: an instance's or a class's path. An alias may be used before the declaration it names (DSP0004, 7.9).
public struct MOFAliases {
    /// How long a chain of keys that are aliases may be: a path holds no more paths than that.
    private static let maximumChain = CIMObjectPath.maximumNesting

    private let unit: MOFUnit
    private let home: CIMNamespaceName?
    private let declared: [CIMName: Int]
    private var paths: [CIMName: CIMObjectPath] = [:]

    /// - Parameter home: the namespace of declarations that name none.
    public init(_ unit: MOFUnit, home: CIMNamespaceName? = nil) {
        self.unit = unit
        self.home = home
        declared = Dictionary(
            unit.declarations.enumerated().compactMap { index, declaration in declaration.alias.map { (CIMName($0), index) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The declaration with each alias replaced by the path it stands for; unchanged when it uses none.
    ///
    /// - Throws: WBEMMOF_E_INVALID_INSTANCE_DECLARATION when nothing has that alias, or keys go in a circle; InvalidClass when an aliased
    ///   instance's class is unknown; NoKey and the like when its path cannot be built.
    /// - Parameter classNamed: the resolved class of that name in that namespace, or nil. Asked once for each alias that is used.
    ///
    /// A path has a namespace only where that is another than the declaration's own.
    public mutating func resolve(
        _ declaration: MOFDeclaration, classNamed: (String, CIMNamespaceName?) -> CIMClass?
    ) throws(CIMError) -> MOFDeclaration {
        var result = declaration
        switch declaration.content {
        case .instance(var declared) where !declared.aliasReferences.isEmpty:
            for reference in declared.aliasReferences {
                let path = try path(for: reference, in: declaration, chain: 0, classNamed: classNamed)
                MOFAliases.set(path, for: reference, in: &declared.instance)
            }
            declared.aliasReferences = []
            result.content = .instance(declared)
        case .class(var declared) where !declaration.aliasReferences.isEmpty:
            for reference in declaration.aliasReferences {
                let path = try path(for: reference, in: declaration, chain: 0, classNamed: classNamed)
                for index in declared.properties.indices where CIMName.equal(declared.properties[index].name, reference.property) {
                    declared.properties[index].defaultValue = .reference(path)
                }
            }
            result.aliasReferences = []
            result.content = .class(declared)
        default: break
        }
        return result
    }

    private static func set(_ path: CIMObjectPath, for reference: MOFAliasReference, in instance: inout CIMInstance) {
        guard let index = reference.index else {
            instance[reference.property] = .reference(path)
            return
        }
        guard case .array(let base, var elements)? = instance[reference.property], elements.indices.contains(index) else { return }
        elements[index] = .reference(path)
        instance[reference.property] = .array(of: base, elements)
    }

    private mutating func path(
        for reference: MOFAliasReference, in declaration: MOFDeclaration, chain: Int,
        classNamed: (String, CIMNamespaceName?) -> CIMClass?
    ) throws(CIMError) -> CIMObjectPath {
        let place = "\(declaration.file), line \(reference.line), column \(reference.column)"
        guard let index = declared[CIMName(reference.alias)] else {
            throw CIMError(.mofInvalidInstanceDeclaration, "\(place): nothing has the alias $\(Token.brief(reference.alias))")
        }
        guard chain < MOFAliases.maximumChain else {
            throw CIMError(
                .mofInvalidInstanceDeclaration,
                "\(place): the keys that lead to $\(Token.brief(reference.alias)) go in a circle or too deep")
        }
        let target = unit.declarations[index]
        var path = try path(of: target, alias: reference.alias, chain: chain, classNamed: classNamed)
        let namespace = target.namespace ?? home
        if namespace != declaration.namespace ?? home { path.namespace = namespace?.text }
        return path
    }

    private mutating func path(
        of target: MOFDeclaration, alias: String, chain: Int, classNamed: (String, CIMNamespaceName?) -> CIMClass?
    ) throws(CIMError) -> CIMObjectPath {
        if let known = paths[CIMName(alias)] { return known }
        let path: CIMObjectPath
        switch target.content {
        case .class(let declared):
            path = CIMObjectPath(className: declared.name)
        case .instance(let declared):
            guard let declaration = classNamed(declared.instance.className, target.namespace) else {
                throw CIMError(
                    .invalidClass,
                    "\(target.file), line \(target.firstLine): the instance with the alias $\(Token.brief(alias)) is of class "
                        + "\(Token.brief(declared.instance.className)), which is unknown")
            }
            var instance = declared.instance
            for reference in declared.aliasReferences where declaration.property(named: reference.property)?.isKey ?? false {
                let inner = try self.path(for: reference, in: target, chain: chain + 1, classNamed: classNamed)
                MOFAliases.set(inner, for: reference, in: &instance)
            }
            path = try instance.path(in: declaration)
        default:
            throw CIMError(.mofInvalidInstanceDeclaration, "\(target.file), line \(target.firstLine): nothing that an alias can name")
        }
        paths[CIMName(alias)] = path
        return path
    }
}

extension MOFUnit {
    /// The instances with every `$alias` replaced by the path it stands for, in order; see ``MOFAliases``.
    public func instances(resolvingAliasesWith classNamed: (String) -> CIMClass?) throws(CIMError) -> [CIMInstance] {
        var aliases = MOFAliases(self)
        var resolved: [CIMInstance] = []
        for declaration in declarations {
            if case .instance(let declared) = try aliases.resolve(declaration, classNamed: { name, _ in classNamed(name) }).content {
                resolved.append(declared.instance)
            }
        }
        return resolved
    }
}
