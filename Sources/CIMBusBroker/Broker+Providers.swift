import CIM
import CIMBusCore
import CIMBusWire
import DBus

/// Calls to providers, and what they answer with (`org.cimbus1.Provider`).
extension Broker {
    /// Sends a provider its call. However it ends, the core hears of it exactly once.
    func callProvider(_ sink: SinkID) {
        guard let leg = core.legs[sink], let record = records[leg.operation],
            let (path, way) = registrations.place(of: leg.registration, in: leg.peer), let provider = peers[leg.peer, way],
            let operation = core.operations[leg.operation],
            let client = core.peers[record.client]
        else {
            // Whatever became of it meanwhile: the core hears of every call that it asked for.
            return tell { $0.answered(sink, .unanswered(.because(.badAnswer, text: "it could not be called"))) }
        }
        let clientName = peers.name(of: record.client)?.text ?? ""
        let kind = record.kindForProvider
        let subject = RightsSubject(
            namespace: record.namespace.text, className: record.className, method: kind == .execMethod ? record.method : nil)
        let rights = core.rights.rights(of: record.caller, subject)
        let granted = core.rights.rightsByRule(of: record.caller, subject)
        let message: Message
        do throws(DBusError) {
            message = try Message.methodCall(
                destination: provider.name, path: path, interface: Contract.provider, member: kind.providerMember,
                flags: record.isInteractive ? [.noAutoStart, .allowInteractiveAuthorization] : .noAutoStart,
                signature: kind.providerSignature, isPrivate: way == .private
            ) { (body) throws(DBusError) in
                body.append(string: record.namespace.text)
                switch kind {
                case .getObject, .deleteInstance, .createInstanceEnum: body.append(string: record.path)
                case .putClass, .deleteClass, .createClassEnum, .execNotificationQuery: break
                case .execQuery:
                    body.append(string: "WQL")
                    body.append(string: record.path)
                case .putInstance: body.append(object: record.input)
                case .execMethod:
                    body.append(string: record.path)
                    body.append(string: record.method)
                }
                body.append(int32: record.flags.subtracting(Self.brokersFlags).rawValue)
                Self.append(record.context, of: operation, client, clientName, rights, granted, to: &body)
                if kind == .execMethod { body.append(object: record.input) }
                body.append(objectPath: Contract.path(ofSink: sink.number))
            }
        } catch {
            let outcome = Self.unsent(error) ?? .because(.badAnswer, text: "the call cannot be sent: \(error.message)")
            tell { $0.answered(sink, .unanswered(outcome)) }
            return
        }
        dropInput(of: leg.operation)
        let peer = leg.peer
        provider.call(message, by: core.lane(of: sink)) { [weak self] result in
            if let self { Self.answeredOnLoop(self, (peer, sink, result)) }
        }
    }

    private static let answeredOnLoop = onLoop { (broker, reply: (PeerID, SinkID, Result<Message, DBusError>)) in
        let (peer, sink, result) = reply
        if broker.isInLine(peer) { broker.inTurn(of: peer) { $0.answered(sink, result) } } else { broker.answered(sink, result) }
    }

    /// What a provider is not asked to know (Semantics E.2).
    private static let brokersFlags: OperationFlags = [.returnImmediately, .forwardOnly, .noErrorObject]

    /// The client's context, and what the broker adds to it.
    private static func append(
        _ context: [(String, DBusValue)], of operation: Entry<Operation>, _ client: Entry<Peer>, _ clientName: String, _ rights: Right,
        _ granted: Right, to body: inout BodyWriter
    ) {
        let array = body.beginArray(elementAlignment: 8)
        for (name, value) in context {
            body.beginDictEntry()
            body.append(string: name)
            body.append(.variant(value))
        }
        func entry(_ name: String, _ type: StaticString) {
            body.beginDictEntry()
            body.append(string: name)
            body.beginVariant(type)
        }
        entry(ContextKey.operation, "t")
        body.append(uint64: operation.id.number)
        entry(ContextKey.clientName, "s")
        body.append(string: clientName)
        entry(ContextKey.clientUser, "u")
        body.append(uint32: client.uid)
        if let pid = client.pid {
            entry(ContextKey.clientProcess, "u")
            body.append(uint32: pid)
        }
        entry(ContextKey.originUser, "u")
        body.append(uint32: operation.origin)
        entry(ContextKey.clientRights, "u")
        body.append(uint32: rights.rawValue)
        if !granted.isEmpty {
            entry(ContextKey.clientGrants, "u")
            body.append(uint32: granted.rawValue)
        }
        if let deadline = operation.deadline {
            entry(ContextKey.deadline, "t")
            body.append(uint64: UInt64(clamping: deadline))
        }
        body.endArray(array)
    }

