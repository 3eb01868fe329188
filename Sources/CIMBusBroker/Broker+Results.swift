import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// What clients get: objects, progress, the one final status, and what they pull.
extension Broker {
    // MARK: - Objects

    /// A batch goes to the client's sink, or into what the broker keeps for the reply or the enumerator.
    func deliver(_ id: OperationID, _ payload: PayloadID) {
        guard let objects = payloads.takeObjects(payload), let record = records[id] else { return }
        let sizes = objects.sizes
        record.delivered += sizes.count
        metrics.count(delivered: sizes)
        if let (whole, index) = record.joined { return took(objects, from: id, index, of: whole) }
        guard let sink = record.sink else {
            record.objects.append(objects.batch)
            return
        }
        if let message = objects.forwarded {
            do throws(DBusError) { try forward(message, record, sink) } catch { lost(id, error) }
            return
        }
        if case .packed(let batch, _) = objects {
            do throws(DBusError) {
                try sendToClient(record, sink, PrivateContract.packedSink, "Indicate", Self.packedSignature) { $0.append(packed: batch) }
            } catch { lost(id, error) }
            return
        }
        for part in objects.batch.parts(ofAtMost: Contract.largestBatch) {
            do throws(DBusError) {
                try sendToClient(record, sink, Contract.objectSink, "Indicate", Self.objectsSignature) { body in
                    let array = body.beginArray(elementAlignment: 4)
                    body.append(objects: part)
                    body.endArray(array)
                }
            } catch {
                return lost(id, error)
            }
        }
    }

    /// Objects could not be sent: the operation must not end as if they had been. Where it is memory that was wanting, it says so.
    func lost(_ id: OperationID, _ error: DBusError) {
        let isMemory = error.code == .outOfMemory
        let reason =
            isMemory
            ? "\(error.message): there is no memory; retry when there is more, or ask for less" : "the message bus does not take them"
        tell { $0.fail(id, isMemory ? .outOfMemory : .transportFailure, "objects for the client could not be sent; \(reason)") }
    }

    /// A message could not be sent. Where the connection has ended, nobody is there to miss it.
    func unsent(_ what: String, _ error: DBusError) {
        if error.code != .disconnected { logger.error("\(what): \(error.message)") }
    }

    /// The provider's `Indicate` is the client's: its body goes on as it is.
    private func forward(_ message: Message, _ record: OperationRecord, _ sink: ObjectPath) throws(DBusError) {
        guard let client = peers[record.client, record.way] else { return }
        do throws(DBusError) {
            try client.send(
                try message.forwarded(
                    to: client.name, path: sink, interface: Contract.objectSink, member: MemberName(verified: "Indicate"),
                    flags: [.noReplyExpected, .noAutoStart]))
        } catch {
            unsent("Indicate for \(record.subject)", error)
            throw error
        }
    }

    private static let packedSignature = Signature(verified: "ay")
    static let objectsSignature = Signature(verified: "aa{sv}")
    private static let statusSignature = Signature(verified: "iusa{sv}")
    private static let objectSignature = Signature(verified: "a{sv}")
    private static let textSignature = Signature(verified: "s")
    private static let nextSignature = Signature(verified: "uaa{sv}")

    func report(_ id: OperationID, _ progress: Progress) {
        guard let record = records[id], let sink = record.sink else { return }
        let object = payloads.takeStatus(progress.object)
        let size = try? sendToClient(record, sink, Contract.objectSink, "SetStatus", Self.statusSignature) { body in
            body.append(int32: StatusType.progress)
            body.append(uint32: progress.hresult)
            body.append(string: progress.text)
            body.append(optional: object)
        }
        account(size ?? 0, to: record.client)
    }

