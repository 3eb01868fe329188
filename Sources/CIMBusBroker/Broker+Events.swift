import CIM
import CIMBusCore
import CIMBusWire
import CIMQuery
import DBus

/// Events: from whoever raises them to every subscriber (Semantics J).
extension Broker {
    // MARK: - Subscribing

    /// The operation takes events from now on.
    func subscribe(_ id: OperationID, _ subscriber: Subscriber) {
        subscribers.add(subscriber, id)
        repository.keepsChanges = true
        connectSources(of: id)
        wantProviders()
    }

    /// Providers that would be started for a call are started for whoever listens to their events, too.
    func wantProviders() {
        for registration in core.registry.all where registration.isStartable || registration.isWanted {
            guard let namespace = CIMNamespaceName(registration.namespace) else { continue }
            let offers = schema.snapshot.eventOffers(in: namespace)[CIMName(registration.name)]?.offers ?? []
            let (_, classes) = schema.snapshot.surroundings(of: namespace)
            let isWanted =
                !offers.isEmpty
                && subscribers.all.values.contains { subscriber in
                    subscriber.namespace == namespace && offers.contains { $0.concerns(subscriber.query, classes: classes) }
                }
            if isWanted != registration.isWanted { tell { $0.want(registration.id, isWanted) } }
        }
    }

    /// Which sinks have events for the subscription.
    func connectSources(of id: OperationID) {
        guard let subscriber = subscribers[id] else { return }
        let (_, classes) = schema.snapshot.surroundings(of: subscriber.namespace)
        let concerned = eventSinks.all.filter { entry in
            entry.value.namespace == subscriber.namespace && entry.value.offers.contains { $0.concerns(subscriber.query, classes: classes) }
        }
        tell { $0.listen(id, to: concerned.keys.sorted()) }
        connectPolls(of: id)
    }

    /// Another schema is stored: queries and offers may mean something else.
    func adoptEvents() {
        if subscribers.all.isEmpty && eventSinks.all.isEmpty { return }
        eventSinks.adopt(schema.snapshot)
        for (id, subscriber) in subscribers.all.sorted(by: { $0.key < $1.key }) where !schema.has(subscriber.namespace) {
            tell { $0.fail(id, .invalidNamespace, "namespace \(subscriber.namespace) is not there any more") }
        }
        for (id, error) in subscribers.adopt(schema.snapshot) { tell { $0.fail(id, error.status, error.description) } }
        for id in subscribers.all.keys.sorted() { connectSources(of: id) }
        wantProviders()
    }

    // MARK: - Raising

    /// An event goes to whoever wants it and may have it.
    /// - Parameters:
    ///   - source: whose event it is; nil: the broker's own.
    ///   - audience: who may have it, beside what the event itself says.
    func publish(_ events: [RaisedEvent], in namespace: CIMNamespaceName, from source: EventSourceID?, audience: EventAudience? = nil) {
        let known = source.flatMap { core.events.sources[$0] }
        if source != nil, known == nil { return }
        let publisher = known.flatMap { caller($0.peer) }
        var raised: [Raised] = []
        var index: (layout: ObjectLayout, subscriptions: EventIndex<OperationID>)?
        for var event in events {
            if index?.layout !== event.layout { index = (event.layout, subscribers.about(event.declaration, in: namespace)) }
            for id in index?.subscriptions.candidates({ event.value(of: $0) }) ?? [] {
                // A subscription hears the sources that it is connected to, and of those the users that it lets publish to it.
                if let known, !known.listeners.contains(id) || !mayPublish(publisher, to: id) { continue }
                if let one = self.raised(&event, for: id, audience, in: namespace) { raised.append(one) }
            }
        }
        if !raised.isEmpty { tell { $0.raise(raised, from: source) } }
    }

    private func mayPublish(_ publisher: Caller?, to id: OperationID) -> Bool {
        guard let publishers = subscribers[id]?.publishers else { return true }
        return publisher.map { publishers.includes(uid: $0.uid, groups: $0.groups) } ?? false
    }

