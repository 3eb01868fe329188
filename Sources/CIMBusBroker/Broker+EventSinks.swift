import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import DBus

/// The sinks into which providers raise events (`org.cimbus1.EventSink`).
extension Broker {
    func exportEventSinks() {
        let sink = ExportedObject([eventSinkInterface()], isManaged: false)
        let folder = ExportedObject([], isManaged: false)
        connection.assumeIsolated { connection in
            _ = connection.exportSubtree(
                ObjectSubtree(isManaged: false) { [weak self] path, sender in
                    if path == Contract.eventSinksPath { return folder }
                    guard let number = Contract.number(in: path.text, below: Contract.eventSinksPath) else { return nil }
                    return self?.assumeIsolated { $0.mayUse(EventSourceID(number), sender) ? sink : nil }
                } childNames: { [weak self] path, sender in
                    guard path == Contract.eventSinksPath else { return [] }
                    return self?.assumeIsolated { broker in
                        broker.core.events.sources.keys.filter { broker.mayUse($0, sender) }.map { String($0.number) }
                    } ?? []
                }, at: Contract.eventSinksPath)
        }
    }

    /// One's own sinks; root sees all.
    private func mayUse(_ id: EventSourceID, _ sender: String?) -> Bool {
        guard let source = core.events.sources[id], let peer = peers.id(of: sender) else { return false }
        return source.peer == peer || uid(of: peer) == 0
    }

    private nonisolated func eventSinkInterface() -> ExportedInterface {
        ExportedInterface(
            Interfaces.eventSink,
            methods: [
                "Indicate": method { $0.indicateEvents($1) },
                "IsActive": method { broker, call in
                    broker.withSink(of: call) { id, _ in call.reply([.boolean(broker.core.events.sources[id]?.isActive ?? false)]) }
                },
                "GetRestrictedSink": method { $0.getRestrictedSink($1) },
                "SetSinkSecurity": method { $0.setSinkSecurity($1) },
                "SetBatchingParameters": method { $0.setBatchingParameters($1) },
                "Close": method { broker, call in
                    broker.withSink(of: call) { id, _ in
                        broker.tell { $0.closeSource(id) }
                        call.reply()
                    }
                },
                "ReportLoss": method { broker, call in
                    broker.withSink(of: call) { id, _ in
                        var reader = call.reader
                        guard let count = try? reader.readUInt64() else { return }
                        broker.tell { $0.sourceLost(id, count) }
                        call.reply()
                    }
                },
            ],
            properties: [
                "Queries": eventSinkProperty { broker, source in broker.queries(of: source) },
                "Registration": eventSinkProperty { broker, source in
                    .objectPath(broker.registrations.path(of: source.registration) ?? Contract.null)
                },
            ], argumentReader: LooseArguments.reader)
    }

    private nonisolated func eventSinkProperty(
        _ body: @escaping @Sendable (isolated Broker, Entry<EventSource>) -> DBusValue
    ) -> PropertyImplementation {
        PropertyImplementation(get: { [weak self] access throws(DBusError) in
            let value: DBusValue? = self?.assumeIsolated { broker in
                guard let number = Contract.number(in: access.path.text, below: Contract.eventSinksPath),
                    broker.mayUse(EventSourceID(number), access.sender), let source = broker.core.events.sources[EventSourceID(number)]
                else { return nil }
                return body(broker, source)
            }
            guard let value else { throw DBusError(.unknownObject, "no event sink of yours is at \(access.path)") }
            return value
        })
    }

    /// The queries that concern a sink: the number by which NewQuery names each, and its text.
    func queries(of source: Entry<EventSource>) -> DBusValue {
        let queries = source.listeners.sorted().compactMap { id -> DBusValue? in
            guard let number = core.events.subscriptions[id]?.query, let subscriber = subscribers[id] else { return nil }
            return .structure([.uint32(number), .string(subscriber.text)])
        }
        return .array(element: Signature(verified: "(us)"), queries)
    }

    /// The sink that is called, if it is the caller's own.
    private func withSink(of call: MethodCall, _ body: (EventSourceID, EventSinkRecord) -> Void) {
        guard let number = Contract.number(in: call.path.text, below: Contract.eventSinksPath), let peer = peer(of: call),
            let record = eventSinks[EventSourceID(number)]
        else { return }
        guard record.peer == peer else {
            call.fail(
                CIMError(.accessDenied, "\(call.member): \(call.path) is another process's event sink; call GetSink for one of your own"))
            return
        }
        body(EventSourceID(number), record)
    }

    // MARK: - Indicate

    private func indicateEvents(_ call: MethodCall) {
        withSink(of: call) { id, record in
            do throws(ObjectFault) {
                let events = try raisedEvents(call, record)
                publish(events, in: record.namespace, from: id, audience: record.audience)
                call.reply()
            } catch {
                call.fail(error, "Indicate")
            }
        }
    }

