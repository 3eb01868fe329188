import CIM

@testable import CIMBusCore

/// Who holds which sink, by a ledger of the referee's own, and what each use of a sink must be answered with (L2 to L6, L9, L10).
extension Referee {
    struct Sink {
        var operation = OperationID(0)
        var provider = PeerID(0)
        /// Whose call is unanswered, and counts as a reference.
        var caller: PeerID?
        var counts: [(peer: PeerID, count: Int)] = []
        var isKnown = false
        var isOver = false
        /// Its provider was told that nobody waits for its call any more: the call takes nobody's place.
        var isAbandoned = false
        var lane = LaneID.own
        var calledAt: Microseconds = 0
        var isNested = false
        var client: UInt32 = 0
        var final: Outcome?
        var finalAt: Microseconds = 0
        var heard: Microseconds = 0
        var withheld = 0
        /// Whether anybody has used it.
        var isUsed = false
        var objects = 0

        func count(of peer: PeerID) -> Int? { counts.first { $0.peer == peer }?.count }
        func isHeld(by peer: PeerID) -> Bool { caller == peer || (count(of: peer) ?? 0) > 0 }
        var isHeld: Bool { caller != nil || counts.contains { $0.count > 0 } }

        mutating func set(_ peer: PeerID, _ count: Int) {
            if let place = counts.firstIndex(where: { $0.peer == peer }) {
                counts[place].count = count
            } else {
                counts.append((peer, count))
            }
        }

        mutating func drop(_ peer: PeerID) {
            if caller == peer { caller = nil }
            if count(of: peer) != nil { set(peer, 0) }
        }
    }

    subscript(_ id: SinkID) -> Sink {
        // No _read, as for operations.
        get { sinks[Int(id.number) < sinks.count ? Int(id.number) : 0] }
        _modify {
            while sinks.count <= Int(id.number) { sinks.append(Sink()) }
            yield &sinks[Int(id.number)]
        }
    }

    /// The operation of a sink that a peer knows.
    func operation(of sink: SinkID) -> OperationID? { self[sink].isKnown ? self[sink].operation : nil }

    // MARK: - Calls

    mutating func called(_ sink: SinkID, _ core: BrokerCore) {
        guard let leg = core.legs[sink] else { return }
        let id = leg.operation
        if !isOpen(id) { fault("L1: sink \(sink.number) is called for operation \(id.number), which has ended") }
        if self[id].sink != nil || self[sink].isKnown { fault("sink \(sink.number) is called twice") }
        if peers[Int(leg.peer.number)].isGone { fault("peer \(leg.peer.number) is called, and is gone") }
        var new = Sink()
        new.operation = id
        new.provider = leg.peer
        new.caller = leg.peer
        new.counts = [(leg.peer, 0)]
        new.isKnown = true
        new.lane = core.lane(of: sink)
        new.calledAt = now
        new.heard = now
        new.isNested = isNested(id)
        new.client = self[id].origin
        self[sink] = new
        checkSlots(sink, core)
        openSinks.append(sink)
        calls.append(sink)
        self[id].sink = sink
        self[id].input = 0
        if peers[Int(leg.peer.number)].isUnresponsive { fault("L8: peer \(leg.peer.number) is called, and answers no pings") }
        if let process = self[id].registration.map({ registrations[Int($0.number)] }) {
            if process.process != leg.peer { fault("L11: sink \(sink.number) goes to a process that does not serve it") }
        }
    }

    /// Whether a provider asked for it, or for the whole that it is a part of, in a call of its own.
    func isNested(_ id: OperationID) -> Bool {
        var id = id
        while let whole = self[id].whole { id = whole }
        return self[id].parent != nil
    }

    mutating func forgetCalls(_ fits: (Sink) -> Bool) {
        let left = calls.filter { !fits(self[$0]) }
        if left.count < calls.count { calls = left }
    }

    mutating func close(_ sink: SinkID) {
        guard !self[sink].isOver, self[sink].isKnown else { return }
        self[sink].isOver = true
        if let place = openSinks.firstIndex(of: sink) { openSinks.remove(at: place) }
    }

    /// After each change of the ledger: what nobody holds is over, with the status that was set, or else with this.
    private mutating func settle(_ sink: SinkID, _ unreported: Outcome) {
        let known = self[sink]
        guard known.isKnown, !known.isOver, !known.isHeld else { return }
        end(sink, known.final ?? unreported)
    }

    /// A GetObject that succeeds has one object.
    private mutating func end(_ sink: SinkID, _ outcome: Outcome) {
        let known = self[sink]
        var outcome = outcome
        if outcome.status.isSuccess, self[known.operation].kind == .getObject, known.objects != 1 { outcome = .because(.wrongObjectCount) }
        decide(known.operation, outcome)
        close(sink)
    }