    /// The event as one subscriber gets it; nil where the subscriber does not want it, or may not have it.
    private func raised(
        _ event: inout RaisedEvent, for id: OperationID, _ audience: EventAudience? = nil, in namespace: CIMNamespaceName
    ) -> Raised? {
        guard let caller = subscribers[id]?.caller, mayHave(event, caller, audience, in: namespace) else { return nil }
        do throws(ObjectFault) {
            guard let (batch, group) = try subscribers.take(&event, for: id) else { return nil }
            let kept = payloads.keep(.rewritten(batch))
            return Raised(id, kept.payload, bytes: UInt32(clamping: kept.bytes), group: group)
        } catch {
            logger.error("an event of class \(event.declaration.name) is not delivered: \(error.description)")
            return nil
        }
    }

    /// An event of the broker's own for some subscribers alone, as each of them gets it.
    func events(_ event: CIMInstance, for ids: [OperationID], in namespace: CIMNamespaceName) -> [Raised] {
        guard let layout = schema.layout(event.className, in: namespace), let declaration = layout.declaration else { return [] }
        do throws(ObjectFault) {
            var event = try raisedEvent(event, layout, in: namespace)
            return ids.compactMap { id in
                subscribers[id]?.query.isAbout(declaration) == true ? raised(&event, for: id, in: namespace) : nil
            }
        } catch {
            logger.error("an event of class \(event.className) cannot be raised: \(error.description)")
            return []
        }
    }

    private func mayHave(_ event: RaisedEvent, _ caller: Caller, _ audience: EventAudience?, in namespace: CIMNamespaceName) -> Bool {
        if core.rights.isAdministrator(uid: caller.uid) { return true }
        for audience in [event.audience, audience] {
            if let audience, !audience.includes(uid: caller.uid, groups: caller.groups) { return false }
        }
        // Losses of others are the administrators' to know (Semantics J.5).
        if event.declaration.isSameOrDerived(from: "__EventDroppedEvent") { return false }
        guard core.rights.isSelective(for: caller, in: namespace.text) else { return true }
        let resolver = resolver(for: caller)
        return resolver.mayHaveEvents(of: event.declaration.name, in: namespace)
            && event.target.map { resolver.sees($0.name, in: namespace, for: .createInstanceEnum) } ?? true
    }

    /// The broker itself has something to tell.
    func raise(_ event: CIMInstance, in namespace: CIMNamespaceName) {
        guard !subscribers.all.isEmpty, let layout = schema.layout(event.className, in: namespace), let declaration = layout.declaration,
            !subscribers.about(declaration, in: namespace).isEmpty
        else { return }
        do throws(ObjectFault) {
            publish([try raisedEvent(event, layout, in: namespace)], in: namespace, from: nil)
        } catch {
            logger.error("an event of class \(event.className) cannot be raised: \(error.description)")
        }
    }

    private func raisedEvent(
        _ event: CIMInstance, _ layout: ObjectLayout, in namespace: CIMNamespaceName
    ) throws(ObjectFault) -> RaisedEvent {
        let batch = try ownObject(event, layout, in: namespace)
        let (reader, ranges) = batch.contents
        var row = ObjectRow(layout, in: reader)
        guard let range = ranges.first, row.read(range) else { throw ObjectFault("it cannot be read") }
        return try RaisedEvent(row, EventShape(layout, classes: schema.snapshot.surroundings(of: namespace).classes))
    }

    /// An object of the broker's own, as its readers see it.
    private func ownObject(_ object: CIMInstance, _ layout: ObjectLayout, in namespace: CIMNamespaceName) throws(ObjectFault) -> ObjectBatch
    {
        var writer = BodyWriter()
        writer.append(instance: object)
        let bytes: [UInt8]
        do { bytes = try writer.finish() } catch { throw ObjectFault(error) }
        var reader = bytes.withUnsafeBytes { BodyReader(copying: $0) }
        var checker = ObjectChecker(.instances(of: layout)) { [schema] in schema.layout($0, in: namespace) }
        try checker.checkObject(&reader)
        return try checker.finish()
    }

