import CIM

/// Operations whose parts are joined (``Join``): the core asks the parts, hears how they end, and ends the whole.
///
/// The owner of the core prepares what a part is asked for, and says how it ended in the whole's words: a part of its own, or one that needs no
/// asking, ends by ``partEnded(_:_:_:)`` alone.
extension BrokerCore {
    /// Who conducts the operation is this join.
    public mutating func conduct(_ id: OperationID, by join: Join) {
        began(.join(id, join))
        guard let operation = operations[id], operation.outcome == nil, operation.request.target.isConducted, operation.join == nil else {
            return
        }
        operations[id]?.join = join
        move(id) { $0.start() }
    }

    /// A part of a whole has ended so. Nothing happens where the whole waits for no such part.
    public mutating func partEnded(_ whole: OperationID, _ index: Int, _ outcome: Outcome) {
        began(.partEnded(whole, index, outcome))
        guard let operation = operations[whole], operation.outcome == nil, isAwaited(index, of: operation) else {
            return discard(outcome.object)
        }
        touch(whole)
        let hasBegun = operation.begun.contains(index)
        operations[whole]?.begun.removeAll { $0 == index }
        move(whole, telling: outcome.object) { $0.ended(index, outcome, hasBegun: hasBegun) }
    }

    /// Objects of a whole: those of a part, which may hand over more once these are on their way, or nobody's else.
    public mutating func supply(_ whole: OperationID, _ batch: Batch, from part: OperationID?) {
        began(.supplyFrom(whole, batch, part))
        guard let operation = operations[whole], operation.outcome == nil, operation.request.target.isConducted else {
            return effects.append(.discard(batch.payload))
        }
        touch(whole)
        if let index = part.flatMap({ operations[$0]?.index }), !batch.sizes.isEmpty, !operation.begun.contains(index) {
            operations[whole]?.begun.append(index)
        }
        accept(batch, for: whole, call: nil, sink: nil, peer: nil, part: part)
    }

    /// Whether the join of a whole waits for a part that nobody works on yet, or that has ended just now.
    func isAwaited(_ index: Int, of whole: Entry<Operation>) -> Bool {
        whole.join?.waits(for: index) == true && !whole.children.contains { operations[$0]?.index == index }
    }

    /// Carries out what a join says.
    /// - Parameter object: of what the join is told.
    private mutating func move(_ whole: OperationID, telling object: PayloadID? = nil, _ step: (inout Join) -> JoinAction) {
        guard var join = operations[whole]?.join else { return }
        let known = join.held + [object].compactMap(\.self)
        let action = step(&join)
        operations[whole]?.join = join
        var kept = join.held
        if case .end(let outcome, _) = action, let object = outcome.object { kept.append(object) }
        for object in known where !kept.contains(object) { discard(object) }
        switch action {
        case .wait: break
        case .ask(let parts):
            touch(whole)
            for part in parts { effects.append(.ask(whole, part)) }
        case .end(let outcome, _): conclude(whole, outcome, discarding: false)
        }
    }

    /// The whole has ended: the join asks nobody else.
    mutating func abandonJoin(of id: OperationID) {
        guard let held = operations[id]?.join?.held else { return }
        operations[id]?.join?.abandon()
        for object in held { discard(object) }
    }
}
