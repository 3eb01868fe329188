import CIM

/// Who raises events, and who listens to whom (Semantics J.3). Which queries concern which source the broker says: it has the schema.
extension BrokerCore {
    /// A process that serves a registration opens a sink, into which it raises events.
    ///
    /// - Throws: ProviderNotRegistered unless this peer serves the registration; QuotaViolation where the process has too many sinks.
    /// - Parameters:
    ///   - asksAccess: whether the provider is asked about subscribers.
    ///   - isTold: whether it is told of queries.
    public mutating func openSource(
        of peer: PeerID, _ registration: RegistrationID, asksAccess: Bool, isTold: Bool
    ) throws(Refusal) -> EventSourceID {
        began(.openSource(peer, registration, asksAccess: asksAccess, isTold: isTold))
        guard let known = registry[registration], known.peer == peer else {
            throw Refusal(.providerNotRegistered, "the connection serves no such registration; call Register before GetSink")
        }
        guard events.sources(of: peer).count < limits.sourcesPerPeer else {
            throw Refusal(.quotaViolation, "the process has \(limits.sourcesPerPeer) event sinks already; use one of them")
        }
        let id = events.newSource()
        events.sources[id] = Entry(
            EventSource(id: id, peer: peer, registration: registration, asksAccess: asksAccess, isTold: isTold))
        return id
    }

    /// The process needs the sink no more. A silent no-op where it is gone.
    public mutating func closeSource(_ id: EventSourceID) {
        began(.closeSource(id))
        drop(id)
    }

    /// These are the sources that have events for a subscription, and no others. What was granted or denied stays so.
    public mutating func listen(_ id: OperationID, to wanted: [EventSourceID]) {
        began(.listen(id, wanted))
        // The end of the subscription was faster.
        guard let subscription = events.subscriptions[id], operations[id]?.outcome == nil else { return }
        let known = Set(wanted)
        for source in subscription.sources.keys.sorted() where !known.contains(source) { part(id, source) }
        for source in wanted where events.subscriptions[id]?.sources[source] == nil { join(id, source) }
        refuseIfDenied(id)
        settle(id)
    }

    private mutating func join(_ id: OperationID, _ source: EventSourceID) {
        // The end of the source was faster.
        guard let known = events.sources[source] else { return }
        guard known.asksAccess else { return grant(id, source) }
        events.subscriptions[id]?.sources[source] = .asked
        events.sources[source]?.others.insert(id)
        effects.append(.askAccess(source, id))
    }

    private mutating func grant(_ id: OperationID, _ source: EventSourceID) {
        events.subscriptions[id]?.sources[source] = .granted
        events.subscriptions[id]?.wasGranted = true
        events.sources[source]?.others.remove(id)
        events.sources[source]?.listeners.insert(id)
        if events.sources[source]?.isTold == true, let query = events.subscriptions[id]?.query {
            events.subscriptions[id]?.unheard.insert(source)
            effects.append(.newQuery(source, id, query: query))
        }
        effects.append(.listenersChanged(source))
    }

    /// The provider's answer, whether a subscriber may have its events. One that gives none grants nothing.
    public mutating func accessAnswered(_ source: EventSourceID, _ id: OperationID, isGranted: Bool) {
        began(.accessAnswered(source, id, isGranted: isGranted))
        // The end of one of them was faster.
        guard events.subscriptions[id]?.sources[source] == .asked else { return }
        if isGranted { grant(id, source) } else { events.subscriptions[id]?.sources[source] = .denied }
        refuseIfDenied(id)
        settle(id)
    }

    /// The provider knows the query of a subscription, or is not waited for any longer.
    public mutating func queryHeard(_ source: EventSourceID, _ id: OperationID) {
        began(.queryHeard(source, id))
        events.subscriptions[id]?.unheard.remove(source)
        settle(id)
    }

    /// The subscriber that asks for it is told, once, when every source that there is knows the query: what is raised from then on comes to it. A
    /// source that says nothing is not waited for long.
    mutating func settle(_ id: OperationID) {
        guard let subscription = events.subscriptions[id], !subscription.isSettled, operations[id]?.outcome == nil,
            operations[id]?.request.wantsProgress == true
        else { return }
        let isKnown = subscription.unheard.isEmpty && !subscription.sources.values.contains(.asked)
        guard isKnown || subscription.settles.map({ $0 <= now }) ?? false else {
            if subscription.settles != nil { return }
            let time = later(limits.settlingTime)
            events.subscriptions[id]?.settles = time
            return agenda.schedule(.operation(id), at: time)
        }
        events.subscriptions[id]?.isSettled = true
        report(Progress(hresult: 1 << 16 | 1, text: isKnown ? Self.settled : Self.unsettled), id)
    }

    static let settled = "every source of such events knows the query"
    static let unsettled = "a source of such events does not say that it knows the query"

    /// A subscription to events that only providers have is refused where each of those that have them denies them.
    private mutating func refuseIfDenied(_ id: OperationID) {
        guard let subscription = events.subscriptions[id], subscription.terms.isOfProviders, !subscription.wasGranted,
            let denying = subscription.sources.keys.min(), subscription.sources.values.allSatisfy({ $0 == .denied })
        else { return }
        let provider = events.sources[denying].flatMap { registry[$0.registration]?.name } ?? ""
        conclude(id, .stated(.accessDenied, "provider \(provider) does not let the subscriber have its events"), discarding: true)
    }

    /// The subscription and the source have nothing to do with each other any more.
    private mutating func part(_ id: OperationID, _ source: EventSourceID) {
        let access = events.subscriptions[id]?.value.sources[source]
        let query = events.subscriptions[id]?.query ?? 0
        events.subscriptions[id]?.sources[source] = nil
        events.subscriptions[id]?.unheard.remove(source)
        events.sources[source]?.listeners.remove(id)
        events.sources[source]?.others.remove(id)
        guard access == .granted, let known = events.sources[source] else { return }
        if known.isTold { effects.append(.cancelQuery(source, id, query: query)) }
        effects.append(.listenersChanged(source))
    }

    /// The subscription has ended: no source has anything for it, and nothing is polled.
    mutating func stopListening(_ id: OperationID) {
        stopWatching(id)
        guard let sources = events.subscriptions[id]?.sources else { return }
        for source in sources.keys.sorted() { part(id, source) }
    }

    /// The source is gone. Its subscriptions stay, and are quiet.
    mutating func drop(_ id: EventSourceID) {
        guard let source = events.sources[id] else { return }
        events.sources[id] = nil
        effects.append(.sourceClosed(id))
        for listener in source.listeners.union(source.others).sorted() {
            events.subscriptions[listener]?.sources[id] = nil
            events.subscriptions[listener]?.unheard.remove(id)
            settle(listener)
        }
    }

    /// The process does not serve the registration any more.
    mutating func dropSources(of registration: RegistrationID, at peer: PeerID) {
        for id in events.sources(of: peer) where events.sources[id]?.registration == registration { drop(id) }
    }
}
