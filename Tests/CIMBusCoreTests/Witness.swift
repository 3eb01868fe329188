import CIM

@testable import CIMBusCore

/// Keeps its own books about what the core promised, and compares them with every effect and with the core's state after every event.
/// What it checks is the safety half of the rules; each fault names the rule.
struct Witness {
    /// Operations that were accepted and have not had their one end (L1).
    var open: Set<OperationID> = []
    /// The semisynchronous ones among all accepted; and the ended ones of them whose results are kept.
    var semisync: Set<OperationID> = []
    var kept: Set<OperationID> = []
    /// How each operation ended.
    var ends: [OperationID: Outcome] = [:]
    /// Batches and status objects that the core has, and neither handed over nor discarded.
    var payloads: Set<PayloadID> = []
    /// `Indicate` calls, and calls that pull, without an answer.
    var indicates: Set<CallID> = []
    var pulls: Set<CallID> = []
    /// Peers that left the bus, and peers with a ping out.
    var gone: Set<PeerID> = []
    var pinged: Set<PeerID> = []
    /// Provider calls without an answer, whether or not anybody waits for it.
    var calls: Set<SinkID> = []
    /// The lanes by which those calls, and the outstanding pings, went out; and the lanes that there are.
    var lanes: [SinkID: LaneID] = [:]
    var pingLanes: [PeerID: LaneID] = [:]
    var openLanes: Set<LaneID> = []
    /// Registrations that are being started.
    var starting: Set<RegistrationID> = []
    /// Operations whose parts are joined.
    var joined: [OperationID: Joined] = [:]
    /// Who was asked about, and told of, whom; what each subscriber got, and what it lost since.
    struct Query: Hashable {
        var source: EventSourceID
        var subscriber: OperationID
    }
    var asked: Set<Query> = []
    var queries: Set<Query> = []
    /// Of these queries nobody has said that the source knows them.
    var unheard: Set<Query> = []
    var settled: Set<OperationID> = []
    var delivered: [OperationID: [PayloadID]] = [:]
    var lostSince: [OperationID: [PayloadID]] = [:]
    /// Lost by sources, and not told yet.
    var lostAtSource: [OperationID: UInt64] = [:]
    var grouped: Set<OperationID> = []
    /// Looks that were begun and not forgotten, by their polls; and what each subscriber of a poll compares with.
    var looks: [LookID: PollID] = [:]
    var baseLines: [PollID: [OperationID: LookID]] = [:]
    var faults: [String] = []

    mutating func watch(_ effects: [Effect], after core: BrokerCore) {
        for effect in effects { watch(effect, core) }
        // No key path: it would be made anew in every state.
        starting = Set(core.registry.all.filter { $0.activation.isStarting }.map { $0.id })
        compare(core)
    }

