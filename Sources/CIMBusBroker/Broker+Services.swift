import CIM
import CIMBusCore
import CIMBusWire
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
                flags: arguments.flags)
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

    /// Finds the class and its provider, and checks what the client sends against the class. Failures that belong in the sink come back
    /// as a target (A.5); wrong arguments are thrown (R54, R111).
    private func resolve(_ arguments: ServicesCall, _ record: inout OperationRecord) throws(CIMError) -> Request.Target {
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
        switch arguments.kind {
        case .getObject where arguments.path?.isClassPath == true: return answer(with: declaration, arguments.namespace)
        case .createInstanceEnum: record.path = declaration.name
        case .getObject, .deleteInstance:
            guard let path = arguments.path else { break }
            do throws(ObjectPathError) {
                record.path = try path.canonicalized(for: declaration).relativePath
            } catch {
                return .broker(.stated(.invalidObjectPath, "\(path.relativePath.clipped()): \(error.message)"), answer: nil)
            }
        case .putInstance:
            if declaration.isAbstract {
                return .broker(.stated(.invalidOperation, "class \(declaration.name) is abstract and has no instances"), answer: nil)
            }
            record.target = declaration.name
            try checkInput(arguments, .instances(of: layout), &record, "PutInstance")
            if !record.putPath.isEmpty { record.target = record.putPath.clipped() }
        case .execMethod:
            if let failure = try resolveMethod(arguments, declaration, &record) { return .broker(failure, answer: nil) }
        }
        return provider(of: declaration, in: arguments.namespace)
    }

    private func provider(of declaration: CIMClass, in namespace: CIMNamespaceName) -> Request.Target {
        guard let name = declaration.providerName else {
            return .broker(
                .stated(.notSupported, "class \(declaration.name) is static; stored instances are not supported yet"), answer: nil)
        }
        guard let registration = core.registry.find(namespace: namespace.text, name: name) else {
            return .broker(
                .stated(.providerNotFound, "class \(declaration.name) names provider \(name), which never registered in \(namespace)"),
                answer: nil)
        }
        return .provider(registration.id)
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

    /// As in `Operation.Target`.
    var target: String {
        switch kind {
        case .putInstance: "instance"
        case .execMethod: "\(path?.relativePath ?? ""):\(method)"
        default: path?.relativePath ?? ""
        }
    }
}
