import CIM

/// Every decision of the broker, as a value: events go in, effects come out, and the same events always give the same effects.
///
/// The core does no I/O and reads no clock. Its owner sets ``now`` before it tells an event, and takes the effects (``takeEffects()``) after
/// each event, also after one that was refused. What must happen later is in ``nextDeadline``, at which the owner calls ``advance()``.
/// The owner tells the messages of one peer in the order in which they came.
public struct BrokerCore: Sendable {
    public var limits: Limits
    public var rights: Rights
    public internal(set) var operations = Table<OperationID, Operation>()
    public internal(set) var legs = Table<SinkID, Leg>()
    public internal(set) var peers = Table<PeerID, Peer>()
    public internal(set) var registry = ProviderRegistry()
    /// The sum of all registrations' counters, and of what has no registration.
    public internal(set) var counters = Registration.Counters()
    /// Operations that have not ended, but for the broker's own steps (``Operation/isStep``).
    public internal(set) var openOperations = 0

    /// Who wants events, and who raises them.
    public internal(set) var events = EventLedger()
    var timers: [TimerID: EventTimer] = [:]
    var slots = CallSlots()
    var credit = CreditLedger()
    var quota = QuotaLedger()
    var agenda = Agenda()
    /// Operations that wait for their user's credit, in turn.
    var blocked = CreditQueue()
    /// Peers of each user that may have something to read, and were not asked since whether they have read it.
    var unasked: [UInt32: Set<PeerID>] = [:]
    var pings = PingBudget()
    var lastOperation: UInt64 = 0
    var lastSink: UInt64 = 0
    var isShuttingDown = false
    /// Which steps of the state charts the core has taken; the exhaustive test compares them with the charts.
    var stepsTaken = StepsTaken()
    /// The moment at which the next event happens. The owner sets it before each event.
    public var now: Microseconds = 0
    /// What the events since ``takeEffects()`` have caused.
    var effects: [Effect] = []
    /// Every event since ``takeTrace()``; nil: none is noted.
    public var trace: [TracedEvent]?
    /// The steps of operations since ``takeSteps()``; nil: none is noted.
    public var steps: [FlightStep]?

    /// - Parameter rights: by default, root's alone.
    public init(limits: Limits = Limits(), rights: Rights = Rights(broker: 0)) {
        self.limits = limits
        self.rights = rights
    }

    /// References held on all sinks, unanswered calls counted as one each.
    public var sinkReferences: Int { legs.values.reduce(0) { $0 + $1.ledger.references } }

    /// When ``advance()`` must be called, if nothing happens before.
    public var nextDeadline: Microseconds? {
        mutating get { agenda.next }
    }

    /// Nothing has to be done before: ``nextDeadline`` is not earlier, and may be later; nil: there is nothing to do at all.
    public var earliestDeadline: Microseconds? { agenda.earliest }

    /// The state of a registration as an administrator sees it.
    public func state(of registration: Entry<Registration>) -> Registration.State {
        guard let id = registration.peer, let peer = peers[id] else { return .absent }
        if registration.isSuspended { return .suspended }
        if peer.liveness == .unresponsive { return .unresponsive }
        return registration.lost.isEmpty ? .running : .losingReplies
    }

    /// Whether `peer` holds a sink of `operation`: then it may nest calls in it and pass its context on (L12).
    public func holds(_ peer: PeerID, _ operation: OperationID) -> Bool {
        guard let sink = operations[operation]?.leg, let leg = legs[sink] else { return false }
        return leg.ledger.isHeld(by: peer)
    }

    /// The path of a sink at which the peer waits for an asynchronous operation.
    public func openSink(of peer: PeerID) -> String? { peers[peer]?.clientSinks.keys.min() }

    // MARK: - Peers

    /// A peer that spoke for the first time, with the credentials its connection vouches for. Must precede every other event of it.
    public mutating func peerAppeared(_ id: PeerID, uid: UInt32, pid: UInt32?) {
        began(.peerAppeared(id, uid: uid, pid: pid))
        guard peers[id] == nil else { return }
        peers[id] = Entry(Peer(id: id, uid: uid, pid: pid, heard: now))
        take(nil, Peer.Liveness.responsive)
    }

