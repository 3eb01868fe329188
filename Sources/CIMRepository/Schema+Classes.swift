import CIM

extension Schema {
    /// What putting a class did.
    struct ClassEffect {
        /// The classes to store, each with what it was before: the one put, and those below it that had to give way. Empty when nothing changed.
        var stored: [(now: StoredClass, before: StoredClass?)] = []
    }

    /// Creates a class, or changes the one of its name (Semantics A.2.2, A.4 PutClass).
    ///
    /// - Throws: InvalidParameter; InvalidNamespace; AccessDenied for a system class; AlreadyExists, NotFound (the flags);
    ///   InvalidClass for a feature with a system name; what `CIMClass.checkDeclaration(below:)` throws; QuotaViolation; InvalidAssociation; what `CIMClass.resolved(with:)` throws, for
    ///   the class, or for one below it; UpdatePropagatedMethod; ClassHasChildren, ClassHasInstances. The schema is then as it was.
    /// - Parameters:
    ///   - declared: with its own features only, or resolved: what it inherits unchanged is not taken for its own.
    ///   - hasInstances: whether one of these classes of the namespace has a static instance.
    ///
    /// A put of what is there already changes nothing and always succeeds. A change of nothing but qualifiers that only describe is always
    /// allowed. Any other change needs a class without instances; in the compatible mode also without subclasses. In the safe mode every
    /// subclass must resolve with the change; in the force mode, local qualifiers of subclasses that are in its way are deleted. A class
    /// with instances is changed in no mode: nothing here destroys instances but a deletion.
    mutating func putClass(
        _ declared: CIMClass, in namespace: CIMNamespaceName, flags: ChangeFlags,
        hasInstances: ([CIMName]) throws(CIMError) -> Bool
    ) throws(CIMError) -> ClassEffect {
        try flags.check()
        let place = try self.namespace(namespace)
        let name = CIMName(declared.name)
        let old = place.classes[name]
        try Schema.checkMayPut(declared, old: old)
        try flags.check(exists: old != nil, "class \(declared.name)")
        let parent = declared.superclass.flatMap { place.classes[CIMName($0)] }
        if let parent, parent.isSystem, CIMName.equal(parent.name, "__NAMESPACE") {
            throw CIMError(.invalidSuperclass, "class \(declared.name) cannot derive from __NAMESPACE")
        }
        let new = try StoredClass(declared.declared(changedFrom: parent?.resolved), parent: parent)
        try new.resolved.checkDeclaration(below: parent?.resolved)
        guard let old else {
            guard place.classes.count < Schema.maximumClasses else {
                throw CIMError(.quotaViolation, "\(namespace) has \(Schema.maximumClasses) classes already")
            }
            // Who else holds the namespace makes its change a copy of thousands of classes.
            _ = consume place
            namespaces[namespace]?.insert(new)
            return ClassEffect(stored: [(new, nil)])
        }
        if new.resolved == old.resolved, new.resolved.name == old.resolved.name { return ClassEffect() }
        let below = place.descendants(of: declared.name)
        if new.resolved.withoutDescriptions != old.resolved.withoutDescriptions {
            guard below.isEmpty || !flags.isDisjoint(with: [.safeUpdate, .forceUpdate]) else {
                throw CIMError(
                    .classHasChildren,
                    "class \(declared.name) cannot change: \(below[0]) derives from it; use UPDATE_SAFE_MODE, or UPDATE_FORCE_MODE")
            }
            if try hasInstances([name] + below) {
                throw CIMError(.classHasInstances, "class \(declared.name) cannot change while it, or a class below it, has instances")
            }
        }
        var changed = [name: new]
        var effect = ClassEffect(stored: [(new, old)])
        for descendant in below {
            guard let was = place.classes[descendant], let parent = was.resolved.superclass.flatMap({ changed[CIMName($0)] }) else {
                throw CIMError(.criticalError, "class \(descendant) is not where its superclass says")
            }
            var local = was.resolved.declared()
            let gaveWay = flags.contains(.forceUpdate) && local.removeQualifiers(lockedBy: parent.resolved)
            let stored = try Schema.resolve(local, below: declared.name, parent: parent)
            changed[descendant] = stored
            if gaveWay { effect.stored.append((stored, was)) }
        }
        namespaces[namespace]?.insert(new)
        for descendant in below {
            if let stored = changed[descendant] { namespaces[namespace]?.insert(stored) }
        }
        return effect
    }

