import CIM

/// How a client waits for the results of a semisynchronous operation (Semantics A.6).
extension BrokerCore {
    public enum PullKind: Hashable, Sendable, Codable {
        case next(UInt32)
        case skip(UInt32)
        /// `GetCallStatus`, `GetResultObject`, `GetResultString`.
        case result
    }

    /// A client's `Next`, `Skip` or `CallResult` call, answered now or within 20 s (Design 3).
    ///
    /// - Throws: AccessDenied for another peer's operation; QuotaViolation when too many calls wait; InvalidParameter for a negative time.
    /// - Parameter timeout: milliseconds; -1 is for ever, that is, as long as one call may wait on the bus.
    public mutating func pull(
        _ id: OperationID, by peer: PeerID, _ kind: PullKind, timeout: Int32, call: CallID
    ) throws(Refusal) {
        began(.pull(id, peer, kind, timeout: timeout, call))
        hear(peer)
        guard let operation = operations[id], operation.request.form == .semisync else {
            throw Refusal(.notFound, "operation \(id.number) has no results; they are kept 5 minutes")
        }
        guard operation.request.client == peer else {
            throw Refusal(.accessDenied, "the results of operation \(id.number) belong to another connection")
        }
        guard timeout >= -1 else { throw Refusal(.invalidParameter, "a wait of \(timeout) ms; use -1 for ever, 0 not to wait") }
        guard operation.pulls.count < limits.pullsPerOperation else {
            throw Refusal(.quotaViolation, "\(limits.pullsPerOperation) calls wait for operation \(id.number) already")
        }
        let wait = timeout < 0 ? limits.longestPull : min(limits.longestPull, Microseconds(timeout) * 1_000)
        let pull: Pull =
            switch kind {
            case .next(let count): Pull(call: call, kind: .next(Int(count)), deadline: now + wait)
            case .skip(let count): Pull(call: call, kind: .skip(Int(count)), deadline: now + wait)
            case .result: Pull(call: call, kind: .result, deadline: now + wait)
            }
        operations[id]?.pulls.append(pull)
        peers[peer]?.owed += 1
        pumpPulls(id)
        if operations[id]?.pulls.contains(pull) == true {
            if wait == 0 { expirePulls(of: id) } else { agenda.schedule(.operation(id), at: pull.deadline) }
        }
    }

    /// Answers, in order, the calls that can be answered.
    mutating func pumpPulls(_ id: OperationID) {
        while let operation = operations[id], let pull = operation.pulls.first, canAnswer(pull, operation) {
            if let shortage = shortage(for: pull, operation) { return standInLine(id, because: shortage) }
            operations[id]?.pulls.removeFirst()
            answer(pull, of: id, late: false)
            pump(id)
        }
    }

    private func canAnswer(_ pull: Pull, _ operation: Entry<Operation>) -> Bool {
        if operation.state == .ended { return true }
        guard case .next(let count) = pull.kind else {
            if case .skip(let count) = pull.kind {
                return count == 0 || isFull(operation) || operation.delivery.available(count, within: .max).full
            }
            return false
        }
        return count == 0 || isFull(operation) || operation.delivery.available(count, within: limits.replyBytes).full
    }

    private func isFull(_ operation: Entry<Operation>) -> Bool {
        operation.delivery.outstanding >= limits.windowBytes || operation.delivery.buffered.count >= limits.windowBatches
    }

    private func shortage(for pull: Pull, _ operation: Entry<Operation>) -> CreditLedger.Shortage? {
        guard case .next(let count) = pull.kind, let uid = peers[operation.request.client]?.uid else { return nil }
        let bytes = operation.delivery.available(count, within: limits.replyBytes).bytes
        return credit.shortage(forReply: bytes, uid: uid, limits: limits)
    }

    /// Those whose time has passed get what there is.
    mutating func expirePulls(of id: OperationID) {
        while let pull = operations[id]?.pulls.first(where: { $0.deadline <= now }) {
            operations[id]?.pulls.removeAll { $0.call == pull.call }
            answer(pull, of: id, late: true)
            pump(id)
        }
    }

    /// The client is gone; so that nobody keeps its calls, they are answered all the same, without objects.
    mutating func dismissPulls(of id: OperationID) {
        guard let operation = operations[id] else { return bug("operation \(id.number) is gone, and its pulls are dismissed") }
        operations[id]?.pulls = []
        for pull in operation.pulls {
            peers[operation.request.client]?.owed -= 1
            switch pull.kind {
            case .next: effects.append(.answerNext(pull.call, id, objects: 0, status: .callCancelled))
            case .skip: effects.append(.answerSkip(pull.call, id, objects: 0, status: .callCancelled))
            case .result: effects.append(.answerResult(pull.call, id, ready: false))
            }
        }
    }

    mutating func answer(_ pull: Pull, of id: OperationID, late: Bool) {
        guard let operation = operations[id] else { return bug("operation \(id.number) is gone, and its pull is answered") }
        peers[operation.request.client]?.owed -= 1
        restartPing(operation.request.client)
        let ended = operation.state == .ended
        switch pull.kind {
        case .result:
            if ended { operations[id]?.isRead = true }
            effects.append(.answerResult(pull.call, id, ready: ended))
        case .next(let count), .skip(let count):
            var limit = Int.max
            if case .next = pull.kind { limit = limits.replyBytes }
            if late, case .next = pull.kind, shortage(for: pull, operation) != nil { limit = 0 }
            let objects = limit == 0 ? 0 : operation.delivery.available(count, within: limit).objects
            if objects > 0 {
                let bytes = take(objects, from: id)
                if case .next = pull.kind { promise(bytes, to: operation.request.client) }
            }
            let rest = operations[id]?.delivery.buffered.isEmpty == false
            let failed = operation.outcome.map { !$0.status.isSuccess } ?? false
            let status: WBEMStatus =
                if count == 0 {
                    .sFalse
                } else if objects == count {
                    .noError
                } else if !ended || rest || (failed && objects > 0) {
                    .sTimedOut
                } else if failed {
                    operation.outcome?.status ?? .failed
                } else { .sFalse }
            if ended, !rest, count > 0, status != .noError, status != .sTimedOut { operations[id]?.isRead = true }
            if case .next = pull.kind {
                effects.append(.answerNext(pull.call, id, objects: objects, status: status))
            } else {
                effects.append(.answerSkip(pull.call, id, objects: objects, status: status))
            }
        }
    }

    private mutating func take(_ objects: Int, from id: OperationID) -> Int {
        guard let operation = operations[id] else {
            bug("operation \(id.number) is gone, and its objects are taken")
            return 0
        }
        operations[id]?.delivery.take(objects)
        operations[id]?.delivery.blockedSince = nil
        let taken = operation.delivery.outstanding - (operations[id]?.delivery.outstanding ?? 0)
        if let uid = peers[operation.request.client]?.uid { quota.buffer(-taken, for: uid) }
        return taken
    }
}
