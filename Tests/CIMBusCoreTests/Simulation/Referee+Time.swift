import CIM

@testable import CIMBusCore

/// Who is there, and by when what must have happened (L8, L11): whatever peers do or do not do, every wait has an end.
extension Referee {
    // MARK: - Peers and registrations

    mutating func appeared(_ peer: PeerID, uid: UInt32) {
        if Int(peer.number) != peers.count { fault("the world miscounts peers") }
        peers.append(Peer(uid: uid, heard: now))
    }

    mutating func registered(_ id: RegistrationID, name: Int, user: UInt32?, by peer: PeerID, isPrivate: Bool, at now: Microseconds) {
        let place = Int(id.number)
        while registrations.count <= place { registrations.append(Registered()) }
        if let known = registrations.indices.first(where: { registrations[$0].name == name && registrations[$0].user == user }),
            !registrations[known].isUndefined, known != place
        {
            fault("L11: provider \(name) is known as \(known), and was registered as \(place)")
        }
        if registrations[place].process != nil { fault("L11: provider \(name) is registered twice") }
        registrations[place].name = name
        registrations[place].user = user
        registrations[place].process = peer
        registrations[place].isPrivate = isPrivate
        registrations[place].since = now
        registrations[place].isSuspended = false
    }

    mutating func unregistered(_ peer: PeerID, _ name: Int) {
        for place in registrations.indices where registrations[place].process == peer && registrations[place].name == name {
            registrations[place].process = nil
            registrations[place].isSuspended = false
            let id = RegistrationID(UInt64(place))
            for waiting in open where self[waiting].registration == id && self[waiting].sink == nil && self[waiting].decision == nil {
                decide(waiting, .because(.unregistered))
            }
        }
    }

    mutating func suspended(_ id: RegistrationID, _ isSuspended: Bool) {
        guard Int(id.number) < registrations.count else { return }
        registrations[Int(id.number)].isSuspended = isSuspended
    }

    mutating func defined(_ id: RegistrationID, _ name: Int, isPerUser: Bool) {
        while registrations.count <= Int(id.number) { registrations.append(Registered()) }
        registrations[Int(id.number)].name = name
        registrations[Int(id.number)].isPerUser = isPerUser
    }

    mutating func undefining(_ id: RegistrationID) {
        if Int(id.number) < registrations.count { registrations[Int(id.number)].isPerUser = false }
    }

    mutating func undefined(_ id: RegistrationID) {
        guard Int(id.number) < registrations.count else { return }
        registrations[Int(id.number)].isUndefined = true
    }

    func process(of id: RegistrationID) -> PeerID? { Int(id.number) < registrations.count ? registrations[Int(id.number)].process : nil }

    func isRegisteredByBus(_ peer: PeerID?) -> Bool {
        peer.map { peer in registrations.contains { $0.process == peer && !$0.isPrivate } } ?? false
    }

    /// Of a provider that each user has for themselves, the client's own.
    func registration(_ named: RegistrationID, for uid: UInt32) -> RegistrationID? {
        guard Int(named.number) < registrations.count, registrations[Int(named.number)].isPerUser else { return named }
        let name = registrations[Int(named.number)].name
        return registrations.firstIndex { $0.name == name && $0.user == uid && !$0.isUndefined }.map { RegistrationID(UInt64($0)) }
    }

    // MARK: - Pings

    func isPinged(_ peer: PeerID) -> Bool { peers[Int(peer.number)].pingedAt != nil }

    mutating func ponged(_ peer: PeerID) {
        peers[Int(peer.number)].pingedAt = nil
    }

    /// The bus has answered behind everything that it had of the peer. One that owes its answer by now holds nothing any more.
    mutating func probed(_ peer: PeerID, ran: Bool, _ core: BrokerCore) {
        now = core.now
        let known = peers[Int(peer.number)]
        guard !known.isGone, let probed = known.probedAt, let pinged = known.pingedAt else { return }
        peers[Int(peer.number)].probedAt = nil
        let quiet = max(pinged, known.heard, known.servedAt)
        guard known.owed == 0, quiet + limits.ping / 2 <= now, now - probed <= limits.busDelay, !ran else { return }
        mustHoldNothing = peer
        peers[Int(peer.number)].isUnresponsive = true
        for sink in openSinks where self[sink].isHeld(by: peer) { drop(sink, peer) }
        for id in open where self[id].sink == nil && self[id].decision == nil {
            guard let registration = self[id].registration, registrations[Int(registration.number)].process == peer else { continue }
            decide(id, .because(.providerUnresponsive))
        }
    }

    mutating func wasProbed(_ peer: PeerID, _ core: BrokerCore) {
        if mustHoldNothing == peer, core.legs.values.contains(where: { $0.ledger.isHeld(by: peer) }) {
            fault("L8: peer \(peer.number) missed its ping, and holds sinks")
        }
        mustHoldNothing = nil
    }

    // MARK: - By when

    /// Time has passed, and the broker has looked at some of what is due: whatever it has ended by now, it was to end.
    mutating func checkEnded(_ core: BrokerCore, _ now: Microseconds) {
        self.now = now
        for sink in openSinks where core.presence(of: sink) != .open { explain(sink) }
        for id in open where self[id].isConducted && self[id].isPart && self[id].decision == nil {
            guard let outcome = core.operations[id]?.outcome else { continue }
            let due = min(self[id].quietSince + limits.silence, self[id].deadline ?? .max)
            if due > now { fault("L1: part \(id.number) is decided, and nothing says why: \(outcome)") }
            decide(id, outcome, since: due)
        }
    }