    /// The events of an Indicate: of event classes, each covered by what the registration says, and the caller may raise them. All or none.
    private func raisedEvents(_ call: MethodCall, _ record: EventSinkRecord) throws(ObjectFault) -> [RaisedEvent] {
        guard call.message.bodySize <= Contract.largestObject + 64 else {
            throw ObjectFault("it takes \(call.message.bodySize) bytes, more than 8 MiB", kind: .tooLarge)
        }
        guard let base = schema.layout("__Event", in: record.namespace) else { throw ObjectFault("namespace \(record.namespace) is gone") }
        var reader = call.reader
        var checker = ObjectChecker(.instances(of: base), losingMisfits: true) { [schema] in schema.layout($0, in: record.namespace) }
        try checker.checkArray(&reader)
        let lost = checker.lost
        let objects = CheckedObjects.rewritten(try checker.finish())
        if !lost.isEmpty {
            tell { $0.countLost(lost.count, by: record.registration) }
            for (property, reason) in lost.reasons where registrations.reportsLoss(of: property, record.registration) {
                logger.warning("provider \(record.provider): \(reason.clipped(1024)); NULL is passed on")
            }
        }
        let (_, classes) = schema.snapshot.surroundings(of: record.namespace)
        let (bytes, ranges) = objects.contents
        var events: [RaisedEvent] = []
        events.reserveCapacity(ranges.count)
        var current: (row: ObjectRow, shape: EventShape)?
        for range in ranges {
            // Most often it is of the class of the one before, and then may be raised if that one may.
            var isAsBefore = current?.row.read(range) == true
            if !isAsBefore {
                let name = ObjectRow.className(at: range, in: bytes)
                current = try schema.layout(name, in: record.namespace).map { (layout) throws(ObjectFault) in
                    (ObjectRow(layout, in: bytes), try EventShape(layout, classes: classes))
                }
                guard current?.row.read(range) == true else { throw ObjectFault("an event of class \(name) cannot be read again") }
            }
            guard let current else { continue }
            let event = try RaisedEvent(current.row, current.shape)
            isAsBefore = isAsBefore && event.target?.name == events.last?.target?.name
            if !isAsBefore { try checkMayRaise(event, record) }
            events.append(event)
        }
        return events
    }

    private func checkMayRaise(_ event: RaisedEvent, _ record: EventSinkRecord) throws(ObjectFault) {
        let name = event.declaration.name
        guard !event.declaration.isAbstract else { throw ObjectFault("class \(name) is abstract: raise an event of a class below it") }
        guard record.offers.contains(where: { $0.covers(event.declaration, about: event.target) }) else {
            let about = event.target.map { " about \($0.name)" } ?? ""
            throw ObjectFault(
                "the EventQueryList of provider \(record.provider) in \(record.namespace) does not cover events of \(name)\(about); add a query "
                    + "to its __EventProviderRegistration",
                kind: .denied)
        }
        guard let caller = caller(record.peer) else { throw ObjectFault("the caller is gone", kind: .denied) }
        let decision = core.rights.decision(on: .publish, RightsSubject(namespace: record.namespace.text, className: name), for: caller)
        // Who may register as the provider of a class of events may raise them, unless an administrator's rule says otherwise.
        if !decision.isAllowed, let rule = decision.rule {
            throw ObjectFault(
                "uid \(caller.uid) has not the right Publish for class \(name) in \(record.namespace): \(rule.place) says \"\(rule.text)\"",
                kind: .denied)
        }
    }

    // MARK: - Its other members

    private func getRestrictedSink(_ call: MethodCall) {
        withSink(of: call) { id, record in
            var reader = call.reader
            guard let queries = try? reader.readValue(Signature(verified: "as")).elements?.compactMap(\.text),
                let callback = try? reader.readObjectPath(), let registration = core.registry.find(record.registration)
            else { return }
            do throws(CIMError) {
                guard !queries.isEmpty, queries.count <= 64 else {
                    throw CIMError(.invalidParameter, "GetRestrictedSink: give 1 to 64 queries, each as in an EventQueryList")
                }
                var restricted = EventSinkRecord(
                    of: registration, at: record.peer, in: record.namespace, by: record.way,
                    told: callback == Contract.null ? nil : callback,
                    asked: record.asked, restriction: queries)
                restricted.adopt(schema.snapshot)
                if let fault = restricted.faults.first { throw CIMError(.invalidParameter, "GetRestrictedSink: \(fault)") }
                restricted.audience = record.audience
                try open(restricted, answering: call)
            } catch {
                call.fail(error)
            }
        }
    }

    /// Opens a sink for a registration that the peer serves.
    func open(_ record: EventSinkRecord, answering call: MethodCall?) throws(CIMError) {
        do throws(Refusal) {
            try tell { core throws(Refusal) in
                try core.openSource(
                    of: record.peer, record.registration, asksAccess: record.asked != nil, isTold: record.told != nil)
            } answering: { id in
                eventSinks.add(record, id)
                if let call { call.reply([.objectPath(Contract.path(ofEventSink: id.number))]) }
                for subscription in subscribers.all.keys.sorted() where subscribers[subscription]?.namespace == record.namespace {
                    connectSources(of: subscription)
                }
            }
        } catch {
            throw CIMError(error, call?.member ?? "Register")
        }
    }

    private func setSinkSecurity(_ call: MethodCall) {
        withSink(of: call) { id, _ in
            var reader = call.reader
            guard let text = try? reader.readString() else { return }
            do throws(ObjectFault) {
                eventSinks[id]?.audience = text.isEmpty ? nil : try EventAudience(text)
                call.reply()
            } catch {
                call.fail(CIMError(.invalidParameter, "SetSinkSecurity: \(error.description)"))
            }
        }
    }

    /// What a provider would like. The broker sends an event at once to whoever takes it, and several together to whoever lags.
    private func setBatchingParameters(_ call: MethodCall) {
        withSink(of: call) { _, _ in
            var reader = call.reader
            guard let flags = try? reader.readUInt32() else { return }
            if flags <= 2 {
                call.reply()
                return
            }
            call.fail(CIMError(.invalidParameter, "SetBatchingParameters: flags are 0 (if needed), 1 (must) or 2 (must not)"))
        }
    }

    func closedSource(_ id: EventSourceID) {
        eventSinks.remove(id)
        announcements.forget(.eventSink(id))
    }
}
