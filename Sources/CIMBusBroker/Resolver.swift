import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository

/// Says who answers a request: a provider, the repository, several of them, or the broker itself; and what exactly each is asked.
///
/// It is a value over what is known at one moment, the schema, the registrations and the rights, and changes nothing. The same request always
/// has the same ``Resolution``. The broker puts objects on the wire and keeps them.
///
/// Inside it a wrong argument is thrown; every other way to end is a `Resolution`.
struct Resolver {
    let snapshot: SchemaSnapshot
    let registry: ProviderRegistry
    let rights: RegistrationRights

    var schema: Schema { snapshot.schema }

    /// Finds the class and who answers for it, and checks what the client sends against the class.
    /// - Parameter user: the client's.
    func resolve(_ arguments: ServicesCall, for user: UInt32) -> Resolution {
        do throws(CIMError) {
            return switch arguments.kind {
            case .putClass, .deleteClass, .createClassEnum: try classOperation(arguments, user)
            case .execQuery: try query(arguments)
            case .getObject, .putInstance, .deleteInstance, .createInstanceEnum, .execMethod: try instanceOperation(arguments, user)
            }
        } catch {
            return .refused(error)
        }
    }

    private func instanceOperation(_ arguments: ServicesCall, _ user: UInt32) throws(CIMError) -> Resolution {
        let namespace = arguments.namespace
        let isClassItself = arguments.kind == .getObject && arguments.path?.isClassPath == true
        let className: String
        if arguments.kind == .putInstance {
            className = try Self.className(of: arguments.object)
        } else {
            className = arguments.path?.className ?? ""
        }
        guard let layout = snapshot.layout(className, in: namespace), let declaration = layout.declaration else {
            let status: WBEMStatus = isClassItself ? .notFound : .invalidClass
            return .answered(.stated(status, "class \(className.clipped()) does not exist in \(namespace)"), Question())
        }
        var question = Question(expectation: .instances(of: layout))
        if let kept = arguments.partialRead, arguments.kind == .getObject || arguments.kind == .createInstanceEnum {
            question.filter = RowFilter(keeping: kept, arguments, classes: snapshot.surroundings(of: namespace).classes)
        }
        if isClassItself { return .answered(Outcome(.noError), question, .declaration(declaration)) }
        switch arguments.kind {
        case .createInstanceEnum:
            question.path = declaration.name
            return enumeration(arguments, layout, question)
        case .putInstance: return try put(arguments, layout, declaration, question, user)
        case .execMethod: return try method(arguments, layout, declaration, question)
        default: break
        }
        guard let path = arguments.path else {
            return .answered(.stated(.notSupported, "\(arguments.kind.rawValue) is not supported"), question)
        }
        let canonical: CIMObjectPath
        do throws(ObjectPathError) {
            canonical = try snapshot.canonical(path, of: declaration, keys: layout.keyProperties, in: namespace)
        } catch {
            return .answered(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), question)
        }
        question.path = canonical.relativePath
        question.instance = canonical
        question.subject = question.path.clipped()
        if arguments.kind == .getObject { return get(arguments, canonical, layout, question) }
        return try delete(arguments, canonical, layout, question, user)
    }

    /// A single provider's answer goes straight through; anything else is conducted.
    private func enumeration(_ arguments: ServicesCall, _ layout: ObjectLayout, _ question: Question) -> Resolution {
        let isDirect = arguments.flags.contains(.directRead)
        let isShallow = arguments.flags.contains(.shallow)
        let isServed = layout.declaration?.isServed ?? false
        // What a provider gives as its class's may be an instance of a class below, as the provider of that one knows.
        let hierarchy = hierarchy(
            of: layout, in: arguments.namespace, for: .createInstanceEnum, above: !isDirect,
            below: !isDirect && (!isShallow || isServed))
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        let mustFilter = isShallow && !schema.children(of: layout.className, in: arguments.namespace).isEmpty
        if hierarchy.needsMerge || mustFilter && !hierarchy.served.isEmpty {
            return .conducted(.enumerateMerging(hierarchy, onlyClass: mustFilter ? layout.className : nil), question)
        }
        let sources = hierarchy.sources
        if sources.count == 1 {
            switch sources[0] {
            case .provider(let registration, let served) where served === layout: return .ask(registration, question)
            case .failure(let outcome, _): return .answered(outcome, question)
            default: break
            }
        }
        return .conducted(.enumerate(sources), question)
    }

    private func get(_ arguments: ServicesCall, _ path: CIMObjectPath, _ layout: ObjectLayout, _ question: Question) -> Resolution {
        let isDirect = arguments.flags.contains(.directRead)
        let isServed = layout.declaration?.isServed ?? false
        // Nothing is above it, and its provider knows what is below: the hierarchy would have one unit.
        if isServed, let declaration = layout.declaration, declaration.derivation.isEmpty, !declaration.isBrokers,
            let name = declaration.providerName
        {
            return ask(provider(named: name, of: declaration, in: arguments.namespace, for: .getObject), question)
        }
        let hierarchy = hierarchy(
            of: layout, in: arguments.namespace, for: .getObject, above: !isDirect, below: !isServed && !isDirect)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.isEmpty { return .conducted(.instance(path), question) }
        if hierarchy.served.count == 1, isServed { return ask(hierarchy.served[0].target, question) }
        return .conducted(.get(path, hierarchy), question)
    }

    private func delete(
        _ arguments: ServicesCall, _ path: CIMObjectPath, _ layout: ObjectLayout, _ question: Question, _ user: UInt32
    ) throws(CIMError) -> Resolution {
        let hierarchy = hierarchy(of: layout, in: arguments.namespace, for: .deleteInstance)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.isEmpty {
            try rights.checkMayWrite(.deleteInstance, in: arguments.namespace, user: user)
            return .conducted(.commit([.deleteInstance(path, in: arguments.namespace)]), question)
        }
        if hierarchy.served.count == 1, hierarchy.stored.isEmpty, hierarchy.served[0].layout === layout {
            return ask(hierarchy.served[0].target, question)
        }
        return .conducted(.delete(path, hierarchy), question)
    }

    private func put(
        _ arguments: ServicesCall, _ layout: ObjectLayout, _ declaration: CIMClass, _ question: Question, _ user: UInt32
    ) throws(CIMError) -> Resolution {
        if declaration.isAbstract {
            return .answered(.stated(.invalidOperation, "class \(declaration.name) is abstract and has no instances"), question)
        }
        var question = question
        try readInput(arguments, .instances(of: layout), "PutInstance", into: &question)
        question.subject = question.putPath.isEmpty ? declaration.name : question.putPath.clipped()
        let hierarchy = hierarchy(of: layout, in: arguments.namespace, for: .putInstance, below: false)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.count == 1, hierarchy.served[0].layout === layout { return ask(hierarchy.served[0].target, question) }
        var instance = try instance(of: arguments, layout)
        guard hierarchy.served.isEmpty else { return .conducted(.put(instance, hierarchy), question) }
        try rights.checkMayWrite(.putInstance, in: arguments.namespace, user: user)
        if arguments.flags.contains(.useAmendedQualifiers) { instance.removeAmendedQualifiers() }
        let only = arguments.partialPut
        // On the bus an absent property is NULL, and a NULL key is the service's to choose (SEMANTICS C.1.2). A partial put writes the NULLs
        // of what it lists (R70, R71).
        for property in declaration.properties where instance[property.name] == nil {
            let isWritten = only?.contains { CIMName.equal($0, property.name) } ?? true
            if isWritten { instance[property.name] = .null }
        }
        if !CIMName.equal(layout.className, "__NAMESPACE") {
            instance = schema.withGeneratedKeys(instance, in: arguments.namespace)
        }
        if question.putPath.isEmpty, let path = try? instance.path(in: declaration) {
            question.putPath = path.relativePath
            question.subject = question.putPath.clipped()
        }
        let flags = ChangeFlags(rawValue: arguments.flags.rawValue).intersection([.updateOnly, .createOnly])
        return .conducted(.commit([.putInstance(instance, in: arguments.namespace, flags: flags, only: only)]), question)
    }

    /// The one provider is asked, or the failure to find it is the answer.
    func ask(_ target: ServedClass.Target, _ question: Question) -> Resolution {
        switch target {
        case .provider(let registration): .ask(registration, question)
        case .failure(let outcome): .answered(outcome, question)
        }
    }

    // MARK: - Providers

    /// The registration of the provider that a class names, or why it cannot be asked this kind of operation.
    func provider(
        named name: String, of declaration: CIMClass, in namespace: CIMNamespaceName, for kind: Request.Kind
    ) -> ServedClass.Target {
        if let definition = snapshot.provider(name, in: namespace), let failure = Self.refusal(of: definition, declaration, kind) {
            return .failure(failure)
        }
        guard let registration = registry.find(namespace: namespace.text, name: name) else {
            return .failure(
                .stated(.providerNotFound, "class \(declaration.name) names provider \(name), which never registered in \(namespace)"))
        }
        return .provider(registration.id)
    }

    /// What a provider's definition does not say that it does is not asked of it (SEMANTICS D.3).
    private static func refusal(of checked: CheckedDefinition, _ declaration: CIMClass, _ kind: Request.Kind) -> Outcome? {
        if let fault = checked.fault { return .stated(fault.status, fault.message) }
        let definition = checked.definition
        guard definition.isEnabled else {
            return .stated(.providerDisabled, "provider \(definition.name) of class \(declaration.name) is disabled by its definition")
        }
        let isSupported =
            switch kind {
            case .getObject: definition.instances?.get ?? false
            case .putInstance: definition.instances?.put ?? false
            case .deleteInstance: definition.instances?.delete ?? false
            case .createInstanceEnum: definition.instances?.enumeration ?? false
            case .execMethod: definition.providesMethods
            default: true
            }
        return isSupported
            ? nil
            : .stated(
                .providerNotCapable,
                "provider \(definition.name) of class \(declaration.name) does not support \(kind.rawValue), say its registrations")
    }

    // MARK: - Classes

    /// An operation on classes themselves (SEMANTICS A.4).
    private func classOperation(_ arguments: ServicesCall, _ user: UInt32) throws(CIMError) -> Resolution {
        let (name, namespace) = (arguments.path?.className ?? "", arguments.namespace)
        switch arguments.kind {
        case .putClass:
            try rights.checkMayWrite(arguments.kind, in: namespace, user: user)
            guard var reader = arguments.object else { throw CIMError(.invalidParameter, "PutClass: no class") }
            var declaration: CIMClass
            do {
                declaration = try reader.readClass()
            } catch {
                throw CIMError(.invalidObject, "PutClass: \(error)")
            }
            if arguments.flags.contains(.useAmendedQualifiers) {
                declaration.removeAmendedQualifiers(keeping: snapshot.declaration(declaration.name, in: namespace))
            }
            let flags = ChangeFlags(rawValue: arguments.flags.rawValue).intersection(.all)
            return .conducted(
                .commit([.putClass(declaration, in: namespace, flags: flags)]), Question(subject: declaration.name.clipped()))
        case .deleteClass:
            try rights.checkMayWrite(arguments.kind, in: namespace, user: user)
            return .conducted(.commit([.deleteClass(name, in: namespace)]), Question())
        default:
            do throws(CIMError) {
                let isDeep = !arguments.flags.contains(.shallow)
                return .conducted(.classes(try schema.subclasses(of: name, deep: isDeep, in: namespace)), Question())
            } catch {
                return .answered(.stated(error.status, error.message), Question())
            }
        }
    }
}

extension Outcome {
    /// Why an operation on a dynamic class without a provider ends: nobody is asked, the provider of a class above it neither.
    static func hasNoProvider(_ declaration: CIMClass) -> Outcome {
        .stated(
            .providerNotFound,
            "class \(declaration.name) is dynamic and names no provider, so nobody has instances of it; give it the qualifier provider")
    }
}

extension RegistrationRights {
    /// Classes, static instances and namespaces are root's and the broker's own user's to change (SEMANTICS D.9.1: FULL_WRITE_REP).
    func checkMayWrite(_ kind: Request.Kind, in namespace: CIMNamespaceName, user: UInt32) throws(CIMError) {
        guard mayWrite(uid: user) else {
            throw CIMError(
                .accessDenied,
                "\(kind.rawValue): uid \(user) may not change what is stored in \(namespace); root and the broker's user may")
        }
    }
}

extension Broker {
    /// What is known now, to decide by. Nobody keeps it: the core's registry would be copied with its next change.
    var resolver: Resolver { Resolver(snapshot: schema.snapshot, registry: core.registry, rights: rights) }
}
