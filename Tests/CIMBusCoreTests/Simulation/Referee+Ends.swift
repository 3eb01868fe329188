import CIM

@testable import CIMBusCore

/// How an operation may end: as was decided, or as somebody is entitled to end it.
extension Referee {
    mutating func judge(_ id: OperationID, _ outcome: Outcome, _ core: BrokerCore) {
        let operation = self[id]
        let reason = outcome.explanation?.reason
        if let decision = operation.decision, decision.status == outcome.status, decision.explanation?.reason == reason,
            decision.parameter == outcome.parameter
        {
            if operation.discarded > 0 { fault("L1: operation \(id.number) ends with \(outcome.status), and lost accepted objects") }
            return
        }
        if isEntitled(reason, outcome, id, core) { return }
        if operation.decision == nil, isDue(reason, outcome, id) {
            if operation.discarded > 0 { fault("L1: operation \(id.number) ends with \(outcome.status), and lost accepted objects") }
            return
        }
        fault("operation \(id.number) ends with \(outcome); what happened says \(operation.decision.map { "\($0)" } ?? "that it goes on")")
    }

    /// Whether somebody may end it so, whatever has been decided: its objects are discarded then.
    private func isEntitled(_ reason: Explanation.Reason?, _ outcome: Outcome, _ id: OperationID, _ core: BrokerCore) -> Bool {
        let operation = self[id]
        switch reason {
        case .cancelled: return operation.isCancelled
        case .shuttingDown: return isShuttingDown
        case .parentEnded:
            guard let parent = operation.parent else { return false }
            return core.operations[parent].map { $0.outcome != nil } ?? true
        case .clientTooSlow:
            let patience = patience(operation)
            return operation.movedAt + (holdsUpOthers(id) ? min(patience, limits.creditBeforeOthers) : patience) <= now
        case .resultTooLarge:
            return operation.form == .sync && operation.kind.isEnumeration && operation.acceptedBytes > limits.replyBytes
        case .stated:
            return operation.isFailed || outcome.status == .providerNotFound || isConductorSilent(operation)
        default: return false
        }
    }

    private func isConductorSilent(_ operation: Operation) -> Bool {
        operation.isConducted && operation.quietSince + limits.silence <= now
    }

    /// Whether another user's operation waits to be called by the provider that this one's call keeps.
    private func holdsUpOthers(_ id: OperationID) -> Bool {
        let operation = self[id]
        guard let provider = operation.sink.map({ self[$0].provider }) else { return false }
        return open.contains { other in
            let waiting = self[other]
            return waiting.sink == nil && waiting.origin != operation.origin
                && waiting.registration.flatMap { registrations[Int($0.number)].process } == provider
        }
    }

    func patience(_ operation: Operation) -> Microseconds { operation.form == .semisync ? limits.pull : limits.credit }

    /// Whether the time, or its provider's absence, ends an operation so that nobody has decided.
    private func isDue(_ reason: Explanation.Reason?, _ outcome: Outcome, _ id: OperationID) -> Bool {
        let operation = self[id]
        let process = operation.registration.flatMap { registrations[Int($0.number)].process }
        if reason == .deadlinePassed { return operation.deadline.map { $0 <= now } ?? false }
        guard let sink = operation.sink.map({ self[$0] }) else {
            switch reason {
            case .noCallSlot: return process != nil && operation.began + limits.slotWait <= now
            case .notRunning, .startFailed, .initializationFailed: return process == nil
            case .noRegistrationOfUser: return operation.registration == nil
            case .suspended: return operation.registration.map { registrations[Int($0.number)].isSuspended } ?? false
            case .unregistered, .providerVanished: return process == nil
            case .providerUnresponsive: return process.map { peers[Int($0.number)].isUnresponsive } ?? false
            default: return false
            }
        }
        switch reason {
        case nil, .wrongObjectCount:
            // Kept references past the status: a leak.
            guard let final = sink.final, sink.withheld == 0, max(sink.finalAt, sink.heard) + limits.leakGrace <= now else { return false }
            return reason == nil ? final.status == outcome.status : operation.kind == .getObject && sink.objects != 1
        case .providerSilent:
            return sink.final == nil && sink.withheld == 0 && operation.children == 0 && sink.heard + limits.silence <= now
        case .notReentrant: return !sink.isUsed && waitsForItself(id, sink.provider)
        default: return false
        }
    }

    /// Whether the called process holds a sink of an operation that this one is nested in.
    func waitsForItself(_ id: OperationID, _ provider: PeerID) -> Bool {
        var up = self[id].parent
        while let id = up {
            if let sink = self[id].sink, self[sink].isHeld(by: provider) { return true }
            up = self[id].parent
        }
        return false
    }

    // MARK: - Those whose parts are joined, or that are conducted otherwise