    mutating func answered(_ sink: SinkID, _ answer: Answer) {
        var objects: Batch?
        if case .result(_, _, let batch) = answer { objects = batch }
        if let objects { note(objects) }
        guard let place = calls.firstIndex(of: sink) else { return }
        calls.remove(at: place)
        let known = self[sink]
        guard !known.isOver, known.caller == known.provider else { return }
        self[sink].heard = now
        switch answer {
        case .failure(let outcome), .unanswered(let outcome):
            self[sink].drop(known.provider)
            settle(sink, outcome)
        case .result(let status, _, _) where !status.isSuccess:
            self[sink].drop(known.provider)
            settle(sink, Outcome(status))
        case .result(let status, let references, _):
            if let objects, known.final == nil {
                if isTooMany(objects, sink) {
                    end(sink, .because(.wrongObjectCount))
                } else {
                    self[sink].objects += objects.sizes.count
                    accept(objects, for: known.operation)
                }
            }
            self[sink].caller = nil
            self[sink].set(known.provider, max(0, (self[sink].count(of: known.provider) ?? 0) + Int(references)))
            settle(sink, Outcome(status))
        }
    }

    private func isTooMany(_ batch: Batch, _ sink: SinkID) -> Bool {
        let kind = self[self[sink].operation].kind
        return (kind == .getObject || kind == .execMethod) && self[sink].objects + batch.sizes.count > 1
    }

    private mutating func note(_ batch: Batch) {
        payloads[Int(batch.payload.number)].sizes = batch.sizes
        payloads[Int(batch.payload.number)].parts = batch.parts
    }

    // MARK: - Uses

    /// What the use of a sink must be answered with; nil: success.
    func use(_ sink: SinkID, by peer: PeerID) -> WBEMStatus? {
        if isQueued { return .accessDenied }
        guard self[sink].isKnown, !self[sink].isOver else { return .callCancelled }
        guard self[sink].isHeld(by: peer) else { return .accessDenied }
        return self[sink].final == nil ? nil : .unexpected
    }

    mutating func indicated(_ sink: SinkID, by peer: PeerID, _ batch: Batch, _ call: CallID?) {
        note(batch)
        let refusal = use(sink, by: peer)
        if refusal != nil {
            if let call { indicates[call] = Indicate(refusal: refusal, payload: batch.payload) }
            return
        }
        self[sink].heard = now
        self[sink].isUsed = true
        let place = Int(peer.number)
        let isFlood = call == nil || self[sink].withheld >= limits.indicatesPerSink || peers[place].indicates >= limits.indicatesPerPeer
        if isFlood || isTooMany(batch, sink) {
            let outcome = Outcome.because(isFlood ? .flooded : .wrongObjectCount)
            if let call { indicates[call] = Indicate(refusal: outcome.status, payload: batch.payload) }
            return end(sink, outcome)
        }
        guard let call else { return }
        indicates[call] = Indicate(sink: sink, peer: peer, operation: self[sink].operation, payload: batch.payload)
        self[sink].objects += batch.sizes.count
        self[sink].withheld += 1
        peers[place].indicates += 1
        peers[place].owed += 1
        accept(batch, for: self[sink].operation)
    }

    mutating func credited(_ call: CallID, _ status: WBEMStatus) {
        guard let known = indicates.removeValue(forKey: call) else { return fault("L13: an Indicate is answered twice, or never came") }
        let payload = payloads[Int(known.payload.number)]
        if let refusal = known.refusal {
            if status != refusal { fault("L10: an Indicate is answered with \(status), not with \(refusal)") }
        } else if payload.state == .kept {
            fault("L13: credit for objects that wait")
        } else if payload.operation != nil, status.isSuccess != (payload.state == .delivered) {
            fault("L13: an Indicate is answered with \(status), and its objects are \(payload.state)")
        }
        if let sink = known.sink {
            self[sink].withheld -= 1
            self[sink].heard = now
        }
        if let peer = known.peer {
            peers[Int(peer.number)].indicates -= 1
            served(peer, -1)
        }
    }

    mutating func completed(_ sink: SinkID, by peer: PeerID, _ outcome: Outcome) -> WBEMStatus? {
        if let refusal = use(sink, by: peer) { return refusal }
        self[sink].heard = now
        self[sink].isUsed = true
        self[sink].final = outcome
        self[sink].finalAt = now
        settle(sink, outcome)
        return nil
    }

    mutating func reported(_ sink: SinkID, by peer: PeerID) -> WBEMStatus? {
        if let refusal = use(sink, by: peer) { return refusal }
        self[sink].heard = now
        self[sink].isUsed = true
        return nil
    }

    mutating func misfitted(_ sink: SinkID) { end(sink, .because(.misfit)) }

