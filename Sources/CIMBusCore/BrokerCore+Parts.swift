import CIM

/// Operations that the broker conducts itself: their parts, what it supplies, and their end. A part is an operation like any other, with the
/// limits of L1 to L13, but its objects go to the conductor, and it ends with the operation it is a part of.
extension BrokerCore {
    /// Opens a part of a conducted operation, or a look of a subscription, charged to nobody: it runs on its whole's account, with its whole's
    /// deadline.
    ///
    /// - Parameter index: which one it is of those that the whole's join asked.
    /// - Parameter inputBytes: of what its provider is sent; charged to the client's user, however much that has already.
    /// - Throws: CallCancelled when the whole has ended, or has been decided, or waits for no such part.
    public mutating func beginPart(
        of whole: OperationID, index: Int? = nil, kind: Request.Kind, target: Request.Target, inputBytes: Int = 0
    ) throws(Refusal) -> OperationID {
        began(.beginPart(whole, index, kind, target, inputBytes: inputBytes))
        guard let parent = operations[whole], parent.outcome == nil, parent.request.target.hasParts else {
            throw Refusal(.callCancelled, "operation \(whole.number) has ended")
        }
        if let index, !isAwaited(index, of: parent) {
            throw Refusal(.callCancelled, "operation \(whole.number) waits for no part \(index)")
        }
        lastOperation += 1
        let id = OperationID(lastOperation)
        operations[id] = Entry(
            Operation(
                id: id, request: Request(client: parent.request.client, kind: kind, form: .part, target: target), startedAt: now,
                parent: whole, depth: parent.depth, origin: parent.origin, deadline: parent.deadline, isNested: parent.isNested,
                state: .queued, index: index))
        take(nil, Operation.State.queued)
        if let uid = peers[parent.request.client]?.uid { takeInput(inputBytes, uid, for: id) }
        if !target.isConducted {
            openOperations += 1
            counters.operations += 1
        }
        peers[parent.request.client]?.operations.insert(id)
        operations[whole]?.children.insert(id)
        touch(whole)
        if let deadline = parent.deadline { agenda.schedule(.operation(id), at: deadline) }
        dispatch(id, to: target)
        return id
    }

    /// The conductor has taken a batch of a part: there is room for another.
    public mutating func consumed(_ id: OperationID) {
        began(.consumed(id))
        consume(id)
    }

    mutating func consume(_ id: OperationID) {
        // The end of the part was faster.
        guard let bytes = operations[id]?.delivery.unacknowledged.first else { return }
        operations[id]?.delivery.unacknowledged.removeFirst()
        operations[id]?.delivery.outstanding -= bytes
        if let whole = operations[id]?.parent { touch(whole) }
        pump(id)
    }

    /// Objects for the client of a conducted operation. `call` is answered, by ``Effect/credit(_:_:)``, once they are handed over; with
    /// CallCancelled when nobody wants them any more.
    public mutating func supply(_ id: OperationID, _ batch: Batch, call: CallID) {
        began(.supply(id, batch, call))
        guard let operation = operations[id], operation.outcome == nil, operation.request.target.isConducted else {
            effects.append(.discard(batch.payload))
            effects.append(.credit(call, .callCancelled))
            return
        }
        touch(id)
        accept(batch, for: id, call: call, sink: nil, peer: nil)
    }

    /// The conductor did something. One that does nothing, while it waits for no part and for no client, is judged like a silent provider:
    /// whatever goes wrong in the broker itself, the client hears of it (L1).
    mutating func touch(_ id: OperationID) {
        guard operations[id]?.request.target.isConducted == true else { return }
        operations[id]?.conductedAt = now
        agenda.schedule(.operation(id), at: now + limits.silence)
    }

    /// When the conductor has been silent for too long; nil while it waits for others.
    func conductorsTime(_ operation: Entry<Operation>) -> Microseconds? {
        guard let at = operation.conductedAt, operation.outcome == nil, operation.delivery.queue.isEmpty else { return nil }
        guard operation.children.allSatisfy({ waitsForConductor($0) }) else { return nil }
        return at + limits.silence
    }

    /// Whether a part goes on only when its conductor takes what the part has handed out: one that is decided, or whose window is full.
    private func waitsForConductor(_ part: OperationID) -> Bool {
        operations[part].map { $0.outcome != nil || !$0.delivery.queue.isEmpty } ?? true
    }

    /// The conductor is done. Nothing happens when the operation has ended otherwise.
    public mutating func conducted(_ id: OperationID, _ outcome: Outcome) {
        began(.conducted(id, outcome))
        if operations[id]?.outcome == nil { conclude(id, outcome, discarding: false) } else { discard(outcome.object) }
    }
}