    // MARK: - Delivering

    /// Events go to the client's sink, or into what the broker keeps for the enumerator.
    func deliver(_ id: OperationID, _ events: [PayloadID], lost: UInt64) {
        var batches = events.compactMap { payloads.takeObjects($0)?.batch }
        guard let record = records[id], !batches.isEmpty else { return }
        records[id]?.delivered += batches.count
        if deliverPermanent(batches, lost: lost, id) { return }
        if lost > 0, let first = batches.first, let told = try? telling(lost, first) { batches[0] = told }
        guard let sink = record.sink else {
            records[id]?.objects += batches
            return
        }
        do throws(DBusError) {
            try sendToClient(record, sink, Contract.objectSink, "Indicate", Self.objectsSignature) { body in
                let array = body.beginArray(elementAlignment: 4)
                for batch in batches { body.append(objects: batch) }
                body.endArray(array)
            }
        } catch {
            self.lost(id, error)
        }
    }

    /// The event says how many its subscriber has lost before it.
    private func telling(_ lost: UInt64, _ event: ObjectBatch) throws(ObjectFault) -> ObjectBatch {
        let (reader, ranges) = event.contents
        guard let range = ranges.first else { return event }
        var selection = ObjectSelection()
        selection.append(whole: range, of: reader, adding: [(Contract.numberOfEventsLost, .uint64(lost))])
        return try selection.finish()
    }

    /// A subscriber lost an event: administrators hear of it, unless it was an event about such a loss (Semantics J.5).
    /// - Parameter queued: bytes in the subscriber's queue, where that was full.
    func lose(_ id: OperationID, _ payload: PayloadID, queued: Int?) {
        let className = queued == nil ? "__EventDroppedEvent" : "__EventQueueOverflowEvent"
        guard let event = payloads.takeObjects(payload), let subscriber = subscribers[id] else { return }
        let isAboutLoss = schema.declaration(event.firstClassName, in: subscriber.namespace)?.isSameOrDerived(from: "__EventDroppedEvent")
        guard isAboutLoss == false, let layout = schema.layout(className, in: subscriber.namespace),
            let declaration = layout.declaration, !subscribers.about(declaration, in: subscriber.namespace).isEmpty,
            let lost = event.batch.instance
        else { return }
        var told = CIMInstance(className: layout.className, ["Event": .object(lost)])
        if let queued { told["CurrentQueueSize"] = .uint32(UInt32(clamping: queued)) }
        if let binding = permanents.operations[id] { told["IntendedConsumer"] = permanents.subscriptions[binding]?.consumerReference }
        raise(told, in: subscriber.namespace)
    }

    /// The window of a group has ended: its aggregate is an event, if HAVING accepts it (Semantics J.6).
    func closeGroup(_ id: OperationID, _ payload: PayloadID, _ count: UInt32) {
        guard let first = payloads.takeObjects(payload)?.batch.instance, let subscriber = subscribers[id],
            subscriber.query.query.grouping?.having?.accepts(count) ?? true,
            let layout = schema.layout("__AggregateEvent", in: subscriber.namespace)
        else { return }
        let aggregate = CIMInstance(className: layout.className, ["Representative": .object(first), "NumberOfEvents": .uint32(count)])
        do throws(ObjectFault) {
            let batch = try ownObject(aggregate, layout, in: subscriber.namespace)
            let (reader, ranges) = batch.contents
            var row = ObjectRow(layout, in: reader)
            guard let range = ranges.first, row.read(range) else { return }
            var event = try RaisedEvent(row, EventShape(layout, classes: schema.snapshot.surroundings(of: subscriber.namespace).classes))
            let kept = payloads.keep(.rewritten(try event.batch(isBare: subscriber.isBare, keeping: nil)))
            tell { $0.raiseAggregate(Raised(id, kept.payload, bytes: UInt32(clamping: kept.bytes))) }
        } catch {
            logger.error("an aggregate of \(subscriber.text.clipped(200)) cannot be sent: \(error.description)")
        }
    }
}
