import CIM
import SeededRandom

@testable import CIMBusCore

/// What each step does. Where there is nothing to do it with, it does nothing.
extension SimulatedWorld {
    mutating func take(_ step: SimulatedStep) {
        if story != nil { story?.append("\(step)") }
        let (a, b) = (Int(step.a), Int(step.b))
        if step.isOfPeer { return takeByPeer(step, Int(step.seat), a, b) }
        switch step.action {
        case .busAnswers: busAnswers(a, ran: b == 1)
        case .wait: wait(until: now + Self.duration(a))
        case .fireTimers: fireTimers()
        case .lag: setClock(now + Self.duration(a % 700))
        case .loseBus: loseBus()
        case .shutDown:
            isShuttingDown = true
            referee.shutsDown()
            core.shutDown()
            settle()
        case .loseObjects: loseObjects(a)
        case .loseReply: loseReply(a)
        case .openLane: openLane(a)
        case .loseLane: loseLane(a)
        case .ask, .endPart, .nest, .conductPart, .conductSupply, .conductConsume, .conductEnd: conduct(step.action, a, b)
        default: administer(step.action, a)
        }
    }

    /// Durations of every order between a millisecond and minutes.
    static func duration(_ choice: Int) -> Microseconds { 1_000 << Microseconds(choice % 19) + Microseconds(choice % 7) * 100 }

    // MARK: - Peers

    /// One of a list, by a number of any size.
    func pick<Element>(_ elements: [Element], _ choice: Int) -> Element? { elements.isEmpty ? nil : elements[choice % elements.count] }

    private mutating func takeByPeer(_ step: SimulatedStep, _ seat: Int, _ a: Int, _ b: Int) {
        switch step.action {
        case .brokerReads: return brokerReads(seat, way: a % 2, 1 + b)
        case .peerReads: return peerReads(seat, way: a % 2, 1 + b)
        case .come: return come(seat)
        case .go: return seats[seat].isStopped = false
        case .die:
            guard seats[seat].isThere else { return }
            seats[seat].isLeaving = true
            for way in 0..<2 {
                seats[seat].mail[way].removeAll()
                seats[seat].letters[way].append(.gone)
            }
            return
        default: break
        }
        guard seats[seat].acts else { return }
        let way = seats[seat].isPrivate && b % 5 != 0 ? 1 : Self.bus
        switch step.action {
        case .stop: seats[seat].isStopped = true
        case .work: seats[seat].works.toggle()
        case .losePrivate: if seats[seat].isPrivate { seats[seat].letters[1].append(.gone) }
        default:
            if let letter = letter(step.action, seat, a, b) {
                if story != nil { story?.append("    seat \(seat) writes \(letter)") }
                seats[seat].letters[way].append(letter)
            }
        }
    }

    private mutating func letter(_ action: SimulatedStep.Action, _ seat: Int, _ a: Int, _ b: Int) -> Letter? {
        let known = seats[seat]
        switch action {
        case .open: return beginning(seat, a, b).map { .begin($0) }
        case .acknowledge:
            for step in 0..<max(1, known.operations.count) {
                guard let id = pick(known.operations, a + step) else { return nil }
                let batches = referee.batchesRead(of: id)
                if batches > 0 || b % 50 == 7 { return .acknowledge(id, UInt32(b % 50 == 7 ? 9 : 1 + b % max(1, batches))) }
            }
            return nil
        case .cancelSink: return pick(known.operations, a).map { .cancelSink($0) }
        case .cancel: return pick(known.operations, a).map { .cancel($0) }
        case .pull:
            return pick(known.operations, a).flatMap { id in
                guard referee[id].form == .semisync else { return nil }
                let kind: BrokerCore.PullKind = b % 9 == 0 ? .skip(2) : b % 5 == 0 ? .result : .next(UInt32(b % 4))
                return .pull(id, kind, timeout: b % 3 == 0 ? -1 : b % 3 == 1 ? 0 : 1_500)
            }
        case .close: return pick(known.operations, a).flatMap { referee[$0].form == .semisync ? .close($0) : nil }
        case .claim: return known.peer.map { .claim(claim(a, $0, uid: known.plan.uid)) }
        case .giveBack:
            guard !known.claims.isEmpty else { return nil }
            return .giveBack(seats[seat].claims.remove(at: a % known.claims.count))
        case .answer: return answer(seat, a, b)
        case .indicate: return pick(known.held + known.calls, a).map { .indicate($0, sizes: Self.sizes(b), wantsReply: true) }
        case .flood: return pick(known.held + known.calls, a).map { .indicate($0, sizes: [1], wantsReply: b % 4 != 0) }
        case .complete:
            return pick(known.held + known.calls, a).map { .complete($0, .init(status: b % 3 == 0 ? b : 0, hasObject: b % 4 == 0)) }
        case .progress: return pick(known.held + known.calls, a).map { .progress($0, hasObject: b % 2 == 0) }
        case .remark: return pick(known.held + known.calls, a).map { .remark($0) }
        case .misfit: return pick(known.held + known.calls, a).map { .misfit($0) }
        case .addRef:
            guard let sink = pick(known.held + known.calls, a) else { return nil }
            seats[seat].held.append(sink)
            return .addRef(sink)
        case .release:
            guard let sink = pick(known.held + known.calls, a) else { return nil }
            if let place = known.held.firstIndex(of: sink) { seats[seat].held.remove(at: place) }
            return .release(sink)
        case .transfer:
            guard let sink = pick(known.held + known.calls, a) else { return nil }
            if let place = known.held.firstIndex(of: sink) { seats[seat].held.remove(at: place) }
            return .transfer(sink, to: b % seats.count)
        case .useForeign:
            let sink = SinkID(UInt64(1 + a % 40))
            let uses: [Letter] = [
                .indicate(sink, sizes: [1], wantsReply: true), .complete(sink, .init(status: 0)), .release(sink), .addRef(sink),
                .transfer(sink, to: seat), .misfit(sink),
            ]
            return uses[b % uses.count]
        case .register: return .register(name: known.plan.name ?? a % plan.names.count, isForUser: b % 3 == 0)
        case .unregister: return pick(known.names, a).map { .unregister(name: $0) }
        default: return nil
        }
    }

