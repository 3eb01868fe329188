import CIM

/// What the owner of a service sink sent.
public enum Status: Hashable, Sendable, Codable {
    /// Flags 0: the final status.
    case complete(Outcome)
    /// `WBEM_STATUS_PROGRESS`.
    case progress(Progress)
    /// `WBEM_STATUS_REQUIREMENTS`, and what goes to the log only.
    case remark
}

extension BrokerCore {
    /// Whether a sink is open, was, or never has been: unknown numbers are UnknownObject, ended ones CallCancelled (L9).
    public enum SinkPresence: Hashable, Sendable { case open, ended, unknown }

    public func presence(of sink: SinkID) -> SinkPresence {
        if legs[sink] != nil { return .open }
        return sink.number > 0 && sink.number <= lastSink ? .ended : .unknown
    }

    /// Whether `peer` may use the sink now: nil, or the status its call is answered with. Violations are counted, and change nothing (L9, L10).
    public mutating func checkUse(of sink: SinkID, by peer: PeerID) -> WBEMStatus? {
        began(.checkUse(sink, peer))
        hear(peer)
        return refusal(on: sink, by: peer)
    }

    private mutating func refusal(on sink: SinkID, by peer: PeerID) -> WBEMStatus? {
        guard let leg = legs[sink] else { return .callCancelled }
        guard leg.ledger.isHeld(by: peer) else {
            countViolation(sink, peer, "used a sink it does not hold")
            return .accessDenied
        }
        guard leg.final == nil else {
            countViolation(sink, peer, "used a sink after its final status")
            return .unexpected
        }
        return nil
    }

    /// A batch of objects, checked against their class by the broker. `call` is answered with a `credit` effect, now or when the client has
    /// taken earlier batches; nil when the provider wants no reply, which is no way to send objects.
    public mutating func indicate(_ sink: SinkID, by peer: PeerID, _ batch: Batch, call: CallID?) {
        began(.indicate(sink, peer, batch, call))
        hear(peer)
        if let refused = refusal(on: sink, by: peer) {
            effects.append(.discard(batch.payload))
            if let call { effects.append(.credit(call, refused)) }
            return
        }
        guard let leg = legs[sink] else { return bug("sink \(sink.number) is gone, and is held") }
        legs[sink]?.heard = now
        legs[sink]?.isUsed = true
        let flood =
            call == nil
            ? "Indicate without wanting a reply"
            : leg.withheld >= limits.indicatesPerSink
                ? "more than \(limits.indicatesPerSink) Indicate calls unanswered on one sink"
                : (peers[peer]?.indicates ?? 0) >= limits.indicatesPerPeer
                    ? "more than \(limits.indicatesPerPeer) Indicate calls unanswered" : nil
        let failure: Outcome? =
            if let flood {
                .because(.flooded, text: flood)
            } else {
                tooMany(batch, for: leg)
            }
        if let failure {
            effects.append(.discard(batch.payload))
            if let call { effects.append(.credit(call, failure.status)) }
            countViolation(sink, peer, failure.explanation?.text ?? "")
            endLeg(sink, failure)
            return
        }
        legs[sink]?.objects += batch.sizes.count
        legs[sink]?.withheld += 1
        peers[peer]?.indicates += 1
        peers[peer]?.owed += 1
        accept(batch, for: leg.operation, call: call, sink: sink, peer: peer)
    }

    /// An object did not fit its class, or is another one than was asked for: that ends the leg (Design 3), if it came from a holder. The call
    /// itself was answered by the broker.
    public mutating func misfit(
        _ sink: SinkID, by peer: PeerID, _ text: String, _ reason: Explanation.Reason = .misfit
    ) {
        began(.misfit(sink, peer, text, reason))
        hear(peer)
        guard refusal(on: sink, by: peer) == nil else { return }
        countViolation(sink, peer, text)
        endLeg(sink, .because(reason, text: text))
    }

    /// A status from a provider; the first final one wins (L10, P7; R139).
    ///
    /// - Returns: what the provider's call is answered with; nil is success.
    public mutating func setStatus(
        _ sink: SinkID, by peer: PeerID, _ status: Status
    ) -> WBEMStatus? {
        began(.setStatus(sink, peer, status))
        hear(peer)
        if let refused = refusal(on: sink, by: peer) {
            switch status {
            case .complete(let outcome): discard(outcome.object)
            case .progress(let progress): discard(progress.object)
            case .remark: break
            }
            return refused
        }
        guard let leg = legs[sink] else {
            bug("sink \(sink.number) is gone, and is held")
            return nil
        }
        legs[sink]?.heard = now
        legs[sink]?.isUsed = true
        switch status {
        case .complete(let outcome):
            legs[sink]?.final = outcome
            legs[sink]?.finalAt = now
            record(.status(outcome.status), leg.operation)
            settle(sink, unreported: outcome)
        case .progress(let progress):
            report(progress, leg.operation)
        case .remark: break
        }
        return nil
    }

    /// `AddRef`: the caller's count afterwards, or the refusal.
    public mutating func addRef(_ sink: SinkID, by peer: PeerID) -> Result<Int, WBEMStatus> {
        began(.addRef(sink, peer))
        return change(sink, by: peer) { ledger throws(SinkLedger.Violation) in try ledger.retain(by: peer) }
    }

    /// `Release`: the caller's count afterwards, or the refusal. The last reference ends a leg (L4, L5).
    public mutating func release(_ sink: SinkID, by peer: PeerID) -> Result<Int, WBEMStatus> {
        began(.release(sink, peer))
        return change(sink, by: peer) { ledger throws(SinkLedger.Violation) in try ledger.release(by: peer) }
    }

    /// `Transfer`: one of the caller's references becomes `other`'s, a peer that exists. Only within one uid (L3).
    public mutating func transfer(
        _ sink: SinkID, from peer: PeerID, to other: PeerID
    ) -> Result<Int, WBEMStatus> {
        began(.transfer(sink, from: peer, to: other))
        hear(peer)
        guard let leg = legs[sink] else { return .failure(.callCancelled) }
        guard leg.ledger.isHeld(by: peer) else {
            countViolation(sink, peer, "\(SinkLedger.Violation.notAnOwner)")
            return .failure(.accessDenied)
        }
        guard let target = peers[other] else { return .failure(.notFound) }
        guard target.uid == peers[peer]?.uid else { return .failure(.accessDenied) }
        let result = change(sink, by: peer) { ledger throws(SinkLedger.Violation) in
            try ledger.transfer(from: peer, to: other)
            return 0
        }
        if case .success = result {
            if target.sinks.isEmpty { peers[other]?.heard = now }
            peers[other]?.sinks.insert(sink)
            agenda.schedule(.peer(other), at: now + pingLimit(of: other) / 2)
        }
        return result
    }

    private mutating func change(
        _ sink: SinkID, by peer: PeerID, _ body: (inout SinkLedger) throws(SinkLedger.Violation) -> Int
    ) -> Result<Int, WBEMStatus> {
        hear(peer)
        guard var ledger = legs[sink]?.ledger else { return .failure(.callCancelled) }
        do throws(SinkLedger.Violation) {
            let count = try body(&ledger)
            legs[sink]?.ledger = ledger
            legs[sink]?.isUsed = true
            settle(sink, unreported: .because(.releasedWithoutStatus))
            return .success(count)
        } catch {
            countViolation(sink, peer, "\(error)")
            let status: WBEMStatus =
                switch error {
                case .notAnOwner: .accessDenied
                case .nothingLeft: .invalidOperation
                case .tooMany: .quotaViolation
                }
            return .failure(status)
        }
    }
}
