import CIM

/// Replaces the values of a unit that stand for something else, once the classes are known (DSP0004, 5.6.3.15 and 5.6.3.16). An alias
/// stands for the path of an instance or class. In a property that holds an object, an alias stands for the instance itself, and a text
/// stands for the instance that is written in it.
///
/// An alias may be used before the declaration it names (DSP0004, 7.9).
public struct MOFAliases {
    /// The resolved class with that name in that namespace; nil when there is none.
    public typealias ClassNamed = (String, CIMNamespaceName?) -> CIMClass?

    /// How long a chain of keys that are aliases may be: a path holds no more paths than that.
    private static let maximumChain = CIMObjectPath.maximumNesting

    /// How many objects one instance may hold, each counted as often as it occurs. Without this bound aliases of aliases would multiply
    /// without end.
    private static let maximumObjects = 65_536

    /// What an alias stands for as a value.
    private enum Object {
        /// It is being made: an alias that leads here again goes in a circle.
        case unfinished
        case known(CIMInstance, count: Int)
    }

    private let unit: MOFUnit
    private let home: CIMNamespaceName?
    private let declared: [CIMName: Int]
    private var paths: [CIMName: CIMObjectPath] = [:]
    private var objects: [CIMName: Object] = [:]

    /// How many objects the declaration holds whose aliases are being replaced, so far.
    private var count = 0

    /// The numbers of the declarations whose instances are values of other instances.
    public private(set) var embedded: Set<Int> = []

    /// - Parameter home: the namespace of declarations that name none.
    public init(_ unit: MOFUnit, home: CIMNamespaceName? = nil) {
        self.unit = unit
        self.home = home
        declared = Dictionary(
            unit.declarations.enumerated().compactMap { index, declaration in declaration.alias.map { (CIMName($0), index) } },
            uniquingKeysWith: { first, _ in first })
    }

    /// The declaration with each alias replaced by what it stands for, and each text of an embedded object by the object.
    ///
    /// - Throws: WBEMMOF_E_INVALID_INSTANCE_DECLARATION when nothing has that alias, or when keys or objects lead in a circle; InvalidClass
    ///   when the class of an instance with an alias is unknown; NoKey and the like when the path of such an instance cannot be built; the
    ///   errors of MOF for a text that is no instance; QuotaViolation for more than 65,536 objects in one object. The cause is a `MOFError`
    ///   where the place is known.
    ///
    /// A path has a namespace only where it leads to another namespace than the declaration's own. Where the class of an instance is
    /// unknown, its texts stay texts.
    public mutating func replacingAliases(
        in declaration: MOFDeclaration, classNamed: ClassNamed
    ) throws(CIMError) -> MOFDeclaration {
        var result = declaration
        count = 0
        switch declaration.content {
        case .instance(var declared):
            declared.instance = try instance(of: declared, in: declaration, classNamed)
            declared.aliasReferences = []
            result.content = .instance(declared)
        case .class(var declared):
            for reference in declaration.aliasReferences {
                for index in declared.properties.indices where CIMName.equal(declared.properties[index].name, reference.property) {
                    declared.properties[index].defaultValue = try value(
                        of: reference, as: declared.properties[index].type, in: declaration, classNamed)
                }
            }
            for index in declared.properties.indices where declared.properties[index].type.base == .object {
                let property = declared.properties[index]
                declared.properties[index].defaultValue = try value(
                    property.defaultValue, as: property.type, of: "\(declared.name).\(property.name)", in: declaration, depth: 0, classNamed
                )
            }
            result.aliasReferences = []
            result.content = .class(declared)
        default: break
        }
        return result
    }

    // MARK: - Instances

