import CIM

/// Events on their way to subscribers. Nobody waits for a subscriber: one that does not take its events loses its own oldest ones, and is told
/// how many with the next (Semantics J.5).
extension BrokerCore {
    /// Whether a user may have one more subscription; the refusal says who has how many.
    func admitSubscription(of uid: UInt32) throws(Refusal) {
        let share = Share(most: limits.subscriptionsPerUser, all: limits.subscriptions, least: limits.leastSubscriptions)
        if events.counts.hasRoom(for: uid, share) { return }
        throw Refusal(
            .quotaViolation,
            "too many subscriptions: uid \(uid) has \(events.counts.of(uid)) of at most \(limits.subscriptionsPerUser), all users have "
                + "\(events.counts.total) of at most \(limits.subscriptions); end some")
    }

    /// The operation takes events from now on.
    mutating func subscribe(_ id: OperationID, _ terms: Subscription.Terms) {
        guard let uid = operations[id]?.origin else { return bug("operation \(id.number) subscribes, and is gone") }
        events.subscriptions[id] = Entry(Subscription(terms, query: events.newQuery()))
        events.counts.charge(uid)
    }

    /// Nothing of the subscription is left.
    mutating func unsubscribe(_ id: OperationID) {
        guard events.subscriptions[id] != nil else { return }
        discardEvents(of: id)
        events.subscriptions[id] = nil
        if let uid = operations[id]?.origin, !events.counts.refund(uid) { bug("subscription \(id.number) is charged to nobody") }
    }

    /// Events are there, each for one subscriber, in the order in which they were raised.
    /// - Parameter source: whose events they are; nil: the broker's own.
    public mutating func raise(_ raised: [Raised], from source: EventSourceID?) {
        began(.raise(raised, source))
        for event in raised { raise(event, from: source) }
    }

    private mutating func raise(_ event: Raised, from source: EventSourceID?) {
        // The end of the subscription was faster, or the provider's word that the subscriber may not have it.
        guard let uid = subscriber(event.subscription), let terms = events.subscriptions[event.subscription]?.terms else {
            return discard(event.payload)
        }
        if let source, events.subscriptions[event.subscription]?.sources[source] != .granted { return discard(event.payload) }
        if let window = terms.window { return gather(event, window) }
        queue(event, uid)
    }

    /// The user of a subscription that has not ended. An entry that is kept would make every change of it a copy of its queue.
    private func subscriber(_ id: OperationID) -> UInt32? {
        guard let operation = operations[id], operation.outcome == nil else { return nil }
        return operation.origin
    }

    /// The aggregate of a group whose window has ended.
    public mutating func raiseAggregate(_ event: Raised) {
        began(.raiseAggregate(event))
        guard let uid = subscriber(event.subscription), events.subscriptions[event.subscription] != nil else {
            return discard(event.payload)
        }
        queue(event, uid)
    }

    private mutating func queue(_ event: Raised, _ uid: UInt32) {
        let id = event.subscription
        counters.events += 1
        events.subscriptions[id]?.waiting.append(.init(payload: event.payload, bytes: event.bytes))
        events.charge(Int(event.bytes), uid)
        pump(id)
        bound(id, uid)
    }

    /// As many events as a batch has become the operation's next one.
    /// - Returns: whether there are any.
    mutating func gatherEvents(of id: OperationID) -> Bool {
        guard events.subscriptions[id]?.waiting.isEmpty == false, let uid = operations[id]?.origin else { return false }
        let taken = events.subscriptions[id]?.waiting.takeBatch(most: limits.eventsPerBatch, bytes: limits.eventBytesPerBatch) ?? []
        guard let first = taken.first else { return false }
        let batch = Batch(first.payload, sizes: taken.map(\.bytes))
        events.charge(-batch.bytes, uid)
        var waiting = Delivery.Waiting(batch: batch)
        waiting.events = taken.map(\.payload)
        waiting.lost = events.subscriptions[id]?.lost ?? 0
        events.subscriptions[id]?.lost = 0
        operations[id]?.delivery.queue.append(waiting)
        return true
    }