    private mutating func watch(_ effect: Effect, _ core: BrokerCore) {
        switch effect {
        case .deliver(let id, let payload):
            if !open.contains(id) { faults.append("L1: objects after the end of \(id.number)") }
            settle(payload)
        case .deliverEvents(let id, let payloads, let lost):
            if !open.contains(id) { faults.append("L1: events after the end of \(id.number)") }
            if payloads.isEmpty { faults.append("EV88: a batch without events") }
            for payload in payloads { settle(payload) }
            delivered[id, default: []] += payloads
            // Payloads are numbered as they are raised; an aggregate stands for some that were raised at any time.
            let isGrouped = grouped.contains(id)
            let first = isGrouped ? .max : payloads.first?.number ?? 0
            let before = lostSince[id, default: []].count { $0.number < first }
            // What a source lost is told with one of the next batches.
            let atSource = lostAtSource[id] ?? 0
            if lost > before &+ Int(atSource) || !isGrouped && lost < before {
                faults.append("EV67: \(before) events were lost before this batch and \(atSource) at sources, told are \(lost)")
            }
            lostAtSource[id] = atSource - min(atSource, UInt64(max(0, Int(lost) - before)))
            lostSince[id]?.removeFirst(min(Int(lost), before))
        case .lose(let id, let payload, _):
            settle(payload)
            lostSince[id, default: []].append(payload)
        case .closeGroup(_, let payload, let count):
            settle(payload)
            if count == 0 { faults.append("EV33: a group without events") }
        case .askAccess(let source, let id):
            asked.insert(.init(source: source, subscriber: id))
        case .newQuery(let source, let id, _):
            if !queries.insert(.init(source: source, subscriber: id)).inserted { faults.append("EV85: NewQuery twice") }
            unheard.insert(.init(source: source, subscriber: id))
        case .cancelQuery(let source, let id, _):
            if queries.remove(.init(source: source, subscriber: id)) == nil { faults.append("EV120: CancelQuery without NewQuery") }
            unheard.remove(.init(source: source, subscriber: id))
        case .listenersChanged: break
        case .sourceClosed(let source):
            queries = queries.filter { $0.source != source }
            asked = asked.filter { $0.source != source }
            unheard = unheard.filter { $0.source != source }
        case .look(let poll, let look, let driver):
            if looks.updateValue(poll, forKey: look) != nil { faults.append("EV31: look \(look.number) is begun twice") }
            if !open.contains(driver) { faults.append("EV120: operation \(driver.number) looks after its end") }
        case .compare(let poll, let old, let new, let watchers):
            for look in [old, new] where looks[look] != poll { faults.append("EV28: look \(look.number) is compared, and is forgotten") }
            if new <= old { faults.append("EV28: compared with an older look") }
            for watcher in watchers {
                if !open.contains(watcher) { faults.append("EV42: events for \(watcher.number) after its end") }
                if baseLines[poll]?[watcher] != old { faults.append("EV28: \(watcher.number) is told of what it knew, or not of all") }
            }
        case .forgetLook(let look):
            if looks.removeValue(forKey: look) == nil { faults.append("look \(look.number) is forgotten twice") }
        case .discard(let payload): settle(payload)
        case .progress(let id, let progress):
            if !open.contains(id) { faults.append("L1: progress after the end of \(id.number)") }
            if progress.text == BrokerCore.settled {
                if unheard.contains(where: { $0.subscriber == id }) {
                    faults.append("EV85: a source does not know the query of \(id.number)")
                }
                if !settled.insert(id).inserted { faults.append("EV85: \(id.number) is told twice that its query is known") }
            }
            if let object = progress.object { settle(object) }
        case .finish(let id, let outcome):
            if open.remove(id) == nil { faults.append("L1: a second end of \(id.number)") }
            if let object = outcome.object { settle(object) }
            ends[id] = outcome
            if let known = joined[id] { judge(id, outcome, known.model.end(after: known.history)?.outcome) }
            if semisync.contains(id) { kept.insert(id) }
        case .abandon(let id):
            if open.remove(id) == nil { faults.append("L1: abandoned \(id.number) after its end") }
        case .expire(let id):
            if kept.remove(id) == nil { faults.append("expired \(id.number), which was not kept") }
        case .answerNext(let call, _, _, _), .answerSkip(let call, _, _, _), .answerResult(let call, _, _):
            if pulls.remove(call) == nil { faults.append("a pull answered twice") }
        case .call(let sink):
            if core.legs[sink] == nil { faults.append("a call for sink \(sink.number), which is over") }
            if !calls.insert(sink).inserted { faults.append("sink \(sink.number) called twice") }
            lanes[sink] = core.lane(of: sink)
        case .credit(let call, _):
            if indicates.remove(call) == nil { faults.append("L13: an Indicate credited twice") }
        case .openLane(let lane):
            if !openLanes.insert(lane).inserted { faults.append("lane \(lane.number) is opened twice") }
        case .closeLane(let lane):
            for sink in calls where lanes[sink] == lane && core.legs[sink] != nil {
                faults.append("L8: the lane of sink \(sink.number) is left, and somebody waits for its answer")
            }
            lost(lane)
        case .ping(let peer, let lane):
            pingLanes[peer] = lane
            if gone.contains(peer) { faults.append("a ping to peer \(peer.number), which is gone") }
            if !pinged.insert(peer).inserted { faults.append("two pings to peer \(peer.number)") }
        case .probe(let peer):
            if gone.contains(peer) { faults.append("a missed ping of peer \(peer.number), which is gone") }
        case .start(let id):
            if starting.contains(id) { faults.append("G.3: registration \(id.number) is started twice at once") }
        case .ask(let whole, let index): asks(whole, index)
        case .note(let note):
            if note.event == .bug { faults.append("a bug: \(note.text)") }
        case .conduct, .cancelCall, .registrationChanged, .fire: break
        }
    }

