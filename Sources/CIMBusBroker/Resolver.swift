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
    let rights: Rights
    /// Who asks.
    let caller: Caller

    var schema: Schema { snapshot.schema }

    /// Finds the class and who answers for it, and checks what the client may, and what it sends against the class.
    func resolve(_ arguments: ServicesCall) -> Resolution {
        do throws(CIMError) {
            try checkMayAsk(arguments)
            return switch arguments.kind {
            case .getObject: get(arguments)
            case .putInstance: try put(arguments)
            case .deleteInstance: try delete(arguments)
            case .createInstanceEnum: enumeration(arguments)
            case .execMethod: try method(arguments)
            case .execQuery: try query(arguments)
            case .execNotificationQuery: try subscription(arguments)
            case .putClass: try putClass(arguments)
            case .deleteClass: try deleteClass(arguments)
            case .createClassEnum: classEnumeration(arguments)
            }
        } catch {
            return .refused(error)
        }
    }

    // MARK: - The class

    /// The class that a request names, and the question that is asked about its instances.
    struct NamedClass {
        let layout: ObjectLayout
        let indexed: IndexedClass
        var question: Question

        var declaration: CIMClass { indexed.declaration }
    }

    /// - Returns: nil when there is no such class; then the answer is ``noClass(_:_:_:)``.
    func namedClass(_ name: String, _ arguments: ServicesCall) -> NamedClass? {
        guard let layout = snapshot.layout(name, in: arguments.namespace), let indexed = layout.indexed else { return nil }
        return NamedClass(layout: layout, indexed: indexed, question: Question(expectation: .instances(of: layout)))
    }

    /// What is not there belongs in the sink (A.5).
    func noClass(_ name: String, _ arguments: ServicesCall, _ status: WBEMStatus = .invalidClass) -> Resolution {
        .answered(.stated(status, "class \(name.clipped()) does not exist in \(arguments.namespace)"), Question())
    }

    /// What a read asks for less than everything is cut off whatever comes.
    private func partialRead(_ arguments: ServicesCall) -> RowFilter? {
        arguments.partialRead.map {
            RowFilter(keeping: $0, arguments, classes: snapshot.surroundings(of: arguments.namespace).classes)
        }
    }

    /// The path of a get or a delete in its one form, which becomes what is asked; nil when it is no path of an instance of the class.
    private func canonical(
        _ path: CIMObjectPath, of named: inout NamedClass, _ arguments: ServicesCall
    ) throws(ObjectPathError) -> CIMObjectPath {
        let canonical = try snapshot.canonical(
            path, of: named.declaration, keys: named.layout.keyProperties, in: arguments.namespace)
        named.question.path = canonical.relativePath
        named.question.instance = canonical
        named.question.subject = named.question.path.clipped()
        return canonical
    }

    private func noInstance(_ path: CIMObjectPath, _ error: ObjectPathError, _ question: Question) -> Resolution {
        .answered(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), question)
    }

    // MARK: - Instances

    /// A single provider's answer goes straight through; anything else is conducted.
    private func enumeration(_ arguments: ServicesCall) -> Resolution {
        let name = arguments.path?.className ?? ""
        guard let named = namedClass(name, arguments) else { return noClass(name, arguments) }
        let layout = named.layout
        var question = named.question
        question.filter = partialRead(arguments)
        question.path = named.declaration.name
        let isDirect = arguments.flags.contains(.directRead)
        let isShallow = arguments.flags.contains(.shallow)
        // What a provider gives as its class's may be an instance of a class below, as the provider of that one knows.
        let hierarchy = hierarchy(
            of: layout, in: arguments.namespace, for: .createInstanceEnum, above: !isDirect,
            below: !isDirect && (!isShallow || named.declaration.isServed))
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

    private func get(_ arguments: ServicesCall) -> Resolution {
        let path = arguments.path ?? CIMObjectPath(className: "")
        guard var named = namedClass(path.className, arguments) else {
            return noClass(path.className, arguments, path.isClassPath ? .notFound : .invalidClass)
        }
        if path.isClassPath {
            let object: OwnObjects = arguments.classShape ? .shape(named.declaration) : .declaration(named.declaration)
            return .answered(Outcome(.noError), named.question, object)
        }
        named.question.filter = partialRead(arguments)
        let canonical: CIMObjectPath
        do throws(ObjectPathError) {
            canonical = try self.canonical(path, of: &named, arguments)
        } catch {
            return noInstance(path, error, named.question)
        }
        let question = named.question
        let isDirect = arguments.flags.contains(.directRead)
        let isServed = named.indexed.isServed
        // Nothing is above it, and its provider knows what is below: the hierarchy would have one unit.
        if isServed, named.declaration.derivation.isEmpty, !named.declaration.isBrokers, let name = named.indexed.providerName {
            return ask(provider(named: name, of: named.declaration, in: arguments.namespace, for: .getObject), question)
        }
        let hierarchy = hierarchy(
            of: named.layout, in: arguments.namespace, for: .getObject, above: !isDirect, below: !isServed && !isDirect)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.isEmpty { return .conducted(.pages(.instance(canonical)), question) }
        if hierarchy.served.count == 1, isServed { return ask(hierarchy.served[0].responder, question) }
        return .conducted(.get(canonical, hierarchy), question)
    }

    private func delete(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let path = arguments.path ?? CIMObjectPath(className: "")
        guard var named = namedClass(path.className, arguments) else { return noClass(path.className, arguments) }
        let canonical: CIMObjectPath
        do throws(ObjectPathError) {
            canonical = try self.canonical(path, of: &named, arguments)
        } catch {
            return noInstance(path, error, named.question)
        }
        let question = named.question
        try checkMayWrite(named.declaration, arguments)
        let hierarchy = hierarchy(of: named.layout, in: arguments.namespace, for: .deleteInstance)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.isEmpty {
            try checkMayWriteStored(named.declaration.name, in: arguments.namespace, .deleteInstance)
            return .conducted(.commit([.deleteInstance(canonical, in: arguments.namespace)]), question)
        }
        if hierarchy.served.count == 1, hierarchy.stored.isEmpty, hierarchy.served[0].layout === named.layout {
            return ask(hierarchy.served[0].responder, question)
        }
        return .conducted(.delete(canonical, hierarchy), question)
    }

    private func put(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let name = try Self.className(of: arguments.object)
        guard let named = namedClass(name, arguments) else { return noClass(name, arguments) }
        let (layout, declaration) = (named.layout, named.declaration)
        if declaration.isAbstract {
            return .answered(.stated(.invalidOperation, "class \(declaration.name) is abstract and has no instances"), named.question)
        }
        try checkMayWrite(declaration, arguments)
        var question = named.question
        try readInput(arguments, .instances(of: layout), "PutInstance", into: &question)
        question.subject = question.putPath.isEmpty ? declaration.name : question.putPath.clipped()
        let hierarchy = hierarchy(of: layout, in: arguments.namespace, for: .putInstance, below: false)
        if let nobody = hierarchy.nobody { return .answered(nobody, question) }
        if hierarchy.served.count == 1, hierarchy.served[0].layout === layout { return ask(hierarchy.served[0].responder, question) }
        let instance = try instance(of: arguments, layout)
        guard hierarchy.served.isEmpty else { return .conducted(.put(instance, hierarchy), question) }
        try checkMayWriteStored(declaration.name, in: arguments.namespace, .putInstance)
        return storedPut(instance, arguments, declaration, question)
    }

    /// A put of an instance that nobody but the repository has.
    private func storedPut(
        _ instance: CIMInstance, _ arguments: ServicesCall, _ declaration: CIMClass, _ question: Question
    ) -> Resolution {
        var (instance, question) = (instance, question)
        if arguments.flags.contains(.useAmendedQualifiers) { instance.removeAmendedQualifiers() }
        let only = arguments.partialPut
        // On the bus an absent property is NULL, and a NULL key is the service's to choose (Semantics C.1.2). A partial put writes the NULLs
        // of what it lists (R70, R71).
        for property in declaration.properties where instance[property.name] == nil {
            let isWritten = only?.contains { CIMName.equal($0, property.name) } ?? true
            if isWritten { instance[property.name] = .null }
        }
        if !CIMName.equal(declaration.name, "__NAMESPACE") {
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
    func ask(_ responder: ServedClass.Responder, _ question: Question) -> Resolution {
        switch responder {
        case .provider(let registration): .ask(registration, question)
        case .failure(let outcome): .answered(outcome, question)
        }
    }

    // MARK: - Providers

    /// The registration of the provider that a class names, or why it cannot be asked this kind of operation.
    func provider(
        named name: String, of declaration: CIMClass, in namespace: CIMNamespaceName, for kind: Request.Kind
    ) -> ServedClass.Responder {
        if let definition = snapshot.provider(name, in: namespace), let failure = Self.refusal(of: definition, declaration, kind) {
            return .failure(failure)
        }
        guard let registration = registry.find(namespace: namespace.text, name: name) else {
            return .failure(
                .stated(.providerNotFound, "class \(declaration.name) names provider \(name), which never registered in \(namespace)"))
        }
        return .provider(registration.id)
    }

    /// What a provider's definition does not say that it does is not asked of it (Semantics D.3).
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

    // MARK: - Classes themselves (Semantics A.4)

    private func putClass(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let namespace = arguments.namespace
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
        try check(.fullWrite, declaration.name, in: namespace, .putClass)
        let flags = ChangeFlags(rawValue: arguments.flags.rawValue).intersection(.all)
        return .conducted(
            .commit([.putClass(declaration, in: namespace, flags: flags)]), Question(subject: declaration.name.clipped()))
    }

    private func deleteClass(_ arguments: ServicesCall) throws(CIMError) -> Resolution {
        let name = arguments.path?.className ?? ""
        // Those below it go with it.
        for name in [name] + schema.descendants(of: name, in: arguments.namespace) {
            try check(.fullWrite, name, in: arguments.namespace, .deleteClass)
        }
        return .conducted(.commit([.deleteClass(name, in: arguments.namespace)]), Question())
    }

    private func classEnumeration(_ arguments: ServicesCall) -> Resolution {
        let (name, isDeep) = (arguments.path?.className ?? "", !arguments.flags.contains(.shallow))
        do throws(CIMError) {
            let classes = visible(try schema.subclasses(of: name, deep: isDeep, in: arguments.namespace), in: arguments.namespace)
            return .conducted(.pages(.classes(classes[...])), Question())
        } catch {
            return .answered(.stated(error.status, error.message), Question())
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

extension Broker {
    /// What is known now, to decide by. Nobody keeps it: the core's registry would be copied with its next change.
    func resolver(for caller: Caller) -> Resolver {
        Resolver(snapshot: schema.snapshot, registry: core.registry, rights: core.rights, caller: caller)
    }
}