    /// Deletes a class and all below it; the names of all of them.
    ///
    /// - Throws: InvalidNamespace; InvalidClass when it is not there; InvalidOperation for a system class.
    mutating func deleteClass(_ name: String, in namespace: CIMNamespaceName) throws(CIMError) -> [CIMName] {
        let place = try self.namespace(namespace)
        let stored = try place.stored(name, in: namespace)
        guard !stored.isSystem else { throw CIMError(.invalidOperation, "\(stored.name) is a system class: it cannot be deleted") }
        let names = [CIMName(stored.name)] + place.descendants(of: name)
        for name in names.reversed() { namespaces[namespace]?.remove(name) }
        return names
    }

    /// Throws InvalidClass when a reference or an embedded object of the class names a class that is not there, and UpdateTypeMismatch when one
    /// that overrides another names a class that is neither the same nor derived (DSP0004, 5.6.3.34).
    ///
    /// Asked when a unit of changes ends, so that classes may refer to each other whatever their order.
    func checkReferences(of name: String, in namespace: CIMNamespaceName) throws(CIMError) {
        guard let place = namespaces[namespace], let stored = place.classes[CIMName(name)] else { return }
        let declared = stored.resolved
        // What an amendment speaks of is in the namespace above.
        if declared.isAmendment { return }
        let above = declared.superclass.flatMap { place.classes[CIMName($0)]?.resolved }
        // Looked at where they lie: most are inherited, and no references.
        for index in declared.properties.indices {
            let type = declared.properties[index].type
            func what() -> String { "\(declared.name).\(declared.properties[index].name)" }
            try Schema.check(type, of: what(), in: place)
            if CIMName.equal(declared.properties[index].origin, declared.name),
                let overridden = above?.property(named: declared.properties[index].name)
            {
                try Schema.check(type, of: what(), overrides: overridden, in: place)
            }
        }
        for method in declared.methods {
            func what() -> String { "\(declared.name).\(method.name)" }
            if let type = method.returnType { try Schema.check(type, of: what(), in: place) }
            for parameter in method.parameters { try Schema.check(parameter.type, of: "\(what())(\(parameter.name))", in: place) }
        }
    }

    private static func check(_ type: CIMTypeReference, of what: @autoclosure () -> String, in place: Namespace) throws(CIMError) {
        guard let named = type.className, !CIMName.equal(named, "object"), place.classes[CIMName(named)] == nil else { return }
        let names = place.classes.values.lazy.map(\.name)
        let meant = CIMName.nearest(to: named, among: names) ?? (type.base == .object ? CIMType.meant(by: named)?.mofName : nil)
        let question = meant.map { "; did you mean \($0)?" } ?? ""
        let verb = type.base == .object ? "holds objects of" : "refers to"
        throw CIMError(.invalidClass, "\(what()) \(verb) class \(named), which is not there\(question)")
    }

    private static func check(
        _ type: CIMTypeReference, of what: @autoclosure () -> String, overrides overridden: CIMProperty, in place: Namespace
    ) throws(CIMError) {
        guard let wide = overridden.type.className, !CIMName.equal(wide, "object") else { return }
        let narrow = type.className.flatMap { place.classes[CIMName($0)]?.resolved }
        guard narrow?.isSameOrDerived(from: wide) ?? false else {
            throw CIMError(
                .updateTypeMismatch,
                "\(what()) is \(type), but \(overridden.origin) declares it \(overridden.type): it may be of \(wide) or a class below it")
        }
    }