    /// An instance with the values that its class makes of what was written.
    private mutating func instance(
        of declared: MOFInstance, in declaration: MOFDeclaration, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMInstance {
        let known = classNamed(declared.instance.className, declaration.namespace)
        var references: [CIMName: [Int?: MOFAliasReference]] = [:]
        for reference in declared.aliasReferences { references[CIMName(reference.property), default: [:]][reference.index] = reference }
        guard known != nil || !references.isEmpty else { return declared.instance }
        var instance = declared.instance
        for index in instance.properties.indices {
            let property = instance.properties[index]
            let type = known?.property(named: property.name)?.type ?? CIMTypeReference(.reference)
            let what = "\(declared.instance.className).\(property.name)"
            if let aliases = references[CIMName(property.name)] {
                instance.properties[index].value = try value(
                    property.value, with: aliases, as: type, of: what, in: declaration, classNamed)
            } else if type.base == .object {
                instance.properties[index].value = try value(property.value, as: type, of: what, in: declaration, depth: 0, classNamed)
            }
        }
        return instance
    }

    /// An alias, or an array with aliases among its elements.
    private mutating func value(
        _ value: CIMValue, with aliases: [Int?: MOFAliasReference], as type: CIMTypeReference, of what: String,
        in declaration: MOFDeclaration, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMValue {
        if let alias = aliases[nil] { return try self.value(of: alias, as: type, in: declaration, classNamed) }
        guard case .array(_, let elements) = value else { return value }
        let scalar = CIMTypeReference(type.base, className: type.className)
        var values: [CIMValue] = []
        values.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            if let alias = aliases[index] {
                values.append(try self.value(of: alias, as: scalar, in: declaration, classNamed))
            } else if type.base == .object {
                values.append(try self.value(element, as: scalar, of: what, in: declaration, depth: 0, classNamed))
            } else if let path = element.converted(toScalar: .reference) {
                values.append(path)
            } else {
                throw CIMError(.typeMismatch, "\(what): expected paths and aliases, found \(element.briefDescription)")
            }
        }
        return .array(of: type.base == .object ? .object : .reference, values)
    }

    /// The instance with objects where its class has objects and it has texts.
    private mutating func filled(
        _ instance: CIMInstance, _ known: CIMClass, in declaration: MOFDeclaration, depth: Int, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMInstance {
        var result = instance
        for index in result.properties.indices {
            let name = result.properties[index].name
            guard let type = known.property(named: name)?.type, type.base == .object else { continue }
            result.properties[index].value = try value(
                result.properties[index].value, as: type, of: "\(known.name).\(name)", in: declaration, depth: depth, classNamed)
        }
        return result
    }

    /// What is written where an object, or an array of them, is wanted.
    private mutating func value(
        _ value: CIMValue, as type: CIMTypeReference, of what: String, in declaration: MOFDeclaration, depth: Int, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMValue {
        switch value {
        case .string(let text):
            let instance: CIMInstance
            do throws(MOFError) { instance = try MOFParser.instance(inText: text) } catch {
                throw CIMError(
                    error.status, "\(what) holds an object, and its text is none: \(error.line):\(error.column): \(error.message)")
            }
            return .object(try object(instance, of: what, in: declaration, depth: depth, classNamed))
        case .object(let instance):
            return .object(try object(instance, of: what, in: declaration, depth: depth, classNamed))
        case .array(let base, let elements) where type.isArray && (base == .string || base == .object):
            var objects: [CIMValue] = []
            objects.reserveCapacity(elements.count)
            let scalar = CIMTypeReference(.object, className: type.className)
            for element in elements {
                objects.append(try self.value(element, as: scalar, of: what, in: declaration, depth: depth, classNamed))
            }
            return .array(of: .object, objects)
        default:
            return value
        }
    }

    private mutating func object(
        _ instance: CIMInstance, of what: String, in declaration: MOFDeclaration, depth: Int, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMInstance {
        guard depth < MOFParser.maximumNesting else {
            throw CIMError(.quotaViolation, "\(what): objects in objects more than \(MOFParser.maximumNesting) deep")
        }
        try add(1, to: what)
        guard let known = classNamed(instance.className, declaration.namespace) else { return instance }
        return try filled(instance, known, in: declaration, depth: depth + 1, classNamed)
    }

    private mutating func add(_ more: Int, to what: String) throws(CIMError) {
        count += more
        guard count <= MOFAliases.maximumObjects else {
            throw CIMError(.quotaViolation, "\(what): more than \(MOFAliases.maximumObjects) objects in one")
        }
    }

    // MARK: - Aliases

    private mutating func value(
        of reference: MOFAliasReference, as type: CIMTypeReference, in declaration: MOFDeclaration, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMValue {
        guard type.base == .object else { return .reference(try path(for: reference, in: declaration, chain: 0, classNamed)) }
        let index = try index(of: reference, in: declaration)
        let alias = CIMName(reference.alias)
        if case .known(let instance, let size)? = objects[alias] {
            try add(size, to: "$\(Token.brief(reference.alias))")
            return .object(instance)
        }
        if case .unfinished? = objects[alias] {
            throw failure(
                reference, in: declaration, "the objects that lead to $\(Token.brief(reference.alias)) hold each other in a circle")
        }
        guard objects.values.lazy.filter({ if case .unfinished = $0 { true } else { false } }).count < MOFParser.maximumNesting else {
            throw failure(reference, in: declaration, "objects in objects more than \(MOFParser.maximumNesting) deep")
        }
        let named = unit.declarations[index]
        guard case .instance(let declared) = named.content else {
            throw failure(reference, in: declaration, "$\(Token.brief(reference.alias)) is a class, and the value must be an instance")
        }
        embedded.insert(index)
        objects[alias] = .unfinished
        let before = count
        try add(1, to: "$\(Token.brief(reference.alias))")
        let instance = try instance(of: declared, in: named, classNamed)
        objects[alias] = .known(instance, count: count - before)
        return .object(instance)
    }

    private func failure(_ reference: MOFAliasReference, in declaration: MOFDeclaration, _ message: String) -> CIMError {
        let status = WBEMStatus.mofInvalidInstanceDeclaration
        let place = MOFError(file: declaration.file, line: reference.line, column: reference.column, status: status, message: message)
        return CIMError(status, message, cause: place)
    }

    /// Where in the text the declaration is that has the alias.
    private func index(of reference: MOFAliasReference, in declaration: MOFDeclaration) throws(CIMError) -> Int {
        guard let index = declared[CIMName(reference.alias)] else {
            throw failure(reference, in: declaration, "nothing has the alias $\(Token.brief(reference.alias))")
        }
        return index
    }

    private mutating func path(
        for reference: MOFAliasReference, in declaration: MOFDeclaration, chain: Int, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMObjectPath {
        let index = try index(of: reference, in: declaration)
        guard chain < MOFAliases.maximumChain else {
            throw failure(reference, in: declaration, "the keys that lead to $\(Token.brief(reference.alias)) go in a circle or too deep")
        }
        let named = unit.declarations[index]
        var path = try path(of: named, alias: reference.alias, chain: chain, classNamed)
        let namespace = named.namespace ?? home
        if namespace != declaration.namespace ?? home { path.namespace = namespace?.text }
        return path
    }

    private mutating func path(
        of named: MOFDeclaration, alias: String, chain: Int, _ classNamed: ClassNamed
    ) throws(CIMError) -> CIMObjectPath {
        if let known = paths[CIMName(alias)] { return known }
        let path: CIMObjectPath
        switch named.content {
        case .class(let declared):
            path = CIMObjectPath(className: declared.name)
        case .instance(let declared):
            guard let declaration = classNamed(declared.instance.className, named.namespace) else {
                throw CIMError(
                    .invalidClass,
                    "\(named.file), line \(named.firstLine): the instance with the alias $\(Token.brief(alias)) is of class "
                        + "\(Token.brief(declared.instance.className)), which is unknown")
            }
            var instance = declared.instance
            for reference in declared.aliasReferences where declaration.property(named: reference.property)?.isKey ?? false {
                let inner = try self.path(for: reference, in: named, chain: chain + 1, classNamed)
                instance[reference.property] = .reference(inner)
            }
            // What an instance in MOF leaves out, the class says.
            for key in declaration.keyProperties where instance[key.name] == nil { instance[key.name] = key.defaultValue }
            path = try instance.path(in: declaration)
        default:
            throw CIMError(.mofInvalidInstanceDeclaration, "\(named.file), line \(named.firstLine): nothing that an alias can name")
        }
        paths[CIMName(alias)] = path
        return path
    }
}

extension MOFUnit {
    /// The instances with every `$alias` replaced by what it stands for, in order; see ``MOFAliases``.
    public func instances(resolvingAliasesWith classNamed: (String) -> CIMClass?) throws(CIMError) -> [CIMInstance] {
        var aliases = MOFAliases(self)
        var resolved: [CIMInstance] = []
        for declaration in declarations {
            if case .instance(let declared) = try aliases.replacingAliases(in: declaration, classNamed: { name, _ in classNamed(name) })
                .content
            {
                resolved.append(declared.instance)
            }
        }
        return resolved
    }
}