    /// The broker could not send a call: it has no memory for it, or the message is too large, or too many wait. None of it is the provider's.
    private static func unsent(_ error: DBusError) -> Outcome? {
        switch error.code {
        case .outOfMemory, .tooLarge, .queueFull:
            .stated(
                CIMError(error).status,
                "the broker could not send the call: \(error.message); retry when less is under way, or ask for less")
        default: nil
        }
    }

    // MARK: - Its answer

    private func answered(_ sink: SinkID, _ result: Result<Message, DBusError>) {
        switch result {
        case .success(let reply):
            let answer = answer(reply, sink)
            tell { $0.answered(sink, answer) }
        case .failure(let error):
            // The bus answers for a peer that is gone; its vanishing comes by itself, and says more (a lost race).
            if error.reply?.sender == "org.freedesktop.DBus", error.name == .noReply || error.name == .serviceUnknown { return lost(sink) }
            let path = core.legs[sink].flatMap { registrations.place(of: $0.registration, in: $0.peer)?.path }
            if let outcome = Self.unsent(error) { return tell { $0.answered(sink, .unanswered(outcome)) } }
            let outcome = failure(error, at: path)
            tell { $0.answered(sink, .failure(outcome)) }
        }
    }

    /// What a provider's error says, or that it says nothing.
    /// - Parameter path: the object that it registered, which may not be there.
    private func failure(_ error: DBusError, at path: ObjectPath?) -> Outcome {
        let failure = Self.bounded(error)
        let place = path.map { " at \($0.text.clipped(255))" } ?? ""
        guard let status = StatedError(error).status else {
            let hint = error.saysThatNoObjectIsThere && path != nil ? "; it registered the object\(place)" : ""
            return .because(.badAnswer, text: "it answered with \(error.name.text.clipped(255)): \(failure.message)\(hint)")
        }
        var outcome = Outcome(status)
        if error.name == .unknownMethod || error.name == .unknownInterface, status == .providerNotCapable {
            outcome.object = keepStatus(CIMError(status, "the provider does not do this\(place): \(failure.message)"))
        } else {
            outcome.object = keepStatus(failure)
        }
        return outcome
    }

    /// A provider's error is as long as it likes, and may have lines; what goes on to the client is a status like any other.
    private static func bounded(_ error: DBusError) -> CIMError {
        var failure = CIMError(error)
        failure.message = failure.message.clippedLines(4096)
        if (error.reply?.bodySize ?? 0) > Contract.largestStatus { failure.extendedStatus = nil }
        return failure
    }

    /// The reply never comes. When the peer is still there (it lost a race with its own new connection), that is its failure.
    private func lost(_ sink: SinkID) {
        // The question is about nobody: its answer comes behind everything that the bus has to say.
        guard let question = try? Message.busCall("GetId") else { return }
        connection.assumeIsolated { connection in
            connection.call(question, timeout: .seconds(5)) { [weak self] _ in
                self?.assumeIsolated { broker in
                    let outcome = Outcome.because(.badAnswer, text: "it left its call without an answer")
                    broker.tell { $0.answered(sink, .unanswered(outcome)) }
                }
            }
        }
    }

    /// `(u hresult, u references, aa{sv} objects)`.
    private func answer(_ reply: Message, _ sink: SinkID) -> Answer {
        var reader = reply.reader
        let isPacked = reply.arrival != nil && reply.hasSignature("uuay")
        if !isPacked, !reply.hasSignature("uuaa{sv}") {
            do throws(ObjectFault) {
                reader = try LooseArguments.read(reply, as: Self.answerArguments)
            } catch {
                if error.changesNothing { return .failure(error.outcome) }
                let text = "it answered with (\(reply.signature.clipped(64))), not (uuaa{sv}): \(error.description)"
                return .failure(.because(.badAnswer, text: text))
            }
        }
        let (hresult, references): (UInt32, UInt32)
        do throws(DBusDecodingError) {
            (hresult, references) = (try reader.readUInt32(), try reader.readUInt32())
        } catch {
            return .failure(error.code == .outOfMemory ? ObjectFault(error).outcome : .because(.badAnswer, text: "its answer is malformed"))
        }
        let status = WBEMStatus(rawValue: hresult)
        var empty = reader
        if !isPacked, let end = try? empty.enterArray(elementAlignment: 4), end == empty.position {
            return .result(status, references: references, objects: nil)
        }
        guard let leg = core.legs[sink], let record = records[leg.operation], status.isSuccess else {
            return .result(status, references: references, objects: nil)
        }
        switch check(reader, of: leg.operation, record, reply, isPacked: isPacked) {
        case .success(let objects): return .result(status, references: references, objects: payloads.keep(objects))
        case .failure(let fault):
            // There is nothing left to retry: what does not fit, in size or in type, ends the operation.
            return .failure(fault.outcome)
        }
    }

    private static let answerArguments = Interfaces.provider.methods.first { $0.name.text == "GetObjectAsync" }?.outputs ?? []

