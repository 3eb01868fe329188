import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import DBus

/// Decoupled providers of events: how they get their sinks (`org.cimbus1.DecoupledBasicEventProvider`), and what they are told and asked
/// (`org.cimbus1.EventProvider`).
extension Broker {
    nonisolated func basicEventProviderInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.basicEventProvider,
            methods: [
                "Register": method { $0.register($1, isOfEvents: true) },
                "UnRegister": method { $0.unregister($1) },
                "GetSink": method { $0.getSink($1) },
                "GetService": method { $0.getService($1) },
            ], argumentReader: LooseArguments.reader)
    }

    /// A provider of events has registered: it gets its sink at once where it has an object that can be told.
    func registeredForEvents(_ registration: RegistrationID, at path: ObjectPath, of peer: PeerID, _ way: Way) {
        eventSinks.registered(registration, by: peer)
        guard path != Contract.null, let known = core.registry.find(registration), let namespace = CIMNamespaceName(known.namespace) else {
            return
        }
        var record = EventSinkRecord(of: known, at: peer, in: namespace, by: way, told: path, asked: path)
        record.adopt(schema.snapshot)
        do throws(CIMError) { try open(record, answering: nil) } catch {
            return logger.warning("provider \(known.name) gets no event sink: \(error.message)")
        }
        guard let sink = eventSinks.sink(of: registration) else { return }
        tell(record, "ProvideEvents", Signature(verified: "oi")) { body in
            body.append(objectPath: Contract.path(ofEventSink: sink.number))
            body.append(int32: 0)
        }
    }

    // MARK: - GetSink, GetService

    private func getSink(_ call: MethodCall) {
        withRegistration(of: call) { registration, peer in
            if let known = eventSinks.sink(of: registration.id), eventSinks[known]?.peer == peer {
                call.reply([.objectPath(Contract.path(ofEventSink: known.number))])
                return
            }
            guard let namespace = CIMNamespaceName(registration.namespace) else { return }
            var record = EventSinkRecord(of: registration, at: peer, in: namespace, by: Way(of: call.message), told: nil, asked: nil)
            record.adopt(schema.snapshot)
            do throws(CIMError) { try open(record, answering: call) } catch { call.fail(error) }
        }
    }

    private func getService(_ call: MethodCall) {
        withRegistration(of: call) { registration, _ in
            guard let namespace = CIMNamespaceName(registration.namespace) else { return }
            call.reply([.objectPath(Contract.path(of: namespace))])
        }
    }

    /// The registration that a call is about: the one that its context names, else the one that the process has registered last.
    private func withRegistration(of call: MethodCall, _ body: (Entry<Registration>, PeerID) -> Void) {
        var reader = call.reader
        guard let peer = peer(of: call), let flags = try? reader.readUInt32(),
            let context = try? reader.readValue(Signature(verified: "a{sv}")).stringDictionary
        else { return }
        guard flags == 0 else {
            call.fail(CIMError(.invalidParameter, "\(call.member): flags must be 0"))
            return
        }
        let name = context["Registration"]?.text
        let scope = context["Scope"]?.text ?? ""
        let own = core.registry.all.filter { $0.peer == peer }
        let found =
            name.map { name in
                own.first { CIMName.equal($0.name, name) && $0.namespace == (scope.isEmpty ? .cimv2 : CIMNamespaceName(scope))?.text }
            } ?? eventSinks.lastRegistration(of: peer).flatMap { last in own.first { $0.id == last } } ?? (name == nil ? own.last : nil)
        guard let found else {
            let what = name.map { "no registration \($0.clipped(120)) of this connection" } ?? "this connection has registered nothing"
            call.fail(CIMError(.providerNotRegistered, "\(call.member): \(what); call Register first"))
            return
        }
        body(found, peer)
    }

    // MARK: - What a provider is told

    /// Somebody wants what the query says. The broker waits for no answer.
    func tellNewQuery(_ source: EventSourceID, _ id: OperationID, _ number: UInt32) {
        guard let record = eventSinks[source], record.told != nil, let subscriber = subscribers[id] else { return }
        tell(record, "NewQuery", Signature(verified: "uss")) { body in
            body.append(uint32: number)
            body.append(string: "WQL")
            body.append(string: subscriber.text)
        }
        eventSinks[source]?.toConfirm.append(id)
        askNext(source)
    }

    /// Nobody wants it any more.
    func tellCancelled(_ number: UInt32, _ source: EventSourceID) {
        guard let record = eventSinks[source], record.told != nil else { return }
        tell(record, "CancelQuery", Signature(verified: "u")) { $0.append(uint32: number) }
    }

    private func tell(
        _ record: EventSinkRecord, _ member: String, _ signature: Signature,
        _ body: @escaping (inout BodyWriter) -> Void
    ) {
        guard let provider = peers[record.peer, record.way], let path = record.told else { return }
        do throws(DBusError) {
            let message = try Message.methodCall(
                destination: provider.name, path: path, interface: Contract.eventProvider, member: MemberName(verified: member),
                flags: [.noReplyExpected, .noAutoStart], signature: signature,
                body: { (writer) throws(DBusError) in body(&writer) })
            try provider.send(message)
            account(message.bodySize, to: record.peer)
        } catch {
            unsent("\(member) for provider \(record.provider)", error)
        }
    }

    // MARK: - What a provider is asked

    /// Whether a subscriber may have the provider's events. One question at a time is asked of each sink's provider, this one or whether it is
    /// there: it takes what it is told in order, so that whoever answers knows the queries that it was told before.
    func askAccess(_ source: EventSourceID, _ id: OperationID) {
        eventSinks[source]?.toAsk.append(id)
        askNext(source)
    }

    private func askNext(_ source: EventSourceID) {
        guard !eventSinks.asking.contains(source), var record = eventSinks[source] else { return }
        guard let provider = peers[record.peer, record.way] else {
            (record.toAsk, record.toConfirm) = ([], [])
            return eventSinks[source] = record
        }
        guard let path = record.toConfirm.isEmpty ? record.asked : record.told, !record.toAsk.isEmpty || !record.toConfirm.isEmpty else {
            return
        }
        // A provider that does not answer takes one of the few places for questions on the bus; a private connection has no such bound.
        if record.way == .bus, (try? tell { core throws(Refusal) in try core.admit(.look, of: record.peer) }) == nil {
            return askLater(source)
        }
        eventSinks.asking.insert(source)
        if record.toConfirm.isEmpty {
            let id = record.toAsk.removeFirst()
            eventSinks[source] = record
            guard let subscriber = subscribers[id] else {
                answered(source, record)
                return askNext(source)
            }
            ask(provider, at: path, record, source, id, subscriber)
        } else {
            eventSinks[source]?.toConfirm = []
            provider.ping(at: path, by: .own) { [weak self, record] _ in
                self?.assumeIsolated { broker in
                    broker.answered(source, record)
                    for id in record.toConfirm { broker.tell { $0.queryHeard(source, id) } }
                    broker.askNext(source)
                }
            }
        }
    }

    private func answered(_ source: EventSourceID, _ record: EventSinkRecord) {
        if record.way == .bus { gaveBack(.look, by: record.peer) }
        eventSinks.asking.remove(source)
    }

    private func askLater(_ source: EventSourceID) {
        loop.schedule(after: .milliseconds(100)) { [weak self] in self?.assumeIsolated { $0.askNext(source) } }
    }

    private func ask(
        _ provider: any Attachment, at path: ObjectPath, _ record: EventSinkRecord, _ source: EventSourceID, _ id: OperationID,
        _ subscriber: Subscriber
    ) {
        let question = try? Message.methodCall(
            destination: provider.name, path: path, interface: Contract.eventProvider, member: MemberName(verified: "AccessCheck"),
            flags: .noAutoStart, signature: Signature(verified: "ssu"),
            body: { (body) throws(DBusError) in
                body.append(string: "WQL")
                body.append(string: subscriber.text)
                body.append(uint32: subscriber.caller.uid)
            })
        guard let question else { return answeredAccess(source, id, record, isGranted: false) }
        provider.call(question, by: .own) { [weak self] result in
            let isGranted = Self.isGranted(result)
            self?.assumeIsolated { $0.answeredAccess(source, id, record, isGranted: isGranted) }
        }
    }

    /// 0 and SUBJECT_TO_SDS are a yes, and so is having no such method; every event's own descriptor is looked at in any case.
    private nonisolated static func isGranted(_ result: Result<Message, DBusError>) -> Bool {
        switch result {
        case .success(let reply):
            var reader = reply.reader
            guard reply.hasSignature("u"), let status = try? reader.readUInt32() else { return false }
            return WBEMStatus(rawValue: status).isSuccess
        case .failure(let error):
            return [.unknownMethod, .unknownInterface, .unknownObject].contains(error.name) || error.saysThatNoObjectIsThere
        }
    }

    private func answeredAccess(_ source: EventSourceID, _ id: OperationID, _ record: EventSinkRecord, isGranted: Bool) {
        answered(source, record)
        tell { $0.accessAnswered(source, id, isGranted: isGranted) }
        askNext(source)
    }
}