    mutating func supplied(_ batch: Batch, to whole: OperationID, call: CallID? = nil, by part: OperationID? = nil, _ core: BrokerCore) {
        payloads[Int(batch.payload.number)].sizes = batch.sizes
        let isUndecided = core.operations[whole].map { $0.outcome == nil } ?? false
        if let call { indicates[call] = Indicate(refusal: isUndecided ? nil : .callCancelled, payload: batch.payload) }
        guard isUndecided else { return }
        self[whole].touched = now
        if let part, !batch.sizes.isEmpty { self[part].hasBegun = true }
        // What the whole takes is on its way from the part once the whole has handed it on.
        accept(batch, for: whole)
        if let part, !batch.sizes.isEmpty, self[whole].takesObjects {
            payloads[Int(batch.payload.number)].part = part
        } else if let part {
            consumed(part)
        }
    }

    mutating func consumed(_ part: OperationID) {
        guard isOpen(part), self[part].untaken > 0 else { return }
        self[part].untaken -= 1
        if let whole = self[part].whole { self[whole].touched = now }
    }

    mutating func ended(_ index: Int, of whole: OperationID, _ outcome: Outcome, hasBegun: Bool, _ core: BrokerCore) {
        guard core.operations[whole].map({ $0.outcome == nil }) ?? false else { return }
        if let place = self[whole].asked.firstIndex(of: index) { self[whole].asked.remove(at: place) }
        self[whole].touched = now
        guard let join = self[whole].join else { return }
        self[whole].history.append(PartEnd(part: index, outcome: outcome, hasBegun: hasBegun))
        if let end = SimulatedWorld.joins[join].model.end(after: self[whole].history) { decide(whole, end.outcome) }
    }

    mutating func conducted(_ whole: OperationID, _ outcome: Outcome, _ core: BrokerCore) {
        guard core.operations[whole].map({ $0.outcome == nil }) ?? false else { return }
        decide(whole, outcome)
    }

    // MARK: - Clients

    mutating func heard(_ peer: PeerID, _ now: Microseconds, mayHaveRead: Bool) {
        self.now = now
        peers[Int(peer.number)].heard = now
        peers[Int(peer.number)].isUnresponsive = false
        if mayHaveRead { movedAt[peers[Int(peer.number)].uid] = now }
    }

    mutating func wasRead(_ id: OperationID, batches: Int) { self[id].batchesRead += batches }

    func batchesRead(of id: OperationID) -> Int { self[id].batchesRead }

    mutating func acknowledged(_ path: String, of peer: PeerID, _ batches: UInt32) {
        guard let id = open.first(where: { self[$0].client == peer && self[$0].form == .async(sink: path) }) else { return }
        let count = min(Int(batches), self[id].unacknowledged.count)
        guard count > 0 else { return }
        self[id].batchesRead = max(0, self[id].batchesRead - count)
        self[id].outstanding -= self[id].unacknowledged.prefix(count).reduce(0, +)
        self[id].unacknowledged.removeFirst(count)
        movedAt[self[id].uid] = now
    }

    mutating func pulled(_ id: OperationID, _ call: CallID, _ kind: BrokerCore.PullKind, _ timeout: Int32) {
        let count: Int
        switch kind {
        case .next(let number), .skip(let number): count = Int(number)
        case .result: count = -1
        }
        let time = timeout < 0 ? limits.longestPull : min(limits.longestPull, Microseconds(timeout) * 1_000)
        self[id].pulls.append((call, count, now + time))
        pulls[call] = id
        peers[Int(self[id].client.number)].owed += 1
    }

    /// - Returns: the bytes of the objects that the client is given.
    mutating func answered(_ call: CallID, _ id: OperationID, objects: Int) -> Int {
        guard pulls.removeValue(forKey: call) != nil, let place = self[id].pulls.firstIndex(where: { $0.call == call }) else {
            // The refusal of a pull comes first.
            fault("A.6: a pull of operation \(id.number) is answered twice, or never came")
            return 0
        }
        let pull = self[id].pulls.remove(at: place)
        if pull.count >= 0, objects > pull.count { fault("A.6: a pull of operation \(id.number) has more objects than it asked for") }
        served(self[id].client, -1)
        var bytes = 0
        var left = objects
        while left > 0, let batch = self[id].buffered.first {
            let taken = min(left, batch.count)
            bytes += batch.prefix(taken).reduce(0) { $0 + Int($1) }
            if taken == batch.count { self[id].buffered.removeFirst() } else { self[id].buffered[0] = batch.dropFirst(taken) }
            left -= taken
        }
        if left > 0 { fault("A.6: a pull of operation \(id.number) has objects that were not handed over") }
        self[id].outstanding -= bytes
        if objects > 0 { self[id].movedAt = now }
        return bytes
    }
}
