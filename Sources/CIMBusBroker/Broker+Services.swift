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
        return ExportedInterface(Interfaces.services, methods: methods, argumentReader: LooseArguments.reader)
    }

    private func serve(_ call: MethodCall, _ kind: Request.Kind, _ form: ServicesCall.Form) {
        if let client = peer(of: call), let caller = caller(client) { serve(call, kind, form, for: caller) }
    }

    private func serve(_ call: MethodCall, _ kind: Request.Kind, _ form: ServicesCall.Form, for caller: Caller) {
        guard let client = peer(of: call), let path = call.message.path, let namespace = namespace(at: path) else { return }
        do throws(CIMError) {
            let arguments = try ServicesCall(
                kind, form, namespace, bodySize: call.message.bodySize, call.reader, server: schema.server, known: &knownContext)
            let resolution = resolver(for: caller).resolve(arguments)
            if case .refused(let error) = resolution, error.status == .accessDenied {
                return deny(RefusedRequest(arguments: arguments, client: client, caller: caller), error, call, form)
            }
            try begin(arguments, resolution, of: client, caller, call)
        } catch {
            call.fail(error)
        }
    }

    private func namespace(at path: String) -> CIMNamespaceName? {
        if let last = lastNamespace, last.path == path { return last.name }
        guard let name = namespaces[path] else { return nil }
        lastNamespace = (path, name)
        return name
    }

    /// Refuses it, unless the caller is to be authorized first: then it is served once more.
    private func deny(_ request: RefusedRequest, _ error: CIMError, _ call: MethodCall, _ form: ServicesCall.Form) {
        guard error.denial?.authorization != nil else { return refuse(request, error, call) }
        Task(executorPreference: loop) { [self] in
            do throws(CIMError) {
                let caller = try await self.authorized(request.caller, after: error, call)
                await self.serve(call, request.kind, form, for: caller)
            } catch {
                await self.refuse(request, error, call)
            }
        }
    }

    private func refuse(_ request: RefusedRequest, _ error: CIMError, _ call: MethodCall) {
        audit(nil, request, error.status, error)
        call.fail(error)
    }

    private func begin(
        _ arguments: ServicesCall, _ resolution: consuming Resolution, of client: PeerID, _ caller: Caller, _ call: MethodCall
    ) throws(CIMError) {
        let target: Request.Target
        let record: OperationRecord
        var subscriber: Subscriber?
        switch resolution {
        case .refused(let error): throw error
        case .answered(let outcome, let question, let objects):
            record = OperationRecord(arguments, question, client: client, caller: caller)
            record.localized = localized(for: arguments)
            target = answeredHere(outcome, objects, record)
        case .ask(let registration, let question):
            record = OperationRecord(arguments, question, client: client, caller: caller)
            record.registration = registration
            target = .provider(registration)
        case .conducted(let work, let question):
            record = OperationRecord(arguments, question, client: client, caller: caller)
            record.localized = localized(for: arguments)
            record.work = work
            target = .conducted
        case .subscribed(let query, let question):
            record = OperationRecord(arguments, question, client: client, caller: caller)
            subscriber = Subscriber(query, arguments, caller, schema.snapshot)
            target = .events(terms: query.terms)
        }
        record.way = Way(of: call.message)
        record.isInteractive = call.message.flags.contains(.allowInteractiveAuthorization)
        if arguments.form == .sync { record.call = call }
        let request = Request(
            client: client, kind: record.kind, form: record.form, target: target,
            wantsProgress: arguments.flags.contains(.sendStatus), updatesAsOwner: arguments.flags.contains(.ownerUpdate),
            timeout: arguments.timeout, parent: arguments.parent, inputBytes: record.input.byteCount + arguments.contextBytes)
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.begin(request)
            } answering: { id in
                records[id] = record
                flights.begin(id, record, at: core.now)
                if arguments.form != .sync { confirm(id, call) }
                if let subscriber { subscribe(id, subscriber) }
            }
        } catch {
            if case .broker(_, let answer?) = target { payloads.discard(answer.payload) }
            let text = "\(record.kind.rawValue): \(words(error))"
            tellBound(error.status, text, of: client)
            throw CIMError(error.status, text)
        }
    }

    /// The client knows its operation before anything about it arrives.
    private func confirm(_ id: OperationID, _ call: MethodCall) {
        call.reply(signature: Self.pathSignature) { (body) throws(DBusError) in
            body.append(objectPath: Contract.path(ofOperation: id.number))
        }
    }

    /// What class objects are read with, where the client wants localized qualifiers.
    private func localized(for arguments: ServicesCall) -> LocalizedClasses? {
        guard arguments.flags.contains(.useAmendedQualifiers) else { return nil }
        return schema.snapshot.localized(in: arguments.namespace, for: arguments.locale)
    }

    /// An operation that ends at once, with the broker's own objects on the wire.
    func answeredHere(_ outcome: Outcome, _ objects: OwnObjects, _ record: OperationRecord) -> Request.Target {
        switch objects {
        case .none: return .broker(outcome, answer: nil)
        case .declaration(let declaration):
            return answeredHere(outcome) { () throws(ObjectFault) in try encoded(declaration, record) }
        case .shape(let declaration):
            return answeredHere(outcome) { () throws(ObjectFault) in try ObjectBatch(shapeOf: declaration) }
        case .instances(let instances):
            do throws(CIMError) {
                return .broker(outcome, answer: payloads.keep(try filtered(try encoded(instances, record), record)))
            } catch {
                return .broker(.stated(error.status, error.message), answer: nil)
            }
        }
    }

    private func answeredHere(_ outcome: Outcome, _ encode: () throws(ObjectFault) -> ObjectBatch) -> Request.Target {
        do throws(ObjectFault) {
            return .broker(outcome, answer: payloads.keep(.rewritten(try encode())))
        } catch {
            return .broker(.stated(error.status, error.description), answer: nil)
        }
    }

    private static let pathSignature = Signature(verified: "o")

    /// The client's object and context have gone to the provider, or never will.
    func dropInput(of id: OperationID) {
        guard let record = records[id] else { return }
        if record.input.count > 0 { records[id]?.input = ObjectBatch() }
        // That an answer may be part of an object only is to be known when it comes.
        if !record.context.isEmpty { records[id]?.context.removeAll { !CIMName.equal($0.0, ContextKey.getExtensions) } }
    }

    /// The operation is over, for its client too.
    func forget(_ id: OperationID) {
        records[id] = nil
        removeSubscriber(id)
        merges[id] = nil
    }

    // MARK: - Cancel and credit

    private func cancelSink(_ call: MethodCall) {
        var reader = call.reader
        guard let client = peer(of: call), let sink = try? reader.readString() else { return }
        tell { $0.cancelSink(sink, of: client) }
        call.reply()
    }

    private func acknowledge(_ call: MethodCall) {
        var reader = call.reader
        guard let client = peer(of: call), let sink = try? reader.readString(), let batches = try? reader.readUInt32() else { return }
        tell { $0.acknowledge(sink, of: client, batches: batches) }
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

    /// What of the flags concerns whoever is asked: a query's result is the broker's to make (Semantics E.2).
    var providerFlags: OperationFlags { kind == .execQuery ? flags.subtracting([.ensureLocatable, .prototype]) : flags }

    /// What of the context concerns whoever is asked. A query says itself what it needs; what its client wants less is cut off its result.
    var providerContext: [(String, DBusValue)] {
        kind == .execQuery ? context.filter { !CIMName.hasPrefix($0.0, ContextKey.getPrefix) } : context
    }

    /// What the operation is about, in the client's words; the same as the `Target` of `org.cimbus1.Operation`.
    var subject: String {
        switch kind {
        case .putInstance: "instance"
        case .execMethod: "\(path?.relativePath ?? ""):\(method)"
        case .putClass: "class"
        case .execQuery, .execNotificationQuery: query
        default: path?.relativePath ?? ""
        }
    }
}