    /// Always without wanting a reply: the broker never waits for a client.
    /// - Returns: the bytes that were sent. Throws why they could not be, which is in the log.
    @discardableResult
    func sendToClient(
        _ record: OperationRecord, _ sink: ObjectPath, _ interface: InterfaceName, _ member: String, _ signature: Signature,
        _ body: @escaping (inout BodyWriter) -> Void
    ) throws(DBusError) -> Int {
        guard let client = peers[record.client, record.way] else { return 0 }
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: client.name, path: sink, interface: interface, member: MemberName(verified: member),
                flags: [.noReplyExpected, .noAutoStart], signature: signature,
                body: { (writer) throws(DBusError) in body(&writer) })
            try client.send(message)
            return message.bodySize
        } catch {
            unsent("\(member) for \(record.subject)", error)
            throw error
        }
    }

    // MARK: - The end

    /// The one final status.
    func finish(_ id: OperationID, _ outcome: Outcome) {
        guard let record = records[id] else { return }
        let own = payloads.takeStatus(outcome.object)
        let error = outcome.status.isSuccess ? nil : failure(outcome, own, record, id)
        if error != nil, outcome.explanation == nil, let registration = record.registration {
            registrations.said((own?["Description"]?.stringValue ?? outcome.status.meaning).clipped(), registration)
        }
        if record.form != .part { audit(id, record, outcome.status, error) }
        permanentEnded(id, outcome)
        let parameter = outcome.status.isSuccess && record.kind == .putInstance ? path(outcome.parameter, record) : outcome.parameter
        switch record.form {
        case .async:
            guard let sink = record.sink else { break }
            // Of an end that there is no memory for, the number remains.
            var size: Int?
            for (text, object) in [(parameter, error?.extendedStatus ?? own), ("", nil)] where size == nil {
                size = try? sendToClient(record, sink, Contract.objectSink, "SetStatus", Self.statusSignature) { body in
                    body.append(int32: StatusType.complete)
                    body.append(uint32: outcome.status.rawValue)
                    body.append(string: text)
                    body.append(optional: object)
                }
            }
            forget(id)
            account(size ?? 0, to: record.client)
        case .sync:
            forget(id)
            if let call = record.call { reply(call, record, error, parameter) }
        case .part:
            forget(id)
            partEnded(record, outcome, own, parameter, error)
        case .semisync:
            dropInput(of: id)
            removeSubscriber(id)
            records[id]?.endWork()
            merges[id] = nil
            records[id]?.result = (outcome.status, parameter, error, error?.extendedStatus ?? own)
        }
    }

    private func reply(_ call: MethodCall, _ record: OperationRecord, _ error: CIMError?, _ parameter: String) {
        guard let error else {
            let objects = record.objects
            switch record.kind {
            case .getObject, .execMethod:
                call.reply(signature: Self.objectSignature) { (body) throws(DBusError) in
                    body.append(object: objects.first ?? ObjectBatch())
                }
            case .putInstance:
                call.reply(signature: Self.textSignature) { (body) throws(DBusError) in body.append(string: parameter) }
            case .deleteInstance, .putClass, .deleteClass: call.reply()
            case .createInstanceEnum, .createClassEnum, .execQuery, .execNotificationQuery:
                call.reply(signature: Self.objectsSignature) { (body) throws(DBusError) in
                    let array = body.beginArray(elementAlignment: 4)
                    for batch in objects { body.append(objects: batch) }
                    body.endArray(array)
                }
            }
            return account(record.objects.reduce(64) { $0 + $1.byteCount }, to: record.client)
        }
        call.fail(error)
        account(256 + error.message.utf8.count, to: record.client)
    }

    /// The path a put answers with: what the provider said, in canonical form, or what the keys say. What is no path of an instance of the
    /// class that was put, or of one below it, is the provider's mistake; the instance is written all the same.
    private func path(_ reported: String, _ record: OperationRecord) -> String {
        guard !reported.isEmpty else { return record.putPath }
        guard case .instances(let layout)? = record.expectation, let path = try? CIMObjectPath(parsing: reported), !path.isClassPath,
            path.namespace.map({ CIMNamespaceName($0) == record.namespace }) ?? true,
            let declaration = schema.declaration(path.className, in: record.namespace), declaration.isSameOrDerived(from: layout.className),
            !declaration.isUnserved,
            let canonical = try? schema.canonical(path, of: declaration, in: record.namespace)
        else {
            let provider = record.registration.flatMap { core.registry.find($0)?.name } ?? ""
            logger.warning("provider \(provider) reports \"\(reported.clipped())\" for a put of \(record.subject), which is no path of one")
            return record.putPath
        }
        return canonical.relativePath
    }

    // MARK: - What is pulled

    nonisolated func enumeratorInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.enumerator,
            methods: [
                "Next": method { $0.pull($1) { .next($0) } },
                "Skip": method { $0.pull($1) { .skip($0) } },
                "Close": method { $0.closeResults($1) },
            ], argumentReader: LooseArguments.reader)
    }

    nonisolated func callResultInterface() -> ExportedInterface {
        let wait = method { $0.pull($1, count: false) { _ in .result } }
        return ExportedInterface(
            Interfaces.callResult,
            methods: [
                "GetCallStatus": wait, "GetResultObject": wait, "GetResultString": wait,
                "Close": method { $0.closeResults($1) },
            ], argumentReader: LooseArguments.reader)
    }

    private func pull(_ call: MethodCall, count: Bool = true, _ kind: (UInt32) -> BrokerCore.PullKind) {
        var reader = call.reader
        guard let operation = visibleOperation(call.path, call.sender), let client = peer(of: call),
            let timeout = try? reader.readInt32()
        else { return }
        let number = count ? (try? reader.readUInt32()) ?? 0 : 0
        let record = records[operation.id]
        if call.member == "GetResultObject", record?.kind != .getObject, record?.kind != .execMethod {
            call.fail(CIMError(.invalidOperation, "GetResultObject: a \(operation.request.kind.rawValue) has no object; use GetCallStatus"))
            return
        }
        if call.member == "GetResultString", record?.kind != .putInstance {
            call.fail(CIMError(.invalidOperation, "GetResultString: a \(operation.request.kind.rawValue) has no path; use GetCallStatus"))
            return
        }
        let token = calls.keep(call)
        do throws(Refusal) {
            try tell { core throws(Refusal) in try core.pull(operation.id, by: client, kind(number), timeout: timeout, call: token) }
        } catch {
            _ = calls.take(token)
            call.fail(error)
        }
    }

    private func closeResults(_ call: MethodCall) {
        guard let operation = visibleOperation(call.path, call.sender) else { return }
        tell { $0.close(operation.id) }
        call.reply()
    }

    func answerNext(_ token: CallID, _ id: OperationID, _ objects: Int, _ status: WBEMStatus) {
        let batches = records[id]?.take(objects) ?? []
        guard let call = calls.take(token) else { return }
        call.reply(signature: Self.nextSignature) { (body) throws(DBusError) in
            body.append(uint32: status.rawValue)
            let array = body.beginArray(elementAlignment: 4)
            for batch in batches { body.append(objects: batch) }
            body.endArray(array)
        }
        if let client = peer(of: call) { account(batches.reduce(64) { $0 + $1.byteCount }, to: client) }
    }

    func answerSkip(_ token: CallID, _ id: OperationID, _ objects: Int, _ status: WBEMStatus) {
        _ = records[id]?.take(objects)
        calls.take(token)?.reply([.uint32(status.rawValue)])
    }

    func answerResult(_ token: CallID, _ id: OperationID, _ ready: Bool) {
        guard let call = calls.take(token) else { return }
        let result = ready ? records[id]?.result : nil
        let returned: WBEMStatus = result == nil ? .sTimedOut : .noError
        let status = result?.status ?? .noError
        let client = peer(of: call)
        switch call.member {
        case "GetCallStatus": call.reply([.uint32(returned.rawValue), .uint32(status.rawValue)])
        case "GetResultString":
            let code = result == nil || status.isSuccess ? returned : status
            call.reply([.uint32(code.rawValue), .string(status.isSuccess ? result?.parameter ?? "" : "")])
        default:
            let code = result == nil || status.isSuccess ? returned : status
            let object = result != nil && status.isSuccess ? records[id]?.objects.first ?? ObjectBatch() : ObjectBatch()
            call.reply(signature: Signature(verified: "ua{sv}")) { (body) throws(DBusError) in
                body.append(uint32: code.rawValue)
                body.append(object: object)
            }
            if let client { account(64 + object.byteCount, to: client) }
        }
    }
}

extension BodyWriter {
    /// An empty `a{sv}` is NULL.
    mutating func append(optional instance: CIMInstance?) {
        if let instance { return append(instance: instance) }
        let array = beginArray(elementAlignment: 8)
        endArray(array)
    }
}
