import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// `org.cimbus1.Services`: one namespace's operations, in their three forms.
extension Broker {
    nonisolated func servicesInterface() -> ExportedInterface {
        var methods: [String: MethodImplementation] = [:]
        for kind in Request.Kind.allCases {
            methods[kind.rawValue] = method { $0.serve($1, kind, .sync) }
            methods[kind.rawValue + "Semisync"] = method { $0.serve($1, kind, .semisync) }
            methods[kind.rawValue + "Async"] = method { $0.serve($1, kind, .async) }
        }
        methods["CancelAsyncCall"] = method { $0.cancelSink($1) }
        methods["Acknowledge"] = method { $0.acknowledge($1) }
        for description in Interfaces.services.methods where methods[description.name.text] == nil {
            let name = description.name.text
            methods[name] = method { _, call in call.fail(CIMError(.notSupported, "\(name) is not supported yet")) }
        }
        return ExportedInterface(Interfaces.services, methods: methods)
    }

    private func serve(_ call: MethodCall, _ kind: Request.Kind, _ form: ServicesCall.Form) {
        guard let client = peer(of: call), let namespace = namespaces[call.message.path ?? ""] else { return }
        do throws(CIMError) {
            let arguments = try ServicesCall(kind, form, namespace, call.message, server: schema.server)
            var record = OperationRecord(
                kind: kind, namespace: namespace, target: arguments.target.clipped(), client: client, userID: uid(of: client) ?? 0,
                form: arguments.requestForm,
                flags: arguments.providerFlags)
            record.context = arguments.context
            record.derivedSystemProperties = arguments.derivedSystemProperties
            record.method = arguments.method
            record.sink = arguments.sink
            if form == .sync { record.call = call }
            let target = try resolve(arguments, &record)
            if case .provider(let registration) = target { record.registration = registration }
            try begin(arguments, record, target, call)
        } catch {
            call.fail(error)
        }
    }

    private func begin(
        _ arguments: ServicesCall, _ record: OperationRecord, _ target: Request.Target, _ call: MethodCall
    ) throws(CIMError) {
        let input = record.input.byteCount
        let uid = record.userID
        guard inputs[uid, default: 0] + input <= max(Self.mostInput, input) else {
            throw CIMError(
                .quotaViolation,
                "\(record.kind.rawValue): uid \(uid) has \(Self.mostInput >> 20) MiB of instances and parameters waiting for providers")
        }
        let request = Request(
            client: record.client, kind: record.kind, form: record.form, target: target,
            wantsProgress: arguments.flags.contains(.sendStatus),
            timeout: arguments.timeout, parent: arguments.parent)
        let id: OperationID
        let effects: [Effect]
        do throws(Refusal) {
            (id, effects) = try core.begin(request, at: Self.now)
        } catch {
            if case .broker(_, let answer?) = target { payloads[answer.payload] = nil }
            throw CIMError(error.status, "\(record.kind.rawValue): \(error.message)")
        }
        records[id] = record
        if input > 0 { inputs[uid, default: 0] += input }
        // The client knows its operation before anything about it arrives.
        if arguments.form != .sync {
            call.reply(signature: Self.pathSignature) { (body) throws(DBusError) in
                body.append(objectPath: Contract.path(ofOperation: id.number))
            }
        }
        perform(effects)
    }

    private static let pathSignature = Signature(verified: "o")
    private static let mostInput = 64 << 20

    /// The client's object has gone to the provider, or never will.
    func dropInput(of id: OperationID) {
        guard let record = records[id], record.input.byteCount > 0 else { return }
        let uid = record.userID
        inputs[uid, default: 0] -= record.input.byteCount
        if inputs[uid] ?? 0 <= 0 { inputs[uid] = nil }
        records[id]?.input = ObjectBatch()
    }

    /// The operation is over, for its client too.
    func forget(_ id: OperationID) {
        dropInput(of: id)
        records[id] = nil
    }