    mutating func added(_ sink: SinkID, by peer: PeerID) -> Result<Int, WBEMStatus> {
        if isQueued { return .failure(.accessDenied) }
        guard self[sink].isKnown, !self[sink].isOver else { return .failure(.callCancelled) }
        guard self[sink].isHeld(by: peer) else { return .failure(.accessDenied) }
        let count = (self[sink].count(of: peer) ?? 0) + 1
        self[sink].set(peer, count)
        self[sink].isUsed = true
        return .success(max(0, count))
    }

    mutating func released(_ sink: SinkID, by peer: PeerID) -> Result<Int, WBEMStatus> {
        if isQueued { return .failure(.accessDenied) }
        guard self[sink].isKnown, !self[sink].isOver else { return .failure(.callCancelled) }
        guard let count = self[sink].count(of: peer) else { return .failure(.accessDenied) }
        guard self[sink].isHeld(by: peer) else { return .failure(.invalidOperation) }
        self[sink].set(peer, count - 1)
        self[sink].isUsed = true
        settle(sink, .because(.releasedWithoutStatus))
        return .success(max(0, count - 1))
    }

    mutating func transferred(_ sink: SinkID, from peer: PeerID, to other: PeerID) -> Result<Int, WBEMStatus> {
        if isQueued { return .failure(.accessDenied) }
        guard self[sink].isKnown, !self[sink].isOver else { return .failure(.callCancelled) }
        guard self[sink].isHeld(by: peer) else { return .failure(.accessDenied) }
        guard other.number > 0, !peers[Int(other.number)].isGone else { return .failure(.notFound) }
        guard peers[Int(other.number)].uid == peers[Int(peer.number)].uid else { return .failure(.accessDenied) }
        // Who had nothing to do with any sink before is quiet only from now on.
        if !openSinks.contains(where: { self[$0].count(of: other) != nil }) { peers[Int(other.number)].servedAt = now }
        self[sink].set(peer, (self[sink].count(of: peer) ?? 0) - 1)
        self[sink].isUsed = true
        self[sink].set(other, (self[sink].count(of: other) ?? 0) + 1)
        return .success(0)
    }

    mutating func compare(_ actual: WBEMStatus?, _ expected: WBEMStatus?, _ what: @autoclosure () -> String) {
        if actual != expected { fault("L9, L10: \(what()) is answered with \(actual as WBEMStatus?), not with \(expected as WBEMStatus?)") }
    }

    mutating func compare(_ actual: Result<Int, WBEMStatus>, _ expected: Result<Int, WBEMStatus>, _ what: @autoclosure () -> String) {
        if actual != expected { fault("L3: \(what()) is answered with \(actual), not with \(expected)") }
    }

    // MARK: - Death

    mutating func vanished(_ peer: PeerID, _ core: BrokerCore) {
        now = core.now
        peers[Int(peer.number)].isGone = true
        movedAt[peers[Int(peer.number)].uid] = now
        for sink in openSinks where self[sink].count(of: peer) != nil || self[sink].caller == peer {
            self[sink].drop(peer)
            settle(sink, .because(.providerVanished))
        }
        for id in open where self[id].sink == nil && self[id].decision == nil {
            guard let registration = self[id].registration, registrations[Int(registration.number)].process == peer else { continue }
            decide(id, .because(.providerVanished))
        }
        for place in registrations.indices where registrations[place].process == peer {
            registrations[place].process = nil
            registrations[place].isSuspended = false
        }
        for sink in calls where self[sink].provider == peer { callsOfTheGone.append(sink) }
        forgetCalls { $0.provider == peer }
    }

    /// A call that its provider did not live to answer.
    mutating func callOfTheGone(_ choice: Int) -> SinkID? {
        callsOfTheGone.isEmpty ? nil : callsOfTheGone.remove(at: choice % callsOfTheGone.count)
    }

    mutating func lost(_ lane: LaneID, _ core: BrokerCore) {
        now = core.now
        let those = calls.filter { self[$0].lane == lane }
        forget(lane)
        for sink in those where !self[sink].isOver && self[sink].caller == self[sink].provider {
            self[sink].drop(self[sink].provider)
            settle(sink, .because(.badAnswer))
        }
    }

    /// Nothing that went by this lane is answered any more.
    mutating func forget(_ lane: LaneID) {
        forgetCalls { $0.lane == lane }
        for place in peers.indices where peers[place].pingLane == lane && lane != .own { peers[place].pingedAt = nil }
    }

    /// A peer that answers no pings holds the sink no longer.
    mutating func drop(_ sink: SinkID, _ peer: PeerID) {
        self[sink].drop(peer)
        settle(sink, .because(.providerUnresponsive))
    }
}