    /// Time has passed, and the broker has looked at all that is due: nothing is open that should have ended.
    mutating func checkDeadlines(_ core: BrokerCore, _ now: Microseconds) {
        checkEnded(core, now)
        for id in open {
            guard let latest = latest(id, operations[Int(id.number)], core), latest < now else { continue }
            fault("L8: operation \(id.number) should have ended \((now - latest) / 1_000) ms ago")
        }
        for (call, id) in pulls {
            if let pull = self[id].pulls.first(where: { $0.call == call }), pull.deadline < now {
                fault("A.6: a pull of operation \(id.number) waits longer than it asked for")
            }
        }
    }

    /// The broker has closed a sink that peers hold: the time must have passed that it had.
    private mutating func explain(_ sink: SinkID) {
        let known = self[sink]
        let operation = self[known.operation]
        close(sink)
        guard operation.isOpen, operation.decision == nil else { return }
        if let deadline = operation.deadline, deadline <= now { return decide(known.operation, .because(.deadlinePassed), since: deadline) }
        if let final = known.final, known.withheld == 0, max(known.finalAt, known.heard) + limits.leakGrace <= now {
            let isWrong = final.status.isSuccess && operation.kind == .getObject && known.objects != 1
            return decide(
                known.operation, isWrong ? .because(.wrongObjectCount) : final, since: max(known.finalAt, known.heard) + limits.leakGrace)
        }
        if !known.isUsed, waitsForItself(known.operation, known.provider) {
            return decide(known.operation, .because(.notReentrant))
        }
        if known.final == nil, known.withheld == 0, operation.children == 0, known.heard + limits.silence <= now {
            return decide(known.operation, .because(.providerSilent), since: known.heard + limits.silence)
        }
        fault("L4: sink \(sink.number) is closed, and nothing says why")
    }

    /// When an operation must have ended, if nobody does anything; nil: somebody else's time runs.
    private func latest(_ id: OperationID, _ operation: Operation, _ core: BrokerCore) -> Microseconds? {
        if !operation.queue.isEmpty || operation.decision != nil && operation.form == .sync {
            // Its client's time: in line for the credit of its user it begins anew whenever some comes back. A part's is its whole's.
            if operation.isPart { return nil }
            let last = max(operation.movedAt, operation.acceptedAt, operation.decidedAt)
            return max(last, movedAt[operation.uid] ?? 0) + patience(operation)
        }
        if operation.decision != nil { return operation.isPart ? nil : operation.decidedAt }
        // Its conductor has not taken what it has handed out: that is its whole's time.
        if operation.untaken > 0, operation.isConducted { return nil }
        if let deadline = operation.deadline, deadline < now { return deadline }
        if operation.isConducted {
            // Parts that are decided, or have handed out what there is room for, wait for their conductor.
            var since = operation.touched
            for part in open where operation.children > 0 && self[part].parent == id {
                guard !self[part].queue.isEmpty || core.operations[part]?.outcome != nil else { return nil }
                since = max(since, self[part].acceptedAt)
            }
            return since + limits.silence
        }
        guard let sink = operation.sink else { return waits(operation) }
        if self[sink].withheld > 0 { return nil }
        if self[sink].final != nil { return max(self[sink].finalAt, self[sink].heard) + limits.leakGrace }
        return operation.children > 0 ? nil : self[sink].heard + limits.silence
    }

    /// How long an operation waits for its provider, and in the provider's line.
    private func waits(_ operation: Operation) -> Microseconds? {
        guard let registration = operation.registration else { return operation.began }
        let known = Int(registration.number) < registrations.count ? registrations[Int(registration.number)] : Registered()
        if known.process != nil { return max(operation.began, known.since) + limits.slotWait }
        let started = startedAt[registration].map { $0 + limits.start } ?? 0
        return max(operation.began + limits.comeback, started)
    }

    // MARK: - The end of it all

    /// Everybody has gone: nothing is left.
    mutating func checkEnd(_ core: BrokerCore) {
        if !open.isEmpty { fault("L1: operations \(open.map(\.number)) have no end") }
        if let kept = operations.indices.first(where: { operations[$0].isKept }) { fault("L8: results of operation \(kept) are left") }
        if unsettled != 0 { fault("\(unsettled) payloads are kept") }
        if !indicates.isEmpty { fault("L13: \(indicates.count) Indicate calls have no answer") }
        if !pulls.isEmpty { fault("A.6: \(pulls.count) pulls have no answer") }
        if !core.operations.isEmpty || core.openOperations != 0 { fault("operations are left: \(core.openOperations)") }
        if !core.legs.isEmpty || !core.slots.slots.isEmpty { fault("L8: sinks, or slots, are left") }
        if !core.peers.isEmpty { fault("peers are left") }
        if core.credit != CreditLedger() { fault("L13: unread bytes of nobody: \(core.credit)") }
        if core.quota != QuotaLedger() { fault("L13: something is charged to nobody: \(core.quota)") }
        if !core.blocked.isEmpty || !core.unasked.isEmpty { fault("L13: somebody waits for credit, and has gone") }
        if core.pings.total != 0 { fault("L8: pings of nobody") }
        if core.slots.lanes.contains(where: { $0.value.lost > 0 || $0.value.unanswered > 0 }) { fault("L8: lanes have calls of nobody") }
        if !core.slots.waiting.isEmpty { fault("L8: calls wait for peers that have gone") }
        if core.registry.all.contains(where: { !$0.waiting.isEmpty || !$0.open.isEmpty || $0.peer != nil }) {
            fault("G.3: registrations have something of those who have gone")
        }
        for subject in core.agenda.times.keys {
            if case .registration(let id) = subject, core.registry.find(id)?.activation.limit != nil { continue }
            fault("a timer is left: \(subject)")
        }
    }
}
