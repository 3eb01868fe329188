import CIM

@testable import CIMBusCore

/// What the broker does for operations whose parts are joined: it asks whom it is told to ask, passes on what parts hand out, and tells how they
/// ended.
extension Scene {
    /// A part of a whole, until it has ended.
    struct JoinedPart {
        var whole: OperationID
        var index: Int
        var hasBegun = false
    }

    /// An operation whose parts are joined as a model says.
    @discardableResult
    mutating func join(
        _ model: any JoinModel, as join: Join, _ form: Request.Form = .async(sink: Scene.path), _ kind: Request.Kind = .createInstanceEnum,
        timeout: Microseconds? = nil
    ) throws(Refusal) -> OperationID {
        let request = Request(client: Self.client, kind: kind, form: form, target: .conducted, timeout: timeout)
        let id = try core.begin(request)
        witness.open.insert(id)
        if form == .semisync { witness.semisync.insert(id) }
        saw()
        witness.joined[id] = Witness.Joined(model: model)
        core.conduct(id, by: join)
        saw()
        return id
    }

    /// The provider is asked.
    mutating func ask(_ whole: OperationID, _ index: Int) {
        guard witness.joined[whole]?.asked.remove(index) != nil else { return }
        let kind = core.operations[whole]?.request.kind ?? .createInstanceEnum
        do throws(Refusal) {
            let id = try core.beginPart(of: whole, index: index, kind: kind, target: .provider(registration))
            witness.open.insert(id)
            parts[id] = JoinedPart(whole: whole, index: index)
        } catch {
            witness.faults.append("part \(index) of \(whole.number) was refused: \(error.message)")
        }
        saw()
    }

    /// The part has parts of its own, which are joined as a model says.
    @discardableResult
    mutating func nest(_ whole: OperationID, _ index: Int, _ model: any JoinModel, as join: Join) -> OperationID? {
        guard witness.joined[whole]?.asked.remove(index) != nil else { return nil }
        defer { saw() }
        do throws(Refusal) {
            let id = try core.beginPart(of: whole, index: index, kind: .createInstanceEnum, target: .conducted)
            witness.open.insert(id)
            parts[id] = JoinedPart(whole: whole, index: index)
            saw()
            witness.joined[id] = Witness.Joined(model: model)
            core.conduct(id, by: join)
            return id
        } catch {
            witness.faults.append("part \(index) of \(whole.number) was refused: \(error.message)")
            return nil
        }
    }

    /// Nobody need be asked: it ended so.
    mutating func end(_ whole: OperationID, _ index: Int, _ status: WBEMStatus) {
        guard witness.joined[whole]?.asked.remove(index) != nil else { return }
        tell(whole, PartEnd(part: index, outcome: Outcome(status, object: status == .noError ? nil : object())))
        saw()
    }

    private mutating func tell(_ whole: OperationID, _ end: PartEnd) {
        // What has ended otherwise is deaf.
        if core.operations[whole]?.outcome == nil, core.operations[whole] != nil { witness.joined[whole]?.history.append(end) }
        core.partEnded(whole, end.part, end.outcome)
    }

    /// What an event caused of parts.
    mutating func goOn(_ effects: [Effect]) {
        for effect in effects {
            switch effect {
            case .deliver(let id, _):
                guard let part = parts[id] else { continue }
                if core.operations[part.whole]?.outcome == nil, core.operations[part.whole] != nil { parts[id]?.hasBegun = true }
                core.supply(part.whole, batch([1]), from: id)
            case .finish(let id, let outcome):
                guard let part = parts.removeValue(forKey: id) else { continue }
                var stated = outcome
                if outcome.object != nil { stated.object = object() }
                tell(part.whole, PartEnd(part: part.index, outcome: stated, hasBegun: part.hasBegun))
            case .abandon(let id): parts[id] = nil
            default: continue
            }
            saw()
        }
    }

    /// Every part that a join waits for and nobody has been asked for.
    var unasked: [(whole: OperationID, index: Int)] {
        witness.joined.keys.sorted().flatMap { whole in (witness.joined[whole]?.asked.sorted() ?? []).map { (whole, $0) } }
    }
}

extension Witness {
    /// A whole as its model sees it.
    struct Joined {
        let model: any JoinModel
        var history: [PartEnd] = []
        /// Parts that are to be asked.
        var asked: Set<Int> = []
    }

    mutating func asks(_ whole: OperationID, _ index: Int) {
        if !open.contains(whole) { faults.append("a part of \(whole.number) is asked after its end") }
        if joined[whole]?.asked.insert(index).inserted != true { faults.append("part \(index) of \(whole.number) is asked twice") }
    }

    /// The whole is where its model says.
    mutating func compareJoins(_ core: BrokerCore) {
        for (id, known) in joined {
            guard let whole = core.operations[id], whole.state != .ended else {
                joined[id]?.asked = []
                continue
            }
            guard let join = whole.join else { continue }
            let end = known.model.end(after: known.history)?.outcome
            guard let outcome = whole.outcome else {
                if let end { faults.append("C: operation \(id.number) goes on; it should have ended with \(end)") }
                let waits = known.model.open(after: known.history)
                let begun = whole.children.compactMap { core.operations[$0]?.index }
                if Set(begun).count != begun.count { faults.append("C: a part of \(id.number) is asked twice at once") }
                if !known.asked.isDisjoint(with: begun) || known.asked.union(begun) != waits {
                    faults.append("C: operation \(id.number) waits for \(known.asked) and \(begun), not for \(waits)")
                }
                if !waits.allSatisfy({ join.waits(for: $0) }) { faults.append("C: the join of \(id.number) waits for others") }
                continue
            }
            joined[id]?.asked = []
            if !join.held.isEmpty { faults.append("C: the join of \(id.number) holds objects after its end") }
            judge(id, outcome, end)
        }
    }

    /// How a whole may end: as its model says, or because somebody ended it.
    mutating func judge(_ id: OperationID, _ outcome: Outcome, _ end: Outcome?) {
        let others: [Explanation.Reason] = [.cancelled, .clientTooSlow, .deadlinePassed, .parentEnded, .resultTooLarge, .shuttingDown]
        if let reason = outcome.explanation?.reason, others.contains(reason) || reason == .stated && outcome.status == .failed { return }
        if outcome != end { faults.append("C: operation \(id.number) ends with \(outcome), not with \(end as Outcome?)") }
    }
}