    /// Objects as a client wants to see them: the broker's own, whose qualifiers go with them, or a provider's, whose misfits are lost.
    func checkedObjects(
        _ reader: inout BodyReader, _ record: OperationRecord, as expectation: ObjectChecker.Expectation?, ofProvider: Bool = false
    ) throws(ObjectFault) -> ObjectBatch {
        guard let expectation else { throw ObjectFault("a \(record.kind.rawValue) has no objects") }
        let namespace = record.namespace
        // The result of a method is no object without a part of it.
        let losesMisfits = if case .instances = expectation { ofProvider } else { false }
        var checker = ObjectChecker(
            expectation, derivedSystemProperties: record.writesSystemProperties, keepsQualifiers: !ofProvider, losingMisfits: losesMisfits
        ) { [schema] in schema.layout($0, in: namespace) }
        try checker.checkArray(&reader)
        if !checker.lost.isEmpty { report(checker.lost, of: record) }
        return try checker.finish()
    }

    /// Objects of a provider, checked against their class, and what its operation's filter leaves of them.
    /// - Parameter isPacked: whether they are packed rows, an `ay`.
    func check(
        _ reader: BodyReader, of id: OperationID, _ record: OperationRecord, _ message: Message, isPacked: Bool
    ) -> Result<CheckedObjects, ObjectFault> {
        let all =
            isPacked ? checkPacked(reader, of: id, record, message) : checkAll(reader, record, message, size: message.bodySize)
        do throws(ObjectFault) {
            let objects = try all.get()
            if case .packed(let batch, let fit) = objects { return .success(try passed(batch, fit, record)) }
            try checkKeys(objects, record)
            let seen = try visible(objects, record)
            guard let filter = record.filter else { return .success(seen) }
            return .success(try filter.applied(to: seen) { [schema] in schema.layout($0, in: record.namespace) })
        } catch {
            return .failure(error)
        }
    }

    /// - Parameter size: of what came, in bytes.
    func checkAll(
        _ reader: BodyReader, _ record: OperationRecord, _ message: Message, size: Int
    ) -> Result<CheckedObjects, ObjectFault> {
        guard size <= Contract.largestObject + 64 else {
            return .failure(ObjectFault("it takes \(size) bytes, more than 8 MiB", kind: .tooLarge))
        }
        let tooLarge: ObjectFault? =
            size <= Contract.largestBatch + 64
            ? nil : ObjectFault("a batch of \(size) bytes; 256 KiB are the most for more than one object", kind: .tooLarge)
        if case .instances(let layout)? = record.expectation, !record.writesSystemProperties, let ranges = layout.rangesIfVerbatim(reader) {
            if ranges.count > 1, let tooLarge { return .failure(tooLarge) }
            return .success(.verbatim(message, reader, ranges))
        }
        var reader = reader
        do throws(ObjectFault) {
            let batch = try checkedObjects(&reader, record, as: record.expectation, ofProvider: true)
            if batch.count > 1, let tooLarge { return .failure(tooLarge) }
            return .success(.rewritten(batch))
        } catch {
            return .failure(error)
        }
    }

    /// The provider's own words about a failure, as the status object the client gets.
    func keepStatus(_ error: CIMError) -> PayloadID {
        payloads.keep(
            error.extendedStatus
                ?? CIMInstance(
                    className: "__ExtendedStatus",
                    ["StatusCode": .uint32(error.status.rawValue), "Description": .string(error.message)]))
    }

    // MARK: - Cancelled

    /// A hint, sent without wanting a reply (L9).
    func tellCancelled(_ sink: SinkID, _ peer: PeerID, _ registration: RegistrationID) {
        guard let (path, way) = registrations.place(of: registration, in: peer), let provider = peers[peer, way],
            let message = try? Message.methodCall(
                destination: provider.name, path: path, interface: Contract.provider, member: MemberName(verified: "CancelAsyncCall"),
                flags: [.noReplyExpected, .noAutoStart], signature: Signature(verified: "o"),
                body: { (body) throws(DBusError) in body.append(objectPath: Contract.path(ofSink: sink.number)) })
        else { return }
        do throws(DBusError) {
            try provider.send(message)
        } catch {
            unsent("cannot send \(message)", error)
        }
    }
}

extension Request.Kind {
    /// The method of `org.cimbus1.Provider` that carries it out.
    var providerMember: MemberName { MemberName(verified: rawValue + "Async") }

    var providerSignature: Signature {
        switch self {
        case .getObject, .deleteInstance, .createInstanceEnum: Signature(verified: "ssia{sv}o")
        case .putInstance: Signature(verified: "sa{sv}ia{sv}o")
        case .execMethod: Signature(verified: "sssia{sv}a{sv}o")
        case .execQuery: Signature(verified: "sssia{sv}o")
        // Never a provider's.
        case .putClass, .deleteClass, .createClassEnum, .execNotificationQuery: .empty
        }
    }
}