    static func sizes(_ choice: Int) -> [UInt32] {
        [[1], [20], [5, 5], [1, 1, 1, 1], [90], [300], [], [40, 10, 7]][choice % 8]
    }

    private func claim(_ choice: Int, _ peer: PeerID, uid: UInt32) -> Claim {
        switch choice % 8 {
        case 0: .compilation(isCheck: true)
        case 1: .registeredMOF(bytes: 400)
        case 2: .look
        case 3: .reading
        case 4, 5: .socket(of: uid)
        case 6: .authorization(of: uid)
        default: .ping(of: pick(seats.compactMap(\.peer), choice / 8) ?? peer)
        }
    }

    /// A call is answered in one of the ways of the contract, or in none of them.
    private mutating func answer(_ seat: Int, _ a: Int, _ b: Int) -> Letter? {
        guard let sink = pick(seats[seat].calls, a) else { return nil }
        seats[seat].calls.removeAll { $0 == sink }
        switch b % 12 {
        case 0: return .answer(sink, .fails(.init(status: 2 + b % 5, hasObject: b % 5 == 0)))
        case 1: return .answer(sink, .isNone)
        case 2, 3: return .answer(sink, .keeps(0, objects: nil))
        case 4, 5: return .answer(sink, .keeps(0, objects: [5]))
        case 6: return .answer(sink, .keeps(0, objects: Self.sizes(b / 12)))
        default:
            let references = UInt32(b % 12 == 11 ? 2 : 1)
            for _ in 0..<references { seats[seat].held.append(sink) }
            return .answer(sink, .keeps(references, objects: b % 12 == 10 ? [4] : nil))
        }
    }

    /// What a client asks for; a provider asks in a call of its own.
    private func beginning(_ seat: Int, _ a: Int, _ b: Int) -> Letter.Beginning? {
        let known = seats[seat]
        let kinds: [Request.Kind] = [
            .createInstanceEnum, .createInstanceEnum, .execQuery, .getObject, .putInstance, .execMethod, .deleteInstance,
        ]
        let path = Self.paths[(a / 3) % Self.paths.count]
        var asked = Letter.Beginning(
            form: a % 3 == 0 ? .sync : a % 3 == 1 ? .semisync : .async(sink: path), kind: kinds[(a / 12) % kinds.count],
            target: .provider(b % plan.names.count))
        switch (b / 4) % 16 {
        case 0: asked.target = .broker(fails: a % 2 == 0)
        case 1, 2, 3: asked.target = .join((a / 12) % Self.joins.count)
        case 4: asked.target = .conductor
        default: break
        }
        asked.wantsProgress = a % 2 == 0
        if b % 7 == 3 { asked.timeout = Self.duration(10 + a % 9) }
        if b % 6 == 1 { asked.inputBytes = 30 + a % 100 }
        if !known.plan.habit.isClients {
            // Only now and then what it does not hold.
            let sink = pick(known.held + known.calls, a / 5) ?? (b % 40 == 2 ? SinkID(1) : nil)
            guard let sink, let parent = referee.operation(of: sink) else { return nil }
            asked.parent = parent
        }
        return asked
    }

    /// A peer reads so much of what it was written.
    mutating func peerReads(_ seat: Int, way: Int, _ count: Int) {
        for _ in 0..<count {
            guard seats[seat].acts, let mail = seats[seat].mail[way].next() else { return }
            if mail.bytes > 0 { seats[seat].hasRead = true }
            switch mail {
            case .objects(let id, let batches, _): referee.wasRead(id, batches: batches)
            case .call(let sink): seats[seat].calls.append(sink)
            case .cancelled(let sink): if seats[seat].plan.habit == .good { seats[seat].held.removeAll { $0 == sink } }
            case .ping:
                seats[seat].pingsToRead -= 1
                if seats[seat].pingsToRead == 0, !seats[seat].works { seats[seat].letters[way].append(.pong) }
            case .other: break
            }
        }
    }

    // MARK: - The clock

    mutating func wait(until end: Microseconds) {
        while let next = core.nextDeadline, next <= end, referee.firstFault == nil {
            setClock(next)
            advance(looking: plan.looksAtEachMoment)
        }
        setClock(end)
        referee.checkDeadlines(core, now)
    }

    mutating func fireTimers() {
        guard let next = core.nextDeadline else { return }
        setClock(next)
        advance()
    }

    private mutating func setClock(_ moment: Microseconds) {
        core.now = max(now, moment)
        referee.now = now
    }

    mutating func advance(looking: Bool = true) {
        standing = now > advancedAt ? 0 : standing + 1
        advancedAt = now
        if standing > 100 { referee.fault("time stands still: what is due stays due") }
        core.advance()
        settle()
        guard looking else { return }
        if core.nextDeadline.map({ $0 > now }) ?? true { referee.checkDeadlines(core, now) } else { referee.checkEnded(core, now) }
    }
}