    private static func checkMayPut(_ declared: CIMClass, old: StoredClass?) throws(CIMError) {
        if CIMName.isSystemName(declared.name) || old?.isSystem ?? false {
            throw CIMError(
                .accessDenied,
                old == nil
                    ? "class \(declared.name): names that start with two underscores are reserved for system classes; choose another"
                    : "\(declared.name) is a system class, which nobody may change")
        }
        let names =
            declared.properties.lazy.map(\.name) + declared.methods.lazy.map(\.name)
            + declared.methods.lazy.flatMap { $0.parameters.map(\.name) }
        if let system = names.first(where: { CIMName.isSystemName($0) }) {
            throw CIMError(.invalidClass, "\(declared.name).\(system): a name that starts with __ is the system's")
        }
    }

    private static func resolve(_ local: CIMClass, below changed: String, parent: StoredClass) throws(CIMError) -> StoredClass {
        do throws(CIMError) {
            return try StoredClass(local, parent: parent)
        } catch {
            var error = error.of("class \(changed) cannot change, because of \(local.name) below it")
            if error.status == .propagatedMethod { error.status = .updatePropagatedMethod }
            throw error
        }
    }
}

extension CIMClass {
    /// The qualifiers that change what a class or its feature is (Semantics H.5). All others only describe.
    private static let importantQualifiers: Set<CIMName> = [
        "amendment",
        "abstract", "terminal", "singleton", "dynamic", "provider", "DynProps", "PropertyContext", "ClassContext", "MethodContext",
        "EventContext", "key",
        "implemented",
        "static", "disabled", "Bypass_GetObject", "constructor", "destructor", "ID", "optional", "in", "out", "CIMTYPE", "SubType",
        "Indication", "Association", "EmbeddedInstance", "EmbeddedObject",
    ]

    fileprivate var withoutDescriptions: CIMClass {
        func important(_ qualifiers: [CIMQualifier]) -> [CIMQualifier] {
            qualifiers.filter { CIMClass.importantQualifiers.contains(CIMName($0.name)) }
        }
        var bare = self
        bare.qualifiers = important(qualifiers)
        for index in bare.properties.indices { bare.properties[index].qualifiers = important(properties[index].qualifiers) }
        for index in bare.methods.indices {
            bare.methods[index].qualifiers = important(methods[index].qualifiers)
            for position in bare.methods[index].parameters.indices {
                bare.methods[index].parameters[position].qualifiers = important(methods[index].parameters[position].qualifiers)
            }
        }
        return bare
    }

    /// Removes the qualifiers that `parent` hands down as not overridable and this declaration overrides; whether there was one.
    fileprivate mutating func removeQualifiers(lockedBy parent: CIMClass) -> Bool {
        var removed = CIMClass.remove(from: &qualifiers, lockedBy: parent.qualifiers)
        for index in properties.indices {
            guard let theirs = parent.property(named: properties[index].name) else { continue }
            removed = CIMClass.remove(from: &properties[index].qualifiers, lockedBy: theirs.qualifiers) || removed
        }
        let methodsAbove = Dictionary(parent.methods.map { (CIMName($0.name), $0) }, uniquingKeysWith: { first, _ in first })
        for index in methods.indices {
            guard let theirs = methodsAbove[CIMName(methods[index].name)] else { continue }
            removed = CIMClass.remove(from: &methods[index].qualifiers, lockedBy: theirs.qualifiers) || removed
            for position in methods[index].parameters.indices {
                guard let parameter = theirs.parameter(named: methods[index].parameters[position].name) else { continue }
                removed = CIMClass.remove(from: &methods[index].parameters[position].qualifiers, lockedBy: parameter.qualifiers) || removed
            }
        }
        return removed
    }

    private static func remove(from qualifiers: inout [CIMQualifier], lockedBy parent: [CIMQualifier]) -> Bool {
        let count = qualifiers.count
        let locked = Dictionary(
            parent.lazy.filter { $0.flavor.contains(.disableOverride) }.map { (CIMName($0.name), $0.value) },
            uniquingKeysWith: { first, _ in first })
        qualifiers.removeAll { mine in locked[CIMName(mine.name)].map { $0 != mine.value } ?? false }
        return qualifiers.count < count
    }
}
