import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// Who answers an operation: a provider, the repository, several of them, or the broker itself.
extension Broker {
    /// Finds the class and who answers for it, and checks what the client sends against the class. Failures that belong in the sink come back
    /// as a target (A.5); wrong arguments are thrown (R54, R111).
    func resolve(_ arguments: ServicesCall, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
        switch arguments.kind {
        case .putClass, .deleteClass, .createClassEnum: return try resolveClass(arguments, &record)
        case .execQuery: return try resolveQuery(arguments, &record)
        case .getObject, .putInstance, .deleteInstance, .createInstanceEnum, .execMethod: break
        }
        let className: String
        if arguments.kind == .putInstance {
            className = try Self.className(of: arguments.object)
        } else {
            className = arguments.path?.className ?? ""
        }
        guard let layout = schema.layout(className, in: arguments.namespace), let declaration = layout.declaration else {
            let isClassItself = arguments.kind == .getObject && arguments.path?.isClassPath == true
            return .broker(
                .stated(isClassItself ? .notFound : .invalidClass, "class \(className.clipped()) does not exist in \(arguments.namespace)"),
                answer: nil)
        }
        record.expectation = .instances(of: layout)
        if let kept = arguments.partialRead, arguments.kind == .getObject || arguments.kind == .createInstanceEnum {
            record.filter = RowFilter(keeping: kept, arguments, classes: surroundings(of: arguments.namespace).1)
        }
        let isDirect = arguments.flags.contains(.directRead)
        switch arguments.kind {
        case .getObject where arguments.path?.isClassPath == true: return answer(with: declaration, record)
        case .createInstanceEnum:
            record.path = declaration.name
            return enumerate(layout, arguments, &record)
        case .getObject, .deleteInstance:
            guard let path = arguments.path else { break }
            let canonical: CIMObjectPath
            do throws(ObjectPathError) {
                canonical = try schema.canonical(path, of: declaration, keys: layout.keyProperties, in: arguments.namespace)
            } catch {
                return .broker(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), answer: nil)
            }
            record.path = canonical.relativePath
            record.target = record.path.clipped()
            if arguments.kind == .getObject { return get(canonical, layout, isDirect: isDirect, &record) }
            return try delete(canonical, layout, &record)
        case .putInstance:
            if declaration.isAbstract {
                return .broker(.stated(.invalidOperation, "class \(declaration.name) is abstract and has no instances"), answer: nil)
            }
            record.target = declaration.name
            try checkInput(arguments, .instances(of: layout), &record, "PutInstance")
            if !record.putPath.isEmpty { record.target = record.putPath.clipped() }
            return try put(arguments, layout, &record)
        case .execMethod:
            if let failure = try resolveMethod(arguments, declaration, &record) { return .broker(failure, answer: nil) }
            if isOwn(declaration), let path = arguments.path {
                record.work = .administer(path, method: record.method)
                return .conducted
            }
            return invoke(arguments, declaration, &record)
        default: break
        }
        return .broker(.stated(.notSupported, "\(arguments.kind.rawValue) is not supported"), answer: nil)
    }

    /// A single provider's answer goes straight through; anything else is conducted.
    private func enumerate(_ layout: ObjectLayout, _ arguments: ServicesCall, _ record: inout OperationRecord) -> Request.Target {
        let isDirect = arguments.flags.contains(.directRead)
        let isShallow = arguments.flags.contains(.shallow)
        let isServed = layout.declaration?.isServed ?? false
        // What a provider gives as its class's may be an instance of a class below, as the provider of that one knows.
        let hierarchy = hierarchy(
            of: layout, in: arguments.namespace, for: .createInstanceEnum, above: !isDirect,
            below: !isDirect && (!isShallow || isServed))
        if let nobody = hierarchy.nobody { return .broker(nobody, answer: nil) }
        let mustFilter = isShallow && !schema.schema.children(of: layout.className, in: arguments.namespace).isEmpty
        if hierarchy.needsMerge || mustFilter && !hierarchy.served.isEmpty {
            record.work = .enumerateMerging(hierarchy, onlyClass: mustFilter ? layout.className : nil)
            return .conducted
        }
        let sources = hierarchy.sources
        if sources.count == 1 {
            switch sources[0] {
            case .provider(let registration, let served) where served === layout: return .provider(registration)
            case .failure(let outcome, _): return .broker(outcome, answer: nil)
            default: break
            }
        }
        record.work = .enumerate(sources)
        return .conducted
    }

    private func get(_ path: CIMObjectPath, _ layout: ObjectLayout, isDirect: Bool, _ record: inout OperationRecord) -> Request.Target {
        let isServed = layout.declaration?.isServed ?? false
        let hierarchy = hierarchy(
            of: layout, in: record.namespace, for: .getObject, above: !isDirect, below: !isServed && !isDirect)
        if let nobody = hierarchy.nobody { return .broker(nobody, answer: nil) }
        if hierarchy.served.isEmpty {
            record.work = .instance(path)
        } else if hierarchy.served.count == 1, isServed {
            return hierarchy.served[0].requestTarget
        } else {
            record.work = .get(path, hierarchy)
        }
        return .conducted
    }

    private func delete(_ path: CIMObjectPath, _ layout: ObjectLayout, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
        let hierarchy = hierarchy(of: layout, in: record.namespace, for: .deleteInstance)
        if let nobody = hierarchy.nobody { return .broker(nobody, answer: nil) }
        if hierarchy.served.isEmpty {
            try checkMayWrite(.deleteInstance, record)
            record.work = .commit([.deleteInstance(path, in: record.namespace)])
        } else if hierarchy.served.count == 1, hierarchy.stored.isEmpty, hierarchy.served[0].layout === layout {
            return hierarchy.served[0].requestTarget
        } else {
            record.work = .delete(path, hierarchy)
        }
        return .conducted
    }

    private func put(_ arguments: ServicesCall, _ layout: ObjectLayout, _ record: inout OperationRecord) throws(CIMError) -> Request.Target
    {
        let hierarchy = hierarchy(of: layout, in: record.namespace, for: .putInstance, below: false)
        if let nobody = hierarchy.nobody { return .broker(nobody, answer: nil) }
        if hierarchy.served.count == 1, hierarchy.served[0].layout === layout { return hierarchy.served[0].requestTarget }
        var instance = try checkedInstance(arguments, layout)
        guard hierarchy.served.isEmpty else {
            record.work = .put(instance, hierarchy)
            return .conducted
        }
        try checkMayWrite(.putInstance, record)
        if arguments.flags.contains(.useAmendedQualifiers) { instance.removeAmendedQualifiers() }
        let only = arguments.partialPut
        // On the bus an absent property is NULL, and a NULL key is the service's to choose (SEMANTICS C.1.2). A partial put writes the NULLs
        // of what it lists (R70, R71).
        for property in layout.declaration?.properties ?? [] where instance[property.name] == nil {
            let isWritten = only?.contains { CIMName.equal($0, property.name) } ?? true
            if isWritten { instance[property.name] = .null }
        }
        if !CIMName.equal(layout.className, "__NAMESPACE") {
            instance = schema.schema.withGeneratedKeys(instance, in: record.namespace)
        }
        if record.putPath.isEmpty, let path = layout.declaration.flatMap({ try? instance.path(in: $0) }) {
            record.putPath = path.relativePath
            record.target = record.putPath.clipped()
        }
        let flags = ChangeFlags(rawValue: arguments.flags.rawValue).intersection([.updateOnly, .createOnly])
        record.work = .commit([.putInstance(instance, in: record.namespace, flags: flags, only: only)])
        return .conducted
    }

    /// Who answers for a class: its provider, or, for a static class, the broker itself.
    func provider(of declaration: CIMClass, in namespace: CIMNamespaceName, for kind: Request.Kind) -> Request.Target {
        guard let name = declaration.providerName else {
            if declaration.isUnserved { return .broker(Self.hasNoProvider(declaration), answer: nil) }
            if kind == .execMethod {
                return .broker(.stated(.methodNotImplemented, "class \(declaration.name) names no provider for its methods"), answer: nil)
            }
            return .conducted
        }
        if !declaration.isDynamic, kind != .execMethod { return .conducted }
        if let definition = schema.provider(name, in: namespace), let failure = Self.refusal(of: definition, declaration, kind) {
            return .broker(failure, answer: nil)
        }
        guard let registration = core.registry.find(namespace: namespace.text, name: name) else {
            return .broker(
                .stated(.providerNotFound, "class \(declaration.name) names provider \(name), which never registered in \(namespace)"),
                answer: nil)
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

    // MARK: - What is stored

    /// An operation on classes themselves (SEMANTICS A.4).
    private func resolveClass(_ arguments: ServicesCall, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
        let name = arguments.path?.className ?? ""
        switch arguments.kind {
        case .putClass:
            try checkMayWrite(arguments.kind, record)
            guard var reader = arguments.object else { break }
            var declaration: CIMClass
            do {
                declaration = try reader.readClass()
            } catch {
                throw CIMError(.invalidObject, "PutClass: \(error)")
            }
            record.target = declaration.name.clipped()
            if arguments.flags.contains(.useAmendedQualifiers) {
                declaration.removeAmendedQualifiers(keeping: schema.declaration(declaration.name, in: arguments.namespace))
            }
            let flags = ChangeFlags(rawValue: arguments.flags.rawValue).intersection(.all)
            record.work = .commit([.putClass(declaration, in: arguments.namespace, flags: flags)])
        case .deleteClass:
            try checkMayWrite(arguments.kind, record)
            record.work = .commit([.deleteClass(name, in: arguments.namespace)])
        default:
            do throws(CIMError) {
                let isDeep = !arguments.flags.contains(.shallow)
                record.work = .classes(try schema.schema.subclasses(of: name, deep: isDeep, in: arguments.namespace))
            } catch {
                return .broker(.stated(error.status, error.message), answer: nil)
            }
        }
        return .conducted
    }

    private static func className(of object: BodyReader?) throws(CIMError) -> String {
        guard let object else { throw CIMError(.invalidParameter, "PutInstance: no instance") }
        do {
            let said = try identity(of: object)
            if said.isClass { throw CIMError(.invalidObject, "PutInstance: the object is a class, not an instance") }
            if said.className.isEmpty { throw CIMError(.invalidObject, "PutInstance: the instance has no __CLASS") }
            return said.className
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidObject, "PutInstance: \(error)")
        }
    }

    /// What an object says it is: its `__CLASS`, empty without one, and whether its `__GENUS` is a class's.
    static func identity(of object: BodyReader) throws -> (className: String, isClass: Bool) {
        var reader = object
        let end = try reader.enterArray(elementAlignment: 8)
        var said = (className: "", isClass: false)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let key = try reader.readString()
            guard key.hasPrefix("__") else {
                let types = try reader.readSignatureBytes()
                try reader.skip(types: types)
                continue
            }
            let value = try reader.readVariant()
            if CIMName.equal(key, SystemProperty.className) { said.className = value.stringValue ?? "" }
            if CIMName.equal(key, SystemProperty.genus), value.read(asScalar: .sint32) == .sint32(1) { said.isClass = true }
        }
        return said
    }

    /// The instance of a put with its class's types, and with its qualifiers, which no single provider is sent.
    private func checkedInstance(_ arguments: ServicesCall, _ layout: ObjectLayout) throws(CIMError) -> CIMInstance {
        guard var object = arguments.object else { throw CIMError(.invalidObject, "PutInstance: no instance") }
        let (schema, namespace) = (schema, arguments.namespace)
        var checker = ObjectChecker(.instances(of: layout), keepsQualifiers: true) { schema.layout($0, in: namespace) }
        do {
            try checker.checkObject(&object)
            var writer = BodyWriter()
            writer.append(object: try checker.finish())
            var reader = try writer.finish().withUnsafeBytes { BodyReader(copying: $0) }
            var instance = try reader.readInstance(layout)
            instance.path = nil
            return instance
        } catch {
            let fault = ObjectFault(error)
            throw CIMError(fault.status, "PutInstance: \(fault.description)")
        }
    }

    private func answer(with declaration: CIMClass, _ record: OperationRecord) -> Request.Target {
        do throws(ObjectFault) {
            return .broker(Outcome(.noError), answer: payloads.keep(.rewritten(try encoded(declaration, record))))
        } catch {
            return .broker(.stated(error.status, error.description), answer: nil)
        }
    }

    func checkInput(
        _ arguments: ServicesCall, _ expectation: ObjectChecker.Expectation, _ record: inout OperationRecord, _ what: String
    ) throws(CIMError) {
        guard var reader = arguments.object else { return }
        let namespace = arguments.namespace
        let schema = schema
        var checker = ObjectChecker(expectation) { schema.layout($0, in: namespace) }
        do throws(ObjectFault) {
            try checker.checkObject(&reader)
            record.putPath = checker.relativePath
            record.input = try checker.finish()
        } catch {
            let isParameters = arguments.kind == .execMethod && error.kind == .misfit
            throw CIMError(isParameters ? .invalidMethodParameters : error.status, "\(what): \(error.description)")
        }
    }
}
