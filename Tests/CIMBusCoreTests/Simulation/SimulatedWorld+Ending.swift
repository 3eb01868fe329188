import CIM

@testable import CIMBusCore

/// How a schedule ends: in one of several ways, and then everybody goes, and nothing may be left.
extension SimulatedWorld {
    mutating func end() {
        guard referee.firstFault == nil else { return }
        if story != nil { story?.append("the end: \(plan.ending)") }
        switch plan.ending {
        case .leaving: break
        case .silence: waitForEnds { _ in }
        case .pongs: waitForEnds { $0.answerPings() }
        case .goodwill: waitForEnds { $0.doWhatIsOwed() }
        case .shutDown:
            referee.shutsDown()
            core.shutDown()
            settle()
        }
        if plan.ending != .leaving, plan.ending != .shutDown, referee.firstFault == nil {
            // What is kept for clients is kept for so long.
            wait(until: now + plan.limits.retention + 1)
            if let kept = referee.operations.indices.first(where: { referee.operations[$0].isKept }) {
                referee.fault("L8: the results of operation \(kept) are kept for ever")
            }
        }
        guard referee.firstFault == nil else { return }
        for seat in seats.indices { vanish(seat) }
        for (claim, peer) in abandonedClaims {
            if case .socket(let uid) = claim { core.gaveBackSocket(of: uid) } else { core.gaveBack(claim, by: peer) }
        }
        settle()
        if referee.firstFault == nil { referee.checkEnd(core) }
    }

    /// Time passes until nothing is open.
    private mutating func waitForEnds(_ body: (inout SimulatedWorld) -> Void) {
        var rounds = 0
        while core.openOperations > 0 || !referee.open.isEmpty, referee.firstFault == nil {
            body(&self)
            // The bus itself answers, whoever else does not.
            while !probes.isEmpty, referee.firstFault == nil { busAnswers(0, ran: false) }
            guard core.openOperations > 0 || !referee.open.isEmpty else { return }
            guard core.nextDeadline != nil, rounds < 10_000 else {
                let open = referee.open.map(\.number)
                return referee.fault("L8: operations \(open) go on for ever")
            }
            fireTimers()
            rounds += 1
        }
    }

    /// Everybody reads what there is, and answers pings, and says nothing else.
    private mutating func answerPings() {
        for seat in seats.indices where seats[seat].peer != nil {
            seats[seat].isStopped = false
            seats[seat].works = false
            for way in 0..<2 {
                peerReads(seat, way: way, .max)
                brokerReads(seat, way: way, 10_000)
            }
        }
    }

    /// Everybody does what he owes: calls are answered, references given back, objects taken.
    private mutating func doWhatIsOwed() {
        answerPings()
        while !lanesToOpen.isEmpty { openLane(0) }
        while !starts.isEmpty { administer(.startFails, 1) }
        while !asks.isEmpty { conduct(.endPart, 0, 0) }
        while !untaken.isEmpty { conduct(.conductConsume, 0, 0) }
        while !conducted.isEmpty, referee.firstFault == nil {
            let count = conducted.count
            conduct(.conductEnd, 0, 0)
            if conducted.count == count { break }
        }
        for seat in seats.indices where seats[seat].acts {
            for sink in seats[seat].calls { seats[seat].letters[Self.bus].append(.answer(sink, .keeps(0, objects: nil))) }
            for sink in seats[seat].held { seats[seat].letters[Self.bus].append(.release(sink)) }
            seats[seat].calls = []
            seats[seat].held = []
            for id in seats[seat].operations {
                switch referee[id].form {
                case .async where referee.batchesRead(of: id) > 0: seats[seat].letters[Self.bus].append(.acknowledge(id, 100))
                case .semisync where referee[id].pulls.isEmpty: seats[seat].letters[Self.bus].append(.pull(id, .next(100), timeout: 0))
                default: break
                }
            }
        }
    }
}