    /// What went by this lane is not answered any more.
    mutating func lost(_ lane: LaneID) {
        if openLanes.remove(lane) == nil { faults.append("lane \(lane.number) is left twice") }
        calls = calls.filter { lanes[$0] != lane }
        pinged = pinged.filter { pingLanes[$0] != lane }
    }

    private mutating func settle(_ payload: PayloadID) {
        if payloads.remove(payload) == nil { faults.append("payload \(payload.number) handed over or discarded twice") }
    }

    private mutating func compare(_ core: BrokerCore) {
        func fault(_ text: String) { faults.append(text) }
        var queued = 0
        var waitingIndicates = 0
        var waitingPulls = 0
        var openNow = 0
        for operation in core.operations.values {
            let id = operation.id
            waitingPulls += operation.pulls.count
            if operation.state == .ended {
                if !kept.contains(id) { fault("operation \(id.number) ended without an end") }
                if let parent = operation.parent, core.operations[parent].map({ $0.state == .ended }) ?? true,
                    ends[id]?.explanation?.reason != .parentEnded
                {
                    fault("L12: the results of \(id.number) outlive its parent")
                }
                continue
            }
            openNow += 1
            if !open.contains(id) { fault("L1: operation \(id.number) is open after its end") }
            let isQuiet = operation.request.target.isOfEvents && operation.outcome == nil
            if core.agenda.times[.operation(id)] == nil, !isQuiet { fault("L8: nothing is scheduled for operation \(id.number)") }
            queued += operation.delivery.queue.reduce(0) { $0 + $1.payloads.count } + (operation.outcome?.object == nil ? 0 : 1)
            queued += operation.delivery.progress?.object == nil ? 0 : 1
            queued += operation.join?.held.count ?? 0
            for waiting in operation.delivery.queue where waiting.call != nil { waitingIndicates += 1 }
            if operation.delivery.unacknowledged.count > max(1, core.limits.windowBatches) { fault("L13: more than the window") }
            if let parent = operation.parent, core.operations[parent].map({ $0.state == .ended }) ?? true {
                fault("L12: \(id.number) outlives its parent")
            }
        }
        for registration in core.registry.all {
            if registration.activation.limit != nil, core.agenda.times[.registration(registration.id)] == nil {
                fault("L11: nothing is scheduled for registration \(registration.id.number)")
            }
            if registration.peer != nil, registration.activation != .idle { fault("G.3: a running provider is waited for") }
            if registration.activation.limit == nil, !registration.waiting.isEmpty {
                fault("G.3: calls wait for a provider that is not coming")
            }
            for id in registration.waiting where core.operations[id]?.awaited != registration.id || core.operations[id]?.outcome != nil {
                fault("G.3: operation \(id.number) waits, and has ended")
            }
        }
        let charged = core.operations.values.filter { $0.state != .ended && $0.request.form != .part }.count
        if core.quota.open.total != charged { fault("quota: \(core.quota.open.total) operations are charged, \(charged) are open") }
        if core.quota.results.total != kept.count { fault("L8: \(core.quota.results.total) results are charged, \(kept.count) are kept") }
        if openNow != open.count { fault("L1: \(openNow) operations are open, \(open.count) have no end") }
        let seen = open.count { core.operations[$0]?.value.isStep != true }
        if core.openOperations != seen { fault("openOperations is \(core.openOperations), not \(seen)") }
        for leg in core.legs.values {
            let sink = leg.sink
            if core.operations[leg.operation]?.leg != sink { fault("sink \(sink.number) belongs to no operation") }
            queued += leg.final?.object == nil ? 0 : 1
            for (peer, count) in leg.ledger.counts {
                if count < 0, leg.ledger.caller != peer { fault("L2: sink \(sink.number) has a count of \(count)") }
                if count > 0, gone.contains(peer) { fault("L6: dead peer \(peer.number) holds sink \(sink.number)") }
            }
            if case .queued = leg.call { continue }
            if !leg.ledger.isHeld { fault("L4: sink \(sink.number) is open and nobody holds it") }
        }
        queued += compareEvents(core)
        if queued != payloads.count { fault("\(payloads.count) payloads are due, the core has \(queued)") }
        if waitingIndicates != indicates.count { fault("L13: \(indicates.count) Indicate calls wait, the core has \(waitingIndicates)") }
        if waitingPulls != pulls.count { fault("\(pulls.count) pulls wait, the core has \(waitingPulls)") }
        if Set(core.slots.slots.keys) != calls { fault("the slots are not the unanswered calls") }
        if Set(core.slots.lanes.keys) != openLanes.union([.own]) { fault("the lanes are not those that were opened") }
        for (id, lane) in core.slots.lanes {
            let pings = id == .own ? 0 : pinged.count { pingLanes[$0] == id }
            if lane.unanswered != calls.count(where: { lanes[$0] == id }) + pings {
                fault("L8: lane \(id.number) miscounts what is unanswered")
            }
            if lane.lost < core.slots.slots.count(where: { $0.value.lane == id && $0.value.isLost }) {
                fault("L8: lane \(id.number) miscounts")
            }
        }
        for (sink, slot) in core.slots.slots where slot.isLost != (core.legs[sink] == nil) {
            fault("L8: sink \(sink.number) is lost and waited for, or neither")
        }
        compareLines(core)
        if core.peers.values.reduce(0, { $0 + $1.indicates }) > indicates.count { fault("a peer has too many Indicate calls") }
        compareWhenIdle(core)
    }