    // MARK: - Who answers

    /// Finds the class and who answers for it, and checks what the client sends against the class. Failures that belong in the sink come back
    /// as a target (A.5); wrong arguments are thrown (R54, R111).
    private func resolve(_ arguments: ServicesCall, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
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
            record.filter = RowFilter(keeping: kept, arguments, declaration, classes: surroundings(of: arguments.namespace).1)
        }
        let isDirect = arguments.flags.contains(.directRead)
        switch arguments.kind {
        case .getObject where arguments.path?.isClassPath == true: return answer(with: declaration, arguments.namespace)
        case .createInstanceEnum:
            record.path = declaration.name
            return enumerate(layout, arguments, &record)
        case .getObject, .deleteInstance:
            guard let path = arguments.path else { break }
            let canonical: CIMObjectPath
            do throws(ObjectPathError) {
                canonical = try path.canonicalized(for: declaration)
            } catch {
                return .broker(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), answer: nil)
            }
            record.path = canonical.relativePath
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
        let isShallow = isDirect || arguments.flags.contains(.shallow)
        let hierarchy = hierarchy(
            of: layout, in: arguments.namespace, for: .createInstanceEnum, above: !isDirect, below: !isShallow)
        // A provider of classes below, too, may give instances of those.
        let mustFilter =
            arguments.flags.contains(.shallow) && !schema.schema.children(of: layout.className, in: arguments.namespace).isEmpty
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
        let isServed = layout.declaration.map { $0.isDynamic && $0.providerName != nil } ?? false
        let hierarchy = hierarchy(
            of: layout, in: record.namespace, for: .getObject, above: !isDirect, below: !isServed && !isDirect)
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
        if hierarchy.served.count == 1, hierarchy.served[0].layout === layout { return hierarchy.served[0].requestTarget }
        guard var reader = arguments.object else { throw CIMError(.invalidObject, "PutInstance: no instance") }
        var instance: CIMInstance
        do {
            instance = try reader.readInstance(layout)
        } catch {
            throw CIMError(.invalidObject, "PutInstance: \(error)")
        }
        guard hierarchy.served.isEmpty else {
            record.work = .put(instance, hierarchy)
            return .conducted
        }
        try checkMayWrite(.putInstance, record)
        let only = arguments.partialPut
        // On the bus an absent property is NULL, and a NULL key is the service's to choose (SEMANTICS C.1.2).
        if only == nil {
            for property in layout.declaration?.properties ?? [] where instance[property.name] == nil { instance[property.name] = .null }
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
            if kind == .execMethod {
                return .broker(.stated(.methodNotImplemented, "class \(declaration.name) names no provider for its methods"), answer: nil)
            }
            return .conducted
        }
        if !declaration.isDynamic, kind != .execMethod { return .conducted }
        if let definition = schema.schema.provider(name, in: namespace), let failure = Self.refusal(of: definition, declaration, kind) {
            return .broker(failure, answer: nil)
        }
        guard let registration = core.registry.find(namespace: namespace.text, name: name) else {
            return .broker(
                .stated(.providerNotFound, "class \(declaration.name) names provider \(name), which never registered in \(namespace)"),
                answer: nil)
        }
        return .provider(registration.id)
    }

    /// What a provider's definition says it does not do is not asked of it (SEMANTICS D.3).
    private static func refusal(of definition: ProviderDefinition, _ declaration: CIMClass, _ kind: Request.Kind) -> Outcome? {
        if let fault = definition.fault { return .stated(fault.status, fault.message) }
        guard definition.isEnabled else {
            return .stated(.providerDisabled, "provider \(definition.name) of class \(declaration.name) is disabled by its definition")
        }
        let isSupported =
            switch kind {
            case .getObject: definition.instances?.get ?? true
            case .putInstance: definition.instances?.put ?? true
            case .deleteInstance: definition.instances?.delete ?? true
            case .createInstanceEnum: definition.instances?.enumeration ?? true
            case .execMethod: definition.providesMethods || definition.instances == nil
            default: true
            }
        return isSupported
            ? nil
            : .stated(
                .providerNotCapable,
                "provider \(definition.name) of class \(declaration.name) does not support \(kind.rawValue), says its registration")
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
            if arguments.flags.contains(.useAmendedQualifiers) { declaration.removeAmendedQualifiers() }
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
        guard var reader = object else { throw CIMError(.invalidObject, "PutInstance: no instance") }
        do {
            let end = try reader.enterArray(elementAlignment: 8)
            var name = ""
            while !reader.isAtEnd(of: end) {
                try reader.enterDictEntry()
                let key = try reader.readString()
                guard key.hasPrefix("__") else {
                    let types = try reader.readSignatureBytes()
                    try reader.skip(types: types)
                    continue
                }
                let value = try reader.readVariant()
                if CIMName.equal(key, SystemProperty.className) { name = value.stringValue ?? "" }
                if CIMName.equal(key, SystemProperty.genus), value.int64Value == 1 {
                    throw CIMError(.invalidObject, "PutInstance: the object is a class, not an instance")
                }
            }
            if name.isEmpty { throw CIMError(.invalidObject, "PutInstance: the instance has no __CLASS") }
            return name
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidObject, "PutInstance: \(error)")
        }
    }

    private func answer(with declaration: CIMClass, _ namespace: CIMNamespaceName) -> Request.Target {
        do throws(DBusEncodingError) {
            let batch = try ObjectBatch(class: declaration, namespace: namespace, server: schema.server)
            guard batch.byteCount <= ObjectChecker.largestObject else {
                return .broker(
                    .stated(.quotaViolation, "class \(declaration.name) takes \(batch.byteCount) bytes, more than 8 MiB"), answer: nil)
            }
            return .broker(Outcome(.noError), answer: keep(.rewritten(batch)))
        } catch {
            return .broker(.stated(.quotaViolation, "class \(declaration.name) cannot be sent: \(error)"), answer: nil)
        }
    }

    private func checkInput(
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

    // MARK: - Methods

    /// SEMANTICS C.5. Returns the failure that belongs in the sink.
    private func resolveMethod(
        _ arguments: ServicesCall, _ declaration: CIMClass, _ record: inout OperationRecord
    ) throws(CIMError) -> Outcome? {
        guard let path = arguments.path else { return nil }
        guard let method = declaration.method(named: arguments.method) else {
            return .stated(.invalidMethod, "class \(declaration.name) has no method \(arguments.method)")
        }
        if method.isDisabled { return .stated(.methodDisabled, "method \(declaration.name).\(method.name) is disabled") }
        guard method.isImplemented else {
            return .stated(.methodNotImplemented, "method \(declaration.name).\(method.name) has no Implemented qualifier")
        }
        if path.isClassPath {
            guard method.isStatic else {
                return .stated(
                    .invalidMethodParameters, "method \(declaration.name).\(method.name) is not static; give the path of an instance")
            }
            record.path = declaration.name
        } else {
            do throws(ObjectPathError) {
                record.path = try path.canonicalized(for: declaration).relativePath
            } catch {
                return .stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)")
            }
        }
        record.method = method.name
        let inputs = method.parameters.filter(\.isIn)
        try checkInput(arguments, .parameters(ObjectLayout(parameters: inputs)), &record, "\(declaration.name).\(method.name)")
        for parameter in inputs where !parameter.isOptional && !record.input.contains(parameter.name) {
            throw CIMError(.invalidMethodParameters, "\(declaration.name).\(method.name): in parameter \(parameter.name) is missing")
        }
        record.expectation = .parameters(ObjectLayout(parameters: method.parameters.filter(\.isOut), returns: method.returnType))
        return nil
    }

    /// Who runs it: the provider of the class that implements it (C.5: a subclass inherits methods with their implementation). Where the
    /// instance may be of a class below that overrides it, the broker finds out first.
    private func invoke(_ arguments: ServicesCall, _ declaration: CIMClass, _ record: inout OperationRecord) -> Request.Target {
        guard let method = declaration.method(named: record.method), let layout = schema.layout(declaration.name, in: record.namespace)
        else {
            return .broker(.stated(.invalidMethod, "class \(declaration.name) has no method \(record.method)"), answer: nil)
        }
        let snapshot = schema.schema
        let isOverridden = snapshot.descendants(of: declaration.name, in: record.namespace).contains { name in
            let theirs = snapshot.class(name, in: record.namespace)?.method(named: method.name)
            return theirs.map { !CIMName.equal($0.origin, method.origin) } ?? false
        }
        if arguments.path?.isClassPath == false, isOverridden, !method.bypassesGetObject,
            let path = try? CIMObjectPath(parsing: record.path)
        {
            record.work = .invoke(path, hierarchy(of: layout, in: record.namespace, for: .getObject, above: false))
            return .conducted
        }
        return implementer(of: method, declaration, &record)
    }

    private func implementer(of method: CIMMethod, _ declaration: CIMClass, _ record: inout OperationRecord) -> Request.Target {
        guard let origin = schema.declaration(method.origin, in: record.namespace), let name = origin.providerName,
            !(declaration.providerName.map { CIMName.equal($0, name) } ?? false)
        else { return provider(of: declaration, in: record.namespace, for: .execMethod) }
        if var path = try? CIMObjectPath(parsing: record.path) {
            path.className = origin.name
            record.path = path.relativePath
        }
        return provider(of: origin, in: record.namespace, for: .execMethod)
    }

    /// The method of the class that the instance really has.
    func invoke(_ path: CIMObjectPath, _ hierarchy: ClassHierarchy, for id: OperationID) async throws(CIMError) {
        let name = try await realClass(of: path, hierarchy, for: id)
        guard var record = records[id], let declaration = schema.declaration(name, in: record.namespace),
            let method = declaration.method(named: record.method)
        else { throw Self.isOver(id) }
        if method.isDisabled { throw CIMError(.methodDisabled, "method \(name).\(method.name) is disabled") }
        var real = path
        real.className = declaration.name
        record.path = real.relativePath
        let target = implementer(of: method, declaration, &record)
        let part = try openPart(of: id, .execMethod, target) { part in
            part.path = record.path
            part.target = record.target
            part.method = method.name
            part.input = record.input
            part.expectation = record.expectation
        }
        while let batch = try await next(of: part) { try await supply(batch, to: id) }
    }

    // MARK: - Cancel and credit

    private func cancelSink(_ call: MethodCall) {
        var reader = call.reader
        guard let client = peer(of: call), let sink = try? reader.readString() else { return }
        perform(core.cancelSink(sink, of: client, at: Self.now))
        call.reply()
    }

    private func acknowledge(_ call: MethodCall) {
        var reader = call.reader
        guard let client = peer(of: call), let sink = try? reader.readString(), let batches = try? reader.readUInt32() else { return }
        perform(core.acknowledge(sink, of: client, batches: batches, at: Self.now))
        call.reply()
    }
}

extension ServicesCall {
    var requestForm: Request.Form {
        switch form {
        case .sync: .sync
        case .semisync: .semisync
        case .async: .async(sink: sink?.text ?? "")
        }
    }

    /// What of the flags concerns whoever is asked: a query's result is the broker's to make (SEMANTICS E.2).
    var providerFlags: OperationFlags { kind == .execQuery ? flags.subtracting([.ensureLocatable, .prototype]) : flags }

    /// As in `Operation.Target`.
    var target: String {
        switch kind {
        case .putInstance: "instance"
        case .execMethod: "\(path?.relativePath ?? ""):\(method)"
        case .putClass: "class"
        case .execQuery: query
        default: path?.relativePath ?? ""
        }
    }
}
