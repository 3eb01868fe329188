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
        return ExportedInterface(Interfaces.services, methods: methods, argumentReader: LooseArguments.reader)
    }

    private func serve(_ call: MethodCall, _ kind: Request.Kind, _ form: ServicesCall.Form) {
        guard let client = peer(of: call), let namespace = namespaces[call.message.path ?? ""] else { return }
        do throws(CIMError) {
            let arguments = try ServicesCall(kind, form, namespace, call, server: schema.server)
            var record = OperationRecord(
                kind: kind, namespace: namespace, client: client, userID: uid(of: client) ?? 0, form: arguments.requestForm,
                flags: arguments.providerFlags)
            record.context = arguments.providerContext
            record.derivedSystemProperties = arguments.derivedSystemProperties
            record.method = arguments.method
            if arguments.flags.contains(.useAmendedQualifiers) {
                record.localized = schema.localized(in: namespace, for: arguments.locale)
            }
            record.sink = arguments.sink
            if form == .sync { record.call = call }
            let target = try resolve(arguments, &record)
            if case .provider(let registration) = target { record.registration = registration }
            if record.target.isEmpty { record.target = arguments.target.clipped() }
            try begin(arguments, Entry(record), target, call)
        } catch {
            call.fail(error)
        }
    }

    private func begin(
        _ arguments: ServicesCall, _ record: Entry<OperationRecord>, _ target: Request.Target, _ call: MethodCall
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
            wantsProgress: arguments.flags.contains(.sendStatus), updatesAsOwner: arguments.flags.contains(.ownerUpdate),
            timeout: arguments.timeout, parent: arguments.parent)
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.begin(request)
            } answering: { id in
                records[id] = record
                if input > 0 { inputs[uid, default: 0] += input }
                if arguments.form != .sync { confirm(id, call) }
            }
        } catch {
            if case .broker(_, let answer?) = target { payloads.discard(answer.payload) }
            throw CIMError(error.status, "\(record.kind.rawValue): \(words(error))")
        }
    }

    /// The client knows its operation before anything about it arrives.
    private func confirm(_ id: OperationID, _ call: MethodCall) {
        call.reply(signature: Self.pathSignature) { (body) throws(DBusError) in
            body.append(objectPath: Contract.path(ofOperation: id.number))
        }
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

    /// What of the flags concerns whoever is asked: a query's result is the broker's to make (SEMANTICS E.2).
    var providerFlags: OperationFlags { kind == .execQuery ? flags.subtracting([.ensureLocatable, .prototype]) : flags }

    /// What of the context concerns whoever is asked. A query says itself what it needs; what its client wants less is cut off its result.
    var providerContext: [(String, DBusValue)] {
        kind == .execQuery ? context.filter { !CIMName.hasPrefix($0.0, ContextKey.getPrefix) } : context
    }

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