    /// - Returns: how many events wait.
    private mutating func compareEvents(_ core: BrokerCore) -> Int {
        var waiting = 0
        var bytes = 0
        var told: Set<Query> = []
        for id in core.events.subscriptions.keys {
            guard let subscription = core.events.subscriptions[id] else { continue }
            if core.operations[id] == nil || core.operations[id]?.state == .ended { faults.append("EV42: a subscription outlives its end") }
            waiting += subscription.waiting.count + subscription.groups.count
            bytes += subscription.waiting.bytes
            for (source, access) in subscription.sources {
                guard let known = core.events.sources[source] else {
                    faults.append("EV97: subscription \(id.number) listens to a source that is gone")
                    continue
                }
                let isListener = known.listeners.contains(id)
                if isListener != (access == .granted) { faults.append("EV101: who was not granted listens") }
                if known.isTold, access == .granted { told.insert(Query(source: source, subscriber: id)) }
            }
        }
        for source in core.events.sources.values {
            if gone.contains(source.peer) { faults.append("EV97: a source outlives its process") }
            for listener in source.listeners where core.events.subscriptions[listener]?.sources[source.id] != .granted {
                faults.append("EV120: source \(source.id.number) has a listener that is gone")
            }
        }
        comparePolls(core)
        if told != queries { faults.append("EV120: NewQuery and CancelQuery do not balance") }
        if bytes != core.events.totalBytes { faults.append("EV68: \(core.events.totalBytes) bytes are charged, \(bytes) wait") }
        if core.events.counts.total != core.events.subscriptions.count { faults.append("EV70: subscriptions are miscounted") }
        return waiting
    }

