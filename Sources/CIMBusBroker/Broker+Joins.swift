import CIM
import CIMBusCore
import Synchronization

/// One part that a join wants asked.
struct JoinTurn: Sendable {
    let part: Int
    /// In which way, of a part that can be asked in several.
    let way: Int
    /// Whether the part has handed out objects.
    let hasBegun: Flag

    /// Set once.
    final class Flag: Sendable {
        private let state = Atomic(false)

        var isSet: Bool { state.load(ordering: .relaxed) }

        func set() { state.store(true, ordering: .relaxed) }
    }

    init(_ part: Int, of join: Join) {
        self.part = part
        way = join.way(of: part)
        hasBegun = Flag()
    }
}

/// What the core's joins want, carried out: whom to ask, what to do next, and how the whole ends, is theirs to say.
extension Broker {
    /// Asks one part after the other, as the join says.
    ///
    /// - Returns: the whole's status parameter. Throws what the part failed with by which the whole fails.
    func inTurn(
        _ join: Join, for id: OperationID, _ ask: (isolated Broker, JoinTurn) async throws(CIMError) -> String
    ) async throws(CIMError) -> String {
        var join = join
        var failures: [Int: CIMError] = [:]
        var action = join.start()
        while case .ask(let parts) = action, let part = parts.first {
            let turn = JoinTurn(part, of: join)
            let outcome: Outcome
            do throws(CIMError) {
                outcome = Outcome(.noError, parameter: try await ask(self, turn))
            } catch {
                failures[part] = error
                outcome = Outcome(error.status)
            }
            if hasEnded(id) { join.abandon() }
            action = join.ended(part, outcome, hasBegun: turn.hasBegun.isSet)
        }
        guard case .end(let outcome, let part) = action else { throw Self.isOver(id) }
        return try Self.parameter(outcome, by: part, failures)
    }

    /// Asks as many parts at once as the join says.
    ///
    /// - Throws: what the part failed with by which the whole fails. Everything that is open of the operation has ended then.
    func atOnce(
        _ fanOut: FanOut, for id: OperationID,
        _ ask: @escaping @Sendable (isolated Broker, JoinTurn) async throws(CIMError) -> Void
    ) async throws(CIMError) {
        var join = Join.fanOut(fanOut)
        let failure = await withTaskGroup(of: (JoinTurn, CIMError?).self) { group -> CIMError? in
            var failures: [Int: CIMError] = [:]
            var action = join.start()
            while true {
                switch action {
                case .wait: break
                case .ask(let parts):
                    for turn in parts.map({ JoinTurn($0, of: join) }) {
                        group.addTask(executorPreference: loop) { [self] in
                            do throws(CIMError) {
                                try await ask(self, turn)
                                return (turn, nil)
                            } catch {
                                return (turn, error)
                            }
                        }
                    }
                case .end(let outcome, let part):
                    do throws(CIMError) {
                        _ = try Self.parameter(outcome, by: part, failures)
                        return nil
                    } catch {
                        return abandon(id, &group, error)
                    }
                }
                guard let (turn, failure) = await group.next() else { return Self.isOver(id) }
                failures[turn.part] = failure
                action = join.ended(turn.part, Outcome(failure?.status ?? .noError), hasBegun: turn.hasBegun.isSet)
            }
        }
        if let failure { throw failure }
    }

    /// The others find that the whole has ended.
    private func abandon(_ id: OperationID, _ group: inout TaskGroup<(JoinTurn, CIMError?)>, _ failure: CIMError) -> CIMError {
        group.cancelAll()
        if firstFailures[id] == nil { firstFailures[id] = failure }
        for part in parts[id] ?? [] { tell { core in core.cancel(part) } }
        return failure
    }

    /// Whether it has been decided how the operation ends.
    private func hasEnded(_ id: OperationID) -> Bool { core.operations[id].map { $0.outcome != nil } ?? true }

    private static func parameter(_ outcome: Outcome, by part: Int?, _ failures: [Int: CIMError]) throws(CIMError) -> String {
        if outcome.status.isSuccess { return outcome.parameter }
        throw part.flatMap { failures[$0] } ?? failure(outcome)
    }
}