    /// The peer said something. Every event of a peer implies it.
    /// - Parameter reading: which messages arrived together. A peer that sends many at once does not wait for the answers.
    public mutating func heard(from peer: PeerID, reading: UInt64 = 0) {
        began(.heard(peer, reading: reading))
        peers[peer]?.pace.spoke(in: reading)
        hear(peer)
    }

    /// The peer left the bus, or its process ended: it holds nothing any more, at once, on every sink (L6, P3).
    public mutating func peerVanished(_ id: PeerID) {
        began(.peerVanished(id))
        // The bus and the kernel each tell of an end: the second is late.
        guard let peer = peers[id] else { return }
        peers[id]?.isGone = true
        for operation in peer.operations.sorted(by: >) { abandon(operation) }
        for registration in peer.registrations.sorted() {
            registry[registration]?.peer = nil
            registry[registration]?.isSuspended = false
            registry[registration]?.counters.vanished += 1
            counters.vanished += 1
            effects.append(.registrationChanged(registration))
        }
        for source in events.sources(of: id) { drop(source) }
        if !peer.registrations.isEmpty { note(.vanished, peer: id, "left the bus or ended") }
        drop(id, because: .providerVanished)
        for registration in peer.registrations.sorted() {
            leftLife(registration)
            wake(registration)
        }
        for sink in slots.unanswered(by: id) { freeSlot(sink) }
        if let peer = peers[id] {
            refundReply(peer.reads.unread, uid: peer.uid)
            endPing(of: peer)
            forgetReader(peer)
        }
        leaveExhaustedLanes()
        agenda.remove(.peer(id))
        take(peer.liveness, nil)
        peers[id] = nil
        callWaiting()
        creditReturned(to: peer.uid, by: nil)
    }

    /// The broker stops: every open operation ends (Semantics G.3).
    public mutating func shutDown() {
        began(.shutDown)
        isShuttingDown = true
        // Outermost last, so that each is told the reason itself and not that its parent ended.
        for id in operations.keys.reversed() { conclude(id, .because(.shuttingDown), discarding: true) }
    }

    // MARK: - Time

    /// Does what is due.
    public mutating func advance() {
        began(.advance)
        for subject in agenda.due(at: now) {
            switch subject {
            case .operation(let id): review(id)
            case .peer(let id): judge(id)
            case .registration(let id): review(id)
            case .poll(let id): review(id)
            case .timer(let id): review(id)
            }
        }
    }

    // MARK: - Shared

    /// `duration` from now, or the end of time: a peer chooses some durations.
    func later(_ duration: Microseconds) -> Microseconds {
        let (sum, overflow) = now.addingReportingOverflow(duration)
        return overflow ? (duration < 0 ? now : .max) : sum
    }

    /// What the last event has caused, in the order in which it must be carried out. A refused event may have effects, too: that its sender was
    /// heard from may let waiting calls go on.
    public mutating func takeEffects() -> [Effect] {
        if slots.hasNewRoom {
            slots.hasNewRoom = false
            callWaiting()
        }
        let taken = effects
        effects = []
        return taken
    }

    mutating func note(_ event: Note.Event, peer: PeerID?, sink: SinkID? = nil, _ text: String) {
        let known = peer.flatMap { peers[$0] }
        effects.append(
            .note(
                Note(event: event, peer: peer, pid: known?.pid, serving: known?.registrations.sorted() ?? [], sink: sink, text: text)))
    }

    /// A provider's values became NULL, which changes nothing else.
    public mutating func countLost(_ values: Int, by registration: RegistrationID?) {
        counters.lostValues += UInt64(clamping: values)
        if let registration { registry[registration]?.counters.lostValues += UInt64(clamping: values) }
    }

    mutating func countViolation(_ sink: SinkID, _ peer: PeerID, _ text: String) {
        // It is the violator's: what a stranger tries is no violation of the provider whose sink it is, and is counted apart.
        if let leg = legs[sink], leg.peer == peer || leg.ledger.everyOwner.contains(peer) {
            counters.violations += 1
            registry[leg.registration]?.counters.violations += 1
        } else if let registrations = peers[peer]?.registrations, !registrations.isEmpty {
            counters.violations += 1
            for registration in registrations { registry[registration]?.counters.violations += 1 }
        } else {
            counters.strangersViolations += 1
        }
        note(.violation, peer: peer, sink: sink, text)
    }
}