    /// What is polled, and what is kept of it.
    private mutating func comparePolls(_ core: BrokerCore) {
        var kept: Set<LookID> = []
        baseLines = [:]
        for poll in core.events.polls.values {
            if poll.watchers.isEmpty { faults.append("EV120: poll \(poll.id.number) is nobody's") }
            for (id, watcher) in poll.watchers {
                if core.events.subscriptions[id] == nil { faults.append("EV120: \(id.number) is polled for after its end") }
                if let look = watcher.baseLine {
                    kept.insert(look)
                    baseLines[poll.id, default: [:]][id] = look
                }
            }
            if let look = poll.look {
                kept.insert(look.id)
                if poll.watchers[look.driver] == nil { faults.append("EV31: who looks is gone") }
            } else if core.agenda.times[.poll(poll.id)] == nil {
                faults.append("EV25: nothing is scheduled for poll \(poll.id.number)")
            }
        }
        if !kept.isSubset(of: looks.keys) { faults.append("EV28: a look that is compared with is forgotten") }
        if Set(core.events.looks.keys) != kept.subtracting(core.events.polls.values.compactMap { $0.look?.id }) {
            faults.append("EV32: looks are kept that nobody compares with")
        }
        let bytes = core.events.looks.values.reduce(0) { $0 + $1.bytes }
        if core.events.lookBytes.values.reduce(0, +) != bytes { faults.append("EV32: the bytes of looks are miscounted") }
    }

    /// Who stands in line is written down twice, with the operation and with the line, and with the peer that is waited for.
    private mutating func compareLines(_ core: BrokerCore) {
        var standing: [UInt32: Set<OperationID>] = [:]
        for operation in core.operations.values {
            if let turn = operation.delivery.turn { standing[turn.uid, default: []].insert(operation.id) }
            let isReported = core.peers[operation.request.client]?.reported.contains(operation.id) == true
            if isReported != (operation.delivery.progress != nil) { faults.append("progress of \(operation.id.number) is forgotten") }
        }
        if core.blocked.lines.mapValues({ Set($0.operations.inOrder) }) != standing {
            faults.append("L13: the lines are not those who wait")
        }
        for peer in core.peers.values {
            let queued = Set(core.legs.values.filter { $0.isQueued && $0.peer == peer.id }.map { $0.sink })
            if Set(peer.calls.waiting) != queued { faults.append("L8: the line of peer \(peer.id.number) is not what waits for it") }
            if core.slots.waiting.contains(peer.id) == queued.isEmpty {
                faults.append("L8: peer \(peer.id.number) is waited for, or is not")
            }
            if peer.isUnasked != (core.unasked[peer.uid]?.contains(peer.id) == true) {
                faults.append("L13: peer \(peer.id.number) is asked")
            }
            // While anybody waits for credit, whoever has something to read is asked whether it has.
            if !standing.isEmpty, standing[peer.uid] != nil, peer.reads.unread > peer.reads.promised, peer.pingedAt == nil, !peer.wantsPing
            {
                faults.append("L13: peer \(peer.id.number) has read, or not, what others wait for, and nobody asks it")
            }
        }
    }

    /// What is left when nothing is open: nothing.
    private mutating func compareWhenIdle(_ core: BrokerCore) {
        guard open.isEmpty else { return }
        if core.registry.all.contains(where: { !$0.waiting.isEmpty }) { faults.append("G.3: calls that are over wait for a provider") }
        if !core.legs.isEmpty { faults.append("ledger: a sink outlives its operation") }
        if kept.isEmpty, core.quota != QuotaLedger() { faults.append("quota: bytes are charged for nothing") }
        if core.credit.total != core.peers.values.reduce(0, { $0 + $1.reads.unread }) { faults.append("credit: unread bytes of nobody") }
        for peer in core.peers.values {
            if peer.owed != peer.operations.reduce(0, { $0 + (core.operations[$1]?.pulls.count ?? 0) }) || peer.indicates != 0 {
                faults.append("peer \(peer.id.number) is owed something for nothing")
            }
            if !peer.sinks.isEmpty || !peer.clientSinks.isEmpty || peer.calls.isWaiting || !peer.reported.isEmpty {
                faults.append("peer \(peer.id.number) keeps a sink of nothing")
            }
        }
        guard core.peers.isEmpty else { return }
        if core.credit != CreditLedger() || core.pings.total != 0 || !core.slots.slots.isEmpty
            || core.agenda.times.keys.contains(where: \.isOfPeers)
        {
            faults.append("something is left of peers that are gone")
        }
    }
}

extension Agenda.Subject {
    /// Registrations outlive the peers.
    fileprivate var isOfPeers: Bool { if case .registration = self { false } else { true } }
}

extension Entry<Leg> {
    fileprivate var isQueued: Bool { if case .queued = self.call { true } else { false } }
}