    // MARK: - Loss

    /// Keeps to the bounds: first that of the subscription, then that of its user, then that of all.
    private mutating func bound(_ id: OperationID, _ uid: UInt32) {
        let queueBytes = min(limits.eventBytesPerSubscription, events.subscriptions[id]?.terms.queueBytes ?? .max)
        while (events.subscriptions[id]?.waiting.count ?? 0) > limits.eventsPerSubscription
            || (events.subscriptions[id]?.waiting.bytes ?? 0) > queueBytes
        { lose(id) }
        while (events.bytes[uid] ?? 0) > limits.eventBytesPerUser, let worst = greediest(of: uid) { lose(worst) }
        while events.totalBytes > limits.eventBytes, let user = events.greediest, let worst = greediest(of: user) { lose(worst) }
    }

    /// The user's subscription for which most waits.
    private func greediest(of uid: UInt32) -> OperationID? {
        var worst: (id: OperationID, bytes: Int)?
        for id in events.subscriptions.keys {
            let bytes = events.subscriptions[id]?.waiting.bytes ?? 0
            if bytes > worst?.bytes ?? 0, operations[id]?.origin == uid { worst = (id, bytes) }
        }
        return worst?.id
    }

    /// The subscriber loses its oldest event.
    private mutating func lose(_ id: OperationID) {
        guard let event = events.subscriptions[id]?.waiting.removeFirst(), let uid = operations[id]?.origin else {
            return bug("subscription \(id.number) loses an event that it has not")
        }
        events.charge(-Int(event.bytes), uid)
        countLost(id)
        effects.append(.lose(id, event.payload, queued: events.subscriptions[id]?.waiting.bytes ?? 0))
    }

    private mutating func countLost(_ id: OperationID) {
        counters.lostEvents += 1
        events.subscriptions[id]?.value.countLost(1)
    }

    /// A source lost events before it could raise them. Whoever listens to it may have lost each of them.
    public mutating func sourceLost(_ id: EventSourceID, _ count: UInt64) {
        began(.sourceLost(id, count))
        for listener in events.sources[id]?.listeners.sorted() ?? [] { events.subscriptions[listener]?.value.countLost(count) }
    }

    /// Nobody will see the events that wait.
    mutating func discardEvents(of id: OperationID) {
        guard events.subscriptions[id] != nil, let uid = operations[id]?.origin else { return }
        while let event = events.subscriptions[id]?.waiting.removeFirst() {
            events.charge(-Int(event.bytes), uid)
            discard(event.payload)
        }
        let groups = events.subscriptions[id]?.groups ?? [:]
        events.subscriptions[id]?.groups = [:]
        for group in groups.sorted(by: { $0.key < $1.key }) { discard(group.value.first.payload) }
    }

    // MARK: - Groups

    /// The event joins its group; the first of a group opens the group's window (Semantics J.6).
    private mutating func gather(_ event: Raised, _ window: Microseconds) {
        let id = event.subscription
        if let count = events.subscriptions[id]?.groups[event.group]?.count {
            events.subscriptions[id]?.groups[event.group]?.count = count == .max ? count : count + 1
            return discard(event.payload)
        }
        guard (events.subscriptions[id]?.groups.count ?? 0) < limits.groupsPerSubscription else {
            countLost(id)
            return effects.append(.lose(id, event.payload, queued: nil))
        }
        let ends = later(window)
        events.subscriptions[id]?.groups[event.group] = .init(
            first: .init(payload: event.payload, bytes: event.bytes), count: 1, ends: ends)
        agenda.schedule(.operation(id), at: ends)
    }

    /// Groups whose windows have ended are reported, in the order of their ends.
    mutating func closeGroups(of id: OperationID) {
        let due = (events.subscriptions[id]?.groups ?? [:]).filter { $0.value.ends <= now }.sorted {
            ($0.value.ends, $0.key) < ($1.value.ends, $1.key)
        }
        for (name, group) in due {
            events.subscriptions[id]?.groups[name] = nil
            effects.append(.closeGroup(id, group.first.payload, count: group.count))
        }
    }
}
